/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockraw: /proc/net/icmp, icmp6, raw and raw6: sockets without sock_diag. */
#ifndef SOCKRAW_H
#define SOCKRAW_H

#include <stddef.h>
#include <stdint.h>

#include "sockdiag.h"

enum sockraw_table {
	SOCKRAW_ICMP,  /* ping sockets, net/ipv4/ping.c */
	SOCKRAW_ICMP6, /* net/ipv6/ping.c */
	SOCKRAW_RAW,   /* net/ipv4/raw.c */
	SOCKRAW_RAW6,  /* net/ipv6/raw.c */
	SOCKRAW_TABLES,
};

/* The tables, kept open: they are those of the network namespace that they were
 * opened in. */
struct sockraw {
	int fds[SOCKRAW_TABLES]; /* -1: the kernel has no such table */
};

/* rootfd is /proc. */
void sockraw_open(struct sockraw *sr, int rootfd);
void sockraw_close(struct sockraw *sr);

/*
 * One line, with or without its '\n', as a row without cookie, cgroup_id,
 * ifindex and raw (sockraw_read sets that).  local_port is the echo id (ping) or the protocol number (raw);
 * wqueue counts bytes charged and not yet sent, as sock_diag's.  family:
 * AF_INET or AF_INET6, for the addresses' width.  -ENOMSG: the heading;
 * -EBADMSG: no such line.
 */
int sockraw_parse(const char *line, size_t len, uint8_t family,
		  struct sockdiag_row *row);

/*
 * All rows of a table; returns how many there are, the first max of them in
 * rows.  The kernel gives a page at a time, so a socket may be missed while
 * another one before it goes.  -EOPNOTSUPP: no such table; -EBADMSG: not one
 * that we can read; -errno.
 */
int sockraw_read(const struct sockraw *sr, enum sockraw_table table,
		 struct sockdiag_row *rows, size_t max);

#endif
