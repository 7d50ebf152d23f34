/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_format: rules to the text of a policy file, in one order of words. */
#ifndef POLICY_FORMAT_H
#define POLICY_FORMAT_H

#include <stdio.h>

#include "policy_rule.h"
#include "strbuf.h"

/* One line, no line feed. */
void policy_format_rule(const struct policy *p, const struct policy_rule *r,
			struct strbuf *sb);

/* All of it, without comments: what policy_parse makes of that is the same but
 * for the lines' numbers.  -ENOMEM; -errno of writing. */
int policy_format(const struct policy *p, FILE *out);

#endif
