/*
 * Defaults of dq-worker (places.h).
 */
#include "places.h"

#include "base/alloc.h"

#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *home(void)
{
	const char *dir = getenv("HOME");
	struct passwd *user = dir && dir[0] ? NULL : getpwuid(geteuid());

	if (user)
		dir = user->pw_dir;
	return dir ? dir : "";
}

char *default_dir(const char *name)
{
	const char *base = getenv("XDG_STATE_HOME");
	char *file = xstrdup(name), *dir;

	for (char *p = file; *p; p++) {
		if (*p == '/')
			*p = '_';
	}
	if (file[0] == '.')
		file[0] = '_';
	if (base && base[0])
		dir = xasprintf("%s/dq-worker/%s", base, file);
	else
		dir = xasprintf("%s/.local/state/dq-worker/%s", home(), file);
	free(file);
	return dir;
}

char *find_helper(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *path;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		path = xasprintf("%s/dq-slot", self);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	path = xstrdup(DQ_LIBEXECDIR "/dq-slot");
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

unsigned usable_cpus(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 0)
		return (unsigned)CPU_COUNT(&cpus);
	return 1;
}

char *host_name(void)
{
	char name[HOST_NAME_MAX + 1] = "";

	gethostname(name, sizeof(name) - 1);
	return xstrdup(name[0] ? name : "worker");
}

/* "tcp://HOST:PORT" into its halves; false: another kind of address. */
static int split_tcp(const char *address, char **host, char **port)
{
	const char *colon = strrchr(address, ':');
	const char *from = address + strlen("tcp://");
	size_t n;

	if (strncmp(address, "tcp://", 6) != 0 || colon < from)
		return 0;
	n = (size_t)(colon - from);
	if (n >= 2 && from[0] == '[' && from[n - 1] == ']') {
		from++;
		n -= 2;
	}
	*host = xmemdup(from, n);
	*port = xstrdup(colon + 1);
	return 1;
}

/* A datagram socket that is "connected" has a local address, and nothing was sent. */
static char *local_address_towards(const struct addrinfo *to)
{
	struct sockaddr_storage own;
	socklen_t n = sizeof(own);
	char host[NI_MAXHOST], *address = NULL;
	int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 &&
		getsockname(fd, (struct sockaddr *)&own, &n) == 0 &&
		getnameinfo((struct sockaddr *)&own, n, host, sizeof(host), NULL, 0,
			NI_NUMERICHOST) == 0)
		address =
			xasprintf(to->ai_family == AF_INET6 ? "tcp://[%s]:0" : "tcp://%s:0", host);
	close(fd);
	return address;
}

char *default_listen(const char *scheduler)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
	char *host = NULL, *port = NULL, *address = NULL;

	if (!split_tcp(scheduler, &host, &port))
		return NULL;
	if (getaddrinfo(host, port, &hints, &found) == 0)
		address = local_address_towards(found);
	if (found)
		freeaddrinfo(found);
	free(host);
	free(port);
	return address;
}

char *absolute_address(const char *scheduler)
{
	char *cwd, *address;

	if (strncmp(scheduler, "unix:", 5) != 0 || scheduler[5] == '/')
		return xstrdup(scheduler);
	cwd = getcwd(NULL, 0);
	address = cwd ? xasprintf("unix:%s/%s", cwd, scheduler + 5) : xstrdup(scheduler);
	free(cwd);
	return address;
}
