/*
 * Addresses as text: unix:PATH, tcp://HOST:PORT, inproc:NAME.
 */
#include "loop/stream_private.h"

#include "base/str.h"

#include <string.h>
#include <sys/un.h>

static bool parse_tcp(struct slice s, struct address *a)
{
	struct slice host, port;
	uint64_t number;

	if (s.n > 0 && s.p[0] == '[') {
		if (!str_split(slice_drop(s, 1), ']', &host, &port))
			return false;
		if (port.n == 0 || port.p[0] != ':')
			return false;
		port = slice_drop(port, 1);
	} else if (!str_split(s, ':', &host, &port)) {
		return false;
	}
	if (host.n == 0 || !str_to_u64(port, &number) || number > 65535)
		return false;
	return str_copy(a->path, sizeof(a->path), host) && str_copy(a->port, sizeof(a->port), port);
}

struct address address_parse(const char *text)
{
	struct slice s = slice_str(text);
	struct address a = {.kind = ADDRESS_BAD};
	struct address bad = a;

	if (slice_starts_with(s, slice_str("unix:"))) {
		s = slice_drop(s, 5);
		a.kind = ADDRESS_UNIX;
		if (s.n == 0 || s.n >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return bad;
		return str_copy(a.path, sizeof(a.path), s) ? a : bad;
	}
	if (slice_starts_with(s, slice_str("tcp://"))) {
		a.kind = ADDRESS_TCP;
		return parse_tcp(slice_drop(s, 6), &a) ? a : bad;
	}
	if (slice_starts_with(s, slice_str("inproc:"))) {
		s = slice_drop(s, 7);
		a.kind = ADDRESS_INPROC;
		return s.n > 0 && str_copy(a.path, sizeof(a.path), s) ? a : bad;
	}
	return bad;
}

bool stream_address_is_valid(const char *address)
{
	return address_parse(address).kind != ADDRESS_BAD;
}
