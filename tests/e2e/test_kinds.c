/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each kind of witness, and what stands in the way of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <mntent.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define TARGET ADDR_RESOLVER ":53"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53);
static const struct send_arg tcp =
	SEND_TCP(ADDR_RESOLVER, 53, .nonblock = true, .vanish = true);

/* NULL, after it has said why: the kernel has not what that kind needs. */
static struct trap_run *start(const char *kind, bool frozen)
{
	struct trap_run *t = trap_spawn(NULL, "-o", "json", "--witness", kind,
					"-s", "25000", TARGET, NULL);

	if (!trap_ready(t)) {
		assert_int_equal(trap_wait(t), 3);
		assert_non_null(
			strstr(t->err_text.mem, "no witness of the kind "));
		return NULL;
	}
	if (frozen)
		trap_freeze(t);
	return t;
}

static struct trap_run *start_sockets(void)
{
	struct trap_run *t = start("cgroup", true);

	if (!t)
		SKIP("no programs on cgroups here");
	assert_non_null(strstr(t->err_text.mem, "not who sends"));
	return t;
}

static void need_sockets(void)
{
	struct trap_run *t = start_sockets();

	trap_thaw(t);
	trap_expect_end(t);
}

static pid_t send_and_die(const struct send_arg *a)
{
	struct sender *s = sender_start(send_one, a);

	sender_end(s);
	return s->pid;
}

/* ---------------------------------------------------- those that see packets
 */

static void sees_packets(const char *kind)
{
	struct trap_run *t = start(kind, true);
	pid_t first, second;
	json_t *e;

	if (!t)
		SKIP("not on this kernel");
	first = send_and_die(&udp);
	second = send_and_die(&tcp);
	trap_thaw_with(t, 2);
	e = trap_event(t);
	expect_sender(e, first, 0, "proved");
	expect_text(e, "ptrap.method", "witness");
	e = trap_event(t);
	expect_sender(e, second, 0, "proved");
	trap_expect_end(t);
}

static void netfilter(void **state)
{
	(void)state;
	sees_packets("netfilter");
}

static void tracing(void **state)
{
	(void)state;
	sees_packets("tracing");
}

/* ----------------------------------------------------- the one for sockets */

static void opener_of_the_dead(void **state)
{
	struct trap_run *t = start_sockets();
	pid_t pid = send_and_die(&udp);
	json_t *e;

	(void)state;
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_grade(e, "creator");
	expect_nobody(e);
	expect_int(e, "ptrap.creator.pid", pid);
	expect_text(e, "ptrap.creator.name", "test_kinds");
	assert_true(*event_text(e, "ptrap.creator.executable"));
	trap_expect_end(t);
}

static void connect_of_the_dead(void **state)
{
	struct trap_run *t = start_sockets();
	pid_t pid = send_and_die(&tcp);
	json_t *e;

	(void)state;
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_sender(e, pid, pid, "proved");
	assert_true(json_is_false(event_get(e, "ptrap.alive")));
	expect_int(e, "process.parent.pid", getpid());
	assert_true(json_array_size(event_get(e, "process.args")) > 0);
	trap_expect_end(t);
}

/* Which of the two sent, the port does not tell. */
static void port_used_again(void **state)
{
	struct send_arg a = SEND_UDP(ADDR_RESOLVER, 53, .from = ADDR_CLIENT,
				     .sport = 5353, .vanish = true);
	struct trap_run *t = start_sockets();
	json_t *e;

	(void)state;
	send_and_die(&a);
	send_and_die(&a);
	trap_thaw_with(t, 2);
	e = trap_event(t);
	expect_nobody(e);
	expect_grade(e, "uid-only|unknown");
	trap_stop(t, SIGTERM);
}

static void child_connects(struct stage *st, const void *arg)
{
	int fd = open_socket(arg);
	struct sockaddr_storage ss;
	socklen_t len = make_address(ADDR_RESOLVER, 53, &ss);
	struct report r = {0};

	r.n = fork();
	if (!r.n) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		connect(fd, (void *)&ss, len);
		_exit(0);
	}
	waitpid((pid_t)r.n, NULL, 0);
	stage_report(st, &r);
	stage_wait(st);
}

