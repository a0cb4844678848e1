/*
 * The words and moves of task states, and the words of causes, from the tables in state.h.
 */
#include "model/state.h"

#include <string.h>

const char *task_state_word(enum task_state s)
{
	switch (s) {
#define TASK_STATE_WORD(name, number, word)                                                        \
	case TASK_##name:                                                                          \
		return word;
		TASK_STATES(TASK_STATE_WORD)
#undef TASK_STATE_WORD
	case TASK_STATE_END:
		break;
	}
	return "?";
}

enum task_state task_state_of_word(const char *word)
{
#define TASK_STATE_OF(name, number, text)                                                          \
	if (strcmp(word, text) == 0)                                                               \
		return TASK_##name;
	TASK_STATES(TASK_STATE_OF)
#undef TASK_STATE_OF
	return 0;
}

#define MOVE(from, to) ((unsigned)(from) << 8 | (unsigned)(to))

bool task_move_allowed(enum task_state from, enum task_state to)
{
	switch (MOVE(from, to)) {
#define TASK_MOVE_CASE(a, b) case MOVE(TASK_##a, TASK_##b):
		TASK_MOVES(TASK_MOVE_CASE)
#undef TASK_MOVE_CASE
		return true;
	default:
		return false;
	}
}

const char *cause_word(enum cause c)
{
	switch (c) {
#define CAUSE_WORD(name, number, word)                                                             \
	case CAUSE_##name:                                                                         \
		return word;
		CAUSES(CAUSE_WORD)
#undef CAUSE_WORD
	case CAUSE_END:
		break;
	}
	return "?";
}
