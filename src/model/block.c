/*
 * Blocks: the record of a submit, and the reader of its body (doc/disk-format.md, block;
 * doc/protocol.md, submit body).
 *
 * The scheduler reads each body once when it comes in and once at each start, at hundreds of
 * thousands of tasks a second: an entry is read in one pass, its limits and its spec's shape are
 * checked on the way. What the reader hands out has been walked over already, so that the readers
 * of dependencies and labels cannot fail afterwards. Faults: r->why says what is wrong; the reader
 * gives nothing more.
 */
#include "model/block.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"

enum { BLOCK_FIELDS = 12, ENTRY_FIELDS = 4 };

/* Keys of an entry's options. */
enum {
	OPT_DETACHED = 1,
	OPT_ONCE = 2,
	OPT_RECOMPUTE = 3,
	OPT_LABELS = 4,
	OPT_AT_ONCE = 5,
	OPT_TERMS = 6,
	OPT_FIRST_INDEX = 7
};

void block_record_encode(struct buf *out, const struct block_record *r)
{
	ensure(r->count > 0 && r->deps.n % 8 == 0);
	pack_array(out, BLOCK_FIELDS);
	pack_u64(out, RECORD_VERSION);
	pack_u64(out, r->first);
	pack_u64(out, r->count);
	pack_u64(out, r->flags);
	pack_u64(out, r->session);
	pack_u64(out, r->seq);
	pack_u64(out, r->user);
	pack_u64(out, r->order);
	pack_u64(out, r->submitted_us);
	pack_str(out, r->ns);
	pack_bin(out, r->deps);
	pack_bin(out, r->body);
}

/* A head that no scheduler wrote. */
static void check_head(struct cursor *c, const struct block_record *r)
{
	uint64_t max = r->flags & BLOCK_ARRAY ? LIMIT_ARRAY_ELEMENTS : LIMIT_SUBMIT_TASKS;
	uint32_t n = task_id_n(r->first);

	if (n == 0 || task_id_session(r->first) == 0)
		cursor_fail(c, "block: first is no task id");
	else if (r->count == 0)
		cursor_fail(c, "block: no tasks");
	else if (r->count > max)
		cursor_fail(c, r->flags & BLOCK_ARRAY ? LIMIT_TEXT(ARRAY_ELEMENTS)
						      : LIMIT_TEXT(SUBMIT_TASKS));
	else if (r->count - 1 > UINT32_MAX - n)
		cursor_fail(c, "block: runs past its session's numbers");
	else if (r->deps.n % 8 != 0)
		cursor_fail(c, "block: dependencies are cut");
}

bool block_record_decode(struct slice in, struct block_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, BLOCK_FIELDS);

	out->first = cursor_u64(&c);
	out->count = cursor_u64(&c);
	out->flags = cursor_u32(&c);
	out->session = cursor_u32(&c);
	out->seq = cursor_u64(&c);
	out->user = cursor_u32(&c);
	out->order = cursor_u64(&c);
	out->submitted_us = cursor_u64(&c);
	out->ns = cursor_str_limit(&c, LIMIT_NAMESPACE_BYTES, LIMIT_TEXT(NAMESPACE_BYTES));
	out->deps = cursor_bin(&c);
	out->body = cursor_bin(&c);
	check_head(&c, out);
	return record_end(&c, have, BLOCK_FIELDS, why);
}

void block_reader_init(struct block_reader *r, struct slice body)
{
	cursor_init(&r->c, body);
	r->why = NULL;
	if (body.n > LIMIT_SUBMIT_BYTES)
		cursor_fail(&r->c, LIMIT_TEXT(SUBMIT_BYTES));
}

static void read_key(struct cursor *c, struct block_entry *e)
{
	const char *why;

	e->key = slice_empty();
	if (cursor_try_nil(c))
		return;
	e->key = cursor_str(c);
	if (cursor_ok(c) && !key_is_valid(e->key, &why))
		cursor_fail(c, why);
}

static void check_dep(struct cursor *c)
{
	struct slice text, ns, key;
	int64_t element;

	if (cursor_type(c) != CURSOR_STR) {
		if (cursor_u64(c) == 0)
			cursor_fail(c, "dependency: neither a task id nor a key");
		return;
	}
	text = cursor_str(c);
	if (cursor_ok(c) && !key_split(text, &ns, &key, &element))
		cursor_fail(c, "dependency: not of the form KEY, KEY[I] or NAMESPACE/KEY");
}

static void read_deps(struct cursor *c, struct block_entry *e)
{
	e->ndeps = 0;
	e->deps = *c;
	if (cursor_try_nil(c))
		return;
	e->ndeps = cursor_array_limit(c, LIMIT_DEPS_PER_TASK, LIMIT_TEXT(DEPS_PER_TASK));
	e->deps = *c;
	for (uint32_t i = 0; i < e->ndeps && cursor_ok(c); i++)
		check_dep(c);
}

static void check_label(struct cursor *c)
{
	if (cursor_str_limit(c, LIMIT_LABEL_BYTES, LIMIT_TEXT(LABEL_BYTES)).n == 0)
		cursor_fail(c, "label: is empty");
}

static void read_labels(struct cursor *c, struct block_entry *e)
{
	e->nlabels = 1;
	if (cursor_type(c) == CURSOR_ARRAY)
		e->nlabels = cursor_array_limit(c, LIMIT_LABELS, LIMIT_TEXT(LABELS));
	e->labels = *c;
	for (uint32_t i = 0; i < e->nlabels && cursor_ok(c); i++)
		check_label(c);
}

