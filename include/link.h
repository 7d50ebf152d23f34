/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link: names of network interfaces, kept up to date by the kernel's messages. */
#ifndef LINK_H
#define LINK_H

#include <stdint.h>

struct link_table;

/* libnfnetlink's interface table (nlif), on a CLOEXEC socket.  -errno. */
int link_open(struct link_table **lt);
void link_close(struct link_table *lt);	/* NULL is fine */

/* Readable when interfaces came, went or were renamed: then link_update. */
int link_fd(const struct link_table *lt);
void link_update(struct link_table *lt);

/* "" for 0 and for an interface that is not there.  name: IF_NAMESIZE bytes. */
void link_name(struct link_table *lt, uint32_t ifindex, char *name);

#endif
