/*
 * dq queue put, get, take, peek, ack, nack, extend.
 *
 * A put without a value reads lines, and puts as many at a time as have come. What is got is gone
 * before it is printed; what is taken has its lease, whatever becomes of this command.
 */
#include "cmd-queue.h"

#include "cli.h"
#include "input.h"
#include "output.h"
#include "put.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_MAX 1000
#define TAKE_MAX 1024
#define TEXT_MAX ((size_t)4 << 30)

static double timeout_s = -1, delay_s, lease_s = 60;
static int64_t priority;
static uint64_t count = 1;
static bool raw;

const struct opt queue_put_opts[] = {
	{'p', "priority", OPT_INT, &priority, "N", "higher first (0)"},
	{0, "delay", OPT_SECONDS, &delay_s, "SEC", "not to be had before so long from now"},
	{0, "raw", OPT_FLAG, &raw, NULL, "standard input is one item of bytes"},
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC", "wait at most so long; then exit 3"},
	{0},
};
const struct opt queue_get_opts[] = {
	{'n', "count", OPT_UINT, &count, "N", "so many (1)"},
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC",
		"wait at most so long; exit 3 where there was none"},
	{0},
};
const struct opt queue_take_opts[] = {
	{'n', "count", OPT_UINT, &count, "N", "so many (1)"},
	{0, "lease", OPT_SECONDS, &lease_s, "SEC", "how long each is kept from others (60)"},
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC",
		"wait at most so long; exit 3 where there was none"},
	{0},
};
const struct opt queue_peek_opts[] = {
	{'n', "count", OPT_UINT, &count, "N", "so many at most (1)"},
	{0},
};
const struct opt queue_nack_opts[] = {
	{0, "delay", OPT_SECONDS, &delay_s, "SEC", "not to be had before so long from now"},
	{0},
};
const struct opt queue_extend_opts[] = {
	{0, "lease", OPT_SECONDS, &lease_s, "SEC", "from now on (60)"},
	{0},
};

static int fail(int r, struct dq_client *client, const char *name)
{
	return r == DQ_E_TIMEOUT ? cli_fail(r, "%s: %s", name, dq_strerror(r))
				 : cli_fail_client(r, client, name);
}

/* ---- put ---- */

/* 0, or an error. */
static int put(struct dq_client *client, const char *name, const struct dq_content *items, size_t n)
{
	struct dq_put options = DQ_PUT_INIT;

	options.priority = (int32_t)priority;
	options.delay_s = delay_s;
	return dq_queue_put(client, name, items, n, &options, timeout_s, NULL);
}

static int put_word(struct dq_client *client, const char *name, const char *word)
{
	struct dq_content content;
	struct dq_args *args;
	int code = content_of_word(word, &args, &content), r;

	if (!code) {
		r = put(client, name, &content, 1);
		if (r == DQ_E_TIMEOUT)
			code = fail(r, client, name);
		else if (r != DQ_E_OK)
			code = put_failed(r, client, name, word);
	}
	dq_args_free(&args);
	return code;
}

static int put_raw(struct dq_client *client, const char *name)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct buf bytes;
	int code, r;

	buf_init(&bytes, TEXT_MAX);
	r = input_read("-", &bytes);
	content.type = "bytes";
	content.bytes = bytes.n ? (const void *)bytes.p : "";
	content.n = bytes.n;
	if (r)
		code = cli_fail(DQ_E_IO, "standard input: %s", strerror(r));
	else if ((r = put(client, name, &content, 1)) == DQ_E_OK)
		code = 0;
	else
		code = fail(r, client, name);
	buf_release(&bytes);
	return code;
}

struct lines {
	struct dq_content items[LINES_MAX];
	struct dq_args *args[LINES_MAX];
	size_t n;
	uint64_t count; /* of all so far */
	size_t seen;    /* bytes at the front of what was read that have no newline */
};

static int put_gathered(struct dq_client *client, const char *name, struct lines *l)
{
	int r = l->n ? put(client, name, l->items, l->n) : DQ_E_OK;

	for (size_t i = 0; i < l->n; i++)
		dq_args_free(&l->args[i]);
	l->n = 0;
	return r == DQ_E_OK ? 0 : fail(r, client, name);
}

static int put_line(struct dq_client *client, const char *name, struct lines *l, struct slice line)
{
	int code = 0;

	l->count++;
	if (!utf8_is_valid(line)) {
		code = put_gathered(client, name, l);
		return code ? code
			    : cli_usage("standard input: line %llu is not UTF-8, as a string is; "
					"--raw puts bytes",
				      (unsigned long long)l->count);
	}
	l->args[l->n] = dq_args_new();
	dq_args_strn(l->args[l->n], line.n ? (const char *)line.p : "", line.n);
	l->items[l->n] = (struct dq_content)DQ_CONTENT_INIT;
	l->items[l->n].args = l->args[l->n];
	if (++l->n == LINES_MAX)
		code = put_gathered(client, name, l);
	return code;
}

/* Puts the lines that are whole, and at the end what comes after them; keeps the rest. */
static int put_text(
	struct dq_client *client, const char *name, struct lines *l, struct buf *text, bool end)
{
	struct slice rest = buf_slice(text), line;
	int code = 0;

	while (!code && rest.n && (end || memchr(rest.p, '\n', rest.n)) && line_next(&rest, &line))
		code = put_line(client, name, l, line);
	if (!code)
		code = put_gathered(client, name, l);
	if (rest.n)
		memmove(text->p, rest.p, rest.n);
	buf_truncate(text, rest.n);
	return code;
}

