/*
 * A task module: counts words. A word is a run of ASCII letters, in lower case.
 *
 *	count(path)           the words of a file: a map of word to count, sorted by word
 *	count([path, ms])     the same, after a rest of that many milliseconds
 *	merge([map, map, …])  one map of several
 *	report([map, n])      the n words that come most often, as text: "COUNT WORD" lines
 *
 * Maps are msgpack, so that they can be looked at with `dq result`. Build it alone with
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o wordcount.so wordcount.c -lmsgpackc
 */
#include <dq/task.h>

#include <errno.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct word {
	const char *text; /* not NUL-ended */
	uint32_t n;
	uint64_t count;
};

struct words {
	struct word *v;
	size_t n, room;
};

/* --- Lists of words --------------------------------------------------------------------------- */

static bool words_add(struct words *w, const char *text, uint32_t n, uint64_t count)
{
	if (w->n == w->room) {
		size_t room = w->room ? w->room * 2 : 1024;
		struct word *v = realloc(w->v, room * sizeof(*v));

		if (!v)
			return false;
		w->v = v;
		w->room = room;
	}
	w->v[w->n++] = (struct word){.text = text, .n = n, .count = count};
	return true;
}

static int by_text(const void *a, const void *b)
{
	const struct word *x = a, *y = b;
	int r = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);

	return r ? r : (x->n > y->n) - (x->n < y->n);
}

static int by_count(const void *a, const void *b)
{
	const struct word *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return by_text(a, b);
}

/* Sorts by word and adds up those that are the same. */
static void words_sum(struct words *w)
{
	size_t kept = 0;

	if (w->n == 0)
		return;
	qsort(w->v, w->n, sizeof(*w->v), by_text);
	for (size_t i = 1; i < w->n; i++) {
		if (by_text(&w->v[kept], &w->v[i]) == 0)
			w->v[kept].count += w->v[i].count;
		else
			w->v[++kept] = w->v[i];
	}
	w->n = kept + 1;
}

static int return_map(struct dq_task *task, const struct words *w)
{
	msgpack_sbuffer out;
	msgpack_packer pk;
	int rc;

	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&pk, &out, msgpack_sbuffer_write);
	msgpack_pack_map(&pk, w->n);
	for (size_t i = 0; i < w->n; i++) {
		msgpack_pack_str(&pk, w->v[i].n);
		msgpack_pack_str_body(&pk, w->v[i].text, w->v[i].n);
		msgpack_pack_uint64(&pk, w->v[i].count);
	}
	rc = dq_task_return(task, "msgpack", out.data, out.size);
	msgpack_sbuffer_destroy(&out);
	return rc;
}

/* Appends a map's words; they point into the arguments. False: it is no such map, or no memory. */
static bool words_read(struct words *w, const msgpack_object *map)
{
	if (map->type != MSGPACK_OBJECT_MAP)
		return false;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];

		if (kv->key.type != MSGPACK_OBJECT_STR ||
			kv->val.type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
			!words_add(w, kv->key.via.str.ptr, kv->key.via.str.size, kv->val.via.u64))
			return false;
	}
	return true;
}

static bool read_args(struct dq_task *task, msgpack_unpacked *out)
{
	const void *bytes;
	size_t n, at = 0;

	dq_task_args(task, &bytes, &n);
	msgpack_unpacked_init(out);
	return msgpack_unpack_next(out, bytes, n, &at) == MSGPACK_UNPACK_SUCCESS;
}

/* --- count ------------------------------------------------------------------------------------ */

static bool is_letter(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Where words stand in the list, by hash: position + 1, or 0. A power of two of places, at most
 * half of them taken. */
struct index {
	uint32_t *at;
	size_t size;
};

static size_t hash(const char *text, uint32_t n)
{
	uint64_t h = 14695981039346656037u;

	for (uint32_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)text[i]) * 1099511628211u;
	return (size_t)(h ^ h >> 29);
}

/* The place of a word, or the free one where it belongs. */
static uint32_t *place(const struct index *x, const struct words *w, const char *text, uint32_t n)
{
	size_t i = hash(text, n) & (x->size - 1);

	while (x->at[i]) {
		const struct word *known = &w->v[x->at[i] - 1];

		if (known->n == n && memcmp(known->text, text, n) == 0)
			break;
		i = (i + 1) & (x->size - 1);
	}
	return &x->at[i];
}

static bool index_grow(struct index *x, const struct words *w)
{
	struct index wider = {.size = x->size ? x->size * 2 : 4096};

	wider.at = calloc(wider.size, sizeof(*wider.at));
	if (!wider.at)
		return false;
	for (size_t i = 0; i < w->n; i++)
		*place(&wider, w, w->v[i].text, w->v[i].n) = (uint32_t)(i + 1);
	free(x->at);
	*x = wider;
	return true;
}

static bool note(struct words *w, struct index *x, const char *text, uint32_t n)
{
	uint32_t *at;

	if (w->n * 2 >= x->size && !index_grow(x, w))
		return false;
	at = place(x, w, text, n);
	if (*at) {
		w->v[*at - 1].count++;
		return true;
	}
	*at = (uint32_t)(w->n + 1);
	return words_add(w, text, n, 1);
}

