/*
 * The state directory. Neighbours: env.c opens LMDB inside it once it is locked.
 *
 * Happy path: make what is missing and sync each new directory into its parent; refuse network file
 * systems, whose locks and mappings LMDB cannot rely on; list the directory in this process; flock
 * dq.lock. The flock tells schedulers apart, and a scheduler from dq-inspect; the list is there
 * because LMDB's own locks do not survive a second open in one process. Failures: whatever the
 * system says, with the path; a lock that is held.
 */
#define LOG_COMPONENT "store"
#include "store/dir.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/log.h"
#include "store/error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LOCK_NAME "dq.lock"
#define LOCK_TRIES 10   /* someone who only looks may have it for a moment */
#define READER_TRIES 60 /* dq-inspect, which is mostly done within the 3 s that these are */
#define LOCK_PAUSE_US 50000
#define FUSE_MAGIC 0x65735546
#define OPEN_MAX_DIRS 64

/* The directories that this process has open. */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct open_dir {
	dev_t dev;
	ino_t ino;
	bool used;
} open_dirs[OPEN_MAX_DIRS];

static const struct {
	unsigned long magic;
	const char *name;
} network_fs[] = {
	{0x6969, "NFS"},
	{0xff534d42, "CIFS"},
	{0xfe534d42, "SMB2"},
	{0x517b, "SMB"},
	{0x0bd00bd0, "Lustre"},
	{0x47504653, "GPFS"},
	{0x00c36400, "CephFS"},
	{0x5346414f, "AFS"},
	{0x6b414653, "AFS"},
	{0x19830326, "BeeGFS"},
	{0x20030528, "PVFS2"},
	{0xaad7aaea, "PanFS"},
	{0x7461636f, "OCFS2"},
	{0x01161970, "GFS2"},
	{0x73757245, "Coda"},
	{0x564c, "NCP"},
};

const char *store_network_fs_name(long magic)
{
	for (size_t i = 0; i < sizeof(network_fs) / sizeof(network_fs[0]); i++)
		if (network_fs[i].magic == ((unsigned long)magic & 0xffffffffu))
			return network_fs[i].name;
	return NULL;
}

char *store_dir_path(const struct store_dir *dir, const char *name)
{
	return xasprintf("%s/%s", dir->path, name);
}

static enum store_code fail(struct store_error *err, const char *path, const char *what)
{
	return store_error_lmdb(err, errno, path, what);
}

static enum store_code sync_path(const char *path, struct store_error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum store_code code = STORE_OK;

	if (fd < 0)
		return fail(err, path, "cannot open the directory");
	if (fsync(fd) != 0 && errno != EINVAL)
		code = fail(err, path, "cannot sync the directory");
	close(fd);
	return code;
}

enum store_code store_dir_sync(const struct store_dir *dir, struct store_error *err)
{
	return sync_path(dir->path, err);
}

/* The parent of a path: "." where it names none. To be freed. */
static char *parent_of(const char *path)
{
	size_t n = strlen(path);
	char *parent;

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	parent = n > 0 ? xmemdup(path, n) : xstrdup(".");
	return parent;
}

/* As mkdir -p, each new name synced. */
static enum store_code make_dir(const char *path, struct store_error *err)
{
	struct stat st;
	enum store_code code;
	char *parent;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return STORE_OK;
		errno = ENOTDIR;
		return fail(err, path, "cannot use it as a state directory");
	}
	if (errno != ENOENT)
		return fail(err, path, "cannot look at the state directory");
	parent = parent_of(path);
	code = strcmp(parent, path) == 0 ? STORE_OK : make_dir(parent, err);
	if (code == STORE_OK && mkdir(path, 0700) != 0 && errno != EEXIST)
		code = fail(err, path, "cannot make the state directory");
	if (code == STORE_OK)
		code = sync_path(parent, err);
	free(parent);
	return code;
}

static enum store_code check_fs(const struct store_dir *dir, bool force, struct store_error *err)
{
	struct statfs fs;
	const char *name;

	if (statfs(dir->path, &fs) != 0)
		return fail(err, dir->path, "cannot tell its file system");
	name = store_network_fs_name((long)fs.f_type);
	if (name && !force)
		return store_error_set(err, STORE_NETWORK_FS, 0,
			"%s: on a network file system (%s), where the store is not safe; use a "
			"local disk, or "
			"--force-network-fs",
			dir->path, name);
	if (name)
		log_warn("%s is on a network file system (%s): forced", dir->path, name);
	else if ((unsigned long)fs.f_type == FUSE_MAGIC)
		log_warn("%s is on a FUSE file system: the store needs one that keeps locks and "
			 "mappings coherent",
			dir->path);
	return STORE_OK;
}

/* Enters the directory in the list. False: this process has it already. */
static bool list_add(struct store_dir *dir)
{
	struct open_dir *slot = NULL;
	bool taken = false;

	pthread_mutex_lock(&open_lock);
	for (size_t i = 0; i < OPEN_MAX_DIRS; i++) {
		struct open_dir *o = &open_dirs[i];

		if (o->used && o->dev == dir->dev && o->ino == dir->ino)
			taken = true;
		else if (!o->used && !slot)
			slot = o;
	}
	if (!taken && slot)
		*slot = (struct open_dir){.dev = dir->dev, .ino = dir->ino, .used = true};
	pthread_mutex_unlock(&open_lock);
	dir->listed = !taken && slot;
	return dir->listed;
}

