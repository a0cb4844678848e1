/*
 * A task module for a beamline: detectors that take images for ever, and what is done with each.
 *
 *	detector([photographs, database])  takes an image every `interval` seconds, a variable
 *	decode([path])                     a JPEG as a grey image, an eighth of its size
 *	threshold([image])                 with what is not brighter than usual made black
 *	measure([image])                   [mean, bright pixels, x, y, histogram] of an image
 *	thumbnail([image])                 at most 64 pixels wide
 *	save([database, detector, number, path, measured, thumbnail])
 *
 * An image is a value of type "image" that stays on the worker that made it. The photographs of a
 * directory stand for what a camera sees.
 *
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o beamline.so beamline-*.c \
 *		$(pkg-config --libs dq sqlite3 libjpeg) -lmsgpackc -lm
 */
#include "beamline.h"

#include <msgpack.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

struct image {
	uint32_t width, height;
	uint8_t pixels[];
};

static struct image *image_new(uint32_t width, uint32_t height)
{
	struct image *image = malloc(sizeof(*image) + (size_t)width * height);

	if (image)
		*image = (struct image){.width = width, .height = height};
	return image;
}

/* Gives an image back as the result, and frees it. */
static int return_image(struct dq_task *task, struct image *image)
{
	int r = image ? dq_task_return(task, "image", image,
				sizeof(*image) + (size_t)image->width * image->height)
		      : dq_task_fail(task, "out of memory");

	free(image);
	return r;
}

/* An image that the task was given, where it lies: at any address, so that its size is copied. */
struct view {
	uint32_t width, height;
	const uint8_t *pixels;
};

static bool given(struct dq_task *task, struct view *out)
{
	struct image head;
	struct dq_input in;

	if (!dq_task_input(task, 0, &in) || in.n < sizeof(head))
		return false;
	memcpy(&head, in.bytes, sizeof(head));
	*out = (struct view){.width = head.width,
		.height = head.height,
		.pixels = (const uint8_t *)in.bytes + sizeof(head)};
	return in.n == sizeof(head) + (size_t)head.width * head.height;
}

bool beamline_args(struct dq_task *task, msgpack_unpacked *args, uint32_t n)
{
	const void *bytes;
	size_t size;

	dq_task_args(task, &bytes, &size);
	msgpack_unpacked_init(args);
	if (msgpack_unpack_next(args, bytes, size, NULL) == MSGPACK_UNPACK_SUCCESS &&
		args->data.type == MSGPACK_OBJECT_ARRAY && args->data.via.array.size == n)
		return true;
	msgpack_unpacked_destroy(args);
	return false;
}

bool beamline_path(const msgpack_object *from, char path[PATH_MAX])
{
	if (from->type != MSGPACK_OBJECT_STR || from->via.str.size >= PATH_MAX)
		return false;
	memcpy(path, from->via.str.ptr, from->via.str.size);
	path[from->via.str.size] = '\0';
	return true;
}

/* ---- decode ---- */

struct jpeg_trouble {
	struct jpeg_error_mgr m;
	jmp_buf back;
	char text[JMSG_LENGTH_MAX];
};

static void jpeg_failed(j_common_ptr jpeg)
{
	struct jpeg_trouble *t = (struct jpeg_trouble *)jpeg->err;

	t->m.format_message(jpeg, t->text);
	longjmp(t->back, 1);
}

/* NULL: trouble has the text. */
static struct image *read_jpeg(FILE *file, struct jpeg_trouble *trouble)
{
	struct jpeg_decompress_struct jpeg = {.err = jpeg_std_error(&trouble->m)};
	struct image *volatile image = NULL;

