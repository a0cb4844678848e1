/*
 * dq-inspect check: the invariants of reliability that records can show. Each function walks an
 * image and tells what is wrong with image_problem(), one line a violation.
 */
#ifndef INSPECT_CHECK_H
#define INSPECT_CHECK_H

#include "image.h"

/* check-tasks.c: blocks, rows, gone bitmaps, dependencies, keys. */
void check_blocks(struct image *img);
void check_gone(struct image *img);
void check_rows(struct image *img);
void check_tasks(struct image *img);
void check_keys(struct image *img);

/* check-values.c: the files of stored values. */
void check_values(struct image *img);

/* check-leases.c */
void check_leases(struct image *img);

/* check-names.c: sessions, replies, holds, stages, users, workers, works, counters. */
void check_sessions(struct image *img);
void check_replies(struct image *img);
void check_holds(struct image *img);
void check_stages(struct image *img);
void check_workers(struct image *img);
/* check-things.c: what is shared by name. */
void check_things(struct image *img);
void check_queues(struct image *img);
void check_counters(struct image *img);

#endif
