/*
 * Who a peer is, and whether the socket's group admits it.
 */
#include "scheduler/users.h"

#include "base/alloc.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE_BYTES 65536
#define GROUPS_MAX 1024

char *user_name_of(uid_t uid)
{
	char *memory = xmalloc(DATABASE_BYTES), *name;
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, memory, DATABASE_BYTES, &found) == 0 && found)
		name = xstrdup(found->pw_name);
	else
		name = xasprintf("%u", (unsigned)uid);
	free(memory);
	return name;
}

bool group_find(const char *name, gid_t *out)
{
	char *memory = xmalloc(DATABASE_BYTES), *end;
	struct group gr, *found = NULL;
	unsigned long number;

	if (getgrnam_r(name, &gr, memory, DATABASE_BYTES, &found) == 0 && found)
		*out = found->gr_gid;
	free(memory);
	if (found)
		return true;
	errno = 0;
	number = strtoul(name, &end, 10);
	*out = (gid_t)number;
	return errno == 0 && name[0] >= '0' && name[0] <= '9' && *end == '\0' && number < (gid_t)-1;
}

bool group_has(gid_t group, uid_t uid, gid_t gid)
{
	gid_t *all = xcalloc(GROUPS_MAX, sizeof(*all));
	char *name = user_name_of(uid);
	int n = GROUPS_MAX;
	bool in = gid == group;

	if (!in && getgrouplist(name, gid, all, &n) >= 0)
		for (int i = 0; i < n; i++)
			in = in || all[i] == group;
	free(name);
	free(all);
	return in;
}

bool group_let_pass(gid_t group, const char *socket_path)
{
	char *path = xstrdup(socket_path);
	const char *dir = dirname(path);
	struct stat st;
	bool ok = stat(dir, &st) == 0;

	if (ok && st.st_uid == geteuid() && !(st.st_mode & S_IXOTH))
		ok = (st.st_gid == group || chown(dir, (uid_t)-1, group) == 0) &&
		     chmod(dir, (st.st_mode & 07777) | S_IXGRP) == 0;
	free(path);
	return ok;
}
