/*
 * dq-inspect queues: each with how many items it has; queue NAME: its items, in the order in which
 * they would be taken.
 */
#include "image.h"

#include <inttypes.h>

#include "model/content.h"
#include "model/value.h"
#include "store/keys.h"

struct counted {
	uint64_t items, out, granted;
};

static struct counted count(const struct image *img, uint64_t number)
{
	struct counted n = {.items = 0};

	for (size_t i = 0; i < img->items.n; i++)
		n.items += img->items.v[i].thing == number;
	for (size_t i = 0; i < img->deliveries.n; i++)
		n.out += img->deliveries.v[i].thing == number &&
			 img->deliveries.v[i].r.state == DELIVERY_OUT;
	for (size_t i = 0; i < img->grants.n; i++)
		if (img->grants.v[i].r.thing == number)
			n.granted += img->grants.v[i].r.count;
	return n;
}

static void print_queue_json(struct image *img, const struct img_thing *t, struct counted n)
{
	struct json *j = &img->in->j;

	json_open_object(j);
	json_key(j, "name");
	json_str(j, t->r.name);
	json_key(j, "namespace");
	json_str(j, t->r.ns);
	json_key(j, "created");
	json_time_us(j, t->r.created_us);
	json_key(j, "len");
	json_uint(j, n.items);
	json_key(j, "out");
	json_uint(j, n.out + n.granted);
	json_key(j, "maxsize");
	json_uint(j, t->r.queue.maxsize);
	json_key(j, "max_deliveries");
	json_uint(j, t->r.queue.max_deliveries);
	json_key(j, "dead_letter");
	json_str(j, t->r.queue.dead);
	json_end_object(j);
	out_maybe_flush(img->in);
}

static void print_queue(struct image *img, const struct img_thing *t)
{
	struct counted n = count(img, t->number);

	if (img->in->json) {
		print_queue_json(img, t, n);
		return;
	}
	put_safe(img->in, t->r.ns);
	put(img->in, "/");
	put_safe(img->in, t->r.name);
	put(img->in, " items %" PRIu64 " out %" PRIu64, n.items, n.out + n.granted);
	out_line(img->in);
}

static int run_queues(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && in->json)
		json_open_array(&in->j);
	for (size_t i = 0; rc == 0 && i < img.things.n; i++)
		if (img.things.v[i].r.kind == THING_QUEUE && !img.things.v[i].r.queue.closing)
			print_queue(&img, &img.things.v[i]);
	if (rc == 0 && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	image_release(&img);
	return rc;
}

const struct cmd cmd_queues = {
	.name = "queues",
	.words = "",
	.about = "The queues, and how many items they have.",
	.reads = true,
	.run = run_queues,
};

/* ---- one queue ---- */

static void content_text(struct image *img, const struct img_item *item, struct buf *out)
{
	struct store_error err;
	struct item_record r;
	struct content content;
	struct slice value;
	const char *why;

	if (store_get(&img->in->snapshot, TABLE_ITEM, key_item(item->thing, item->rank, item->seq),
		    &value, &err) != STORE_OK ||
		!item_record_decode(value, &r, &why) ||
		!content_decode(r.content, &content, &why) ||
		!value_to_json(out, content.type, content.bytes, NULL, NULL))
		buf_append_slice(out, slice_str("null"));
}

static void print_item(struct image *img, const struct img_item *item)
{
	struct inspect *in = img->in;
	struct json *j = &in->j;
	struct buf value;
	char id[ID_TEXT_BYTES];

	buf_init(&value, SIZE_MAX / 2);
	if (!item->task)
		content_text(img, item, &value);
	if (in->json) {
		json_open_object(j);
		json_key(j, "priority");
		json_int(j, item_priority(item->rank));
		json_key(j, "seq");
		json_uint(j, item->seq);
		json_key(j, item->task ? "task" : "value");
		if (item->task)
			json_id(j, item->task);
		else
			json_raw(j, buf_slice(&value));
		json_end_object(j);
		out_maybe_flush(in);
	} else {
		put(in, "%" PRId32 ".%" PRIu64 " ", item_priority(item->rank), item->seq);
		if (item->task)
			put(in, "the future of %s", id_text(item->task, id));
		else
			put_safe(in, buf_slice(&value));
		out_line(in);
	}
	buf_release(&value);
}

static const struct img_thing *find(const struct image *img, struct slice word)
{
	for (size_t i = 0; i < img->things.n; i++) {
		const struct thing_record *r = &img->things.v[i].r;
		struct slice ns = slice_of(word.p, r->ns.n < word.n ? r->ns.n : 0);

		if (r->kind != THING_QUEUE || r->queue.closing)
			continue;
		if (slice_eq(r->name, word))
			return &img->things.v[i];
		if (ns.n && slice_eq(ns, r->ns) && word.p[ns.n] == '/' &&
			slice_eq(r->name, slice_of(word.p + ns.n + 1, word.n - ns.n - 1)))
			return &img->things.v[i];
	}
	return NULL;
}

static int run_queue(struct inspect *in)
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);
	const struct img_thing *t = rc ? NULL : find(&img, slice_str(in->argv[0]));

	if (rc == 0 && !t)
		rc = fail(EXIT_NOT_FOUND, "%s: no such queue", in->argv[0]);
	if (t && in->json)
		json_open_array(&in->j);
	for (size_t i = 0; t && i < img.items.n; i++)
		if (img.items.v[i].thing == t->number)
			print_item(&img, &img.items.v[i]);
	if (t && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	image_release(&img);
	return rc;
}

const struct cmd cmd_queue = {
	.name = "queue",
	.words = "NAME",
	.about = "The items of a queue, in order.",
	.words_min = 1,
	.words_max = 1,
	.reads = true,
	.run = run_queue,
};
