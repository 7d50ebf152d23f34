/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_text: what the two halves of the text format share. */
#ifndef OUTPUT_TEXT_H
#define OUTPUT_TEXT_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "event.h"
#include "output.h"
#include "strbuf.h"

/* SGR parameters. */
#define OUTPUT_TEXT_BOLD   "1"
#define OUTPUT_TEXT_RED	   "31"
#define OUTPUT_TEXT_GREEN  "32"
#define OUTPUT_TEXT_YELLOW "33"

struct output_text_writer {
	struct strbuf *out;
	const struct output_options *opt;
	bool begun;		/* the line has a part already */
	size_t line, part;	/* where these begin in out */
};

/* NULL: no colour; text between the two is in it. */
void output_text_begin_colour(const struct output_text_writer *w,
			      const char *colour);
void output_text_end_colour(const struct output_text_writer *w,
			    const char *colour);

/* The first line, without its line feed: "09:41:03.512 ", the packet, and who
 * sent it as far as the grade allows. */
void output_text_add_time(const struct output_text_writer *w,
			  const struct timespec *ts);
void output_text_add_head(const struct output_text_writer *w,
			  const struct event *e);

/* "192.168.1.1:53", "[fd00::1]:53". */
void output_text_add_endpoint(const struct output_text_writer *w,
			      const struct ipaddr *addr, bool has_port,
			      uint16_t port);

/* "a[1], b[2] (+3 more)", all but the process `except` (0: all), which counts
 * among nholders_total. */
void output_text_add_holders(const struct output_text_writer *w,
			     const struct event *e, pid_t except);

/* "about udp A:1 > B:2, socket of x[4711]": what an ICMP error is about. */
void output_text_add_about(const struct output_text_writer *w,
			   const struct event *e);

#endif
