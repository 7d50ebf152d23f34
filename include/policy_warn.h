/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_warn: lines of a policy that mean more, or less, than they seem to. */
#ifndef POLICY_WARN_H
#define POLICY_WARN_H

#include "policy_rule.h"

/* Begins with zeros; what the lines so far have left to the next ones. */
struct policy_warner {
	unsigned decided[POLICY_ANYONE];	/* by who: the line that has them
						 * all, or 0 */
};

struct policy_warning {
	const char *why;	/* static; NULL: nothing to say */
	enum policy_ask ask;	/* the clause; POLICY_ASKS: the line as such */
	const char *text;	/* what it is about; or NULL */
};

/*
 * Of the next rule of p: an interpreter accepted without a script, a script that
 * can never count, unknown senders accepted everywhere, a line that an earlier
 * one leaves nothing to.  The first that applies.
 */
struct policy_warning policy_warn(struct policy_warner *w,
				  const struct policy *p,
				  const struct policy_rule *r);

/* Does the file run what others wrote: an interpreter, a loader, a debugger?
 * By its name. */
bool policy_is_interpreter(const char *path);

#endif
