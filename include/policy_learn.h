/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_learn: a policy made of what was seen. */
#ifndef POLICY_LEARN_H
#define POLICY_LEARN_H

#include <stdio.h>

#include "policy.h"

#define POLICY_LEARN_MAX       16384	/* lines; more is counted only */
#define POLICY_LEARN_ADDRS_MAX 16	/* in a line; with more it is for any */

struct policy_learn;

int policy_learn_open(struct policy_learn **l);	/* -ENOMEM */
void policy_learn_close(struct policy_learn *l);	/* NULL is fine */

/* Takes a packet into account.  Not on the packet's way: it takes memory.
 * -ENOMEM, -ENOSPC: it is counted as left out. */
int policy_learn_add(struct policy_learn *l, const struct policy_subject *s,
		     const struct policy_object *o);

/*
 * Sorted, each line once, with comments, and as policy_parse takes it.  What no
 * line can name safely (senders that are not known, deleted executables,
 * interpreters without a script) is there as comments.  -EIO, -ENOMEM.
 */
int policy_learn_write(const struct policy_learn *l, FILE *out);

#endif
