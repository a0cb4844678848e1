/*
 * Names of tables. Neighbours: keys.c (their keys), env.c (opens them in LMDB).
 */
#include "store/table.h"

#include <stddef.h>
#include <string.h>

static const char *const table_names[TABLE_END] = {
#define TABLE_NAME(name, number, word) [number] = (word),
	STORE_TABLES(TABLE_NAME)
#undef TABLE_NAME
};

const char *table_name(enum table table)
{
	return table_valid(table) ? table_names[table] : "?";
}

enum table table_of_name(const char *name)
{
	for (unsigned i = TABLE_META; i < TABLE_END; i++)
		if (strcmp(table_names[i], name) == 0)
			return (enum table)i;
	return (enum table)0;
}
