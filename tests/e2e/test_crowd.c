/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_crowd: crowds of new processes that send one packet and are gone: who of
 * them is named, and is it right?
 *
 * E2E_CROWD=N in the environment: so many processes of each kind (at most
 * 40,000) instead of the usual 300; scripts/soak prints the table of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "run.h"
#include "sender.h"

#define CROWD_MAX 40000
#define BASE	  20000 /* of the ports that are the processes' numbers */
#define SERVER	  80
#define BATCH	  250 /* processes, then their events; the queue holds more */
#define HELPER	  "--send"
#define HOLD_MS	  "20000" /* a busy machine is none of this test's business */

enum deed {
	UDP_UNCONNECTED, /* socket; sendto; _exit */
	UDP_CONNECTED,	 /* connect; send; _exit */
	UDP_CLOSED,	 /* sendto; close; _exit */
	TCP_CONNECTED,	 /* connect; _exit */
	TCP_AT_ONCE,	 /* connect without waiting for it; _exit */
};

static const char *const deed_names[] = {
	[UDP_UNCONNECTED] = "udp sendto, exit",
	[UDP_CONNECTED] = "udp connect, send, exit",
	[UDP_CLOSED] = "udp sendto, close, exit",
	[TCP_CONNECTED] = "tcp connect, exit",
	[TCP_AT_ONCE] = "tcp connect without waiting, exit",
};

struct crowd {
	enum deed deed;
	bool ipv6;
	const char *helper; /* a program to exec; NULL: fork is enough */
	unsigned n;
	pid_t *pids; /* shared: what the generator knows */
};

/* What came of them. */
struct tally {
	unsigned events, named, right_args, grades[16];
};

static const char *const grades[] = {"proved", "holder",  "shared",
				     "twins",  "creator", "uid-only",
				     "kernel", "unknown", NULL};

static char own_exe[PATH_MAX], own_args[4096];
static size_t own_args_len;

/* ------------------------------------------------------------- the processes
 */

static bool is_tcp(enum deed deed)
{
	return deed == TCP_CONNECTED || deed == TCP_AT_ONCE;
}

/* The number is the port sent to; to a server there is one only, and the number
 * is the port sent from. */
static void act(enum deed deed, bool ipv6, unsigned number)
{
	uint16_t port = (uint16_t)(BASE + number);
	const char *to = ipv6 ? ADDR6 : ADDR_RESOLVER;
	struct sockaddr_storage ss;
	socklen_t len = make_address(to, is_tcp(deed) ? SERVER : port, &ss);
	struct send_arg a = SEND_UDP(to, port);
	int fd;

	if (is_tcp(deed)) {
		a.type = SOCK_STREAM;
		a.from = ipv6 ? ADDR6_CLIENT : ADDR_CLIENT;
		a.sport = port;
	}
	a.connected = deed == UDP_CONNECTED;
	fd = open_socket(&a);
	if (deed == TCP_AT_ONCE)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if ((a.connected || is_tcp(deed)) && connect(fd, (void *)&ss, len) &&
	    errno != EINPROGRESS)
		_exit(90);
	if (!is_tcp(deed) && send_datagram(fd, &a))
		_exit(89);
	if (deed == UDP_CLOSED)
		close(fd);
}

/* argv as a program of its own: "crowd-NUMBER --send DEED IPV6 NUMBER". */
static void exec_helper(const struct crowd *c, unsigned number)
{
	char name[32], deed[8], ipv6[8], text[16];

	snprintf(name, sizeof(name), "crowd-%u", number);
	snprintf(deed, sizeof(deed), "%d", c->deed);
	snprintf(ipv6, sizeof(ipv6), "%d", c->ipv6);
	snprintf(text, sizeof(text), "%u", number);
	execl(c->helper, name, HELPER, deed, ipv6, text, NULL);
	_exit(88);
}

static int help(char **argv)
{
	act((enum deed)atoi(argv[2]), atoi(argv[3]),
	    (unsigned)strtoul(argv[4], NULL, 10));
	_exit(0);
}

