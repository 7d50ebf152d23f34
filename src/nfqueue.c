/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nfqueue: one NFQUEUE: bound, configured, received from, answered. */
#include "nfqueue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "ct_tuple.h"

/* Newer than some distributions' headers. */
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define NFQUEUE_PICKS 16

struct nfqueue {
	struct mnl_socket *nl;
	uint32_t portid;
	uint16_t num;
	struct nfqueue_features features;
};

/* ------------------------------------------------------------ configuration */

/* Sends one config message and waits for its ack.  No packet can be lost here:
 * none is sent to us before the copy mode is set, and that comes last. */
static int ask(struct nfqueue *q, struct nlmsghdr *nlh)
{
	char buf[1024] __attribute__((aligned(8)));
	const struct nlmsgerr *err;
	ssize_t n;

	nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(q->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(q->nl, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		nlh = (struct nlmsghdr *)buf;
	} while (!mnl_nlmsg_ok(nlh, (int)n) || nlh->nlmsg_type != NLMSG_ERROR ||
		 nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*err)));
	err = mnl_nlmsg_get_payload(nlh);
	return err->error;
}

static int ask_bind(struct nfqueue *q)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, q->num);

	nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	return ask(q, nlh);
}

static int ask_maxlen(struct nfqueue *q, uint32_t len)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, q->num);

	nfq_nlmsg_cfg_put_qmaxlen(nlh, len);
	return ask(q, nlh);
}

/* A kernel that lacks one flag refuses the whole mask: ask one by one. */
static bool ask_flag(struct nfqueue *q, uint32_t flag)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, q->num);

	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(flag));
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(flag));
	return ask(q, nlh) == 0;
}

/* The last step, from which on packets come: without an ack, for a packet could
 * overtake it. A refusal arrives as NFQUEUE_ERROR. */
static int send_copy_mode(struct nfqueue *q)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, q->num);

	nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, NFQUEUE_COPY_RANGE);
	if (mnl_socket_sendto(q->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	return 0;
}

static void set_rcvbuf(struct nfqueue *q)
{
	int fd = mnl_socket_get_fd(q->nl), size = NFQUEUE_RCVBUF;
	socklen_t len = sizeof(size);

	q->features.rcvbuf_forced = setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE,
					       &size, sizeof(size)) == 0;
	if (!q->features.rcvbuf_forced)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0)
		q->features.rcvbuf = (uint32_t)size;
}

static FILE *open_proc_queues(void)
{
	return fopen("/proc/thread-self/net/netfilter/nfnetlink_queue", "re");
}

/* One line of /proc/net/netfilter/nfnetlink_queue (seq_show in
 * net/netfilter/nfnetlink_queue.c). */
struct proc_queue {
	unsigned num;
	uint64_t queue_dropped, user_dropped;
	uint32_t last_id;
};

static bool find_proc_queue(uint16_t num, struct proc_queue *q)
{
	FILE *f = open_proc_queues();
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fscanf(f,
				"%u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
				" %" SCNu32 " %*u",
				&q->num, &q->queue_dropped, &q->user_dropped,
				&q->last_id) == 4)
		found = q->num == num;
	fclose(f);
	return found;
}

/* The kernel says EPERM both to a queue that is taken and to a caller without
 * CAP_NET_ADMIN, and EINVAL where there is no NFQUEUE at all. */
static int explain_bind_error(const struct nfqueue *q, int err)
{
	struct proc_queue other;

	if ((err == -EPERM || err == -EBUSY) && find_proc_queue(q->num, &other))
		return -EBUSY;
	if (err == -EINVAL)
		return -EOPNOTSUPP;
	return err;
}

static int bind_picked(struct nfqueue *q)
{
	uint16_t r;
	int err = -EBUSY;

	for (int i = 0; i < NFQUEUE_PICKS && err == -EBUSY; i++) {
		if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
			return -EAGAIN;
		q->num = (uint16_t)(r | 0x8000);
		if (q->num == 0x8000)
			q->num++;
		err = explain_bind_error(q, ask_bind(q));
	}
	return err;
}

