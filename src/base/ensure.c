/*
 * What happens when an ensure() does not hold: one message built in a fixed buffer, one write,
 * abort().
 *
 * Nothing here allocates or takes a lock, since the process may be in any state. The note of the
 * current request is thread-local: either text, or three words that are formatted only now.
 */
#include "base/ensure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum note_kind { NOTE_NONE, NOTE_TEXT, NOTE_IDS };

struct note {
	enum note_kind kind;
	const char *what;
	uint64_t a, b;
	char text[192];
};

static _Thread_local struct note note;

void ensure_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note.text, sizeof(note.text), fmt, ap);
	va_end(ap);
	note.kind = NOTE_TEXT;
}

void ensure_note_ids(const char *what, uint64_t a, uint64_t b)
{
	note.kind = what ? NOTE_IDS : NOTE_NONE;
	note.what = what;
	note.a = a;
	note.b = b;
}

static void note_format(char *to, size_t cap)
{
	switch (note.kind) {
	case NOTE_TEXT:
		snprintf(to, cap, " [while: %s]", note.text);
		break;
	case NOTE_IDS:
		snprintf(to, cap, " [while: %s %llu %llu]", note.what, (unsigned long long)note.a,
			(unsigned long long)note.b);
		break;
	case NOTE_NONE:
		to[0] = '\0';
		break;
	}
}

static void __attribute__((noreturn)) die(const char *file, int line, const char *what)
{
	char while_text[256], message[1024];
	int n;

	note_format(while_text, sizeof(while_text));
	n = snprintf(message, sizeof(message), "%s:%d: %s%s\n", file, line, what, while_text);
	if (n > (int)sizeof(message) - 1) {
		n = (int)sizeof(message) - 1;
		message[n - 1] = '\n';
	}
	if (n > 0 && write(STDERR_FILENO, message, (size_t)n) < 0) {
		/* Nobody is left to be told. */
	}
	abort();
}

void ensure_failed(const char *file, int line, const char *cond)
{
	char what[512];

	snprintf(what, sizeof(what), "does not hold: %s", cond);
	die(file, line, what);
}

void panic_at(const char *file, int line, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	die(file, line, what);
}
