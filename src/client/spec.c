/*
 * Specs into bytes (spec.h). A function is [0, name, args]; a command [1, argv, env, cwd, stdin].
 * Dependencies come in the order of the arguments, then of `after`, then of `after_keys`. A future
 * goes by its id, or by its key while the submit that gave it that key is not answered, since its
 * id may be another by then.
 */
#include "client/spec.h"
#include "client/client.h"
#include "client/array.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fpmap.h"
#include "base/hash.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void spec_scratch_init(struct spec_scratch *s)
{
	*s = (struct spec_scratch){0};
	buf_init(&s->spec, LIMIT_SUBMIT_BYTES);
	buf_init(&s->keys, LIMIT_SUBMIT_BYTES);
	buf_init(&s->terms, LIMIT_SUBMIT_BYTES);
}

void spec_scratch_release(struct spec_scratch *s)
{
	buf_release(&s->spec);
	buf_release(&s->keys);
	buf_release(&s->terms);
	free(s->deps);
	s->deps = NULL;
}

bool spec_load(struct dq_spec *out, const struct dq_spec *spec)
{
	*out = (struct dq_spec)DQ_SPEC_INIT;
	if (!spec || spec->size < sizeof(size_t))
		return false;
	memcpy(out, spec, spec->size < sizeof(*out) ? spec->size : sizeof(*out));
	return true;
}

/* ---- dependencies ---- */

static int dep_add(struct dq_client *c, struct dep_ref dep)
{
	struct spec_scratch *s = &c->scratch;

	if (s->ndeps == LIMIT_DEPS_PER_TASK)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(DEPS_PER_TASK));
	if (s->ndeps == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct dep_ref *deps = try_realloc(s->deps, cap * sizeof(*deps));

		if (!deps)
			return client_error_code(c, DQ_E_NO_MEMORY);
		s->deps = deps;
		s->cap = cap;
	}
	s->deps[s->ndeps++] = dep;
	return 0;
}

/* Keys are copied: texts of the caller's args may be, elements' are made here. p is an offset until
 * deps_place(). */
static int dep_add_key(struct dq_client *c, const char *key, int64_t element)
{
	struct spec_scratch *s = &c->scratch;
	size_t at = s->keys.n;

	buf_append(&s->keys, key, strlen(key));
	if (element >= 0)
		buf_printf(&s->keys, "[%lld]", (long long)element);
	if (s->keys.failed)
		return client_error_code(c, DQ_E_NO_MEMORY);
	return dep_add(c, (struct dep_ref){.key = {.p = NULL, .n = s->keys.n - at}});
}

/* The texts stand where they will stay. */
static void deps_place(struct spec_scratch *s)
{
	const uint8_t *at = s->keys.p;

	for (size_t i = 0; i < s->ndeps; i++) {
		if (s->deps[i].id)
			continue;
		s->deps[i].key.p = at;
		at += s->deps[i].key.n;
	}
}

/* The element of an array's future, or the whole future of a task. */
static int dep_add_one(struct dq_client *c, const struct dq_future *f, uint64_t index)
{
	const struct dq_future *array = f->kind == FUTURE_ELEMENT ? f->more->parent : f;
	struct ended *e = future_ended(f);

	if (f->kind == FUTURE_ELEMENT)
		index = f->more->index;
	if (e && e->state == DQ_STATE_REFUSED)
		return client_error(c, e->error, "a dependency was refused: %s", e->bytes);
	if (array->flags & FUTURE_UNSETTLED && array->flags & FUTURE_KEYED)
		return dep_add_key(c, array->more->key,
			index == ARGS_ALL ? -1
					  : (int64_t)(array->more->array->first_index + index));
	return dep_add(c, (struct dep_ref){.id = array->id + (index == ARGS_ALL ? 0 : index)});
}

static int dep_add_future(struct dq_client *c, const struct dq_future *f, uint64_t index)
{
	int code = 0;

	if (!f || f->client != c)
		return client_error(c, DQ_E_USAGE, "a dependency is a future of another client");
	if (f->kind != FUTURE_ARRAY || index != ARGS_ALL)
		return dep_add_one(c, f, index);
	if (f->more->array->count > LIMIT_DEPS_PER_TASK)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(DEPS_PER_TASK));
	for (uint64_t i = 0; i < f->more->array->count && code == 0; i++)
		code = dep_add_one(c, f, i);
	return code;
}

/* What is only waited for stands once, and not where an argument waits for it already. from: the
 * first of those. */
