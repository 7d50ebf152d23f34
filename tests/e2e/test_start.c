/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The start: what is refused, with which words, and what it prints. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define UDP_TARGET ADDR_RESOLVER ":53"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53, .reply = true);

/* It ended so, with one line that has these words in it, and left nothing. */
static void expect_refused(struct trap_run *t, int status, const char *words)
{
	const char *err;

	trap_wait(t);
	err = t->err_text.mem ? t->err_text.mem : "";
	if (t->status != status || text_count_lines(&t->err_text) != 1 ||
	    strncmp(err, "ptrap-ng: ", 10) || (words && !strstr(err, words)))
		fail_msg("not refused with %d and one line on \"%s\": %d, %s",
			 status, words ? words : "", t->status, err);
	if (t->out_text.len)
		fail_msg("standard output: %s", t->out_text.mem);
	assert_true(nothing_left(NULL));
}

static void wrong_use(void **state)
{
	static const struct {
		const char *args[4], *words;
	} cases[] = {
		{{NULL}, NULL},
		{{"-u", "192.168.1.1:99999"}, "192.168.1.1:99999"},
		{{"-u", "192.168.1.256:53"}, "192.168.1.256"},
		{{"10.0.0.0/33"}, "10.0.0.0/33"},
		{{"-t", ":443-80"}, ":443-80"},
		{{"[::1:80"}, "[::1:80"},
		{{"-Z", "any"}, "Z"},
		{{"--nonsense", "any"}, "nonsense"},
		{{"-n", "abc", "any"}, "abc"},
		{{"-n", "-1", "any"}, "-1"},
		{{"-s", "0", "any"}, "-s"},
		{{"-s", "99999999999999999999", "any"}, "99999999999999999999"},
		{{"-o", "xml", "any"}, "xml"},
		{{"--for", "1x", "any"}, "1x"},
		{{"-Q", "70000", "any"}, "70000"},
		{{"--proto", "nope", "any"}, "nope"},
		{{"-p", "port"}, "port"},
		{{"-e", "", "any"}, "-e"},
		{{"-C"}, "-C"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const *a = cases[i].args;

		expect_refused(trap_spawn(NULL, a[0], a[1], a[2], NULL), 2,
			       cases[i].words);
	}
}

static void unknown_host(void **state)
{
	(void)state;
	expect_refused(trap_spawn(NULL, "no-such-host.invalid:53", NULL), 2,
		       "no-such-host.invalid");
}

static void queue_taken(void **state)
{
	struct trap_run *t = trap_start("-Q", "4711", "any", NULL), *other;

	(void)state;
	other = trap_spawn(NULL, "-Q", "4711", "any", NULL);
	assert_int_equal(trap_wait(other), 3);
	assert_int_equal(text_count_lines(&other->err_text), 1);
	assert_non_null(strstr(other->err_text.mem, "4711"));
	assert_false(rules_present());
	trap_expect_end(t);
}

/* People's own rule sends packets; the template for them does. */
static void own_ruleset(void **state)
{
	struct trap_run *t;
	struct sender *s;

	(void)state;
	run_command(NULL, "nft", "add table inet mine", NULL);
	run_command(NULL, "nft",
		    "add chain inet mine out "
		    "{ type filter hook output priority -150; }",
		    NULL);
	if (run_command(NULL, "nft",
			"add rule inet mine out ip daddr " ADDR_RESOLVER
			" udp dport 53 queue flags bypass to 4711",
			NULL))
		SKIP("no native queue expression");
	t = trap_start("-Q", "4711", NULL);
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &udp, &s).n > 0);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	trap_expect_end(t);
}

static void become_nobody(void *data)
{
	(void)data;
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		_exit(99);
}

static void no_permission(void **state)
{
	struct trap_how how = {-1, become_nobody, NULL};

	(void)state;
	expect_refused(trap_spawn(&how, "-u", UDP_TARGET, NULL), 3, "ermi");
}

