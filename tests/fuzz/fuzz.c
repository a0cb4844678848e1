/*
 * The entry point for libFuzzer, one program a target: tests/fuzz/build-fuzzers compiles this once
 * for each, with FUZZ_TARGET its name.
 */
#include "targets.h"

#include "base/ensure.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct target *find(const char *name)
{
	for (unsigned i = 0; i < model_target_count; i++) {
		if (strcmp(model_targets[i].name, name) == 0)
			return &model_targets[i];
	}
	for (unsigned i = 0; i < wire_target_count; i++) {
		if (strcmp(wire_targets[i].name, name) == 0)
			return &wire_targets[i];
	}
	panic("no fuzz target is called %s", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct target *target;

	if (!target)
		target = find(FUZZ_TARGET);
	target->run(slice_of(data, size));
	return 0;
}
