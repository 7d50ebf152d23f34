/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nfqueue: one NFQUEUE: bound, configured, received from, answered. */
#ifndef NFQUEUE_H
#define NFQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "packet.h"

#define NFQUEUE_COPY_RANGE 512		/* a full DNS question fits */
#define NFQUEUE_MAXLEN 8192		/* packets held by the kernel for us */
#define NFQUEUE_RCVBUF (16 << 20)	/* about 832 bytes a small message */
#define NFQUEUE_BUF_SIZE 2048		/* one message with its attributes */

struct nfqueue_config {
	uint16_t num;		/* 0 with pick: choose one at random > 32768 */
	bool pick;
	bool fail_open;		/* a full queue accepts instead of dropping */
};

/* What the kernel granted; each is asked for on its own. */
struct nfqueue_features {
	bool fail_open, gso, uid_gid, conntrack;
	bool rcvbuf_forced;	/* else about 256 small packets fit */
	uint32_t rcvbuf;	/* bytes */
};

/* One packet; payload is a view into the buffer given to nfqueue_receive. */
struct nfqueue_packet {
	uint32_t id;
	uint8_t hook;			/* NF_INET_LOCAL_OUT, ... */
	uint16_t hw_protocol;		/* ETH_P_IP, ETH_P_IPV6 */
	uint32_t mark, indev, outdev;	/* 0: none */
	bool has_uid, has_gid;		/* the socket creator's */
	uid_t uid;
	gid_t gid;
	bool has_ct;			/* conntrack attributes came */
	uint32_t ct_id, ct_status;
	uint32_t ct_info;		/* enum ip_conntrack_info */
	bool has_ct_tuple;
	struct tuple ct_tuple;		/* of the connection's first packet, before
					 * any NAT */
	const uint8_t *payload;
	uint32_t payload_len;		/* copied */
	uint32_t len;			/* true length */
};

enum nfqueue_message {
	NFQUEUE_NONE,			/* nothing to read */
	NFQUEUE_PACKET,
	NFQUEUE_ERROR,			/* the kernel refused a verdict */
	NFQUEUE_OVERRUN,		/* ENOBUFS: the kernel lost messages */
	NFQUEUE_IGNORED,		/* forged, truncated or not for us */
};

struct nfqueue;

/*
 * -EBUSY: somebody has that queue; -EPERM: no CAP_NET_ADMIN; -EPROTONOSUPPORT or
 * -EOPNOTSUPP: the kernel has no NFQUEUE. The socket is CLOEXEC: a duplicate in a child would keep
 * the queue bound after our death (and traffic black-holed).
 */
int nfqueue_open(struct nfqueue **q, const struct nfqueue_config *cfg);

/* Unbinds: the kernel drops what it still holds. NULL is fine. */
void nfqueue_close(struct nfqueue *q);

int nfqueue_fd(const struct nfqueue *q);	/* for poll; non-blocking */
uint16_t nfqueue_num(const struct nfqueue *q);
const struct nfqueue_features *nfqueue_features(const struct nfqueue *q);

/*
 * Reads one message into buf (NFQUEUE_BUF_SIZE, aligned as struct nlmsghdr).
 * NFQUEUE_ERROR sets pkt->id to the verdict's packet and *error to -errno
 * (-ENOENT: the kernel had dropped it: another base chain of the namespace was
 * deleted).
 */
enum nfqueue_message nfqueue_receive(struct nfqueue *q, void *buf, size_t size,
				     struct nfqueue_packet *pkt, int *error);

/* The parser behind it, for tests and fuzzers.  -EBADMSG. */
int nfqueue_parse(const void *msg, size_t len, struct nfqueue_packet *pkt);

/* May be called from two threads at once. verdict is NF_ACCEPT or NF_DROP.
 * -EAGAIN: not sent, try again. */
int nfqueue_verdict(struct nfqueue *q, uint32_t id, uint32_t verdict);
/* Decides every packet up to id (the kernel compares with wrap-around). */
int nfqueue_verdict_batch(struct nfqueue *q, uint32_t id, uint32_t verdict);

/* The kernel's own counters of this queue, /proc/net/netfilter/nfnetlink_queue:
 * dropped because the queue was full, and because the socket was. -errno. */
int nfqueue_read_drops(const struct nfqueue *q, uint64_t *queue_dropped,
		       uint64_t *user_dropped);
/* The id that the kernel gave last, from the same place; -ENOENT. */
int nfqueue_last_id(const struct nfqueue *q, uint32_t *id);

#endif
