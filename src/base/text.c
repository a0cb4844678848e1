/*
 * Bytes as text: base64 and hexadecimal. Declared in json.h, beside their chief user.
 */
#include "base/json.h"

#include <string.h>

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct slice bytes)
{
	size_t groups = bytes.n / 3 + (bytes.n % 3 != 0);
	uint8_t *to = buf_reserve(out, groups * 4);
	const uint8_t *p = bytes.p;

	if (!to)
		return;
	for (size_t left = bytes.n; left > 0;) {
		size_t n = left < 3 ? left : 3;
		uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
			     (n > 2 ? p[2] : 0);

		to[0] = (uint8_t)base64_digits[v >> 18];
		to[1] = (uint8_t)base64_digits[v >> 12 & 63];
		to[2] = n > 1 ? (uint8_t)base64_digits[v >> 6 & 63] : '=';
		to[3] = n > 2 ? (uint8_t)base64_digits[v & 63] : '=';
		to += 4;
		p += n;
		left -= n;
	}
	buf_commit(out, groups * 4);
}

static int base64_value(uint8_t c)
{
	const char *at = c ? memchr(base64_digits, c, 64) : NULL;

	return at ? (int)(at - base64_digits) : -1;
}

bool base64_decode(struct buf *out, struct slice text)
{
	size_t before = out->n, pad = 0;

	if (text.n % 4 != 0)
		return false;
	while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < text.n; i += 4) {
		size_t digits = i + 4 == text.n ? 4 - pad : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < digits ? base64_value(text.p[i + k]) : 0;

			if (d < 0)
				goto bad;
			v = v << 6 | (uint32_t)d;
		}
		/* Bits beyond the last byte must be zero: one text for each value. */
		if ((digits == 3 && (v & 0xff)) || (digits == 2 && (v & 0xffff)))
			goto bad;
		for (size_t k = 0; k + 1 < digits; k++)
			buf_append_byte(out, (uint8_t)(v >> (16 - 8 * k)));
	}
	if (!out->failed)
		return true;
bad:
	buf_truncate(out, before);
	return false;
}

void hex_encode(struct buf *out, struct slice bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *to = buf_reserve(out, bytes.n * 2);

	if (!to)
		return;
	for (size_t i = 0; i < bytes.n; i++) {
		to[i * 2] = (uint8_t)digits[bytes.p[i] >> 4];
		to[i * 2 + 1] = (uint8_t)digits[bytes.p[i] & 15];
	}
	buf_commit(out, bytes.n * 2);
}
