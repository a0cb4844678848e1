/*
 * What `make check` does with the fuzz targets, without libFuzzer: every file of every corpus, and
 * some seeded changes of each. Inputs that once broke something are kept in the corpus and so stay
 * tried.
 *
 *	fuzz_replay CORPUS_DIR        replays CORPUS_DIR/TARGET/<files> for each target
 *	fuzz_replay --write DIR       writes the samples as files: how the corpus was begun
 */
#include "sweep.h"
#include "targets.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MUTATIONS 3000
#define FILE_MAX 65536

static unsigned files;

static char *path_join(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void fail(const char *what, const char *path)
{
	fprintf(stderr, "fuzz_replay: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

static void replay_file(const struct target *t, const char *path)
{
	static uint8_t bytes[FILE_MAX];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		fail("cannot open", path);
	n = fread(bytes, 1, sizeof(bytes), f);
	if (ferror(f))
		fail("cannot read", path);
	fclose(f);
	ensure_note("replaying %s", path);
	t->run(slice_of(bytes, n));
	sweep_mutations(t, slice_of(bytes, n), MUTATIONS, hash64(slice_of(bytes, n)));
	files++;
}

static void replay(const struct target *t, const char *corpus)
{
	char *dir = path_join(corpus, t->name);
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		fail("no corpus of this target", dir);
	while ((entry = readdir(d)) != NULL) {
		char *path;

		if (entry->d_name[0] == '.')
			continue;
		path = path_join(dir, entry->d_name);
		replay_file(t, path);
		free(path);
	}
	closedir(d);
	free(dir);
}

static void write_samples(const struct target *t, const char *corpus)
{
	char *dir = path_join(corpus, t->name);
	struct buf b;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		fail("cannot make", dir);
	buf_init(&b, FILE_MAX);
	for (unsigned i = 0; i < t->samples; i++) {
		char *path = xasprintf("%s/sample-%02u", dir, i);
		FILE *f = fopen(path, "wb");

		buf_clear(&b);
		t->sample(&b, i);
		if (!f || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
			fail("cannot write", path);
		free(path);
	}
	buf_release(&b);
	free(dir);
}

static void each(void (*fn)(const struct target *t, const char *dir), const char *dir)
{
	for (unsigned i = 0; i < model_target_count; i++)
		fn(&model_targets[i], dir);
	for (unsigned i = 0; i < wire_target_count; i++)
		fn(&wire_targets[i], dir);
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("DQ_SRCDIR");

	if (argc == 3 && strcmp(argv[1], "--write") == 0) {
		each(write_samples, argv[2]);
		return 0;
	}
	if (argc > 2 || (argc == 1 && !srcdir)) {
		fprintf(stderr, "usage: fuzz_replay CORPUS_DIR | --write DIR\n");
		return 2;
	}
	if (argc == 2) {
		each(replay, argv[1]);
	} else {
		char *corpus = path_join(srcdir, "tests/fuzz/corpus");

		each(replay, corpus);
		free(corpus);
	}
	printf("%u files, %u changes of each\n", files, MUTATIONS);
	return files == 0;
}