static int configure(struct nfqueue *q, const struct nfqueue_config *cfg)
{
	struct nfqueue_features *f = &q->features;
	int fd = mnl_socket_get_fd(q->nl), one = 1, err;

	q->num = cfg->num;
	err = cfg->pick ? bind_picked(q) : explain_bind_error(q, ask_bind(q));
	if (err < 0)
		return err;
	set_rcvbuf(q);
	/* Usable after an overrun; without it the kernel stops delivering to a
	 * congested socket until it is drained. */
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	ask_maxlen(q, NFQUEUE_MAXLEN);
	f->fail_open = cfg->fail_open && ask_flag(q, NFQA_CFG_F_FAIL_OPEN);
	f->gso = ask_flag(q, NFQA_CFG_F_GSO);
	f->uid_gid = ask_flag(q, NFQA_CFG_F_UID_GID);
	f->conntrack = ask_flag(q, NFQA_CFG_F_CONNTRACK);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return send_copy_mode(q);
}

int nfqueue_open(struct nfqueue **out, const struct nfqueue_config *cfg)
{
	struct nfqueue *q = calloc(1, sizeof(*q));
	int err = -ENOMEM;

	if (q == NULL)
		return err;
	q->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (q->nl == NULL || mnl_socket_bind(q->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	else
		err = configure(q, cfg);
	if (err < 0) {
		nfqueue_close(q);
		return err;
	}
	q->portid = mnl_socket_get_portid(q->nl);
	*out = q;
	return 0;
}

void nfqueue_close(struct nfqueue *q)
{
	if (q == NULL)
		return;
	if (q->nl != NULL)
		mnl_socket_close(q->nl);
	free(q);
}

int nfqueue_fd(const struct nfqueue *q)
{
	return mnl_socket_get_fd(q->nl);
}

uint16_t nfqueue_num(const struct nfqueue *q)
{
	return q->num;
}

const struct nfqueue_features *nfqueue_features(const struct nfqueue *q)
{
	return &q->features;
}

/* ---------------------------------------------------------------- receiving */

static bool get_u32(const struct nlattr *attr, uint32_t *value)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
		return false;
	*value = ntohl(mnl_attr_get_u32(attr));
	return true;
}

static int store_ct_attr(const struct nlattr *attr, void *data)
{
	struct nfqueue_packet *pkt = data;

	switch (mnl_attr_get_type(attr)) {
	case CTA_ID:
		get_u32(attr, &pkt->ct_id);
		break;
	case CTA_STATUS:
		pkt->has_ct = get_u32(attr, &pkt->ct_status);
		break;
	case CTA_TUPLE_ORIG:
		pkt->has_ct_tuple = ct_tuple_parse(attr, &pkt->ct_tuple);
		break;
	}
	return MNL_CB_OK;
}

static int store_header(const struct nlattr *attr, struct nfqueue_packet *pkt)
{
	struct nfqnl_msg_packet_hdr h;

	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(h))
		return -EBADMSG;
	memcpy(&h, mnl_attr_get_payload(attr), sizeof(h));
	pkt->id = ntohl(h.packet_id);
	pkt->hw_protocol = ntohs(h.hw_protocol);
	pkt->hook = h.hook;
	return 0;
}

/* libmnl walks to the aligned end: up to three bytes past the message. */
static bool is_inside(const struct nlmsghdr *nlh, const struct nlattr *attr)
{
	size_t left = nlh->nlmsg_len -
		      (size_t)((const char *)attr - (const char *)nlh);

	return left >= sizeof(*attr) && attr->nla_len <= left;
}

static int store_attrs(const struct nlmsghdr *nlh, struct nfqueue_packet *pkt)
{
	struct nlattr *attr[NFQA_MAX + 1] = {NULL};
	int err;

	if (nfq_nlmsg_parse(nlh, attr) < 0)
		return -EBADMSG;
	for (int i = 0; i <= NFQA_MAX; i++)
		if (attr[i] != NULL && !is_inside(nlh, attr[i]))
			return -EBADMSG;
	err = store_header(attr[NFQA_PACKET_HDR], pkt);
	if (err < 0)
		return err;
	get_u32(attr[NFQA_MARK], &pkt->mark);
	get_u32(attr[NFQA_IFINDEX_INDEV], &pkt->indev);
	get_u32(attr[NFQA_IFINDEX_OUTDEV], &pkt->outdev);
	pkt->has_uid = get_u32(attr[NFQA_UID], &pkt->uid);
	pkt->has_gid = get_u32(attr[NFQA_GID], &pkt->gid);
	if (attr[NFQA_CT] != NULL)
		mnl_attr_parse_nested(attr[NFQA_CT], store_ct_attr, pkt);
	get_u32(attr[NFQA_CT_INFO], &pkt->ct_info);
	if (attr[NFQA_PAYLOAD] != NULL) {
		pkt->payload = mnl_attr_get_payload(attr[NFQA_PAYLOAD]);
		pkt->payload_len = mnl_attr_get_payload_len(attr[NFQA_PAYLOAD]);
	}
	if (!get_u32(attr[NFQA_CAP_LEN], &pkt->len))
		pkt->len = pkt->payload_len;
	return 0;
}

