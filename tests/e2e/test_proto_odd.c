/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets with headers of the sender's own: fragments, extension headers, and
 * what is hardly a packet.  Each ends in an event or a count. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define SPORT 4711
#define DPORT 53

/* The summary has that line's part, and whatever was counted was received. */
static void expect_counts(struct trap_run *t, const char *counts)
{
	trap_stop(t, SIGTERM);
	if (!strstr(t->err_text.mem, counts) ||
	    strstr(t->err_text.mem, "unseen"))
		fail_msg("not \"%s\":\n%s", counts, t->err_text.mem);
}

/* ------------------------------------------------------------ IPv4 headers */

struct header_arg {
	uint8_t first;	      /* version and header length */
	uint16_t frag_off[2]; /* of the first and the second packet */
	int n;
};

static void send_headers(struct stage *st, const void *arg)
{
	const struct header_arg *a = arg;
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char rest[32];
	} __attribute__((packed)) p = {
		.ip = {.ttl = 64,
		       .id = htons(7),
		       .tot_len = htons(sizeof(p)),
		       .protocol = IPPROTO_UDP},
		.udp = {.source = htons(SPORT),
			.dest = htons(DPORT),
			.len = htons(64)},
	};
	struct sockaddr_storage ss;
	struct report r = {0};
	socklen_t len;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	memcpy(&p, &a->first, 1);
	make_address(ADDR_CLIENT, 0, &ss);
	p.ip.saddr = ((struct sockaddr_in *)&ss)->sin_addr.s_addr;
	len = make_address(ADDR_RESOLVER, 0, &ss);
	p.ip.daddr = ((struct sockaddr_in *)&ss)->sin_addr.s_addr;
	for (int i = 0; i < a->n && !r.err; i++) {
		p.ip.frag_off = htons(a->frag_off[i]);
		if (sendto(fd, &p, sizeof(p), 0, (void *)&ss, len) < 0)
			r.err = errno;
	}
	stage_report(st, &r);
	stage_wait(st);
}

static struct sender *start(const struct header_arg *a)
{
	struct sender *s;

	assert_int_equal(sender_run(send_headers, a, &s).err, 0);
	return s;
}

/* The first one has the ports, the second one has not even a socket that could
 * have them: only a raw one sends that here. */
static void fragments(void **state)
{
	const struct header_arg a = {0x45, {0x2000, 0x0005}, 2};
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER, NULL);
	struct sender *s = start(&a);
	json_t *e = trap_event(t);

	(void)state;
	expect_seen_or(e, s->pid, "uid-only|unknown|holder");
	expect_int(e, "source.port", SPORT);
	e = trap_event(t);
	expect_seen_or(e, s->pid, "holder|unknown");
	assert_null(event_get(e, "source.port"));
	expect_counts(t, "packets   2 received\n");
	assert_null(trap_next_event(t, 0));
}

static void later_fragment_alone(void **state)
{
	const struct header_arg a = {0x45, {0x0005}, 1};
	struct send_arg bystander =
		SEND_UDP(ADDR_OTHER, 9, .from = ADDR_CLIENT, .sport = SPORT);
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER, NULL);
	struct sender *s;

	(void)state;
	sender_run(send_one, &bystander, NULL);
	s = start(&a);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	expect_counts(t, "packets   1 received\n");
}

/* The kernel's rule reads the port where it would be, in the payload here: told
 * as what it is. */
static void later_fragment_with_a_port(void **state)
{
	const struct header_arg a = {0x45, {0x0005}, 1};
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER ":53", NULL);
	struct sender *s = start(&a);
	json_t *e;

	(void)state;
	expect_counts(t, "packets   1 received\n");
	e = trap_next_event(t, 0);
	expect_not_wrong(e, s->pid);
	assert_null(event_get(e, "destination.port"));
}

static void other_version(void **state)
{
	const struct header_arg a = {0x65, {0}, 1};
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER, NULL);

	(void)state;
	start(&a);
	expect_counts(t, "1 received, 1 malformed");
	assert_null(trap_next_event(t, 0));
}

