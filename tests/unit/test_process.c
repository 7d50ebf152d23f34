/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_process: processes of known properties, real ones and made-up ones. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process.h"
#include "util.h"

#define WAIT "--wait"
#define HOP  "--hop"
static char pool_mem[32768];
static struct strpool pool;
static int proc;

static int reset(void **state)
{
	(void)state;
	strpool_init(&pool, pool_mem, sizeof(pool_mem));
	return 0;
}

/* Reads all of a real process. */
static int read_pid(pid_t pid, struct process *p)
{
	int dir = procfs_open_pid(proc, pid), rc, rest;

	assert_true(dir >= 0);
	rc = process_read(dir, pid, 0, &pool, p);
	rest = process_read_rest(proc, dir, &pool, p);
	close(dir);
	return rc ? rc : rest;
}

static void assert_args(const struct process *p, const char *bytes, size_t len)
{
	assert_non_null(p->args);
	assert_int_equal(p->args_len, len);
	assert_memory_equal(p->args, bytes, len);
	assert_int_equal(p->args[len], '\0');
}

static void skip_unless_root(void)
{
	if (getuid() == 0)
		return;
	print_message("# skip: not root\n");
	skip();
}

/* --------------------------------------------------------- a tree of ours */

static const char status_text[] =
	"Name:\tx\nTgid:\t9\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
	"NSpid:\t9\t2\nCapEff:\t0000000000000400\nNoNewPrivs:\t1\n"
	"Seccomp:\t2\n";

static int read_tree(struct tree *t, pid_t pid, struct process *p)
{
	int dir = procfs_open_pid(t->fd, pid), rc;

	assert_true(dir >= 0);
	rc = process_read(dir, pid, pid + 1, &pool, p);
	if (!rc)
		rc = process_read_rest(t->fd, dir, &pool, p);
	close(dir);
	return rc;
}

static void whole_process_of_a_tree(void **state)
{
	struct process p;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_stat(&t, 9, "foo) Z 1", 4, 1000);
	tree_text(&t, "9/program (deleted)", "#!/bin/false\n");
	tree_link(&t, "9/exe", "program (deleted)");
	tree_file(&t, "9/cmdline", "a\0\0c d\0", 7);
	tree_text(&t, "9/status", status_text);
	tree_text(&t, "9/cgroup",
		  "12:pids:/v1\n1:name=systemd:/v1\n0::/system.slice/"
		  "x.service\n");
	tree_text(&t, "9/loginuid", "1000");
	tree_text(&t, "9/sessionid", "4294967295");
	tree_file(&t, "9/attr/current", "unconfined\n\0", 12);
	tree_link(&t, "9/cwd", "/home/\xff");
	tree_link(&t, "9/ns/mnt", "mnt:[4026531841]");
	tree_link(&t, "9/ns/pid", "pid:[4026531836");
	tree_link(&t, "9/ns/net", "net:[x]");
	if (!getuid())
		assert_int_equal(fchownat(t.fd, "9", 1234, 5678, 0), 0);
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_int_equal(p.pid, 9);
	assert_int_equal(p.tid, 10);
	assert_int_equal(p.ppid, 4);
	assert_string_equal(p.comm, "foo) Z 1");
	assert_int_equal(p.starttime, 1000);
	/* Linked still, so this is its name. */
	assert_string_equal(p.exe, "program (deleted)");
	assert_int_equal(p.exe_kind, PROCESS_EXE_FILE);
	assert_args(&p, "a\0\0c d", 6);
	assert_false(p.args_truncated);
	/* The directory's owner. */
	assert_true(p.has_owner);
	assert_int_equal(p.euid, getuid() ? getuid() : 1234);
	assert_int_equal(p.egid, getuid() ? getgid() : 5678);
	assert_true(p.has_creds);
	assert_int_equal(p.uid, 1);
	assert_int_equal(p.gid, 5);
	assert_int_equal(p.nspid, 2);
	assert_int_equal(p.cap_eff, 0x400);
	assert_int_equal(p.no_new_privs, 1);
	assert_int_equal(p.seccomp, 2);
	assert_string_equal(p.cgroup, "/system.slice/x.service");
	assert_true(p.has_rest);
	assert_string_equal(p.unit, "x.service");
	assert_null(p.container);
	assert_int_equal(p.loginuid, 1000);
	assert_int_equal(p.sessionid, UINT32_MAX);
	assert_string_equal(p.label, "unconfined");
	assert_string_equal(p.cwd, "/home/\xff");
	assert_string_equal(p.tty, "pts/1");
	assert_int_equal(p.ns_mnt, 4026531841);
	assert_int_equal(p.ns_pid, 0);
	assert_int_equal(p.ns_net, 0);
	assert_int_equal(p.ns_user, 0);
	tree_close(&t);
}

