/*
 * Progress of what a command waits for: one line on stderr that is drawn again as things change,
 * and gone at the end. Only where stderr is a terminal that can do that and this command is in its
 * foreground; elsewhere all of this does nothing. One at a time. Threads: one.
 */
#ifndef DQ_PROGRESS_H
#define DQ_PROGRESS_H

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>

/* The futures must live until progress_end(). True where it will be drawn. */
bool progress_begin(struct dq_client *client, struct dq_future *const *futures, size_t n);
/* How long one may sleep before progress_tick() has something to do; -1: as one likes. */
int progress_sleep_ms(void);
/* Draws it, if it is time. May ask the scheduler, once a second. */
void progress_tick(void);
/* Before anything else is written to the terminal: the line is taken away, until the next tick. */
void progress_clear(void);
/* Output was written; where its last line is not ended nothing is drawn over it. */
void progress_after_output(bool line_ended);
void progress_end(void);

#endif
