/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockdiag: NETLINK_SOCK_DIAG: which socket has this tuple? */
#ifndef SOCKDIAG_H
#define SOCKDIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipaddr.h"

struct nlmsghdr;

/* One socket as inet_diag tells of it (linux/inet_diag.h, host order here). */
struct sockdiag_row {
	uint8_t family;			/* AF_INET6 may carry an IPv4 flow */
	uint8_t state;			/* TCP_ESTABLISHED, ... */
	struct ipaddr local, remote;	/* v4-mapped ones are unmapped */
	uint16_t local_port, remote_port;
	uint32_t ifindex;		/* bound to that device, or 0 */
	uint32_t rqueue, wqueue;	/* UDP: bytes charged and not yet sent */
	uint32_t wmem;			/* SCTP, DCCP: bytes charged (SCTP: one a
					 * packet and the chunks' own), packets
					 * on their way among them */
	uint32_t uid;			/* the creator's */
	uint64_t inode;			/* 0: nobody's (TIME_WAIT, orphan; with
					 * TCP_SYN_RECV a half-open connection,
					 * the kernel's until it is accepted) */
	uint64_t cookie;
	uint64_t cgroup_id;		/* 0: the kernel does not say (< 5.9) */
	bool v6only;			/* told of unconnected sockets only */
	bool raw;			/* local_port is a protocol number */
	bool payload_only;		/* raw: it writes no IP header; told of
					 * by raw_diag, since 5.10 */
	bool no_mc_loop;		/* it does not get its own multicasts, as
					 * the kernel's sockets for tunnels
					 * (setup_udp_tunnel_sock); since 5.10 */
};

struct sockdiag;

/* Sees the network namespace of the caller.  -errno. */
int sockdiag_open(struct sockdiag **sd);
/* Sees the namespace in which that NETLINK_SOCK_DIAG socket was made; it is taken
 * over in any case. */
int sockdiag_open_fd(struct sockdiag **sd, int fd);
void sockdiag_close(struct sockdiag *sd);

/* What is asked: the socket's own view, local is here. */
struct sockdiag_query {
	uint8_t proto;			/* IPPROTO_TCP, UDP, UDPLITE, ... */
	struct ipaddr local, remote;	/* one family */
	uint16_t local_port, remote_port;
	uint32_t ifindex;		/* the packet's device, or 0 */
};

/*
 * The exact look-up, 7-13 us.  Only a row that is an answer comes back: for TCP
 * the same four-tuple and never a LISTEN row (the kernel falls back to a
 * listener); for UDP as sockdiag_row_fits has it.  A device-bound socket is
 * found with the ifindex given; it is asked with it and, where that finds
 * nothing, without.  TIME_WAIT and half-open rows do come back: look at state
 * and inode.  -ENOENT: none.  -EOPNOTSUPP: no diag module for the protocol, and
 * none known here but TCP, UDP, UDP-Lite, SCTP and DCCP.  -EAFNOSUPPORT,
 * -EINVAL: addresses of no or of two families.
 */
int sockdiag_get(struct sockdiag *sd, const struct sockdiag_query *q,
		 struct sockdiag_row *row);

/*
 * The listener that would take (or has taken) a packet from remote to local;
 * for UDP the socket that would receive it.  -ENOTUNIQ: it has twins
 * (SO_REUSEPORT), and the connection stands already, so which of them took it
 * cannot be told.  Others as above.
 */
int sockdiag_get_listener(struct sockdiag *sd, const struct sockdiag_query *q,
			  struct sockdiag_row *row);

/*
 * Every socket of the protocol that could have sent a packet with this tuple:
 * both families dumped, those that fit.  Returns how many there are; the first
 * max of them are in rows.  -errno as above; -EAGAIN: the tables changed under
 * each of several dumps.
 */
int sockdiag_find_all(struct sockdiag *sd, const struct sockdiag_query *q,
		      struct sockdiag_row *rows, size_t max);

/* Every socket of the protocol that is bound to this local port, of both
 * families, connected ones too.  Returns and errors as above. */
int sockdiag_list_port(struct sockdiag *sd, uint8_t proto, uint16_t port,
		       struct sockdiag_row *rows, size_t max);

/* Those that stand just where that row's socket does (SO_REUSEPORT), itself among
 * them: same family, addresses, ports and device, all listening or none.  Returns
 * and errors as above. */
int sockdiag_find_equals(struct sockdiag *sd, uint8_t proto,
			 const struct sockdiag_row *row,
			 struct sockdiag_row *rows, size_t max);

/* All that get a copy of a datagram from remote to local, where that is a group's
 * or everybody's address.  As far as is known here: who has joined the group is
 * not.  Returns and errors as above. */
int sockdiag_find_receivers(struct sockdiag *sd, const struct sockdiag_query *q,
			    struct sockdiag_row *rows, size_t max);

/*
 * Every raw socket of that family; local_port is its protocol number.  Any of
 * them may write a whole IP header and so send any protocol.  Returns as above;
 * -EOPNOTSUPP: the kernel has no raw_diag, see sockraw.
 */
int sockdiag_find_raw(struct sockdiag *sd, uint8_t family,
		      struct sockdiag_row *rows, size_t max);

/* TCP, SCTP, DCCP: a socket for each connection, which sends to its peer. */
bool sockdiag_is_connected(int proto);

/*
 * Could a socket like this row have sent that packet?  Same local port; local
 * address equal or any, remote equal or none, device equal or none.  A UDP
 * socket with bytes in its send queue fits whatever its addresses are, since
 * sendto(2) goes past connect(2) and IP_PKTINFO past bind(2).
 */
bool sockdiag_row_fits(const struct sockdiag_row *row,
		       const struct sockdiag_query *q);

/* The parser, for tests and fuzzers; nlmsg_len is within the buffer.
 * -EBADMSG: short, wrong type or family, an attribute beyond the end. */
int sockdiag_parse(const struct nlmsghdr *nlh, struct sockdiag_row *row);

#endif
