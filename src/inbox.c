/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inbox: packets received and not yet worked on, so that one can look ahead. */
#include "inbox.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "ct_tuple.h"
#include "proto.h"
#include "util.h"

/* Messages other than packets read in one go: an endless run of them must not
 * keep the caller from its work. */
#define OTHERS_MAX 256

struct slot {
	struct inbox_item item;
	char buf[NFQUEUE_BUF_SIZE] __attribute__((aligned(8)));
};

struct inbox {
	struct nfqueue *queue;
	unsigned first, n;
	bool drained; /* at the last look at the queue */
	bool nat;
	struct inbox_stats stats;
	struct stage *receive, *parse; /* NULL: not measured */
	struct slot slots[INBOX_MAX];
};

int inbox_open(struct inbox **in, struct nfqueue *q, bool nat)
{
	*in = calloc(1, sizeof(**in));
	if (*in == NULL)
		return -ENOMEM;
	(*in)->queue = q;
	(*in)->nat = nat;
	return 0;
}

void inbox_close(struct inbox *in)
{
	free(in);
}

static struct slot *slot_at(const struct inbox *in, unsigned i)
{
	return (struct slot *)&in->slots[(in->first + i) % INBOX_MAX];
}

/* Who writes headers himself (IP_HDRINCL) may call an IPv4 packet version 6;
 * what it is was decided by the socket. */
static bool is_other_family(const struct nfqueue_packet *q,
			    const struct packet *p)
{
	uint16_t is = p->tuple.family == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP;

	return q->hw_protocol != 0 && q->hw_protocol != is;
}

static void set_own_tuple(struct inbox_item *item, const struct tuple *own)
{
	item->unsure = false;
	if (!ct_tuple_is_rewritten(&item->packet.tuple, own))
		return;
	item->rewritten = true;
	item->seen = item->packet.tuple;
	item->packet.tuple = *own;
}

/* Is it of the connection that it is filed under, on its way there?  An error
 * message may be filed under what it is about. */
static bool has_own_tuple(const struct inbox_item *item)
{
	const struct nfqueue_packet *q = &item->queued;

	return q->has_ct && q->has_ct_tuple &&
	       (q->ct_status & IPS_DST_NAT) != 0 &&
	       q->ct_info < IP_CT_IS_REPLY &&
	       (q->ct_info != IP_CT_RELATED ||
		proto_has_ports(item->packet.tuple.proto));
}

/* Where the queue does not tell of connections, a destination may be another
 * than the socket's. */
static void undo_nat(const struct inbox *in, struct inbox_item *item)
{
	item->rewritten = item->unsure = false;
	if (item->malformed || item->queued.hook != NF_INET_LOCAL_OUT)
		return;
	item->unsure = in->nat && !nfqueue_features(in->queue)->conntrack;
	if (has_own_tuple(item))
		set_own_tuple(item, &item->queued.ct_tuple);
}

static void accept_packet(struct inbox *in, struct inbox_item *item)
{
	const struct nfqueue_packet *q = &item->queued;
	uint64_t start = stage_start(in->parse);

	item->received_us = util_now_us();
	item->malformed = packet_parse(&item->packet, q->payload,
				       q->payload_len, q->len) < 0;
	if (!item->malformed && is_other_family(q, &item->packet)) {
		item->malformed = true;
		item->packet = (struct packet){0};
	}
	undo_nat(in, item);
	in->n++;
	in->stats.packets++;
	stage_end(in->parse, start);
}

static void count_error(struct inbox *in, int error)
{
	if (error == -ENOENT) {
		in->stats.gone++;
		return;
	}
	in->stats.refused++;
	in->stats.last_error = error;
}

static enum nfqueue_message receive(struct inbox *in, struct slot *s,
				    int *error)
{
	uint64_t start = stage_start(in->receive);
	enum nfqueue_message m = nfqueue_receive(
		in->queue, s->buf, sizeof(s->buf), &s->item.queued, error);

	stage_end(in->receive, start);
	return m;
}

bool inbox_fill(struct inbox *in, unsigned max)
{
	int error, others = 0;

	in->drained = false;
	while (in->n < max && others < OTHERS_MAX) {
		struct slot *s = slot_at(in, in->n);

		switch (receive(in, s, &error)) {
		case NFQUEUE_NONE:
			in->drained = true;
			return true;
		case NFQUEUE_PACKET:
			accept_packet(in, &s->item);
			break;
		case NFQUEUE_ERROR:
			count_error(in, error);
			others++;
			break;
		case NFQUEUE_OVERRUN:
			in->stats.overruns++;
			others++;
			break;
		case NFQUEUE_IGNORED:
			in->stats.ignored++;
			others++;
			break;
		}
	}
	return false;
}

bool inbox_is_drained(const struct inbox *in)
{
	return in->n == 0 && in->drained;
}

const struct inbox_item *inbox_first(const struct inbox *in)
{
	return in->n > 0 ? &slot_at(in, 0)->item : NULL;
}

void inbox_pop(struct inbox *in)
{
	if (in->n == 0)
		return;
	in->first = (in->first + 1) % INBOX_MAX;
	in->n--;
}

void inbox_set_own_tuple(struct inbox *in, const struct tuple *own)
{
	if (in->n > 0)
		set_own_tuple(&slot_at(in, 0)->item, own);
}

/* A TCP segment of the same connection attempt has the same sequence number as
 * the SYN; datagrams carry nothing that tells one socket's from another's. */
static bool is_rival(const struct packet *p, const struct packet *other)
{
	if (!tuple_equal(&p->tuple, &other->tuple))
		return false;
	if (p->tuple.proto == IPPROTO_TCP)
		return (other->tcp_flags & PACKET_TCP_SYN) != 0 &&
		       other->tcp_seq != p->tcp_seq;
	return false;
}

bool inbox_has_rival(const struct inbox *in, const struct packet *p)
{
	for (unsigned i = 0; i < in->n; i++) {
		const struct inbox_item *item = &slot_at(in, i)->item;

		if (&item->packet != p && !item->malformed &&
		    is_rival(p, &item->packet))
			return true;
	}
	return false;
}

void inbox_each(const struct inbox *in,
		void (*each)(const struct inbox_item *item, void *data),
		void *data)
{
	for (unsigned i = 0; i < in->n; i++) {
		const struct inbox_item *item = &slot_at(in, i)->item;

		if (!item->malformed)
			each(item, data);
	}
}

struct inbox_stats *inbox_stats(struct inbox *in)
{
	return &in->stats;
}

void inbox_measure(struct inbox *in, struct stage *receive, struct stage *parse)
{
	in->receive = receive;
	in->parse = parse;
}
