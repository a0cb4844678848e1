/*
 * An engine without a loop or a store: one connection, CONN, whose frames the tests write and read,
 * and what was stored, in memory.
 */
#ifndef TESTS_UNIT_SCHEDULER_RIG_H
#define TESTS_UNIT_SCHEDULER_RIG_H

#include "scheduler/engine.h"
#include "wire/wire.h"

#define CONN 5

/* What the engine did to the outside. */
extern struct buf sent;
extern bool closed;
extern enum table unreadable; /* a table that cannot be read; TABLE_END: none */
extern const uint8_t secret_bytes[32];
extern const uint8_t hello_nonce[WIRE_NONCE_BYTES]; /* that say_hello() sends */

/* The newest value stored under the key. */
bool port_get(void *arg, enum table table, struct slice key, struct slice *value);

/* The scheduler is run by uid 1000, ann. */
struct engine *engine_begin(bool by_kernel, uint32_t uid);
void engine_end(struct engine *e);
/* One whose connection has been admitted. */
struct engine *admitted_as(unsigned role);
struct engine *admitted(void);

/* Hands the engine the frame that is in b, and empties b. */
void say(struct engine *e, struct buf *b);
void say_hello(struct engine *e, unsigned role);
void say_proof(struct engine *e, struct slice proof);
/* The next frame that the engine sent; valid until the next call. */
struct frame heard(unsigned type);
void heard_refusal(uint32_t code, const char *text);
/* Seals and stores until nothing waits for it. */
void store_all(struct engine *e);

#endif