/* Makes the text lower case and counts its words. */
static bool words_split(struct words *w, char *text, size_t n)
{
	struct index x = {0};
	size_t at = 0, from;
	bool ok = true;

	while (ok && at < n) {
		while (at < n && !is_letter((unsigned char)text[at]))
			at++;
		for (from = at; at < n && is_letter((unsigned char)text[at]); at++)
			text[at] = (char)(text[at] | 0x20);
		if (at > from)
			ok = note(w, &x, text + from, (uint32_t)(at - from));
	}
	free(x.at);
	return ok;
}

static char *read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t room = 0, got = 1;

	*n = 0;
	while (f && got > 0) {
		if (room - *n < 65536) {
			char *more = realloc(text, room = room * 2 + 131072);

			if (!more)
				break;
			text = more;
		}
		got = fread(text + *n, 1, room - *n, f);
		*n += got;
	}
	if (!f || ferror(f) || got > 0) {
		int saved = errno;

		free(text);
		text = NULL;
		errno = saved;
	}
	if (f)
		fclose(f);
	return text;
}

/* The arguments of count: a path, or a path and how long to rest. */
static bool count_args(const msgpack_object *args, char *path, size_t room, uint64_t *rest_ms)
{
	const msgpack_object *v = args;

	*rest_ms = 0;
	if (args->type == MSGPACK_OBJECT_ARRAY && args->via.array.size == 2) {
		v = args->via.array.ptr;
		if (v[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
			return false;
		*rest_ms = v[1].via.u64;
	}
	if (v->type != MSGPACK_OBJECT_STR || v->via.str.size >= room)
		return false;
	memcpy(path, v->via.str.ptr, v->via.str.size);
	path[v->via.str.size] = '\0';
	return true;
}

static void rest(struct dq_task *task, uint64_t ms)
{
	const struct timespec one = {.tv_nsec = 1000000};

	for (; ms > 0 && !dq_task_cancelled(task); ms--)
		nanosleep(&one, NULL);
}

static int count(struct dq_task *task)
{
	struct words w = {0};
	msgpack_unpacked args;
	char path[4096], *text = NULL;
	uint64_t rest_ms;
	size_t n;
	int rc;

	if (!read_args(task, &args) || !count_args(&args.data, path, sizeof(path), &rest_ms)) {
		rc = dq_task_fail(task, "count wants the path of a file");
		goto done;
	}
	rest(task, rest_ms);
	text = read_file(path, &n);
	if (!text) {
		rc = dq_task_fail(task, "%s: %s", path, strerror(errno));
	} else if (!words_split(&w, text, n)) {
		rc = dq_task_fail(task, "%s: out of memory", path);
	} else {
		words_sum(&w);
		rc = return_map(task, &w);
	}
done:
	free(w.v);
	free(text);
	msgpack_unpacked_destroy(&args);
	return rc;
}

/* --- merge ------------------------------------------------------------------------------------ */

static int merge(struct dq_task *task)
{
	struct words w = {0};
	msgpack_unpacked args;
	bool ok = read_args(task, &args) && args.data.type == MSGPACK_OBJECT_ARRAY;
	int rc;

	for (uint32_t i = 0; ok && i < args.data.via.array.size; i++)
		ok = words_read(&w, &args.data.via.array.ptr[i]);
	if (ok) {
		words_sum(&w);
		rc = return_map(task, &w);
	} else {
		rc = dq_task_fail(task, "merge wants an array of maps of word to count");
	}
	free(w.v);
	msgpack_unpacked_destroy(&args);
	return rc;
}

/* --- report ----------------------------------------------------------------------------------- */

static int return_top(struct dq_task *task, struct words *w, uint64_t top)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	int rc;

	if (!out)
		return dq_task_fail(task, "out of memory");
	if (w->n)
		qsort(w->v, w->n, sizeof(*w->v), by_count);
	for (size_t i = 0; i < w->n && i < top; i++)
		fprintf(out, "%llu %.*s\n", (unsigned long long)w->v[i].count, (int)w->v[i].n,
			w->v[i].text);
	if (fclose(out) == 0)
		rc = dq_task_return(task, "bytes", text, n);
	else
		rc = dq_task_fail(task, "out of memory");
	free(text);
	return rc;
}

static int report(struct dq_task *task)
{
	struct words w = {0};
	msgpack_unpacked args;
	bool ok = read_args(task, &args) && args.data.type == MSGPACK_OBJECT_ARRAY &&
		  args.data.via.array.size == 2;
	const msgpack_object *v = ok ? args.data.via.array.ptr : NULL;
	int rc;

	if (ok && v[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER && words_read(&w, &v[0]))
		rc = return_top(task, &w, v[1].via.u64);
	else
		rc = dq_task_fail(task, "report wants a map of word to count, and a number");
	free(w.v);
	msgpack_unpacked_destroy(&args);
	return rc;
}

DQ_MODULE({"count", count}, {"merge", merge}, {"report", report})
