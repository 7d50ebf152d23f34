/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel_kind: what a packet is that no process sent. */
#include "kernel_kind.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#ifndef TCP_NEW_SYN_RECV
#define TCP_NEW_SYN_RECV 12 /* include/net/tcp_states.h */
#endif

static const char *icmp_kind(const struct packet *p)
{
	switch (p->icmp_type) {
	case ICMP_ECHOREPLY:
		return "icmp echo reply";
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return "icmp error";
	case ICMP_REDIRECT:
		return "icmp redirect";
	}
	return NULL;
}

static const char *icmp6_kind(const struct packet *p)
{
	if (p->icmp_type < ICMP6_ECHO_REQUEST)
		return "icmp error";
	switch (p->icmp_type) {
	case ICMP6_ECHO_REPLY:
		return "icmp echo reply";
	case MLD_LISTENER_QUERY:
	case MLD_LISTENER_REPORT:
	case MLD_LISTENER_REDUCTION:
	case 143: /* MLDv2 report, RFC 3810 */
		return "multicast membership";
	case ND_ROUTER_SOLICIT:
	case ND_NEIGHBOR_SOLICIT:
	case ND_NEIGHBOR_ADVERT:
	case ND_REDIRECT:
		return "neighbour discovery";
	}
	return NULL;
}

static const char *tcp_kind(const struct packet *p,
			    const struct sockowner_answer *a)
{
	bool ownerless = a->grade == SOCKOWNER_KERNEL;

	if (packet_is_reset(p))
		return "rst";
	if (packet_is_syn_ack(p))
		return "syn-ack";
	if (ownerless && a->socket.state == TCP_TIME_WAIT)
		return "time-wait ack";
	if (ownerless && (a->socket.state == TCP_SYN_RECV ||
			  a->socket.state == TCP_NEW_SYN_RECV))
		return "syn-ack";
	return ownerless ? "closed socket" : NULL;
}

/* Chunk types of RFC 9260, packet types of RFC 4340: what answers without an
 * association or a connection. */
static const char *sctp_kind(const struct packet *p)
{
	switch (p->message) {
	case 2:
		return "sctp init ack";
	case 6:
		return "sctp abort";
	case 8:
	case 14:
		return "sctp shutdown";
	}
	return "closed socket";
}

static const char *dccp_kind(const struct packet *p)
{
	switch (p->message) {
	case 1:
		return "dccp response";
	case 7:
		return "dccp reset";
	}
	return "closed socket";
}

/* A protocol in which the kernel wraps other packets. */
static bool is_tunnel(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
	case IPPROTO_GRE:
	case IPPROTO_ESP:
	case IPPROTO_AH:
	case IPPROTO_COMP:
	case 115: /* L2TP */
		return true;
	}
	return false;
}

/* What the kernel itself sends, by the packet and the socket's state.  A raw
 * socket may send any of it, but then the packet has its uid. */
const char *kernel_kind_of(const struct event *e,
			   const struct sockowner_answer *a)
{
	const char *kind = NULL;

	/* What is only forwarded may be another machine's, unless it was seen
	 * to be sent. */
	if (e->direction == EVENT_INGRESS || e->has_packet_uid ||
	    e->packet.fragment ||
	    (e->direction == EVENT_FORWARD &&
	     a->method != SOCKOWNER_METHOD_WITNESS))
		return NULL;
	switch (e->tuple.proto) {
	case IPPROTO_TCP:
		return tcp_kind(&e->packet, a);
	case IPPROTO_ICMP:
		kind = icmp_kind(&e->packet);
		break;
	case IPPROTO_ICMPV6:
		kind = icmp6_kind(&e->packet);
		break;
	case IPPROTO_IGMP:
		kind = "multicast membership";
		break;
	}
	return kind;
}

/* The kernel notes the uid of a socket that a process has open (nfqnl_put_sk_
 * uidgid in net/netfilter/nfnetlink_queue.c), and here is neither.  Only of a
 * connection's first packet it is known that a process sent it all the same,
 * and closed it while another queue's reader had it. */
bool kernel_kind_is_nobodys(const struct event *e,
			    const struct sockowner_answer *a)
{
	if (e->direction != EVENT_EGRESS || e->has_packet_uid ||
	    a->grade != SOCKOWNER_UNKNOWN)
		return false;
	/* TCP always sends on its socket: with one, and no file, it is that of
	 * something in the kernel (NFS, a block device). */
	return (a->reason == SOCKOWNER_REASON_NO_SOCKET &&
		!packet_is_syn(&e->packet)) ||
	       (a->reason == SOCKOWNER_REASON_NO_HOLDER &&
		e->tuple.proto == IPPROTO_TCP);
}

const char *kernel_kind_of_nobodys(const struct event *e,
				   const struct sockowner_answer *a)
{
	switch (e->tuple.proto) {
	case IPPROTO_TCP:
		return a->reason == SOCKOWNER_REASON_NO_SOCKET
			       ? "closed socket"
			       : "kernel socket";
	case IPPROTO_SCTP:
		return sctp_kind(&e->packet);
	case IPPROTO_DCCP:
		return dccp_kind(&e->packet);
	}
	return is_tunnel(e->tuple.proto) ? "tunnel" : "kernel socket";
}
