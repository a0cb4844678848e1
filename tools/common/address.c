/*
 * Finding the scheduler: command line, environment, contact file, per-user socket.
 *
 * Used by every program of tools/. The happy path reads nothing but the environment. A contact file
 * that somebody named must be there and be one; one that only the environment names beside an
 * address is asked for its secret and no more.
 */
#include "common/address.h"

#include "base/ensure.h"

#include <dq/error.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool put(char *to, size_t cap, const char *from)
{
	return (size_t)snprintf(to, cap, "%s", from) < cap;
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

bool address_is_valid(const char *address)
{
	const char *colon;

	if (strncmp(address, "unix:", 5) == 0)
		return address[5] != '\0';
	if (strncmp(address, "tcp://", 6) != 0)
		return false;
	colon = strrchr(address + 6, ':');
	return colon && colon != address + 6 && colon[1] != '\0' &&
	       strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

int make_parents(const char *path, unsigned mode)
{
	char part[ADDRESS_BYTES];

	if (!put(part, sizeof part, path))
		return ENAMETOOLONG;
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, (mode_t)mode) != 0 && errno != EEXIST)
			return errno;
		*slash = '/';
	}
	return 0;
}

/* A directory under /tmp can be anybody's: ours alone, or none. */
static int check_owner(const char *dir, bool must_be, char *error, size_t error_bytes)
{
	struct stat st;

	if (lstat(dir, &st) != 0) {
		if (errno == ENOENT && !must_be)
			return DQ_E_OK;
		snprintf(error, error_bytes, "%s: %s", dir, strerror(errno));
		return DQ_E_IO;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		snprintf(error, error_bytes, "%s: not a directory that only this user may enter",
			dir);
		return DQ_E_REFUSED;
	}
	return DQ_E_OK;
}

int address_default(bool make, char *out, size_t out_bytes, char *error, size_t error_bytes)
{
	const char *runtime = env("XDG_RUNTIME_DIR");
	char dir[ADDRESS_BYTES - 64];
	int n;

	if (runtime)
		n = snprintf(dir, sizeof dir, "%s/dq", runtime);
	else
		n = snprintf(dir, sizeof dir, "/tmp/dq-%lu", (unsigned long)geteuid());
	if ((size_t)n >= sizeof dir || (size_t)n + 32 > out_bytes) {
		snprintf(error, error_bytes, "XDG_RUNTIME_DIR: too long");
		return DQ_E_USAGE;
	}
	if (make && mkdir(dir, 0700) != 0 && errno != EEXIST) {
		snprintf(error, error_bytes, "%s: %s", dir, strerror(errno));
		return DQ_E_IO;
	}
	snprintf(out, out_bytes, "unix:%s/scheduler.sock", dir);
	return check_owner(dir, make, error, error_bytes);
}

/* --- The contact file ------------------------------------------------------------------------- */

int contact_write(const char *path, const char *address, const char *secret_file, char *error,
	size_t error_bytes)
{
	char temporary[ADDRESS_BYTES];
	json_t *j = NULL;
	FILE *f = NULL;
	int fd, problem = 0;

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >=
		sizeof temporary) {
		snprintf(error, error_bytes, "contact file: name too long");
		return DQ_E_USAGE;
	}
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	j = json_pack("{s:s, s:s?, s:I}", "address", address, "secret_file", secret_file, "pid",
		(json_int_t)getpid());
	if (!f || !j)
		problem = f ? EINVAL : errno;
	else if (json_dumpf(j, f, JSON_COMPACT) != 0 || fputc('\n', f) == EOF || fflush(f) != 0 ||
		 fsync(fd) != 0)
		problem = errno ? errno : EIO;
	json_decref(j);
	if (f && fclose(f) != 0 && !problem)
		problem = errno;
	else if (!f && fd >= 0)
		close(fd);
	if (!problem && rename(temporary, path) != 0)
		problem = errno;
	if (problem) {
		unlink(temporary);
		snprintf(error, error_bytes, "%s: %s", path, strerror(problem));
		return DQ_E_IO;
	}
	return DQ_E_OK;
}

static bool contact_take(json_t *j, struct address *out)
{
	json_t *address = json_object_get(j, "address"),
	       *secret = json_object_get(j, "secret_file");

	out->secret_file[0] = '\0';
	if (!json_is_string(address) || !address_is_valid(json_string_value(address)) ||
		!put(out->scheduler, sizeof out->scheduler, json_string_value(address)))
		return false;
	if (!secret || json_is_null(secret))
		return true;
	return json_is_string(secret) &&
	       put(out->secret_file, sizeof out->secret_file, json_string_value(secret));
}

int contact_read(const char *path, struct address *out, char *error, size_t error_bytes)
{
	json_error_t why;
	json_t *j;
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f) {
		snprintf(error, error_bytes, "contact file %s: %s", path, strerror(errno));
		return errno == ENOENT ? DQ_E_NO_SCHEDULER : DQ_E_IO;
	}
	j = json_loadf(f, 0, &why);
	fclose(f);
	ok = contact_take(j, out);
	json_decref(j);
	if (!ok) {
		snprintf(error, error_bytes, "contact file %s: not a contact file", path);
		return DQ_E_USAGE;
	}
	return DQ_E_OK;
}

/* --- All together ----------------------------------------------------------------------------- */

/* `given` names the address itself; `contact` a file, which then only tells the secret. */
static int take_given(const char *given, const char *contact, struct address *out, char *error,
	size_t error_bytes)
{
	char unused[256];

	if (!address_is_valid(given)) {
		snprintf(error, error_bytes,
			"scheduler %s: not an address (unix:PATH or tcp://HOST:PORT)", given);
		return DQ_E_USAGE;
	}
	if (!contact || contact_read(contact, out, unused, sizeof unused) != DQ_E_OK)
		out->secret_file[0] = '\0';
	if (!put(out->scheduler, sizeof out->scheduler, given)) {
		snprintf(error, error_bytes, "scheduler: address too long");
		return DQ_E_USAGE;
	}
	return DQ_E_OK;
}

int address_resolve(
	const struct address_options *options, struct address *out, char *error, size_t error_bytes)
{
	const char *contact = options->contact ? options->contact : env("DQ_CONTACT");
	const char *secret = options->secret ? options->secret : env("DQ_SECRET_FILE");
	int r;

	ensure(error_bytes > 0);
	out->scheduler[0] = out->secret_file[0] = error[0] = '\0';
	if (options->scheduler)
		r = take_given(options->scheduler, contact, out, error, error_bytes);
	else if (options->contact)
		r = contact_read(options->contact, out, error, error_bytes);
	else if (env("DQ_SCHEDULER"))
		r = take_given(env("DQ_SCHEDULER"), contact, out, error, error_bytes);
	else if (contact)
		r = contact_read(contact, out, error, error_bytes);
	else
		r = address_default(
			false, out->scheduler, sizeof out->scheduler, error, error_bytes);
	if (r == DQ_E_OK && secret && !put(out->secret_file, sizeof out->secret_file, secret)) {
		snprintf(error, error_bytes, "secret: file name too long");
		r = DQ_E_USAGE;
	}
	return r;
}
