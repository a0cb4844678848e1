/*
 * Inside of the futures: which object has a number of this session. Ranges in order, each of a slab
 * of single tasks or of an array; those whose object went are dead, and swept out now and then.
 */
#ifndef CLIENT_NUMBERS_H
#define CLIENT_NUMBERS_H

#include "client/futures.h"

/* There is room for one more range. False: out of memory. */
bool numbers_room(struct futures *fs);
/* Into that room: the next `count` numbers are the object's (struct slab, or a future). */
void numbers_add(struct futures *fs, void *object, bool is_slab, uint64_t first_n, uint64_t count);
/* The object whose range begins there has been freed. */
void numbers_free(struct futures *fs, uint32_t first_n);

/* The open slab, with room for the next number; NULL: out of memory. */
struct slab *slab_open(struct futures *fs);
/* The open slab, the newest range, is empty again: the one before it is open, if it goes on to
 * here. */
void slab_drop(struct futures *fs);

#endif
