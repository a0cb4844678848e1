/*
 * Child processes on a loop. No signal handler is installed: a child is watched through its pidfd,
 * so that this works inside any program. The child starts with default signal actions, an empty
 * signal mask, and no descriptors but 0, 1, 2 and, with a channel, 3: one end of a socket pair
 * whose other end is a struct stream here.
 *
 * on_exit comes exactly once, from the loop, unless child_free() forbade it. The channel is a
 * stream of its own: its on_close may come before or after.
 */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include "loop/loop.h"
#include "loop/stream.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_FD_NULL (-1)    /* /dev/null */
#define CHILD_FD_INHERIT (-2) /* as this process has it */
#define CHILD_CHANNEL_FD 3    /* the number the channel has in the child */

struct child;

struct child_exit {
	int status; /* exit status, if signal is 0 */
	int signal; /* the signal that ended it, or 0 */
	bool core_dumped;
	uint64_t user_us, system_us; /* CPU time of it and of the children it waited for */
	uint64_t max_rss_bytes;
};

typedef void child_exit_fn(struct child *c, const struct child_exit *how, void *arg);

struct child_spec {
	const char *path;                   /* the program; searched in PATH if search_path */
	char *const *argv;                  /* ends with NULL */
	char *const *envp;                  /* ends with NULL; NULL: that of this process */
	const char *cwd;                    /* NULL: unchanged */
	int stdin_fd, stdout_fd, stderr_fd; /* descriptors to give it (kept open here), or
					       CHILD_FD_* */
	bool search_path;
	bool new_group;   /* its own process group, so that child_kill_group reaches its children */
	int death_signal; /* sent to it when the thread that started it ends; 0: none */
	const struct stream_handlers *channel; /* not NULL: make a channel with these handlers */
	void *channel_arg;
};

/*
 * Starts it. NULL: errno, such as ENOENT where there is no such program; nothing was started then.
 * `on_exit` gets `arg`. Returns when the child runs its program.
 */
struct child *child_spawn(
	struct loop *loop, const struct child_spec *spec, child_exit_fn *on_exit, void *arg);
pid_t child_pid(const struct child *c);
/* NULL without a channel, or once the channel has ended (its on_close came). */
struct stream *child_channel(const struct child *c);
bool child_is_running(const struct child *c);
/* False: it has ended already. */
bool child_kill(struct child *c, int signum);
/*
 * Its process group (needs new_group). In on_exit too, where it ends what the child left behind.
 */
bool child_kill_group(struct child *c, int signum);
/*
 * After on_exit, or before: then the process is killed (SIGKILL, its group too if it has one) and
 * reaped by the loop, without callback. Its channel is freed. Sets *c to NULL; accepts NULL.
 */
void child_free(struct child **c);

#endif