/* ------------------------------------------------- IPv6 extension headers */

static const struct send_arg udp6 =
	SEND_UDP(ADDR6, DPORT, .from = ADDR6_CLIENT);

/* Eight bytes of padding, as one option. */
static void send_with_options(struct stage *st, const void *arg)
{
	static const uint8_t pad[8] = {0, 0, IP6OPT_PADN, 4};
	const int *which = arg;
	int fd = open_socket(&udp6);
	struct report r = {0};

	if (setsockopt(fd, IPPROTO_IPV6, *which, pad, sizeof(pad)))
		r.err = errno;
	else
		r.err = send_datagram(fd, &udp6);
	stage_report(st, &r);
	stage_wait(st);
}

static void extension_headers(void **state)
{
	static const int options[] = {IPV6_HOPOPTS, IPV6_DSTOPTS};

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	for (int i = 0; i < 2; i++) {
		struct trap_run *t = trap_start("-u", "[" ADDR6 "]:53", NULL);
		struct report r =
			sender_run(send_with_options, &options[i], NULL);
		json_t *e;

		assert_int_equal(r.err, 0);
		e = trap_event(t);
		expect_sender(e, r.pid, 0, seen_or("holder"));
		expect_int(e, "destination.port", DPORT);
		expect_counts(t, "packets   1 received\n");
	}
}

/* Headers without end: n of eight bytes each, then UDP. */
static void send_chain(struct stage *st, const void *arg)
{
	const int *n = arg;
	uint8_t packet[sizeof(struct ip6_hdr) + 64 * 8 + 8] = {0};
	size_t body = (size_t)*n * 8 + 8;
	struct ip6_hdr ip = {.ip6_plen = htons((uint16_t)body),
			     .ip6_nxt = IPPROTO_DSTOPTS,
			     .ip6_hlim = 64};
	struct sockaddr_storage ss;
	struct report r = {0};
	int one = 1, fd = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
	uint8_t *p = packet + sizeof(ip);
	socklen_t len;

	ip.ip6_vfc = 6 << 4; /* in a union with the rest of its line */
	setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one));
	make_address(ADDR6_CLIENT, 0, &ss);
	ip.ip6_src = ((struct sockaddr_in6 *)&ss)->sin6_addr;
	len = make_address(ADDR6, 0, &ss);
	ip.ip6_dst = ((struct sockaddr_in6 *)&ss)->sin6_addr;
	memcpy(packet, &ip, sizeof(ip));
	for (int i = 0; i < *n; i++, p += 8) {
		p[0] = i + 1 < *n ? IPPROTO_DSTOPTS : IPPROTO_UDP;
		p[2] = IP6OPT_PADN;
		p[3] = 4;
	}
	p[1] = p[3] = DPORT;
	p[5] = 8;
	if (sendto(fd, packet, sizeof(ip) + body, 0, (void *)&ss, len) < 0)
		r.err = errno;
	stage_report(st, &r);
	stage_wait(st);
}

static void chain_of_headers(int n, const char *proto)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	t = trap_start("-u", ADDR6, NULL);
	assert_int_equal(sender_run(send_chain, &n, &s).err, 0);
	e = trap_event(t);
	expect_not_wrong(e, s->pid);
	expect_text(e, "network.transport", proto);
	expect_counts(t, "packets   1 received\n");
}

static void few_headers(void **state)
{
	(void)state;
	chain_of_headers(3, "udp");
}

/* More than we follow: the kernel does, and says that it is UDP. */
static void many_headers(void **state)
{
	(void)state;
	chain_of_headers(40, "60");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(fragments),
		e2e_test(later_fragment_alone),
		e2e_test(later_fragment_with_a_port),
		e2e_test(other_version),
		e2e_test(extension_headers),
		e2e_test(few_headers),
		e2e_test(many_headers),
	};

	return e2e_main("proto_odd", tests, sizeof(tests) / sizeof(tests[0]));
}
