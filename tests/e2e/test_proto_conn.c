/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that are not TCP's, or more than one TCP connection. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define SOL_DCCP	     269
#define DCCP_SOCKOPT_SERVICE 2

#define PORT 4711

struct conn_arg {
	int type, proto;
	const char *addr; /* to listen at, or to connect to */
	uint16_t port;
};

static int conn_socket(const struct conn_arg *a)
{
	uint32_t service = htonl(42);
	int fd = socket(AF_INET, a->type, a->proto);

	if (fd >= 0 && a->proto == IPPROTO_DCCP)
		setsockopt(fd, SOL_DCCP, DCCP_SOCKOPT_SERVICE, &service,
			   sizeof(service));
	return fd;
}

static void bind_to(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = make_address(addr, port, &ss);

	if (bind(fd, (void *)&ss, len))
		_exit(95);
}

/* Accepts, reads, and keeps what it has accepted. */
static void serve_conn(struct stage *st, const void *arg)
{
	const struct conn_arg *a = arg;
	struct report r = {0};
	int fd = conn_socket(a), c;
	char buf[512];

	if (fd < 0) {
		r.err = errno;
		stage_report(st, &r);
		return;
	}
	bind_to(fd, a->addr, a->port);
	if (listen(fd, 8))
		_exit(94);
	stage_report(st, &r);
	while ((c = accept(fd, NULL, NULL)) >= 0)
		while (recv(c, buf, sizeof(buf), 0) > 0)
			;
}

static void send_conn(struct stage *st, const void *arg)
{
	const struct conn_arg *a = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->addr, a->port, &ss);
	struct report r = {0};
	int fd = conn_socket(a);

	if (fd >= 0)
		bind_to(fd, ADDR_CLIENT, 0);
	if (fd < 0 || connect(fd, (void *)&ss, len))
		r.err = errno;
	stage_report(st, &r);
	while (stage_wait(st)) {
		r.err = send(fd, "hello, world", 12, 0) == 12 ? 0 : errno;
		stage_report(st, &r);
	}
}

static struct conn_arg conn_of(int type, int proto)
{
	return (struct conn_arg){type, proto, ADDR_RESOLVER, PORT};
}

/* Skips where the kernel does not know the protocol. */
static void start_server(const struct conn_arg *a, const char *name)
{
	char reason[64];
	int err = sender_run(serve_conn, a, NULL).err;

	snprintf(reason, sizeof(reason), "the kernel has no %s", name);
	if (err == EPROTONOSUPPORT || err == ESOCKTNOSUPPORT)
		SKIP(reason);
	assert_int_equal(err, 0);
}

/* Connects and sends: all of it is the client's, or the kernel's. */
static void connect_and_send(const struct conn_arg *a, const char *name,
			     const char *first)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	start_server(a, name);
	t = trap_start("--proto", name, ADDR_RESOLVER ":4711", NULL);
	assert_int_equal(sender_run(send_conn, a, &s).err, 0);
	e = trap_event(t);
	expect_grade(e, first);
	expect_int(e, "process.pid", s->pid);
	expect_text(e, "network.transport", name);
	sender_go(s);
	assert_int_equal(sender_report(s).err, 0);
	trap_stop(t, SIGTERM);
	while ((e = trap_next_event(t, 0)))
		expect_not_wrong(e, s->pid);
}

static void sctp(void **state)
{
	struct conn_arg a = conn_of(SOCK_STREAM, IPPROTO_SCTP);

	(void)state;
	connect_and_send(&a, "sctp", "proved|holder");
}

/* Distributions keep it from being loaded by who asks for a socket; only a
 * kernel that was booted for the tests gets it. */
static void load_dccp(void)
{
	if (e2e_slow() == 1)
		return;
	run_command(NULL, "modprobe", "dccp_ipv4", NULL);
	run_command(NULL, "modprobe", "dccp_diag", NULL);
}

static void dccp(void **state)
{
	struct conn_arg a = conn_of(SOCK_DCCP, IPPROTO_DCCP);

	(void)state;
	load_dccp();
	connect_and_send(&a, "dccp", "proved|holder");
}

/* What answers where nobody listens, while others do on other ports. */
static void refused(const struct conn_arg *a, const char *name,
		    const char *kind)
{
	struct conn_arg closed = *a;
	struct trap_run *t;
	json_t *e;

	start_server(a, name);
	closed.port = 9;
	t = trap_start("--proto", name, ADDR_CLIENT, NULL);
	assert_int_equal(sender_run(send_conn, &closed, NULL).err,
			 ECONNREFUSED);
	e = trap_event(t);
	expect_grade(e, "kernel");
	expect_text(e, "ptrap.kernel", kind);
	expect_nobody(e);
	trap_expect_end(t);
}

static void sctp_abort(void **state)
{
	struct conn_arg a = conn_of(SOCK_STREAM, IPPROTO_SCTP);

	(void)state;
	refused(&a, "sctp", "sctp abort");
}

