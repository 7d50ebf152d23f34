/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_word: a line of a policy taken apart into words, and words written. */
#ifndef POLICY_WORD_H
#define POLICY_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "strbuf.h"
#include "strpool.h"

/* What is still to be read of a line, which has no line feed in it. */
struct policy_line {
	const char *text;
	size_t len, pos;
};

struct policy_word {
	const char *text;	/* in the pool, terminated, no NUL within */
	size_t pos, len;	/* where it stands in the line, quotes included */
	bool plain;		/* no quotes, no escapes: text is what stands there */
};

/* A part of the line, and what is wrong there; why is static. */
struct policy_mistake {
	size_t pos, len;
	const char *why;
};

/*
 * The next word: up to a blank or tab, or in double quotes.  In both \\, \", \n,
 * \t, \r, \xHH and \u{HHHH} stand for other bytes, as events have them.  A word that
 * begins with # begins a comment.  1: *w; 0: no more; -EINVAL: *bad.  The pool
 * needs a byte more than the line has.
 */
int policy_word_next(struct policy_line *line, struct strpool *pool,
		     struct policy_word *w, struct policy_mistake *bad);

/* Is all of the line, comments too, what it looks like?  -EINVAL with *bad:
 * control characters, invisible ones, what is not UTF-8. */
int policy_word_check_line(const char *text, size_t len,
			   struct policy_mistake *bad);

/* As policy_word_next would read it back. */
void policy_word_format(struct strbuf *sb, const char *text);

#endif
