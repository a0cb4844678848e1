/*
 * Loading of task modules. A module is refused with a reason when it is no shared object, lacks the
 * symbol dq_module, was built for another ABI, or names a function that an earlier module has.
 */
#include "worker/modules.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct module_function {
	char *name;
	dq_function *function;
	UT_hash_handle hh;
};

static bool add_function(struct modules *m, const struct dq_module_entry *e, const char *path,
	char *error, size_t error_bytes)
{
	struct module_function *f;

	if (!e->name || !e->name[0] || !e->function) {
		snprintf(error, error_bytes, "%s: an entry of its table is empty", path);
		return false;
	}
	if (modules_find(m, slice_str(e->name))) {
		snprintf(error, error_bytes, "%s: the function %s is there twice", path, e->name);
		return false;
	}
	f = xcalloc(1, sizeof(*f));
	f->name = xstrdup(e->name);
	f->function = e->function;
	HASH_ADD_KEYPTR(hh, m->by_name, f->name, (unsigned)strlen(f->name), f);
	m->count++;
	return true;
}

static bool load_one(struct modules *m, const char *path, char *error, size_t error_bytes)
{
	char *real = realpath(path, NULL);
	const struct dq_module *module = NULL;
	void *handle;
	bool ok = true;

	if (!real) {
		snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
		return false;
	}
	handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
	if (handle)
		module = dlsym(handle, "dq_module");
	if (!module) {
		snprintf(error, error_bytes, "%s: no task module: %s", path, dlerror());
		ok = false;
	} else if (module->abi != DQ_ABI) {
		snprintf(error, error_bytes, "%s: built for ABI %u of task modules, this is %u",
			path, module->abi, (unsigned)DQ_ABI);
		ok = false;
	}
	for (uint32_t i = 0; ok && i < module->count; i++)
		ok = add_function(m, &module->entries[i], path, error, error_bytes);
	free(real);
	return ok;
}

bool modules_load(struct modules *m, const char *const *paths, char *error, size_t error_bytes)
{
	*m = (struct modules){0};
	for (; paths && *paths; paths++) {
		if (!load_one(m, *paths, error, error_bytes)) {
			modules_release(m);
			return false;
		}
	}
	return true;
}

void modules_release(struct modules *m)
{
	struct module_function *f, *tmp;

	HASH_ITER(hh, m->by_name, f, tmp) {
		HASH_DEL(m->by_name, f);
		free(f->name);
		free(f);
	}
	ensure(!m->by_name);
	m->count = 0;
}

dq_function *modules_find(const struct modules *m, struct slice name)
{
	struct module_function *f = NULL;

	if (name.n > 0 && name.n < 4096)
		HASH_FIND(hh, m->by_name, name.p, (unsigned)name.n, f);
	return f ? f->function : NULL;
}
