/* The records that a story's core wrote, and a new core made from them. */
#ifndef TESTS_UNIT_CORE_STORY_STORE_H
#define TESTS_UNIT_CORE_STORY_STORE_H

#include "core/core.h"

struct story_store;
struct story_store *story_store_new(void);
void story_store_free(struct story_store *s);
void story_store_take(struct story_store *s, const struct update *u);
/* All but core_load_end(). Each record must be taken. */
void story_store_load(const struct story_store *s, struct core *core);
uint32_t story_store_count(const struct story_store *s, enum record_kind kind);

#endif