static void dccp_reset(void **state)
{
	struct conn_arg a = conn_of(SOCK_DCCP, IPPROTO_DCCP);

	(void)state;
	load_dccp();
	refused(&a, "dccp", "dccp reset");
}

/* A server's answers, from a port that has only a listener. */
static void sctp_answers(void **state)
{
	struct conn_arg a = conn_of(SOCK_STREAM, IPPROTO_SCTP);
	struct trap_run *t;
	json_t *e;

	(void)state;
	start_server(&a, "sctp");
	t = trap_start("--proto", "sctp", ADDR_CLIENT, NULL);
	assert_int_equal(sender_run(send_conn, &a, NULL).err, 0);
	e = trap_event(t);
	expect_grade(e, "kernel|uid-only");
	expect_nobody(e);
	trap_stop(t, SIGTERM);
}

/* A raw socket writes into an association that is silent. */
static void forge(struct stage *st, const void *arg)
{
	const struct report *client = arg;
	uint8_t packet[32] = {0};
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_SCTP);
	struct report r = {0};

	bind_to(fd, ADDR_CLIENT, 0);
	packet[0] = (uint8_t)(client->sport >> 8);
	packet[1] = (uint8_t)client->sport;
	packet[2] = PORT >> 8;
	packet[3] = PORT & 0xff;
	len = make_address(ADDR_RESOLVER, 0, &ss);
	if (sendto(fd, packet, sizeof(packet), 0, (void *)&ss, len) < 0)
		r.err = errno;
	stage_report(st, &r);
	stage_wait(st);
}

static void send_sctp_port(struct stage *st, const void *arg)
{
	const struct conn_arg *a = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->addr, a->port, &ss);
	struct report r = {0};
	int fd = conn_socket(a);

	bind_to(fd, ADDR_CLIENT, 0);
	if (connect(fd, (void *)&ss, len))
		r.err = errno;
	r.sport = local_port(fd);
	stage_report(st, &r);
	stage_wait(st);
}

static void sctp_forged(void **state)
{
	struct conn_arg a = conn_of(SOCK_STREAM, IPPROTO_SCTP);
	struct report victim;
	struct trap_run *t;
	struct sender *s;

	(void)state;
	start_server(&a, "sctp");
	victim = sender_run(send_sctp_port, &a, NULL);
	assert_int_equal(victim.err, 0);
	t = trap_start("--packets", "--proto", "sctp", ADDR_RESOLVER ":4711",
		       NULL);
	assert_int_equal(sender_run(forge, &victim, &s).err, 0);
	expect_not_wrong(trap_event(t), s->pid);
	trap_stop(t, SIGTERM);
}

/* ---------------------------------------------------------------- MPTCP */

static bool mptcp_enabled(void)
{
	FILE *f = fopen("/proc/sys/net/mptcp/enabled", "re");
	char c = '0';

	if (f) {
		c = (char)fgetc(f);
		fclose(f);
	}
	return c == '1';
}

static void mptcp(void **state)
{
	struct conn_arg a = conn_of(SOCK_STREAM, IPPROTO_MPTCP);

	(void)state;
	if (!mptcp_enabled())
		SKIP("no MPTCP");
	connect_and_send(&a, "tcp", "proved|holder");
}

/* The kernel adds a connection from another address for the same socket. */
static void mptcp_second_subflow(void **state)
{
	struct conn_arg a = conn_of(SOCK_STREAM, IPPROTO_MPTCP);
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	if (!mptcp_enabled())
		SKIP("no MPTCP");
	if (run_command(NULL, "ip", "mptcp", "limits", "set", "subflow", "2",
			"add_addr_accepted", "2", NULL) ||
	    run_command(NULL, "ip", "mptcp", "endpoint", "add", ADDR_OTHER,
			"dev", "lo", "subflow", NULL))
		SKIP("ip cannot set up MPTCP");
	start_server(&a, "MPTCP");
	t = trap_start("-t", ADDR_RESOLVER ":4711", NULL);
	assert_int_equal(sender_run(send_conn, &a, &s).err, 0);
	sender_go(s);
	assert_int_equal(sender_report(s).err, 0);
	do {
		e = trap_event(t);
		expect_not_wrong(e, s->pid);
	} while (strcmp(event_text(e, "source.ip"), ADDR_OTHER));
	expect_sender(e, s->pid, 0, "holder");
	trap_stop(t, SIGTERM);
	while ((e = trap_next_event(t, 0)))
		expect_not_wrong(e, s->pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(sctp),		e2e_test(sctp_abort),
		e2e_test(sctp_answers), e2e_test(sctp_forged),
		e2e_test(dccp),		e2e_test(dccp_reset),
		e2e_test(mptcp),	e2e_test(mptcp_second_subflow),
	};

	return e2e_main("proto_conn", tests, sizeof(tests) / sizeof(tests[0]));
}
