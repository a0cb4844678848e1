/*
 * dq-inspect: what follows from the records: which tasks are gone, ended, leased, ready or waiting,
 * and which leases live.
 */
#ifndef INSPECT_DERIVE_H
#define INSPECT_DERIVE_H

#include "image.h"

/* Fills state, flag, counts and leases[].live of an image whose tables are loaded. */
void image_derive(struct image *img);

#endif
