/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that NAT rewrites: a service whose packets go to a backend in
 * another network namespace, from a client that is masqueraded. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define SERVICE                                                      \
	"10.77.1.1" /* becomes the backend by DNAT, with other ports \
		     */
#define BACKEND	 "10.77.0.2"
#define GATEWAY	 "10.77.0.1" /* what ADDR_CLIENT becomes by masquerade */
#define SERVICE6 "fd77:1::1"
#define BACKEND6 "fd77::2"
#define GATEWAY6 "fd77::1"

#define TCP_FRONT 80
#define TCP_BACK  8080
#define UDP_FRONT 53
#define UDP_BACK  5353
#define PORT	  5555

static const char nat_rules[] =
	"table inet nat {\n"
	" chain out {\n"
	"  type nat hook output priority -100;\n"
	"  ip daddr 10.77.1.1 tcp dport 80 dnat ip to 10.77.0.2:8080\n"
	"  ip daddr 10.77.1.1 udp dport 53 dnat ip to 10.77.0.2:5353\n"
	"  ip6 daddr fd77:1::1 tcp dport 80 dnat ip6 to [fd77::2]:8080\n"
	"  ip6 daddr fd77:1::1 udp dport 53 dnat ip6 to [fd77::2]:5353\n"
	" }\n"
	" chain post {\n"
	"  type nat hook postrouting priority 100;\n"
	"  ip saddr 192.168.1.2 masquerade\n"
	"  ip6 saddr fd00::2 masquerade\n"
	" }\n"
	"}\n";

static const char *write_file(const char *name, const char *text)
{
	const char *path = test_path(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

/* Commands of ip's, one a line. */
static void set_up_links(const char *commands)
{
	struct text out = {0};

	if (run_command(&out, "ip", "-batch", write_file("links", commands),
			NULL))
		fail_msg("%s: %s", commands, out.mem ? out.mem : "");
	text_free(&out);
}

static bool load(const char *rules)
{
	return run_command(NULL, "nft", "-f", write_file("rules", rules),
			   NULL) == 0;
}

static int enter(int net)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(own >= 0);
	assert_int_equal(
		net < 0 ? unshare(CLONE_NEWNET) : setns(net, CLONE_NEWNET), 0);
	return own;
}

static void leave(int own)
{
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(own);
}

/* The backend's namespace, with the servers, at the other end of a wire. */
static void make_backend(void)
{
	static const char near[] =
		"link add v0 type veth peer name v1 netns %d\n"
		"addr add 10.77.0.1/24 dev v0\n"
		"link set v0 up\n"
		"route add 10.77.1.0/24 via 10.77.0.2\n"
		"%saddr add fd77::1/64 dev v0 nodad\n"
		"%sroute add fd77:1::/64 via fd77::2\n";
	static const char far[] = "addr add 10.77.0.2/24 dev v1\n"
				  "link set v1 up\n"
				  "%saddr add fd77::2/64 dev v1 nodad\n";
	const char *v6 = e2e_has_ipv6() ? "" : "# ";
	char commands[512], path[32];
	int own = enter(-1), net;
	struct sender *s;

	set_up_links("link set lo up\n");
	s = server_udp(e2e_has_ipv6() ? "::" : "0.0.0.0", UDP_BACK);
	server_tcp(e2e_has_ipv6() ? "::" : "0.0.0.0", TCP_BACK);
	leave(own);
	snprintf(commands, sizeof(commands), near, (int)s->pid, v6, v6);
	set_up_links(commands);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)s->pid);
	net = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(net >= 0);
	own = enter(net);
	snprintf(commands, sizeof(commands), far, v6);
	set_up_links(commands);
	leave(own);
	close(net);
}

static void make_nat(void)
{
	if (run_command(NULL, "ip", "-V", NULL))
		SKIP("no ip");
	if (!load(nat_rules))
		SKIP("the kernel has no NAT");
	make_backend();
}

static bool check_has(const char *arg, const char *line, const char *word)
{
	struct text out = {0};
	const char *at;
	bool has;

	run_command(&out, getenv("PTRAP"), arg, NULL);
	at = text_find_line(&out, line);
	has = at && strstr(at, word);
	text_free(&out);
	return has;
}

/* Does the queue tell of connections? */
static bool queue_tells(void)
{
	static int tells = -1;

	if (tells < 0)
		tells = check_has("--check", "yes  conntrack", "");
	return tells;
}

