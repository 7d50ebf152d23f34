/* SPDX-License-Identifier: GPL-2.0-or-later */
/* harness: namespaces for the tests, the kernel's state, and helpers. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "run.h"
#include "sender.h"

static char dir[64];
static bool has_ipv6;

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

bool wait_until(bool (*what)(void *), void *data, int ms)
{
	int64_t end = now_ns() + ms * 1000000LL;

	while (!what(data)) {
		if (now_ns() >= end)
			return false;
		poll(NULL, 0, 2);
	}
	return true;
}

static bool file_contains(const char *path, const char *text)
{
	char buf[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return false;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	return strstr(buf, text);
}

unsigned e2e_slow(void)
{
	static unsigned slow;
	const char *env = getenv("E2E_SLOW");

	if (!slow && env)
		slow = (unsigned)atoi(env);
	if (!slow)
		slow = file_contains("/proc/cpuinfo", "QEMU") ? 10 : 1;
	return slow;
}

bool e2e_has_ipv6(void)
{
	return has_ipv6;
}

bool e2e_has_witness(void)
{
	const char *how = getenv("E2E_WITNESS");
	static int has = -1;
	struct text out = {0};

	if (has < 0 && how && (!strcmp(how, "none") || !strcmp(how, "cgroup")))
		has = 0;
	if (has < 0) {
		run_command(&out, getenv("PTRAP"), "--check", NULL);
		has = text_find_line(&out, "yes  witness") != NULL;
		text_free(&out);
	}
	return has;
}

bool e2e_sees_connects(void)
{
	const char *how = getenv("E2E_WITNESS");

	return e2e_has_witness() || (how && !strcmp(how, "cgroup"));
}

const char *seen_or(const char *grade)
{
	return e2e_has_witness() ? "proved" : grade;
}

/* The namespace. */

static void lo_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

static int lo_add(struct mnl_socket *nl, const char *addr)
{
	char buf[8192];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct sockaddr_storage ss;
	struct ifaddrmsg *ifa;
	bool v4;
	ssize_t n;

	make_address(addr, 0, &ss);
	v4 = ss.ss_family == AF_INET;
	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = (uint8_t)ss.ss_family;
	ifa->ifa_prefixlen = v4 ? 32 : 128;
	ifa->ifa_flags = IFA_F_NODAD;
	ifa->ifa_index = if_nametoindex("lo");
	if (v4)
		mnl_attr_put(nlh, IFA_LOCAL, 4,
			     &((struct sockaddr_in *)&ss)->sin_addr);
	else
		mnl_attr_put(nlh, IFA_LOCAL, 16,
			     &((struct sockaddr_in6 *)&ss)->sin6_addr);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	return mnl_cb_run(buf, (size_t)n, 0, 0, NULL, NULL) < 0 ? -errno : 0;
}

void e2e_addresses(void)
{
	static const char *const v4[] = {ADDR_RESOLVER, ADDR_CLIENT,
					 ADDR_OTHER};
	struct mnl_socket *nl;

	lo_up();
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	assert_non_null(nl);
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++)
		assert_int_equal(lo_add(nl, v4[i]), 0);
	has_ipv6 = !lo_add(nl, ADDR6) && !lo_add(nl, ADDR6_CLIENT);
	mnl_socket_close(nl);
}

void e2e_add_address(const char *addr)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	assert_non_null(nl);
	assert_int_equal(lo_add(nl, addr), 0);
	mnl_socket_close(nl);
}

/* The test's life. */

const char *test_dir(void)
{
	return dir;
}

