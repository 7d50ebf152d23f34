/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Senders in other network namespaces, whose packets this one forwards. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip_icmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"
#include "spaces.h"

#define A4   "10.1.0.2"
#define A6   "fd01::2"
#define B4   "10.2.0.2"
#define B6   "fd02::2"
#define HOLE "10.2.9.9"
#define CID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct space a, b;

/* Two spaces, and in the second one servers. */
static void open_spaces(void)
{
	const char *six = e2e_has_ipv6() ? A6 : NULL;

	a = (struct space){.name = "a", .own4 = A4, .own6 = six};
	b = (struct space){.name = "b", .own4 = B4, .own6 = six ? B6 : NULL};
	if (!space_open(&a) || !space_open(&b) ||
	    run_command(NULL, "ip", "route", "add", HOLE, "via", B4, "dev",
			"vb", NULL))
		SKIP("no veth, or no ip(8)");
	space_enter(&b);
	server_udp(B4, 53);
	server_tcp(B4, 80);
	if (six) {
		server_udp(B6, 53);
		server_tcp(B6, 80);
	}
	space_leave();
}

/* Sockets it sees everywhere, where it is that kind. */
static bool sees_connects(void)
{
	const char *how = getenv("E2E_WITNESS");

	return spaces_are_seen() || (how && !strcmp(how, "cgroup"));
}

static void expect_forwarded(const json_t *e)
{
	expect_text(e, "network.direction", "forward");
}

/* A datagram, or anything where others may send with that address: seen as it
 * was sent, or the true one is among those whose socket fits, and nobody is put
 * forward. */
static void expect_seen(const json_t *e, pid_t pid)
{
	expect_forwarded(e);
	if (spaces_are_seen()) {
		expect_sender(e, pid, 0, "proved");
		return;
	}
	expect_grade(e, "unknown");
	expect_nobody(e);
	assert_true(event_lists_pid(e, "ptrap.holders", pid));
}

static void all_common_ways(void **state)
{
	const struct send_arg ways[] = {
		SEND_TCP(B4, 80),
		SEND_TCP(B4, 80, .nonblock = true),
		SEND_UDP(B4, 53, .reply = true),
		SEND_UDP(B4, 53, .reply = true, .connected = true),
		SEND_UDP(B4, 53, .device = "eth0", .reply = true),
		SEND_TCP("::ffff:" B4, 80),
		SEND_TCP(B6, 80),
		SEND_UDP(B6, 53, .reply = true),
		SEND_UDP(B6, 53, .reply = true, .connected = true),
	};
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	open_spaces();
	t = trap_start("--forward", "-u", B4 ":53", "[" B6 "]:53", "-t",
		       B4 ":80", "[" B6 "]:80", NULL);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct send_arg *w = &ways[i];

		if (!strcmp(w->to, B6) && !e2e_has_ipv6())
			continue;
		space_run(&a, send_one, w, &s);
		e = trap_event(t);
		expect_forwarded(e);
		if (w->type == SOCK_DGRAM)
			expect_seen(e, s->pid);
		else if (w->nonblock)
			expect_sender(e, s->pid, 0,
				      sees_connects() ? "proved" : "holder");
		else
			expect_sender(e, s->pid, s->pid, "proved");
		/* More of the same flow is not told. */
		sender_go(s);
		assert_int_equal(sender_report(s).err, 0);
	}
	trap_expect_end(t);
	assert_true(nothing_left(NULL));
}

/* Nobody is left to be found but by who saw it. */
static void gone_at_once(void **state)
{
	struct trap_run *t;

	(void)state;
	open_spaces();
	t = trap_start("--forward", "any", NULL);
	for (int i = 0; i < 20; i++) {
		struct send_arg w = SEND_UDP(B4, 9, .vanish = true);
		struct sender *s;
		json_t *e;

		if (i % 2)
			w = (struct send_arg)SEND_TCP(B4, 80, .vanish = true,
						      .nonblock = true);
		w.sport = (uint16_t)(20000 + i);
		space_enter(&a);
		s = sender_start(send_one, &w);
		space_leave();
		sender_end(s);
		do
			e = trap_event(t);
		while (event_int(e, "source.port") != w.sport);
		expect_not_wrong(e, s->pid);
		if (spaces_are_seen())
			expect_sender(e, s->pid, 0, "proved");
	}
	trap_stop(t, SIGTERM);
}

