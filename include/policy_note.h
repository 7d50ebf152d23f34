/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_note: what is wrong or odd in a policy, and where. */
#ifndef POLICY_NOTE_H
#define POLICY_NOTE_H

#include <stdbool.h>
#include <stddef.h>

#define POLICY_NOTES_MAX 20
#define POLICY_NOTE_TEXT 256

/* "FILE:LINE:COLUMN: TEXT" is for the caller to put together. */
struct policy_note {
	unsigned line, column;	/* from 1; columns count bytes; line 0: the file */
	bool warning;		/* not an error: the policy may be used */
	char text[POLICY_NOTE_TEXT];	/* one line, escaped, names what it means */
};

struct policy_notes {
	struct policy_note list[POLICY_NOTES_MAX];
	size_t n;
	size_t nerrors, nwarnings;	/* there may be more than in the list */
};

/*
 * Adds one at line and column of where, as error or warning; its text is why and
 * what it is about (NULL: nothing): as text_add_word has it, and cut if it is long.
 */
void policy_note_add(struct policy_notes *notes, const struct policy_note *where,
		     const char *why, const char *text, size_t len);

#endif
