/*
 * Log lines on stderr, one write(2) each, from any thread.
 *
 * A file names its component before the include:  #define LOG_COMPONENT "store"
 * text: 2026-01-31T12:00:00.123456Z warn store: message
 * json: {"time":1769860800.123456,"level":"warn","component":"store","message":"..."}
 * Lines are cut at 4 KiB; control characters are escaped. The default is text, from `warn` up.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#ifndef LOG_COMPONENT
#define LOG_COMPONENT "dq"
#endif

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

#define log_error(...) log_line(LOG_ERROR, LOG_COMPONENT, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, LOG_COMPONENT, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, LOG_COMPONENT, __VA_ARGS__)
#define log_debug(...)                                                                             \
	(log_enabled(LOG_DEBUG) ? log_line(LOG_DEBUG, LOG_COMPONENT, __VA_ARGS__) : (void)0)

/* Set once at start. */
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
/* Where lines go instead of stderr (2); for tests and daemons that redirect. */
void log_set_fd(int fd);
/* "error", "warn", "info", "debug"; "text", "json". False if it is none of them. */
bool log_level_parse(const char *name, enum log_level *out);
bool log_format_parse(const char *name, enum log_format *out);
bool log_enabled(enum log_level level);

void log_line(enum log_level level, const char *component, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
