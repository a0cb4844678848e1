/*
 * Batches: puts and deletes one after the other in one buffer. An op is 8 bytes of head (u32 length
 * of the value, little-endian; kind; length of the key; zero; table), the key, the value. The
 * table's byte stands right before the key so that the three that a checksum covers are one piece
 * of memory. Neighbours: the scheduler fills them, apply.c carries them out. Out of memory aborts:
 * a daemon's crash is a restart.
 */
#include "store/batch.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>

#define OP_HEAD_BYTES 8
#define OP_PUT 1
#define OP_DEL 2
#define OP_MOVE 3
#define BATCH_MAX ((size_t)4 << 30)
#define BATCH_NOT_OPEN SIZE_MAX

void batch_init(struct batch *batch)
{
	*batch = (struct batch){.open_at = BATCH_NOT_OPEN};
	buf_init(&batch->ops, BATCH_MAX);
}

void batch_release(struct batch *batch)
{
	buf_release(&batch->ops);
	free(batch->files);
	batch_init(batch);
}

void batch_clear(struct batch *batch)
{
	ensure(batch->open_at == BATCH_NOT_OPEN);
	buf_clear(&batch->ops);
	batch->count = 0;
	batch->nfiles = 0;
	batch->seq = 0;
	batch->next = NULL;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Appends the head and the key; the value's length is still to come. */
static void op_begin(struct batch *batch, uint8_t kind, enum table table, const struct key *key)
{
	uint8_t *p;

	ensure(batch->open_at == BATCH_NOT_OPEN);
	ensure(table_valid(table) && key->n > 0 && key->n <= KEY_MAX_BYTES);
	p = buf_reserve(&batch->ops, OP_HEAD_BYTES + KEY_MAX_BYTES);
	ensure(p != NULL);
	put_u32(p, 0);
	p[4] = kind;
	p[5] = key->n;
	p[6] = 0;
	p[7] = (uint8_t)table;
	memcpy(p + OP_HEAD_BYTES, key->b, KEY_MAX_BYTES);
	batch->open_at = batch->ops.n;
	buf_commit(&batch->ops, (size_t)OP_HEAD_BYTES + key->n);
}

static void op_end(struct batch *batch)
{
	uint8_t *head = batch->ops.p + batch->open_at;
	size_t n = batch->ops.n - batch->open_at - OP_HEAD_BYTES - head[5];

	ensure(!batch->ops.failed && n <= UINT32_MAX - 64);
	put_u32(head, (uint32_t)n);
	batch->open_at = BATCH_NOT_OPEN;
	batch->count++;
}

void batch_put(struct batch *batch, enum table table, struct key key, struct slice value)
{
	op_begin(batch, OP_PUT, table, &key);
	buf_append_slice(&batch->ops, value);
	op_end(batch);
}

void batch_del(struct batch *batch, enum table table, struct key key)
{
	op_begin(batch, OP_DEL, table, &key);
	op_end(batch);
}

void batch_move(struct batch *batch, enum table table, struct key from, struct key to)
{
	op_begin(batch, OP_MOVE, table, &from);
	buf_append_slice(&batch->ops, key_slice(&to));
	op_end(batch);
}

static void file_add(struct batch *batch, struct batch_file file)
{
	if (batch->nfiles == batch->files_cap) {
		batch->files_cap = batch->files_cap ? batch->files_cap * 2 : 16;
		batch->files = xreallocarray(batch->files, batch->files_cap, sizeof(*batch->files));
	}
	batch->files[batch->nfiles++] = file;
}

void batch_keep(struct batch *batch, uint64_t upload, uint64_t id, uint32_t generation)
{
	file_add(batch, (struct batch_file){true, upload, id, generation});
}

void batch_drop(struct batch *batch, uint64_t id, uint32_t generation)
{
	file_add(batch, (struct batch_file){false, 0, id, generation});
}

struct buf *batch_put_begin(struct batch *batch, enum table table, struct key key)
{
	op_begin(batch, OP_PUT, table, &key);
	return &batch->ops;
}

void batch_put_end(struct batch *batch)
{
	ensure(batch->open_at != BATCH_NOT_OPEN && batch->open_at < batch->ops.n);
	op_end(batch);
}

uint32_t batch_count(const struct batch *batch)
{
	return batch->count;
}

size_t batch_bytes(const struct batch *batch)
{
	return batch->ops.n;
}

bool batch_next(const struct batch *batch, size_t *pos, struct batch_op *op)
{
	const uint8_t *head = batch->ops.p + *pos;
	uint32_t value_n;

	if (*pos == batch->ops.n)
		return false;
	ensure(batch->ops.n - *pos >= OP_HEAD_BYTES);
	value_n = get_u32(head);
	ensure(batch->ops.n - *pos >= (size_t)OP_HEAD_BYTES + head[5] + value_n);
	op->is_put = head[4] == OP_PUT;
	op->is_move = head[4] == OP_MOVE;
	op->table = (enum table)head[7];
	op->key = slice_of(head + OP_HEAD_BYTES, head[5]);
	op->value = slice_of(op->key.p + head[5], value_n);
	op->hashed = slice_of(head + 7, (size_t)1 + head[5] + value_n);
	*pos += (size_t)OP_HEAD_BYTES + head[5] + value_n;
	return true;
}
