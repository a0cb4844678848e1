/*
 * Queries of the commands. What comes back is looked at through common/value.h, so that an answer
 * of a scheduler with other ideas shows less, and breaks nothing.
 */
#include "lookup.h"

#include "cli.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/str.h"
#include "common/value.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_TEXT_MAX ((size_t)4 << 30)

int ask(struct dq_client *client, enum dq_query what, const struct dq_args *args, const char *about,
	struct dq_value *out)
{
	int r = dq_query(client, what, args, -1, out);

	return r == DQ_E_OK ? 0 : cli_fail_client(r, client, about);
}

/* --- Ids -------------------------------------------------------------------------------------- */

void id_text(uint64_t id, char text[ID_TEXT_BYTES])
{
	snprintf(text, ID_TEXT_BYTES, "%lu.%lu", (unsigned long)(id >> 32),
		(unsigned long)(id & UINT32_MAX));
}

uint64_t id_of_text(struct slice text)
{
	struct slice session, number;
	uint64_t s, n;

	if (!str_split(text, '.', &session, &number) || !str_to_u64(session, &s) ||
		!str_to_u64(number, &n) || s > UINT32_MAX || n > UINT32_MAX)
		return 0;
	return s << 32 | n;
}

void ids_init(struct ids *ids, size_t n)
{
	ids->first = xcalloc(n + 1, sizeof *ids->first);
	ids->count = xcalloc(n + 1, sizeof *ids->count);
	ids->first_index = xcalloc(n + 1, sizeof *ids->first_index);
	ids->n = 0;
}

void ids_release(struct ids *ids)
{
	free(ids->first);
	free(ids->count);
	free(ids->first_index);
	*ids = (struct ids){0};
}

void ids_add(struct ids *ids, uint64_t first, uint64_t count)
{
	ids->first[ids->n] = first;
	ids->count[ids->n++] = count;
}

/* [[id, count, state] or nil, ...], one for each key; all: none may be nil. */
static int take_resolved(struct slice answer, char **keys, size_t n, bool all, struct ids *out)
{
	struct values rows = values_of(answer);
	struct slice row, id, count, state, index;

	for (size_t i = 0; i < n; i++) {
		struct values fields;

		if (!values_next(&rows, &row) || value_is_nil(row)) {
			if (all)
				return cli_fail(DQ_E_NOT_FOUND, "%s: not found", keys[i]);
			ids_add(out, 0, 0);
			continue;
		}
		fields = values_of(row);
		if (!values_next(&fields, &id) || !values_next(&fields, &count) ||
			!values_next(&fields, &state) || !values_next(&fields, &index))
			return cli_fail(
				DQ_E_PROTOCOL, "%s: an answer that makes no sense", keys[i]);
		out->first_index[out->n] = (uint32_t)value_u64(index, 0);
		ids_add(out, value_u64(id, 0), value_u64(count, 1));
	}
	ensure(out->n == n);
	return 0;
}

static int resolve(struct dq_client *client, char **keys, size_t n, bool all, struct ids *out)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer;
	int code;

	*out = (struct ids){0};
	dq_args_array(args, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		dq_args_str(args, keys[i]);
	code = ask(client, DQ_QUERY_RESOLVE, args, n == 1 ? keys[0] : NULL, &answer);
	dq_args_free(&args);
	if (code)
		return code;
	ids_init(out, n);
	code = take_resolved(value_slice(&answer), keys, n, all, out);
	dq_value_release(&answer);
	return code;
}

int find_keys(struct dq_client *client, char **keys, size_t n, struct ids *out)
{
	return resolve(client, keys, n, true, out);
}

int find_some_keys(struct dq_client *client, char **keys, size_t n, struct ids *out)
{
	return resolve(client, keys, n, false, out);
}

/* Runs of ids, as a query answers them. */
static int find_runs(struct dq_client *client, enum dq_query what, const struct dq_args *args,
	const char *about, struct ids *out)
{
	struct dq_value answer;
	struct slice first, count;
	struct values v;
	int code;

	*out = (struct ids){0};
	code = ask(client, what, args, about, &answer);
	if (code)
		return code;
	v = values_of(value_slice(&answer));
	ids_init(out, (size_t)v.left / 2);
	while (values_next(&v, &first) && values_next(&v, &count))
		ids_add(out, value_u64(first, 0), value_u64(count, 1));
	dq_value_release(&answer);
	return 0;
}

int find_unfinished(struct dq_client *client, const char *label, struct ids *out)
{
	struct dq_args *args = dq_args_new();
	int code;

	if (label)
		dq_args_str(args, label);
	else
		dq_args_nil(args);
	code = find_runs(client, DQ_QUERY_UNFINISHED, args, label, out);
	dq_args_free(&args);
	return code;
}

