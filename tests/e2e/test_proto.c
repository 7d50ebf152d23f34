/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protocols without ports: ping sockets, raw sockets, and bystanders that have
 * one of them open. */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define PROTO	 253 /* for experiments, RFC 3692 */
#define PROTO_TX "253"

struct raw_arg {
	int type, proto; /* of the socket */
	const char *to, *from;
	uint16_t id; /* echo requests: the id, where it may be chosen */
	bool header; /* writes an IPv4 header of its own, for PROTO */
	bool silent; /* only has it open */
	bool vanish; /* ends at once after the send, no report */
};

#define RAW(p, addr, ...)                                                   \
	{                                                                   \
		.type = SOCK_RAW, .proto = (p), .to = (addr), ##__VA_ARGS__ \
	}
#define PING(p, addr, ...)                                                    \
	{                                                                     \
		.type = SOCK_DGRAM, .proto = (p), .to = (addr), ##__VA_ARGS__ \
	}

static uint16_t checksum(const void *bytes, size_t len)
{
	const uint16_t *p = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += p[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* The packet as the socket wants it. */
static size_t make_packet(const struct raw_arg *a, uint8_t buf[64])
{
	struct icmphdr echo = {.type = ICMP_ECHO, .un.echo.id = htons(a->id)};
	struct icmp6_hdr echo6 = {.icmp6_type = ICMP6_ECHO_REQUEST};
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 9, .protocol = PROTO};
	struct sockaddr_storage ss;

	memset(buf, 0, 64);
	if (a->header) {
		make_address(a->to, 0, &ss);
		ip.daddr = ((struct sockaddr_in *)&ss)->sin_addr.s_addr;
		memcpy(buf, &ip, sizeof(ip));
		return sizeof(ip) + 8;
	}
	if (a->proto == IPPROTO_ICMP) {
		echo.checksum = checksum(&echo, sizeof(echo));
		memcpy(buf, &echo, sizeof(echo));
	} else if (a->proto == IPPROTO_ICMPV6) {
		echo6.icmp6_id = htons(a->id);
		memcpy(buf, &echo6, sizeof(echo6));
	}
	return 16;
}

/* Sends, reports, and does it again on a word. */
static void send_raw(struct stage *st, const void *arg)
{
	const struct raw_arg *a = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->to, 0, &ss);
	int fd = socket(ss.ss_family, a->type, a->proto);
	struct report r = {0};
	uint8_t buf[64];

	/* Else the kernel's reply goes where the packet went. */
	if (a->from) {
		struct sockaddr_storage from;
		socklen_t from_len = make_address(a->from, 0, &from);

		if (bind(fd, (void *)&from, from_len))
			_exit(95);
	}
	do {
		size_t n = make_packet(a, buf);

		if (fd < 0 ||
		    (!a->silent && sendto(fd, buf, n, 0, (void *)&ss, len) < 0))
			r.err = errno;
		if (a->vanish)
			_exit(0);
		stage_report(st, &r);
	} while (stage_wait(st));
}

static struct sender *start(const struct raw_arg *a)
{
	struct sender *s;

	assert_int_equal(sender_run(send_raw, a, &s).err, 0);
	return s;
}

static void allow_ping_sockets(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ping_group_range", "we");

	if (!f)
		SKIP("no ping sockets");
	fprintf(f, "0 0\n");
	fclose(f);
}

/* Whatever the rules counted was received. */
static void expect_all_seen(struct trap_run *t, unsigned packets)
{
	char line[64];

	trap_stop(t, SIGTERM);
	snprintf(line, sizeof(line), "packets   %u received", packets);
	if (!text_find_line(&t->err_text, line) ||
	    strstr(t->err_text.mem, "unseen"))
		fail_msg("not %s:\n%s", line, t->err_text.mem);
}

/* ------------------------------------------------------- one that sends */

