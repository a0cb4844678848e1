/*
 * Tokens of tasks as text (wire.h): "ID.EPOCH.SEQ.MAC", numbers in hexadecimal without leading
 * zeros, the MAC in two digits a byte.
 */
#include "wire/wire.h"

#include "base/ensure.h"

#include <inttypes.h>
#include <stdio.h>

void wire_token_write(
	char out[WIRE_TOKEN_TEXT], struct slice task_key, uint64_t id, struct fence fence)
{
	uint8_t mac[WIRE_TASK_MAC_BYTES];
	int n = snprintf(out, WIRE_TOKEN_TEXT, "%" PRIx64 ".%" PRIx64 ".%" PRIx64 ".", id,
		fence.epoch, fence.seq);

	ensure(n > 0 && (size_t)n + 2 * WIRE_TASK_MAC_BYTES < WIRE_TOKEN_TEXT);
	wire_task_mac(mac, task_key, id, fence);
	for (size_t i = 0; i < sizeof(mac); i++)
		n += snprintf(out + n, WIRE_TOKEN_TEXT - (size_t)n, "%02x", mac[i]);
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool wire_token_split(struct slice text, struct slice *head, uint8_t mac[WIRE_TASK_MAC_BYTES])
{
	const size_t tail = 2 * WIRE_TASK_MAC_BYTES;
	struct fence fence;
	uint64_t id;

	if (text.n <= tail || text.n >= WIRE_TOKEN_TEXT || text.p[text.n - tail - 1] != '.')
		return false;
	for (size_t i = 0; i < WIRE_TASK_MAC_BYTES; i++) {
		const uint8_t *p = text.p + text.n - tail + 2 * i;

		if (digit(p[0]) < 0 || digit(p[1]) < 0)
			return false;
		mac[i] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
	}
	*head = slice_of(text.p, text.n - tail - 1);
	return wire_token_head(*head, &id, &fence);
}

/* One number, up to a '.' or the end. */
static bool read_number(struct slice *in, uint64_t *out)
{
	size_t n = 0;

	*out = 0;
	for (; n < in->n && n < 16 && digit(in->p[n]) >= 0; n++)
		*out = *out << 4 | (uint64_t)digit(in->p[n]);
	*in = slice_drop(*in, n);
	return n > 0;
}

static bool read_dot(struct slice *in)
{
	if (in->n == 0 || in->p[0] != '.')
		return false;
	*in = slice_drop(*in, 1);
	return true;
}

bool wire_token_head(struct slice head, uint64_t *id, struct fence *fence)
{
	return read_number(&head, id) && read_dot(&head) && read_number(&head, &fence->epoch) &&
	       read_dot(&head) && read_number(&head, &fence->seq) && head.n == 0;
}