/* An echo request by a raw socket. */
static void ping(struct stage *st, const void *arg)
{
	struct icmphdr echo = {.type = ICMP_ECHO, .un.echo.id = htons(77)};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct report r = {0};
	struct sockaddr_storage ss;
	socklen_t len = make_address(arg, 0, &ss);

	echo.checksum = (uint16_t) ~(ICMP_ECHO + htons(77));
	if (sendto(fd, &echo, sizeof(echo), 0, (void *)&ss, len) < 0)
		r.err = errno;
	stage_report(st, &r);
	stage_wait(st);
}

static void pings(void **state)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	open_spaces();
	t = trap_start("--forward", "--proto", "icmp", B4, NULL);
	assert_int_equal(space_run(&a, ping, B4, &s).err, 0);
	e = trap_event(t);
	expect_seen(e, s->pid);
	trap_expect_end(t);
}

/* As soon as the last one who was in it is gone. */
static bool is_removed(void *path)
{
	return !rmdir(path) || errno == ENOENT;
}

/* A container: another number there, another cgroup. */
static void container(void **state)
{
	struct space c = {.name = "c",
			  .own4 = "10.3.0.2",
			  .pids = true,
			  .cgroup = "docker-" CID ".scope"};
	const struct send_arg w = SEND_TCP(B4, 80);
	struct trap_run *t;
	struct sender *s;
	struct report r;
	char path[512];
	json_t *e;

	(void)state;
	if (!cgroup_dir())
		c.cgroup = NULL;
	open_spaces();
	assert_true(space_open(&c));
	t = trap_start("--forward", "-t", B4 ":80", "-e", "echo pid", NULL);
	r = space_run(&c, send_one, &w, &s);
	assert_int_equal(r.err, 0);
	assert_int_not_equal(r.pid, r.n);
	e = trap_event(t);
	expect_sender(e, (pid_t)r.n, 0, "proved");
	expect_int(e, "ptrap.pid_in_namespace", r.pid);
	snprintf(path, sizeof(path), "pid %lld\n", r.n);
	expect_text(e, "ptrap.hook.output", path);
	if (c.cgroup) {
		expect_text(e, "ptrap.container", CID);
		expect_text(e, "ptrap.unit", c.cgroup);
	}
	trap_expect_end(t);
	kill((pid_t)r.n, SIGKILL);
	kill(s->pid, SIGKILL);
	sender_end(s);
	space_close(&c);
	if (c.cgroup) {
		snprintf(path, sizeof(path), "%s/%s", cgroup_dir(), c.cgroup);
		wait_for(is_removed, path);
	}
}

/* Two with one address and one port: the device tells them apart, or nothing
 * does but what was seen. */
static bool names_one_of(const json_t *e, const pid_t *pids, int n)
{
	for (int i = 0; i < n; i++)
		if (event_int(e, "process.pid") == pids[i])
			return true;
	return false;
}

/* Nobody answers at HOLE, so that a socket sends its first packet and, later,
 * that once more. */
static void send_from_twins(struct space *twin, const char *bridge)
{
	struct trap_run *t = trap_start("--forward", HOLE, NULL);
	bool known = !bridge || spaces_are_seen();
	pid_t pids[12];

	for (int i = 0; i < 12; i++) {
		struct send_arg u = SEND_UDP(HOLE, 9);
		struct send_arg c = SEND_TCP(HOLE, 80);
		bool tcp = i % 4 > 1;
		struct sender *s;
		json_t *e;

		u.sport = c.sport = (uint16_t)(4711 + i / 4);
		space_run(&twin[i % 2], tcp ? begin_connect : send_one,
			  tcp ? &c : &u, &s);
		pids[i] = s->pid;
		do
			e = trap_event(t);
		while (names_one_of(e, pids, i));
		expect_not_wrong(e, s->pid);
		if (tcp && known)
			expect_sender(e, s->pid, 0,
				      sees_connects() ? "proved" : "holder");
		else if (tcp)
			expect_grade(e, "twins|unknown");
		else if (known)
			expect_seen(e, s->pid);
	}
	trap_stop(t, SIGTERM);
	for (json_t *e; (e = trap_next_event(t, 0));)
		assert_true(event_int(e, "process.pid") < 0 ||
			    names_one_of(e, pids, 12));
}