	trouble->m.error_exit = jpeg_failed;
	jpeg_create_decompress(&jpeg);
	if (setjmp(trouble->back) == 0) {
		jpeg_stdio_src(&jpeg, file);
		jpeg_read_header(&jpeg, TRUE);
		jpeg.out_color_space = JCS_GRAYSCALE;
		jpeg.scale_num = 1;
		jpeg.scale_denom = 8;
		jpeg_start_decompress(&jpeg);
		image = image_new(jpeg.output_width, jpeg.output_height);
		while (image && jpeg.output_scanline < jpeg.output_height) {
			JSAMPROW row = image->pixels + (size_t)jpeg.output_scanline * image->width;

			jpeg_read_scanlines(&jpeg, &row, 1);
		}
		if (image)
			jpeg_finish_decompress(&jpeg);
	} else {
		free(image);
		image = NULL;
	}
	jpeg_destroy_decompress(&jpeg);
	return image;
}

static int decode(struct dq_task *task)
{
	struct jpeg_trouble trouble = {.text = "out of memory"};
	msgpack_unpacked args;
	char path[PATH_MAX];
	struct image *image;
	FILE *file;
	bool ok;

	if (!beamline_args(task, &args, 1))
		return dq_task_fail(task, "decode: wants [path]");
	ok = beamline_path(&args.data.via.array.ptr[0], path);
	msgpack_unpacked_destroy(&args);
	file = ok ? fopen(path, "rb") : NULL;
	if (!file)
		return dq_task_fail(task, "decode: cannot open %s", ok ? path : "what is no path");
	image = read_jpeg(file, &trouble);
	fclose(file);
	if (!image)
		return dq_task_fail(task, "decode: %s: %s", path, trouble.text);
	return return_image(task, image);
}

/* ---- threshold, measure, thumbnail ---- */

/* Half of the pixels are darker than the background; what is worth a look is well above. */
static int threshold(struct dq_task *task)
{
	size_t n, below = 0, count[256] = {0};
	unsigned median = 0;
	struct image *out;
	struct view in;

	if (!given(task, &in))
		return dq_task_fail(task, "threshold: wants an image");
	out = image_new(in.width, in.height);
	n = (size_t)in.width * in.height;
	for (size_t i = 0; i < n; i++)
		count[in.pixels[i]]++;
	while (median < 255 && (below += count[median]) * 2 < n)
		median++;
	for (size_t i = 0; out && i < n; i++)
		out->pixels[i] = in.pixels[i] > median + 32 ? in.pixels[i] : 0;
	return return_image(task, out);
}

static int measure(struct dq_task *task)
{
	uint32_t histogram[16] = {0};
	double sum = 0, x = 0, y = 0;
	msgpack_sbuffer out;
	msgpack_packer packer;
	uint64_t bright = 0;
	struct view in;
	int r;

	if (!given(task, &in))
		return dq_task_fail(task, "measure: wants an image");
	for (uint32_t row = 0; row < in.height; row++)
		for (uint32_t col = 0; col < in.width; col++) {
			uint8_t v = in.pixels[(size_t)row * in.width + col];

			histogram[v / 16]++;
			bright += v > 0;
			sum += v;
			x += (double)v * col;
			y += (double)v * row;
		}
	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 5);
	msgpack_pack_double(&packer, in.width ? sum / in.width / in.height : 0);
	msgpack_pack_uint64(&packer, bright);
	msgpack_pack_double(&packer, sum > 0 ? x / sum : 0);
	msgpack_pack_double(&packer, sum > 0 ? y / sum : 0);
	msgpack_pack_bin_with_body(&packer, histogram, sizeof(histogram));
	r = dq_task_return(task, "msgpack", out.data, out.size);
	msgpack_sbuffer_destroy(&out);
	return r;
}

