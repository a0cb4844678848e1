/*
 * Waiting for futures to end. Under the client's lock, by callers that entered with
 * client_enter_blocking. Each asks for the outcomes that are not known yet. 0, DQ_E_TIMEOUT, or
 * another code with the client's error set.
 */
#ifndef CLIENT_WAIT_H
#define CLIENT_WAIT_H

#include <dq/client.h>

#include <stddef.h>
#include <stdint.h>

int wait_all(struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us);
int wait_any(struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us);
/* Until all have ended, or one, or an element of one, not well. */
int wait_first_failed(
	struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us);
/* The first of them that is bad; NULL: none. */
struct dq_future *first_failed(struct dq_future *const *futures, size_t n);

#endif
