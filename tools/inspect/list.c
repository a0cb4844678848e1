/*
 * dq-inspect: lists of records (list.h).
 */
#include "list.h"

int list_records(struct inspect *in, void (*fn)(struct image *img))
{
	struct image img;
	int rc = image_load(&img, in, NULL, NULL);

	if (rc == 0 && in->json)
		json_open_array(&in->j);
	if (rc == 0)
		fn(&img);
	if (rc == 0 && in->json) {
		json_end_array(&in->j);
		out_line(in);
	}
	image_release(&img);
	return rc;
}

void json_user(struct json *j, const struct image *img, uint32_t number)
{
	const struct img_user *user = image_user(img, number);

	if (user)
		json_str(j, user->r.name);
	else
		json_uint(j, number);
}

void json_worker(struct json *j, const struct image *img, uint32_t number)
{
	const struct img_worker *worker = image_worker(img, number);

	if (worker)
		json_str(j, worker->r.name);
	else
		json_uint(j, number);
}