static void one_sender(const struct raw_arg *a, const char *proto)
{
	struct trap_run *t = trap_start("--proto", proto, a->to, NULL);
	struct sender *s = start(a);
	json_t *e = trap_event(t);

	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_text(e, "network.transport", proto);
	assert_null(event_get(e, "source.port"));
	assert_true(event_int(e, "ptrap.inode") > 0);
	/* The next one is of the same flow, from the same hands. */
	sender_go(s);
	sender_report(s);
	expect_all_seen(t, 2);
	assert_null(trap_next_event(t, 0));
}

static void ping_socket(void **state)
{
	const struct raw_arg a =
		PING(IPPROTO_ICMP, ADDR_RESOLVER, .from = ADDR_CLIENT);

	(void)state;
	allow_ping_sockets();
	one_sender(&a, "icmp");
}

static void ping_socket6(void **state)
{
	const struct raw_arg a =
		PING(IPPROTO_ICMPV6, ADDR6, .from = ADDR6_CLIENT);

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	allow_ping_sockets();
	one_sender(&a, "icmp6");
}

static void raw_icmp(void **state)
{
	const struct raw_arg a =
		RAW(IPPROTO_ICMP, ADDR_RESOLVER, .id = 77, .from = ADDR_CLIENT);

	(void)state;
	one_sender(&a, "icmp");
}

static void raw_icmp6(void **state)
{
	const struct raw_arg a =
		RAW(IPPROTO_ICMPV6, ADDR6, .id = 77, .from = ADDR6_CLIENT);

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	one_sender(&a, "icmp6");
}

static void raw_253(void **state)
{
	const struct raw_arg a = RAW(PROTO, ADDR_RESOLVER);

	(void)state;
	one_sender(&a, PROTO_TX);
}

static void raw_253_6(void **state)
{
	const struct raw_arg a = RAW(PROTO, ADDR6);

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	one_sender(&a, PROTO_TX);
}

static void raw_with_header(void **state)
{
	const struct raw_arg a =
		RAW(IPPROTO_RAW, ADDR_RESOLVER, .header = true);

	(void)state;
	one_sender(&a, PROTO_TX);
}

static const struct send_arg datagram =
	SEND_UDP(ADDR_RESOLVER, 53, .from = ADDR_CLIENT);

/* A common sender's socket, of another protocol than its type's own. */
static int other_socket(int type, int proto)
{
	struct sockaddr_storage ss;
	socklen_t len = make_address(ADDR_CLIENT, 0, &ss);
	int fd = socket(AF_INET, type, proto);

	if (fd >= 0 && bind(fd, (void *)&ss, len))
		_exit(95);
	return fd;
}

static void send_udplite(struct stage *st, const void *arg)
{
	int fd = other_socket(SOCK_DGRAM, IPPROTO_UDPLITE);
	struct report r = {0};

	r.err = fd < 0 ? errno : send_datagram(fd, arg);
	stage_report(st, &r);
	stage_wait(st);
}

static void udplite(void **state)
{
	struct trap_run *t =
		trap_start("--proto", "udplite", ADDR_RESOLVER ":53", NULL);
	struct report r = sender_run(send_udplite, &datagram, NULL);
	json_t *e;

	(void)state;
	if (r.err == EPROTONOSUPPORT)
		SKIP("no UDP-Lite");
	assert_int_equal(r.err, 0);
	e = trap_event(t);
	expect_sender(e, r.pid, 0, seen_or("holder"));
	expect_int(e, "destination.port", 53);
	expect_all_seen(t, 1);
}

/* ----------------------------------------------- beside others that may have
 */

static void bystanders_are_not_named(void **state)
{
	const struct raw_arg a = RAW(PROTO, ADDR_RESOLVER);
	const struct raw_arg others[] = {
		RAW(PROTO, ADDR_RESOLVER, .silent = true),
		RAW(IPPROTO_RAW, ADDR_RESOLVER, .silent = true),
		RAW(IPPROTO_ICMP, ADDR_RESOLVER, .silent = true),
	};
	struct trap_run *t = trap_start("--proto", PROTO_TX, "any", NULL);
	struct sender *s;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		start(&others[i]);
	s = start(&a);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	trap_expect_end(t);
}

