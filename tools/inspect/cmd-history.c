/*
 * dq-inspect history: what happened to a task, or to each that the word names, as `dq history`
 * tells it: from the rows of its rounds.
 */
#include "common/history.h"
#include "common/value.h"
#include "image.h"
#include "model/history.h"

#define MAPS_MAX ((size_t)1 << 30)

struct telling {
	struct image *img;
	struct buf maps; /* of one task */
	bool lost;       /* something could not be read */
};

/* Key of another task; its id where it has none left. */
static struct slice key_of(void *arg, uint64_t id, char *buf)
{
	const struct image *img = arg;
	const struct img_block *block;
	struct img_walk w;
	struct buf key;
	uint64_t index;
	size_t n;

	if (!image_place(img, id, &block, &index) || !img_walk_to(&w, block, id))
		return slice_str(id_text(id, buf));
	buf_init(&key, HISTORY_KEY_BYTES);
	image_key(&key, &w);
	n = key.n;
	memcpy(buf, key.p, n);
	buf_release(&key);
	return slice_of(buf, n);
}

static void tell_row(struct telling *t, struct history *h, const struct img_row *row)
{
	struct task_row r;
	const char *why;

	if (!task_row_decode(row->value, &r, &why) || !history_row(h, &r, row->round))
		t->lost = true;
}

/* The lease that it has; whether it has started is not stored. */
static void tell_lease(struct telling *t, struct history *h, uint64_t id, uint16_t round)
{
	const struct img_lease *lease = image_lease(t->img, id);
	const struct img_worker *worker = lease ? image_worker(t->img, lease->worker) : NULL;

	if (worker)
		history_now(
			h, task_state_word(TASK_LEASED), round, worker->r.name, lease->issued_us);
}

static void print_maps(struct telling *t, uint32_t n, bool with_key)
{
	struct inspect *in = t->img->in;
	struct slice rest = buf_slice(&t->maps), map;
	struct cursor c;

	cursor_init(&c, rest);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *from = c.p;

		cursor_skip(&c);
		map = slice_of(from, (size_t)(c.p - from));
		if (in->json)
			(void)value_json(&in->j, map);
		else
			history_line(&in->out, map, with_key);
	}
	out_maybe_flush(in);
}

static void on_found(void *arg, const struct img_walk *w)
{
	struct telling *t = arg;
	const struct img_row *row = image_row(t->img, w->id), *earlier;
	struct history h = {.out = &t->maps, .key_of = key_of, .arg = t->img};
	struct buf key;
	size_t n;

	buf_init(&key, HISTORY_KEY_BYTES);
	image_key(&key, w);
	h.key = buf_slice(&key);
	buf_clear(&t->maps);
	history_submitted(&h, w->block->r.submitted_us);
	earlier = image_earlier(t->img, w->id, &n);
	for (size_t i = 0; i < n; i++)
		tell_row(t, &h, &earlier[i]);
	if (row)
		tell_row(t, &h, row);
	tell_lease(t, &h, w->id, row ? row->round : 0);
	print_maps(t, h.n, w->block->r.flags & BLOCK_ARRAY);
	buf_release(&key);
}

static int run(struct inspect *in)
{
	struct image img;
	struct telling t = {.img = &img};
	int rc = image_load(&img, in, NULL, NULL);

	buf_init(&t.maps, MAPS_MAX);
	if (rc == 0 && in->json)
		json_open_array(&in->j);
	if (rc == 0 && image_find(&img, in->argv[0], on_found, &t) == 0) {
		buf_clear(&in->out);
		rc = fail(EXIT_NOT_FOUND, "%s: no such task", in->argv[0]);
	} else if (rc == 0 && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	if (rc == 0 && t.lost)
		rc = fail(EXIT_VIOLATED, "%s: a row cannot be read", in->argv[0]);
	buf_release(&t.maps);
	image_release(&img);
	return rc;
}

const struct cmd cmd_history = {
	.name = "history",
	.words = "KEY|ID",
	.about = "What happened to a task, a line an event, oldest first.",
	.words_min = 1,
	.words_max = 1,
	.reads = true,
	.run = run,
};