int find_selected(struct dq_client *client, const char *state, const char *label, struct ids *out)
{
	struct dq_args *args = dq_args_new();
	int code;

	dq_args_map(args, (uint32_t)((state != NULL) + (label != NULL)));
	if (state) {
		dq_args_str(args, "state");
		dq_args_str(args, state);
	}
	if (label) {
		dq_args_str(args, "label");
		dq_args_str(args, label);
	}
	code = find_runs(client, DQ_QUERY_SELECT, args, state ? state : label, out);
	dq_args_free(&args);
	return code;
}

/* --- Futures ---------------------------------------------------------------------------------- */

void watched_release(struct watched *w)
{
	for (size_t i = 0; i < w->n; i++)
		dq_future_free(&w->v[i]);
	free(w->v);
	*w = (struct watched){0};
}

int watch_ids(struct dq_client *client, char **keys, const struct ids *ids, struct watched *out)
{
	*out = (struct watched){.v = xcalloc(ids->n + 1, sizeof(struct dq_future *))};
	for (size_t i = 0; i < ids->n; i++) {
		int r = dq_future_watch(
			client, keys ? keys[i] : NULL, ids->first[i], ids->count[i], &out->v[i]);

		if (r != DQ_E_OK)
			return cli_fail_client(r, client, keys ? keys[i] : NULL);
		dq_future_set_first_index(out->v[i], ids->first_index[i]);
		out->n++;
	}
	return 0;
}

int watch_keys(struct dq_client *client, char **keys, size_t n, struct watched *out)
{
	struct ids ids;
	int code = find_keys(client, keys, n, &ids);

	*out = (struct watched){0};
	if (!code)
		code = watch_ids(client, keys, &ids, out);
	ids_release(&ids);
	return code;
}

void print_submitted(const struct dq_future *future)
{
	char id[ID_TEXT_BYTES];
	struct buf text;
	struct json j;

	if (!globals.json) {
		printf("%s\n", dq_future_key(future));
		return;
	}
	buf_init(&text, 65536);
	json_init(&j, &text);
	json_open_object(&j);
	json_key(&j, "key");
	json_cstr(&j, dq_future_key(future));
	json_key(&j, "id");
	id_text(dq_future_id(future), id);
	json_cstr(&j, id);
	json_end_object(&j);
	json_newline(&j);
	fwrite(text.p, 1, text.n, stdout);
	buf_release(&text);
}

/* --- Answers ---------------------------------------------------------------------------------- */

static void labels_json(struct json *j, struct slice labels)
{
	struct slice label;

	json_open_object(j);
	for (struct values v = values_of(labels); values_next(&v, &label);) {
		struct slice name, value;

		str_split(value_bytes(label), '=', &name, &value);
		json_key_slice(j, name);
		json_str(j, value);
	}
	json_end_object(j);
}

static void id_json(struct json *j, struct slice id)
{
	char text[ID_TEXT_BYTES];

	id_text(value_u64(id, 0), text);
	json_cstr(j, text);
}

static void map_json(struct json *j, struct slice map)
{
	struct values v = values_of(map);
	struct slice name, value;

	json_open_object(j);
	while (values_next(&v, &name) && values_next(&v, &value)) {
		struct slice key = value_bytes(name);

		json_key_slice(j, key);
		if (slice_eq_str(key, "labels") && value_type(value) == CURSOR_ARRAY)
			labels_json(j, value);
		else if (slice_eq_str(key, "id") && value_type(value) == CURSOR_UINT)
			id_json(j, value);
		else
			value_json(j, value);
	}
	json_end_object(j);
}

void answer_json(struct json *j, struct slice answer)
{
	struct slice row;

	if (value_type(answer) == CURSOR_MAP) {
		map_json(j, answer);
		return;
	}
	if (value_type(answer) != CURSOR_ARRAY) {
		value_json(j, answer);
		return;
	}
	json_open_array(j);
	for (struct values v = values_of(answer); values_next(&v, &row);)
		if (value_type(row) == CURSOR_MAP)
			map_json(j, row);
		else
			value_json(j, row);
	json_end_array(j);
}

int print_answer_json(struct slice answer)
{
	struct json j;
	struct buf text;
	bool ok;

	buf_init(&text, ANSWER_TEXT_MAX);
	json_init(&j, &text);
	answer_json(&j, answer);
	json_newline(&j);
	ok = json_ok(&j);
	if (ok)
		fwrite(text.p, 1, text.n, stdout);
	buf_release(&text);
	return ok ? 0 : cli_fail(DQ_E_NO_MEMORY, "the answer is too large to show");
}