/* And does somebody else tell of them afterwards? */
static bool built_with_conntrack(void)
{
	static int built = -1;

	if (built < 0)
		built = check_has("--version", "features", "conntrack");
	return built;
}

/* ------------------------------------------------------------ what is right */

struct way {
	bool udp, v6;
	bool masqueraded;
};

static const char *front(const struct way *w)
{
	return w->v6 ? SERVICE6 : SERVICE;
}

static const char *back(const struct way *w)
{
	return w->v6 ? BACKEND6 : BACKEND;
}

static const char *target(const char *addr, int port)
{
	static char bufs[4][64];
	static unsigned next;
	char *buf = bufs[next++ % 4];

	snprintf(buf, sizeof(bufs[0]), strchr(addr, ':') ? "[%s]:%d" : "%s:%d",
		 addr, port);
	return buf;
}

static const char *front_target(const struct way *w)
{
	return target(front(w), w->udp ? UDP_FRONT : TCP_FRONT);
}

static const char *back_target(const struct way *w)
{
	return target(back(w), w->udp ? UDP_BACK : TCP_BACK);
}

static struct send_arg send_to_service(const struct way *w)
{
	struct send_arg a = {
		.type = w->udp ? SOCK_DGRAM : SOCK_STREAM,
		.to = front(w),
		.port = w->udp ? UDP_FRONT : TCP_FRONT,
		.reply = w->udp,
	};

	if (w->masqueraded)
		a.from = w->v6 ? ADDR6_CLIENT : ADDR_CLIENT;
	return a;
}

/* The socket's own addresses. */
static void expect_own(const json_t *e, const struct way *w,
		       const struct report *r)
{
	const char *gateway = w->v6 ? GATEWAY6 : GATEWAY;
	const char *client = w->v6 ? ADDR6_CLIENT : ADDR_CLIENT;

	expect_text(e, "source.ip", w->masqueraded ? client : gateway);
	expect_int(e, "source.port", r->sport);
	expect_text(e, "destination.ip", front(w));
	expect_int(e, "destination.port", w->udp ? UDP_FRONT : TCP_FRONT);
}

static void expect_wire(const json_t *e, const struct way *w)
{
	expect_text(e, "ptrap.nat.destination.ip", back(w));
	expect_int(e, "ptrap.nat.destination.port",
		   w->udp ? UDP_BACK : TCP_BACK);
	if (!w->masqueraded)
		assert_null(event_get(e, "ptrap.nat.source"));
	else if (built_with_conntrack())
		expect_text(e, "ptrap.nat.source.ip",
			    w->v6 ? GATEWAY6 : GATEWAY);
}

static void expect_all(const json_t *e, const struct way *w,
		       const struct sender *s, const struct report *r)
{
	expect_sender(e, s->pid, 0,
		      !w->udp || e2e_has_witness() ? "proved" : "holder");
	expect_own(e, w, r);
	expect_wire(e, w);
}

static void start_right(const struct way *w)
{
	if (w->v6 && !e2e_has_ipv6())
		SKIP("no IPv6");
	make_nat();
}

/* The right sender, in one event, and none of it counted as lost. */
static void one_event(struct trap_run *t, const struct way *w,
		      const struct send_arg *a)
{
	struct sender *s;
	struct report r = sender_run(send_one, a, &s);

	assert_int_equal(r.err, 0);
	expect_all(trap_event(t), w, s, &r);
	sender_go(s);
	assert_int_equal(sender_report(s).err, 0);
	trap_expect_end(t);
	assert_null(strstr(t->err_text.mem, "unseen"));
}

static const struct way ways[] = {
	{false, false, false}, {false, false, true}, {true, false, false},
	{true, false, true},   {false, true, true},  {true, true, true},
};

/* ------------------------------------------------------- who is the target */

static void service_named(void **state)
{
	const struct way *w = *state;
	struct send_arg a = send_to_service(w);

	start_right(w);
	one_event(trap_start("-s", "25000", w->udp ? "-u" : "-t",
			     front_target(w), NULL),
		  w, &a);
}

/* Where only the addresses behind NAT are there to go by, what it was sent to
 * shows afterwards: by where answers to it come to, or of a connection's socket
 * by what became of that. */
static bool is_known(const struct way *w)
{
	return queue_tells() || e2e_has_witness() ||
	       (built_with_conntrack() && !(w->udp && w->masqueraded));
}

