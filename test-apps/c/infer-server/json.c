#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What has yet to be read. */
struct text {
	const char *at, *end;
};

static void skip_space(struct text *text)
{
	while (text->at < text->end && memchr(" \t\r\n", *text->at, 4))
		text->at++;
}

/* Is this next? Then it is read, with the space before it. */
static int took(struct text *text, const char *what)
{
	size_t len = strlen(what);
	skip_space(text);
	if ((size_t)(text->end - text->at) < len || memcmp(text->at, what, len) != 0)
		return 0;
	text->at += len;
	return 1;
}

static int digits(struct text *text)
{
	const char *from = text->at;
	while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
		text->at++;
	return (int)(text->at - from);
}

static int took_one_of(struct text *text, const char *these)
{
	if (text->at == text->end || !*text->at || !strchr(these, *text->at))
		return 0;
	text->at++;
	return 1;
}

/* -0.5e3, but neither +1, 01, .5, 1., nan nor 0x1, all of which strtod takes. */
static int took_number(struct text *text, double *number)
{
	char copy[64];
	skip_space(text);
	const char *from = text->at;
	took_one_of(text, "-");
	const char *whole = text->at;
	int count = digits(text);
	if (count == 0 || (count > 1 && *whole == '0'))
		return 0;
	if (took_one_of(text, ".") && digits(text) == 0)
		return 0;
	if (took_one_of(text, "eE")) {
		took_one_of(text, "+-");
		if (digits(text) == 0)
			return 0;
	}
	size_t len = (size_t)(text->at - from);
	if (len >= sizeof(copy))
		return 0;
	memcpy(copy, from, len);
	copy[len] = 0;
	*number = strtod(copy, NULL);
	return isfinite(*number);
}

int json_numbers(const char *body, size_t len, double *numbers, int most)
{
	struct text text = {body, body + len};
	int count = 0, is_object = took(&text, "{");
	if (is_object && !(took(&text, "\"input\"") && took(&text, ":")))
		return -1;
	if (!took(&text, "["))
		return -1;
	if (!took(&text, "]")) {
		do {
			if (count == most || !took_number(&text, &numbers[count]))
				return -1;
			count++;
		} while (took(&text, ","));
		if (!took(&text, "]"))
			return -1;
	}
	if (is_object && !took(&text, "}"))
		return -1;
	skip_space(&text);
	return text.at == text.end ? count : -1;
}
