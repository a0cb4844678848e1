/*
 * Coverage, as text and as JSON.
 */
#include "sim/cover.h"

#include "base/json.h"
#include "wire/wire.h"

#include <dq/error.h>
#include <inttypes.h>
#include <stdio.h>

static const char *const event_texts[] = {
#define EVENT_TEXT(name, text) text,
	SIM_EVENTS(EVENT_TEXT)
#undef EVENT_TEXT
};

#define MOVE(from, to) {TASK_##from, TASK_##to},
static const struct {
	enum task_state from, to;
} moves[] = {TASK_MOVES(MOVE)};
#define MOVE_COUNT (sizeof(moves) / sizeof(moves[0]))

static const struct {
	unsigned type;
	const char *name;
} messages[] = {
#define F(type, field)
#define MESSAGE(NAME, name, number, direction, fields) {number, #NAME},
#include "wire/messages.def"
#undef MESSAGE
#undef F
};
#define MESSAGE_COUNT (sizeof(messages) / sizeof(messages[0]))

static void print_codes(const struct cover *c)
{
	printf("replies:");
	for (unsigned i = 0; i < 32; i++)
		if (c->replies[i])
			printf("  code %u %" PRIu64, i, c->replies[i]);
	printf("\nends by cause:");
	for (unsigned i = 0; i < 32; i++)
		if (c->causes[i])
			printf("  %s %" PRIu64, cause_word((enum cause)i), c->causes[i]);
	printf("\n");
}

void cover_print(const struct cover *c, double seconds)
{
	printf("messages:");
	for (size_t i = 0; i < MESSAGE_COUNT; i++)
		printf("  %s %" PRIu64, messages[i].name, c->messages[messages[i].type]);
	printf("\nmoves:");
	for (size_t i = 0; i < MOVE_COUNT; i++)
		printf("  %s>%s %" PRIu64, task_state_word(moves[i].from),
			task_state_word(moves[i].to), c->moves[moves[i].from][moves[i].to]);
	printf("\n");
	print_codes(c);
	for (int i = 0; i < SIM_EVENT_COUNT; i++)
		printf("%10" PRIu64 " %s\n", c->events[i], event_texts[i]);
	printf("%" PRIu64 " seeds, %" PRIu64 " steps in %.1f s: %.0f steps/s\n", c->seeds, c->steps,
		seconds, seconds > 0 ? (double)c->steps / seconds : 0);
}

static void json_moves(const struct cover *c, struct json *j)
{
	char name[40];

	json_key(j, "moves");
	json_open_object(j);
	for (size_t i = 0; i < MOVE_COUNT; i++) {
		snprintf(name, sizeof(name), "%s>%s", task_state_word(moves[i].from),
			task_state_word(moves[i].to));
		json_key(j, name);
		json_uint(j, c->moves[moves[i].from][moves[i].to]);
	}
	json_end_object(j);
}

void cover_json(const struct cover *c, double seconds, uint64_t first_seed, uint64_t failures,
	struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_open_object(&j);
	json_key(&j, "seed");
	json_uint(&j, first_seed);
	json_key(&j, "seeds");
	json_uint(&j, c->seeds);
	json_key(&j, "steps");
	json_uint(&j, c->steps);
	json_key(&j, "seconds");
	json_double(&j, seconds);
	json_key(&j, "failures");
	json_uint(&j, failures);
	json_key(&j, "messages");
	json_open_object(&j);
	for (size_t i = 0; i < MESSAGE_COUNT; i++) {
		json_key(&j, messages[i].name);
		json_uint(&j, c->messages[messages[i].type]);
	}
	json_end_object(&j);
	json_moves(c, &j);
	json_key(&j, "events");
	json_open_object(&j);
	for (int i = 0; i < SIM_EVENT_COUNT; i++) {
		json_key(&j, event_texts[i]);
		json_uint(&j, c->events[i]);
	}
	json_end_object(&j);
	json_end_object(&j);
	json_newline(&j);
}