/* Nothing but stat: all else is "not known", never invented. */
static void bare_process_of_a_tree(void **state)
{
	struct process p;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_stat(&t, 9, "", 0, 1000);
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_int_equal(p.exe_kind, PROCESS_EXE_NONE);
	assert_null(p.exe);
	assert_null(p.args);
	assert_int_equal(p.args_len, 0);
	assert_false(p.has_creds);
	assert_null(p.cgroup);
	assert_null(p.cwd);
	assert_null(p.label);
	assert_null(p.unit);
	assert_null(p.script);
	assert_int_equal(p.loginuid, UINT32_MAX);
	assert_int_equal(p.no_new_privs, -1);
	assert_false(p.foreign_mntns);
	/* Without stat there is no process. */
	tree_text(&t, "10/cmdline", "a");
	assert_int_equal(read_tree(&t, 10, &p), -ESRCH);
	tree_text(&t, "10/stat", "");
	assert_int_equal(read_tree(&t, 10, &p), -ESRCH);
	tree_text(&t, "10/stat", "10 (a) S 1\n");
	assert_int_equal(read_tree(&t, 10, &p), -EBADMSG);
	tree_close(&t);
}

static void cgroups_of_a_tree(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{"0::/a:b::c\n", "/a:b::c"},
		{"5:cpu,cpuacct:/x\n4:pids:/y\n", "/x"},
		{"5:cpu:/x\n0::/y\n", "/y"},
		{"10::/x\n", "/x"},
		{"garbage\n0::/y\n", "/y"},
		{"garbage\na:b\n", NULL},
		{"0::/y", NULL}, /* cut */
		{"", NULL},
		{"\n\n", NULL},
	};
	struct process p;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_stat(&t, 9, "x", 0, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		tree_text(&t, "9/cgroup", cases[i].text);
		assert_int_equal(read_tree(&t, 9, &p), 0);
		if (cases[i].path)
			assert_string_equal(p.cgroup ? p.cgroup : "(none)",
					    cases[i].path);
		else
			assert_null(p.cgroup);
	}
	tree_close(&t);
}

static void arguments_of_a_tree(void **state)
{
	static char big[PROCESS_ARGS_MAX + 100];
	struct process p;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_stat(&t, 9, "x", 0, 1000);
	tree_text(&t, "9/python3", "");
	tree_link(&t, "9/exe", "python3");
	/* The script's name may go on behind what was kept. */
	memset(big, 'a', sizeof(big));
	big[2] = '\0';
	tree_file(&t, "9/cmdline", big, sizeof(big));
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_args(&p, big, PROCESS_ARGS_MAX);
	assert_true(p.args_truncated);
	assert_null(p.script);
	assert_false(p.script_open);
	big[9] = '\0';
	tree_file(&t, "9/cmdline", big, sizeof(big));
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_string_equal(p.script, "aaaaaa");
	tree_file(&t, "9/cmdline", big, PROCESS_ARGS_MAX);
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_args(&p, big, PROCESS_ARGS_MAX);
	assert_false(p.args_truncated);
	tree_file(&t, "9/cmdline", "\0", 1);
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_args(&p, "", 0);
	tree_file(&t, "9/cmdline", "a\0\0", 3);
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_args(&p, "a\0", 2);
	tree_close(&t);
}

/* While an exec puts the arguments in place, cmdline reads as empty. */
static void mid_exec_of_a_tree(void **state)
{
	char line[1024], *env;
	struct process p;
	struct tree t;
	size_t len = tree_stat_line(line, sizeof(line), 9, "x", 1, 0, 1000);

	(void)state;
	tree_open(&t);
	tree_text(&t, "9/program", "");
	tree_link(&t, "9/exe", "program");
	tree_text(&t, "9/cmdline", "");
	env = memmem(line, len, " 16 17 ", 7);
	assert_non_null(env);
	memcpy(env, " 16 00 ", 7);
	tree_file(&t, "9/stat", line, len);
	assert_int_equal(read_tree(&t, 9, &p), -EAGAIN);
	/* There are programs without any. */
	memcpy(env, " 16 17 ", 7);
	tree_file(&t, "9/stat", line, len);
	assert_int_equal(read_tree(&t, 9, &p), 0);
	assert_null(p.args);
	tree_close(&t);
}