/* The mean of each square of pixels. */
static int thumbnail(struct dq_task *task)
{
	struct image *out;
	struct view in;
	uint32_t side;

	if (!given(task, &in))
		return dq_task_fail(task, "thumbnail: wants an image");
	side = in.width / 64 + 1;
	out = image_new(in.width / side, in.height / side);
	for (uint32_t row = 0; out && row < out->height; row++)
		for (uint32_t col = 0; col < out->width; col++) {
			uint64_t sum = 0;

			for (uint32_t i = 0; i < side * side; i++)
				sum += in.pixels[(size_t)(row * side + i / side) * in.width +
						 col * side + i % side];
			out->pixels[(size_t)row * out->width + col] = (uint8_t)(sum / side / side);
		}
	return return_image(task, out);
}

/* ---- save ---- */

/* The database that the task names, opened once for a slot's process. */
static void *open_database(struct dq_task *task)
{
	msgpack_unpacked args;
	char path[PATH_MAX];
	sqlite3 *db = NULL;
	bool ok;

	if (!beamline_args(task, &args, 6))
		return NULL;
	ok = beamline_path(&args.data.via.array.ptr[0], path) &&
	     sqlite3_open(path, &db) == SQLITE_OK && sqlite3_busy_timeout(db, 20000) == SQLITE_OK &&
	     sqlite3_exec(db,
		     "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS image (detector TEXT,"
		     " number INTEGER, path TEXT, mean REAL, bright INTEGER, x REAL, y REAL,"
		     " histogram BLOB, thumbnail BLOB, worker TEXT,"
		     " PRIMARY KEY (detector, number))",
		     NULL, NULL, NULL) == SQLITE_OK;
	msgpack_unpacked_destroy(&args);
	if (ok)
		return db;
	sqlite3_close(db);
	return NULL;
}

static void close_database(void *db)
{
	sqlite3_close(db);
}

static void bind_value(sqlite3_stmt *insert, int i, const msgpack_object *v)
{
	if (v->type == MSGPACK_OBJECT_STR)
		sqlite3_bind_text(
			insert, i, v->via.str.ptr, (int)v->via.str.size, SQLITE_TRANSIENT);
	else if (v->type == MSGPACK_OBJECT_BIN)
		sqlite3_bind_blob(
			insert, i, v->via.bin.ptr, (int)v->via.bin.size, SQLITE_TRANSIENT);
	else if (v->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
		sqlite3_bind_int64(insert, i, (sqlite3_int64)v->via.u64);
	else if (v->type == MSGPACK_OBJECT_FLOAT)
		sqlite3_bind_double(insert, i, v->via.f64);
}

/* A task may run twice; the row, which detector and number name, is there once. */
static int save(struct dq_task *task)
{
	sqlite3 *db = dq_task_state(task, "database", open_database, close_database);
	const msgpack_object *a, *measured;
	sqlite3_stmt *insert = NULL;
	msgpack_unpacked args;
	int r = SQLITE_MISUSE;

	if (!db || !beamline_args(task, &args, 6))
		return dq_task_fail(task, db ? "save: wants six things" : "save: no database");
	a = args.data.via.array.ptr;
	measured = &a[4];
	if (measured->type == MSGPACK_OBJECT_ARRAY && measured->via.array.size == 5)
		r = sqlite3_prepare_v2(db,
			"INSERT OR IGNORE INTO image VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1,
			&insert, NULL);
	if (r == SQLITE_OK) {
		for (int i = 0; i < 3; i++)
			bind_value(insert, 1 + i, &a[1 + i]);
		for (int i = 0; i < 5; i++)
			bind_value(insert, 4 + i, &measured->via.array.ptr[i]);
		bind_value(insert, 9, &a[5]);
		sqlite3_bind_text(insert, 10, dq_task_worker(task), -1, SQLITE_TRANSIENT);
		r = sqlite3_step(insert);
		sqlite3_finalize(insert);
	}
	msgpack_unpacked_destroy(&args);
	return r == SQLITE_DONE ? 0 : dq_task_fail(task, "save: %s", sqlite3_errstr(r));
}

DQ_MODULE({"detector", beamline_detector}, {"decode", decode}, {"threshold", threshold},
	{"measure", measure}, {"thumbnail", thumbnail}, {"save", save})