static void start_known(const struct way *w)
{
	start_right(w);
	if (!is_known(w))
		SKIP("nobody tells what NAT did");
}

static void backend_named(void **state)
{
	const struct way *w = *state;
	struct send_arg a = send_to_service(w);
	struct trap_run *t;
	struct report r;
	struct sender *s;
	json_t *e;

	start_right(w);
	t = trap_start("-s", "25000", w->udp ? "-u" : "-t", back_target(w),
		       NULL);
	if (is_known(w)) {
		one_event(t, w, &a);
		return;
	}
	r = sender_run(send_one, &a, &s);
	e = trap_event(t);
	if (w->udp)
		expect_sender(e, s->pid, 0, "holder");
	else
		expect_grade(e, "unknown");
	expect_int(e, "source.port", r.sport);
	expect_text(e, "destination.ip", back(w));
	trap_expect_end(t);
}

static void both_named(void **state)
{
	const struct way *w = *state;
	struct send_arg a = send_to_service(w);

	start_right(w);
	one_event(trap_start("-s", "25000", w->udp ? "-u" : "-t",
			     front_target(w), back_target(w), NULL),
		  w, &a);
}

static void every_packet_once(void **state)
{
	static const struct way w = {.udp = true, .masqueraded = true};
	struct send_arg a = send_to_service(&w);
	struct trap_run *t;
	struct sender *s;
	struct report r;

	(void)state;
	start_right(&w);
	t = trap_start("-s", "25000", "--packets", "-u", front_target(&w),
		       back_target(&w), NULL);
	r = sender_run(send_one, &a, &s);
	expect_all(trap_event(t), &w, s, &r);
	sender_go(s);
	sender_report(s);
	expect_all(trap_event(t), &w, s, &r);
	trap_expect_end(t);
}

static void connected_udp(void **state)
{
	static const struct way w = {.udp = true};
	struct send_arg a = send_to_service(&w);

	(void)state;
	a.connected = true;
	start_known(&w);
	one_event(trap_start("-s", "25000", "-u", back_target(&w), NULL), &w,
		  &a);
}

static void first_packets_only(void **state)
{
	static const struct way w = {.masqueraded = true};
	struct send_arg a = send_to_service(&w);

	(void)state;
	start_known(&w);
	one_event(trap_start("-s", "25000", "-c", "-t", back_target(&w), NULL),
		  &w, &a);
}

/* Its answers say that it is over before anybody sees it. */
static void vanished(void **state)
{
	static const struct way w = {.udp = true};
	struct send_arg a = send_to_service(&w);
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	start_right(&w);
	a.vanish = true;
	t = trap_start("-s", "25000", "-u", back_target(&w), NULL);
	trap_freeze(t);
	s = sender_start(send_one, &a);
	sender_end(s);
	trap_thaw(t);
	e = trap_event(t);
	expect_not_wrong(e, s->pid);
	expect_seen_or(e, s->pid, "creator|uid-only|unknown");
	trap_expect_end(t);
}

/* The command has the socket's addresses. */
static void command_environment(void **state)
{
	static const struct way w = {.masqueraded = true};
	struct send_arg a = send_to_service(&w);
	struct trap_run *t;
	json_t *e;

	(void)state;
	start_right(&w);
	t = trap_start("-s", "25000", "-e",
		       "echo $PTRAP_DST $PTRAP_DPORT $PTRAP_SRC; true", "-t",
		       back_target(&w), NULL);
	sender_run(send_one, &a, NULL);
	e = trap_event(t);
	if (queue_tells() || e2e_has_witness())
		expect_text(e, "ptrap.hook.output",
			    SERVICE " 80 " ADDR_CLIENT "\n");
	else
		expect_text(e, "ptrap.hook.skipped",
			    "NAT has rewritten the packet");
	trap_expect_end(t);
}

static void as_text(void **state)
{
	static const struct way w = {0};
	struct send_arg a = send_to_service(&w);
	struct trap_run *t;
	char *line;

	(void)state;
	start_known(&w);
	t = trap_spawn(NULL, "-t", back_target(&w), NULL);
	assert_true(trap_ready(t));
	sender_run(send_one, &a, NULL);
	line = trap_next_line(t, WAIT_MS);
	assert_non_null(line);
	assert_non_null(strstr(line, "> " SERVICE ":80 "));
	line = trap_next_line(t, WAIT_MS);
	assert_non_null(line);
	assert_non_null(strstr(line, "NAT to " BACKEND ":8080 "));
	trap_stop(t, SIGTERM);
}

