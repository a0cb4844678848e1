/*
 * What the store's tests share: a fresh directory for each test, and short forms of the usual
 * calls.
 */
#ifndef TEST_STORE_SCRATCH_H
#define TEST_STORE_SCRATCH_H

#include <check.h>
#include <stdbool.h>

#include "store/store.h"

/* A fresh path under $TMPDIR, not made yet: DIR/state. Removed by scratch_clean(). */
const char *scratch_dir(void);
void scratch_clean(void);

/* "DIR/state/name"; static. */
const char *scratch_path(const char *name);
bool scratch_exists(const char *name);
/* Entries of the state directory, "." and ".." apart. */
int scratch_count(void);

/* Options of a small store in scratch_dir(). */
struct store_options scratch_options(void);
/* Opens it, or fails the test. */
struct store *scratch_open(void);
struct store *scratch_open_read_only(void);

/* Exit codes of `check_store --open DIR MODE`, which opens a store in a process of its own; others
 * are a store_code. */
#define OPENED_STOPPED 40
#define OPENED_LIVE 41
int open_and_tell(const char *dir, bool read_only);
/* `check_store --read DIR`: a snapshot of a live store that stands until it is killed; writes a
 * byte when it does. */
int read_for_ever(const char *dir);

/* One put, or one delete (value NULL), in a commit of its own. */
enum store_code commit_one(struct store *store, uint64_t seq, enum table table, struct key key,
	const char *value, struct store_error *err);
/* The text of a record in a snapshot of its own; NULL: none. Static. */
const char *read_one(struct store *store, enum table table, struct key key);

Suite *batch_suite(void);
Suite *commit_suite(void);
Suite *damage_suite(void);
Suite *fault_suite(void);
Suite *keys_suite(void);
Suite *open_suite(void);
Suite *room_suite(void);
Suite *values_suite(void);

#endif
