/*
 * Keys: the generated form "dq-SESSION-N", what users may give, and the text forms "ns/key" and
 * "key[17]". Every submitted task passes key_is_valid, so plain ASCII costs one table look-up a
 * byte.
 */
#include "base/ensure.h"
#include "base/json.h"
#include "model/block.h"
#include "model/limits.h"

#include <string.h>

enum { PLAIN = 0, REFUSED = 1, BEYOND_ASCII = 2 };

/* REFUSED: control characters and what separates parts of a key's text. */
static const uint8_t byte_class[256] = {
	[0 ... 31] = REFUSED,
	['/'] = REFUSED,
	['['] = REFUSED,
	[']'] = REFUSED,
	[127] = REFUSED,
	[128 ... 255] = BEYOND_ASCII,
};

static size_t put_decimal(char *to, uint32_t v)
{
	char digits[10];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (size_t i = 0; i < n; i++)
		to[i] = digits[n - 1 - i];
	return n;
}

size_t key_generate(char out[GENERATED_KEY_BYTES], uint64_t id)
{
	size_t n = 3;

	memcpy(out, "dq-", 3);
	n += put_decimal(out + n, task_id_session(id));
	out[n++] = '-';
	n += put_decimal(out + n, task_id_n(id));
	ensure(n <= GENERATED_KEY_BYTES);
	return n;
}

/* Decimal digits without a leading zero up to `max`, at *at; false when there is none. */
static bool take_decimal(struct slice s, size_t *at, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = *at;

	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
		v = v * 10 + (uint64_t)(s.p[i] - '0');
		if (v > max)
			return false;
		i++;
	}
	if (i == *at || (s.p[*at] == '0' && i > *at + 1))
		return false;
	*at = i;
	*out = v;
	return true;
}

uint64_t key_parse_generated(struct slice key)
{
	uint64_t session, n;
	size_t at = 3;

	if (key.n < 6 || key.n > GENERATED_KEY_BYTES || memcmp(key.p, "dq-", 3) != 0)
		return 0;
	if (!take_decimal(key, &at, UINT32_MAX, &session) || at == key.n || key.p[at] != '-')
		return 0;
	at++;
	if (!take_decimal(key, &at, UINT32_MAX, &n) || at != key.n || session == 0 || n == 0)
		return 0;
	return task_id((uint32_t)session, (uint32_t)n);
}

/* Well-formed UTF-8 without the second block of control characters (U+0080 to U+009F). */
static bool is_printable_utf8(struct slice s)
{
	if (!utf8_is_valid(s))
		return false;
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] == 0xc2 && s.p[i + 1] < 0xa0)
			return false;
	}
	return true;
}

/* NULL, or what is wrong with the characters. */
static const char *wrong_characters(struct slice s)
{
	uint8_t seen = 0;

	for (size_t i = 0; i < s.n; i++)
		seen |= byte_class[s.p[i]];
	if (__builtin_expect(seen == PLAIN, 1))
		return NULL;
	if (seen & REFUSED || !is_printable_utf8(s))
		return "key: must be UTF-8 without control characters, '/', '[' and ']'";
	return NULL;
}

bool key_is_valid(struct slice key, const char **why)
{
	if (key.n == 0)
		*why = "key: is empty";
	else if (key.n > LIMIT_KEY_BYTES)
		*why = LIMIT_TEXT(KEY_BYTES);
	else if ((*why = wrong_characters(key)) != NULL)
		return false;
	else if (key_parse_generated(key))
		*why = "key: the form dq-NUMBER-NUMBER is for generated keys";
	return *why == NULL;
}

bool namespace_is_valid(struct slice ns, const char **why)
{
	if (ns.n == 0)
		*why = "namespace: is empty";
	else if (ns.n > LIMIT_NAMESPACE_BYTES)
		*why = LIMIT_TEXT(NAMESPACE_BYTES);
	else if (wrong_characters(ns))
		*why = "namespace: must be UTF-8 without control characters, '/', '[' and ']'";
	else
		return true;
	return false;
}

/* Takes "[17]" off the end; true also where there is none. */
static bool split_element(struct slice *key, int64_t *element)
{
	const uint8_t *open;
	uint64_t v;
	size_t at;

	*element = -1;
	open = key->n ? memchr(key->p, '[', key->n) : NULL;
	if (!open)
		return true;
	at = (size_t)(open - key->p) + 1;
	if (!take_decimal(*key, &at, LIMIT_ARRAY_ELEMENTS - 1, &v) || at + 1 != key->n ||
		key->p[at] != ']')
		return false;
	*element = (int64_t)v;
	key->n = (size_t)(open - key->p);
	return true;
}

bool key_split(struct slice text, struct slice *ns, struct slice *key, int64_t *element)
{
	const uint8_t *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	const char *why;

	*ns = slice_empty();
	*key = text;
	if (slash) {
		*ns = slice_of(text.p, (size_t)(slash - text.p));
		*key = slice_drop(text, ns->n + 1);
		if (!namespace_is_valid(*ns, &why))
			return false;
	}
	return split_element(key, element) && key->n > 0 && key->n <= LIMIT_KEY_BYTES &&
	       !wrong_characters(*key);
}
