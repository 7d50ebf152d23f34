/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who the sender is: each fact of an event against what was made so. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mntent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define TARGET ADDR_RESOLVER ":53"
#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53);

/* What is read after the verdict is read while the sender lives. */
static void send_and_stay(struct stage *st)
{
	struct report r = {.err = send_datagram(open_socket(&udp), &udp)};

	stage_report(st, &r);
	stage_wait(st);
}

/* ------------------------------------------------------------------- scripts
 */

/* A program with its arguments, in the test's own directory. */
static void become(struct stage *st, const void *arg)
{
	char *const *argv = arg;

	dup2(st->in, 0);
	if (chdir(test_dir()))
		_exit(90);
	execvp(argv[0], argv);
	_exit(91);
}

static const char *write_script(const char *name, const char *text)
{
	const char *path = test_path(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static void expect_script(const char *const *argv, const char *script,
			  const char *source)
{
	struct trap_run *t = trap_start("-u", TARGET, NULL);
	struct sender *s = sender_start(become, argv);
	json_t *e = trap_event(t);

	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_text(e, "ptrap.script", script);
	expect_text(e, "ptrap.script_source", source);
	trap_expect_end(t);
	sender_end(s);
}

#define ASK_BASH "exec 3>/dev/udp/" ADDR_RESOLVER "/53\necho x >&3\nread x\n"

static void need(const char *program)
{
	if (run_command(NULL, "sh", "-c", "command -v \"$0\"", program, NULL))
		SKIP("the interpreter is not here");
}

static void shell_has_its_script_open(void **state)
{
	const char *path;

	(void)state;
	need("bash");
	path = write_script("ask", "#!/usr/bin/env bash\n" ASK_BASH);
	expect_script((const char *[]){path, NULL}, path, "file");
	expect_script((const char *[]){"bash", "-e", path, "x", NULL}, path,
		      "file");
}

/* The file is what it is, whatever it is called by. */
static void shell_by_another_path(void **state)
{
	char link[PATH_MAX];
	const char *path;

	(void)state;
	need("bash");
	path = write_script("ask", "#!/bin/bash\n" ASK_BASH);
	snprintf(link, sizeof(link), "%s", test_path("trusted"));
	assert_int_equal(symlink(path, link), 0);
	expect_script((const char *[]){link, NULL}, path, "file");
	/* Not known to be that name any more. */
	path = write_script("moves", "#!/bin/bash\ncd /\n" ASK_BASH);
	expect_script((const char *[]){"./moves", NULL}, path, "file");
}

#define ASK_PYTHON                                               \
	"import socket, sys\n"                                   \
	"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n" \
	"s.sendto(b'x', ('" ADDR_RESOLVER "', 53))\n"            \
	"sys.stdin.read(1)\n"

static void python_says_what_it_runs(void **state)
{
	const char *path;

	(void)state;
	need("python3");
	path = write_script("ask.py",
			    "#!/usr/bin/env -S python3 -u\n" ASK_PYTHON);
	expect_script((const char *[]){path, NULL}, path, "argv");
	expect_script((const char *[]){"python3", "-c", ASK_PYTHON, path, NULL},
		      "", "");
	expect_script((const char *[]){"python3", "-m", "ask", NULL}, "", "");
}

/* It claims another one, which it has not open. */
static void argv_is_marked_as_such(void **state)
{
	const char *path, *claimed;

	(void)state;
	need("python3");
	path = write_script("ask.py", ASK_PYTHON);
	claimed = write_script("claimed", "");
	expect_script((const char *[]){"python3", "--", path, claimed, NULL},
		      path, "argv");
}

/* ----------------------------------------------------------------- privileges
 */

/* Of two packets of one process each has what was true at its own time. */
static void changed_between_packets(void **state)
{
	const char *one = test_path("one"), *two = test_path("two");
	const char *argv[] = {one, "-c",
			      "ask() { exec 3>/dev/udp/" ADDR_RESOLVER "/53; "
			      "echo x >&3; read -d '' x; }; ask; cd /; ask",
			      NULL};
	struct trap_run *t;
	struct sender *s;
	json_t *e;

	(void)state;
	need("bash");
	assert_int_equal(run_command(NULL, "sh", "-c",
				     "cp \"$(command -v bash)\" \"$0\"", one,
				     NULL),
			 0);
	t = trap_start("-u", TARGET, NULL);
	s = sender_start(become, argv);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_text(e, "process.executable", one);
	expect_text(e, "process.working_directory", test_dir());
	assert_int_equal(rename(one, two), 0);
	sender_go(s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_text(e, "process.executable", two);
	expect_text(e, "process.working_directory", "/");
	trap_expect_end(t);
	sender_end(s);
}

static void filter_nothing(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = {1, &allow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(92);
}

static void keep_only(unsigned cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {{0}, {0}};

	caps[0].permitted = caps[0].effective = 1U << cap;
	if (syscall(SYS_capset, &head, caps))
		_exit(93);
}

static void confined(struct stage *st, const void *arg)
{
	(void)arg;
	filter_nothing();
	keep_only(CAP_NET_RAW);
	send_and_stay(st);
}

static void free_sender(struct stage *st, const void *arg)
{
	(void)arg;
	send_and_stay(st);
}

static json_t *event_of(sender_fn fn, const void *arg, struct sender **s)
{
	struct trap_run *t = trap_start("-u", TARGET, NULL);
	json_t *e;

	assert_int_equal(sender_run(fn, arg, s).err, 0);
	e = json_incref(trap_event(t));
	expect_sender(e, (*s)->pid, 0, seen_or("holder"));
	trap_expect_end(t);
	return e;
}

static void privileges(void **state)
{
	struct sender *s;
	json_t *e = event_of(confined, NULL, &s);

	(void)state;
	expect_text(e, "ptrap.capabilities", "0000000000002000");
	assert_true(json_is_true(event_get(e, "ptrap.no_new_privs")));
	expect_text(e, "ptrap.seccomp", "filter");
	json_decref(e);
	e = event_of(free_sender, NULL, &s);
	assert_true(json_is_false(event_get(e, "ptrap.no_new_privs")));
	expect_text(e, "ptrap.seccomp", "off");
	json_decref(e);
}

/* ----------------------------------------------------- session, tty, loginuid
 */

static void write_text(const char *path, const char *text, int status)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(status);
	close(fd);
}

static void logged_in(struct stage *st, const void *arg)
{
	const char *tty = arg;
	int fd;

	setsid();
	fd = open(tty, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) || chdir("/tmp"))
		_exit(94);
	if (!access("/proc/self/loginuid", W_OK))
		write_text("/proc/self/loginuid", "4711", 95);
	send_and_stay(st);
}

/* A number in a file of the sender's; -1: there is none. */
static long long number_of(pid_t pid, const char *name)
{
	long long n = -1;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "re");
	if (f && fscanf(f, "%lld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n == UINT32_MAX ? -1 : n;
}

static void login(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];
	struct sender *s;
	json_t *e;

	(void)state;
	if (master < 0 || grantpt(master) || unlockpt(master))
		SKIP("no pseudo terminals");
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	e = event_of(logged_in, name, &s);
	expect_text(e, "ptrap.tty", name + strlen("/dev/"));
	expect_text(e, "process.working_directory", "/tmp");
	expect_int(e, "ptrap.loginuid", number_of(s->pid, "loginuid"));
	expect_int(e, "ptrap.session", number_of(s->pid, "sessionid"));
	if (number_of(s->pid, "loginuid") >= 0)
		expect_int(e, "ptrap.loginuid", 4711);
	json_decref(e);
	close(master);
}

/* -------------------------------------------------------- namespaces and label
 */

static void with_own_mounts(struct stage *st, const void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWNS))
		_exit(96);
	send_and_stay(st);
}

