/*
 * Opening the server: what its options say, the store, the secret, the addresses.
 */
#include "scheduler/server_impl.h"

#include "base/alloc.h"
#include "core/core.h"
#include "model/limits.h"
#include "scheduler/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum store_durability durability_of(const char *word, bool *ok)
{
	*ok = true;
	if (!word || !strcmp(word, "strict"))
		return STORE_STRICT;
	if (!strcmp(word, "relaxed"))
		return STORE_RELAXED;
	if (!strcmp(word, "volatile"))
		return STORE_VOLATILE;
	*ok = false;
	return STORE_STRICT;
}

static void learn_user(struct scheduler *s)
{
	s->user = user_name_of(getuid());
	s->config.user = slice_str(s->user);
	s->config.uid = getuid();
}

/* "USER=N": how many turns the user has where another has one. */
static bool learn_weight(struct user_weight *out, const char *text)
{
	const char *sign = strrchr(text, '=');
	char *end = NULL;

	out->name = slice_of(text, sign ? (size_t)(sign - text) : 0);
	out->weight = sign ? strtoul(sign + 1, &end, 10) : 0;
	return out->name.n && *end == '\0' && out->weight && out->weight <= USER_WEIGHT_MAX;
}

bool scheduler_weight_is_sound(const char *text)
{
	struct user_weight weight;

	return learn_weight(&weight, text);
}

/* The group that the sockets admit, and the weights of users. */
static bool learn_others(
	struct scheduler *s, const struct scheduler_options *o, char *error, size_t error_bytes)
{
	size_t n = 0;

	while (o->weights && o->weights[n])
		n++;
	s->weights = xcalloc(n + 1, sizeof(*s->weights));
	for (size_t i = 0; i < n; i++) {
		if (learn_weight(&s->weights[i], o->weights[i]))
			continue;
		snprintf(error, error_bytes,
			"weight: not USER=N with N from 1 to " USER_WEIGHT_TEXT ": %s",
			o->weights[i]);
		return false;
	}
	s->config.weights = s->weights;
	s->config.nweights = n;
	s->has_group = o->socket_group != NULL;
	if (!s->has_group || group_find(o->socket_group, &s->group))
		return true;
	snprintf(error, error_bytes, "socket group: there is no group %s", o->socket_group);
	return false;
}

static bool open_store(
	struct scheduler *s, const struct scheduler_options *o, char *error, size_t error_bytes)
{
	struct store_options so = {.dir = o->state_dir,
		.limit_bytes = o->store_limit_bytes,
		.durability = s->durability,
		.force_network_fs = o->force_network_fs,
		.done = server_stored,
		.done_arg = s};
	struct store_error err;

	if (store_open(&so, &s->store, &err) != STORE_OK) {
		snprintf(error, error_bytes, "%s", err.text);
		return false;
	}
	s->secret_file = xasprintf("%s/secret", o->state_dir);
	if (!secret_load_or_make(s->secret_file, &s->secret, error, error_bytes))
		return false;
	s->config.secret = slice_of(s->secret.bytes, sizeof(s->secret.bytes));
	return true;
}

bool server_open(
	struct scheduler *s, const struct scheduler_options *o, char *error, size_t error_bytes)
{
	bool known;

	learn_user(s);
	if (!learn_others(s, o, error, error_bytes))
		return false;
	s->durability = durability_of(o->durability, &known);
	if (!known) {
		snprintf(error, error_bytes, "durability: strict, relaxed or volatile, not %s",
			o->durability);
		return false;
	}
	return open_store(s, o, error, error_bytes);
}

bool server_listen(
	struct scheduler *s, const struct scheduler_options *o, char *error, size_t error_bytes)
{
	char why[200] = "";
	size_t n = 0;

	while (o->listen[n])
		n++;
	s->listeners = xcalloc(n, sizeof(struct listener *));
	for (size_t i = 0; i < n; i++) {
		s->listeners[i] =
			listener_new(s->loop, o->listen[i], peers_accept, s, why, sizeof(why));
		if (!s->listeners[i]) {
			snprintf(error, error_bytes, "%s: %s", o->listen[i], why);
			return false;
		}
		s->nlisteners++;
		if (s->has_group && !strncmp(o->listen[i], "unix:", 5) &&
			(!listener_allow_group(s->listeners[i], s->group) ||
				!group_let_pass(s->group, o->listen[i] + 5))) {
			snprintf(error, error_bytes, "%s: its group %s: %s", o->listen[i],
				o->socket_group, strerror(errno));
			return false;
		}
		listener_set_frame_limit(s->listeners[i], LIMIT_HELLO_BYTES);
	}
	return true;
}
