/* producers: what the program and its module have in common. */
#ifndef PRODUCERS_H
#define PRODUCERS_H

#include <stdint.h>

#define NUMBERS "producers-numbers"
#define FOUND "producers-found"
#define BATCH 64 /* things that are put or taken at once */

struct found {
	uint64_t number, divisor; /* the least one over 1 */
};

#endif
