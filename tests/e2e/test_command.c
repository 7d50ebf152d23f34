/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's command: what it gets, and how long it holds what. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define UDP_TARGET ADDR_RESOLVER ":53"
#define TCP_TARGET ADDR_RESOLVER ":80"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53, .reply = true);
static const struct send_arg tcp = SEND_TCP(ADDR_RESOLVER, 80);

static const char *output_of(const json_t *e)
{
	return event_text(e, "ptrap.hook.output");
}

/* Starts, catches one datagram, returns its event. */
static json_t *catch_one(struct trap_run **t, const char *command,
			 struct sender **s)
{
	*t = trap_start("-u", UDP_TARGET, "-s", "20000", "-e", command, NULL);
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &udp, s).n > 0);
	return trap_event(*t);
}

static void environment(void **state)
{
	char line[64];
	struct trap_run *t;
	struct sender *s;
	json_t *e = catch_one(&t, "f() { env; echo args $# $1; }; f", &s);
	const char *out = output_of(e);
	static const char *const fixed[] = {
		"PTRAP_PROTO=udp\n",
		"PTRAP_SRC=" ADDR_RESOLVER "\n",
		"PTRAP_DST=" ADDR_RESOLVER "\n",
		"PTRAP_DPORT=53\n",
		"PTRAP_ALIVE=1\n",
		"PTRAP_UID=0\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		assert_non_null(strstr(out, fixed[i]));
	snprintf(line, sizeof(line), "PTRAP_GRADE=%s\n", seen_or("holder"));
	assert_non_null(strstr(out, line));
	snprintf(line, sizeof(line), "PTRAP_PID=%d\n", s->pid);
	assert_non_null(strstr(out, line));
	snprintf(line, sizeof(line), "PTRAP_SPORT=%lld\n",
		 event_int(e, "source.port"));
	assert_non_null(strstr(out, line));
	snprintf(line, sizeof(line), "PTRAP_COMM=%s\n",
		 event_text(e, "process.name"));
	assert_non_null(strstr(out, line));
	assert_non_null(strstr(out, "PTRAP_TID="));
	assert_non_null(strstr(out, "PTRAP_EXE=/"));
	snprintf(line, sizeof(line), "args 1 %d\n", s->pid);
	assert_non_null(strstr(out, line));
	trap_expect_end(t);
}

static void event_on_standard_input(void **state)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e = catch_one(&t, "f() { cat; }; f", &s), *in;

	(void)state;
	in = json_loads(output_of(e), 0, NULL);
	assert_non_null(in);
	expect_sender(in, s->pid, 0, seen_or("holder"));
	expect_text(in, "destination.ip", ADDR_RESOLVER);
	json_decref(in);
	trap_expect_end(t);
}

static void three_descriptors_only(void **state)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e = catch_one(&t, "f() { ls /proc/$$/fd; }; f", &s);

	(void)state;
	assert_string_equal(output_of(e), "0\n1\n2\n");
	trap_expect_end(t);
}

static void status_is_told(void **state)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e = catch_one(&t, "exit 3 #", &s);

	(void)state;
	expect_int(e, "ptrap.hook.status", 3);
	trap_expect_end(t);
	t = trap_start("-u", UDP_TARGET, "-e", "kill -SEGV $$; :", NULL);
	sender_run(send_one, &udp, &s);
	expect_int(trap_event(t), "ptrap.hook.status", 128 + SIGSEGV);
	trap_expect_end(t);
}

static void output_is_bounded(void **state)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e = catch_one(
		&t, "f() { head -c 1000000 /dev/zero | tr '\\0' a; }; f", &s);
	const char *out = output_of(e);

	(void)state;
	expect_int(e, "ptrap.hook.status", 0);
	assert_true(strlen(out) <= 65536 && strlen(out) > 60000);
	assert_int_equal(strspn(out, "a"), strlen(out));
	trap_expect_end(t);
}

static void held_until_it_ends(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;
	json_t *e;
	int64_t from;

	(void)state;
	gate_open(&g);
	t = trap_start("-t", "-c", TCP_TARGET, "-s", "20000", "-e", g.command,
		       NULL);
	server_tcp(ADDR_RESOLVER, 80);
	s = sender_start(send_one, &tcp);
	assert_int_equal(gate_wait(&g), s->pid);
	from = now_ns();
	assert_false(sender_has_report(s, 100));
	assert_true(queue_waiting() > 0);
	assert_null(trap_next_event(t, 0));
	gate_release(&g);
	assert_int_equal(sender_report(s).err, 0);
	e = trap_event(t);
	expect_sender(e, s->pid, s->pid, "proved");
	expect_int(e, "ptrap.hook.status", 0);
	assert_true(event_int(e, "ptrap.held_us") >= 100000);
	assert_true(event_int(e, "ptrap.held_us") <=
		    (now_ns() - from) / 1000 + 10000000);
	trap_expect_end(t);
	gate_close(&g);
}

