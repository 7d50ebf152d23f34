/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_parse: the text of a policy file to rules; ptrap-ng.policy(5) says how
 * it is written. */
#ifndef POLICY_PARSE_H
#define POLICY_PARSE_H

#include <stddef.h>

#include "policy_note.h"
#include "policy_rule.h"

#define POLICY_SIZE_MAX	 (16U << 20)

/*
 * The first mistake of each line goes to notes, in their order; so do the warnings
 * of policy_warn.  0: *p is the caller's; -EINVAL: notes say why; -ENOMEM; -EFBIG:
 * above POLICY_SIZE_MAX.  text needs no terminator and may be freed.
 */
int policy_parse(const char *text, size_t len, struct policy **p,
		 struct policy_notes *notes);

/*
 * The whole of a file, and policy_parse of it.  A file that others than root and
 * we may write is refused with a note.  -errno where it cannot be read; -EAGAIN: it
 * grew meanwhile.
 */
int policy_parse_file(const char *path, struct policy **p,
		      struct policy_notes *notes);

#endif
