/*
 * Counts of what a simulation went through: messages, moves of tasks, faults. Added up over seeds.
 * One thread.
 */
#ifndef SIM_COVER_H
#define SIM_COVER_H

#include "base/buf.h"
#include "model/state.h"

#include <stdint.h>

#define SIM_EVENTS(X)                                                                              \
	X(CRASH, "scheduler crashes")                                                              \
	X(CRASH_KEPT, "crashes that kept the commit under way")                                    \
	X(COMMIT, "commits")                                                                       \
	X(COMMIT_FAILED, "failed commits")                                                         \
	X(LOAD, "loads")                                                                           \
	X(RELOAD, "second loads compared")                                                         \
	X(RECOUNT, "recounts")                                                                     \
	X(DROP, "broken links")                                                                    \
	X(STALL, "stalled links")                                                                  \
	X(SLOW, "times a peer read slowly")                                                        \
	X(WALL, "jumps of the wall clock")                                                         \
	X(GAP, "gaps in the loop")                                                                 \
	X(FULL, "times low on room")                                                               \
	X(WORKER_DEATH, "deaths of workers")                                                       \
	X(WORKER_FILES, "of them, with their files lost")                                          \
	X(WORKER_SLEEP, "workers stopped for a while")                                             \
	X(WORKER_LOST, "workers away for longer than a lease")                                     \
	X(WORKER_LEAVE, "workers that left")                                                       \
	X(CLIENT_DEATH, "deaths of clients")                                                       \
	X(SESSION_LOST, "sessions lost")                                                           \
	X(RESUME, "sessions resumed")                                                              \
	X(TASK, "tasks submitted")                                                                 \
	X(RUN, "starts of tasks")                                                                  \
	X(REMAKE, "values made again")                                                             \
	X(REVOKED, "leases given back that had not begun")                                         \
	X(NOT_REVOKED, "leases asked back that had")                                               \
	X(STALE, "reports under an old fence")                                                     \
	X(STORED, "values stored by the scheduler")                                                \
	X(STORE_REFUSED, "of those that came, refused for want of room")                           \
	X(FETCH, "inputs fetched")                                                                 \
	X(RESENT, "requests sent again")                                                           \
	X(NOT_TAKEN, "requests not taken")                                                         \
	X(GRAPH, "graphs in parts committed")                                                      \
	X(GRAPH_ABORT, "graphs given up")                                                          \
	X(INSIDE_CLIENT, "clients inside tasks")                                                   \
	X(INSIDE_STRAY, "of them, alive after their lease")                                        \
	X(RETRY, "retries taken")                                                                  \
	X(ANEW, "of them, by name, of tasks that were known to have ended")                        \
	X(DEAL, "lists of operations on variables")                                                \
	X(CONFLICT, "of them, refused")                                                            \
	X(SWAP, "conditional sets that were done")                                                 \
	X(READ, "variables read")                                                                  \
	X(QUEUE_DEAL, "lists of operations on queues")                                             \
	X(QUEUE_REFUSED, "of them, refused")                                                       \
	X(STALE_ACK, "operations under an old fence")                                              \
	X(TAKEN, "items granted")                                                                  \
	X(AGAIN, "items granted again")                                                            \
	X(WITHDRAWN, "items granted, and given back untold")                                       \
	X(LEASE_OVER, "deliveries whose lease or session was over")                                \
	X(DEAD_LETTER, "dead letters")                                                             \
	X(LOCK_DEAL, "lists of operations on locks and events")                                    \
	X(LOCK_REFUSED, "of them, refused")                                                        \
	X(STALE_LOCK, "operations on claims that were over")                                       \
	X(LOCKED, "claims held")                                                                   \
	X(LOCK_TOLD, "claims told of to who waited")                                               \
	X(LOCK_OVER, "claims whose lease or session was over")                                     \
	X(EVENT_TOLD, "events told of")                                                            \
	X(FOREIGN, "requests about what is another user's")                                        \
	X(SECEDE, "slots given back")

enum sim_event {
#define EVENT_ENUM(name, text) SIM_##name,
	SIM_EVENTS(EVENT_ENUM)
#undef EVENT_ENUM
		SIM_EVENT_COUNT
};

struct cover {
	uint64_t seeds, steps, settled;
	uint64_t events[SIM_EVENT_COUNT];
	uint64_t messages[256]; /* by type, a byte */
	uint64_t moves[TASK_STATE_END][TASK_STATE_END];
	uint64_t replies[32]; /* by code */
	uint64_t causes[32];  /* of ends shown */
};

void cover_print(const struct cover *c, double seconds);
void cover_json(const struct cover *c, double seconds, uint64_t first_seed, uint64_t failures,
	struct buf *out);

#endif
