/*
 * Ends of processes: the helper is the reaper of all that its task started, and ends it.
 */
#ifndef SLOT_REAP_H
#define SLOT_REAP_H

/* Kills (SIGKILL) and reaps every child, and what becomes a child by that, until none is left. Main
 * thread. */
void reap_children(void);
/* Kills every descendant, then this process with its group. Any thread. */
void end_everything(void) __attribute__((noreturn));

#endif
