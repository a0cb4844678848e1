/*
 * What `submit` and `call` do once they have a task: submit it detached, print its key, stay where
 * they must.
 */
#ifndef DQ_SUBMIT_H
#define DQ_SUBMIT_H

#include "task.h"

/* Returns the exit code, errors printed. */
int submit_detached(struct task *t);

#endif
