/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own packets: errors with the flow that they are about, tunnels;
 * and packets that are hardly any. */
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
#include "wireguard.h"

static const struct send_arg refused =
	SEND_UDP(ADDR_RESOLVER, 9, .from = ADDR_CLIENT, .sport = 4711);

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

static void expect_kernel(const json_t *e, const char *kind)
{
	expect_grade(e, "kernel");
	expect_text(e, "ptrap.kernel", kind);
	expect_nobody(e);
	assert_int_equal(json_array_size(event_get(e, "ptrap.holders")), 0);
}

static void expect_about(const json_t *e, const char *proto, long long sport,
			 long long dport)
{
	expect_text(e, "ptrap.about.transport", proto);
	expect_int(e, "ptrap.about.source.port", sport);
	expect_int(e, "ptrap.about.destination.port", dport);
}

/* ------------------------------------------------------- what it is about */

static void error_about_a_closed_port(void **state)
{
	struct trap_run *t = trap_start("--proto", "icmp", ADDR_CLIENT, NULL);
	json_t *e;

	(void)state;
	assert_int_equal(sender_run(send_one, &refused, NULL).err, 0);
	e = trap_event(t);
	expect_kernel(e, "icmp error");
	expect_about(e, "udp", 4711, 9);
	expect_text(e, "ptrap.about.source.ip", ADDR_CLIENT);
	expect_text(e, "ptrap.about.destination.ip", ADDR_RESOLVER);
	expect_text(e, "ptrap.about.grade", "unknown");
	assert_int_equal(json_array_size(event_get(e, "ptrap.about.holders")),
			 0);
	expect_all_seen(t, 1);
}

static void error6_about_a_closed_port(void **state)
{
	struct send_arg a =
		SEND_UDP(ADDR6, 9, .from = ADDR6_CLIENT, .sport = 4711);
	struct trap_run *t = trap_start("--proto", "icmp6", ADDR6_CLIENT, NULL);
	json_t *e;

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	assert_int_equal(sender_run(send_one, &a, NULL).err, 0);
	e = trap_event(t);
	expect_kernel(e, "icmp error");
	expect_about(e, "udp", 4711, 9);
	expect_all_seen(t, 1);
}

/* From one address to another, and yet not the same. */
static void errors_about_two_flows(void **state)
{
	struct send_arg a = refused;
	struct trap_run *t = trap_start("--proto", "icmp", ADDR_CLIENT, NULL);
	struct sender *s;

	(void)state;
	assert_int_equal(sender_run(send_one, &a, &s).err, 0);
	expect_about(trap_event(t), "udp", 4711, 9);
	sender_go(s);
	sender_report(s);
	a.sport = 4712;
	assert_int_equal(sender_run(send_one, &a, NULL).err, 0);
	expect_about(trap_event(t), "udp", 4712, 9);
	expect_all_seen(t, 3);
	assert_null(trap_next_event(t, 0));
}

static void reject(const char *what)
{
	char rule[256];

	snprintf(rule, sizeof(rule),
		 "table inet e2e { chain in { type filter hook input "
		 "priority 0; %s reject; }; }",
		 what);
	if (run_command(NULL, "nft", rule, NULL))
		SKIP("no reject in nft here");
}

/* A packet that was refused, though a server would have had it. */
static void error_about_a_servers_flow(void **state)
{
	struct send_arg a = refused;
	struct sender *server;
	struct trap_run *t;
	json_t *e;

	(void)state;
	server = server_udp(ADDR_RESOLVER, 53);
	reject("udp dport 53");
	t = trap_start("--proto", "icmp", ADDR_CLIENT, NULL);
	a.port = 53;
	assert_int_equal(sender_run(send_one, &a, NULL).err, 0);
	e = trap_event(t);
	expect_kernel(e, "icmp error");
	expect_about(e, "udp", 4711, 53);
	expect_text(e, "ptrap.about.grade", "holder");
	assert_true(event_lists_pid(e, "ptrap.about.holders", server->pid));
	expect_all_seen(t, 1);
}

/* The one that comes in is about a packet of ours. */
static void error_that_comes_in(void **state)
{
	struct trap_run *t =
		trap_start("--in", "--proto", "icmp", ADDR_CLIENT, NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	assert_int_equal(sender_run(send_one, &refused, &s).err, 0);
	do {
		e = trap_event(t);
		expect_nobody(e);
	} while (strcmp(event_text(e, "network.direction"), "ingress"));
	expect_about(e, "udp", 4711, 9);
	assert_true(event_lists_pid(e, "ptrap.about.holders", s->pid));
	trap_stop(t, SIGTERM);
}

static void error_as_text(void **state)
{
	struct trap_run *t =
		trap_spawn(&(struct trap_how){.out_fd = -1}, "-1", "-s", "2000",
			   "--proto", "icmp", ADDR_CLIENT, NULL);
	char *line;

	(void)state;
	assert_true(trap_ready(t));
	assert_int_equal(sender_run(send_one, &refused, NULL).err, 0);
	line = trap_next_line(t, WAIT_MS);
	assert_non_null(line);
	if (!strstr(line, "kernel (icmp error about udp " ADDR_CLIENT
			  ":4711 > " ADDR_RESOLVER ":9)"))
		fail_msg("%s", line);
	trap_wait(t);
}

/* ---------------------------------------------------------------- tunnels */

/* First the handshake and what ends it, then the packet of a process inside of
 * another: both are sent on the kernel's socket. */
static void wireguard(void **state)
{
	const struct send_arg inside = SEND_UDP("10.77.0.2", 53);
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	if (!wireguard_open(51820, 51821))
		SKIP("no wireguard");
	t = trap_start("--packets", "-u", ADDR_RESOLVER ":51821", NULL);
	assert_int_equal(sender_run(send_one, &inside, &s).err, 0);
	expect_kernel(trap_event(t), "kernel socket");
	expect_kernel(trap_event(t), "kernel socket");
	sender_go(s);
	sender_report(s);
	e = trap_event(t);
	expect_kernel(e, "tunnel");
	expect_int(e, "ptrap.packet_uid", 0);
	expect_all_seen(t, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(error_about_a_closed_port),
		e2e_test(error6_about_a_closed_port),
		e2e_test(errors_about_two_flows),
		e2e_test(error_about_a_servers_flow),
		e2e_test(error_that_comes_in),
		e2e_test(error_as_text),
		e2e_test(wireguard),
	};

	return e2e_main("proto_kernel", tests,
			sizeof(tests) / sizeof(tests[0]));
}