/* ------------------------------------------------------------ what misleads */

/* Another process's connection goes from the same port to the backend itself:
 * behind NAT the two look the same. */
static void same_port_direct(void **state)
{
	static const struct way w = {.masqueraded = true};
	struct send_arg a = send_to_service(&w), b = a;
	struct sender *sa, *sb;
	struct trap_run *t;
	json_t *e;

	(void)state;
	start_right(&w);
	a.sport = b.sport = PORT;
	a.reuseport = b.reuseport = true;
	b.to = BACKEND;
	b.port = TCP_BACK;
	assert_int_equal(sender_run(send_one, &b, &sb).err, 0);
	t = trap_start("-s", "25000", "-t", back_target(&w), NULL);
	sa = sender_start(send_one, &a);
	e = trap_event(t);
	expect_not_wrong(e, sa->pid);
	if (queue_tells() || e2e_has_witness()) {
		expect_sender(e, sa->pid, 0, "proved");
		expect_text(e, "destination.ip", SERVICE);
	}
	sender_go(sb);
	sender_report(sb);
	trap_stop(t, SIGTERM);
	while ((e = trap_next_event(t, 0)))
		if (!strcmp(event_text(e, "destination.ip"), BACKEND))
			expect_not_wrong(e, sb->pid);
}

static bool is_connecting(void *data)
{
	FILE *f = fopen("/proc/thread-self/net/tcp", "re");
	unsigned port, state;
	char line[256];
	bool found = false;

	(void)data;
	while (f && fgets(line, sizeof(line), f))
		found |= sscanf(line, "%*u: %*x:%x %*x:%*x %x", &port,
				&state) == 2 &&
			 port == PORT && state == 2;
	if (f)
		fclose(f);
	return found;
}

static bool is_held(void *data)
{
	(void)data;
	return queue_waiting() > 0;
}

/* A's attempt is held, and A dead; B has its port, and waits for an answer from
 * somewhere else. */
static void port_taken_over(void **state)
{
	static const struct way w = {.masqueraded = true};
	struct send_arg a = send_to_service(&w), b;
	struct sender *sa, *sb;
	struct trap_run *t;
	json_t *e;

	(void)state;
	start_right(&w);
	a.sport = PORT;
	a.reuseport = true;
	b = a;
	b.to = "10.77.1.9";
	t = trap_start("-s", "25000", "-t", back_target(&w), NULL);
	trap_freeze(t);
	sa = sender_start(send_one, &a);
	wait_for(is_held, NULL);
	kill(sa->pid, SIGKILL);
	sender_end(sa);
	sb = sender_start(send_one, &b);
	wait_for(is_connecting, NULL);
	trap_thaw(t);
	e = trap_event(t);
	expect_not_wrong(e, sa->pid);
	assert_int_not_equal(event_int(e, "process.pid"), sb->pid);
	if (e2e_has_witness())
		expect_sender(e, sa->pid, 0, "proved");
	trap_stop(t, SIGTERM);
}

/* One on the same port that was sent nowhere near. */
static void same_port_elsewhere(void **state)
{
	static const struct way w = {.udp = true, .masqueraded = true};
	struct send_arg a = send_to_service(&w), b = a;
	struct sender *sa;
	struct trap_run *t;
	json_t *e;

	(void)state;
	start_right(&w);
	a.sport = b.sport = PORT;
	a.reuseport = b.reuseport = true;
	a.reply = b.reply = false;
	b.port = 9999;
	sender_run(send_one, &b, NULL);
	t = trap_start("-s", "25000", "-u", back_target(&w), NULL);
	trap_freeze(t);
	assert_int_equal(sender_run(send_one, &a, &sa).err, 0);
	trap_thaw(t);
	e = trap_event(t);
	expect_seen_or(e, sa->pid, "holder|twins");
	trap_expect_end(t);
}

