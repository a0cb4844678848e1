/*
 * Files and standard input, read whole or as they come.
 */
#ifndef DQ_INPUT_H
#define DQ_INPUT_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>

#define INPUT_BYTES_MAX ((size_t)4 << 30)

/* Appends a file to a buf; "-" is standard input. 0 or errno; EFBIG past the buf's maximum. */
int input_read(const char *path, struct buf *out);
/* Appends what one read() gives. 0 or errno, as above; *more: false at the end of the file. */
int input_read_some(int fd, struct buf *out, bool *more);

/*
 * Takes the next line, without its newline, from the front of *rest; false at its end. The last
 * line needs no newline.
 */
bool line_next(struct slice *rest, struct slice *line);
uint64_t line_count(struct slice text);

#endif
