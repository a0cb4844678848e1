/*
 * dq-inspect users: the users that the scheduler has seen.
 */
#include "list.h"

#include <inttypes.h>

static void print(struct inspect *in, const struct img_user *user)
{
	struct json *j = &in->j;

	if (in->json) {
		json_open_object(j);
		json_key(j, "user");
		json_uint(j, user->number);
		json_key(j, "name");
		json_str(j, user->r.name);
		json_key(j, "uid");
		json_uint(j, user->r.uid);
		json_end_object(j);
		return;
	}
	put(in, "%-6" PRIu32 " ", user->number);
	put_safe(in, user->r.name);
	put(in, ", uid %" PRIu32, user->r.uid);
	out_line(in);
}

static void print_all(struct image *img)
{
	for (size_t i = 0; i < img->users.n; i++)
		print(img->in, &img->users.v[i]);
}

static int run(struct inspect *in)
{
	return list_records(in, print_all);
}

const struct cmd cmd_users = {
	.name = "users",
	.words = "",
	.about = "The users.",
	.reads = true,
	.run = run,
};
