/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The matrix's cases under load: many processes at once, of all protocols and
 * cases, on few pids, which are in use again at once, and few ports.  Each
 * packet says by its destination, or in its question, whose it is; who sent it
 * has a name (comm) that no other one has.
 *
 * E2E_MIXED=N in the environment: so many packets instead of the usual 1,000.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness.h"
#include "mixed.h"
#include "sender.h"

#define COMPLAINTS 5

struct tally {
	unsigned events, seen, grades[16];
	unsigned left;	/* named as holder, did not send */
	unsigned later; /* events of a packet that had one */
	unsigned wrong;
};

static const char *const grades[] = {"proved", "holder",  "shared",
				     "twins",  "creator", "uid-only",
				     "kernel", "unknown", NULL};

/* ----------------------------------------------------------------- the verdict
 */

static bool is_grade(const json_t *e, const char *grade)
{
	return !strcmp(event_text(e, "ptrap.grade"), grade);
}

static bool has_args(const json_t *e, const char *name, const char *what)
{
	json_t *list = event_get(e, "process.args");

	return json_array_size(list) == 3 &&
	       !strcmp(json_string_value(json_array_get(list, 0)), name) &&
	       !strcmp(json_string_value(json_array_get(list, 1)), what);
}

/* Is that the process, and not one that has or had its pid? */
static bool is_sender(const struct mixed *m, unsigned number, const json_t *e)
{
	const struct mixed_truth *t = &m->log[number];
	long long tid = event_int(e, "process.thread.id");
	struct mixed_plan p = mixed_plan_of(m, number);

	if (event_int(e, "process.pid") != t->pid ||
	    strcmp(event_text(e, "process.name"), t->name))
		return false;
	if (is_grade(e, "proved") && tid != t->tid && p.deed != MIXED_IO_URING)
		return false;
	/* Of one that is about to end there are no arguments any more. */
	return p.deed != MIXED_EXEC_BEFORE || !event_get(e, "process.args") ||
	       has_args(e, t->name, MIXED_HELPER);
}

/* The socket's holder by the grade's own word: who is left with it. */
static bool is_left(const struct mixed *m, unsigned number, const json_t *e)
{
	const struct mixed_truth *t = &m->log[number];
	struct mixed_plan p = mixed_plan_of(m, number);

	if (!is_grade(e, "holder") || event_int(e, "process.pid") != t->left)
		return false;
	/* Of one that is about to end there are no arguments any more. */
	if (p.deed == MIXED_EXEC_AFTER)
		return !event_get(e, "process.args") ||
		       has_args(e, t->name, MIXED_AFTER);
	return p.deed == MIXED_CHILD_GONE &&
	       !strcmp(event_text(e, "process.name"), t->name);
}

static bool lists_inode(const json_t *e, uint64_t inode)
{
	json_t *list = event_get(e, "ptrap.twins"), *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		if ((uint64_t)event_int(v, "inode") == inode)
			return true;
	}
	return false;
}

/* What the others claim. */
static bool are_lists_true(const struct mixed *m, unsigned number,
			   const json_t *e)
{
	const struct mixed_truth *t = &m->log[number];
	size_t n = json_array_size(event_get(e, "ptrap.holders"));

	if (is_grade(e, "shared") &&
	    event_int(e, "ptrap.holders_total") == (long long)n)
		return event_lists_pid(e, "ptrap.holders", t->pid);
	if (is_grade(e, "twins") &&
	    event_int(e, "ptrap.twins_total") ==
		    (long long)json_array_size(event_get(e, "ptrap.twins")))
		return lists_inode(e, t->inode);
	if (is_grade(e, "creator"))
		return event_int(e, "ptrap.creator.pid") == t->opener &&
		       !strcmp(event_text(e, "ptrap.creator.name"), t->name);
	return true;
}

static bool is_true(const struct mixed *m, unsigned number, const json_t *e,
		    bool later)
{
	if (event_int(e, "process.pid") >= 0)
		return is_sender(m, number, e) || is_left(m, number, e);
	/* The kernel ends a connection for who is gone. */
	return are_lists_true(m, number, e) &&
	       (later || !is_grade(e, "kernel"));
}

static void complain(const struct mixed *m, unsigned number, const json_t *e,
		     struct tally *t)
{
	const struct mixed_truth *is = &m->log[number];
	struct mixed_plan p = mixed_plan_of(m, number);
	char *dump;

