/*
 * What a task asks of its slot while it runs: the token that its client proves, and to have its
 * progress told. A function in a thread calls; one in a helper process sends a frame, which its
 * slot's thread takes while it waits for the end.
 */
#include "worker/slot.h"

#include "codec/cursor.h"

#include <string.h>

void slot_set_task_key(struct slots_shared *shared, struct slice key)
{
	pthread_mutex_lock(&shared->lock);
	shared->has_task_key = key.n == sizeof(shared->task_key);
	if (shared->has_task_key)
		memcpy(shared->task_key, key.p, key.n);
	pthread_mutex_unlock(&shared->lock);
}

bool slot_token(struct slot *s, uint64_t id, struct fence fence, char out[WIRE_TOKEN_TEXT])
{
	struct slots_shared *shared = s->shared;
	uint8_t key[WIRE_TICKET_BYTES];
	bool has;

	pthread_mutex_lock(&shared->lock);
	has = shared->has_task_key;
	memcpy(key, shared->task_key, sizeof(key));
	pthread_mutex_unlock(&shared->lock);
	if (has)
		wire_token_write(out, slice_of(key, sizeof(key)), id, fence);
	return has;
}

static void note_progress(struct slot *s, uint32_t millionths, struct slice text)
{
	struct slot_progress *p = &s->progress;

	pthread_mutex_lock(&s->lock);
	p->told++;
	p->millionths = millionths;
	p->text_n = (uint32_t)(text.n < sizeof(p->text) ? text.n : sizeof(p->text));
	if (p->text_n)
		memcpy(p->text, text.p, p->text_n);
	pthread_mutex_unlock(&s->lock);
}

static bool host_token(void *arg, uint64_t id, struct fence fence, char out[WIRE_TOKEN_TEXT])
{
	return slot_token(arg, id, fence, out);
}

static void host_progress(void *arg, uint32_t millionths, struct slice text)
{
	note_progress(arg, millionths, text);
}

void slot_host_init(struct slot *s)
{
	s->host = (struct call_host){.scheduler = s->options->scheduler,
		.worker = s->options->worker,
		.states = &s->shared->states,
		.token = host_token,
		.progress = host_progress,
		.arg = s};
	s->call.host = &s->host;
}

bool slot_asked(struct slot *s)
{
	char token[WIRE_TOKEN_TEXT] = "";
	struct cursor c;
	uint32_t millionths;
	struct slice text;

	if (s->frame.type == SLOT_TOKEN) {
		(void)!slot_token(s, s->current->id, s->current->fence, token);
		text = slice_str(token);
		return slot_send(s->fd, SLOT_TOKEN, &text, 1);
	}
	if (s->frame.type == SLOT_EFFECTS) {
		buf_clear(&s->effects);
		buf_append_slice(&s->effects, s->frame.payload);
		return !s->effects.failed;
	}
	if (s->frame.type != SLOT_PROGRESS)
		return false;
	cursor_init(&c, s->frame.payload);
	cursor_array_min(&c, 2);
	millionths = cursor_u32(&c);
	text = cursor_bin(&c);
	if (cursor_ok(&c))
		note_progress(s, millionths, text);
	return cursor_ok(&c);
}
