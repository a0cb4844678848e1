/*
 * dq-inspect: what the commands that list records share.
 */
#ifndef INSPECT_LIST_H
#define INSPECT_LIST_H

#include "image.h"

/* Loads the image and lets fn print it, as the elements of one array with --json. Returns the exit
 * code. */
int list_records(struct inspect *in, void (*fn)(struct image *img));

/* The name of a user, a worker, as a value; its number where it has no record. */
void json_user(struct json *j, const struct image *img, uint32_t number);
void json_worker(struct json *j, const struct image *img, uint32_t number);

#endif
