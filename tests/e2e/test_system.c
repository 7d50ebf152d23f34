/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system around it: death at any moment, signals, others' rulesets. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define UDP_TARGET ADDR_RESOLVER ":53"
#define TCP_TARGET ADDR_RESOLVER ":80"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53, .reply = true);
static const struct send_arg tcp = SEND_TCP(ADDR_RESOLVER, 80);

/* A connection that takes no longer than one without us does. */
static void expect_connects(void)
{
	struct report r = sender_run(send_one, &tcp, NULL);

	assert_int_equal(r.err, 0);
	assert_true(r.end_ns - r.start_ns < 500000000LL * e2e_slow());
}

static int kill_limit_ms(void)
{
	return (int)(100 * e2e_slow());
}

/* Connects without end, so that there is always a packet somewhere. */
static void killed_at_random(void **state)
{
	struct many_arg m = {tcp, 1 << 30};
	struct sender *busy;
	unsigned seed = 4711;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	busy = sender_start(send_many, &m);
	for (int i = 0; i < 20; i++) {
		struct trap_run *t = trap_spawn(NULL, "-q", "-c", "-t",
						TCP_TARGET, "-e", "true", NULL);

		/* From before the rules are there until long after. */
		trap_pump(t, rand_r(&seed) % (20 * (int)e2e_slow()));
		assert_int_equal(trap_stop(t, SIGKILL), 128 + SIGKILL);
		assert_true(wait_until(nothing_left, NULL, kill_limit_ms()));
		expect_connects();
	}
	assert_false(sender_has_report(busy, 0));
}

static void killed_while_a_command_runs(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;

	(void)state;
	gate_open(&g);
	t = trap_start("-t", TCP_TARGET, "-s", "30000", "-e", g.command, NULL);
	server_tcp(ADDR_RESOLVER, 80);
	s = sender_start(send_one, &tcp);
	gate_wait(&g);
	trap_stop(t, SIGKILL);
	assert_true(wait_until(nothing_left, NULL, kill_limit_ms()));
	expect_connects();
	/* Its own SYN was dropped with the queue; TCP sends another. */
	assert_int_equal(sender_report(s).err, 0);
	gate_close(&g);
}

static void signals_release_what_is_held(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct gate g;

	(void)state;
	gate_open(&g);
	server_tcp(ADDR_RESOLVER, 80);
	for (int i = 0; i < 3; i++) {
		struct trap_run *t = trap_start("-c", "-t", TCP_TARGET, "-s",
						"30000", "-e", g.command, NULL);
		struct sender *s = sender_start(send_one, &tcp);
		int64_t from;
		json_t *e;

		gate_wait(&g);
		from = now_ns();
		assert_int_equal(trap_stop(t, signals[i]), 0);
		assert_true(t->exit_ns - from < 500000000LL * e2e_slow());
		/* Accepted and not dropped: no retransmit was needed. */
		assert_int_equal(sender_report(s).err, 0);
		assert_true(now_ns() - from < 800000000LL * e2e_slow());
		assert_true(nothing_left(NULL));
		e = trap_next_event(t, 0);
		expect_sender(e, s->pid, s->pid, "proved");
	}
	gate_close(&g);
}

static void idle_ends_at_once(void **state)
{
	struct trap_run *t = trap_start("-t", TCP_TARGET, NULL);
	int64_t from = now_ns();

	(void)state;
	assert_int_equal(trap_stop(t, SIGTERM), 1);
	assert_true(t->exit_ns - from < 500000000LL * e2e_slow());
	assert_true(nothing_left(NULL));
}

static long long stage_int(const json_t *e, const char *stage, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "ptrap.stages.%s.%s", stage, what);
	return event_int(e, path);
}

/* All that the loop does adds up to no more than it had; what the outputs'
 * thread does has that time once more. */
static void stages_are_told(void **state)
{
	static const char *const loops[] = {"receive",	 "parse",   "witness",
					    "sock_diag", "holders", "process",
					    "verdict",	 "facts"};
	struct many_arg m = {tcp, 20};
	struct trap_run *t =
		trap_start("--stats", "-c", "-t", TCP_TARGET, NULL);
	long long sum = 0, run;
	json_t *e;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	assert_int_equal(sender_run(send_many, &m, NULL).n, m.n);
	for (int i = 0; i < m.n; i++)
		expect_text(trap_event(t), "event.action", "released");
	assert_int_equal(trap_stop(t, SIGTERM), 0);
	e = trap_event(t);
	expect_text(e, "event.action", "stages");
	run = event_int(e, "ptrap.run_us") * 1000;
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		assert_true(stage_int(e, loops[i], "max_ns") <=
			    stage_int(e, loops[i], "total_ns"));
		sum += stage_int(e, loops[i], "total_ns");
	}
	assert_true(sum > 0 && sum <= run);
	assert_true(stage_int(e, "receive", "count") >= m.n);
	assert_true(stage_int(e, "receive", "total_ns") > 0);
	expect_int(e, "ptrap.stages.parse.count", m.n);
	expect_int(e, "ptrap.stages.process.count", m.n);
	expect_int(e, "ptrap.stages.verdict.count", m.n);
	expect_int(e, "ptrap.stages.facts.count", m.n);
	expect_int(e, "ptrap.stages.output.count", m.n);
	assert_true(stage_int(e, "output", "total_ns") > 0);
	assert_true(stage_int(e, "output", "total_ns") <= run);
	if (e2e_has_witness())
		assert_true(stage_int(e, "witness", "total_ns") > 0);
	else
		assert_true(stage_int(e, "sock_diag", "count") >= m.n);
	assert_true(event_int(e, "ptrap.cpu_us") > 0);
	assert_null(trap_next_event(t, 0));
}

