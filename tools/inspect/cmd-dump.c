/*
 * dq-inspect dump: every record as a JSON line, for `load`, for other tools and for eyes:
 *	{"dq":"dump","format":1,"store":HEX,"epoch":N,"applied":N}
 *	{"table":NAME,"key":HEX,"value":BASE64,"is":KEY AS TEXT,"record":THE VALUE'S FIELDS}
 * `load` reads table, key and value alone. Of `meta` only counters is a record here; the head has
 * the rest.
 */
#include "inspect.h"

#include <inttypes.h>

#include "model/value.h"

static void print_head(struct inspect *in)
{
	struct json *j = &in->j;

	json_open_object(j);
	json_key(j, "dq");
	json_cstr(j, "dump");
	json_key(j, "format");
	json_uint(j, in->info.format);
	json_key(j, "store");
	json_hex(j, slice_of(in->info.store_id, STORE_ID_BYTES));
	json_key(j, "epoch");
	json_uint(j, in->info.epoch);
	json_key(j, "applied");
	json_uint(j, in->info.applied);
	json_end_object(j);
	out_line(in);
}

static void print_record(struct inspect *in, enum table table, struct slice key, struct slice value)
{
	char text[KEY_TEXT_BYTES];
	struct json *j = &in->j;
	struct buf fields;

	buf_init(&fields, SIZE_MAX / 2);
	json_open_object(j);
	json_key(j, "table");
	json_cstr(j, table_name(table));
	json_key(j, "key");
	json_hex(j, key);
	json_key(j, "value");
	json_base64(j, value);
	json_key(j, "is");
	json_cstr(j, key_text(table, key, text, sizeof(text)));
	json_key(j, "record");
	if (value_to_json(&fields, slice_str(VALUE_TYPE_MSGPACK), value, NULL, NULL))
		json_raw(j, buf_slice(&fields));
	else
		json_put_null(j);
	json_end_object(j);
	out_line(in);
	buf_release(&fields);
}

static int dump_table(struct inspect *in, enum table table, uint64_t *bad)
{
	struct store_scan scan = {.cursor = NULL};
	struct slice key, value;
	struct store_error err;
	enum store_code code = store_scan_begin(&scan, &in->snapshot, table, NULL, &err);
	int rc = 0;

	while (code == STORE_OK && rc == 0) {
		code = store_scan_next(&scan, &key, &value, &err);
		if (code == STORE_BAD_RECORD) {
			fail(0, "%s: left out", err.text);
			(*bad)++;
			code = STORE_OK;
		} else if (code == STORE_OK &&
			   (table != TABLE_META || slice_eq_str(key, META_COUNTERS))) {
			print_record(in, table, key, value);
		}
		if (out_of_time(in))
			rc = EXIT_TIMEOUT;
	}
	store_scan_end(&scan);
	if (rc == 0 && code != STORE_END)
		rc = fail_store(&err);
	return rc;
}

static int run(struct inspect *in)
{
	uint64_t bad = 0;
	int rc = 0;

	print_head(in);
	for (unsigned t = TABLE_META; t < TABLE_END && rc == 0; t++)
		rc = dump_table(in, (enum table)t, &bad);
	if (rc == 0 && bad > 0)
		rc = fail(EXIT_REFUSED, "%s: %" PRIu64 " damaged records are not in the dump",
			in->dir, bad);
	return rc;
}

const struct cmd cmd_dump = {
	.name = "dump",
	.words = "",
	.about = "Every record as a line of JSON.",
	.reads = true,
	.run = run,
};
