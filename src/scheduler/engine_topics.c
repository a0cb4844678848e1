/*
 * Datasets and topics, as the engine tells of them: whose tasks a dataset is, and the entries of a
 * topic after a cursor, read from the store a page at a time.
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"
#include "model/entry.h"
#include "store/keys.h"

/* A page has at least one entry, and no more than this. */
#define PAGE_ENTRIES 1024
#define PAGE_BYTES (1 << 20)
/* What is not stored yet, or is damaged: what comes after so many is not looked for. */
#define MISSING_MAX 16

/* Appends the entries after the cursor to `out`, one array each, as far as they are stored; *after
 * is then the cursor of the last one. Returns how many. */
static uint32_t pack_entries(struct engine *e, const struct core_thing_view *v, uint64_t max,
	uint64_t *after, struct buf *out)
{
	uint64_t at = *after + 1 > v->topic.first ? *after + 1 : v->topic.first;
	uint32_t n = 0, missing = 0;

	for (; at < v->topic.next && n < max && n < PAGE_ENTRIES && missing < MISSING_MAX; at++) {
		struct key key = key_entry(v->number, at);
		struct entry_record r;
		struct slice value;
		const char *why;

		if (!e->port.get(e->port.arg, TABLE_ENTRY, key_slice(&key), &value) ||
			!entry_record_decode(value, &r, &why)) {
			missing++;
			continue;
		}
		if (n && out->n + value.n > PAGE_BYTES)
			break;
		n++;
		missing = 0;
		pack_array(out, 3);
		pack_u64(out, at);
		pack_u64(out, r.published_us);
		pack_bin(out, r.content);
		*after = at;
	}
	return n;
}

static bool is_gone(const struct core_thing_view *v, uint64_t after)
{
	return after && after + 1 < v->topic.first;
}

#define GONE_TEXT "what came after the cursor is not kept any more"

void engine_send_topic(struct engine *e, const struct send *s, const struct core_thing_view *v)
{
	struct msg_is m = {.request = s->seq, .version = s->after};
	struct buf entries, page;
	uint32_t n;

	buf_init(&entries, LIMIT_FRAME_BYTES);
	buf_init(&page, LIMIT_FRAME_BYTES);
	n = pack_entries(e, v, UINT64_MAX, &m.version, &entries);
	pack_array(&page, n);
	buf_append_slice(&page, buf_slice(&entries));
	m.content = buf_slice(&page);
	if (is_gone(v, s->after)) {
		m.code = DQ_E_GONE;
		m.text = slice_str(GONE_TEXT);
		m.version = v->topic.first - 1;
	} else if (n == 0 && v->topic.first > s->until) {
		m.version = 0; /* those have gone, and what follows is not stored yet: ask again */
	} else if (n == 0) {
		m.code = DQ_E_STORE;
		m.text = slice_str("entries of the topic cannot be read");
		m.version = s->until;
	}
	engine_send_is(e, s->conn, &m);
	buf_release(&entries);
	buf_release(&page);
}

/* [name, after, how many at most] */
void engine_topic(struct asking *a)
{
	struct core_thing_view v;
	struct buf entries;
	struct cursor c;
	struct slice name;
	uint64_t after, max;
	const char *why;
	uint32_t code, n;

	cursor_init(&c, a->q->args);
	n = cursor_array_min(&c, 3);
	name = cursor_str(&c);
	after = cursor_u64(&c);
	max = cursor_u64(&c);
	cursor_skip_rest(&c, n, 3);
	if (!cursor_at_end(&c)) {
		asking_answer(a, DQ_E_USAGE, "malformed question about a topic", slice_empty());
		return;
	}
	if (!core_find_thing(a->e->core, a->user, THING_TOPIC, name, &v, &code, &why)) {
		asking_answer(a, code, why, slice_empty());
		return;
	}
	if (is_gone(&v, after) || after >= v.topic.next) {
		pack_u64(&a->out, v.topic.first - 1);
		asking_answer(a, is_gone(&v, after) ? DQ_E_GONE : DQ_E_NOT_FOUND,
			is_gone(&v, after) ? GONE_TEXT : "a cursor that the topic has not come to",
			buf_slice(&a->out));
		return;
	}
	buf_init(&entries, ANSWER_BYTES - LIMIT_HELLO_BYTES);
	n = pack_entries(a->e, &v, max, &after, &entries);
	pack_array(&a->out, n);
	buf_append_slice(&a->out, buf_slice(&entries));
	asking_answer(a, DQ_E_OK, "", buf_slice(&a->out));
	buf_release(&entries);
}

/* ---- datasets ---- */

static void pack_member(struct asking *a, const struct run *r, struct buf *out)
{
	char text[TASK_KEY_TEXT];
	struct core_block_view b = {0};
	bool whole = core_view_block(a->e->core, r->first, &b) && b.array && b.first == r->first &&
		     b.count == r->count;

	pack_array(out, 3);
	pack_u64(out, r->first);
	pack_u64(out, r->count);
	pack_str(out,
		whole ? engine_array_key(a->e, r->first, text) : engine_key(a->e, r->first, text));
}

/* The name; in parts, of which `order` says how many tasks or arrays were told before. */
void engine_dataset(struct asking *a)
{
	struct msg_answer next = {.order = a->q->order};
	struct core_thing_view v;
	struct buf rows;
	struct cursor c;
	struct slice name;
	const char *why;
	uint32_t code, n = 0;

	cursor_init(&c, a->q->args);
	name = cursor_str(&c);
	if (!cursor_at_end(&c)) {
		asking_answer(a, DQ_E_USAGE, "malformed question about a dataset", slice_empty());
		return;
	}
	if (!core_find_thing(a->e->core, a->user, THING_DATASET, name, &v, &code, &why)) {
		asking_answer(a, code, why, slice_empty());
		return;
	}
	if (a->q->index && a->q->index != v.number) {
		asking_answer(a, DQ_E_GONE, "the dataset was removed meanwhile", slice_empty());
		return;
	}
	next.index = v.number;
	buf_init(&rows, ANSWER_BYTES);
	for (; next.order < v.dataset.nruns && n < LIMIT_QUERY_ROWS; next.order++, n++)
		pack_member(a, &v.dataset.runs[next.order], &rows);
	next.more = next.order < v.dataset.nruns;
	pack_array(&a->out, n);
	buf_append_slice(&a->out, buf_slice(&rows));
	asking_answer_part(a, DQ_E_OK, "", buf_slice(&a->out), &next);
	buf_release(&rows);
}
