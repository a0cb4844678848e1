/*
 * For the tests of transactions:
 *	txn ADDR transfer FROM TO N	moves 1 from one variable to the other, N times
 *	txn ADDR move IN OUT N		moves N items from one queue to the other
 *	txn ADDR submit			two tasks, and the future of the second in a variable
 *	txn ADDR refuse			what is refused, and how that is told
 */
#include <dq/transaction.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(struct dq_client *c, int code, const char *what)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "txn: %s: %s\n", what, c ? dq_client_error(c) : dq_strerror(code));
	exit(1);
}

static void expect(int code, int wanted, const char *what)
{
	if (code == wanted)
		return;
	fprintf(stderr, "txn: %s: %d, not %d\n", what, code, wanted);
	exit(1);
}

static struct dq_txn *begin(struct dq_client *c)
{
	struct dq_txn *txn;

	check(c, dq_txn_new(c, &txn), "new");
	return txn;
}

static int64_t get(struct dq_client *c, const char *name, uint64_t *version)
{
	struct dq_variable v;
	int64_t n;

	check(c, dq_variable_get(c, name, 0, 60, &v), name);
	check(c, dq_value_int(&v.value, &n), name);
	*version = v.version;
	dq_variable_release(&v);
	return n;
}

static void set_if(struct dq_txn *txn, const char *name, uint64_t version, int64_t n)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_args *args = dq_args_new();

	dq_args_int(args, n);
	content.args = args;
	expect(dq_txn_set_if(txn, name, version, &content), 0, "set_if");
	dq_args_free(&args);
}

static void transfer(struct dq_client *c, const char *from, const char *to, int n)
{
	while (n) {
		uint64_t version_from, version_to;
		int64_t left = get(c, from, &version_from), right = get(c, to, &version_to);
		struct dq_txn *txn = begin(c);
		int code;

		set_if(txn, from, version_from, left - 1);
		set_if(txn, to, version_to, right + 1);
		code = dq_txn_commit(txn, 60, NULL);
		if (code == 0) {
			expect((int)(dq_txn_result(txn, 1) - version_to), 1, "the new version");
			n--;
		} else if (code != DQ_E_CONFLICT) {
			check(c, code, "commit");
		}
		dq_txn_free(&txn);
	}
}

static void move(struct dq_client *c, const char *in, const char *out, int n)
{
	while (n--) {
		struct dq_content content = DQ_CONTENT_INIT;
		struct dq_txn *txn = begin(c);
		struct dq_item item;
		size_t got;

		check(c, dq_queue_take(c, in, 1, 0, 60, &item, &got), "take");
		content.type = item.value.type;
		content.bytes = item.value.bytes;
		content.n = item.value.n;
		dq_txn_put(txn, out, &content, 1, NULL);
		dq_txn_ack(txn, in, item.id, item.fence);
		check(c, dq_txn_commit(txn, 60, NULL), "commit");
		dq_txn_free(&txn);
		dq_item_release(&item);
	}
}

static void refuse(struct dq_client *c)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_txn *txn = begin(c);
	size_t failed;

	dq_txn_put(txn, "refused", &content, 1, NULL);
	dq_txn_expect(txn, "nobody", 7);
	expect(dq_txn_commit(txn, 60, &failed), DQ_E_CONFLICT, "a version that is not there");
	printf("%zu: %s\n", failed, dq_client_error(c));
	expect(dq_txn_commit(txn, 60, NULL), DQ_E_USAGE, "committed twice");
	dq_txn_free(&txn);

	txn = begin(c);
	dq_txn_set(txn, "fine", &content);
	expect(dq_txn_ack(txn, "q", "nonsense", "1.1"), DQ_E_USAGE, "no id");
	expect(dq_txn_set(txn, "fine", &content), DQ_E_USAGE, "after a call that failed");
	expect(dq_txn_commit(txn, 60, &failed), DQ_E_USAGE, "commit");
	printf("%s\n", dq_txn_error(txn));
	dq_txn_free(&txn);

	txn = begin(c);
	check(c, dq_txn_commit(txn, 60, NULL), "an empty one");
	dq_txn_free(&txn);
	dq_txn_free(&txn);
}

static void submit(struct dq_client *c)
{
	const char *const first[] = {"echo", "first", NULL};
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_args *words = dq_args_new(), *future = dq_args_new();
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_txn *txn = begin(c);
	struct dq_future *f;
	struct dq_value v;
	const char *key;

	spec.argv = first;
	expect(dq_txn_submit(txn, &spec, &key), 0, "submit");
	dq_args_array(words, 2);
	dq_args_str(words, "cat");
	dq_args_array(words, 1);
	dq_args_key(words, key);
	spec.argv = NULL;
	spec.argv_words = words;
	expect(dq_txn_submit(txn, &spec, &key), 0, "submit");
	dq_args_key(future, key);
	content.args = future;
	expect(dq_txn_set(txn, "second", &content), 0, "set");
	check(c, dq_txn_commit(txn, 60, NULL), "commit");
	check(c, dq_future_from_key(c, key, 60, &f), "the future");
	check(c, dq_result(f, 60, &v), "the result");
	printf("%.*s", (int)v.n, (const char *)v.bytes);
	dq_value_release(&v);
	dq_future_free(&f);
	dq_txn_free(&txn);

	txn = begin(c);
	spec.key = "taken";
	expect(dq_txn_submit(txn, &spec, NULL), 0, "submit");
	expect(dq_txn_expect(txn, "nobody", 1), 0, "expect");
	expect(dq_txn_commit(txn, 60, NULL), DQ_E_CONFLICT, "commit");
	printf("%s\n", dq_client_error(c));
	dq_txn_free(&txn);
	dq_args_free(&words);
	dq_args_free(&future);
}

int main(int argc, char **argv)
{
	struct dq_client *c;

	if (argc < 3)
		return 2;
	check(NULL, dq_client_open(argv[1], NULL, &c), "open");
	if (argc == 6 && strcmp(argv[2], "transfer") == 0)
		transfer(c, argv[3], argv[4], (int)strtol(argv[5], NULL, 10));
	else if (argc == 6 && strcmp(argv[2], "move") == 0)
		move(c, argv[3], argv[4], (int)strtol(argv[5], NULL, 10));
	else if (strcmp(argv[2], "submit") == 0)
		submit(c);
	else if (strcmp(argv[2], "refuse") == 0)
		refuse(c);
	else
		return 2;
	check(c, dq_client_close(&c), "close");
	return 0;
}