static struct trap_run *start_frozen(const char *proto)
{
	struct trap_run *t =
		trap_start("-s", "25000", "--proto", proto, "any", NULL);

	trap_freeze(t);
	return t;
}

/* Each of the two events: of A's packet or B's, by where it went. */
static void expect_apart(struct trap_run *t, const struct sender *a,
			 const char *to_a, const struct sender *b,
			 const char *grade)
{
	for (int i = 0; i < 2; i++) {
		json_t *e = trap_event(t);
		bool of_a = !strcmp(event_text(e, "destination.ip"), to_a);

		expect_seen_or(e, of_a ? a->pid : b->pid, grade);
	}
	trap_expect_end(t);
}

/* Both have a packet in their queue: which one's is which?  Of the second one
 * it can be said again, when the first one is gone. */
static void both_sent(void **state)
{
	const struct raw_arg a = RAW(PROTO, ADDR_RESOLVER);
	const struct raw_arg b = RAW(PROTO, ADDR_OTHER);
	struct trap_run *t = start_frozen(PROTO_TX);
	struct sender *sa = start(&a), *sb = start(&b);

	(void)state;
	trap_thaw_with(t, 2);
	expect_apart(t, sa, a.to, sb, "twins|holder");
}

/* Ping sockets are told apart by their ids. */
static void both_ping(void **state)
{
	const struct raw_arg a =
		PING(IPPROTO_ICMP, ADDR_RESOLVER, .from = ADDR_CLIENT);
	const struct raw_arg b =
		PING(IPPROTO_ICMP, ADDR_OTHER, .from = ADDR_CLIENT);
	struct trap_run *t;
	struct sender *sa, *sb;

	(void)state;
	allow_ping_sockets();
	t = trap_start("-s", "25000", "--proto", "icmp", ADDR_RESOLVER,
		       ADDR_OTHER, NULL);
	trap_freeze(t);
	sa = start(&a);
	sb = start(&b);
	trap_thaw_with(t, 2);
	expect_apart(t, sa, a.to, sb, "holder");
}

/* A sends and is gone; B, which may have sent it, has sent one, too. */
static void gone_beside_another(void **state)
{
	const struct raw_arg a = RAW(PROTO, ADDR_RESOLVER, .vanish = true);
	const struct raw_arg b = RAW(PROTO, ADDR_OTHER);
	struct trap_run *t = start_frozen(PROTO_TX);
	struct sender *sa = sender_start(send_raw, &a), *sb;

	(void)state;
	sender_end(sa);
	sb = start(&b);
	trap_thaw_with(t, 2);
	expect_apart(t, sa, a.to, sb, "unknown|uid-only|holder");
}

/* The same with a B of another protocol, that writes headers as it likes. */
static void gone_beside_a_forger(void **state)
{
	const struct raw_arg a = RAW(IPPROTO_ICMP, ADDR_RESOLVER, .id = 9,
				     .from = ADDR_CLIENT, .vanish = true);
	const struct raw_arg b = RAW(IPPROTO_RAW, ADDR_OTHER, .header = true);
	struct trap_run *t =
		trap_start("-s", "25000", "--proto", "icmp", ADDR_RESOLVER,
			   "--proto", PROTO_TX, ADDR_OTHER, NULL);
	struct sender *sa, *sb;

	(void)state;
	trap_freeze(t);
	sa = sender_start(send_raw, &a);
	sender_end(sa);
	sb = start(&b);
	trap_thaw_with(t, 2);
	expect_apart(t, sa, a.to, sb, "unknown|uid-only|holder");
}