static void parent_opens_child_connects(void **state)
{
	struct trap_run *t = start_sockets();
	struct sender *s;
	struct report r = sender_run(child_connects, &tcp, &s);
	json_t *e;

	(void)state;
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_sender(e, (pid_t)r.n, 0, "proved");
	expect_int(e, "ptrap.creator.pid", s->pid);
	trap_expect_end(t);
}

static void connect_and_stay(struct stage *st, const void *arg)
{
	int fd = open_socket(arg);
	struct sockaddr_storage ss;
	socklen_t len = make_address(ADDR_RESOLVER, 53, &ss);
	struct report r = {0};

	fcntl(fd, F_SETFL, O_NONBLOCK);
	connect(fd, (void *)&ss, len);
	stage_report(st, &r);
	stage_wait(st);
}

/* Whose attempt the first one was, the socket that has its addresses now does
 * not tell, and nobody else may be named for it. */
static void port_connects_again(void **state)
{
	struct send_arg a =
		SEND_TCP(ADDR_RESOLVER, 53, .from = ADDR_CLIENT, .sport = 4711,
			 .nonblock = true, .vanish = true);
	struct trap_run *t = start_sockets();
	json_t *e;

	(void)state;
	send_and_die(&a);
	sender_run(connect_and_stay, &a, NULL);
	trap_thaw_with(t, 2);
	e = trap_event(t);
	expect_nobody(e);
	expect_grade(e, "unknown");
	trap_stop(t, SIGTERM);
}

static void connect_by_turns(struct stage *st, const void *arg)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = open_socket(arg);
	struct sockaddr_storage ss;
	socklen_t len = make_address(ADDR_RESOLVER, 53, &ss);
	struct report r = {0};

	fcntl(fd, F_SETFL, O_NONBLOCK);
	connect(fd, (void *)&ss, len);
	stage_report(st, &r);
	stage_wait(st);
	r.n = fork();
	if (!r.n) {
		connect(fd, &none, sizeof(none));
		connect(fd, (void *)&ss, len);
		pause();
	}
	stage_report(st, &r);
	stage_wait(st);
}

static void socket_connects_again(void **state)
{
	const struct send_arg a =
		SEND_TCP(ADDR_RESOLVER, 53, .from = ADDR_CLIENT, .sport = 4711);
	struct trap_run *t = start_sockets();
	struct sender *s;
	json_t *e;

	(void)state;
	trap_thaw(t);
	sender_run(connect_by_turns, &a, &s);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	sender_go(s);
	e = trap_event(t);
	expect_nobody(e);
	expect_grade(e, "shared");
	trap_stop(t, SIGTERM);
}

/* connect(2) by the parent says nothing on the wire; the child's write does. */
static void child_opens_fast(struct stage *st, const void *arg)
{
	int fd = open_socket(arg), one = 1, err;
	struct sockaddr_storage ss;
	socklen_t len = make_address(ADDR_RESOLVER, 53, &ss);
	struct report r = {0};

	err = setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
	err |= setsockopt(fd, SOL_TCP, 34 /* TCP_FASTOPEN_NO_COOKIE */, &one,
			  sizeof(one));
	r.err = err || connect(fd, (void *)&ss, len) ? errno : 0;
	r.n = fork();
	if (!r.n) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		_exit(write(fd, "x", 1) < 0);
	}
	waitpid((pid_t)r.n, NULL, 0);
	stage_report(st, &r);
	stage_wait(st);
}

static void fast_open_is_no_connect(void **state)
{
	struct trap_run *t = start_sockets();
	struct report r;

	(void)state;
	r = sender_run(child_opens_fast, &tcp, NULL);
	if (r.err)
		SKIP("no TCP fast open");
	trap_thaw_with(t, 1);
	/* The parent alone has it now, which is all that may be said. */
	expect_grade(trap_event(t), "holder|creator|unknown");
	trap_stop(t, SIGTERM);
}

