/*
 * Directories and the helper of local clients (files.h).
 */
#include "local/files.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *temp_dir_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/dq-local-XXXXXX", tmp && *tmp ? tmp : "/tmp") >=
		(int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return mkdtemp(path) ? try_strdup(path) : NULL;
}

void tree_remove(const char *dir)
{
	char *const roots[] = {(char *)dir, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *at;

	if (!walk)
		return;
	while ((at = fts_read(walk))) {
		if (at->fts_info == FTS_DP)
			(void)rmdir(at->fts_accpath);
		else if (at->fts_info != FTS_D)
			(void)unlink(at->fts_accpath);
	}
	fts_close(walk);
}

char *dir_in(const char *dir, const char *name)
{
	char path[PATH_MAX];

	ensure(dir && name);
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return NULL;
	return try_strdup(path);
}

static bool can_run(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* dq-slot in the directory of this program. False: not there. */
static bool helper_beside(char *path, size_t bytes)
{
	ssize_t n = readlink("/proc/self/exe", path, bytes - 1);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = 0;
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	slash[1] = 0;
	if (strlen(path) + sizeof("dq-slot") > bytes)
		return false;
	memcpy(path + strlen(path), "dq-slot", sizeof("dq-slot"));
	return can_run(path);
}

char *helper_find(void)
{
	const char *named = getenv("DQ_SLOT_HELPER");
	char path[PATH_MAX];

	if (named && *named)
		return can_run(named) ? try_strdup(named) : NULL;
	if (can_run(DQ_LIBEXECDIR "/dq-slot"))
		return try_strdup(DQ_LIBEXECDIR "/dq-slot");
	return helper_beside(path, sizeof(path)) ? try_strdup(path) : NULL;
}

unsigned cpus_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
}