static void same_address(void **state)
{
	struct space twin[2] = {{.name = "t0", .own4 = "10.4.0.2"},
				{.name = "t1", .own4 = "10.4.0.2"}};

	(void)state;
	open_spaces();
	assert_true(space_open(&twin[0]) && space_open(&twin[1]));
	send_from_twins(twin, NULL);
}

static bool both_wait(void *data)
{
	(void)data;
	return queue_waiting() == 2;
}

/* Both have sent before either is looked at: two flows with one tuple. */
static void same_address_at_once(void **state)
{
	struct space twin[2] = {{.name = "t0", .own4 = "10.4.0.2"},
				{.name = "t1", .own4 = "10.4.0.2"}};
	const struct send_arg u = SEND_UDP(HOLE, 9, .sport = 4711);
	struct sender *s[2];
	struct trap_run *t;

	(void)state;
	open_spaces();
	assert_true(space_open(&twin[0]) && space_open(&twin[1]));
	t = trap_start("--forward", "-s", "25000", HOLE, NULL);
	trap_freeze(t);
	for (int i = 0; i < 2; i++)
		space_run(&twin[i], send_one, &u, &s[i]);
	wait_for(both_wait, NULL);
	trap_thaw(t);
	for (int i = 0; i < 2; i++) {
		json_t *e = trap_event(t);

		expect_seen(e, s[i]->pid);
		expect_int(e, "ptrap.packets", 1);
	}
	trap_expect_end(t);
}

static void same_address_on_a_bridge(void **state)
{
	struct space twin[2] = {
		{.name = "t0", .own4 = "10.4.0.2", .bridge = "br0"},
		{.name = "t1", .own4 = "10.4.0.2", .bridge = "br0"}};

	(void)state;
	open_spaces();
	if (!space_bridge("br0", "169.254.1.1"))
		SKIP("no bridge");
	assert_true(space_open(&twin[0]) && space_open(&twin[1]));
	send_from_twins(twin, "br0");
}

/* With one of each address a bridge's are known, but either may forge. */
static void bridge(void **state)
{
	struct space s0 = {.name = "s0", .own4 = "10.5.0.2", .bridge = "br0"};
	struct space s1 = {.name = "s1", .own4 = "10.5.0.3", .bridge = "br0"};
	const struct send_arg u = SEND_UDP(B4, 53), c = SEND_TCP(B4, 80);
	struct trap_run *t;
	struct sender *s;

	(void)state;
	open_spaces();
	if (!space_bridge("br0", "169.254.1.1"))
		SKIP("no bridge");
	assert_true(space_open(&s0) && space_open(&s1));
	t = trap_start("--forward", "-u", B4 ":53", "-t", B4 ":80", NULL);
	for (int i = 0; i < 2; i++) {
		space_run(i ? &s1 : &s0, send_one, &u, &s);
		expect_seen(trap_event(t), s->pid);
		space_run(i ? &s1 : &s0, send_one, &c, &s);
		expect_seen(trap_event(t), s->pid);
	}
	trap_expect_end(t);
}

static bool is_unlinked(void *space)
{
	return !space_is_linked(space);
}

/* Comes after the start, goes, and comes again with the same address; none of
 * them is kept alive. */
static void comes_and_goes(void **state)
{
	struct trap_run *t;

	(void)state;
	open_spaces();
	t = trap_start("--forward", "-t", B4 ":80", NULL);
	for (int i = 0; i < 4; i++) {
		struct space s = {.name = "s", .own4 = "10.6.0.2"};
		const struct send_arg c = SEND_TCP(B4, 80);
		struct sender *sender;

		assert_true(space_open(&s));
		space_run(&s, send_one, &c, &sender);
		expect_sender(trap_event(t), sender->pid, 0, "proved");
		sender_end(sender);
		space_close(&s);
		wait_for(is_unlinked, &s);
	}
	trap_stop(t, SIGTERM);
	assert_true(nothing_left(NULL));
}

/* Who was found in it has left, and lives on elsewhere: that keeps it no more
 * alive than the program does. */
