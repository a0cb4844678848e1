/*
 * TIME by hand, a field at a time: strptime(3) takes what nobody means (" 7:5", "2026-1-1xyz").
 */
#include "common/when.h"

#include "base/str.h"

#include <string.h>
#include <time.h>

/* Later than any clock that is right, and a sum of it and a time of day does not overflow. */
#define YEAR_MAX 9999

struct reader {
	const char *p;
	bool ok;
};

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits, from lo to hi. */
static int number(struct reader *r, int n, int lo, int hi)
{
	int v = 0;

	for (; n; n--, r->p++) {
		if (!digit(*r->p)) {
			r->ok = false;
			return lo;
		}
		v = v * 10 + (*r->p - '0');
	}
	r->ok = r->ok && v >= lo && v <= hi;
	return v;
}

static bool eat(struct reader *r, char c)
{
	if (!r->ok || *r->p != c)
		return false;
	r->p++;
	return true;
}

static void expect(struct reader *r, char c)
{
	r->ok = eat(r, c);
}

static double fraction(struct reader *r)
{
	double v = 0, unit = 0.1;

	r->ok = r->ok && digit(*r->p);
	for (; digit(*r->p); r->p++, unit /= 10)
		v += (*r->p - '0') * unit;
	return v;
}

/* HH:MM[:SS[.fraction]]; returns the fraction. */
static double clock_time(struct reader *r, struct tm *tm)
{
	tm->tm_hour = number(r, 2, 0, 23);
	expect(r, ':');
	tm->tm_min = number(r, 2, 0, 59);
	if (!eat(r, ':'))
		return 0;
	tm->tm_sec = number(r, 2, 0, 60);
	return eat(r, '.') ? fraction(r) : 0;
}

/* Seconds east of Greenwich; false: no zone is given. */
static bool zone(struct reader *r, long *east)
{
	int sign = *r->p == '-' ? -1 : 1, hours, minutes = 0;

	*east = 0;
	if (eat(r, 'Z'))
		return true;
	if (!eat(r, '+') && !eat(r, '-'))
		return false;
	hours = number(r, 2, 0, 23);
	if (eat(r, ':') || digit(*r->p))
		minutes = number(r, 2, 0, 59);
	*east = sign * (hours * 3600L + minutes * 60L);
	return true;
}

/* mktime() and timegm() take the 31st of February for a day in March. */
static bool same_day(const struct tm *a, const struct tm *b)
{
	return a->tm_mday == b->tm_mday && a->tm_mon == b->tm_mon;
}

static bool iso(const char *text, double *at_s)
{
	struct reader r = {.p = text, .ok = true};
	struct tm tm = {.tm_isdst = -1}, made;
	double part = 0;
	long east = 0;
	time_t at;

	tm.tm_year = number(&r, 4, 1970, YEAR_MAX) - 1900;
	expect(&r, '-');
	tm.tm_mon = number(&r, 2, 1, 12) - 1;
	expect(&r, '-');
	tm.tm_mday = number(&r, 2, 1, 31);
	if (eat(&r, 'T') || eat(&r, ' '))
		part = clock_time(&r, &tm);
	made = tm;
	at = zone(&r, &east) ? timegm(&made) : mktime(&made);
	if (!r.ok || *r.p || at == (time_t)-1 || !same_day(&tm, &made))
		return false;
	*at_s = (double)at - (double)east + part;
	return true;
}

/* The next such time of the local clock. */
static bool of_day(const char *text, double now_s, double *at_s)
{
	struct reader r = {.p = text, .ok = true};
	time_t now = (time_t)now_s, at;
	struct tm want = {0}, tm;

	clock_time(&r, &want);
	if (!r.ok || *r.p || strlen(text) != 5 || !localtime_r(&now, &tm))
		return false;
	for (int day = 0; day < 2; day++) {
		struct tm t = tm;

		t.tm_mday += day;
		t.tm_hour = want.tm_hour;
		t.tm_min = want.tm_min;
		t.tm_sec = 0;
		t.tm_isdst = -1;
		at = mktime(&t);
		if (at != (time_t)-1 && at > now) {
			*at_s = (double)at;
			return true;
		}
	}
	return false;
}

static bool of_epoch(const char *text, double *at_s)
{
	uint64_t us;

	/* as a duration, but without its units */
	if (strspn(text, "0123456789.") != strlen(text) || !parse_duration_us(slice_str(text), &us))
		return false;
	*at_s = (double)us / 1e6;
	return true;
}

bool when_parse(const char *text, double now_s, double *at_s)
{
	if (text[0] == '@')
		return of_epoch(text + 1, at_s);
	return of_day(text, now_s, at_s) || iso(text, at_s);
}