static void namespaces(void **state)
{
	static const char *const kinds[] = {"mnt", "pid", "net", "user"};
	struct sender *s;
	json_t *e = event_of(with_own_mounts, NULL, &s);

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[64], key[64];
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", s->pid,
			 kinds[i]);
		snprintf(key, sizeof(key), "ptrap.namespaces.%s", kinds[i]);
		assert_int_equal(stat(path, &st), 0);
		expect_int(e, key, (long long)st.st_ino);
	}
	/* The same file is there in ours. */
	assert_true(json_is_false(event_get(e, "ptrap.exe.foreign_mntns")));
	json_decref(e);
}

static void label(void **state)
{
	char path[64], text[256];
	struct sender *s;
	json_t *e;
	ssize_t n;
	int fd;

	(void)state;
	fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		SKIP("no security module with labels");
	e = event_of(free_sender, NULL, &s);
	snprintf(path, sizeof(path), "/proc/%d/attr/current", s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	expect_text(e, "ptrap.label", text);
	json_decref(e);
}

/* --------------------------------------------------------------------- cgroup
 */

static char cgroup[PATH_MAX];

static bool make_cgroup(const char *name)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const struct mntent *m;

	*cgroup = '\0';
	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			snprintf(cgroup, sizeof(cgroup), "%s/%s", m->mnt_dir,
				 name);
	if (f)
		endmntent(f);
	return *cgroup && !mkdir(cgroup, 0755);
}

static void in_cgroup(struct stage *st, const void *arg)
{
	char path[PATH_MAX + 16];

	(void)arg;
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	write_text(path, "0", 97);
	send_and_stay(st);
}

static bool remove_cgroup(void *data)
{
	(void)data;
	return !rmdir(cgroup) || errno == ENOENT;
}

static void container(void **state)
{
	static const char *const names[][2] = {
		{"docker-" HEX64 ".scope", "docker-" HEX64 ".scope"},
		{"libpod-" HEX64 ".scope", "libpod-" HEX64 ".scope"},
		{"cri-containerd-" HEX64 ".scope",
		 "cri-containerd-" HEX64 ".scope"},
		{HEX64, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sender *s;
		json_t *e;

		if (!make_cgroup(names[i][0]))
			SKIP("no cgroup can be made");
		e = event_of(in_cgroup, NULL, &s);
		expect_text(e, "ptrap.container", HEX64);
		expect_text(e, "ptrap.unit", names[i][1]);
		assert_non_null(
			strstr(event_text(e, "ptrap.cgroup"), names[i][0]));
		json_decref(e);
		sender_end(s);
		wait_for(remove_cgroup, NULL);
	}
}

static int leave_cgroup(void **state)
{
	int err = e2e_teardown(state);

	return *cgroup && !wait_until(remove_cgroup, NULL, WAIT_MS) ? -1 : err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(shell_has_its_script_open),
		e2e_test(shell_by_another_path),
		e2e_test(python_says_what_it_runs),
		e2e_test(argv_is_marked_as_such),
		e2e_test(changed_between_packets),
		e2e_test(privileges),
		e2e_test(login),
		e2e_test(namespaces),
		e2e_test(label),
		cmocka_unit_test_setup_teardown(container, e2e_setup,
						leave_cgroup),
	};

	return e2e_main("identity", tests, sizeof(tests) / sizeof(tests[0]));
}
