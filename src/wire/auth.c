/*
 * Proofs of identity and tickets for values: HMAC-SHA256 over pieces that each have their length
 * before them, so that no two lists of pieces give the same bytes. libcrypto does the hashing; it
 * cannot fail for these sizes, and if it does (no memory) the process stops rather than let anyone
 * in.
 */
#include "wire/wire.h"

#include "base/ensure.h"
#include "model/decode.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define MESSAGE_BYTES 4400 /* a HELLO's longest user and nonces, and the heads */

struct pieces {
	uint8_t p[MESSAGE_BYTES];
	size_t n;
};

static void add(struct pieces *m, struct slice piece)
{
	ensure(piece.n <= sizeof(m->p) - m->n - 4);
	le_put(m->p + m->n, piece.n, 4);
	m->n += 4;
	if (piece.n)
		memcpy(m->p + m->n, piece.p, piece.n);
	m->n += piece.n;
}

static void add_number(struct pieces *m, uint64_t v)
{
	uint8_t bytes[8];

	le_put(bytes, v, 8);
	add(m, slice_of(bytes, 8));
}

static void mac(uint8_t out[32], struct slice key, const struct pieces *m)
{
	static const uint8_t no_key[1];
	unsigned n = 0;

	ensure(key.n <= INT32_MAX);
	ensure(HMAC(EVP_sha256(), key.n ? key.p : no_key, (int)key.n, m->p, m->n, out, &n) != NULL);
	ensure(n == 32);
}

void wire_proof(uint8_t out[WIRE_PROOF_BYTES], struct slice secret, const char *side,
	struct slice nonce_peer, struct slice nonce_scheduler, unsigned role, struct slice user)
{
	struct pieces m;

	m.n = 0;
	add(&m, slice_str("dq1"));
	add(&m, slice_str(side));
	add(&m, nonce_peer);
	add(&m, nonce_scheduler);
	add_number(&m, role);
	add(&m, user);
	mac(out, secret, &m);
}

void wire_ticket(uint8_t out[WIRE_TICKET_BYTES], struct slice ticket_key, uint64_t id,
	uint32_t generation, uint64_t checksum)
{
	struct pieces m;

	m.n = 0;
	add(&m, slice_str("dq1 ticket"));
	add_number(&m, id);
	add_number(&m, generation);
	add_number(&m, checksum);
	mac(out, ticket_key, &m);
}

void wire_ticket_key(uint8_t out[WIRE_TICKET_BYTES], struct slice secret, struct slice worker_uuid)
{
	struct pieces m;

	m.n = 0;
	add(&m, slice_str("dq1 worker"));
	add(&m, worker_uuid);
	mac(out, secret, &m);
}

void wire_own_ticket_key(uint8_t out[WIRE_TICKET_BYTES], struct slice secret)
{
	struct pieces m;

	m.n = 0;
	add(&m, slice_str("dq1 scheduler"));
	mac(out, secret, &m);
}

void wire_task_key(uint8_t out[WIRE_TICKET_BYTES], struct slice secret, uint32_t worker)
{
	struct pieces m;

	m.n = 0;
	add(&m, slice_str("dq1 tasks of worker"));
	add_number(&m, worker);
	mac(out, secret, &m);
}

void wire_task_mac(
	uint8_t out[WIRE_TASK_MAC_BYTES], struct slice task_key, uint64_t id, struct fence fence)
{
	uint8_t whole[32];
	struct pieces m;

	m.n = 0;
	add(&m, slice_str("dq1 task"));
	add_number(&m, id);
	add_number(&m, fence.epoch);
	add_number(&m, fence.seq);
	mac(whole, task_key, &m);
	memcpy(out, whole, WIRE_TASK_MAC_BYTES);
}

bool wire_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
