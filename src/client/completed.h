/*
 * The part of dq_completed that a client's end needs.
 */
#ifndef CLIENT_COMPLETED_H
#define CLIENT_COMPLETED_H

struct dq_client;

/* The client goes: its sets must not touch it any more. */
void completed_orphan(struct dq_client *c);

#endif
