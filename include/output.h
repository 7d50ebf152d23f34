/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output: events in a format, into a sink. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "sink.h"
#include "stages.h"
#include "strbuf.h"

/* One event: 64 KiB of output, seven bytes for each at worst, and the rest. */
#define OUTPUT_RECORD_MAX (768 * 1024)

/* What formats need beside the event. */
struct output_options {
	bool colour;
	bool verbose;
	const char *host_name, *host_id;	/* NULL: not known */
};

/* One format, one file.  format() writes a whole record, its line feed
 * included.  Returns 0 or -errno (the record is then lost and counted). */
struct output_format {
	const char *name;
	int (*format)(const struct event *e, const struct output_options *opt,
		      struct strbuf *out);
};

extern const struct output_format output_text;	/* output_text.c */
extern const struct output_format output_json;	/* output_json.c */

const struct output_format *output_find_format(const char *name, size_t len);

struct output;

/* spec is FORMAT[:FILE].  -EINVAL: no such format; else sink_open_file's.
 * Colour only for text on a terminal, without NO_COLOR. */
int output_open(struct output **o, const char *spec, bool verbose);
int output_write(struct output *o, const struct event *e);
/* Counts there from now on. */
void output_measure(struct output *o, struct stage *stage);
int output_closed_fd(const struct output *o);
void output_close(struct output *o, uint64_t timeout_us,
		  struct sink_stats *st);

/* The event as one JSON line, for a command's standard input. */
int output_json_line(const struct event *e, struct strbuf *out);

#endif