const char *test_path(const char *name)
{
	static char bufs[4][128];
	static unsigned next;
	char *buf = bufs[next++ % 4];

	snprintf(buf, sizeof(bufs[0]), "%s/%s", dir, name);
	return buf;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* The kernel's list of our children, and as we are their subreaper, of all that
 * descends from us. */
static void kill_children(void)
{
	for (;;) {
		FILE *f = fopen("/proc/thread-self/children", "re");
		int pid, n = 0;

		while (f && fscanf(f, "%d", &pid) == 1) {
			kill(pid, SIGKILL);
			kill(pid, SIGCONT);
			n++;
		}
		if (f)
			fclose(f);
		if (!n)
			break;
		while (n-- && waitpid(-1, NULL, __WALL) > 0)
			;
	}
}

int e2e_teardown(void **state)
{
	(void)state;
	kill_children();
	trap_forget_all();
	sender_forget_all();
	if (dir[0])
		nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	dir[0] = '\0';
	return 0;
}

int e2e_setup(void **state)
{
	e2e_teardown(state); /* after a test that failed in its setup */
	strcpy(dir, "/tmp/ptrap-e2e.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	e2e_addresses();
	return 0;
}

static const char *missing(void)
{
	int status = 0;
	pid_t pid;

	if (!getenv("PTRAP"))
		return "PTRAP does not name the program to test";
	if (access(getenv("PTRAP"), X_OK))
		return "the program to test is not there";
	if (geteuid())
		return "needs root";
	if (access("/proc/thread-self/children", R_OK))
		return "needs CONFIG_PROC_CHILDREN";
	pid = fork();
	if (!pid)
		_exit(unshare(CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS) ? 1
									 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return "cannot make namespaces";
	return NULL;
}

/* As pid 1: the runner's status, and whoever else ends. */
static int reap(pid_t runner)
{
	int status, result = 1;
	pid_t pid;

	while ((pid = wait(&status)) > 0)
		if (pid == runner) {
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
			break;
		}
	return result;
}

/* cmocka before 1.1.6 says of a test that it skips that it is "not ok", which
 * some readers of TAP take for a failure. */
static void copy_tap(int from)
{
	FILE *f = fdopen(from, "r");
	size_t size = 0;
	char *line = NULL;

	while (f && getline(&line, &size, f) > 0)
		fputs(!strncmp(line, "not ok", 6) && strstr(line, "# SKIP")
			      ? line + 4
			      : line,
		      stdout);
	free(line);
	if (f)
		fclose(f);
}

/* A sweep then sees our processes only: quick, and none of them is hidden from
 * us. The caller goes on below an init of its own; its parent gets the status.
 */
static bool enter_pid_namespace(int *status)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(unshare(CLONE_NEWPID | CLONE_NEWNS), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid) {
		close(fds[1]);
		copy_tap(fds[0]);
		*status = reap(pid);
		return false;
	}
	dup2(fds[1], 1);
	close(fds[0]);
	close(fds[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = fork();
	if (pid)
		_exit(pid > 0 ? reap(pid) : 1);
	assert_int_equal(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("proc", "/proc", "proc", 0, NULL), 0);
	return true;
}

/* LeakSanitizer cannot look at a process that is the first of its namespace and
 * traces others; the program under test has its own run of it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

int e2e_main(const char *name, const struct CMUnitTest *tests, size_t n)
{
	const char *reason = missing();
	int status;

	if (reason) {
		printf("1..0 # SKIP %s\n", reason);
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (!enter_pid_namespace(&status))
		return status;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (getenv("E2E_ONLY")) /* a name, with * and ? */
		cmocka_set_test_filter(getenv("E2E_ONLY"));
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

/* What the kernel has. */

bool rules_present(void)
{
	struct text out = {0};
	bool present;

	assert_int_equal(run_command(&out, "nft", "list", "tables", NULL), 0);
	present = strstr(out.mem, "ptrap-ng");
	text_free(&out);
	return present;
}

/* The sum of a column of nfnetlink_queue, and how many queues there are. */
static unsigned queue_column(unsigned column, unsigned *queues)
{
	FILE *f =
		fopen("/proc/thread-self/net/netfilter/nfnetlink_queue", "re");
	unsigned sum = 0;
	char line[256];

	*queues = 0;
	while (f && fgets(line, sizeof(line), f)) {
		char *p = line;

		for (unsigned i = 0; i < column; i++)
			strtoul(p, &p, 10);
		sum += (unsigned)strtoul(p, NULL, 10);
		++*queues;
	}
	if (f)
		fclose(f);
	return sum;
}

bool queue_present(void)
{
	unsigned n;

	queue_column(0, &n);
	return n > 0;
}

unsigned queue_waiting(void)
{
	unsigned n;

	return queue_column(2, &n);
}

unsigned queue_last_id(void)
{
	unsigned n;

	return queue_column(7, &n);
}

bool nothing_left(void *data)
{
	(void)data;
	return !queue_present() && !rules_present();
}

/* Events. */

json_t *event_get(const json_t *e, const char *path)
{
	json_t *at = (json_t *)(uintptr_t)e;
	char key[64];

	while (at && *path) {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		at = json_object_get(at, key);
		path += n + (path[n] == '.');
	}
	return at;
}

long long event_int(const json_t *e, const char *path)
{
	json_t *v = event_get(e, path);

	return json_is_integer(v) ? json_integer_value(v) : -1;
}

const char *event_text(const json_t *e, const char *path)
{
	const char *s = json_string_value(event_get(e, path));

	return s ? s : "";
}

bool event_lists_pid(const json_t *e, const char *path, pid_t pid)
{
	json_t *list = event_get(e, path), *v;
	size_t i;

	json_array_foreach(list, i,
			   v) if (event_int(v, "pid") == pid) return true;
	return false;
}

/* Where in a test, and the event it is about. */
static void expect(bool ok, const json_t *e, const char *file, int line,
		   const char *what)
{
	char *dump;

	if (ok)
		return;
	dump = json_dumps(e, JSON_COMPACT);
	print_error("# %s:%d: %s\n# %s\n", file, line, what,
		    dump ? dump : "no event");
	free(dump);
	_fail(file, line);
}

void expect_grade_at(const json_t *e, const char *grade, const char *file,
		     int line)
{
	const char *is = event_text(e, "ptrap.grade");
	char what[128];
	bool ok = false;

	for (const char *p = grade; *is && *p && !ok;) {
		size_t n = strcspn(p, "|");

		ok = n == strlen(is) && !strncmp(p, is, n);
		p += n + (p[n] == '|');
	}
	snprintf(what, sizeof(what), "grade is \"%s\", not %s", is, grade);
	expect(ok, e, file, line, what);
}

void expect_text_at(const json_t *e, const char *path, const char *text,
		    const char *file, int line)
{
	char what[128];

	snprintf(what, sizeof(what), "%s is not %.64s", path, text);
	expect(!strcmp(event_text(e, path), text), e, file, line, what);
}

void expect_int_at(const json_t *e, const char *path, long long n,
		   const char *file, int line)
{
	char what[128];

	snprintf(what, sizeof(what), "%s is not %lld", path, n);
	expect(json_is_integer(event_get(e, path)) && event_int(e, path) == n,
	       e, file, line, what);
}

void expect_sender_at(const json_t *e, pid_t pid, pid_t tid, const char *grade,
		      const char *file, int line)
{
	expect_grade_at(e, grade, file, line);
	expect_int_at(e, "process.pid", pid, file, line);
	if (tid)
		expect_int_at(e, "process.thread.id", tid, file, line);
}

void expect_seen_or_at(const json_t *e, pid_t pid, const char *grade,
		       const char *file, int line)
{
	expect_grade_at(e, seen_or(grade), file, line);
	expect_not_wrong_at(e, pid, file, line);
	if (e2e_has_witness())
		expect_sender_at(e, pid, 0, "proved", file, line);
}

void expect_not_wrong_at(const json_t *e, pid_t pid, const char *file, int line)
{
	json_t *process = event_get(e, "process");
	char what[64];

	snprintf(what, sizeof(what), "names a process that is not %d", pid);
	expect(e && (!process || json_is_null(process) ||
		     event_int(e, "process.pid") == pid),
	       e, file, line, what);
}
