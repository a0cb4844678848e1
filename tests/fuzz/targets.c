/*
 * What all targets need.
 */
#include "targets.h"

#include "base/ensure.h"

void targets_same(const struct buf *first, const struct buf *second)
{
	ensure(!first->failed && !second->failed);
	ensure(slice_eq(buf_slice(first), buf_slice(second)));
}
