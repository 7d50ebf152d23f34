/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ssh_session: the connection that the user sits on, which must not be trapped. */
#ifndef SSH_SESSION_H
#define SSH_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "packet.h"
#include "target.h"

/* $SSH_CONNECTION ("client port server port") as the tuple of our packets, so
 * saddr is the server's.  text may be NULL: -ENOENT.  -EINVAL. */
int ssh_session_read(const char *text, struct tuple *t);

/* Did the user name the client's very address? Then it is asked for. */
bool ssh_session_is_target(const struct tuple *t, const struct target *targets,
			   size_t n);

#endif