/* An option that is not known is refused: to ignore it would be to run the task in another way than
 * was asked. */
static void read_opts(struct cursor *c, struct block_entry *e)
{
	uint32_t n;

	e->detached = e->once = e->recompute = false;
	e->nlabels = 0;
	e->at_once = e->first_index = 0;
	e->terms = slice_empty();
	e->labels = *c;
	n = cursor_try_nil(c) ? 0 : cursor_map(c);
	for (uint32_t i = 0; i < n && cursor_ok(c); i++) {
		switch (cursor_u64(c)) {
		case OPT_DETACHED:
			e->detached = cursor_bool(c);
			break;
		case OPT_ONCE:
			e->once = cursor_bool(c);
			break;
		case OPT_RECOMPUTE:
			e->recompute = cursor_bool(c);
			break;
		case OPT_LABELS:
			read_labels(c, e);
			break;
		case OPT_AT_ONCE:
			e->at_once = cursor_u32(c);
			break;
		case OPT_TERMS:
			e->terms = cursor_bin(c);
			break;
		case OPT_FIRST_INDEX:
			e->first_index = cursor_u32(c);
			break;
		default:
			cursor_fail(c, "options: an unknown option");
		}
	}
}

static void read_spec(struct cursor *c, struct block_entry *e)
{
	struct spec spec;
	const char *why;

	e->kind = SPEC_FUNC;
	e->spec = cursor_bin(c);
	if (!cursor_ok(c))
		return;
	if (!spec_decode(e->spec, &spec, &why))
		cursor_fail(c, why);
	e->kind = spec.kind;
}

static bool reader_result(struct block_reader *r)
{
	if (__builtin_expect(cursor_ok(&r->c), 1))
		return true;
	r->why = cursor_error(&r->c);
	return false;
}

bool block_reader_next(struct block_reader *r, struct block_entry *e)
{
	uint32_t have = cursor_array_min(&r->c, ENTRY_FIELDS);

	read_key(&r->c, e);
	read_deps(&r->c, e);
	read_opts(&r->c, e);
	read_spec(&r->c, e);
	if (have > ENTRY_FIELDS)
		cursor_skip_rest(&r->c, have, ENTRY_FIELDS);
	return reader_result(r);
}

bool block_entry_dep(struct block_entry *e, struct dep_ref *d)
{
	*d = (struct dep_ref){.id = 0};
	if (cursor_type(&e->deps) == CURSOR_STR)
		d->key = cursor_str(&e->deps);
	else
		d->id = cursor_u64(&e->deps);
	return cursor_ok(&e->deps);
}

bool block_entry_label(struct block_entry *e, struct slice *label)
{
	*label = cursor_str(&e->labels);
	return cursor_ok(&e->labels);
}

bool block_reader_inputs(struct block_reader *r, uint64_t *n, struct cursor *inputs)
{
	*n = 0;
	*inputs = r->c;
	if (cursor_try_nil(&r->c))
		return reader_result(r);
	*n = cursor_array_limit(&r->c, LIMIT_ARRAY_ELEMENTS, LIMIT_TEXT(ARRAY_ELEMENTS));
	*inputs = r->c;
	for (uint64_t i = 0; i < *n && cursor_ok(&r->c); i++)
		cursor_skip(&r->c);
	return reader_result(r);
}

bool block_reader_end(struct block_reader *r)
{
	if (!cursor_at_end(&r->c))
		cursor_fail(&r->c, "submit: bytes after the last task");
	return reader_result(r);
}

void block_entry_encode(struct buf *out, const struct block_entry *e, const struct dep_ref *deps,
	const struct slice *labels)
{
	uint32_t nopts = (uint32_t)e->detached + e->once + e->recompute + (e->nlabels > 0) +
			 (e->at_once > 0) + (e->terms.n > 0) + (e->first_index > 0);

	pack_array(out, ENTRY_FIELDS);
	if (e->key.n)
		pack_str(out, e->key);
	else
		pack_nil(out);
	if (e->ndeps)
		pack_array(out, e->ndeps);
	else
		pack_nil(out);
	for (uint32_t i = 0; i < e->ndeps; i++) {
		if (deps[i].id)
			pack_u64(out, deps[i].id);
		else
			pack_str(out, deps[i].key);
	}
	if (nopts)
		pack_map(out, nopts);
	else
		pack_nil(out);
	if (e->detached) {
		pack_u64(out, OPT_DETACHED);
		pack_bool(out, true);
	}
	if (e->once) {
		pack_u64(out, OPT_ONCE);
		pack_bool(out, true);
	}
	if (e->recompute) {
		pack_u64(out, OPT_RECOMPUTE);
		pack_bool(out, true);
	}
	if (e->nlabels) {
		pack_u64(out, OPT_LABELS);
		pack_array(out, e->nlabels);
	}
	for (uint32_t i = 0; i < e->nlabels; i++)
		pack_str(out, labels[i]);
	if (e->at_once) {
		pack_u64(out, OPT_AT_ONCE);
		pack_u64(out, e->at_once);
	}
	if (e->terms.n) {
		pack_u64(out, OPT_TERMS);
		pack_bin(out, e->terms);
	}
	if (e->first_index) {
		pack_u64(out, OPT_FIRST_INDEX);
		pack_u64(out, e->first_index);
	}
	pack_bin(out, e->spec);
}
