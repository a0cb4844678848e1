/*
 * acked PROGRAMS-DIR WORK-DIR [ROUNDS]: what is acknowledged is there after everything was killed.
 *
 * A round: a scheduler and a worker are started on the same state, a client (a process of its own)
 * submits tasks and says so the moment they are acknowledged; at once all three get SIGKILL. The
 * next round's scheduler must know the tasks, and its worker does them.
 */
#include <dq/client.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EACH = 3, KEY_ROOM = 48, READY_MS = 30000 };

static const char *programs, *dir;
static char address[4200], state[4200];
static pid_t scheduler, worker, client;

static void end(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static void die(const char *what, int round)
{
	fprintf(stderr, "acked: round %d: %s\n", round, what);
	end(&client);
	end(&worker);
	end(&scheduler);
	exit(1);
}

/* Starts a server with its output in a pipe, and its complaints in a file. */
static pid_t start(const char *name, char *const *argv, int *out)
{
	char program[4200], log[4200];
	int fds[2], err;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/%s", programs, name);
	snprintf(log, sizeof(log), "%s/%s.err", dir, name);
	if (pipe2(fds, O_CLOEXEC) != 0)
		die("pipe2", 0);
	pid = fork();
	if (pid == 0) {
		err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fds[1], STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		execv(program, argv);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* Waits for a line; closes the pipe. */
static bool await_line(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c = 0;
	bool got = false;

	while (!got && poll(&p, 1, READY_MS) == 1 && read(fd, &c, 1) == 1)
		got = c == '\n';
	close(fd);
	return got;
}

static void start_scheduler(int round)
{
	char *argv[] = {"dq-scheduler", "--state", state, "--listen", address, NULL};
	int out;

	scheduler = start(argv[0], argv, &out);
	if (!await_line(out))
		die("the scheduler is not ready", round);
}

static void start_worker(int round, bool await)
{
	char wdir[4200];
	char *argv[] = {"dq-worker", "--scheduler", address, "--name", "w", "--dir", wdir,
		"--slots", "2", NULL};
	int out;

	snprintf(wdir, sizeof(wdir), "%s/w", dir);
	worker = start(argv[0], argv, &out);
	if (!await)
		close(out);
	else if (!await_line(out))
		die("the worker is not ready", round);
}

/* In a process of its own: submits, says that it is acknowledged, and stays. */
static void client_main(int round, int out)
{
	static const char *const argv[] = {"true", NULL};
	struct dq_client *c = NULL;
	struct dq_future *f[EACH];
	char key[EACH][KEY_ROOM];

	if (dq_client_open(address, NULL, &c) != 0)
		_exit(1);
	for (int i = 0; i < EACH; i++) {
		struct dq_spec spec = DQ_SPEC_INIT;

		snprintf(key[i], KEY_ROOM, "round-%d-%d", round, i);
		spec.key = key[i];
		spec.argv = argv;
		spec.detached = true;
		dq_submit(c, &spec, &f[i]);
	}
	if (dq_client_sync(c, 30) != 0 || write(out, "\n", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void start_client(int round, int *out)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		die("pipe2", round);
	fflush(NULL);
	client = fork();
	if (client == 0)
		client_main(round, fds[1]);
	close(fds[1]);
	*out = fds[0];
}

/* Are the tasks of rounds [from, to) known? With wait: and done. */
static void look(int from, int to, bool wait)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_client *c = NULL;
	struct dq_future *f;
	char key[KEY_ROOM];

	options.look_only = !wait;
	if (dq_client_open(address, &options, &c) != 0)
		die(c ? dq_client_error(c) : "no memory", to);
	for (int i = from * EACH; i < to * EACH; i++) {
		struct dq_args *keys = dq_args_new();
		struct dq_value v;

		snprintf(key, sizeof(key), "round-%d-%d", i / EACH, i % EACH);
		if (wait) {
			if (dq_future_from_key(c, key, 30, &f) != 0 ||
				dq_wait(c, &f, 1, DQ_WAIT_ALL, 60) != 0 ||
				dq_future_state(f) != DQ_STATE_DONE)
				die(key, to);
			dq_future_free(&f);
		}
		dq_args_array(keys, 1);
		dq_args_str(keys, key);
		/* [nil]: there is no such task. */
		if (dq_query(c, DQ_QUERY_RESOLVE, keys, 30, &v) != 0)
			die(dq_client_error(c), to);
		if (v.n < 3)
			die(key, to);
		dq_value_release(&v);
		dq_args_free(&keys);
	}
	dq_client_close(&c);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20, out;
	double began = now_s();

	if (argc < 3 || rounds < 1)
		return 2;
	programs = argv[1];
	dir = argv[2];
	snprintf(address, sizeof(address), "unix:%s/a.sock", dir);
	snprintf(state, sizeof(state), "%s/state", dir);
	for (int round = 0; round < rounds; round++) {
		start_scheduler(round);
		if (round > 0)
			look(round - 1, round, false);
		start_worker(round, true);
		/* Done before the next kill: three workers' deaths would be called the task's
		 * fault. */
		if (round > 0)
			look(round - 1, round, true);
		start_client(round, &out);
		if (!await_line(out))
			die("the client got no acknowledgement", round);
		kill(scheduler, SIGKILL);
		kill(worker, SIGKILL);
		kill(client, SIGKILL);
		end(&scheduler);
		end(&worker);
		end(&client);
	}
	start_scheduler(rounds);
	look(0, rounds, false);
	start_worker(rounds, true);
	look(0, rounds, true);
	end(&worker);
	end(&scheduler);
	printf("%d rounds in %.1f s: %d tasks acknowledged before a kill, all of them there and "
	       "done\n",
		rounds, now_s() - began, rounds * EACH);
	return 0;
}
