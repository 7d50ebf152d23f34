/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_socket: which socket sent it, or why that cannot be said. */
#ifndef SOCKOWNER_SOCKET_H
#define SOCKOWNER_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "sockdiag.h"
#include "sockowner.h"
#include "sockowner_room.h"
#include "sockraw.h"

#define ROWS_MAX 64

struct sockowner_finder {
	struct sockdiag *diag;
	struct sockraw tables;
	bool uid_exact;			/* packets' uids are sock_diag's */
	struct sockowner_rooms rooms;
	struct sockdiag_row rows[ROWS_MAX];
};

/* Are we in the first user namespace?  Elsewhere uids have other numbers, and a
 * capability opens only what belongs to the namespace. */
bool sockowner_socket_sees_all_users(int rootfd);

/* rootfd is /proc.  -errno. */
int sockowner_socket_open(struct sockowner_finder *f, int rootfd);
/* Of another namespace; see sockowner_add_net. */
int sockowner_socket_open_net(struct sockowner_finder *f, int rootfd, int diag,
			      const int tables[SOCKRAW_TABLES]);
void sockowner_socket_close(struct sockowner_finder *f);

/* The question as sock_diag wants it.  -EINVAL, -EAFNOSUPPORT. */
int sockowner_socket_query(const struct sockowner_query *q,
			   struct sockdiag_query *d);

/* True: a->socket is the one.  False: the answer's grade and reason say why not
 * (kernel, twins, unknown). */
bool sockowner_socket_find(struct sockowner_finder *f,
			   const struct sockowner_query *q,
			   const struct sockdiag_query *d,
			   struct sockowner_answer *a);

/* By their cookies, where both have one; an inode's number comes back only after
 * four billion others. */
bool sockowner_socket_is_same(const struct sockowner_socket *a,
			      const struct sockowner_socket *b);

/* One exact look-up: is it that socket?  1: yes, and *inode. */
int sockowner_socket_still(struct sockowner_finder *f,
			   const struct sockowner_query *q,
			   const struct sockowner_socket *socket,
			   uint64_t *inode);

/* TCP: has the local address a listener? */
bool sockowner_socket_serves(struct sockowner_finder *f,
			     const struct sockowner_query *q);

/* UNKNOWN, for the reason that the error stands for. */
void sockowner_socket_refuse(struct sockowner_answer *a, int err);

#endif
