/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_json_value: members of JSON objects, from facts absent or odd. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output_json.h"
#include "strbuf.h"

void output_json_put(struct output_json_writer *w, json_t *obj, const char *key,
		     json_t *value)
{
	if (json_object_set_new(obj, key, value) < 0)
		w->failed = true;
}

void output_json_put_number(struct output_json_writer *w, json_t *obj,
			    const char *key, uint64_t value)
{
	output_json_put(w, obj, key,
			value > INT64_MAX ? json_null()
					  : json_integer((json_int_t)value));
}

/* At worst "\xHH" for each byte. */
static json_t *make_escaped(const char *bytes, size_t len)
{
	size_t size = 4 * len + 1;
	char *mem = malloc(size);
	struct strbuf sb;
	json_t *value;

	if (mem == NULL)
		return NULL;
	strbuf_init(&sb, mem, size);
	strbuf_add_escaped(&sb, bytes, len);
	value = json_stringn(sb.mem, sb.len);
	free(mem);
	return value;
}

/* So that nothing is lost by escaping. */
static json_t *make_hex(const char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *mem = malloc(2 * len + 1);
	json_t *value;

	if (mem == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		mem[2 * i] = digits[(unsigned char)bytes[i] >> 4];
		mem[2 * i + 1] = digits[(unsigned char)bytes[i] & 15];
	}
	value = json_stringn(mem, 2 * len);
	free(mem);
	return value;
}

/* jansson refuses the rest, and a reader would guess. */
static bool is_utf8(const char *bytes, size_t len)
{
	return strbuf_utf8_span(bytes, len) == len;
}

static void put_hex(struct output_json_writer *w, json_t *obj, const char *key,
		    json_t *value)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_hex", key);
	output_json_put(w, obj, name, value);
}

void output_json_put_bytes(struct output_json_writer *w, json_t *obj,
			   const char *key, const char *bytes, size_t len)
{
	if (bytes == NULL) {
		output_json_put(w, obj, key, json_null());
	} else if (is_utf8(bytes, len)) {
		output_json_put(w, obj, key, json_stringn(bytes, len));
	} else {
		output_json_put(w, obj, key, make_escaped(bytes, len));
		put_hex(w, obj, key, make_hex(bytes, len));
	}
}

void output_json_put_text(struct output_json_writer *w, json_t *obj,
			  const char *key, const char *text)
{
	output_json_put_bytes(w, obj, key, text,
			      text != NULL ? strlen(text) : 0);
}

void output_json_put_known(struct output_json_writer *w, json_t *obj,
			   const char *key, const char *text)
{
	if (text != NULL)
		output_json_put_text(w, obj, key, text);
}

static void append(struct output_json_writer *w, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		w->failed = true;
}

void output_json_put_args(struct output_json_writer *w, json_t *obj,
			  const char *key, const char *args, size_t len)
{
	json_t *texts = json_array(), *hexes = json_array();
	const char *end = args + len, *arg = args;
	bool odd = !is_utf8(args, len);

	while (arg <= end) {
		const char *nul = memchr(arg, '\0', (size_t)(end - arg));
		size_t n = (size_t)((nul == NULL ? end : nul) - arg);
		bool fine = is_utf8(arg, n);

		append(w, texts,
		       fine ? json_stringn(arg, n) : make_escaped(arg, n));
		append(w, hexes, fine ? json_null() : make_hex(arg, n));
		arg += n + 1;
	}
	output_json_put(w, obj, key, texts);
	if (odd)
		put_hex(w, obj, key, hexes);
	else
		json_decref(hexes);
}

void output_json_put_time(struct output_json_writer *w, json_t *obj,
			  const char *key, const struct timespec *ts,
			  int digits)
{
	char date[32], text[64];
	long fraction = ts->tv_nsec;
	struct tm tm;

	if (gmtime_r(&ts->tv_sec, &tm) == NULL) {
		output_json_put(w, obj, key, json_null());
		return;
	}
	for (int i = digits; i < 9; i++)
		fraction /= 10;
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%0*ldZ", date, digits, fraction);
	output_json_put(w, obj, key, json_string(text));
}
