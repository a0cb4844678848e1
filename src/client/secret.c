/*
 * Finding the secret and the user's name (secret.h). The contact file is what the scheduler writes
 * for its users: JSON with its address and the path of the secret.
 */
#include "client/secret.h"

#include "base/ensure.h"
#include "base/str.h"
#include "model/limits.h"

#include <dq/error.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_HEX_BYTES 64

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 64 hex digits, as the scheduler writes them: 32 bytes. */
static bool secret_parse(const uint8_t hex[SECRET_HEX_BYTES], uint8_t out[SECRET_HEX_BYTES / 2])
{
	for (unsigned i = 0; i < SECRET_HEX_BYTES / 2; i++) {
		int hi = digit(hex[2 * i]), lo = digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static int file_read(const char *path, struct buf *out, char *why, size_t why_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t hex[SECRET_HEX_BYTES], secret[SECRET_HEX_BYTES / 2];
	ssize_t n;

	if (fd < 0) {
		snprintf(why, why_bytes, "%s: %s", path, strerror(errno));
		return errno == ENOENT ? DQ_E_NOT_FOUND : DQ_E_REFUSED;
	}
	n = read(fd, hex, sizeof(hex));
	close(fd);
	if (n != sizeof(hex) || !secret_parse(hex, secret)) {
		snprintf(why, why_bytes, "%s: not a secret: 64 hex digits", path);
		return DQ_E_REFUSED;
	}
	buf_append(out, secret, sizeof(secret));
	explicit_bzero(hex, sizeof(hex));
	explicit_bzero(secret, sizeof(secret));
	return out->failed ? DQ_E_NO_MEMORY : 0;
}

static int contact_read(const char *contact, struct buf *out, char *why, size_t why_bytes)
{
	json_error_t error;
	json_t *doc = json_load_file(contact, 0, &error);
	const char *path = json_string_value(json_object_get(doc, "secret_file"));
	int code;

	if (!path) {
		snprintf(why, why_bytes, "%s: %s", contact, doc ? "names no secret" : error.text);
		code = DQ_E_REFUSED;
	} else {
		code = file_read(path, out, why, why_bytes);
	}
	json_decref(doc);
	return code;
}

int secret_read(const char *file, struct buf *out, char *why, size_t why_bytes)
{
	const char *contact;

	ensure(out && why);
	if (!file || !*file)
		file = getenv("DQ_SECRET_FILE");
	if (file && *file)
		return file_read(file, out, why, why_bytes);
	contact = getenv("DQ_CONTACT");
	if (contact && *contact)
		return contact_read(contact, out, why, why_bytes);
	return 0; /* the handshake says what is missing */
}

void user_name(char *out, size_t out_bytes)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	if (getpwuid_r(geteuid(), &pw, room, sizeof(room), &found) == 0 && found &&
		strlen(found->pw_name) < out_bytes)
		str_copy(out, out_bytes, slice_str(found->pw_name));
	else
		snprintf(out, out_bytes, "uid-%u", (unsigned)geteuid());
}
