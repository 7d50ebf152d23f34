/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The attribution matrix: each way to send a packet, by each protocol, from a
 * generator that tells the truth; what ptrap-ng says of it, and whether that is
 * right and the best that can be known.  Every race is won by the other side:
 * ptrap-ng is frozen until the story is over, or waits in connect(2).
 *
 * scripts/matrix makes the README's table of what this prints.  E2E_MATRIX in
 * the environment: "all", under emulation, too; or one protocol's name; or
 * "nat", or "forward".
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "matrix.h"
#include "sender.h"
#include "spaces.h"

#define ADDR_SIZE 48

enum outcome { OUTCOME_NONE, OUTCOME_RIGHT, OUTCOME_WEAK, OUTCOME_WRONG };

/* One of the matrix. */
struct cell {
	enum matrix_case c;
	enum matrix_proto p;
	bool ipv6;
	char to[64];	      /* where it is sent */
	char addr[ADDR_SIZE]; /* that, as an event has it */
	char wire[ADDR_SIZE]; /* what NAT makes of it, or "" */
	struct sender *s;
	struct truth truth;
	bool over; /* its story */
	enum outcome outcome;
	char text[8]; /* for the table */
};

/* Those that one trap catches. */
struct row {
	enum matrix_proto p;
	bool ipv6;
	enum matrix_net net;
};

static struct cell cells[MATRIX_CASES][MATRIX_PROTOS][2];
static bool absent[MATRIX_PROTOS][2]; /* not in this kernel */
static char generator[PATH_MAX];
/* Of those that are forwarded. */
static struct space near, far;

/* ------------------------------------------------------------ the generator */

static void run_generator(struct stage *st, const void *arg)
{
	const struct cell *c = arg;

	(void)st; /* 3 and 4 stay open */
	execl(generator, generator, matrix_cases[c->c].name,
	      matrix_protos[c->p].name, c->ipv6 ? "6" : "4", c->to, NULL);
	_exit(99);
}

/* False: it has ended. */
static bool read_truth(struct cell *c, struct truth *t)
{
	ssize_t n;

	if (!sender_has_report(c->s, WAIT_MS)) {
		struct pollfd p = {c->s->in, POLLIN, 0};

		if (poll(&p, 1, 0) != 1)
			fail_msg("%s %s: the generator is silent",
				 matrix_protos[c->p].name,
				 matrix_cases[c->c].name);
	}
	n = read(c->s->in, t, sizeof(*t));
	if (n == 0)
		return false;
	assert_int_equal(n, sizeof(*t));
	return true;
}

/* Set up, as far as that comes before its packet. */
static void prepare(struct cell *c)
{
	struct truth t;

	c->s = sender_start(run_generator, c);
	if (!read_truth(c, &t) || t.what != TRUTH_READY || t.err)
		fail_msg("%s %s: %s", matrix_protos[c->p].name,
			 matrix_cases[c->c].name, strerror(t.err));
}

/* Until there is nothing more to come of it before the packet is let go. */
static void follow(struct cell *c)
{
	struct truth t;

	while (!c->over &&
	       !(c->truth.what == TRUTH_SENDING && matrix_blocks(c->c, c->p))) {
		if (!read_truth(c, &t)) {
			waitpid(c->s->pid, NULL, 0);
			c->over = true;
			return;
		}
		if (t.err)
			fail_msg("%s %s: %s", matrix_protos[c->p].name,
				 matrix_cases[c->c].name, strerror(t.err));
		if (t.what == TRUTH_SENDING)
			c->truth = t;
		c->over = t.what == TRUTH_DONE;
	}
}

static void end(struct cell *c)
{
	kill(c->s->pid, SIGKILL);
	sender_end(c->s);
}

/* --------------------------------------------------------------- the verdict
 */

static char letter_of(const json_t *e)
{
	static const char *const names[] = {"proved", "holder",	 "shared",
					    "twins",  "creator", "uid-only",
					    "kernel", "unknown"};
	const char *is = event_text(e, "ptrap.grade");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(is, names[i]))
			return MATRIX_GRADES[i];
	return '-';
}

static char method_of(const json_t *e)
{
	const char *is = event_text(e, "ptrap.method");

	/* witness, connect, sweep; "socket" is its own state */
	return *is == '\0' ? ' ' : !strcmp(is, "socket") ? 'k' : *is;
}

