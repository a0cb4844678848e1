/*
 * Where the scheduler is, and the secret that proves us to it: the rules that all programs share.
 *
 * An address is `unix:PATH` or `tcp://HOST:PORT`. In order: what the command line gave
 * (--scheduler,
 * --contact), $DQ_SCHEDULER, $DQ_CONTACT, the per-user socket. The secret: --secret,
 * $DQ_SECRET_FILE, the contact file's.
 *
 * Errors: functions return 0 or a code of <dq/error.h>, with one line in `error`. Threads: any, as
 * far as getenv() allows.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_BYTES 4200

/* What the command line gave; NULL where it gave nothing. */
struct address_options {
	const char *scheduler;
	const char *contact;
	const char *secret;
};

struct address {
	char scheduler[ADDRESS_BYTES];
	char secret_file[ADDRESS_BYTES]; /* "": none */
};

int address_resolve(const struct address_options *options, struct address *out, char *error,
	size_t error_bytes);

/* Is it written as an address of a scheduler? Says nothing of whether anyone is there. */
bool address_is_valid(const char *address);

/*
 * The per-user socket: unix:$XDG_RUNTIME_DIR/dq/scheduler.sock, or /tmp/dq-UID/scheduler.sock.
 * `make`: its directory is made (0700) and its owner checked, for who listens there. Without, only
 * a directory of somebody else is refused.
 */
int address_default(bool make, char *out, size_t out_bytes, char *error, size_t error_bytes);

/* Makes the directories above a file, and with `mode` those that are new. 0 or errno. */
int make_parents(const char *path, unsigned mode);

/* --- The contact file: JSON, {"address":..., "secret_file":..., "pid":...} --- */

/* Written beside itself and renamed, with mode 0600. secret_file may be NULL. */
int contact_write(const char *path, const char *address, const char *secret_file, char *error,
	size_t error_bytes);
/* DQ_E_NO_SCHEDULER where there is no file, DQ_E_USAGE where it is no contact file. */
int contact_read(const char *path, struct address *out, char *error, size_t error_bytes);

#endif
