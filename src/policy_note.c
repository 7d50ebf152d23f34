/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_note: what is wrong or odd in a policy, and where. */
#include "policy_note.h"

#include "strbuf.h"
#include "text.h"

#define NAMED_MAX 60 /* bytes of what a note names */

void policy_note_add(struct policy_notes *notes,
		     const struct policy_note *where, const char *why,
		     const char *text, size_t len)
{
	struct policy_note *note;
	struct strbuf sb;

	notes->nwarnings += where->warning;
	notes->nerrors += !where->warning;
	if (notes->n == POLICY_NOTES_MAX)
		return;
	note = &notes->list[notes->n++];
	*note = *where;
	strbuf_init(&sb, note->text, sizeof(note->text));
	strbuf_puts(&sb, why);
	if (!text || !len)
		return;
	strbuf_puts(&sb, ": ");
	text_add_word(&sb, text, len < NAMED_MAX ? len : NAMED_MAX, "");
	if (len > NAMED_MAX)
		strbuf_puts(&sb, "...");
}