int nfqueue_parse(const void *msg, size_t len, struct nfqueue_packet *pkt)
{
	const struct nlmsghdr *nlh = msg;

	memset(pkt, 0, sizeof(*pkt));
	/* mnl_nlmsg_ok() takes a length above INT32_MAX for a negative one. */
	if (len > INT32_MAX || !mnl_nlmsg_ok(nlh, (int)len) ||
	    nlh->nlmsg_len > len ||
	    nlh->nlmsg_len < mnl_nlmsg_size(sizeof(struct nfgenmsg)) ||
	    nlh->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return -EBADMSG;
	return store_attrs(nlh, pkt);
}

/* A verdict's sequence number is its packet's id: see put_verdict. */
static enum nfqueue_message parse_error(const struct nlmsghdr *nlh, size_t len,
					struct nfqueue_packet *pkt, int *error)
{
	struct nlmsgerr err;

	if (len < mnl_nlmsg_size(sizeof(err)))
		return NFQUEUE_IGNORED;
	memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	if (err.error == 0)
		return NFQUEUE_IGNORED;
	memset(pkt, 0, sizeof(*pkt));
	pkt->id = err.msg.nlmsg_seq;
	*error = err.error;
	return NFQUEUE_ERROR;
}

/* The queue number of a message: its nfgenmsg's res_id. */
static bool is_for_queue(const struct nfqueue *q, const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);

	return ntohs(nfg->res_id) == q->num;
}

enum nfqueue_message nfqueue_receive(struct nfqueue *q, void *buf, size_t size,
				     struct nfqueue_packet *pkt, int *error)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr mh = {.msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1};
	const struct nlmsghdr *nlh = buf;
	ssize_t n = recvmsg(nfqueue_fd(q), &mh, MSG_DONTWAIT);

	if (n < 0)
		return errno == ENOBUFS ? NFQUEUE_OVERRUN : NFQUEUE_NONE;
	/* Another process with CAP_NET_ADMIN can write to our port: only the
	 * kernel has nl_pid 0. */
	if (from.nl_pid != 0 || (mh.msg_flags & MSG_TRUNC) != 0 ||
	    (size_t)n < sizeof(*nlh) || !mnl_nlmsg_ok(nlh, (int)n))
		return NFQUEUE_IGNORED;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return parse_error(nlh, (size_t)n, pkt, error);
	if (nfqueue_parse(buf, (size_t)n, pkt) < 0 || !is_for_queue(q, nlh))
		return NFQUEUE_IGNORED;
	return NFQUEUE_PACKET;
}

/* ------------------------------------------------------------------ verdicts
 */

/* The buffer is the caller's stack and the socket call is one datagram: two
 * threads may be here at once. */
static int put_verdict(struct nfqueue *q, int type, uint32_t id,
		       uint32_t verdict)
{
	char buf[128] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nfq_nlmsg_put(buf, type, q->num);

	nlh->nlmsg_seq = id;
	nfq_nlmsg_verdict_put(nlh, (int)id, (int)verdict);
	if (mnl_socket_sendto(q->nl, nlh, nlh->nlmsg_len) < 0)
		return errno == ENOBUFS ? -EAGAIN : -errno;
	return 0;
}

int nfqueue_verdict(struct nfqueue *q, uint32_t id, uint32_t verdict)
{
	return put_verdict(q, NFQNL_MSG_VERDICT, id, verdict);
}

int nfqueue_verdict_batch(struct nfqueue *q, uint32_t id, uint32_t verdict)
{
	return put_verdict(q, NFQNL_MSG_VERDICT_BATCH, id, verdict);
}

int nfqueue_read_drops(const struct nfqueue *q, uint64_t *queue_dropped,
		       uint64_t *user_dropped)
{
	struct proc_queue line = {0};
	bool found = find_proc_queue(q->num, &line);

	*queue_dropped = found ? line.queue_dropped : 0;
	*user_dropped = found ? line.user_dropped : 0;
	return found ? 0 : -ENOENT;
}

int nfqueue_last_id(const struct nfqueue *q, uint32_t *id)
{
	struct proc_queue line;

	if (!find_proc_queue(q->num, &line))
		return -ENOENT;
	*id = line.last_id;
	return 0;
}
