/*
 * dq-inspect stat: pages, free list, readers, bytes by table.
 */
#include "inspect.h"

#include <inttypes.h>

static void print_json(struct inspect *in, const struct store_stat *st)
{
	struct json *j = &in->j;

	json_open_object(j);
	json_key(j, "page_bytes");
	json_uint(j, st->page_bytes);
	json_key(j, "pages");
	json_uint(j, st->pages);
	json_key(j, "pages_free");
	json_uint(j, st->pages_free);
	json_key(j, "pages_pinned");
	json_uint(j, st->pages_pinned);
	json_key(j, "file_bytes");
	json_uint(j, st->file_bytes);
	json_key(j, "readers");
	json_uint(j, st->readers);
	json_key(j, "oldest_reader_pid");
	if (st->readers)
		json_uint(j, st->oldest_reader_pid);
	else
		json_put_null(j);
	json_key(j, "live");
	json_bool(j, in->info.live);
	json_key(j, "tables");
	json_open_object(j);
	for (unsigned t = TABLE_META; t < TABLE_END; t++) {
		json_key(j, table_name((enum table)t));
		json_open_object(j);
		json_key(j, "records");
		json_uint(j, st->table[t].entries);
		json_key(j, "bytes");
		json_uint(j, st->table[t].bytes);
		json_key(j, "depth");
		json_uint(j, st->table[t].depth);
		json_end_object(j);
	}
	json_end_object(j);
	json_end_object(j);
	out_line(in);
}

static void print_text(struct inspect *in, const struct store_stat *st)
{
	put(in, "file      %" PRIu64 " bytes, %" PRIu64 " pages of %" PRIu32 "\n", st->file_bytes,
		st->pages, st->page_bytes);
	put(in,
		"free      %" PRIu64 " pages, of them %" PRIu64
		" not usable while the oldest reader stands\n",
		st->pages_free, st->pages_pinned);
	put(in, "readers   %" PRIu32, st->readers);
	if (st->readers)
		put(in, ", the oldest in process %" PRIu32, st->oldest_reader_pid);
	put(in, "\n%-9s %12s %14s %6s\n", "table", "records", "bytes", "depth");
	for (unsigned t = TABLE_META; t < TABLE_END; t++)
		put(in, "%-9s %12" PRIu64 " %14" PRIu64 " %6" PRIu32 "\n",
			table_name((enum table)t), st->table[t].entries, st->table[t].bytes,
			st->table[t].depth);
}

static int run(struct inspect *in)
{
	struct store_stat st;
	struct store_error err;

	/* The own look is not one of the readers that matter. */
	store_snapshot_end(&in->snapshot);
	if (store_stat(in->store, &st, &err) != STORE_OK)
		return fail_store(&err);
	if (in->json)
		print_json(in, &st);
	else
		print_text(in, &st);
	return 0;
}

const struct cmd cmd_stat = {
	.name = "stat",
	.words = "",
	.about = "Pages, free list, readers, bytes by table.",
	.reads = true,
	.run = run,
};
