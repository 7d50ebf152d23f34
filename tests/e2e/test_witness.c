/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The witness: who sent is known although the sender is long gone. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "harness.h"
#include "sender.h"

#define TARGET	   ADDR_RESOLVER ":53"
#define SENDERS	   200 /* 64 KiB are too few for them, 512 are enough */
#define PORT_FIRST 10000

#define NEED_WITNESS()                                     \
	do {                                               \
		if (!e2e_has_witness())                    \
			SKIP("no witness on this kernel"); \
	} while (0)

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53);

/* Frozen until the senders are gone. */
static struct trap_run *start_frozen(void)
{
	struct trap_run *t = trap_start("-s", "25000", "-u", TARGET, NULL);

	trap_freeze(t);
	return t;
}

/* ------------------------------------------------------------ dead senders */

static void dead_sender_is_told_complete(void **state)
{
	static const char script[] =
		"cd /proc; echo x >/dev/udp/" ADDR_RESOLVER "/53; exit";
	struct trap_run *t;
	json_t *e, *args;

	(void)state;
	NEED_WITNESS();
	if (run_command(NULL, "bash", "-c", ":", NULL))
		SKIP("no bash");
	t = start_frozen();
	run_command(NULL, "bash", "-c", script, "name", NULL);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_grade(e, "proved");
	expect_text(e, "ptrap.method", "witness");
	assert_true(json_is_false(event_get(e, "ptrap.alive")));
	expect_text(e, "process.name", "bash");
	assert_non_null(strstr(event_text(e, "process.executable"), "/bash"));
	expect_text(e, "process.working_directory", "/proc");
	args = event_get(e, "process.args");
	assert_int_equal(json_array_size(args), 4);
	assert_string_equal(json_string_value(json_array_get(args, 2)), script);
	expect_int(e, "process.parent.pid", getpid());
	assert_true(event_lists_pid(e, "ptrap.ancestors", getpid()));
	assert_true(event_lists_pid(e, "ptrap.ancestors", 1));
	expect_text(e, "user.id", "0");
	expect_int(e, "ptrap.real_uid", 0);
	assert_true(event_int(e, "ptrap.exe.inode") > 0);
	assert_true(event_int(e, "ptrap.namespaces.pid") > 0);
	assert_true(*event_text(e, "ptrap.cgroup"));
	trap_expect_end(t);
}

static void long_arguments_are_cut_off(void **state)
{
	static char big[9000];
	struct trap_run *t;
	json_t *e;

	(void)state;
	NEED_WITNESS();
	memset(big, 'a', sizeof(big) - 1);
	t = start_frozen();
	run_command(NULL, "bash", "-c", "echo x >/dev/udp/" ADDR_RESOLVER "/53",
		    big, NULL);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_grade(e, "proved");
	assert_true(json_is_true(event_get(e, "ptrap.args_truncated")));
	assert_int_equal(json_array_size(event_get(e, "process.args")), 4);
	trap_expect_end(t);
}

/* A program on a mount of its own, deleted after it has sent. */
static void program_on_another_mount(void **state)
{
	char command[512];
	struct trap_run *t;
	json_t *e;

	(void)state;
	NEED_WITNESS();
	t = start_frozen();
	snprintf(command, sizeof(command),
		 "mount -t tmpfs none %1$s && mkdir %1$s/d && "
		 "cp $(command -v bash) %1$s/d/odd && "
		 "%1$s/d/odd -c 'echo x >/dev/udp/" ADDR_RESOLVER "/53'; "
		 "rm -f %1$s/d/odd; umount -l %1$s",
		 test_dir());
	assert_int_equal(run_command(NULL, "bash", "-c", command, NULL), 0);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_grade(e, "proved");
	snprintf(command, sizeof(command), "%s/d/odd", test_dir());
	expect_text(e, "process.executable", command);
	expect_text(e, "process.name", "odd");
	trap_expect_end(t);
}

/* ------------------------------------------------------ more than it can hold
 */

