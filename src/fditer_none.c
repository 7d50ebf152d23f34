/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fditer_none: in place of fditer_load where it is not built in. */
#include <errno.h>

#include "fditer_load.h"

int fditer_load(void)
{
	return -EOPNOTSUPP;
}

const char *fditer_reason(int err)
{
	(void)err;
	return "it is not built in";
}
