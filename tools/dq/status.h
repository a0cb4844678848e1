/*
 * The answer to `dq status`, which `dq workers` shows a part of.
 */
#ifndef DQ_STATUS_H
#define DQ_STATUS_H

#include "base/slice.h"

#include <dq/client.h>

/* Connects and asks. 0 or an exit code; dq_value_release(*out) where it is 0. */
int status_ask(struct dq_value *out);
/* The workers as columns. */
void print_workers(struct slice workers);

#endif