static void list_remove(struct store_dir *dir)
{
	pthread_mutex_lock(&open_lock);
	for (size_t i = 0; i < OPEN_MAX_DIRS; i++)
		if (open_dirs[i].used && open_dirs[i].dev == dir->dev &&
			open_dirs[i].ino == dir->ino)
			open_dirs[i].used = false;
	pthread_mutex_unlock(&open_lock);
	dir->listed = false;
}

static enum store_code enter(struct store_dir *dir, struct store_error *err)
{
	struct stat st;

	if (stat(dir->path, &st) != 0)
		return fail(err, dir->path, "cannot look at the state directory");
	dir->dev = st.st_dev;
	dir->ino = st.st_ino;
	if (!list_add(dir))
		return store_error_set(err, STORE_IN_USE, 0,
			"%s: directory in use: this process has it open already", dir->path);
	return STORE_OK;
}

/* flock with a little patience. False with errno EWOULDBLOCK: someone has it. */
static bool lock_fd(int fd, int how, int tries)
{
	for (int i = 0; i < tries; i++) {
		if (i > 0)
			usleep(LOCK_PAUSE_US);
		if (flock(fd, how | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
	}
	errno = EWOULDBLOCK;
	return false;
}

/* Do only readers have it? A scheduler shares it with nobody. */
static bool only_readers(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		return false;
	flock(fd, LOCK_UN);
	return true;
}

/* A scheduler that is started again must not fail because someone looks: it waits for readers. */
static bool lock_alone(int fd)
{
	if (lock_fd(fd, LOCK_EX, LOCK_TRIES))
		return true;
	if (errno != EWOULDBLOCK)
		return false;
	for (int i = 0; i < READER_TRIES && only_readers(fd); i++)
		if (lock_fd(fd, LOCK_EX, 2))
			return true;
	errno = EWOULDBLOCK;
	return false;
}

static enum store_code take_lock(struct store_dir *dir, struct store_error *err)
{
	char *path = store_dir_path(dir, LOCK_NAME);
	enum store_code code = STORE_OK;

	dir->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (dir->lock_fd < 0)
		code = fail(err, path, "cannot open the lock");
	else if (lock_alone(dir->lock_fd))
		code = STORE_OK;
	else if (errno == EWOULDBLOCK)
		code = store_error_set(err, STORE_IN_USE, 0,
			"%s: directory in use: another scheduler serves it, or dq-inspect reads it",
			dir->path);
	else
		code = fail(err, path, "cannot lock");
	free(path);
	return code;
}

enum store_code store_dir_open(
	struct store_dir *dir, const struct store_options *options, struct store_error *err)
{
	enum store_code code;

	*dir = (struct store_dir){.lock_fd = -1, .path = xstrdup(options->dir)};
	code = make_dir(dir->path, err);
	if (code == STORE_OK)
		code = check_fs(dir, options->force_network_fs, err);
	if (code == STORE_OK)
		code = enter(dir, err);
	if (code == STORE_OK)
		code = take_lock(dir, err);
	if (code != STORE_OK)
		store_dir_close(dir);
	return code;
}

/* A stopped store is locked against a start while it is read; where there is no lock file (a copy),
 * there is no scheduler. */
static enum store_code take_lock_shared(struct store_dir *dir, struct store_error *err)
{
	char *path = store_dir_path(dir, LOCK_NAME);
	enum store_code code = STORE_OK;

	dir->lock_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (dir->lock_fd < 0 && errno != ENOENT) {
		code = fail(err, path, "cannot open the lock");
	} else if (dir->lock_fd >= 0 && !lock_fd(dir->lock_fd, LOCK_SH, 1)) {
		if (errno == EWOULDBLOCK)
			dir->live = true;
		else
			code = fail(err, path, "cannot lock");
		close(dir->lock_fd);
		dir->lock_fd = -1;
	}
	free(path);
	return code;
}

static enum store_code check_present(const struct store_dir *dir, struct store_error *err)
{
	char *path = store_dir_path(dir, "data.mdb");
	int rc = access(path, R_OK);
	enum store_code code = STORE_OK;

	if (rc != 0 && (errno == ENOENT || errno == ENOTDIR))
		code = store_error_set(err, STORE_ABSENT, errno,
			"%s: there is no store here (no data.mdb)", dir->path);
	else if (rc != 0)
		code = fail(err, path, "cannot read the store");
	free(path);
	return code;
}

enum store_code store_dir_open_read_only(
	struct store_dir *dir, const struct store_options *options, struct store_error *err)
{
	enum store_code code;

	*dir = (struct store_dir){.lock_fd = -1, .path = xstrdup(options->dir)};
	code = check_present(dir, err);
	if (code == STORE_OK)
		code = enter(dir, err);
	if (code == STORE_OK)
		code = take_lock_shared(dir, err);
	if (code != STORE_OK)
		store_dir_close(dir);
	return code;
}

void store_dir_close(struct store_dir *dir)
{
	if (dir->listed)
		list_remove(dir);
	/* Said explicitly: a forked child that still has the descriptor must not keep the lock. */
	if (dir->lock_fd >= 0) {
		flock(dir->lock_fd, LOCK_UN);
		close(dir->lock_fd);
	}
	dir->lock_fd = -1;
	free(dir->path);
	dir->path = NULL;
}
