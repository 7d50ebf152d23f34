/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users: names of uids, from /etc/passwd as it was at the start. */
#ifndef USERS_H
#define USERS_H

#include <sys/types.h>

/* No name service is asked: its look-up may be a packet that we hold. */
struct users;

int users_open(struct users **u, const char *path);	/* -errno */
void users_close(struct users *u);

/* NULL: not in the file. */
const char *users_find(const struct users *u, uid_t uid);

#endif
