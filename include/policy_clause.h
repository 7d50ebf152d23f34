/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_clause: what stands behind the verdict of a line, piece by piece. */
#ifndef POLICY_CLAUSE_H
#define POLICY_CLAUSE_H

#include "policy_rule.h"
#include "policy_word.h"

/* A policy that grows, and how many members its arrays have room for. */
struct policy_builder {
	struct policy *p;
	size_t rules_room, files_room, ranges_room, nets_room, names_room;
};

struct policy_clause;

/* The clause that the word begins; NULL: none. */
const struct policy_clause *policy_clause_find(const char *word);
enum policy_ask policy_clause_ask(const struct policy_clause *c);

/*
 * Its value, into the rule.  -ENOMEM; -EINVAL: bad->pos and ->why; the position
 * counts in the line.
 */
int policy_clause_parse(struct policy_builder *b, const struct policy_clause *c,
			struct policy_rule *r, const struct policy_word *value,
			struct policy_mistake *bad);

/* Adds a rule to the policy.  -ENOMEM; -E2BIG: there are too many. */
int policy_builder_add(struct policy_builder *b, const struct policy_rule *r);

#endif
