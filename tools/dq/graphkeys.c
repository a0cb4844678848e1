/*
 * The keys that a task of a graph's file names: in `after`, as {in:KEY} in argv, as "@KEY" and
 * {"$key":KEY} in args. Neighbours: graphfile.c orders by them; graphspec.c makes the same task.
 */
#include "graphfile.h"

#include "subst.h"

#include <string.h>

struct finding {
	bool (*fn)(void *arg, struct slice key);
	void *arg;
	const char **why;
};

static bool found(struct finding *f, struct slice key)
{
	if (key.n && !memchr(key.p, 0, key.n))
		return f->fn(f->arg, key);
	*f->why = key.n ? "a key with a byte 0" : "an empty key";
	return false;
}

static bool in_after(struct finding *f, json_t *after)
{
	size_t i;
	json_t *one;

	if (json_is_string(after))
		return found(f, slice_of(json_string_value(after), json_string_length(after)));
	if (after && !json_is_array(after)) {
		*f->why = "after: not a key, nor an array of keys";
		return false;
	}
	json_array_foreach(after, i, one)
	{
		if (!json_is_string(one)) {
			*f->why = "after: a key that is no string";
			return false;
		}
		if (!found(f, slice_of(json_string_value(one), json_string_length(one))))
			return false;
	}
	return true;
}

static bool in_word(struct finding *f, struct slice word)
{
	struct part part;

	while (subst_next(&word, false, &part))
		if (part.kind == PART_INPUT && !found(f, part.text))
			return false;
	return true;
}

static bool in_argv(struct finding *f, json_t *argv)
{
	size_t i;
	json_t *one;

	json_array_foreach(
		argv, i, one) if (json_is_string(one) &&
				  !in_word(f, slice_of(json_string_value(one),
						      json_string_length(one)))) return false;
	return true;
}

/* {"$key":KEY}, at any depth. */
static bool in_value(struct finding *f, json_t *value)
{
	json_t *key = json_object_size(value) == 1 ? json_object_get(value, "$key") : NULL;
	const char *name;
	json_t *one;
	size_t i;

	if (json_is_string(key))
		return found(f, slice_of(json_string_value(key), json_string_length(key)));
	json_array_foreach(value, i, one) if (!in_value(f, one)) return false;
	json_object_foreach(value, name, one) if (!in_value(f, one)) return false;
	return true;
}

static bool in_args(struct finding *f, json_t *args)
{
	size_t i;
	json_t *one;

	json_array_foreach(args, i, one)
	{
		const char *text = json_string_value(one);

		if (text && text[0] == '@' && text[1] != '@') {
			if (!found(f, slice_of(text + 1, json_string_length(one) - 1)))
				return false;
		} else if (!in_value(f, one)) {
			return false;
		}
	}
	return true;
}

bool graph_task_names(
	json_t *task, bool (*fn)(void *arg, struct slice key), void *arg, const char **why)
{
	struct finding f = {.fn = fn, .arg = arg, .why = why};

	return in_after(&f, json_object_get(task, "after")) &&
	       (json_is_true(json_object_get(task, "no-subst")) ||
		       in_argv(&f, json_object_get(task, "argv"))) &&
	       in_args(&f, json_object_get(task, "args"));
}
