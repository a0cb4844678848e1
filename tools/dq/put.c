/*
 * Words to contents and contents to JSON. See put.h.
 */
#include "put.h"

#include "argjson.h"
#include "cli.h"
#include "output.h"

int content_of_word(const char *word, struct dq_args **args, struct dq_content *content)
{
	char why[256];

	*content = (struct dq_content)DQ_CONTENT_INIT;
	*args = dq_args_new();
	content->args = *args;
	if (word[0] == '@' && word[1] == '\0')
		return cli_usage("@KEY without a key");
	if (word[0] == '@')
		dq_args_key(*args, word + 1);
	else if (!args_json(*args, word, why, sizeof why))
		return cli_usage("%.80s: %s", word, why);
	return 0;
}

int put_failed(int error, const struct dq_client *client, const char *name, const char *word)
{
	if (error == DQ_E_NOT_FOUND)
		return cli_fail(error, "%.80s: there is no such task to hold",
			word[0] == '@' ? word + 1 : word);
	return cli_fail_client(error, client, name);
}

void content_json(struct json *j, const struct dq_value *value, const struct dq_future *future)
{
	if (!future) {
		result_json(j, value);
		return;
	}
	json_open_object(j);
	json_key(j, "$key");
	json_cstr(j, dq_future_key(future));
	json_end_object(j);
}
