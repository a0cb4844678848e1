/*
 * A task's history for people: a line an event, from the maps of model/history.h. What is not there
 * is left out.
 */
#ifndef COMMON_HISTORY_H
#define COMMON_HISTORY_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>

/* Appends the line of one event. with_key: begins with the task's key. Control characters are
 * escaped. */
void history_line(struct buf *out, struct slice event, bool with_key);

#endif