static bool is_image(const json_t *e, const struct truth *t)
{
	json_t *list = event_get(e, "process.args"), *v;
	size_t i, at = 0;

	if (strcmp(event_text(e, "process.executable"), t->exe))
		return false;
	json_array_foreach(list, i, v)
	{
		const char *s = json_string_value(v);

		if (!s || at + strlen(s) >= t->args_len ||
		    strcmp(t->args + at, s))
			return false;
		at += strlen(s) + 1;
	}
	return at == t->args_len;
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

/* A holder is who has it now: by its grade that may be another process or
 * program than the one that sent. */
static bool is_left_holder(const struct cell *c, const json_t *e)
{
	const struct truth *t = &c->truth;

	return letter_of(e) == 'H' && method_of(e) == 's' &&
	       event_int(e, "process.pid") == t->left &&
	       (c->c == MATRIX_CHILD_GONE || c->c == MATRIX_EXECED);
}

/* Or is not told. */
static bool is_nat_true(const struct cell *c, const json_t *e)
{
	const char *wire = event_text(e, "ptrap.nat.destination.ip");

	return *wire == '\0' || !strcmp(wire, c->wire);
}

/* Is all true that it claims? */
static bool is_true(const struct cell *c, const json_t *e)
{
	const struct truth *t = &c->truth;
	long long inode = event_int(e, "ptrap.inode");
	long long tid = event_int(e, "process.thread.id");
	char grade = letter_of(e);

	if (!is_nat_true(c, e))
		return false;
	if (!t->pid)
		return grade == 'K' && event_int(e, "process.pid") < 0;
	if (inode > 0 && (uint64_t)inode != t->inode)
		return false;
	switch (grade) {
	case 'P':
	case 'H':
		if (is_left_holder(c, e))
			return true;
		return event_int(e, "process.pid") == t->pid &&
		       is_image(e, t) &&
		       (grade == 'H' || tid == t->tid ||
			c->c == MATRIX_IO_URING);
	case 'S':
		return event_lists_pid(e, "ptrap.holders", t->pid);
	case 'T':
		return lists_inode(e, t->inode);
	case 'C':
		return event_int(e, "ptrap.creator.pid") == t->opener;
	case 'U':
		return event_int(e, "ptrap.packet_uid") == 0;
	case '?':
		return event_int(e, "process.pid") < 0;
	}
	return false; /* no process, they say */
}

static const char *witness_kind(void)
{
	const char *how = getenv("E2E_WITNESS");
	static char kind[16];
	struct text out = {0};
	const char *line;

	if (how || *kind)
		return how ? how : kind;
	run_command(&out, getenv("PTRAP"), "--check", NULL);
	line = text_find_line(&out, "yes  witness");
	if (!line || sscanf(line, "yes witness %15[a-z]", kind) != 1)
		strcpy(kind, "none");
	text_free(&out);
	return kind;
}

static const char *expected(const struct cell *c)
{
	const struct matrix_expect *x = &matrix_cases[c->c].expect[c->p];

	/* A function's entry is watched in one namespace. */
	if (matrix_cases[c->c].net == MATRIX_NET_FORWARD && e2e_has_witness() &&
	    strcmp(witness_kind(), "netfilter"))
		return x->none;
	if (e2e_has_witness())
		return c->truth.pid ? "P" : "K";
	return e2e_sees_connects() ? x->sockets : x->none;
}

static void complain(const struct cell *c, const json_t *e, const char *what)
{
	char *dump = json_dumps(e, JSON_COMPACT);

	print_error("# %s%c %s: %s; pid %d, opened by %d, left with %d; "
		    "allowed: %s\n# %s\n",
		    matrix_protos[c->p].name, c->ipv6 ? '6' : '4',
		    matrix_cases[c->c].name, what, c->truth.pid,
		    c->truth.opener, c->truth.left, expected(c),
		    dump ? dump : "no event");
	free(dump);
}

static enum outcome judge(const struct cell *c, const json_t *e)
{
	const char *all = expected(c), *best = strchr(MATRIX_GRADES, *all);
	const char *is = strchr(MATRIX_GRADES, letter_of(e));

	if (!is || !is_true(c, e))
		return OUTCOME_WRONG;
	/* Better than was thought is a reason to change the table. */
	return strchr(all, *is) || is < best ? OUTCOME_RIGHT : OUTCOME_WEAK;
}

static void take_first(struct cell *c, const json_t *e)
{
	bool is_left = is_left_holder(c, e);
	char grade = letter_of(e);

	c->outcome = judge(c, e);
	snprintf(c->text, sizeof(c->text), "%c%c%s",
		 is_left ? grade - 'A' + 'a' : grade, method_of(e),
		 c->outcome == OUTCOME_WRONG  ? "!!"
		 : c->outcome == OUTCOME_WEAK ? "<"
					      : "");
	if (c->outcome != OUTCOME_RIGHT)
		complain(c, e,
			 c->outcome == OUTCOME_WRONG ? "WRONG" : "too weak");
}

/* What is sent for it later, by itself or by the kernel. */
static void take_later(struct cell *c, const json_t *e)
{
	long long pid = event_int(e, "process.pid");

	if (pid < 0 || pid == c->truth.pid || pid == c->truth.left)
		return;
	complain(c, e, "WRONG, later");
	c->outcome = OUTCOME_WRONG;
	snprintf(c->text, sizeof(c->text), "%s", "later!");
}

/* ------------------------------------------------------------------ one row */

static struct cell *cell_of(const struct row *r, const json_t *e)
{
	const char *to = event_text(e, "destination.ip");

	for (int i = 0; i < MATRIX_CASES; i++) {
		struct cell *c = &cells[i][r->p][r->ipv6];

		if (*to && (!strcmp(c->addr, to) || !strcmp(c->wire, to)))
			return c;
	}
	return NULL;
}

static void take(const struct row *r, const json_t *e)
{
	struct cell *c = cell_of(r, e);

	if (!c)
		fail_msg("an event of nobody: %s",
			 event_text(e, "destination.ip"));
	else if (c->outcome == OUTCOME_NONE)
		take_first(c, e);
	else
		take_later(c, e);
}

static bool is_held(void *data)
{
	(void)data;
	return queue_waiting() > 0;
}

/* Not on its way there, or back from it. */
static bool is_in_call(void *data)
{
	const struct truth *t = data;
	char path[64], call[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", t->pid,
		 t->tid);
	f = fopen(path, "re");
	if (f) {
		if (!fgets(call, sizeof(call), f))
			*call = '\0';
		fclose(f);
	}
	return *call >= '0' && *call <= '9';
}

static void run_cell(struct trap_run *t, struct cell *c)
{
	const struct row r = {c->p, c->ipv6, matrix_cases[c->c].net};
	json_t *e;

	trap_freeze(t);
	sender_go(c->s);
	follow(c);
	wait_for(is_held, NULL);
	if (matrix_blocks(c->c, c->p))
		wait_for(is_in_call, &c->truth);
	trap_thaw(t);
	while (c->outcome == OUTCOME_NONE && (e = trap_next_event(t, WAIT_MS)))
		take(&r, e);
	if (c->outcome == OUTCOME_NONE) {
		complain(c, NULL, "no event");
		strcpy(c->text, "none");
	}
	end(c);
}

/* That of the cell, among the targets, or what is at the other end of NAT. */
static void make_address_of(char *buf, const struct cell *c, bool target)
{
	bool v6 = c->ipv6 && c->c != MATRIX_MAPPED;
	const char *net = v6 ? (target ? "fd01:" : "fd02:")
			     : (target ? "127.77" : "127.78");

	if (!v6 && matrix_cases[c->c].net == MATRIX_NET_FORWARD)
		net = "10.77";
	snprintf(buf, ADDR_SIZE, v6 ? "%s:%d:%d" : "%s.%d.%d", net, c->p + 1,
		 c->c + 1);
}

static void init_cell(struct cell *c, enum matrix_case which,
		      enum matrix_proto p, bool ipv6)
{
	bool back =
		which == MATRIX_NAT_BACK || which == MATRIX_NAT_BACK_CONNECTED;

	*c = (struct cell){.c = which, .p = p, .ipv6 = ipv6};
	make_address_of(c->addr, c, !back);
	if (matrix_cases[which].net == MATRIX_NET_NAT)
		make_address_of(c->wire, c, back);
	strcpy(c->to, which == MATRIX_MAPPED ? "::ffff:" : "");
	make_address_of(c->to + strlen(c->to), c, !back);
}

/* SCTP offers all of a server's addresses: it gets no more than the one. */
static const char *server_address(const struct row *r)
{
	if (r->p == MATRIX_SCTP)
		return cells[MATRIX_CONNECTED][r->p][r->ipv6].addr;
	return r->ipv6 ? "::" : "0.0.0.0";
}

/* Accepts, and keeps it. */
static void serve(struct stage *st, const void *arg)
{
	const struct row *row = arg;
	int fd = matrix_socket(row->p, row->ipv6 ? AF_INET6 : AF_INET), one = 1;
	struct report r = {0};

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	r.err = matrix_bind(fd, server_address(row), MATRIX_PORT);
	if (!r.err && listen(fd, 64))
		r.err = errno;
	stage_report(st, &r);
	while (accept(fd, NULL, NULL) >= 0)
		;
}

/* Distributions keep it from being loaded by who asks for a socket; only a
 * kernel that was booted for the tests gets it. */
static void load_modules(enum matrix_proto p)
{
	static const char *const dccp[] = {"dccp_ipv4", "dccp_ipv6",
					   "dccp_diag"};

	for (int i = 0; p == MATRIX_DCCP && e2e_slow() > 1 && i < 3; i++)
		run_command(NULL, "modprobe", dccp[i], NULL);
}

static bool is_supported(enum matrix_proto p, bool ipv6)
{
	int fd;

	if (ipv6 && !e2e_has_ipv6())
		return false;
	load_modules(p);
	fd = matrix_socket(p, ipv6 ? AF_INET6 : AF_INET);
	close(fd);
	return fd >= 0;
}

/* Where it takes minutes: no more than the way of each kind of socket. */
static bool is_left_out(const struct row *r)
{
	static const char *const nets[MATRIX_NETS] = {"plain", "nat",
						      "forward"};
	const char *env = getenv("E2E_MATRIX");

	if (env)
		return strcmp(env, "all") &&
		       strcmp(env, matrix_protos[r->p].name) &&
		       strcmp(env, nets[r->net]);
	return e2e_slow() > 1 &&
	       (r->ipv6 || r->p == MATRIX_UDPLITE || r->p == MATRIX_ICMP);
}

static struct cell *row_cell(const struct row *r, int which)
{
	if (matrix_cases[which].net != r->net ||
	    !matrix_has_cell((enum matrix_case)which, r->p, r->ipv6))
		return NULL;
	return &cells[which][r->p][r->ipv6];
}

static void set_up_nat(const struct row *r)
{
	const char *from[MATRIX_CASES], *to[MATRIX_CASES];
	int n = 0;

	for (int i = 0; i < MATRIX_CASES; i++)
		if (row_cell(r, i)) {
			from[n] = row_cell(r, i)->addr;
			to[n++] = row_cell(r, i)->wire;
		}
	matrix_set_up_nat(r->ipv6, from, to, n);
}

/* Server and senders, where they belong. */
static void start_all(const struct row *r)
{
	bool forward = r->net == MATRIX_NET_FORWARD;

	if (forward)
		space_enter(&far);
	if (matrix_protos[r->p].stream)
		assert_int_equal(sender_run(serve, r, NULL).err, 0);
	if (forward) {
		space_leave();
		space_enter(&near);
	}
	for (int i = 0; i < MATRIX_CASES; i++)
		if (row_cell(r, i))
			prepare(row_cell(r, i));
	if (forward)
		space_leave();
}

static void set_up_row(const struct row *r)
{
	if (r->net == MATRIX_NET_FORWARD)
		matrix_set_up_spaces(&near, &far);
	else
		matrix_set_up_network();
	absent[r->p][r->ipv6] = !is_supported(r->p, r->ipv6);
	if (absent[r->p][r->ipv6])
		SKIP("not in this kernel");
	for (int i = 0; i < MATRIX_CASES; i++)
		if (matrix_cases[i].net == r->net)
			init_cell(&cells[i][r->p][r->ipv6], (enum matrix_case)i,
				  r->p, r->ipv6);
	if (r->p == MATRIX_SCTP)
		e2e_add_address(cells[MATRIX_CONNECTED][r->p][r->ipv6].addr);
	if (r->net == MATRIX_NET_NAT)
		set_up_nat(r);
	start_all(r);
}

static struct trap_run *start_trap(const struct row *r)
{
	const char *net6 = e2e_has_ipv6() ? MATRIX_NET6 : MATRIX_NET4;

	if (r->net == MATRIX_NET_FORWARD)
		return trap_start("-s", "25000", "--forward", MATRIX_FORWARD4,
				  net6, NULL);
	return trap_start("-s", "25000", MATRIX_NET4, net6, NULL);
}

/* Those that are set up, a trap, then one after the other. */
static void run_row(void **state)
{
	const struct row *r = *state;
	struct trap_run *t;
	json_t *e;

	if (is_left_out(r))
		SKIP("left out: E2E_MATRIX=all is for all of it");
	set_up_row(r);
	t = start_trap(r);
	for (int i = 0; i < MATRIX_CASES; i++)
		if (row_cell(r, i))
			run_cell(t, row_cell(r, i));
	trap_stop(t, SIGTERM);
	while ((e = trap_next_event(t, 0)))
		take(r, e);
	for (int i = 0; i < MATRIX_CASES; i++)
		if (row_cell(r, i) && row_cell(r, i)->outcome != OUTCOME_RIGHT)
			fail();
}

/* ---------------------------------------------------------------- the table */

static const char *text_of(int c, int p, int ipv6)
{
	if (!matrix_has_cell((enum matrix_case)c, (enum matrix_proto)p, ipv6))
		return ".";
	return absent[p][ipv6] ? "-" : cells[c][p][ipv6].text;
}

static void print_row(int c)
{
	char line[160];
	int at = snprintf(line, sizeof(line), "%-12s", matrix_cases[c].name);

	for (int i = 0; i < 2 * MATRIX_PROTOS; i++)
		at += snprintf(line + at, sizeof(line) - (size_t)at, "%-6s",
			       text_of(c, i / 2, i % 2));
	while (line[at - 1] == ' ')
		line[--at] = '\0';
	print_message("# %s\n", line);
}

static void print_head(void)
{
	static const char *const names[MATRIX_PROTOS] = {
		"tcp", "udp", "udpl", "sctp", "dccp", "icmp", "raw"};
	char line[160];
	struct utsname u;
	int at = snprintf(line, sizeof(line), "%-12s", "");

	uname(&u);
	print_message("# matrix: witness %s, Linux %s\n", witness_kind(),
		      u.release);
	for (int i = 0; i < 2 * MATRIX_PROTOS; i++)
		at += snprintf(line + at, sizeof(line) - (size_t)at, "%s%c%*s",
			       names[i / 2], i % 2 ? '6' : '4',
			       (int)(5 - strlen(names[i / 2])), "");
	print_message("# %s\n", line);
}

static void the_table(void **state)
{
	unsigned n[OUTCOME_WRONG + 1] = {0};

	(void)state;
	print_head();
	for (int c = 0; c < MATRIX_CASES; c++) {
		print_row(c);
		for (int i = 0; i < 2 * MATRIX_PROTOS; i++)
			if (*text_of(c, i / 2, i % 2) > '.')
				n[cells[c][i / 2][i % 2].outcome]++;
	}
	print_message("# %u right, %u weaker, %u wrong; grade: Proved, Holder "
		      "(h: it did not send), Shared,\n"
		      "# Twins, Creator, Uid only, Kernel, ? unknown; by "
		      "witness, connect, sweep, socKet's state;\n"
		      "# - not in this kernel, . no such cell\n",
		      n[OUTCOME_RIGHT], n[OUTCOME_WEAK], n[OUTCOME_WRONG]);
	assert_int_equal(n[OUTCOME_WRONG], 0);
}

#define row_test(name, ...)                             \
	{                                               \
		name, run_row, e2e_setup, e2e_teardown, \
			(void *)&(const struct row)     \
		{                                       \
			__VA_ARGS__                     \
		}                                       \
	}
#define row_tests(name, ...)                            \
	row_test(name "4", __VA_ARGS__, .ipv6 = false), \
		row_test(name "6", __VA_ARGS__, .ipv6 = true)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row_tests("tcp", MATRIX_TCP),
		row_tests("udp", MATRIX_UDP),
		row_tests("udplite", MATRIX_UDPLITE),
		row_tests("sctp", MATRIX_SCTP),
		row_tests("dccp", MATRIX_DCCP),
		row_tests("icmp", MATRIX_ICMP),
		row_tests("raw", MATRIX_RAW),
		row_tests("nat_tcp", MATRIX_TCP, .net = MATRIX_NET_NAT),
		row_tests("nat_udp", MATRIX_UDP, .net = MATRIX_NET_NAT),
		row_tests("nat_udplite", MATRIX_UDPLITE, .net = MATRIX_NET_NAT),
		row_tests("forward_tcp", MATRIX_TCP, .net = MATRIX_NET_FORWARD),
		row_tests("forward_udp", MATRIX_UDP, .net = MATRIX_NET_FORWARD),
		row_tests("forward_udplite", MATRIX_UDPLITE,
			  .net = MATRIX_NET_FORWARD),
		cmocka_unit_test(the_table),
	};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	snprintf(generator, sizeof(generator), "%.*s/matrix_sender",
		 PATH_MAX - 32, dirname(self));
	return e2e_main("matrix", tests, sizeof(tests) / sizeof(tests[0]));
}