/* In a pool of every size: what does not fit is left out, and that is said. */
static void small_pools(void **state)
{
	struct process p;
	struct tree t;
	bool overflow = true;

	(void)state;
	tree_open(&t);
	tree_stat(&t, 9, "x", 0, 1000);
	tree_text(&t, "9/abcdefgh", "");
	tree_link(&t, "9/exe", "abcdefgh");
	tree_file(&t, "9/cmdline", "sh\0b c\0", 7);
	tree_text(&t, "9/cgroup", "0::/init.scope\n");
	tree_link(&t, "9/cwd", "/tmp");
	for (size_t size = 0; overflow || size < 40; size++) {
		char *mem = malloc(size + 1);

		assert_non_null(mem);
		assert_true(size < 100);
		strpool_init(&pool, mem, size);
		assert_int_equal(read_tree(&t, 9, &p), 0);
		overflow = pool.overflow;
		assert_int_equal(overflow, !p.exe || !p.args || !p.cgroup ||
						   p.args_truncated || !p.cwd ||
						   !p.unit || !p.tty);
		if (p.exe)
			assert_string_equal(p.exe, "abcdefgh");
		if (p.cgroup)
			assert_string_equal(p.cgroup, "/init.scope");
		if (p.args && !p.args_truncated)
			assert_args(&p, "sh\0b c", 6);
		free(mem);
	}
	tree_close(&t);
}

/* --------------------------------------------------------- real processes */

static void set_name(void *arg)
{
	prctl(PR_SET_NAME, arg);
}

static void real_names(void **state)
{
	static const char *const names[] = {"foo) Z 1", "a\nb", "\x1b[31m\xff",
					    ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct process p;
		struct timespec now;
		struct kid k;

		reset(NULL);
		kid_start(&k, set_name, (void *)(uintptr_t)names[i]);
		assert_int_equal(read_pid(k.pid, &p), 0);
		clock_gettime(CLOCK_REALTIME, &now);
		assert_string_equal(p.comm, names[i]);
		assert_int_equal(p.ppid, getpid());
		assert_true(p.has_creds && p.uid == getuid());
		assert_int_equal(p.exe_kind, PROCESS_EXE_FILE);
		/* It began just now, give or take a slow machine's minute. */
		assert_true(p.start_ns / 1000000000 <= now.tv_sec + 1);
		assert_true(p.start_ns / 1000000000 >= now.tv_sec - 60);
		kid_stop(&k);
	}
}

static void read_program(struct kid *k, int fd, struct process *p)
{
	char *argv[] = {(char *)(uintptr_t) "name of my own",
			(char *)(uintptr_t)WAIT, NULL};

	kid_exec(k, fd, argv);
	assert_int_equal(read_pid(k->pid, p), 0);
	assert_args(p, "name of my own\0" WAIT, 14 + 1 + strlen(WAIT));
}

static void real_memfd(void **state)
{
	int fd = memfd_create("evil) /usr/bin/curl", MFD_CLOEXEC);
	char path[64];
	struct process p;
	struct stat st;
	struct kid k;
	int ro;

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy_program(path);
	assert_int_equal(fstat(fd, &st), 0);
	/* Nobody may have it open for writing, so by another descriptor. */
	ro = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	read_program(&k, ro, &p);
	assert_int_equal(p.exe_kind, PROCESS_EXE_MEMFD);
	assert_string_equal(p.exe, "/memfd:evil) /usr/bin/curl");
	assert_int_equal(p.image.exe_ino, st.st_ino);
	assert_int_equal(p.image.exe_dev, st.st_dev);
	assert_int_equal(p.image.exe_nlink, 0);
	kid_stop(&k);
	close(ro);
}