/* What `unshare -Urn` makes, for a user who is not root. */
static void user_namespace(struct stage *st, const void *arg)
{
	char map[32];
	int fd;

	(void)arg;
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534) ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNET))
		_exit(99);
	prctl(PR_SET_DUMPABLE, 1); /* or /proc/self is root's */
	fd = open("/proc/self/uid_map", O_WRONLY);
	snprintf(map, sizeof(map), "0 65534 1\n");
	if (write(fd, map, strlen(map)) < 0)
		_exit(98);
	stage_ready(st, 0);
	stage_wait(st);
}

static void join(void *data)
{
	enter_user_ns(*(pid_t *)data);
}

static void in_a_user_namespace(void **state)
{
	struct send_arg a = udp;
	struct trap_how how = {-1, join, &a.user_ns_of};
	struct sender *ns, *s;
	struct trap_run *t;
	char path[64];
	json_t *e;
	int fd;

	(void)state;
	ns = sender_start(user_namespace, NULL);
	if (!sender_has_report(ns, WAIT_MS) || sender_report(ns).pid != ns->pid)
		SKIP("no user namespaces");
	snprintf(path, sizeof(path), "/proc/%d/ns/net", ns->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
	close(fd);
	e2e_addresses();
	a.user_ns_of = ns->pid;
	t = trap_spawn(&how, "-o", "json", "-u", UDP_TARGET, NULL);
	if (!trap_ready(t))
		fail_msg("%s", t->err_text.mem);
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &a, &s).n > 0);
	e = trap_event(t);
	/* Others' descriptors cannot be seen from there: that must be said. */
	expect_grade(e, "holder|unknown");
	expect_not_wrong(e, s->pid);
	trap_expect_end(t);
}

static void unwritable_outputs(void **state)
{
	const char *fifo = test_path("fifo"), *sticky = test_path("sticky");
	char output[256], link[200];

	(void)state;
	snprintf(output, sizeof(output), "json:%s", test_path("no/such/dir"));
	expect_refused(trap_spawn(NULL, "-o", output, "any", NULL), 3,
		       "no/such/dir");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	snprintf(output, sizeof(output), "json:%s", fifo);
	expect_refused(trap_spawn(NULL, "-o", output, "any", NULL), 3, fifo);
	/* A link that somebody else put into a place like /tmp. */
	assert_int_equal(mkdir(sticky, 0700), 0);
	assert_int_equal(chmod(sticky, 01777), 0);
	snprintf(link, sizeof(link), "%s/log", sticky);
	assert_int_equal(symlink(test_path("victim"), link), 0);
	assert_int_equal(lchown(link, 65534, 65534), 0);
	snprintf(output, sizeof(output), "json:%s", link);
	expect_refused(trap_spawn(NULL, "-o", output, "any", NULL), 3, link);
	assert_int_equal(access(test_path("victim"), F_OK), -1);
}

static void full_disk(void **state)
{
	struct trap_run *t;

	(void)state;
	t = trap_spawn(NULL, "-o", "json:/dev/full", "-u", UDP_TARGET, NULL);
	assert_true(trap_ready(t));
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &udp, NULL).n > 0);
	assert_true(sender_run(send_one, &udp, NULL).n > 0);
	assert_true(trap_stop(t, SIGTERM) <= 3);
	assert_non_null(strstr(t->err_text.mem, "not written"));
	assert_true(nothing_left(NULL));
}

static void output_to_a_file(void **state)
{
	const char *path = test_path("log");
	struct stat st;
	struct trap_run *t;
	char output[256];
	struct sender *s;
	json_t *e;

	(void)state;
	snprintf(output, sizeof(output), "json:%s", path);
	t = trap_spawn(NULL, "-1", "-o", output, "-o", "text", "-u", UDP_TARGET,
		       NULL);
	assert_true(trap_ready(t));
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &udp, &s).n > 0);
	assert_int_equal(trap_wait(t), 0);
	assert_non_null(strstr(t->out_text.mem, "released"));
	e = json_load_file(path, 0, NULL);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	json_decref(e);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A rule's line without what differs from run to run: queue number, counts; and
 * without the queue, where nft does not know how the kernel has it. */
