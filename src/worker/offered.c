/*
 * The offer of this worker: what the command line said, and the rest as found on the machine.
 */
#include "worker/offered.h"

#include "base/ensure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"

/* The number in a file of a control group; "max", or no file: no limit. */
static uint64_t limit_in(const char *path)
{
	unsigned long long v;
	FILE *f = fopen(path, "re");
	bool found;

	if (!f)
		return UINT64_MAX;
	found = fscanf(f, "%llu", &v) == 1;
	fclose(f);
	return found ? v : UINT64_MAX;
}

/* The least limit of this group and those above it. */
static uint64_t limit_of_group(char *group, const char *root, const char *file)
{
	uint64_t least = UINT64_MAX;
	char path[4096];

	for (;;) {
		char *slash;
		uint64_t v;

		snprintf(path, sizeof path, "%s%s/%s", root, group, file);
		v = limit_in(path);
		least = v < least ? v : least;
		slash = strrchr(group, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* Lines of /proc/self/cgroup: "0::/GROUP" (version 2), "N:memory,...:/GROUP" (version 1). */
static uint64_t limit_of_groups(void)
{
	uint64_t least = UINT64_MAX, v;
	char line[2048];
	FILE *f = fopen("/proc/self/cgroup", "re");

	while (f && fgets(line, sizeof line, f)) {
		char *kinds = strchr(line, ':'), *group = kinds ? strchr(kinds + 1, ':') : NULL;

		if (!group)
			continue;
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		if (strncmp(line, "0:", 2) == 0 || strcmp(kinds, ":") == 0)
			v = limit_of_group(group, CGROUPS, "memory.max");
		else if (strstr(kinds, "memory"))
			v = limit_of_group(group, CGROUPS "/memory", "memory.limit_in_bytes");
		else
			continue;
		least = v < least ? v : least;
	}
	if (f)
		fclose(f);
	return least;
}

uint64_t memory_allowed(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t machine = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
	uint64_t groups = limit_of_groups();

	return machine && machine < groups ? machine : groups == UINT64_MAX ? 0 : groups;
}

static void fill_in(struct offered *o, const char *name, uint64_t parts)
{
	struct offer *f = &o->offer;

	for (uint32_t i = 0; i < f->nresources; i++)
		if (slice_eq_str(f->resources[i].name, name))
			return;
	if (parts && f->nresources < OFFER_PLACES)
		f->resources[f->nresources++] =
			(struct amount){.name = slice_str(name), .parts = parts};
}

bool offered_init(struct offered *o, const struct offer *given, unsigned slots, char *error,
	size_t error_bytes)
{
	const char *why;

	memset(o, 0, sizeof(*o));
	buf_init(&o->bytes, LIMIT_FRAME_BYTES);
	buf_init(&o->resources, LIMIT_FRAME_BYTES);
	buf_init(&o->labels, LIMIT_FRAME_BYTES);
	buf_init(&o->users, LIMIT_FRAME_BYTES);
	if (given)
		offer_encode(&o->bytes, given);
	if (!offer_decode(buf_slice(&o->bytes), &o->offer, &why)) {
		snprintf(error, error_bytes, "%s", why);
		return false;
	}
	o->offer.slots = slots;
	if (slice_is_empty(o->offer.host) && gethostname(o->host, sizeof(o->host) - 1) == 0)
		o->offer.host = slice_str(o->host);
	fill_in(o, "cpus", (uint64_t)slots * AMOUNT_UNIT);
	fill_in(o, "memory", memory_allowed() * AMOUNT_UNIT);
	offer_put_resources(&o->resources, &o->offer);
	offer_put_labels(&o->labels, &o->offer);
	offer_put_users(&o->users, &o->offer);
	ensure(!o->resources.failed && !o->labels.failed && !o->users.failed);
	return true;
}

void offered_release(struct offered *o)
{
	buf_release(&o->bytes);
	buf_release(&o->resources);
	buf_release(&o->labels);
	buf_release(&o->users);
}

uint64_t offered_cpus(const struct offered *o)
{
	for (uint32_t i = 0; i < o->offer.nresources; i++)
		if (slice_eq_str(o->offer.resources[i].name, "cpus"))
			return o->offer.resources[i].parts;
	return (uint64_t)o->offer.slots * AMOUNT_UNIT;
}

void offered_join(const struct offered *o, struct msg_join *m)
{
	m->slots = o->offer.slots;
	m->host = o->offer.host;
	m->resources = buf_slice(&o->resources);
	m->labels = buf_slice(&o->labels);
	m->users = buf_slice(&o->users);
}