/* Each new process sends once, from a port that is its number, and is gone. */
static void many_short_lives(struct stage *st, const void *arg)
{
	struct report r = {0};
	struct send_arg a = udp;

	(void)arg;
	a.from = ADDR_CLIENT;
	for (int i = 0; i < SENDERS; i++) {
		a.sport = (uint16_t)(PORT_FIRST + i);
		r.who = i;
		r.n = fork();
		if (r.n == 0) {
			send_datagram(open_socket(&a), &a);
			_exit(0);
		}
		waitpid((pid_t)r.n, NULL, 0);
		stage_report(st, &r);
	}
	stage_wait(st);
}

/* Every packet has its event, and none a wrong name; returns how many were
 * proved, and how many of these without a program. */
static unsigned count_proved(struct trap_run *t, const pid_t *pids,
			     unsigned *bare)
{
	unsigned proved = 0;

	*bare = 0;
	for (int i = 0; i < SENDERS; i++) {
		json_t *e = trap_event(t);
		long long n = event_int(e, "source.port") - PORT_FIRST;

		assert_in_range(n, 0, SENDERS - 1);
		expect_not_wrong(e, pids[n]);
		if (strcmp(event_text(e, "ptrap.grade"), "proved") != 0)
			continue;
		proved++;
		*bare += !*event_text(e, "process.executable");
	}
	return proved;
}

static void run_senders(pid_t pids[SENDERS])
{
	struct sender *s = sender_start(many_short_lives, NULL);

	for (int i = 0; i < SENDERS; i++) {
		struct report r = sender_report(s);

		pids[r.who] = (pid_t)r.n;
	}
}

/* What the reader has not taken away in time is lost: then nobody knows whose
 * the packets are, as without the witness.  That is counted. */
static void ring_runs_over(void **state)
{
	struct trap_run *t;
	pid_t pids[SENDERS];
	unsigned bare;

	(void)state;
	NEED_WITNESS();
	t = trap_start("-s", "25000", "--witness-ring", "64", "-u", TARGET,
		       NULL);
	trap_freeze(t);
	run_senders(pids);
	trap_thaw_with(t, SENDERS);
	assert_int_equal(count_proved(t, pids, &bare), 0);
	trap_expect_end(t);
	assert_non_null(strstr(t->err_text.mem, "records lost"));
	assert_non_null(strstr(t->err_text.mem, "processes not described"));
}

/* The same with room for them. */
static void ring_is_big_enough(void **state)
{
	struct trap_run *t;
	pid_t pids[SENDERS];
	unsigned bare;

	(void)state;
	NEED_WITNESS();
	t = trap_start("-s", "25000", "--witness-ring", "300", "-u", TARGET,
		       NULL);
	trap_freeze(t);
	run_senders(pids);
	trap_thaw_with(t, SENDERS);
	assert_int_equal(count_proved(t, pids, &bare), SENDERS);
	assert_int_equal(bare, 0);
	trap_expect_end(t);
	assert_null(strstr(t->err_text.mem, "lost"));
}

/* ------------------------------------------------------- like two of a kind */

/* Nothing in the packets tells which socket's they are, but their order. */
static void like_packets_of_reuseport_twins(void **state)
{
	struct send_arg a = udp;
	struct sender *s[2];
	struct trap_run *t;
	int seen[2] = {0};

	(void)state;
	NEED_WITNESS();
	a.from = ADDR_CLIENT;
	a.sport = 5555;
	a.reuseport = true;
	t = start_frozen();
	sender_run(send_one, &a, &s[0]);
	usleep(50000); /* further apart than an interrupt is long */
	sender_run(send_one, &a, &s[1]);
	trap_thaw_with(t, 2);
	for (int i = 0; i < 2; i++) {
		json_t *e = trap_event(t);

		expect_sender(e, s[i]->pid, 0, "proved");
		seen[i]++;
	}
	assert_true(seen[0] && seen[1]);
	trap_expect_end(t);
}

/* ------------------------------------------------------------- the program */

#define IDS_MAX 8

/* The kernel's numbers of a process's programs or links. */
struct ids {
	const char *what; /* "prog", "link" */
	unsigned n, list[IDS_MAX];
};

