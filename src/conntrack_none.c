/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conntrack_none: without the library nothing is known of NAT afterwards. */
#include "conntrack.h"

#include <errno.h>

int conntrack_open(struct conntrack **ct)
{
	*ct = NULL;
	return -EOPNOTSUPP;
}

void conntrack_close(struct conntrack *ct)
{
	(void)ct;
}

bool conntrack_is_built_in(void)
{
	return false;
}

int conntrack_find_wire(struct conntrack *ct, const struct tuple *own,
			struct tuple *wire)
{
	(void)ct;
	(void)own;
	(void)wire;
	return -EOPNOTSUPP;
}

int conntrack_find_own(struct conntrack *ct, const struct tuple *wire,
		       struct tuple *own)
{
	(void)ct;
	(void)wire;
	(void)own;
	return -EOPNOTSUPP;
}