static void add_one(const struct crowd *c, unsigned number)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (c->helper)
			exec_helper(c, number);
		act(c->deed, c->ipv6, number);
		_exit(0);
	}
	c->pids[number] = pid;
}

/* How many live at once is another number in each quarter: 1, 2, 4, 8. */
static unsigned at_once(const struct crowd *c, unsigned number)
{
	return 1U << (number * 4ULL / c->n);
}

static void reap(unsigned *live, unsigned most, struct report *r)
{
	int status;

	for (; *live > most && wait(&status) > 0; --*live)
		r->n += status != 0;
}

/* Reports after each batch how many processes so far have failed. */
static void generate(struct stage *st, const void *arg)
{
	const struct crowd *c = arg;
	struct report r = {0};
	unsigned live = 0;

	for (unsigned i = 0; i < c->n; i++) {
		add_one(c, i);
		live++;
		reap(&live, at_once(c, i) - 1, &r);
		if ((i + 1) % BATCH && i + 1 < c->n)
			continue;
		reap(&live, 0, &r);
		stage_report(st, &r);
		if (!stage_wait(st))
			return;
	}
}

/* ---------------------------------------------------------------- the events
 */

static bool has_args(const json_t *e, const char *args, size_t len)
{
	json_t *list = event_get(e, "process.args"), *v;
	size_t i, at = 0;

	json_array_foreach(list, i, v)
	{
		const char *s = json_string_value(v);

		if (!s || at + strlen(s) >= len || strcmp(args + at, s))
			return false;
		at += strlen(s) + 1;
	}
	return at == len;
}

/* The arguments of the process with that number, as they are in memory. */
static size_t true_args(const struct crowd *c, unsigned number, char *buf,
			size_t size)
{
	int n;

	if (!c->helper) {
		memcpy(buf, own_args, own_args_len);
		return own_args_len;
	}
	n = snprintf(buf, size, "crowd-%u%c%s%c%d%c%d%c%u%c", number, 0, HELPER,
		     0, c->deed, 0, c->ipv6, 0, number, 0);
	return (size_t)n;
}

/* What names a process must name the true one, in all that it says. */
static void check_name(const struct crowd *c, const json_t *e, unsigned number,
		       pid_t generator, struct tally *t)
{
	const char *exe = c->helper ? c->helper : own_exe;
	char args[sizeof(own_args)];
	size_t len = true_args(c, number, args, sizeof(args));

	expect_not_wrong(e, c->pids[number]);
	if (event_int(e, "process.pid") < 0)
		return;
	t->named++;
	if (*event_text(e, "process.executable"))
		expect_text(e, "process.executable", exe);
	if (event_get(e, "process.args") && !has_args(e, args, len))
		expect_text(e, "process.args", "what it was called with");
	if (has_args(e, args, len) && *event_text(e, "process.executable"))
		t->right_args++;
	if (event_int(e, "process.parent.pid") >= 0)
		expect_int(e, "process.parent.pid", generator);
}

static unsigned number_of(const struct crowd *c, const json_t *e)
{
	const char *path = is_tcp(c->deed) ? "source.port" : "destination.port";
	long long number = event_int(e, path) - BASE;

	if (number < 0 || number >= c->n)
		expect_int(e, path, BASE); /* nobody of ours */
	return (unsigned)number;
}

/* The first event of a process is its own; what the kernel sends for it later
 * may be told, too (a reset). */
static void take_event(const struct crowd *c, const json_t *e,
		       const struct sender *s, bool *seen, struct tally *t)
{
	const char *grade = event_text(e, "ptrap.grade");
	unsigned number = number_of(c, e);
	size_t i = 0;

	check_name(c, e, number, s->pid, t);
	if (seen[number])
		return;
	seen[number] = true;
	t->events++;
	while (grades[i] && strcmp(grades[i], grade))
		i++;
	t->grades[i]++;
}

