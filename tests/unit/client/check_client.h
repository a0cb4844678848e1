/* What the tests of client/ share. */
#ifndef CHECK_CLIENT_H
#define CHECK_CLIENT_H

#include "fake.h"

#include "client/client.h"

#include <check.h>

TCase *tcase_act(void);
TCase *tcase_args(void);
TCase *tcase_submit(void);
TCase *tcase_graph(void);
TCase *tcase_reconnect(void);
TCase *tcase_wait(void);
TCase *tcase_wait_many(void);
TCase *tcase_result(void);
TCase *tcase_txn(void);
TCase *tcase_variable(void);
TCase *tcase_threads(void);
TCase *tcase_memory(void);

/* A client of the fake; aborts the test when it cannot be. */
struct dq_client *client_of(struct fake *f);
/* A function task. */
struct dq_future *submit_one(struct dq_client *c, const char *key);

#endif
