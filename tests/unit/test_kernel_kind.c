/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_kernel_kind: packets of the kernel's own, and what they are called. */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_kind.h"

static struct event event;
static struct sockowner_answer answer;

static void set(uint8_t proto, uint8_t icmp_type, uint8_t tcp_flags)
{
	event_reset(&event);
	answer = (struct sockowner_answer){
		.grade = SOCKOWNER_UNKNOWN,
		.reason = SOCKOWNER_REASON_NO_SOCKET,
	};
	event.direction = EVENT_EGRESS;
	event.tuple.proto = event.packet.tuple.proto = proto;
	event.packet.icmp_type = icmp_type;
	event.packet.tcp_flags = tcp_flags;
	event.packet.has_ports = true;
}

#define expect_kind(text) \
	assert_string_equal(kernel_kind_of(&event, &answer), text)
#define expect_no_kind() assert_null(kernel_kind_of(&event, &answer))
#define expect_nobodys(text) \
	assert_string_equal(kernel_kind_of_nobodys(&event, &answer), text)

static void test_icmp(void **state)
{
	(void)state;
	set(IPPROTO_ICMP, ICMP_ECHOREPLY, 0);
	expect_kind("icmp echo reply");
	set(IPPROTO_ICMP, ICMP_DEST_UNREACH, 0);
	expect_kind("icmp error");
	set(IPPROTO_ICMP, ICMP_ECHO, 0);
	expect_no_kind();
	set(IPPROTO_ICMPV6, ICMP6_PACKET_TOO_BIG, 0);
	expect_kind("icmp error");
	set(IPPROTO_ICMPV6, ND_NEIGHBOR_SOLICIT, 0);
	expect_kind("neighbour discovery");
	set(IPPROTO_ICMPV6, 143, 0);
	expect_kind("multicast membership");
	set(IPPROTO_IGMP, 0, 0);
	expect_kind("multicast membership");
	/* Of a later fragment nothing is known. */
	event.packet.fragment = true;
	expect_no_kind();
}

/* With a uid it is some raw socket's, incoming it is somebody else's. */
static void test_not_ours(void **state)
{
	(void)state;
	set(IPPROTO_ICMP, ICMP_DEST_UNREACH, 0);
	event.has_packet_uid = true;
	expect_no_kind();
	assert_false(kernel_kind_is_nobodys(&event, &answer));
	set(IPPROTO_ICMP, ICMP_DEST_UNREACH, 0);
	event.direction = EVENT_FORWARD;
	expect_no_kind();
	assert_false(kernel_kind_is_nobodys(&event, &answer));
}

/* Forwarded it may be another machine's, but for what was seen to be sent. */
static void test_forwarded(void **state)
{
	(void)state;
	set(IPPROTO_ICMP, ICMP_DEST_UNREACH, 0);
	event.direction = EVENT_FORWARD;
	answer.method = SOCKOWNER_METHOD_WITNESS;
	assert_string_equal(kernel_kind_of(&event, &answer), "icmp error");
	event.direction = EVENT_INGRESS;
	expect_no_kind();
}

static void test_tcp(void **state)
{
	(void)state;
	set(IPPROTO_TCP, 0, PACKET_TCP_RST);
	expect_kind("rst");
	set(IPPROTO_TCP, 0, PACKET_TCP_SYN | PACKET_TCP_ACK);
	expect_kind("syn-ack");
	set(IPPROTO_TCP, 0, PACKET_TCP_ACK);
	expect_no_kind();
	assert_true(kernel_kind_is_nobodys(&event, &answer));
	expect_nobodys("closed socket");
	answer.reason = SOCKOWNER_REASON_NO_HOLDER;
	assert_true(kernel_kind_is_nobodys(&event, &answer));
	expect_nobodys("kernel socket");
	answer.grade = SOCKOWNER_KERNEL;
	expect_kind("closed socket");
	answer.socket.state = TCP_TIME_WAIT;
	expect_kind("time-wait ack");
}

static void test_others(void **state)
{
	static const struct {
		uint8_t proto, message;
		const char *kind;
	} list[] = {
		{IPPROTO_UDP, 0, "kernel socket"},
		{IPPROTO_GRE, 0, "tunnel"},
		{IPPROTO_IPIP, 0, "tunnel"},
		{IPPROTO_ESP, 0, "tunnel"},
		{253, 0, "kernel socket"},
		{IPPROTO_SCTP, 2, "sctp init ack"},
		{IPPROTO_SCTP, 6, "sctp abort"},
		{IPPROTO_SCTP, 8, "sctp shutdown"},
		{IPPROTO_SCTP, 0, "closed socket"},
		{IPPROTO_DCCP, 1, "dccp response"},
		{IPPROTO_DCCP, 7, "dccp reset"},
		{IPPROTO_DCCP, 2, "closed socket"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		set(list[i].proto, 0, 0);
		event.packet.message = list[i].message;
		expect_no_kind();
		assert_true(kernel_kind_is_nobodys(&event, &answer));
		expect_nobodys(list[i].kind);
	}
	/* A socket that nobody has open is no kernel's, but for TCP. */
	answer.reason = SOCKOWNER_REASON_NO_HOLDER;
	assert_false(kernel_kind_is_nobodys(&event, &answer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests_name("kernel_kind", tests, NULL, NULL);
}
