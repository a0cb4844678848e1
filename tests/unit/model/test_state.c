/*
 * States, moves, causes, limits: the tables.
 */
#include "check_model.h"

#include "model/limits.h"
#include "model/state.h"

#include <string.h>

START_TEST(words_and_numbers)
{
	ck_assert_int_eq(TASK_WAITING, 1);
	ck_assert_int_eq(TASK_GONE, 8);
	ck_assert_str_eq(task_state_word(TASK_CANCELLING), "cancelling");
	ck_assert_str_eq(task_state_word((enum task_state)77), "?");
	for (int s = TASK_WAITING; s < TASK_STATE_END; s++)
		ck_assert_int_eq(task_state_of_word(task_state_word((enum task_state)s)), s);
	ck_assert_int_eq(task_state_of_word("running"), 0);
	ck_assert_int_eq(CAUSE_UNHELD, 13);
	ck_assert_str_eq(cause_word(CAUSE_POISON), "poison");
	ck_assert_str_eq(cause_word((enum cause)99), "?");
}
END_TEST

START_TEST(moves)
{
	int n = 0;

	ck_assert(task_move_allowed(TASK_LEASED, TASK_DONE));
	ck_assert(task_move_allowed(TASK_DONE, TASK_WAITING));
	ck_assert(task_move_allowed(TASK_FAILED, TASK_WAITING));
	ck_assert(!task_move_allowed(TASK_FAILED, TASK_READY));
	ck_assert(!task_move_allowed(TASK_GONE, TASK_READY));
	ck_assert(!task_move_allowed(TASK_CANCELLING, TASK_DONE));
	for (int a = 0; a <= TASK_STATE_END; a++) {
		for (int b = 0; b <= TASK_STATE_END; b++)
			n += task_move_allowed((enum task_state)a, (enum task_state)b);
	}
#define COUNT_MOVE(from, to) -1
	ck_assert_int_eq(n TASK_MOVES(COUNT_MOVE), 0);
#undef COUNT_MOVE
}
END_TEST

START_TEST(limits)
{
	ck_assert_str_eq(LIMIT_TEXT(KEY_BYTES), "key: at most 255 bytes");
	ck_assert_str_eq(LIMIT_TEXT(QUERY_ROWS), "rows of an answer: at most 4096 a part");
	for (int i = 0; i < LIMIT_COUNT; i++)
		ck_assert_uint_gt(strlen(limit_text((enum limit_index)i)), 5);
}
END_TEST

TCase *case_state(void)
{
	TCase *tc = tcase_create("state");

	tcase_add_test(tc, words_and_numbers);
	tcase_add_test(tc, moves);
	tcase_add_test(tc, limits);
	return tc;
}
