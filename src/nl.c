/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nl: one question at a time to the kernel, and only the kernel's answer. */
#include "nl.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "util.h"

#define TIMEOUT_SEC    3	 /* the kernel answers within its own sendmsg */
#define ACK_TRUESIZE   2048	 /* what one ack charges the receive buffer */
#define BUF_UNASKED    (1 << 17) /* net.core.[rw]mem_default is above that */
#define DUMP_OF(flags) (((flags)&NLM_F_DUMP) == NLM_F_DUMP)

struct nl {
	struct mnl_socket *sock;
	uint32_t portid;
	uint32_t seq;
	alignas(struct nlmsghdr) char buf[NL_BUF_SIZE];
};

/* What one call of nl_request has seen so far. */
struct exchange {
	const struct nlmsghdr *request;
	nl_cb cb;
	void *data;
	int err; /* the first; a dump is read to its end all the same */
	bool done;
};

/* What one call of nl_batch has seen so far. */
struct acks {
	uint32_t begin_seq; /* errors of the batch as a whole carry this */
	uint32_t first_seq;
	unsigned expected, seen;
	uint32_t failed_seq;
	int err;
	bool done;
};

static int configure(struct nl *nl)
{
	struct timeval timeout = {.tv_sec = TIMEOUT_SEC};
	int on = 1;

	/* Without it an error quotes the whole request; older kernels do. */
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &on, sizeof(on));
	if (setsockopt(mnl_socket_get_fd(nl->sock), SOL_SOCKET, SO_RCVTIMEO,
		       &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	nl->portid = mnl_socket_get_portid(nl->sock);
	nl->seq = (uint32_t)util_now_us();
	return 0;
}

int nl_open(struct nl **out, int bus)
{
	struct nl *nl = calloc(1, sizeof(*nl));
	int err;

	if (!nl)
		return -ENOMEM;
	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	err = nl->sock ? configure(nl) : -errno;
	if (err) {
		nl_close(nl);
		return err;
	}
	*out = nl;
	return 0;
}

int nl_open_fd(struct nl **out, int fd)
{
	struct nl *nl = calloc(1, sizeof(*nl));
	int err;

	if (!nl) {
		close(fd);
		return -ENOMEM;
	}
	nl->sock = mnl_socket_fdopen(fd);
	err = nl->sock ? configure(nl) : -errno;
	if (err) {
		if (!nl->sock)
			close(fd);
		nl_close(nl);
		return err;
	}
	*out = nl;
	return 0;
}

void nl_close(struct nl *nl)
{
	if (!nl)
		return;
	if (nl->sock)
		mnl_socket_close(nl->sock);
	free(nl);
}

struct mnl_socket *nl_socket(struct nl *nl)
{
	return nl->sock;
}

uint32_t nl_portid(const struct nl *nl)
{
	return nl->portid;
}

uint32_t nl_next_seq(struct nl *nl)
{
	return ++nl->seq;
}

static int send_all(struct nl *nl, const void *msg, size_t len)
{
	ssize_t n = mnl_socket_sendto(nl->sock, msg, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static bool is_kernel(const struct msghdr *msg, const struct sockaddr_nl *from)
{
	return msg->msg_namelen == sizeof(*from) &&
	       from->nl_family == AF_NETLINK && from->nl_pid == 0;
}

/* The next datagram of the kernel's; its length or -errno.  Somebody who floods
 * us with datagrams of his own cannot keep us here beyond the deadline. */
static int receive(struct nl *nl, uint64_t deadline)
{
	struct sockaddr_nl from;
	struct iovec iov = {.iov_base = nl->buf, .iov_len = sizeof(nl->buf)};
	struct msghdr msg;
	ssize_t n;

	do {
		msg = (struct msghdr){
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
		};
		n = recvmsg(mnl_socket_get_fd(nl->sock), &msg, 0);
		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n >= 0 && is_kernel(&msg, &from))
			return (msg.msg_flags & MSG_TRUNC) ? -EMSGSIZE : (int)n;
	} while (util_now_us() < deadline);
	return -ETIMEDOUT;
}

/* The error in an NLMSG_ERROR (0: an ack) or at the end of a dump. */
static int message_error(const struct nlmsghdr *nlh)
{
	int32_t err;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(err))
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	return err > 0 ? -EBADMSG : err;
}

static void exchange_fail(struct exchange *x, int err)
{
	if (!x->err)
		x->err = err;
}

static void exchange_message(struct exchange *x, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		exchange_fail(x, -EAGAIN);
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
	case NLMSG_OVERRUN:
		return;
	case NLMSG_ERROR:
	case NLMSG_DONE:
		exchange_fail(x, message_error(nlh));
		x->done = true;
		return;
	}
	if (!x->err) {
		int ret = x->cb ? x->cb(nlh, x->data) : 0;

		exchange_fail(x, ret < 0 ? ret : 0);
	}
	/* A dump that is left unread makes the next one fail with EBUSY. */
	if (!DUMP_OF(x->request->nlmsg_flags))
		x->done = x->err || !(x->request->nlmsg_flags & NLM_F_ACK);
}