static void real_deleted(void **state)
{
	static const char *const names[] = {"program", "program (deleted)"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct process before, after;
		struct tree t;
		char path[128];
		struct kid k;
		int fd;

		tree_open(&t);
		snprintf(path, sizeof(path), "%s/%s", t.path, names[i]);
		copy_program(path);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		read_program(&k, fd, &before);
		assert_int_equal(before.exe_kind, PROCESS_EXE_FILE);
		assert_string_equal(before.exe, path);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(read_pid(k.pid, &after), 0);
		assert_int_equal(after.exe_kind, PROCESS_EXE_DELETED);
		assert_string_equal(after.exe, path);
		assert_int_equal(after.image.exe_ino, before.image.exe_ino);
		kid_stop(&k);
		close(fd);
		tree_close(&t);
	}
}

static void real_script(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "x", NULL};
	char path[128];
	struct process p;
	struct tree t;
	struct kid k;
	int fd;

	(void)state;
	tree_open(&t);
	tree_text(&t, "it's", "#!/bin/sh -e\nread line\n");
	snprintf(path, sizeof(path), "%s/it's", t.path);
	assert_int_equal(chmod(path, 0755), 0);
	/* Not CLOEXEC: the interpreter opens /dev/fd/N. */
	fd = open(path, O_RDONLY);
	kid_exec(&k, fd, argv);
	assert_int_equal(read_pid(k.pid, &p), 0);
	assert_non_null(p.script);
	/* The file's own path, once the shell has opened it. */
	if (strstr(p.exe, "bash")) {
		for (int i = 0; !p.script_open && i < 10000; i++) {
			poll(NULL, 0, 1);
			reset(NULL);
			assert_int_equal(read_pid(k.pid, &p), 0);
		}
		assert_true(p.script_open);
	} else {
		snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	}
	assert_string_equal(p.script, path);
	kid_stop(&k);
	close(fd);
	tree_close(&t);
}

static void become_nobody(void *arg)
{
	(void)arg;
	if (setresgid(65534, 65533, 65534) || setresuid(65534, 65533, 65534))
		_exit(1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void real_credentials(void **state)
{
	struct process p;
	struct kid k;

	(void)state;
	skip_unless_root();
	kid_start(&k, become_nobody, NULL);
	assert_int_equal(read_pid(k.pid, &p), 0);
	assert_true(p.has_creds && p.has_owner);
	assert_int_equal(p.uid, 65534);
	assert_int_equal(p.euid, 65533);
	assert_int_equal(p.gid, 65534);
	assert_int_equal(p.egid, 65533);
	assert_int_equal(p.cap_eff, 0);
	assert_int_equal(p.no_new_privs, 1);
	kid_stop(&k);
}

static void own_mount_namespace(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(1);
}

struct disguise {
	char *trusted, *evil;
};

/* Becomes a program of its own at a path that is another's outside. */
static void put_on(const struct disguise *d)
{
	char *argv[] = {d->trusted, (char *)(uintptr_t)WAIT, NULL};

	own_mount_namespace(NULL);
	if (mount(d->evil, d->trusted, NULL, MS_BIND, NULL) == 0)
		execv(d->trusted, argv);
	_exit(1);
}

static void real_disguise(void **state)
{
	char trusted[128], evil[128], byte;
	struct disguise d = {trusted, evil};
	struct process p;
	int pipefd[2];
	struct tree t;
	struct kid k;
	pid_t pid;

	(void)state;
	skip_unless_root();
	/* The same file seen from another namespace is that file. */
	kid_start(&k, own_mount_namespace, NULL);
	assert_int_equal(read_pid(k.pid, &p), 0);
	assert_int_not_equal(p.ns_mnt, 0);
	assert_false(p.foreign_mntns);
	kid_stop(&k);
	assert_int_equal(read_pid(getpid(), &p), 0);
	assert_false(p.foreign_mntns);

	tree_open(&t);
	snprintf(trusted, sizeof(trusted), "%s/trusted", t.path);
	snprintf(evil, sizeof(evil), "%s/evil", t.path);
	copy_program(trusted);
	copy_program(evil);
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/zero", O_RDONLY), 0); /* never ends */
		put_on(&d);
	}
	close(pipefd[1]);
	assert_int_equal(read(pipefd[0], &byte, 1), 0); /* exec'ed */
	close(pipefd[0]);
	assert_int_equal(read_pid(pid, &p), 0);
	assert_string_equal(p.exe, trusted);
	assert_true(p.foreign_mntns);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tree_close(&t);
}

static void take_terminal(void *arg)
{
	int fd;

	setsid();
	fd = open(arg, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) || chdir("/tmp"))
		_exit(1);
}

