/*
 * Tells a fault within the mapping of data.mdb from others by /proc/self/maps. Only what a signal's
 * handler may call is called there.
 */
#include "fault.h"

#include <dq/error.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STORE_FILE "/data.mdb\n"
#define LINE_BYTES 4608

static const int signals[] = {SIGBUS, SIGSEGV};

static struct {
	char line[LINE_BYTES]; /* what is said */
	size_t n;
	struct sigaction before[2];
} fault;

static const char *take_hex(const char *p, uintptr_t *out)
{
	for (*out = 0;; p++) {
		if (*p >= '0' && *p <= '9')
			*out = *out * 16 + (uintptr_t)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			*out = *out * 16 + (uintptr_t)(*p - 'a' + 10);
		else
			return p;
	}
}

/* A line "FROM-TO ... PATH\n" of the store's file with the address in it. */
static bool covers(const char *line, size_t n, uintptr_t address)
{
	size_t file_n = sizeof STORE_FILE - 1;
	uintptr_t from, to;

	if (n < file_n || memcmp(line + n - file_n, STORE_FILE, file_n) != 0)
		return false;
	line = take_hex(line, &from);
	take_hex(*line == '-' ? line + 1 : line, &to);
	return address >= from && address < to;
}

static bool is_in_store(uintptr_t address)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char line[LINE_BYTES];
	size_t n = 0;
	bool found = false;

	if (fd < 0)
		return false;
	while (!found && n < sizeof line && read(fd, line + n, 1) == 1) {
		if (line[n++] != '\n')
			continue;
		found = covers(line, n, address);
		n = 0;
	}
	close(fd);
	return found;
}

static void on_fault(int signum, siginfo_t *info, void *context)
{
	(void)context;
	if (is_in_store((uintptr_t)info->si_addr)) {
		if (write(STDERR_FILENO, fault.line, fault.n) < 0) {
			/* there is nobody to tell */
		}
		_exit(dq_exit_code(DQ_E_REFUSED));
	}
	/* the instruction comes again, and the fault with it */
	sigaction(signum, &fault.before[signum == SIGSEGV], NULL);
}

void fault_in_store_named(const char *state_dir)
{
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	int n = snprintf(fault.line, sizeof fault.line,
		"dq-scheduler: %.4096s: the store is damaged: reading it faulted; see dq-inspect "
		"check\n",
		state_dir);

	fault.n = n > 0 ? (size_t)n : 0;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &act, &fault.before[i]);
}