static bool is_ours(const struct nl *nl, const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_pid == nl->portid;
}

int nl_request(struct nl *nl, const struct nlmsghdr *nlh, nl_cb cb, void *data)
{
	struct exchange x = {.request = nlh, .cb = cb, .data = data};
	uint64_t deadline = util_now_us() + TIMEOUT_SEC * UTIL_SEC;
	int ret = send_all(nl, nlh, nlh->nlmsg_len);

	if (ret)
		return ret;
	while (!x.done) {
		const struct nlmsghdr *msg = (const struct nlmsghdr *)nl->buf;

		ret = receive(nl, deadline);
		if (ret < 0)
			return ret;
		for (; !x.done && mnl_nlmsg_ok(msg, ret);
		     msg = mnl_nlmsg_next(msg, &ret))
			if (is_ours(nl, msg) &&
			    msg->nlmsg_seq == nlh->nlmsg_seq)
				exchange_message(&x, msg);
	}
	return x.err;
}

/* Makes room for a request of len bytes and n acks, which come all at once.  In
 * a user namespace only up to net.core.[rw]mem_max. */
static void reserve(struct nl *nl, size_t len, unsigned n)
{
	int fd = mnl_socket_get_fd(nl->sock);
	int snd = (int)(len + 4096), rcv = (int)n * ACK_TRUESIZE;

	if (snd > BUF_UNASKED &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &snd, sizeof(snd)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &snd, sizeof(snd));
	if (rcv > BUF_UNASKED &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcv, sizeof(rcv)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcv, sizeof(rcv));
}

static void acks_message(struct acks *a, const struct nlmsghdr *nlh)
{
	bool in_batch = nlh->nlmsg_seq - a->first_seq < a->expected;
	int err;

	if (nlh->nlmsg_type != NLMSG_ERROR)
		return;
	if (!in_batch && nlh->nlmsg_seq != a->begin_seq)
		return;
	err = message_error(nlh);
	if (err && !a->err) {
		a->err = err;
		a->failed_seq = nlh->nlmsg_seq;
	}
	if (in_batch)
		a->seen++;
	/* Refused as a whole (no permission, no nf_tables): nothing more may
	 * come, and what does is skipped by its sequence number. */
	a->done = a->seen == a->expected || (!in_batch && err);
}

int nl_batch(struct nl *nl, const void *batch, size_t len, uint32_t first_seq,
	     unsigned n, uint32_t *failed_seq)
{
	struct acks a = {.first_seq = first_seq, .expected = n, .done = n == 0};
	uint64_t deadline = util_now_us() + TIMEOUT_SEC * UTIL_SEC;
	struct nlmsghdr begin;
	int ret;

	if (len < sizeof(begin))
		return -EINVAL;
	memcpy(&begin, batch, sizeof(begin));
	a.begin_seq = begin.nlmsg_seq;
	reserve(nl, len, n);
	ret = send_all(nl, batch, len);
	while (!ret && !a.done) {
		const struct nlmsghdr *msg = (const struct nlmsghdr *)nl->buf;
		int left = receive(nl, deadline);

		ret = left < 0 ? left : 0;
		for (; !a.done && mnl_nlmsg_ok(msg, left);
		     msg = mnl_nlmsg_next(msg, &left))
			if (is_ours(nl, msg))
				acks_message(&a, msg);
	}
	if (a.err && failed_seq)
		*failed_seq = a.failed_seq;
	return a.err ? a.err : ret;
}
