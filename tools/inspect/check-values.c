/*
 * Checks of stored values: each that a row names is a file of the right size and bytes. Files that
 * no row names are none of a violation: the next start removes them. In a live store one may have
 * been forgotten since the snapshot began.
 */
#include "check.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "store/values.h"

#define PIECE_BYTES ((size_t)256 << 10)

static uint64_t checksum_of(int fd)
{
	uint8_t *piece = xmalloc(PIECE_BYTES);
	struct hasher hasher;
	ssize_t n;

	hasher_init(&hasher);
	while ((n = read(fd, piece, PIECE_BYTES)) > 0)
		hasher_update(&hasher, piece, (size_t)n);
	free(piece);
	return hasher_hash64(&hasher);
}

static void check_file(struct image *img, const struct img_row *row, const struct outcome *o)
{
	uint64_t size = 0;
	char id[ID_TEXT_BYTES];
	int fd = store_value_open(img->in->store, row->id, row->generation, &size);

	id_text(row->id, id);
	if (fd < 0) {
		if (!img->in->info.live)
			image_problem(img, "task %s: the file of its stored value is missing", id);
		return;
	}
	if (size != o->size)
		image_problem(img,
			"task %s: its stored value has %" PRIu64 " bytes, its file %" PRIu64, id,
			o->size, size);
	else if (checksum_of(fd) != o->checksum)
		image_problem(img, "task %s: the file of its stored value has other bytes", id);
	close(fd);
}

void check_values(struct image *img)
{
	for (size_t i = 0; i < img->rows.n; i++) {
		const struct img_row *row = &img->rows.v[i];
		struct task_row r;
		struct outcome o;
		const char *why;

		if (row->state == TASK_DONE && task_row_decode(row->value, &r, &why) &&
			outcome_decode(r.outcome, &o, &why) && o.stored)
			check_file(img, row, &o);
	}
}
