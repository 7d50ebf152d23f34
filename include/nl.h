/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nl: a netlink socket that asks one thing at a time and checks who answers. */
#ifndef NL_H
#define NL_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#define NL_BUF_SIZE 32768	/* a dump's datagram; netlink(7) advises 8 KiB */

struct nl;

/* Opens a CLOEXEC socket of that bus (NETLINK_...), bound, with a receive
 * timeout of some seconds as a last resort.  -errno. */
int nl_open(struct nl **nl, int bus);
/* The same of a socket that is open already (in another network namespace, say),
 * and not bound; it is taken over in any case. */
int nl_open_fd(struct nl **nl, int fd);
void nl_close(struct nl *nl);	/* NULL is fine */

struct mnl_socket *nl_socket(struct nl *nl);
uint32_t nl_portid(const struct nl *nl);

/* The next sequence number; put it into the request's nlmsg_seq. */
uint32_t nl_next_seq(struct nl *nl);

/* One message of an answer; a negative return ends the exchange with it. */
typedef int (*nl_cb)(const struct nlmsghdr *nlh, void *data);

/*
 * Sends one request (its nlmsg_seq from nl_next_seq) and hands every message of
 * the answer to cb, until NLMSG_DONE, NLMSG_ERROR or, for a request without
 * NLM_F_DUMP and NLM_F_ACK, the first message.  Datagrams that are not the
 * kernel's (nl_pid != 0), another sequence number's or another port's are
 * skipped.  The kernel's error comes back as -errno (-ENOENT: no such socket,
 * table, ...), a truncated datagram as -EMSGSIZE, an interrupted dump
 * (NLM_F_DUMP_INTR) as -EAGAIN, no answer as -ETIMEDOUT.  A dump is read to its
 * end even after an error, or the next one would find the socket busy.
 */
int nl_request(struct nl *nl, const struct nlmsghdr *nlh, nl_cb cb,
	       void *data);

/*
 * Sends a batch of messages, each of which (but the batch's begin and end) asks
 * for an ack, with the sequence numbers first_seq .. first_seq + n - 1, and
 * reads one ack for each.  Returns 0, or the first error with its sequence
 * number in *failed_seq (nfnetlink answers every message: the error that
 * matters is the rule's, not the batch's).  What the kernel refuses as a whole
 * (-EPERM, -EOPNOTSUPP) has the sequence number of the batch's begin.
 */
int nl_batch(struct nl *nl, const void *batch, size_t len, uint32_t first_seq,
	     unsigned n, uint32_t *failed_seq);

#endif
