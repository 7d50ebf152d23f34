/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text: words for people: names that end where they seem to, times, colours. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "strbuf.h"

/* What the lines of an event are made of, so a name with one of these in it
 * could pretend to be more than a name. */
#define TEXT_NAME_SPECIAL "[]<>(),"

/*
 * Somebody else's word, escaped, and in double quotes (with \" inside) when it
 * is empty or holds anything but printable ASCII, a blank, a quote or one of
 * special.
 */
void text_add_word(struct strbuf *sb, const char *bytes, size_t len,
		   const char *special);

/* "curl[4711]", with a thread "curl[4711/4712]" (tid 0: not known). */
void text_add_process(struct strbuf *sb, const char *comm, pid_t pid,
		      pid_t tid);

/* "9999 us", "10 ms", "9999 ms", "10.5 s". */
void text_add_duration(struct strbuf *sb, uint64_t us);

/*
 * A command's captured output, each line behind four blanks, ending in a line
 * feed.  Escaped, but for what ps and pstree do to mark a line: bold stays
 * with colour, other settings of colour vanish.
 */
void text_add_output(struct strbuf *sb, const char *bytes, size_t len,
		     bool colour);

#endif