static int deps_unique(struct dq_client *c, size_t from)
{
	struct spec_scratch *s = &c->scratch;
	struct fpmap seen;
	size_t kept = 0;
	bool ok = true;

	if (s->ndeps < 2 || from == s->ndeps)
		return 0;
	fpmap_init(&seen);
	for (size_t i = 0; i < s->ndeps && ok; i++) {
		const struct dep_ref *d = &s->deps[i];
		struct fp128 fp =
			fp128_of(d->id ? slice_of((const uint8_t *)&d->id, sizeof(d->id)) : d->key);

		/* a key of eight bytes is not an id */
		fp.lo += d->id == 0;
		if (i >= from && fpmap_get(&seen, fp, NULL))
			continue;
		ok = fpmap_put(&seen, fp, i);
		s->deps[kept++] = *d;
	}
	s->ndeps = kept;
	fpmap_release(&seen);
	return ok ? 0 : client_error_code(c, DQ_E_NO_MEMORY);
}

static int deps_gather(struct dq_client *c, const struct dq_spec *spec, const struct dq_args *args)
{
	struct spec_scratch *s = &c->scratch;
	size_t of_args;
	int code = 0;

	s->ndeps = 0;
	buf_clear(&s->keys);
	for (uint32_t i = 0; args && i < args->ndeps && code == 0; i++)
		code = args->deps[i].future
			       ? dep_add_future(c, args->deps[i].future, args->deps[i].index)
			       : dep_add_key(c, args->deps[i].key, -1);
	of_args = s->ndeps;
	for (size_t i = 0; spec->after && spec->after[i] && code == 0; i++)
		code = dep_add_future(c, spec->after[i], ARGS_ALL);
	for (size_t i = 0; spec->after_keys && spec->after_keys[i] && code == 0; i++)
		code = dep_add_key(c, spec->after_keys[i], -1);
	if (code)
		return code;
	deps_place(s);
	return deps_unique(c, of_args);
}

/* ---- commands ---- */

static int words_pack(struct dq_client *c, struct buf *out, const struct dq_spec *spec)
{
	size_t n = 0;

	if (spec->argv_words) {
		if (!spec->argv_words->first_is_array || spec->argv_words->values != 1)
			return client_error(c, DQ_E_USAGE, "argv_words: not an array of words");
		if (spec->argv_words->first_array == 0)
			return client_error(c, DQ_E_USAGE, "a command has at least one word");
		args_pack(out, spec->argv_words);
		return 0;
	}
	while (spec->argv[n])
		n++;
	if (n == 0 || !spec->argv[0][0])
		return client_error(c, DQ_E_USAGE,
			n ? "a command's first word is empty" : "a command has at least one word");
	if (n > LIMIT_ARGV_WORDS)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(ARGV_WORDS));
	pack_array(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		pack_cstr(out, spec->argv[i]);
	return 0;
}

static int env_order(const void *a, const void *b)
{
	const struct slice *x = a, *y = b; /* the names, first of each pair */

	return slice_cmp(*x, *y);
}

/* A map of name to value, by name; of two with one name the later counts. */
static int env_pack(struct dq_client *c, struct buf *out, const char *const *env)
{
	struct slice(*pairs)[2];
	size_t n = 0, unique = 0;

	while (env && env[n])
		n++;
	if (n > LIMIT_ENV_ENTRIES)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(ENV_ENTRIES));
	if (n == 0) {
		pack_map(out, 0);
		return 0;
	}
	pairs = try_calloc(n, sizeof(*pairs));
	if (!pairs)
		return client_error_code(c, DQ_E_NO_MEMORY);
	for (size_t i = 0; i < n; i++) {
		const char *eq = strchr(env[i], '=');
		size_t at = 0;

		if (!eq || eq == env[i]) {
			free(pairs);
			return client_error(
				c, DQ_E_USAGE, "env: \"%.64s\" is not NAME=VALUE", env[i]);
		}
		while (at < unique &&
			!slice_eq(pairs[at][0], slice_of(env[i], (size_t)(eq - env[i]))))
			at++;
		pairs[at][0] = slice_of(env[i], (size_t)(eq - env[i]));
		pairs[at][1] = slice_str(eq + 1);
		if (at == unique)
			unique++;
	}
	qsort(pairs, unique, sizeof(*pairs), env_order);
	pack_map(out, (uint32_t)unique);
	for (size_t i = 0; i < unique; i++) {
		pack_str(out, pairs[i][0]);
		pack_str(out, pairs[i][1]);
	}
	free(pairs);
	return 0;
}

