/*
 * dq-inspect: one task, as `tasks` lists it and as `task` shows it.
 */
#ifndef INSPECT_SHOW_H
#define INSPECT_SHOW_H

#include "image.h"

/* Its state in the word that users know: a doomed one as what it becomes. */
const char *task_word(const struct image *img, const struct img_walk *w);
void list_task(struct image *img, const struct img_walk *w);
void show_task(struct image *img, const struct img_walk *w);

#endif