	if (t->wrong++ >= COMPLAINTS)
		return;
	dump = json_dumps(e, JSON_COMPACT);
	print_error("# WRONG: packet %u, %s%c, deed %d, was of %s[%d] thread "
		    "%d, socket %lld, opened by %d, left with %d\n# %s\n",
		    number, matrix_protos[p.proto].name, p.ipv6 ? '6' : '4',
		    p.deed, is->name, is->pid, is->tid, (long long)is->inode,
		    is->opener, is->left, dump ? dump : "");
	free(dump);
}

/* ------------------------------------------------------------------ the events
 */

static void take_packet(const struct mixed *m, unsigned number, const json_t *e,
			bool *seen, struct tally *t)
{
	bool later = seen[number];
	size_t i = 0;

	if (number >= m->n)
		fail_msg("an event of nobody's packet %u", number);
	if (!is_true(m, number, e, later))
		complain(m, number, e, t);
	seen[number] = true;
	t->later += later;
	if (later)
		return;
	t->seen++;
	t->left += is_left(m, number, e) && !is_sender(m, number, e);
	while (grades[i] && !is_grade(e, grades[i]))
		i++;
	t->grades[i]++;
}

static bool number_of(const json_t *e, unsigned *number)
{
	const char *to = event_text(e, "destination.ip");
	unsigned high, low;

	if (sscanf(to, "127.77.%u.%u", &high, &low) == 2) {
		*number = high * 250 + low - 1;
		return true;
	}
	if (sscanf(to, "fd01::%x", number) == 1) {
		--*number;
		return true;
	}
	return false;
}

/* A question has its number; several may be in one event, then they must all
 * be of the one that is named. */
static void take_questions(const struct mixed *m, const json_t *e, bool *seen,
			   struct tally *t)
{
	json_t *list = event_get(e, "ptrap.questions"), *v;
	unsigned number;
	size_t i;

	if (sscanf(event_text(e, "dns.question.name"), "q%u.test", &number) ==
	    1)
		take_packet(m, number, e, seen, t);
	json_array_foreach(list, i, v)
	{
		if (i > 0 &&
		    sscanf(event_text(v, "name"), "q%u.test", &number) == 1)
			take_packet(m, number, e, seen, t);
	}
}

static bool take_next(const struct mixed *m, struct trap_run *trap, int ms,
		      bool *seen, struct tally *t)
{
	char *line = trap_next_line(trap, ms);
	unsigned number;
	json_t *e;

	if (!line)
		return false;
	e = json_loads(line, 0, NULL);
	assert_non_null(e);
	t->events++;
	if (number_of(e, &number))
		take_packet(m, number, e, seen, t);
	else
		take_questions(m, e, seen, t);
	json_decref(e);
	return true;
}

/* ------------------------------------------------------------------- the test
 */

static unsigned how_many(void)
{
	const char *env = getenv("E2E_MIXED");
	unsigned n = env ? (unsigned)strtoul(env, NULL, 10) : 1000 / e2e_slow();

	return n > MIXED_MAX ? MIXED_MAX : n < 50 ? 50 : n;
}

static bool has_socket(enum matrix_proto p)
{
	int fd = matrix_socket(p, AF_INET);

	close(fd);
	return fd >= 0;
}

static bool can_choose_pids(void)
{
	return !access("/proc/sys/kernel/ns_last_pid", W_OK);
}

static struct mixed *make_log(const char *path)
{
	unsigned n = how_many();
	size_t size = sizeof(struct mixed) + n * sizeof(struct mixed_truth);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct mixed *m;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(m != MAP_FAILED);
	close(fd);
	m->n = n;
	m->ipv6 = e2e_has_ipv6();
	m->icmp = has_socket(MATRIX_ICMP);
	m->udplite = has_socket(MATRIX_UDPLITE);
	m->forced = can_choose_pids();
	return m;
}

static void set_up_network(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ping_group_range", "we");

	if (f) {
		fprintf(f, "0 0\n");
		fclose(f);
	}
	if (e2e_has_ipv6() &&
	    run_command(NULL, "ip", "-6", "route", "add", "local", MIXED_NET6,
			"dev", "lo", NULL))
		SKIP("no ip command");
}

static void serve(struct stage *st, const void *arg)
{
	bool ipv6 = *(const bool *)arg;
	int fd = matrix_socket(MATRIX_TCP, ipv6 ? AF_INET6 : AF_INET), one = 1;
	struct report r = {0};

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ipv6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	r.err = matrix_bind(fd, ipv6 ? "::" : "0.0.0.0", MATRIX_PORT);
	if (listen(fd, 4096))
		r.err = errno;
	stage_report(st, &r);
	for (;;)
		close(accept(fd, NULL, NULL));
}

