/*
 * The msgpack cursor: the forms that are not inlined, and stepping over values.
 *
 * Each value starts with a byte that says its type and either holds a small value or says how many
 * bytes of a big-endian number follow. head_read() takes that apart once for all getters. A failure
 * moves the cursor to its end, so that every later read fails by finding no bytes.
 */
#include "codec/cursor.h"

#include "base/ensure.h"

/* A value's first bytes, taken apart. */
struct head {
	enum cursor_type type;
	size_t bytes;    /* of the head itself */
	uint64_t number; /* integers: the value's bits; str, bin, ext: length of the body; array,
			    map: count */
	int8_t ext_type;
};

static const char truncated[] = "the input ends inside a value";

void cursor_fail(struct cursor *c, const char *why)
{
	if (!c->error)
		c->error = why;
	c->p = c->end;
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* The type and the count of bytes that follow, for the first bytes 0xc0 to 0xdf. */
struct form {
	uint8_t type, bytes;
};

static const struct form forms[32] = {
	{CURSOR_NIL, 0},
	{CURSOR_INVALID, 0},
	{CURSOR_BOOL, 0},
	{CURSOR_BOOL, 0},
	{CURSOR_BIN, 1},
	{CURSOR_BIN, 2},
	{CURSOR_BIN, 4},
	{CURSOR_EXT, 1},
	{CURSOR_EXT, 2},
	{CURSOR_EXT, 4},
	{CURSOR_DOUBLE, 4},
	{CURSOR_DOUBLE, 8},
	{CURSOR_UINT, 1},
	{CURSOR_UINT, 2},
	{CURSOR_UINT, 4},
	{CURSOR_UINT, 8},
	{CURSOR_INT, 1},
	{CURSOR_INT, 2},
	{CURSOR_INT, 4},
	{CURSOR_INT, 8},
	{CURSOR_EXT, 0},
	{CURSOR_EXT, 0},
	{CURSOR_EXT, 0},
	{CURSOR_EXT, 0},
	{CURSOR_EXT, 0},
	{CURSOR_STR, 1},
	{CURSOR_STR, 2},
	{CURSOR_STR, 4},
	{CURSOR_ARRAY, 2},
	{CURSOR_ARRAY, 4},
	{CURSOR_MAP, 2},
	{CURSOR_MAP, 4},
};

/* Signed forms: the number with its sign; a value that is not negative is a CURSOR_UINT. */
static void head_sign(struct head *h, size_t bytes)
{
	unsigned unused = 64 - 8 * (unsigned)bytes;
	int64_t v = (int64_t)(h->number << unused) >> unused;

	h->number = (uint64_t)v;
	h->type = v < 0 ? CURSOR_INT : CURSOR_UINT;
}

/* False: not all of the head is there. Bodies are not looked at. */
static bool head_read(const struct cursor *c, struct head *h)
{
	size_t left = cursor_left(c), follow;
	uint8_t b;

	if (left == 0)
		return false;
	b = *c->p;
	*h = (struct head){.bytes = 1};
	if (b < 0x80 || b >= 0xe0) {
		h->type = b < 0x80 ? CURSOR_UINT : CURSOR_INT;
		h->number = (uint64_t)(int64_t)(int8_t)b;
		return true;
	}
	if (b < 0xc0) {
		h->type = b < 0x90 ? CURSOR_MAP : b < 0xa0 ? CURSOR_ARRAY : CURSOR_STR;
		h->number = b < 0xa0 ? b & 0x0f : b & 0x1f;
		return true;
	}
	h->type = (enum cursor_type)forms[b - 0xc0].type;
	follow = forms[b - 0xc0].bytes;
	h->bytes += follow + (h->type == CURSOR_EXT);
	if (h->bytes > left)
		return false;
	h->number = big_endian(c->p + 1, follow);
	if (h->type == CURSOR_EXT) {
		h->ext_type = (int8_t)c->p[1 + follow];
		if (follow == 0)
			h->number = (uint64_t)1 << (b - 0xd4);
	} else if (h->type == CURSOR_INT) {
		head_sign(h, follow);
	} else if (h->type == CURSOR_BOOL) {
		h->number = b & 1;
	}
	return true;
}

enum cursor_type cursor_type(const struct cursor *c)
{
	struct head h;

	if (cursor_left(c) == 0)
		return CURSOR_END;
	if (head_read(c, &h))
		return h.type;
	/* Cut inside the head: its kind is known from the first byte, and reading it will fail. */
	return (enum cursor_type)forms[*c->p - 0xc0].type;
}

/* Reads a head of the wanted type; false after failing the cursor. */
static bool head_take(struct cursor *c, struct head *h, enum cursor_type want, const char *why)
{
	if (!head_read(c, h)) {
		cursor_fail(c, cursor_left(c) ? truncated : "a value is missing");
		return false;
	}
	if (h->type != want) {
		cursor_fail(c, why);
		return false;
	}
	c->p += h->bytes;
	return true;
}

/* The body of n bytes behind a head. */
static struct slice body_take(struct cursor *c, uint64_t n)
{
	struct slice s;

	if (n > cursor_left(c)) {
		cursor_fail(c, truncated);
		return slice_empty();
	}
	s = slice_of(c->p, (size_t)n);
	c->p += n;
	return s;
}

void cursor_nil(struct cursor *c)
{
	struct head h;

	head_take(c, &h, CURSOR_NIL, "nil expected");
}

bool cursor_bool(struct cursor *c)
{
	struct head h;

	return head_take(c, &h, CURSOR_BOOL, "a boolean expected") && h.number;
}

uint64_t cursor_u64_any(struct cursor *c)
{
	struct head h;

	return head_take(c, &h, CURSOR_UINT, "a number that is not negative expected") ? h.number
										       : 0;
}

int64_t cursor_i64(struct cursor *c)
{
	struct head h;

	if (cursor_type(c) == CURSOR_INT)
		return head_take(c, &h, CURSOR_INT, "an integer expected") ? (int64_t)h.number : 0;
	if (!head_take(c, &h, CURSOR_UINT, "an integer expected"))
		return 0;
	if (h.number > INT64_MAX) {
		cursor_fail(c, "number out of range");
		return 0;
	}
	return (int64_t)h.number;
}

static double float_bits(const struct head *h)
{
	uint32_t bits32 = (uint32_t)h->number;
	double d;
	float f;

	if (h->bytes == 9) {
		memcpy(&d, &h->number, sizeof(d));
		return d;
	}
	memcpy(&f, &bits32, sizeof(f));
	return f;
}

double cursor_double(struct cursor *c)
{
	struct head h;

	switch (cursor_type(c)) {
	case CURSOR_UINT:
		return (double)cursor_u64_any(c);
	case CURSOR_INT:
		return (double)cursor_i64(c);
	default:
		return head_take(c, &h, CURSOR_DOUBLE, "a number expected") ? float_bits(&h) : 0;
	}
}

struct slice cursor_str_any(struct cursor *c)
{
	struct head h;

	return head_take(c, &h, CURSOR_STR, "a string expected") ? body_take(c, h.number)
								 : slice_empty();
}

struct slice cursor_bin_any(struct cursor *c)
{
	struct head h;

	return head_take(c, &h, CURSOR_BIN, "bytes expected") ? body_take(c, h.number)
							      : slice_empty();
}

struct slice cursor_str_or_bin(struct cursor *c)
{
	return cursor_type(c) == CURSOR_BIN ? cursor_bin(c) : cursor_str(c);
}

static uint32_t count_take(struct cursor *c, enum cursor_type want, size_t least, const char *why)
{
	struct head h;

	if (!head_take(c, &h, want, why))
		return 0;
	if (h.number * least > cursor_left(c)) {
		cursor_fail(c, "a count larger than what follows");
		return 0;
	}
	return (uint32_t)h.number;
}

uint32_t cursor_array_any(struct cursor *c)
{
	return count_take(c, CURSOR_ARRAY, 1, "an array expected");
}

uint32_t cursor_map_any(struct cursor *c)
{
	return count_take(c, CURSOR_MAP, 2, "a map expected");
}

uint32_t cursor_array_min(struct cursor *c, uint32_t min)
{
	uint32_t n = cursor_array(c);

	if (n < min) {
		cursor_fail(c, "an array with too few elements");
		return 0;
	}
	return n;
}

void cursor_skip_rest(struct cursor *c, uint32_t have, uint32_t read)
{
	ensure(!cursor_ok(c) || read <= have);
	for (uint32_t i = read; i < have && cursor_ok(c); i++)
		cursor_skip(c);
}

struct slice cursor_ext(struct cursor *c, int8_t *type)
{
	struct head h;

	*type = 0;
	if (!head_take(c, &h, CURSOR_EXT, "an extension expected"))
		return slice_empty();
	*type = h.ext_type;
	return body_take(c, h.number);
}

/*
 * Steps over a head and its body; returns how many values follow inside it. A failed cursor returns
 * 0.
 */
static uint64_t step(struct cursor *c)
{
	struct head h;

	if (!head_read(c, &h)) {
		cursor_fail(c, cursor_left(c) ? truncated : "a value is missing");
		return 0;
	}
	c->p += h.bytes;
	switch (h.type) {
	case CURSOR_STR:
	case CURSOR_BIN:
	case CURSOR_EXT:
		body_take(c, h.number);
		return 0;
	case CURSOR_ARRAY:
		return h.number;
	case CURSOR_MAP:
		return h.number * 2;
	case CURSOR_INVALID:
		cursor_fail(c, "a byte that msgpack does not use");
		return 0;
	default:
		return 0;
	}
}

void cursor_skip(struct cursor *c)
{
	uint64_t left[CURSOR_DEPTH_MAX + 1]; /* values still to come, one count a level */
	unsigned depth = 0;

	left[0] = 1;
	while (left[0] > 0 || depth > 0) {
		uint64_t inside;

		if (left[depth] == 0) {
			depth--;
			continue;
		}
		left[depth]--;
		inside = step(c);
		if (!cursor_ok(c))
			return;
		if (inside == 0)
			continue;
		if (depth == CURSOR_DEPTH_MAX || inside > cursor_left(c)) {
			cursor_fail(c, depth == CURSOR_DEPTH_MAX
					       ? "nesting: at most 64 deep"
					       : "a count larger than what follows");
			return;
		}
		left[++depth] = inside;
	}
}

struct slice cursor_raw(struct cursor *c)
{
	const uint8_t *from = c->p;

	cursor_skip(c);
	return cursor_ok(c) ? slice_of(from, (size_t)(c->p - from)) : slice_empty();
}
