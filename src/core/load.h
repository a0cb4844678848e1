/*
 * Loading: what load.c, which reads records, and settle.c, which derives the rest, share. For core/
 * alone.
 */
#ifndef CORE_LOAD_H
#define CORE_LOAD_H

#include "core/impl.h"

/* Gives an unborn task its state, keeping its flags. */
void load_born(struct core *c, struct block *b, uint32_t idx, enum task_state s, uint8_t more);
/* The task's lease is over: a later bundle has it, or it can never run. */
void load_supersede(struct core *c, struct task *t);

#endif