static void print_tally(const struct crowd *c, const struct tally *t)
{
	char line[256];
	int at = 0;

	for (size_t i = 0; grades[i]; i++)
		if (t->grades[i])
			at += snprintf(line + at, sizeof(line) - (size_t)at,
				       ", %u %s", t->grades[i], grades[i]);
	print_message("# crowd: %s%s, IPv%c: %u processes, %u named, %u with "
		      "program and arguments, 0 wrong%s\n",
		      deed_names[c->deed], c->helper ? ", exec" : "",
		      c->ipv6 ? '6' : '4', c->n, t->named, t->right_args,
		      at ? line : "");
}

static void watch(const struct crowd *c, struct trap_run *trap,
		  struct sender *s, struct tally *t)
{
	bool *seen = calloc(c->n, sizeof(*seen));
	unsigned end = 0;

	assert_non_null(seen);
	while (end < c->n) {
		end = end + BATCH < c->n ? end + BATCH : c->n;
		while (!sender_has_report(s, 0))
			trap_pump(trap, 1);
		assert_int_equal(sender_report(s).n, 0);
		while (t->events < end)
			take_event(c, trap_event(trap), s, seen, t);
		sender_go(s);
	}
	free(seen);
}

/* ------------------------------------------------------------------ the tests
 */

static unsigned crowd_size(const char *helper)
{
	const char *env = getenv("E2E_CROWD");
	unsigned n = env ? (unsigned)strtoul(env, NULL, 10) : 300;

	if (!env)
		n = n / e2e_slow() / (helper ? 2 : 1);
	return n < 4 ? 4 : n > CROWD_MAX ? CROWD_MAX : n;
}

static pid_t *share_pids(unsigned n)
{
	void *mem = mmap(NULL, n * sizeof(pid_t), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(mem != MAP_FAILED);
	return mem;
}

static struct trap_run *start(const struct crowd *c)
{
	const char *to = c->ipv6 ? "[" ADDR6 "]:%u-%u" : ADDR_RESOLVER ":%u-%u";
	char target[64];

	if (is_tcp(c->deed))
		return trap_start(
			"-s", HOLD_MS, "-c", "-t",
			c->ipv6 ? "[" ADDR6 "]:80" : ADDR_RESOLVER ":80", NULL);
	snprintf(target, sizeof(target), to, BASE, BASE + CROWD_MAX);
	return trap_start("-s", HOLD_MS, "-u", target, NULL);
}

static void run_crowd(enum deed deed, bool ipv6, const char *helper)
{
	struct crowd c = {deed, ipv6, helper, crowd_size(helper), NULL};
	struct tally t = {0};
	struct trap_run *trap;
	struct sender *s;

	c.pids = share_pids(c.n);
	if (is_tcp(deed))
		server_tcp(ipv6 ? ADDR6 : ADDR_RESOLVER, SERVER);
	trap = start(&c);
	s = sender_start(generate, &c);
	watch(&c, trap, s, &t);
	sender_end(s);
	trap_stop(trap, SIGTERM);
	print_tally(&c, &t);
	if (e2e_has_witness()) {
		assert_int_equal(t.grades[0], c.n);
		assert_int_equal(t.right_args, c.n);
	}
	munmap(c.pids, c.n * sizeof(pid_t));
	/* The next generator is forked from us, and forks: not with all that.
	 */
	trap_forget_all();
	malloc_trim(0);
}

static void run_both(enum deed deed, const char *helper)
{
	run_crowd(deed, false, helper);
	if (e2e_has_ipv6())
		run_crowd(deed, true, helper);
}

static void udp_unconnected(void **state)
{
	(void)state;
	run_both(UDP_UNCONNECTED, NULL);
}

static void udp_connected(void **state)
{
	(void)state;
	run_both(UDP_CONNECTED, NULL);
}

static void udp_closed(void **state)
{
	(void)state;
	run_both(UDP_CLOSED, NULL);
}

static void tcp_connected(void **state)
{
	(void)state;
	run_both(TCP_CONNECTED, NULL);
}

static void tcp_at_once(void **state)
{
	(void)state;
	run_both(TCP_AT_ONCE, NULL);
}

/* Each is a program of its own, at a path of its own, with its own arguments.
 */
static void programs(void **state)
{
	const char *helper = test_path("helper");

	(void)state;
	assert_int_equal(run_command(NULL, "cp", own_exe, helper, NULL), 0);
	run_both(UDP_UNCONNECTED, helper);
	run_both(TCP_CONNECTED, helper);
}

/* -------------------------------------------------------------- a shell's jobs
 */

#define JOBS 20

static const char leaf[] = "echo $$ $B $A >$DIR/$PORT; "
			   "echo x >/dev/udp/" ADDR_RESOLVER "/$PORT";

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A shell that starts a shell for each job, which starts the one that sends. */
static void run_cron(void)
{
	char text[512], dir[128];

	write_file(test_path("leaf"), leaf);
	write_file(test_path("job"),
		   "export B=$$\nbash -c \"$(<$DIR/leaf)\"\nexit 0\n");
	snprintf(text, sizeof(text),
		 "export A=$$\nfor ((i = 0; i < %d; i++)); do\n"
		 "PORT=$((%d + i)) bash $DIR/job\ndone\n",
		 JOBS, BASE);
	write_file(test_path("cron"), text);
	snprintf(dir, sizeof(dir), "DIR=%s", test_dir());
	assert_int_equal(
		run_command(NULL, "env", dir, "bash", test_path("cron"), NULL),
		0);
}

/* Who was it, by its own account?  Itself, the job, and the first shell. */
static void read_account(long long port, pid_t pids[3])
{
	char name[16];
	FILE *f;

	assert_in_range(port, BASE, BASE + JOBS - 1);
	snprintf(name, sizeof(name), "%lld", port);
	f = fopen(test_path(name), "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d %d %d", &pids[0], &pids[1], &pids[2]),
			 3);
	fclose(f);
}