static unsigned count_pids(const struct mixed *m)
{
	static bool used[1 << 22];
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++) {
		n += !used[m->log[i].pid];
		used[m->log[i].pid] = true;
	}
	return n;
}

static void print_tally(const struct mixed *m, const struct tally *t)
{
	const char *how = getenv("E2E_WITNESS");
	char line[256] = "";
	struct utsname u;
	int at = 0;

	uname(&u);
	for (size_t i = 0; i < 8; i++)
		if (t->grades[i])
			at += snprintf(line + at, sizeof(line) - (size_t)at,
				       ", %u %s", t->grades[i], grades[i]);
	print_message("# mixed: witness %s, Linux %s: %u packets by %u pids, "
		      "%u wrong, %u without an event%s\n"
		      "# mixed: %u holders did not send, %u later events\n",
		      how		  ? how
		      : e2e_has_witness() ? "of packets"
					  : "none",
		      u.release, m->n, count_pids(m), t->wrong, m->n - t->seen,
		      line, t->left, t->later);
}

static bool all_done(struct sender *const s[MIXED_WORKERS])
{
	for (int i = 0; i < MIXED_WORKERS; i++)
		if (!sender_has_report(s[i], 0))
			return false;
	return true;
}

static void check_senders(const struct mixed *m,
			  struct sender *const s[MIXED_WORKERS])
{
	for (int i = 0; i < MIXED_WORKERS; i++) {
		struct report r = sender_report(s[i]);

		if (r.err)
			print_error("# worker %d gave up before %lld\n", i,
				    r.n);
	}
	for (unsigned i = 0; i < m->n; i++)
		if (m->log[i].err || !m->log[i].pid)
			fail_msg("packet %u, deed %d: %s", i,
				 mixed_plan_of(m, i).deed,
				 strerror(m->log[i].err));
}

/* The number before that text in the summary. */
static unsigned counted(const struct trap_run *trap, const char *what)
{
	const char *at = strstr(trap->err_text.mem, what);

	while (at && at > trap->err_text.mem && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at ? (unsigned)strtoul(at, NULL, 10) : 0;
}

/* Each packet has an event.  But of those who ask the one resolver from one
 * port, it may be of a flow that was told, and is counted as that. */
static void check_missing(const struct mixed *m, const bool *seen,
			  const struct trap_run *trap)
{
	unsigned alone = 0, asking = 0;

	for (unsigned i = 0; i < m->n; i++) {
		bool asks = mixed_plan_of(m, i).asks;

		alone += !seen[i] && !asks;
		asking += !seen[i] && asks;
	}
	if (alone || asking > counted(trap, " of them of flows already told") ||
	    counted(trap, " received") < m->n ||
	    strstr(trap->err_text.mem, "unseen"))
		fail_msg("%u and %u without an event:\n%s", alone, asking,
			 trap->err_text.mem);
}

static void cases_under_load(void **state)
{
	struct mixed_worker w[MIXED_WORKERS];
	struct sender *s[MIXED_WORKERS];
	const char *log = test_path("log");
	struct mixed *m;
	struct tally t = {0};
	struct trap_run *trap;
	bool *seen;

	(void)state;
	set_up_network();
	m = make_log(log);
	seen = calloc(m->n, sizeof(*seen));
	assert_non_null(seen);
	assert_int_equal(sender_run(serve, &(bool){false}, NULL).err, 0);
	if (m->ipv6)
		assert_int_equal(sender_run(serve, &(bool){true}, NULL).err, 0);
	trap = trap_start("-s", "20000", "-u", ADDR_RESOLVER ":53", "--proto",
			  "any", MIXED_NET4, m->ipv6 ? MIXED_NET6 : MIXED_NET4,
			  NULL);
	for (unsigned i = 0; i < MIXED_WORKERS; i++) {
		w[i] = (struct mixed_worker){m, log, i};
		s[i] = sender_start(mixed_work, &w[i]);
	}
	while (!all_done(s))
		take_next(m, trap, 20, seen, &t);
	trap_stop(trap, SIGTERM);
	while (take_next(m, trap, 0, seen, &t))
		;
	print_tally(m, &t);
	check_senders(m, s);
	assert_int_equal(t.wrong, 0);
	check_missing(m, seen, trap);
	if (e2e_has_witness())
		assert_int_equal(t.grades[0], t.seen);
	free(seen);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {e2e_test(cases_under_load)};

	if (argc == 3 && !strncmp(argv[1], MIXED_HELPER, strlen(MIXED_HELPER)))
		return mixed_help(argv);
	return e2e_main("mixed", tests, sizeof(tests) / sizeof(tests[0]));
}
