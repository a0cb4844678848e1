/*
 * Records of the entries of topics. See entry.h.
 */
#include "model/entry.h"

#include "codec/pack.h"
#include "model/content.h"
#include "model/decode.h"

enum { ENTRY_FIELDS = 3 };

void entry_record_encode(struct buf *out, const struct entry_record *r)
{
	pack_array(out, ENTRY_FIELDS);
	pack_u64(out, RECORD_VERSION);
	pack_u64(out, r->published_us);
	pack_bin(out, r->content);
}

bool entry_record_decode(struct slice in, struct entry_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, ENTRY_FIELDS);
	struct content content;
	const char *what;

	*out = (struct entry_record){.published_us = cursor_u64(&c)};
	out->content = cursor_bin(&c);
	if (cursor_ok(&c) && !content_decode(out->content, &content, &what))
		cursor_fail(&c, what);
	return record_end(&c, have, ENTRY_FIELDS, why);
}