static void visited(void **state)
{
	struct space s = {.name = "s", .own4 = "10.6.0.2"};
	const struct send_arg c = SEND_TCP(B4, 80);
	struct sender *sender;
	struct trap_run *t;

	(void)state;
	open_spaces();
	s.visitor = space_visitor();
	t = trap_start("--forward", "-t", B4 ":80", NULL);
	assert_true(space_open(&s));
	space_run(&s, send_one, &c, &sender);
	expect_sender(trap_event(t), sender->pid, 0, "proved");
	sender_end(sender);
	sender_go(s.visitor);
	sender_report(s.visitor);
	space_close(&s);
	wait_for(is_unlinked, &s);
	trap_stop(t, SIGTERM);
}

/* The other processes of the program. */
static pid_t find_child(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &child) != 1)
		child = 0;
	if (f)
		fclose(f);
	return child;
}

static bool says_it_is_blind(void *data)
{
	struct trap_run *t = data;

	trap_pump(t, 10);
	return text_find_line(&t->err_text, "ptrap-ng: the helper for other "
					    "network namespaces has ended");
}

static void helper_is_killed(void **state)
{
	struct space s = {.name = "s", .own4 = "10.6.0.2"};
	const struct send_arg c = SEND_TCP(B4, 80), u = SEND_UDP(B4, 53);
	struct trap_run *t;
	struct sender *sender;
	pid_t helper;
	json_t *e;

	(void)state;
	open_spaces();
	t = trap_start("--forward", "-t", B4 ":80", "-u", B4 ":53", NULL);
	helper = find_child(t->pid);
	assert_true(helper > 0);
	kill(helper, SIGKILL);
	wait_for(says_it_is_blind, t);
	/* Those that are known stay so. */
	space_run(&a, send_one, &c, &sender);
	expect_sender(trap_event(t), sender->pid, 0, "proved");
	assert_true(space_open(&s));
	space_run(&s, send_one, &u, NULL);
	e = trap_event(t);
	expect_grade(e, "unknown");
	expect_nobody(e);
	expect_text(e, "ptrap.reason",
		    "from no network namespace that is known");
	space_run(&s, send_one, &c, NULL);
	expect_nobody(trap_event(t));
	trap_expect_end(t);
}

static bool is_gone(void *data)
{
	const pid_t *pid = data;

	return waitpid(*pid, NULL, WNOHANG) == *pid || kill(*pid, 0) < 0;
}

/* However it ends, nobody stays. */
static void helper_ends_with_it(void **state)
{
	const int signals[] = {SIGTERM, SIGKILL};

	(void)state;
	open_spaces();
	for (size_t i = 0; i < 2; i++) {
		struct trap_run *t = trap_start("--forward", "any", NULL);
		pid_t helper = find_child(t->pid);

		assert_true(helper > 0);
		trap_stop(t, signals[i]);
		wait_for(is_gone, &helper);
		wait_for(nothing_left, NULL);
	}
}

/* One behind another: the nearer one sends nothing itself. */
static void one_behind_another(void **state)
{
	struct space far = {.name = "far", .own4 = "10.7.0.2"};
	const struct send_arg c = SEND_TCP(B4, 80), u = SEND_UDP(B4, 53);
	struct trap_run *t;
	struct sender *s;

	(void)state;
	open_spaces();
	if (!space_open_behind(&a, &far))
		SKIP("no veth, or no ip(8)");
	t = trap_start("--forward", "-t", B4 ":80", "-u", B4 ":53", NULL);
	space_run(&far, send_one, &c, &s);
	expect_seen(trap_event(t), s->pid);
	space_run(&far, send_one, &u, &s);
	expect_seen(trap_event(t), s->pid);
	trap_expect_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(all_common_ways),
		e2e_test(gone_at_once),
		e2e_test(pings),
		e2e_test(container),
		e2e_test(same_address),
		e2e_test(same_address_at_once),
		e2e_test(same_address_on_a_bridge),
		e2e_test(bridge),
		e2e_test(comes_and_goes),
		e2e_test(visited),
		e2e_test(helper_is_killed),
		e2e_test(helper_ends_with_it),
		e2e_test(one_behind_another),
	};

	return e2e_main("forward", tests, sizeof(tests) / sizeof(tests[0]));
}
