/*
 * The door of libdq: dq_client_open, for a scheduler elsewhere or one in this process.
 */
#include "client/client.h"
#include "local/local.h"

#include "base/ensure.h"

#include <string.h>

static void local_after_close(void *arg)
{
	struct local *l = arg;

	local_free(&l);
}

static int open_local(const struct dq_options *o, struct dq_client **out)
{
	char error[256];
	struct local *l;
	int code = local_new(o, &l, error, sizeof(error));

	if (code) {
		*out = client_failed(code, error);
		return *out ? code : DQ_E_NO_MEMORY;
	}
	code = client_connect(local_address(l), o, out);
	if (*out) {
		(*out)->after_close = local_after_close;
		(*out)->after_close_arg = l;
	} else {
		local_free(&l);
	}
	return code;
}

int dq_client_open(const char *address, const struct dq_options *options, struct dq_client **out)
{
	struct dq_options o;

	ensure(out != NULL);
	*out = NULL;
	if (!options_load(&o, options)) {
		*out = client_failed(DQ_E_USAGE, "dq_options: size is not set");
		return *out ? DQ_E_USAGE : DQ_E_NO_MEMORY;
	}
	if (!address || strcmp(address, "local") == 0)
		return open_local(&o, out);
	if (strncmp(address, "inproc:", 7) == 0) {
		*out = client_failed(DQ_E_USAGE, "an address is unix:PATH or tcp://HOST:PORT");
		return *out ? DQ_E_USAGE : DQ_E_NO_MEMORY;
	}
	return client_connect(address, &o, out);
}
