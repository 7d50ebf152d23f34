/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_json: members of JSON objects, from facts that may be absent or odd. */
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "event.h"
#include "output.h"

/* failed sticks: check it once, at the end. */
struct output_json_writer {
	const struct output_options *opt;
	size_t hook_output_max;	/* bytes; more is left out and said so */
	bool failed;		/* no memory */
};

/*
 * Between the two each value and name of this thread comes from memory that is
 * given back as a whole: jansson asks for each of them by itself.  None may live
 * on.  Not nested.
 */
void output_json_begin_mem(void);
void output_json_end_mem(void);

/* Takes over value; NULL is lack of memory. */
void output_json_put(struct output_json_writer *w, json_t *obj,
		     const char *key, json_t *value);

/* null above INT64_MAX: JSON's readers would round it. */
void output_json_put_number(struct output_json_writer *w, json_t *obj,
			    const char *key, uint64_t value);

/*
 * Text NULL: null.  What is not UTF-8 comes out escaped, with its bytes in hex
 * beside it as KEY_hex.
 */
void output_json_put_bytes(struct output_json_writer *w, json_t *obj,
			   const char *key, const char *bytes, size_t len);
void output_json_put_text(struct output_json_writer *w, json_t *obj,
			  const char *key, const char *text);
/* The same, but absent instead of null. */
void output_json_put_known(struct output_json_writer *w, json_t *obj,
			   const char *key, const char *text);

/* An array of the strings between NULs; KEY_hex holds null for those that are
 * UTF-8. */
void output_json_put_args(struct output_json_writer *w, json_t *obj,
			  const char *key, const char *args, size_t len);

/* UTC, RFC 3339, with that many digits of the second. */
void output_json_put_time(struct output_json_writer *w, json_t *obj,
			  const char *key, const struct timespec *ts,
			  int digits);

/* The member "ptrap" of a packet's event, and "hook" in it. */
json_t *output_json_make_ptrap(struct output_json_writer *w,
			       const struct event *e);
json_t *output_json_make_hook(struct output_json_writer *w,
			      const struct event *e);

#endif
