/*
 * Why a scheduled task is not running: when its time comes, and what made it wait. Times are local.
 */
#include "scheduler/engine_impl.h"

#include "base/clock.h"

#include <time.h>

static void put_time(struct buf *out, uint64_t us)
{
	time_t at = (time_t)(us / US_PER_S);
	char text[64] = "?";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	buf_printf(out, "%s", text);
}

/* "in 12 s", "in 3 h 5 min" */
static void put_wait(struct buf *out, uint64_t us)
{
	uint64_t s = us / US_PER_S, min = s / 60, h = min / 60;

	if (s < 10)
		buf_printf(out, "in %.1f s", (double)us / US_PER_S);
	else if (s < 100)
		buf_printf(out, "in %llu s", (unsigned long long)s);
	else if (h == 0)
		buf_printf(out, "in %llu min", (unsigned long long)min);
	else if (h < 48)
		buf_printf(out, "in %llu h %llu min", (unsigned long long)h,
			(unsigned long long)(min % 60));
	else
		buf_printf(out, "in %llu days", (unsigned long long)(h / 24));
}

static const char *ordinal(uint32_t n)
{
	if (n / 10 % 10 == 1)
		return "th";
	return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

void engine_why_scheduled(struct engine *e, const struct core_task_view *v, struct buf *out)
{
	if (v->failures)
		buf_printf(out, "the %u%s attempt failed, tried again at ", v->attempts,
			ordinal(v->attempts));
	else
		buf_printf(out, "scheduled: at ");
	put_time(out, v->start_us);
	buf_printf(out, " (");
	put_wait(out, v->start_us > e->wall_us ? v->start_us - e->wall_us : 0);
	buf_printf(out, ")");
}