static void real_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct process p;
	struct kid k;
	char name[64];

	(void)state;
	if (master < 0 || grantpt(master) || unlockpt(master)) {
		print_message("# skip: no pseudo terminals\n");
		skip();
	}
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	kid_start(&k, take_terminal, name);
	assert_int_equal(read_pid(k.pid, &p), 0);
	assert_string_equal(p.tty, name + strlen("/dev/"));
	assert_string_equal(p.cwd, "/tmp");
	assert_int_equal(p.nspid, k.pid);
	assert_true(p.ns_net && p.ns_user && p.ns_pid);
	kid_stop(&k);
	close(master);
}

static void real_dead(void **state)
{
	struct process p;
	siginfo_t info;
	struct kid k;
	int dir;

	(void)state;
	kid_start(&k, NULL, NULL);
	dir = procfs_open_pid(proc, k.pid);
	assert_int_equal(process_read(dir, k.pid, 0, &pool, &p), 0);
	assert_non_null(p.exe);
	/* Dead and not buried: somebody, but no program. */
	kill(k.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)k.pid, &info, WEXITED | WNOWAIT),
			 0);
	assert_int_equal(process_read(dir, k.pid, 0, &pool, &p), 0);
	assert_null(p.exe);
	assert_null(p.args);
	assert_int_equal(p.exe_kind, PROCESS_EXE_NONE);
	assert_int_equal(p.ppid, getpid());
	kid_stop(&k);
	assert_int_equal(process_read(dir, k.pid, 0, &pool, &p), -ESRCH);
	assert_int_equal(process_read_rest(proc, dir, &pool, &p), -ESRCH);
	assert_null(p.cwd);
	assert_false(p.has_owner);
	close(dir);
}

/* A process that execs without end, from one program to the other and back:
 * exe and argv are always of the same one. */
static void real_hopping(void **state)
{
	char a[128], b[128];
	int good = 0, dir;
	struct tree t;
	pid_t pid;

	(void)state;
	tree_open(&t);
	snprintf(a, sizeof(a), "%s/hop-a", t.path);
	snprintf(b, sizeof(b), "%s/hop-b", t.path);
	copy_program(a);
	copy_program(b);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(a, a, HOP, b, NULL);
		_exit(1);
	}
	dir = procfs_open_pid(proc, pid);
	for (int i = 0; i < 1000000 && good < 5000; i++) {
		struct process p;
		int rc;

		reset(NULL);
		rc = process_read(dir, pid, 0, &pool, &p);
		if (rc == -EAGAIN)
			continue;
		assert_int_equal(rc, 0);
		assert_non_null(p.exe);
		assert_non_null(p.args);
		if (strncmp(p.exe, t.path, strlen(t.path)))
			continue; /* before its first exec */
		assert_string_equal(p.exe, p.args);
		good++;
	}
	assert_int_equal(good, 5000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(dir);
	tree_close(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_process_of_a_tree, reset),
		cmocka_unit_test_setup(bare_process_of_a_tree, reset),
		cmocka_unit_test_setup(cgroups_of_a_tree, reset),
		cmocka_unit_test_setup(arguments_of_a_tree, reset),
		cmocka_unit_test_setup(mid_exec_of_a_tree, reset),
		cmocka_unit_test_setup(small_pools, reset),
		cmocka_unit_test_setup(real_names, reset),
		cmocka_unit_test_setup(real_memfd, reset),
		cmocka_unit_test_setup(real_deleted, reset),
		cmocka_unit_test_setup(real_script, reset),
		cmocka_unit_test_setup(real_credentials, reset),
		cmocka_unit_test_setup(real_disguise, reset),
		cmocka_unit_test_setup(real_terminal, reset),
		cmocka_unit_test_setup(real_dead, reset),
		cmocka_unit_test_setup(real_hopping, reset),
	};

	if (argc == 2 && !strcmp(argv[1], WAIT))
		return wait_as_program();
	if (argc == 3 && !strcmp(argv[1], HOP))
		return execl(argv[2], argv[2], HOP, argv[0], NULL);
	proc = procfs_open_root("/proc");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
