/*
 * The file is read by inih; what its lines mean is for the table of options to say, which refuses
 * unknown names as it does on the command line.
 */
#include "config.h"

#include "base/alloc.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* inih calls this for each line. */
static int take_line(void *arg, const char *section, const char *name, const char *value)
{
	struct config *c = arg;

	if (strcmp(value, "false") == 0)
		return 1;
	c->argv = xreallocarray(c->argv, (size_t)c->argc + 1, sizeof(char *));
	if (strcmp(section, "weights") == 0)
		c->argv[c->argc++] = xasprintf("--weight=%s=%s", name, value);
	else if (strcmp(value, "true") == 0)
		c->argv[c->argc++] = xasprintf("--%s", name);
	else
		c->argv[c->argc++] = xasprintf("--%s=%s", name, value);
	return 1;
}

bool config_read(const char *path, struct config *out, char *why, size_t why_bytes)
{
	int r;

	*out = (struct config){0};
	errno = 0;
	r = ini_parse(path, take_line, out);
	if (r == 0)
		return true;
	if (r > 0)
		snprintf(why, why_bytes, "%s: line %d is not `name = value`", path, r);
	else
		snprintf(why, why_bytes, "%s: %s", path, strerror(errno ? errno : EIO));
	config_release(out);
	return false;
}

void config_release(struct config *c)
{
	for (int i = 0; i < c->argc; i++)
		free(c->argv[i]);
	free(c->argv);
	*c = (struct config){0};
}