/* Sent once more it has nothing of Fast Open, and the writer is gone. */
static void fast_open_again(void **state)
{
	struct trap_run *t;
	struct report r;
	struct sender *s;
	json_t *e;

	(void)state;
	need_sockets();
	server_busy(ADDR_RESOLVER, 53);
	t = trap_spawn(NULL, "-o", "json", "--witness", "cgroup", "--packets",
		       TARGET, NULL);
	assert_true(trap_ready(t));
	r = sender_run(child_opens_fast, &tcp, &s);
	if (r.err)
		SKIP("no TCP fast open");
	expect_grade(trap_event(t), "holder|creator|unknown");
	e = trap_event(t);
	expect_grade(e, "holder|creator|unknown");
	expect_int(e, "ptrap.creator.pid", s->pid);
	trap_stop(t, SIGTERM);
}

/* Both ends of a connection by several paths, of which there is one so far. */
static void two_ends(struct stage *st, const void *arg)
{
	int at = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP),
	    ends[2] = {-1, -1};
	struct sockaddr_storage ss;
	socklen_t len = make_address(ADDR_RESOLVER, 53, &ss);
	struct report r = {0};
	char c = 'x';

	(void)arg;
	ends[0] = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (bind(at, (void *)&ss, len) || listen(at, 1) ||
	    connect(ends[0], (void *)&ss, len))
		r.err = errno;
	else
		ends[1] = accept(at, NULL, NULL);
	for (int i = 0; i < 2 && !r.err; i++)
		if (write(ends[i], &c, 1) != 1 || read(ends[!i], &c, 1) != 1)
			r.err = errno;
	stage_report(st, &r);
	stage_wait(st);
}

/* The kernel opens another path in the system call of who allows it. */
static void path_of_anothers(void **state)
{
	struct trap_run *t;
	struct sender *s;

	(void)state;
	need_sockets();
	t = trap_spawn(NULL, "-o", "json", "--witness", "cgroup", "--packets",
		       "-c", TARGET, NULL);
	assert_true(trap_ready(t));
	if (sender_run(two_ends, NULL, &s).err)
		SKIP("no MPTCP");
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	if (system("ip mptcp limits set subflow 2 2>&1 && "
		   "ip mptcp endpoint add " ADDR_OTHER " dev lo subflow 2>&1"))
		SKIP("no ip mptcp");
	expect_sender(trap_event(t), s->pid, 0, "holder");
	trap_expect_end(t);
}

static void two_at_once(void **state)
{
	const struct send_arg alive = SEND_TCP(ADDR_RESOLVER, 53);
	struct trap_run *a = start_sockets(), *b;
	struct sender *s;

	(void)state;
	trap_thaw(a);
	b = start_sockets();
	trap_thaw(b);
	server_tcp(ADDR_RESOLVER, 53);
	sender_run(send_one, &alive, &s);
	expect_sender(trap_event(a), s->pid, s->pid, "proved");
	expect_sender(trap_event(b), s->pid, s->pid, "proved");
	trap_expect_end(a);
	trap_expect_end(b);
}

/* -------------------------------------------------- what is not to be had */

/* In the child that becomes ptrap-ng: a view of the file system of its own. */
static void own_mounts(void)
{
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(90);
}

static void hide_types(void *data)
{
	(void)data;
	own_mounts();
	if (mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL))
		_exit(91);
}

/* The last one first, until none is left. */
static void hide_cgroup2(void *data)
{
	char last[PATH_MAX];

	(void)data;
	own_mounts();
	do {
		FILE *f = setmntent("/proc/self/mounts", "re");
		const struct mntent *m;

		*last = '\0';
		while (f && (m = getmntent(f)))
			if (!strcmp(m->mnt_type, "cgroup2"))
				strcpy(last, m->mnt_dir);
		if (f)
			endmntent(f);
	} while (*last && !umount2(last, MNT_DETACH));
}

static void refuses(void (*hide)(void *), void *data, const char *kind,
		    const char *why)
{
	struct trap_how how = {-1, hide, data};
	struct trap_run *t = trap_spawn(&how, "--witness", kind, TARGET, NULL);

	assert_false(trap_ready(t));
	assert_int_equal(trap_wait(t), 3);
	assert_non_null(strstr(t->err_text.mem, why));
	assert_int_equal(text_count_lines(&t->err_text), 1);
	assert_false(rules_present());
}