static int command_pack(struct dq_client *c, struct buf *out, const struct dq_spec *spec)
{
	char here[PATH_MAX];
	const char *cwd = spec->cwd;
	int code;

	if (!cwd) {
		cwd = getcwd(here, sizeof(here));
		if (!cwd)
			return client_error(
				c, DQ_E_IO, "the working directory: %s", strerror(errno));
	}
	pack_array(out, 5);
	pack_u64(out, SPEC_EXEC);
	code = words_pack(c, out, spec);
	if (code == 0)
		code = env_pack(c, out, spec->env);
	if (code)
		return code;
	pack_cstr(out, cwd);
	if (spec->input)
		pack_bin(out, slice_of(spec->input, spec->input_bytes));
	else
		pack_nil(out);
	return 0;
}

/* ---- the spec ---- */

static int function_pack(struct dq_client *c, struct buf *out, const struct dq_spec *spec)
{
	size_t n = strlen(spec->function);

	if (n == 0 || n > LIMIT_FUNCTION_BYTES)
		return client_error(
			c, n ? DQ_E_LIMIT : DQ_E_USAGE, "%s", LIMIT_TEXT(FUNCTION_BYTES));
	pack_array(out, 3);
	pack_u64(out, SPEC_FUNC);
	pack_str(out, slice_of(spec->function, n));
	args_pack(out, spec->args);
	return 0;
}

static int inner_pack(struct dq_client *c, const struct dq_spec *spec)
{
	struct buf *out = &c->scratch.spec;
	int kinds = !!spec->function + !!spec->argv + !!spec->argv_words;
	int code;

	buf_clear(out);
	if (kinds != 1 || (!spec->function && spec->args))
		return client_error(c, DQ_E_USAGE,
			"a spec has either function (and args), argv, or argv_words");
	code = spec->function ? function_pack(c, out, spec) : command_pack(c, out, spec);
	if (code)
		return code;
	if (out->failed || out->n > LIMIT_SPEC_BYTES)
		return client_error(c, out->n > LIMIT_SPEC_BYTES / 2 ? DQ_E_LIMIT : DQ_E_NO_MEMORY,
			"%s", LIMIT_TEXT(SPEC_BYTES));
	return 0;
}

static int labels_gather(struct dq_client *c, const struct dq_spec *spec,
	struct slice labels[LIMIT_LABELS], uint32_t *n)
{
	*n = 0;
	for (size_t i = 0; spec->labels && spec->labels[i]; i++) {
		if (*n == LIMIT_LABELS)
			return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(LABELS));
		labels[*n] = slice_str(spec->labels[i]);
		if (labels[*n].n == 0)
			return client_error(c, DQ_E_USAGE, "label: is empty");
		if (labels[*n].n > LIMIT_LABEL_BYTES)
			return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(LABEL_BYTES));
		++*n;
	}
	return 0;
}

int spec_encode(struct dq_client *c, struct buf *out, const struct dq_spec *spec, struct slice key)
{
	struct spec_scratch *s = &c->scratch;
	const struct dq_args *args = spec->function ? spec->args : spec->argv_words;
	struct slice labels[LIMIT_LABELS];
	struct block_entry e = {.key = key,
		.detached = spec->detached,
		.once = spec->once,
		.recompute = spec->recompute,
		.at_once = spec->at_once,
		.first_index = spec->first_index};
	size_t before = out->n;
	const char *why = "";
	int code = args_check(args, &why);

	if (code)
		return client_error(c, code, "%s", why);
	code = inner_pack(c, spec);
	if (code == 0)
		code = deps_gather(c, spec, args);
	if (code == 0)
		code = labels_gather(c, spec, labels, &e.nlabels);
	if (code == 0)
		code = terms_pack(c, &s->terms, spec);
	if (code)
		return code;
	e.ndeps = (uint32_t)s->ndeps;
	e.terms = buf_slice(&s->terms);
	e.spec = buf_slice(&s->spec);
	block_entry_encode(out, &e, s->deps, labels);
	if (!out->failed)
		return 0;
	buf_truncate(out, before);
	out->failed = false;
	return client_error(c, before > LIMIT_SUBMIT_BYTES / 2 ? DQ_E_LIMIT : DQ_E_NO_MEMORY, "%s",
		before > LIMIT_SUBMIT_BYTES / 2 ? LIMIT_TEXT(SUBMIT_BYTES)
						: dq_strerror(DQ_E_NO_MEMORY));
}