static void check_job(const json_t *e)
{
	static const char args[] = "bash\0-c";
	char all[sizeof(args) + sizeof(leaf)];
	pid_t pids[3];

	read_account(event_int(e, "destination.port"), pids);
	expect_not_wrong(e, pids[0]);
	if (!e2e_has_witness())
		return;
	expect_sender(e, pids[0], 0, "proved");
	memcpy(all, args, sizeof(args));
	memcpy(all + sizeof(args), leaf, sizeof(leaf));
	assert_true(has_args(e, all, sizeof(all)));
	assert_non_null(strstr(event_text(e, "process.executable"), "/bash"));
	expect_int(e, "process.parent.pid", pids[1]);
	assert_true(event_lists_pid(e, "ptrap.ancestors", pids[1]));
	assert_true(event_lists_pid(e, "ptrap.ancestors", pids[2]));
	assert_true(event_lists_pid(e, "ptrap.ancestors", getpid()));
}

static void jobs_of_a_shell(void **state)
{
	struct crowd c = {.deed = UDP_UNCONNECTED};
	struct trap_run *t;

	(void)state;
	if (run_command(NULL, "bash", "-c", "exec 3>/dev/udp/127.0.0.1/9",
			NULL))
		SKIP("no bash, or one without /dev/udp");
	t = start(&c);
	run_cron();
	for (int i = 0; i < JOBS; i++)
		check_job(trap_event(t));
	trap_expect_end(t);
}

/* ----------------------------------------------------------------------- start
 */

static void read_own(void)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, own_args, sizeof(own_args));

	own_args_len = n > 0 ? (size_t)n : 0;
	close(fd);
	n = readlink("/proc/self/exe", own_exe, sizeof(own_exe) - 1);
	own_exe[n > 0 ? n : 0] = '\0';
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		e2e_test(udp_unconnected), e2e_test(udp_connected),
		e2e_test(udp_closed),	   e2e_test(tcp_connected),
		e2e_test(tcp_at_once),	   e2e_test(programs),
		e2e_test(jobs_of_a_shell),
	};

	if (argc == 5 && !strcmp(argv[1], HELPER))
		return help(argv);
	read_own();
	return e2e_main("crowd", tests, sizeof(tests) / sizeof(tests[0]));
}