/* And with one that has only opened its socket. */
static void gone_beside_a_bystander(void **state)
{
	const struct raw_arg a = RAW(PROTO, ADDR_RESOLVER, .vanish = true);
	const struct raw_arg b = RAW(PROTO, ADDR_OTHER, .silent = true);
	struct trap_run *t = start_frozen(PROTO_TX);
	struct sender *sa;
	json_t *e;

	(void)state;
	start(&b);
	sa = sender_start(send_raw, &a);
	sender_end(sa);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen_or(e, sa->pid, "uid-only");
	expect_int(e, "ptrap.packet_uid", 0);
	trap_expect_end(t);
}

/* ------------------------------------------------------- the kernel's own */

/* Has one of each kind open, and does nothing. */
static void open_all(void)
{
	static const struct raw_arg all[] = {
		RAW(IPPROTO_TCP, ADDR_RESOLVER, .silent = true),
		RAW(IPPROTO_ICMP, ADDR_RESOLVER, .silent = true),
		RAW(IPPROTO_RAW, ADDR_RESOLVER, .silent = true),
		RAW(IPPROTO_ICMPV6, ADDR6, .silent = true),
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		start(&all[i]);
}

static void expect_kernel(struct trap_run *t, const char *kind)
{
	json_t *e = trap_event(t);

	expect_grade(e, "kernel");
	expect_text(e, "ptrap.kernel", kind);
	expect_nobody(e);
	assert_int_equal(json_array_size(event_get(e, "ptrap.holders")), 0);
}

static void reset_beside_raw_sockets(void **state)
{
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 9, .from = ADDR_CLIENT);
	struct trap_run *t = trap_start("-v", "-t", ADDR_CLIENT, NULL);

	(void)state;
	open_all();
	assert_int_equal(sender_run(send_one, &a, NULL).err, ECONNREFUSED);
	expect_kernel(t, "rst");
	expect_all_seen(t, 1);
}

static void unreachable_beside_raw_sockets(void **state)
{
	struct send_arg a = SEND_UDP(ADDR_RESOLVER, 9, .from = ADDR_CLIENT);
	struct trap_run *t = trap_start("--proto", "icmp", ADDR_CLIENT, NULL);

	(void)state;
	open_all();
	assert_int_equal(sender_run(send_one, &a, NULL).err, 0);
	expect_kernel(t, "icmp error");
	expect_all_seen(t, 1);
}

static void unreachable6_beside_raw_sockets(void **state)
{
	struct send_arg a = SEND_UDP(ADDR6, 9, .from = ADDR6_CLIENT);
	struct trap_run *t = trap_start("--proto", "icmp6", ADDR6_CLIENT, NULL);

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	open_all();
	assert_int_equal(sender_run(send_one, &a, NULL).err, 0);
	expect_kernel(t, "icmp error");
	expect_all_seen(t, 1);
}

/* The one who asks is a process, what answers is not. */
static void echo_and_its_reply(void **state)
{
	const struct raw_arg a = PING(IPPROTO_ICMP, "127.0.0.1");
	struct trap_run *t;
	struct sender *s;

	(void)state;
	allow_ping_sockets();
	t = trap_start("--packets", "--proto", "icmp", "127.0.0.1", NULL);
	s = start(&a);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	expect_kernel(t, "icmp echo reply");
	expect_all_seen(t, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(ping_socket),
		e2e_test(ping_socket6),
		e2e_test(raw_icmp),
		e2e_test(raw_icmp6),
		e2e_test(raw_253),
		e2e_test(raw_253_6),
		e2e_test(raw_with_header),
		e2e_test(udplite),
		e2e_test(bystanders_are_not_named),
		e2e_test(both_sent),
		e2e_test(both_ping),
		e2e_test(gone_beside_another),
		e2e_test(gone_beside_a_forger),
		e2e_test(gone_beside_a_bystander),
		e2e_test(reset_beside_raw_sockets),
		e2e_test(unreachable_beside_raw_sockets),
		e2e_test(unreachable6_beside_raw_sockets),
		e2e_test(echo_and_its_reply),
	};

	return e2e_main("proto", tests, sizeof(tests) / sizeof(tests[0]));
}
