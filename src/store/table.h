/*
 * The tables of the store (doc/disk-format.md, Tables). The numbers are hashed into every record's
 * checksum and the names are the names of LMDB's databases: do not renumber or rename, only append.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* X(name, number, name on disk) */
#define STORE_TABLES(X)                                                                            \
	X(META, 1, "meta")                                                                         \
	X(BLOCK, 2, "block")                                                                       \
	X(TASK, 3, "task")                                                                         \
	X(GONE, 4, "gone")                                                                         \
	X(LEASE, 5, "lease")                                                                       \
	X(SESSION, 6, "session")                                                                   \
	X(REPLY, 7, "reply")                                                                       \
	X(HOLD, 8, "hold")                                                                         \
	X(WORKER, 9, "worker")                                                                     \
	X(USER, 10, "user")                                                                        \
	X(WORK, 11, "work")                                                                        \
	X(STAGE, 12, "stage")                                                                      \
	X(THING, 13, "thing")                                                                      \
	X(AMEND, 14, "amend")                                                                      \
	X(ENTRY, 15, "entry")                                                                      \
	X(ITEM, 16, "item")                                                                        \
	X(DELIVERY, 17, "delivery")                                                                \
	X(GRANT, 18, "grant")

/* Tables after this one came later: a store that has none of them gets them when it is opened. */
#define TABLE_ORIGINAL_LAST TABLE_WORK

enum table {
#define TABLE_ENUM(name, number, word) TABLE_##name = (number),
	STORE_TABLES(TABLE_ENUM)
#undef TABLE_ENUM
		TABLE_END
};

/* True for the number of a table. */
static inline bool table_valid(unsigned table)
{
	return table >= TABLE_META && table < TABLE_END;
}

/* The name on disk; "?" for a number that is no table. */
const char *table_name(enum table table);
/* The table of a name, or 0. */
enum table table_of_name(const char *name);

#endif
