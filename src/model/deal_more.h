/*
 * What the readers of operations (deal.c, deal_more.c) do for one another; for them alone.
 */
#ifndef MODEL_DEAL_MORE_H
#define MODEL_DEAL_MORE_H

#include "model/deal.h"

struct slice deal_read_name(struct cursor *c);
/* Operations on datasets and topics, from DEAL_PUBLISH on. Returns how many elements were read. */
uint32_t deal_read_more(struct cursor *c, struct deal_op *op);
void deal_write_more(struct buf *out, const struct deal_op *op);

#endif
