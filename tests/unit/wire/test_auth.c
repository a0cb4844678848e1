/*
 * Proofs and tickets: each piece counts, and the values stay what they are. The expected value is
 * HMAC-SHA256 by another program over the pieces of doc/protocol.md.
 */
#include "check_wire.h"

#include "base/json.h"
#include "wire/wire.h"

#include <string.h>

struct proof_input {
	const char *secret, *side, *peer, *scheduler, *user;
	unsigned role;
};

static void prove(uint8_t out[WIRE_PROOF_BYTES], const struct proof_input *i)
{
	wire_proof(out, slice_str(i->secret), i->side, slice_str(i->peer), slice_str(i->scheduler),
		i->role, slice_str(i->user));
}

static const struct proof_input base_input = {
	"secret", "server", "0123456789abcdef", "fedcba9876543210", "alice", ROLE_CLIENT};

static bool differs(struct proof_input i)
{
	uint8_t a[WIRE_PROOF_BYTES], b[WIRE_PROOF_BYTES];

	prove(a, &base_input);
	prove(b, &i);
	return !wire_equal(slice_of(a, sizeof(a)), slice_of(b, sizeof(b)));
}

START_TEST(every_piece_counts)
{
	struct proof_input i = base_input;

	ck_assert(!differs(i));
	i.secret = "Secret";
	ck_assert(differs(i));
	i = base_input;
	i.side = "client";
	ck_assert(differs(i));
	i = base_input;
	i.role = ROLE_ADMIN;
	ck_assert(differs(i));
	i = base_input;
	i.user = "alicf";
	ck_assert(differs(i));
	i = base_input;
	i.peer = "0123456789abcdeff";
	i.scheduler = "edcba9876543210";
	ck_assert(differs(i));
}
END_TEST

static void is_hex(const uint8_t *p, const char *want)
{
	struct buf hex;

	buf_init(&hex, 1000);
	hex_encode(&hex, slice_of(p, 32));
	ck_assert_str_eq(buf_cstr(&hex), want);
	buf_release(&hex);
}

START_TEST(values_are_as_ever)
{
	uint8_t out[32], key[32];

	prove(out, &base_input);
	is_hex(out, "24207e71e0a3b4dae17fd98b544de011820e829b25e45f8a928b322f0a3f93a6");
	wire_ticket_key(key, slice_str("secret"), slice_str("0123456789abcdef"));
	is_hex(key, "638e0a17f833f97482c19ec2b3a2e48de9a0b1307328189b1bc5c3662ad7ce49");
	wire_ticket(out, slice_of(key, 32), 0x500000011, 2, 0x1122334455667788);
	is_hex(out, "9cb4eb8b211b9415378a4ba43b7c6b8a4f46de3122266887e915f97567775123");
}
END_TEST

START_TEST(tickets)
{
	uint8_t a[32], b[32];
	struct slice key = slice_str("key");

	wire_ticket(a, key, 1, 2, 3);
	wire_ticket(b, key, 1, 2, 3);
	ck_assert(wire_equal(slice_of(a, 32), slice_of(b, 32)));
	wire_ticket(b, key, 2, 2, 3);
	ck_assert(!wire_equal(slice_of(a, 32), slice_of(b, 32)));
	wire_ticket(b, key, 1, 1, 3);
	ck_assert(!wire_equal(slice_of(a, 32), slice_of(b, 32)));
	wire_ticket(b, key, 1, 2, 4);
	ck_assert(!wire_equal(slice_of(a, 32), slice_of(b, 32)));
	wire_ticket(b, slice_empty(), 1, 2, 3);
	ck_assert(!wire_equal(slice_of(a, 32), slice_of(b, 32)));
	ck_assert(!wire_equal(slice_of(a, 32), slice_of(a, 31)));
	ck_assert(wire_equal(slice_empty(), slice_empty()));
}
END_TEST

START_TEST(tokens)
{
	struct fence fence = {.epoch = 7, .seq = 0x12}, out;
	uint8_t key[WIRE_TICKET_BYTES], other[WIRE_TICKET_BYTES], mac[WIRE_TASK_MAC_BYTES],
		right[WIRE_TASK_MAC_BYTES];
	char text[WIRE_TOKEN_TEXT], shorter[WIRE_TOKEN_TEXT];
	struct slice head;
	uint64_t id;

	wire_task_key(key, slice_str("secret"), 1);
	wire_task_key(other, slice_str("secret"), 2);
	ck_assert(memcmp(key, other, sizeof(key)) != 0);
	wire_token_write(text, slice_of(key, sizeof(key)), 0x100000002, fence);
	ck_assert(strncmp(text, "100000002.7.12.", 15) == 0);
	ck_assert(wire_token_split(slice_str(text), &head, mac));
	ck_assert(wire_token_head(head, &id, &out) && id == 0x100000002 && fence_eq(out, fence));
	wire_task_mac(right, slice_of(key, sizeof(key)), id, fence);
	ck_assert(memcmp(mac, right, sizeof(mac)) == 0);
	wire_task_mac(right, slice_of(key, sizeof(key)), id, (struct fence){7, 0x13});
	ck_assert(memcmp(mac, right, sizeof(mac)) != 0);
	for (size_t n = 0; n < strlen(text); n++) {
		memcpy(shorter, text, n);
		shorter[n] = '\0';
		ck_assert(!wire_token_split(slice_str(shorter), &head, mac));
	}
	text[1] = 'x';
	ck_assert(!wire_token_split(slice_str(text), &head, mac));
	ck_assert(!wire_token_head(slice_str("1.2.3.4"), &id, &out));
	ck_assert(!wire_token_head(slice_str("1.2.12345678901234567"), &id, &out));
	ck_assert(!wire_token_head(slice_str("1.2."), &id, &out));
}
END_TEST

TCase *case_auth(void)
{
	TCase *tc = tcase_create("auth");

	tcase_add_test(tc, tokens);
	tcase_add_test(tc, every_piece_counts);
	tcase_add_test(tc, values_are_as_ever);
	tcase_add_test(tc, tickets);
	return tc;
}