static void without_types(void **state)
{
	struct trap_how how = {-1, hide_types, NULL};
	struct trap_run *t;
	struct sender *s;

	(void)state;
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		SKIP("the kernel has no BTF to hide");
	for (size_t i = 0; i < 3; i++) {
		static const char *const kinds[] = {"netfilter", "tracing",
						    "cgroup"};

		refuses(hide_types, NULL, kinds[i], "no BTF");
	}
	t = trap_spawn(&how, "-o", "json", "-u", TARGET, NULL);
	assert_true(trap_ready(t));
	assert_non_null(strstr(t->err_text.mem, "no witness in the kernel: "));
	sender_run(send_one, &udp, &s);
	expect_sender(trap_event(t), s->pid, 0, "holder");
	trap_expect_end(t);
}

static void without_cgroup2(void **state)
{
	struct trap_how how = {-1, hide_cgroup2, NULL};
	struct trap_run *t;

	(void)state;
	need_sockets();
	refuses(hide_cgroup2, NULL, "cgroup", "no cgroup v2 is mounted");
	/* The others have no need of it. */
	t = trap_spawn(&how, "-o", "json", "-u", TARGET, NULL);
	assert_true(trap_ready(t));
	if (e2e_has_witness())
		assert_null(strstr(t->err_text.mem, "no witness"));
	trap_expect_end(t);
}

/* --------------------------------------------- another program at the root */

static char foreign[PATH_MAX]; /* a cgroup of the test's own, seen as a root */

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Lets all pass, and nobody beside it. */
static bool attach_alone(void)
{
	const struct bpf_insn allow[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK,
		.expected_attach_type = BPF_CGROUP_INET_SOCK_CREATE,
		.insns = (uintptr_t)allow,
		.insn_cnt = 2,
		.license = (uintptr_t) "GPL",
	};
	union bpf_attr attach = {.attach_type = BPF_CGROUP_INET_SOCK_CREATE};
	int cgroup = open(foreign, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int prog = sys_bpf(BPF_PROG_LOAD, &load);
	bool ok;

	attach.target_fd = (uint32_t)cgroup;
	attach.attach_bpf_fd = (uint32_t)prog;
	ok = prog >= 0 && cgroup >= 0 && !sys_bpf(BPF_PROG_ATTACH, &attach);
	close(cgroup);
	close(prog);
	return ok;
}

static bool make_foreign(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const struct mntent *m;

	*foreign = '\0';
	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			snprintf(foreign, sizeof(foreign),
				 "%s/ptrap-e2e.XXXXXX", m->mnt_dir);
	if (f)
		endmntent(f);
	return *foreign && mkdtemp(foreign) && attach_alone();
}

static void write_text(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(92);
	close(fd);
}

static void live_in_foreign(void *data)
{
	const char *dir = data;

	write_text(foreign, "cgroup.procs", "0");
	if (unshare(CLONE_NEWCGROUP))
		_exit(93);
	hide_cgroup2(NULL);
	if (mount("none", dir, "cgroup2", 0, NULL))
		_exit(94);
}

static bool remove_foreign(void *data)
{
	(void)data;
	return !rmdir(foreign) || errno == ENOENT;
}

static int leave_foreign(void **state)
{
	int err = e2e_teardown(state);

	return *foreign && !wait_until(remove_foreign, NULL, WAIT_MS) ? -1
								      : err;
}

static void another_program_at_the_root(void **state)
{
	char dir[PATH_MAX];

	(void)state;
	need_sockets();
	snprintf(dir, sizeof(dir), "%s", test_path("root"));
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_true(make_foreign());
	refuses(live_in_foreign, dir, "cgroup",
		"other programs are in its place");
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(netfilter),
		e2e_test(tracing),
		e2e_test(opener_of_the_dead),
		e2e_test(connect_of_the_dead),
		e2e_test(port_used_again),
		e2e_test(parent_opens_child_connects),
		e2e_test(port_connects_again),
		e2e_test(socket_connects_again),
		e2e_test(fast_open_is_no_connect),
		e2e_test(fast_open_again),
		e2e_test(path_of_anothers),
		e2e_test(two_at_once),
		e2e_test(without_types),
		e2e_test(without_cgroup2),
		cmocka_unit_test_setup_teardown(another_program_at_the_root,
						e2e_setup, leave_foreign),
	};

	return e2e_main("kinds", tests, sizeof(tests) / sizeof(tests[0]));
}