static int put_lines(struct dq_client *client, const char *name)
{
	struct lines *l = xcalloc(1, sizeof *l);
	bool more = true;
	struct buf text;
	int code = 0;

	buf_init(&text, TEXT_MAX);
	while (!code && more) {
		int r = input_read_some(STDIN_FILENO, &text, &more);
		bool whole = !more || memchr(text.p + l->seen, '\n', text.n - l->seen);

		l->seen = text.n;
		if (r) {
			code = cli_fail(DQ_E_IO, "standard input: %s", strerror(r));
		} else if (whole) {
			code = put_text(client, name, l, &text, !more);
			l->seen = text.n;
		}
	}
	for (size_t i = 0; i < l->n; i++)
		dq_args_free(&l->args[i]);
	buf_release(&text);
	free(l);
	return code;
}

int queue_put(int argc, char **argv)
{
	struct dq_client *client;
	int code;

	if (argc < 1 || argc > 2 || (argc == 2 && raw))
		return cli_usage("NAME is wanted, and a VALUE or what is to be put on standard "
				 "input");
	if (priority < INT32_MIN || priority > INT32_MAX)
		return cli_usage("--priority: out of range");
	code = cli_open_for(false, QUEUE_SESSION_S, &client);
	if (code)
		return code;
	if (argc == 2)
		code = put_word(client, argv[0], argv[1]);
	else
		code = raw ? put_raw(client, argv[0]) : put_lines(client, argv[0]);
	return cli_close(&client, code);
}

/* ---- get, take, peek ---- */

enum how { GOT, TAKEN, PEEKED };

static void print_item(const struct dq_item *item, enum how how)
{
	struct json j;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	json_init(&j, &text);
	if (how != GOT) {
		json_open_object(&j);
		json_key(&j, "id");
		json_cstr(&j, item->id);
		if (how == TAKEN) {
			json_key(&j, "fence");
			json_cstr(&j, item->fence);
		}
		json_key(&j, "deliveries");
		json_uint(&j, item->deliveries);
		json_key(&j, "value");
	}
	content_json(&j, &item->value, item->future);
	if (how != GOT)
		json_end_object(&j);
	json_newline(&j);
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

/* Until there were so many, or the time is up. */
static int take_all(struct dq_client *client, const char *name, bool taken)
{
	struct dq_item *items = xcalloc(TAKE_MAX, sizeof *items);
	uint64_t began_us = clock_mono_us(), left = count;
	int r = DQ_E_OK;

	/* what cannot be printed shall not take more from the queue */
	while (left > 0 && r == DQ_E_OK && !ferror(stdout)) {
		size_t n, max = left < TAKE_MAX ? left : TAKE_MAX;
		double time_s = cli_time_left(timeout_s, began_us);

		r = taken ? dq_queue_take(client, name, max, lease_s, time_s, items, &n)
			  : dq_queue_get(client, name, max, time_s, items, &n);
		for (size_t i = 0; i < n; i++) {
			print_item(&items[i], taken ? TAKEN : GOT);
			dq_item_release(&items[i]);
		}
		left -= n;
		fflush(stdout);
	}
	free(items);
	if (r == DQ_E_TIMEOUT && left < count)
		r = DQ_E_OK;
	return r == DQ_E_OK ? 0 : fail(r, client, name);
}

static int take(int argc, char **argv, bool taken)
{
	struct dq_client *client;
	int code;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	if (taken && lease_s <= 0)
		return cli_usage("--lease: more than 0 is wanted");
	code = cli_open_for(false, QUEUE_SESSION_S, &client);
	if (code)
		return code;
	code = take_all(client, argv[0], taken);
	return cli_close(&client, code);
}

int queue_get(int argc, char **argv)
{
	return take(argc, argv, false);
}

int queue_take(int argc, char **argv)
{
	return take(argc, argv, true);
}

static int peek(struct dq_client *client, const char *name)
{
	struct dq_item *items = xcalloc(TAKE_MAX, sizeof *items);
	size_t n;
	int r = dq_queue_peek(client, name, count, -1, items, &n);

	for (size_t i = 0; i < n; i++) {
		print_item(&items[i], PEEKED);
		dq_item_release(&items[i]);
	}
	free(items);
	return r == DQ_E_OK ? 0 : fail(r, client, name);
}

int queue_peek(int argc, char **argv)
{
	struct dq_client *client;
	int code;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	if (count == 0 || count > TAKE_MAX)
		return cli_usage("--count: from 1 to %d", TAKE_MAX);
	code = cli_open(true, &client);
	if (code)
		return code;
	code = peek(client, argv[0]);
	return cli_close(&client, code);
}

/* ---- deliveries ---- */

enum what { ACK, NACK, EXTEND };

static int about(int argc, char **argv, enum what what)
{
	struct dq_client *client;
	int code, r;

	if (argc != 3)
		return cli_usage("NAME, ID and FENCE are wanted");
	if (what == EXTEND && lease_s <= 0)
		return cli_usage("--lease: more than 0 is wanted");
	code = cli_open_for(false, QUEUE_SESSION_S, &client);
	if (code)
		return code;
	if (what == ACK)
		r = dq_queue_ack(client, argv[0], argv[1], argv[2], -1);
	else if (what == NACK)
		r = dq_queue_nack(client, argv[0], argv[1], argv[2], delay_s, -1);
	else
		r = dq_queue_extend(client, argv[0], argv[1], argv[2], lease_s, -1);
	return cli_close(&client, r == DQ_E_OK ? 0 : fail(r, client, argv[0]));
}

int queue_ack(int argc, char **argv)
{
	return about(argc, argv, ACK);
}

int queue_nack(int argc, char **argv)
{
	return about(argc, argv, NACK);
}

int queue_extend(int argc, char **argv)
{
	return about(argc, argv, EXTEND);
}