static void canonical_line(struct text *out, char *line, bool queue)
{
	static const char *const before[] = {"ptrap-ng-", "queue num ", "to ",
					     "packets ", "bytes "};
	char *comment = strstr(line, " # "), *bytes = strstr(line, " bytes ");

	if (comment)
		*comment = '\0';
	if (bytes && !queue)
		*bytes = '\0';
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *at = strstr(line, before[i]), *end;

		if (!at)
			continue;
		at += strlen(before[i]);
		end = at + strspn(at, "0123456789");
		memmove(at, end, strlen(end) + 1);
	}
	out->len += (size_t)snprintf(out->mem + out->len, out->size - out->len,
				     "%s\n", line);
}

static struct text canonical(char *rules, bool queue)
{
	struct text out = {calloc(1, 65536), 0, 65536};
	char *save;

	assert_non_null(out.mem);
	for (char *line = strtok_r(rules, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (line[0] == '\t' || line[0] == 't' || line[0] == '}')
			canonical_line(&out, line, queue);
	return out;
}

static void printed_rules_are_the_kernels(void **state)
{
	static const char *const args[] = {"-c",
					   "-u",
					   ":53",
					   "-t",
					   "10.0.0.0/8:443-8443",
					   "[2001:db8::1]:80"};
	struct trap_run *t, *print;
	struct text list = {0}, is, said;
	char name[64], *at;
	bool queue;

	(void)state;
	print = trap_spawn(NULL, "--print-rules", args[0], args[1], args[2],
			   args[3], args[4], args[5], NULL);
	assert_int_equal(trap_wait(print), 0);
	assert_true(nothing_left(NULL));
	t = trap_start(args[0], args[1], args[2], args[3], args[4], args[5],
		       NULL);
	run_command(&list, "nft", "list", "tables", NULL);
	at = strstr(list.mem, "ptrap-ng-");
	assert_non_null(at);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, " \n"), at);
	text_free(&list);
	run_command(&list, "nft", "list", "table", "inet", name, NULL);
	queue = strstr(list.mem, "queue ");
	is = canonical(list.mem, queue);
	said = canonical(print->out_text.mem, queue);
	assert_string_equal(said.mem, is.mem);
	assert_non_null(strstr(said.mem, "10.0.0.0/8"));
	text_free(&list);
	text_free(&is);
	text_free(&said);
	trap_expect_end(t);
}

static void check_version_help(void **state)
{
	struct trap_run *t =
		trap_spawn(NULL, "--check", "-u", UDP_TARGET, NULL);

	(void)state;
	assert_int_equal(trap_wait(t), 0);
	assert_true(nothing_left(NULL));
	t = trap_spawn(NULL, "-V", NULL);
	assert_int_equal(trap_wait(t), 0);
	assert_int_equal(strncmp(t->out_text.mem, "ptrap-ng ", 9), 0);
	t = trap_spawn(NULL, "-h", NULL);
	assert_int_equal(trap_wait(t), 0);
	assert_non_null(strstr(t->out_text.mem, "--print-rules"));
	t = trap_spawn(&(struct trap_how){-1, become_nobody, NULL}, "--check",
		       "any", NULL);
	assert_int_equal(trap_wait(t), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(wrong_use),
		e2e_test(unknown_host),
		e2e_test(queue_taken),
		e2e_test(own_ruleset),
		e2e_test(no_permission),
		e2e_test(in_a_user_namespace),
		e2e_test(unwritable_outputs),
		e2e_test(full_disk),
		e2e_test(output_to_a_file),
		e2e_test(printed_rules_are_the_kernels),
		e2e_test(check_version_help),
	};

	return e2e_main("start", tests, sizeof(tests) / sizeof(tests[0]));
}
