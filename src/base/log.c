/*
 * Log lines: formatted on the stack of the caller, written with one write(2). No lock: a line below
 * the size of a pipe's atomic write is never mixed with another. A failed write is dropped; there
 * is nowhere to say so.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_MESSAGE_MAX 2048
#define LOG_LINE_MAX 4096

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static _Atomic int log_level_now = LOG_WARN;
static _Atomic int log_format_now = LOG_TEXT;
static _Atomic int log_fd = STDERR_FILENO;

void log_set_level(enum log_level level)
{
	log_level_now = level;
}

void log_set_format(enum log_format format)
{
	log_format_now = format;
}

void log_set_fd(int fd)
{
	log_fd = fd;
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

bool log_level_parse(const char *name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool log_format_parse(const char *name, enum log_format *out)
{
	if (strcmp(name, "text") == 0)
		*out = LOG_TEXT;
	else if (strcmp(name, "json") == 0)
		*out = LOG_JSON;
	else
		return false;
	return true;
}

static void line_text(struct buf *b, uint64_t us, enum log_level level, const char *component,
	const char *message)
{
	time_t seconds = (time_t)(us / US_PER_S);
	char stamp[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b, "%s.%06uZ %s %s: ", stamp, (unsigned)(us % US_PER_S), level_names[level],
		component);
	for (const char *p = message; *p; p++) {
		uint8_t c = (uint8_t)*p;

		if (c < 0x20 || c == 0x7f)
			c = ' ';
		buf_append_byte(b, c);
	}
}

static void line_json(struct buf *b, uint64_t us, enum log_level level, const char *component,
	const char *message)
{
	struct json j;

	json_init(&j, b);
	json_open_object(&j);
	json_key(&j, "time");
	json_time_us(&j, us);
	json_key(&j, "level");
	json_cstr(&j, level_names[level]);
	json_key(&j, "component");
	json_cstr(&j, component);
	json_key(&j, "message");
	json_cstr(&j, message);
	json_end_object(&j);
}

static void write_line(const uint8_t *p, size_t n)
{
	ssize_t rc;

	do
		rc = write(log_fd, p, n);
	while (rc < 0 && errno == EINTR);
}

void log_line(enum log_level level, const char *component, const char *fmt, ...)
{
	char message[LOG_MESSAGE_MAX];
	uint8_t line[LOG_LINE_MAX * 4];
	int saved = errno;
	struct buf b;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	/* A buffer on the stack that can never grow: every character has room for its escape. */
	b = (struct buf){.p = line, .cap = sizeof(line), .max = sizeof(line)};
	if (log_format_now == LOG_JSON)
		line_json(&b, clock_wall_us(), level, component, message);
	else
		line_text(&b, clock_wall_us(), level, component, message);
	buf_append_byte(&b, '\n');
	write_line(b.p, b.n);
	errno = saved;
}