static void read_ids(pid_t pid, struct ids *ids)
{
	char path[64], line[128], prefix[16];

	snprintf(prefix, sizeof(prefix), "%s_id:", ids->what);
	for (int fd = 3; fd < 64; fd++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
		f = fopen(path, "re");
		while (f && ids->n < IDS_MAX && fgets(line, sizeof(line), f))
			if (!strncmp(line, prefix, strlen(prefix)))
				ids->list[ids->n++] =
					(unsigned)atoi(line + strlen(prefix));
		if (f)
			fclose(f);
	}
}

static bool are_there(const struct ids *ids, bool there)
{
	char id[16];

	for (unsigned i = 0; i < ids->n; i++) {
		snprintf(id, sizeof(id), "%u", ids->list[i]);
		if (!run_command(NULL, "bpftool", ids->what, "show", "id", id,
				 NULL) != there)
			return false;
	}
	return true;
}

static bool are_gone(void *ids)
{
	return are_there(ids, false);
}

static void end_leaves_nothing(int sig)
{
	struct ids progs = {.what = "prog"}, links = {.what = "link"};
	struct trap_run *t = trap_start("-u", TARGET, NULL);

	read_ids(t->pid, &progs);
	read_ids(t->pid, &links);
	assert_true(progs.n > 0);
	assert_true(links.n > 0);
	assert_true(are_there(&progs, true));
	assert_true(are_there(&links, true));
	trap_stop(t, sig);
	wait_for(are_gone, &progs);
	wait_for(are_gone, &links);
}

static void kill_9_leaves_nothing(void **state)
{
	(void)state;
	NEED_WITNESS();
	if (run_command(NULL, "bpftool", "version", NULL))
		SKIP("no bpftool");
	end_leaves_nothing(SIGKILL);
	end_leaves_nothing(SIGTERM);
}

static void two_instances(void **state)
{
	struct trap_run *a, *b;
	struct sender *s;

	(void)state;
	NEED_WITNESS();
	a = trap_start("-u", TARGET, NULL);
	b = trap_start("-u", TARGET, NULL);
	for (int i = 0; i < 2; i++) {
		struct send_arg arg = udp;

		arg.vanish = true;
		s = sender_start(send_one, &arg);
		sender_end(s);
		expect_sender(trap_event(a), s->pid, 0, "proved");
		expect_sender(trap_event(b), s->pid, 0, "proved");
	}
	trap_expect_end(a);
	s = sender_start(send_one, &udp);
	expect_sender(trap_event(b), s->pid, 0, "proved");
	trap_expect_end(b);
}

static void drop_bpf(void *data)
{
	(void)data;
	for (unsigned long cap = 0; cap < 64; cap++)
		if (cap != CAP_NET_ADMIN && cap != CAP_SYS_PTRACE &&
		    cap != CAP_DAC_READ_SEARCH)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static void without_permission(void **state)
{
	struct trap_how how = {.out_fd = -1, .before_exec = drop_bpf};
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	NEED_WITNESS();
	t = trap_spawn(&how, "-o", "json", "-u", TARGET, NULL);
	assert_true(trap_ready(t));
	assert_non_null(strstr(t->err_text.mem, "no witness in the kernel: "));
	sender_run(send_one, &udp, &s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, "holder");
	trap_expect_end(t);
}

static void switched_off(void **state)
{
	struct trap_run *t = trap_start("--no-witness", "-u", TARGET, NULL);
	struct sender *s;

	(void)state;
	assert_null(strstr(t->err_text.mem, "witness"));
	sender_run(send_one, &udp, &s);
	expect_sender(trap_event(t), s->pid, 0, "holder");
	trap_expect_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(dead_sender_is_told_complete),
		e2e_test(long_arguments_are_cut_off),
		e2e_test(program_on_another_mount),
		e2e_test(ring_runs_over),
		e2e_test(ring_is_big_enough),
		e2e_test(like_packets_of_reuseport_twins),
		e2e_test(kill_9_leaves_nothing),
		e2e_test(two_instances),
		e2e_test(without_permission),
		e2e_test(switched_off),
	};

	return e2e_main("witness", tests, sizeof(tests) / sizeof(tests[0]));
}