static void released_at_the_hold_limit(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct report r;
	struct gate g;
	json_t *e;

	(void)state;
	gate_open(&g);
	t = trap_start("-t", "-c", TCP_TARGET, "-s", "200", "-e", g.command,
		       "--exec-time", "60000", NULL);
	server_tcp(ADDR_RESOLVER, 80);
	r = sender_run(send_one, &tcp, &s);
	assert_true(r.end_ns - r.start_ns >= 190000000);
	assert_true(r.end_ns - r.start_ns < 600000000LL * e2e_slow());
	e = trap_event(t);
	expect_sender(e, s->pid, s->pid, "proved");
	assert_true(json_is_null(event_get(e, "ptrap.hook.status")));
	gate_wait(&g);
	gate_release(&g);
	e = trap_event(t);
	expect_int(e, "ptrap.hook.status", 0);
	expect_int(e, "ptrap.of", 1);
	assert_non_null(strstr(output_of(e), "went"));
	trap_expect_end(t);
	gate_close(&g);
}

static void side_by_side_and_not_mixed(void **state)
{
	struct sender *s[8];
	struct trap_run *t;
	struct gate g;

	(void)state;
	gate_open(&g);
	t = trap_start("-t", "-c", TCP_TARGET, "-s", "20000", "-e", g.command,
		       NULL);
	server_tcp(ADDR_RESOLVER, 80);
	for (int i = 0; i < 8; i++)
		s[i] = sender_start(send_one, &tcp);
	for (int i = 0; i < 8; i++) /* all run now, none has ended */
		gate_wait(&g);
	for (int i = 0; i < 8; i++)
		gate_release(&g);
	for (int i = 0; i < 8; i++) {
		json_t *e = trap_event(t);
		char expected[32];
		int k = 0;

		while (k < 8 && s[k]->pid != event_int(e, "process.pid"))
			k++;
		if (k == 8) {
			fail_msg("names a stranger");
			return;
		}
		snprintf(expected, sizeof(expected), "went %d\n", s[k]->pid);
		expect_text(e, "ptrap.hook.output", expected);
		assert_int_equal(sender_report(s[k]).err, 0);
	}
	trap_expect_end(t);
	gate_close(&g);
}

/* Its own, a child's, and one's that has left the process group. */
static void own_packets_are_exempt(void **state)
{
	static const char command[] =
		"f() { c='exec 3<>/dev/udp/" ADDR_RESOLVER "/53; echo y >&3;"
		" read -u 3 -n 1 x'; bash -c \"$c\"; setsid bash -c \"$c\"; }; "
		"f";
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	if (run_command(NULL, "bash", "-c", ":", NULL))
		SKIP("no bash");
	e = catch_one(&t, command, &s);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_int(e, "ptrap.hook.status", 0);
	trap_expect_end(t);
}

/* A command that sends and is gone cannot be told from a stranger: an event
 * without a name, and never a command for it. */
static void own_packets_start_no_chain(void **state)
{
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	if (run_command(NULL, "bash", "-c", ":", NULL))
		SKIP("no bash");
	e = catch_one(
		&t, "f() { bash -c 'echo >/dev/udp/" ADDR_RESOLVER "/53'; }; f",
		&s);
	trap_stop(t, SIGTERM);
	for (; e; e = trap_next_event(t, 0)) {
		expect_not_wrong(e, s->pid);
		if (event_int(e, "process.pid") != s->pid)
			assert_true(*event_text(e, "ptrap.hook.skipped"));
	}
}

static bool no_children(void *data)
{
	char path[64];
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		 *(pid_t *)data, *(pid_t *)data);
	f = fopen(path, "re");
	c = f ? fgetc(f) : EOF;
	if (f)
		fclose(f);
	return c == EOF;
}

