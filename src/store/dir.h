/*
 * The state directory: made durably, checked for its file system, locked. Internal to store/.
 */
#ifndef STORE_DIR_H
#define STORE_DIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "store/store.h"

struct store_dir {
	char *path;
	int lock_fd; /* dq.lock, locked; -1: none */
	dev_t dev;   /* which directory it is, in this process's list of open ones */
	ino_t ino;
	bool listed;
	bool live; /* read-only: a scheduler has the lock */
};

/* Makes the directory (and missing parents), each synced into its parent, checks it and takes
 * dq.lock. On an error nothing is left held. */
enum store_code store_dir_open(
	struct store_dir *dir, const struct store_options *options, struct store_error *err);
/* Creates nothing; takes dq.lock shared where no scheduler has it. */
enum store_code store_dir_open_read_only(
	struct store_dir *dir, const struct store_options *options, struct store_error *err);
void store_dir_close(struct store_dir *dir);

/* fsync of the directory itself: the names of files made or renamed in it. */
enum store_code store_dir_sync(const struct store_dir *dir, struct store_error *err);

/* "DIR/name", to be freed. */
char *store_dir_path(const struct store_dir *dir, const char *name);

/* The name of a network file system by its statfs magic; NULL for any other. */
const char *store_network_fs_name(long magic);

#endif
