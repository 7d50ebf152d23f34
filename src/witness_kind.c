/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_kind: the names of the ways to see who sends. */
#include <errno.h>
#include <string.h>

#include "util.h"
#include "witness.h"

static const char *const names[] = {
	[WITNESS_AUTO] = "auto",
	[WITNESS_NETFILTER] = "netfilter",
	[WITNESS_TRACING] = "tracing",
	[WITNESS_CGROUP] = "cgroup",
};

const char *witness_kind_name(enum witness_kind kind)
{
	return names[kind];
}

int witness_kind_parse(const char *name, enum witness_kind *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum witness_kind)i;
			return 0;
		}
	return -EINVAL;
}