/* Deaf to SIGTERM, and with a child of its own. */
static void killed_at_its_time(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;
	char command[600];
	json_t *e;

	(void)state;
	gate_open(&g);
	snprintf(command, sizeof(command), "trap '' TERM; sleep 1000 & %s",
		 g.command);
	t = trap_start("-u", UDP_TARGET, "-s", "100", "--exec-time", "500",
		       "-e", command, NULL);
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &udp, &s).n > 0);
	e = trap_event(t);
	assert_true(json_is_null(event_get(e, "ptrap.hook.status")));
	e = trap_event(t);
	expect_int(e, "ptrap.hook.status", 128 + SIGKILL);
	wait_for(no_children, &t->pid);
	trap_expect_end(t);
	gate_close(&g);
}

static void once_waits_for_it(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;

	(void)state;
	gate_open(&g);
	t = trap_start("-1", "-u", UDP_TARGET, "-s", "50", "-e", g.command,
		       NULL);
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &udp, &s).n > 0);
	gate_wait(&g);
	assert_true(trap_pump(t, 300));
	gate_release(&g);
	assert_int_equal(trap_wait(t), 0);
	assert_non_null(strstr(t->out_text.mem, "went"));
	gate_close(&g);
}

static void capped_for_one_process(void **state)
{
	struct many_arg m = {udp, 6};
	struct trap_run *t =
		trap_start("-n", "2", "-u", UDP_TARGET, "-e", "echo", NULL);
	struct sender *s;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	assert_int_equal(sender_run(send_many, &m, &s).n, 6);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	trap_expect_end(t);
}

static void every_packet_an_event(void **state)
{
	struct trap_run *t = trap_start("--packets", "-u", UDP_TARGET, NULL);
	struct sender *s;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	sender_run(send_one, &udp, &s);
	for (int i = 0; i < 3; i++) {
		expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
		sender_go(s);
		sender_report(s);
	}
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	trap_expect_end(t);
}

/* A name that would be a second event, a colour and a forged end. */
static void hostile_name(struct stage *st, const void *arg)
{
	prctl(PR_SET_NAME, "a)\n\033[1m\"\xff\\");
	send_one(st, arg);
}

static void text_output(void **state)
{
	struct send_arg a = udp;
	struct trap_run *t = trap_spawn(NULL, "-u", UDP_TARGET, "-e",
					"printf 'one\\ntwo\\n'; :", NULL);
	char expected[128];
	struct report r;
	struct sender *s;
	const char *out;

	(void)state;
	assert_true(trap_ready(t));
	server_udp(ADDR_RESOLVER, 53);
	a.ask = "example.org";
	r = sender_run(hostile_name, &a, &s);
	trap_stop(t, SIGTERM);
	out = t->out_text.mem;
	assert_non_null(out);
	snprintf(expected, sizeof(expected),
		 "udp " ADDR_RESOLVER ":%u > " ADDR_RESOLVER ":53  ", r.sport);
	assert_non_null(strstr(out, expected));
	snprintf(expected, sizeof(expected), "[%d] uid 0(root) ", s->pid);
	assert_non_null(strstr(out, expected));
	assert_non_null(strstr(out, "asks A example.org"));
	assert_non_null(strstr(out, seen_or("holder")));
	assert_non_null(strstr(out, "released"));
	assert_non_null(strstr(out, "one\n"));
	assert_non_null(strstr(out, "two\n"));
	assert_null(strstr(out, "\033"));
	assert_null(strstr(out, "\xff"));
	assert_int_equal(text_count_lines(&t->out_text), 4);
}

static void hostile_name_in_json(void **state)
{
	struct trap_run *t = trap_start("-u", UDP_TARGET, NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	sender_run(hostile_name, &udp, &s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	/* Not UTF-8: the bytes themselves are told, too. */
	expect_text(e, "process.name_hex", "61290a1b5b316d22ff5c");
	trap_expect_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(environment),
		e2e_test(event_on_standard_input),
		e2e_test(three_descriptors_only),
		e2e_test(status_is_told),
		e2e_test(output_is_bounded),
		e2e_test(held_until_it_ends),
		e2e_test(released_at_the_hold_limit),
		e2e_test(side_by_side_and_not_mixed),
		e2e_test(own_packets_are_exempt),
		e2e_test(own_packets_start_no_chain),
		e2e_test(killed_at_its_time),
		e2e_test(once_waits_for_it),
		e2e_test(capped_for_one_process),
		e2e_test(every_packet_an_event),
		e2e_test(text_output),
		e2e_test(hostile_name_in_json),
	};

	return e2e_main("command", tests, sizeof(tests) / sizeof(tests[0]));
}
