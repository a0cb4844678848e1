/*
 * TIME, as options take it: "@SECONDS" since 1970, ISO 8601 ("2026-10-05", "2026-10-05T14:30",
 * "2026-10-05T14:30:05.25", each also with "Z" or "+02:00"; local time where no zone is given), or
 * "HH:MM", the next such time of the local clock. Threads: any.
 */
#ifndef COMMON_WHEN_H
#define COMMON_WHEN_H

#include <stdbool.h>

/* now_s and *at_s: seconds since 1970. False: no TIME; *at_s is as it was. */
bool when_parse(const char *text, double now_s, double *at_s);

#endif
