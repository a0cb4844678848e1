/*
 * Users of a simulated scheduler: user 0, who runs it, and members. One thread.
 */
#ifndef SIM_USERS_H
#define SIM_USERS_H

#include "core/core.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_USERS 3
#define SIM_USER "user"

struct sim;
struct client;
struct engine_peer;
struct msg_reply;
struct request;

struct slice user_name(uint32_t user);
/* How a client of the user comes, who is not user 0. */
void user_peer(uint32_t user, struct engine_peer *out);
/* Requests about what is another user's. */
void client_foreign(struct sim *s, struct client *c);
void foreign_answered(struct sim *s, const struct request *r, const struct msg_reply *m);
/* True: the registration was one of those. */
bool foreign_heard(struct sim *s, struct client *c, uint64_t request, uint64_t code);

#endif
