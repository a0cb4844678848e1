/*
 * dq-inspect load: makes a store of what `dump` printed, from stdin or a file. The store must not
 * be there yet. It gets an id of its own, so that copies of values that belong to the old one are
 * not mixed in, and an epoch above the old one's.
 *
 * Happy path: the head, then records in batches. Failures: a line that is no such record names its
 * number; the new store is then taken away again, since half a store is worse than none.
 */
#include "inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define BATCH_BYTES (4u << 20)

struct load {
	struct inspect *in;
	const char *source; /* for messages */
	FILE *from;
	char *line;
	size_t line_cap;
	uint64_t line_n, records, seq;
	struct store *store;
	struct batch batch;
	struct buf value;
};

static int fail_line(const struct load *load, const char *why)
{
	return fail(EXIT_USAGE, "%s: line %" PRIu64 ": %s", load->source, load->line_n, why);
}

/* The next line as JSON; NULL with *rc 0: the end. */
static json_t *next_line(struct load *load, int *rc)
{
	json_error_t error;
	json_t *object;
	ssize_t n;

	errno = 0;
	n = getline(&load->line, &load->line_cap, load->from);
	*rc = 0;
	if (n < 0) {
		if (ferror(load->from))
			*rc = fail(EXIT_REFUSED, "%s: %s", load->source, strerror(errno));
		return NULL;
	}
	load->line_n++;
	object = json_loadb(load->line, (size_t)n, 0, &error);
	if (!json_is_object(object)) {
		*rc = fail_line(load, "not an object of JSON");
		json_decref(object);
		return NULL;
	}
	return object;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static int read_head(struct load *load, uint64_t *epoch)
{
	int rc;
	json_t *head = next_line(load, &rc);
	json_int_t format;

	if (!head)
		return rc ? rc : fail(EXIT_USAGE, "%s: empty", load->source);
	format = json_integer_value(json_object_get(head, "format"));
	*epoch = (uint64_t)json_integer_value(json_object_get(head, "epoch"));
	if (strcmp(text_of(head, "dq"), "dump") != 0)
		rc = fail_line(load, "not the head of a dump");
	else if (format != STORE_FORMAT)
		rc = fail(EXIT_CONFLICT,
			"%s: a dump of format %" PRId64 ", this version loads format %d",
			load->source, (int64_t)format, STORE_FORMAT);
	json_decref(head);
	return rc;
}

static bool hex_to_key(const char *hex, struct key *key)
{
	size_t n = strlen(hex);

	if (n == 0 || n % 2 != 0 || n / 2 > KEY_MAX_BYTES || strspn(hex, "0123456789abcdef") != n)
		return false;
	key->n = (uint8_t)(n / 2);
	for (size_t i = 0; i < key->n; i++) {
		char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		key->b[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return true;
}

static int flush(struct load *load)
{
	struct store_error err;

	if (batch_count(&load->batch) == 0)
		return 0;
	if (store_commit(load->store, &load->batch, ++load->seq, &err) != STORE_OK)
		return fail_store(&err);
	batch_clear(&load->batch);
	return 0;
}

static int add_record(struct load *load, const json_t *object)
{
	enum table table = table_of_name(text_of(object, "table"));
	const char *value = json_string_value(json_object_get(object, "value"));
	struct key key;

	if (!table)
		return fail_line(load, "no such table");
	if (!hex_to_key(text_of(object, "key"), &key) || !key_fits(table, key_slice(&key)))
		return fail_line(load, "not a key of its table");
	if (table == TABLE_META && !slice_eq_str(key_slice(&key), META_COUNTERS))
		return fail_line(load, "meta: only counters can be loaded");
	buf_clear(&load->value);
	if (!value || !base64_decode(&load->value, slice_str(value)))
		return fail_line(load, "its value is not base64");
	batch_put(&load->batch, table, key, buf_slice(&load->value));
	load->records++;
	return batch_bytes(&load->batch) >= BATCH_BYTES ? flush(load) : 0;
}

static int load_records(struct load *load)
{
	int rc = 0;
	json_t *object;

	while (rc == 0 && (object = next_line(load, &rc)) != NULL) {
		rc = add_record(load, object);
		json_decref(object);
	}
	return rc ? rc : flush(load);
}

/* There must be no store, and there shall be none if this fails. */
static int open_new(struct load *load, const char *data, uint64_t epoch)
{
	struct store_options options = {.dir = load->in->dir, .epoch_above = epoch};
	struct store_error err;

	if (access(data, F_OK) == 0 || errno != ENOENT)
		return fail(EXIT_CONFLICT, "%s: there is a store already", load->in->dir);
	if (store_open(&options, &load->store, &err) != STORE_OK)
		return fail_store(&err);
	return 0;
}

static int load_all(struct load *load)
{
	char *data = xasprintf("%s/data.mdb", load->in->dir);
	uint64_t epoch = 0;
	int rc = read_head(load, &epoch);

	if (rc == 0)
		rc = open_new(load, data, epoch);
	if (rc == 0)
		rc = load_records(load);
	if (rc != 0 && load->store)
		unlink(data);
	free(data);
	return rc;
}

static void print_done(const struct load *load)
{
	struct inspect *in = load->in;

	if (!in->json) {
		put(in, "loaded %" PRIu64 " records into %s\n", load->records, in->dir);
		return;
	}
	json_open_object(&in->j);
	json_key(&in->j, "records");
	json_uint(&in->j, load->records);
	json_end_object(&in->j);
	out_line(in);
}

static int run(struct inspect *in)
{
	struct load load = {.in = in, .source = "stdin", .from = stdin};
	int rc;

	if (in->argc > 0) {
		load.source = in->argv[0];
		load.from = fopen(load.source, "re");
		if (!load.from)
			return fail(EXIT_NOT_FOUND, "%s: %s", load.source, strerror(errno));
	}
	batch_init(&load.batch);
	buf_init(&load.value, SIZE_MAX / 2);
	rc = load_all(&load);
	store_close(&load.store);
	if (rc == 0)
		print_done(&load);
	buf_release(&load.value);
	batch_release(&load.batch);
	free(load.line);
	if (load.from != stdin)
		fclose(load.from);
	return rc;
}

const struct cmd cmd_load = {
	.name = "load",
	.words = "[FILE]",
	.about = "Make a new store of what dump printed, from FILE or stdin.",
	.words_max = 1,
	.run = run,
};
