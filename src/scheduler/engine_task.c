/*
 * Clients inside tasks, and the messages of tasks that use the scheduler. HELLO names a task and
 * the fence of its lease; the MAC of its token, which the worker made, is the secret of the proofs,
 * over any kind of connection. Proved, the core is told, and from then on the connection is the
 * task's.
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"

void engine_task_key(const struct engine *e, uint32_t worker, uint8_t key[WIRE_TICKET_BYTES])
{
	wire_task_key(key, e->config.secret, worker);
}

bool engine_task_hello(struct engine *e, struct engine_conn *c, const struct msg_hello *m,
	uint64_t mono_us, uint64_t wall_us)
{
	uint8_t key[WIRE_TICKET_BYTES];
	uint32_t worker;

	if (m->role != ROLE_CLIENT) {
		engine_refuse(e, c, DQ_E_GONE, "only a client is inside a task");
		return false;
	}
	if (!wire_token_head(m->task, &c->task, &c->fence)) {
		engine_refuse(e, c, DQ_E_GONE, "no task's token");
		return false;
	}
	worker = core_lease_worker(e->core, c->task, c->fence);
	if (!worker) {
		/* That may not be stored yet, and then is not so after a crash: the core refuses,
		 * and the refusal leaves with what it rests on. */
		engine_task_enter(e, c, mono_us, wall_us);
		return false;
	}
	engine_task_key(e, worker, key);
	wire_task_mac(c->task_mac, slice_of(key, sizeof(key)), c->task, c->fence);
	c->in_task = true;
	return true;
}

void engine_task_enter(struct engine *e, struct engine_conn *c, uint64_t mono_us, uint64_t wall_us)
{
	struct event event = {.kind = EVENT_ENTER, .conn = c->number};

	event.enter.id = c->task;
	event.enter.fence = c->fence;
	engine_step(e, &event, mono_us, wall_us);
}

static void show_progress(struct engine *e, struct buf *out, uint64_t id)
{
	uint32_t millionths;
	struct slice text;

	pack_cstr(out, "progress");
	if (!core_view_progress(e->core, id, &millionths, &text)) {
		pack_nil(out);
		return;
	}
	pack_map(out, 2);
	pack_cstr(out, "fraction");
	if (millionths <= WIRE_MILLIONTHS)
		pack_double(out, (double)millionths / WIRE_MILLIONTHS);
	else
		pack_nil(out);
	pack_cstr(out, "message");
	pack_str(out, text);
}

void engine_show_inside(struct engine *e, struct buf *out, uint64_t id, uint32_t session)
{
	uint64_t parent = core_session_parent(e->core, session);
	char key[TASK_KEY_TEXT];

	pack_cstr(out, "parent");
	if (parent)
		pack_str(out, engine_key(e, parent, key));
	else
		pack_nil(out);
	show_progress(e, out, id);
}