/* `ptrap-ng | head -1`: nobody reads any more. */
static void closed_output_ends_it(void **state)
{
	struct trap_run *t = trap_start("-u", UDP_TARGET, NULL);

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	close(t->out);
	t->out = -1;
	for (int i = 0; i < 2; i++)
		assert_true(sender_run(send_one, &udp, NULL).n > 0);
	trap_wait(t);
	assert_true(t->status < 128);
	assert_true(nothing_left(NULL));
}

static void flush_by_others(void **state)
{
	struct trap_run *t = trap_start("-u", UDP_TARGET, NULL);
	struct sender *s;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	assert_int_equal(run_command(NULL, "nft", "flush", "ruleset", NULL), 0);
	assert_true(rules_present());
	sender_run(send_one, &udp, &s);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	trap_expect_end(t);
}

#define NFT(...) \
	assert_int_equal(run_command(NULL, "nft", __VA_ARGS__, NULL), 0)

/* The kernel then drops all that is held, in every queue. */
static void chain_of_others_deleted(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;
	json_t *e;

	(void)state;
	gate_open(&g);
	NFT("add table inet other");
	NFT("add chain inet other out { type filter hook output priority 0; }");
	t = trap_start("-c", "-t", TCP_TARGET, "-s", "30000", "-e", g.command,
		       NULL);
	server_tcp(ADDR_RESOLVER, 80);
	s = sender_start(send_one, &tcp);
	gate_wait(&g);
	NFT("delete table inet other");
	gate_release(&g);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	/* TCP sends another SYN: the same connection, or one event more. */
	for (;;) {
		if (sender_has_report(s, 20))
			break;
		if (gate_came(&g, 0)) {
			gate_wait(&g);
			gate_release(&g);
		}
	}
	assert_int_equal(sender_report(s).err, 0);
	s = sender_start(send_one, &tcp);
	gate_wait(&g);
	gate_release(&g);
	assert_int_equal(sender_report(s).err, 0);
	do {
		e = trap_event(t);
	} while (event_int(e, "process.pid") != s->pid);
	assert_int_equal(trap_stop(t, SIGTERM), 0);
	gate_close(&g);
}

/* The kernel then hands the same packet over once more. */
static void chain_inserted_before_ours(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;

	(void)state;
	gate_open(&g);
	NFT("add table inet other");
	t = trap_start("-c", "-t", TCP_TARGET, "-s", "30000", "-e", g.command,
		       NULL);
	server_tcp(ADDR_RESOLVER, 80);
	s = sender_start(send_one, &tcp);
	gate_wait(&g);
	NFT("add chain inet other out "
	    "{ type filter hook output priority -300; }");
	gate_release(&g);
	assert_int_equal(sender_report(s).err, 0);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	assert_false(gate_came(&g, 0));
	trap_expect_end(t);
	gate_close(&g);
}

static void two_on_the_same_target(void **state)
{
	struct trap_run *a = trap_start("-u", UDP_TARGET, NULL);
	struct trap_run *b = trap_start("-u", UDP_TARGET, NULL);
	struct sender *s;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &udp, &s).n > 0);
	expect_sender(trap_event(a), s->pid, 0, seen_or("holder"));
	expect_sender(trap_event(b), s->pid, 0, seen_or("holder"));
	trap_stop(a, SIGKILL);
	assert_true(sender_run(send_one, &udp, &s).n > 0);
	expect_sender(trap_event(b), s->pid, 0, seen_or("holder"));
	trap_expect_end(b);
	assert_true(nothing_left(NULL));
}

static void many_instances(void **state)
{
	enum { N = 8 };
	struct trap_run *t[N];
	char target[32];
	struct sender *s;

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(target, sizeof(target), ":%d", 5000 + i);
		t[i] = trap_start("-u", target, NULL);
	}
	for (int i = 0; i < N; i++) {
		struct send_arg a = udp;

		a.port = (uint16_t)(5000 + i);
		server_udp(ADDR_RESOLVER, a.port);
		assert_true(sender_run(send_one, &a, &s).n > 0);
		expect_sender(trap_event(t[i]), s->pid, 0, seen_or("holder"));
	}
	for (int i = 0; i < N; i++)
		trap_expect_end(t[i]);
	assert_true(nothing_left(NULL));
}

/* A reader that has stopped reading: the verdicts go on, the loss is told. */
static void blocked_output(void **state)
{
	struct many_arg m = {udp, 600};
	struct trap_run *t = trap_start("-u", UDP_TARGET, NULL);
	struct report r;

	(void)state;
	fcntl(t->out, F_SETPIPE_SZ, 4096);
	server_udp(ADDR_RESOLVER, 53);
	r = sender_run(send_many, &m, NULL);
	assert_int_equal(r.n, m.n);
	assert_true((r.end_ns - r.start_ns) / m.n < 20000000LL * e2e_slow());
	kill(t->pid, SIGTERM);
	/* Not even now. */
	assert_true(wait_until(nothing_left, NULL, 1000 * (int)e2e_slow()));
	assert_int_equal(trap_wait(t), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(killed_at_random),
		e2e_test(killed_while_a_command_runs),
		e2e_test(signals_release_what_is_held),
		e2e_test(idle_ends_at_once),
		e2e_test(stages_are_told),
		e2e_test(closed_output_ends_it),
		e2e_test(flush_by_others),
		e2e_test(chain_of_others_deleted),
		e2e_test(chain_inserted_before_ours),
		e2e_test(two_on_the_same_target),
		e2e_test(many_instances),
		e2e_test(blocked_output),
	};

	return e2e_main("system", tests, sizeof(tests) / sizeof(tests[0]));
}
