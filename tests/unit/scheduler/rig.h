/*
 * An engine without a loop or a store: a connection whose frames the tests write and read, CONN
 * unless they turn to another one, and what was stored, in memory.
 */
#ifndef TESTS_UNIT_SCHEDULER_RIG_H
#define TESTS_UNIT_SCHEDULER_RIG_H

#include "model/row.h"
#include "scheduler/engine.h"
#include "wire/wire.h"

#define CONN 5

extern uint64_t talking; /* the connection */
/* What the engine did to it. */
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
/* Inside the task that the head of a token names. */
void say_hello_of(struct engine *e, unsigned role, struct slice task);
void say_proof(struct engine *e, struct slice proof);
/* The next frame that the engine sent; valid until the next call. */
struct frame heard(unsigned type);
void heard_refusal(uint32_t code, const char *text);
/* Seals and stores until nothing waits for it. */
void store_all(struct engine *e);

/* ---- a client and a worker in one ---- */
extern const uint8_t worker_uuid[WORKER_UUID_BYTES];
/* The connection has session 1, and is a worker that takes 8 leases, the first with fence 7.1. */
struct engine *both(void);
/* A task that depends on the ids from first_dep on, as request seq. */
void say_submit(struct engine *e, uint64_t seq, uint32_t first_n, const char *key,
	uint64_t first_dep, uint32_t ndeps);
/* Reports the task that has the lease. */
void say_report(struct engine *e, uint64_t id, uint64_t fence_seq, const struct outcome *o);
/* Likewise as done, with bytes of 0 as its value. */
void say_done(struct engine *e, uint64_t id, uint64_t fence_seq, size_t bytes);

#endif