/* Not to be told from one that waits in connect(2), but by that. */
static void nonblocking(void **state)
{
	static const struct way w = {.masqueraded = true};
	struct send_arg a = send_to_service(&w);
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	(void)state;
	start_right(&w);
	a.nonblock = true;
	t = trap_start("-s", "25000", "-t", back_target(&w), NULL);
	sender_run(send_one, &a, &s);
	e = trap_event(t);
	expect_not_wrong(e, s->pid);
	if (queue_tells() || e2e_has_witness())
		expect_sender(e, s->pid, 0, "proved|holder");
	else
		expect_grade(e, "unknown");
	trap_expect_end(t);
}

/* A RST that the kernel sends for a closed socket is nobody's. */
static void reset(void **state)
{
	static const struct way w = {0};
	struct send_arg a = send_to_service(&w);
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	(void)state;
	start_known(&w);
	t = trap_start("-s", "25000", "-v", "--packets", "-t", back_target(&w),
		       NULL);
	sender_run(send_one, &a, &s);
	expect_sender(trap_event(t), s->pid, 0, "proved");
	sender_go(s);
	sender_report(s);
	sender_end(s);
	trap_stop(t, SIGTERM);
	while ((e = trap_next_event(t, 0)))
		expect_not_wrong(e, s->pid);
}

/* ------------------------------------------------------------- the options */

static bool prints(const char *when, const char *word)
{
	struct text out = {0};
	bool has;

	assert_int_equal(run_command(&out, getenv("PTRAP"), "--nat", when,
				     "--print-rules", "-t", BACKEND ":8080",
				     NULL),
			 0);
	has = strstr(out.mem, word);
	text_free(&out);
	return has;
}

static void only_where_nat_is(void **state)
{
	(void)state;
	assert_false(prints("auto", "ct "));
	assert_true(prints("always", "ct status dnat"));
	if (!load(nat_rules))
		SKIP("the kernel has no NAT");
	assert_true(prints("auto", "ct status dnat"));
	assert_false(prints("never", "ct "));
}

static void never(void **state)
{
	static const struct way w = {.udp = true};
	struct send_arg a = send_to_service(&w);
	struct trap_run *t;

	(void)state;
	start_right(&w);
	t = trap_start("-s", "25000", "--nat", "never", "-u", back_target(&w),
		       NULL);
	assert_int_equal(sender_run(send_one, &a, NULL).n, 1);
	trap_expect_end(t);
}

/* Somebody's own rules may send a packet here twice. */
static void queued_twice(void **state)
{
	static const struct way w = {.udp = true, .masqueraded = true};
	static const char rules[] =
		"table inet my {\n"
		" chain a {\n"
		"  type filter hook output priority -150;\n"
		"  ip daddr 10.77.1.1 counter queue num 7 bypass\n"
		" }\n"
		" chain b {\n"
		"  type filter hook output priority -50;\n"
		"  ip daddr 10.77.0.2 counter queue num 7 bypass\n"
		" }\n"
		"}\n";
	struct send_arg a = send_to_service(&w);
	struct trap_run *t;
	struct sender *s;
	struct report r;
	json_t *e;

	(void)state;
	start_right(&w);
	if (!queue_tells())
		SKIP("the queue does not tell of connections");
	if (!load(rules))
		SKIP("nft has no word for the queue here");
	t = trap_start("-s", "25000", "-Q", "7", NULL);
	r = sender_run(send_one, &a, &s);
	e = trap_event(t);
	/* When it is told it has not left yet: NAT has not made it all. */
	expect_seen_or(e, s->pid, "holder");
	expect_own(e, &w, &r);
	trap_expect_end(t);
}

#define each_way(f)                                                     \
	nat_test(f, 0), nat_test(f, 1), nat_test(f, 2), nat_test(f, 3), \
		nat_test(f, 4), nat_test(f, 5)

#define nat_test(f, n)                                                  \
	{                                                               \
#f "_" #n, f, e2e_setup, e2e_teardown, (void *)&ways[n] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		each_way(service_named),     each_way(backend_named),
		each_way(both_named),	     e2e_test(every_packet_once),
		e2e_test(connected_udp),     e2e_test(first_packets_only),
		e2e_test(vanished),	     e2e_test(command_environment),
		e2e_test(as_text),	     e2e_test(same_port_direct),
		e2e_test(port_taken_over),   e2e_test(same_port_elsewhere),
		e2e_test(nonblocking),	     e2e_test(reset),
		e2e_test(only_where_nat_is), e2e_test(never),
		e2e_test(queued_twice),
	};

	return e2e_main("nat", tests, sizeof(tests) / sizeof(tests[0]));
}
