/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_output_json: the contract, field by field, read back with a parser. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "output.h"
#include "sample.h"

static struct event e;
static struct output_options opt;
static char mem[OUTPUT_RECORD_MAX];
static json_t *root;

static int set_up(void **state)
{
	(void)state;
	opt = (struct output_options){
		.host_name = "box",
		.host_id = "0123456789abcdef0123456789abcdef",
	};
	sample_event(&e);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(root);
	root = NULL;
	return 0;
}

/* One line of ASCII, whatever is in it. */
static void check_line(const char *line, size_t len)
{
	assert_int_equal(strlen(line), len);
	assert_int_equal(line[len - 1], '\n');
	for (size_t i = 0; i < len - 1; i++)
		assert_true(line[i] >= ' ' && line[i] < 0x7f);
}

static void make(void)
{
	struct strbuf sb;
	json_error_t err;

	strbuf_init(&sb, mem, sizeof(mem));
	assert_int_equal(output_json.format(&e, &opt, &sb), 0);
	assert_false(sb.truncated);
	check_line(mem, sb.len);
	json_decref(root);
	root = json_loads(mem, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &err);
	assert_non_null(root);
}

/* "process.thread.id", "ptrap.holders.0.pid"; NULL: not there. */
static const json_t *at(const char *path)
{
	const json_t *v = root;
	char key[64];

	while (v != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		v = json_is_array(v) ? json_array_get(v, strtoul(key, NULL, 10))
				     : json_object_get(v, key);
		path += path[n] == '.' ? n + 1 : n;
	}
	return v;
}

static void assert_text(const char *path, const char *want)
{
	assert_true(json_is_string(at(path)));
	assert_string_equal(json_string_value(at(path)), want);
}

static void assert_number(const char *path, json_int_t want)
{
	assert_true(json_is_integer(at(path)));
	assert_int_equal(json_integer_value(at(path)), want);
}

#define assert_nil(path)    assert_true(json_is_null(at(path)))
#define assert_absent(path) assert_null(at(path))

static void assert_keys(const char *path, const char *want)
{
	char got[1024] = "";
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)at(path), key, v)
	{
		strcat(got, key);
		strcat(got, " ");
	}
	assert_string_equal(got, want);
}

/* ------------------------------------------------------------ the contract */

static void test_common_fields(void **state)
{
	(void)state;
	make();
	assert_keys("", "@timestamp ecs event network source destination dns "
			"process user group host ptrap ");
	assert_text("@timestamp", "2026-11-21T09:41:03.512345Z");
	assert_text("ecs.version", "8.11.0");
	assert_text("event.kind", "event");
	assert_int_equal(json_array_size(at("event.category")), 1);
	assert_text("event.category.0", "network");
	assert_text("event.action", "released");
	assert_number("event.sequence", 17);
	assert_number("event.duration", 61000);
	assert_text("network.transport", "udp");
	assert_text("network.type", "ipv4");
	assert_text("network.direction", "egress");
	assert_text("network.iana_number", "17");
	assert_text("network.community_id", "1:1i+YZ21fuGkafL7Fp3TQ0UbVP6c=");
	assert_text("source.ip", "192.168.1.7");
	assert_number("source.port", 40112);
	assert_text("destination.ip", "192.168.1.1");
	assert_number("destination.port", 53);
	assert_text("dns.question.name", "example.org");
	assert_text("dns.question.type", "A");
	assert_text("host.name", "box");
	assert_text("host.id", "0123456789abcdef0123456789abcdef");
}

static void test_process_fields(void **state)
{
	(void)state;
	make();
	assert_keys("process", "pid thread name executable args "
			       "working_directory start parent ");
	assert_number("process.pid", 4711);
	assert_number("process.thread.id", 4711);
	assert_text("process.name", "curl");
	assert_text("process.executable", "/usr/bin/curl");
	assert_int_equal(json_array_size(at("process.args")), 3);
	assert_text("process.args.0", "curl");
	assert_text("process.args.2", "https://example.org");
	assert_text("process.working_directory", "/home/apollo");
	assert_text("process.start", "2026-11-21T09:41:03.10Z");
	assert_number("process.parent.pid", 4690);
	assert_text("process.parent.name", "bash");
	assert_text("process.parent.executable", "/usr/bin/bash");
	assert_text("process.parent.args.0", "bash");
	assert_text("user.id", "1000");
	assert_text("user.name", "apollo");
	assert_text("group.id", "1000");
}

static void test_ptrap_fields(void **state)
{
	(void)state;
	make();
	assert_text("ptrap.grade", "proved");
	assert_nil("ptrap.reason");
	assert_text("ptrap.method", "witness");
	assert_true(json_is_true(at("ptrap.alive")));
	assert_number("ptrap.held_us", 61);
	assert_number("ptrap.resolve_us", 24);
	assert_number("ptrap.packet_uid", 1000);
	assert_nil("ptrap.packet_gid");
	assert_number("ptrap.inode", 30041);
	assert_number("ptrap.cookie", 4);
	assert_absent("ptrap.creator");
	assert_number("ptrap.holders.0.pid", 4711);
	assert_int_equal(json_array_size(at("ptrap.twins")), 0);
	assert_int_equal(json_array_size(at("ptrap.ancestors")), 3);
	assert_number("ptrap.ancestors.2.pid", 1);
	assert_text("ptrap.ancestors.2.name", "systemd");
	assert_number("ptrap.loginuid", 1000);
	assert_number("ptrap.session", 3);
	assert_text("ptrap.tty", "pts/0");
	assert_text("ptrap.cgroup", "/user.slice/session-3.scope");
	assert_text("ptrap.unit", "session-3.scope");
	assert_nil("ptrap.container");
	assert_nil("ptrap.label");
	assert_text("ptrap.exe.dev", "8:1");
	assert_number("ptrap.exe.inode", 1234);
	assert_true(json_is_false(at("ptrap.exe.deleted")));
	assert_true(json_is_false(at("ptrap.exe.memfd")));
	assert_true(json_is_false(at("ptrap.exe.foreign_mntns")));
	assert_nil("ptrap.hook");
	assert_absent("ptrap.questions");
}

static void test_more_process_facts(void **state)
{
	struct process *p = &e.process;

	(void)state;
	p->euid = 0;
	p->egid = 5;
	p->exe_kind = PROCESS_EXE_MEMFD;
	p->foreign_mntns = true;
	p->script = "/tmp/x.py";
	p->cap_eff = 0x1ffffffffff;
	p->no_new_privs = 1;
	p->seccomp = 2;
	p->nspid = 3;
	p->args_truncated = true;
	e.alive = false;
	make();
	assert_text("user.id", "0");
	assert_text("group.id", "5");
	assert_number("ptrap.real_uid", 1000);
	assert_number("ptrap.real_gid", 1000);
	assert_true(json_is_true(at("ptrap.exe.memfd")));
	assert_true(json_is_true(at("ptrap.exe.foreign_mntns")));
	assert_text("ptrap.script", "/tmp/x.py");
	assert_text("ptrap.script_source", "argv");
	p->script_open = true;
	make();
	assert_text("ptrap.script_source", "file");
	assert_text("ptrap.capabilities", "000001ffffffffff");
	assert_true(json_is_true(at("ptrap.no_new_privs")));
	assert_text("ptrap.seccomp", "filter");
	assert_number("ptrap.namespaces.net", 4026531840);
	assert_absent("ptrap.namespaces.mnt");
	assert_number("ptrap.pid_in_namespace", 3);
	assert_true(json_is_true(at("ptrap.args_truncated")));
	assert_true(json_is_false(at("ptrap.alive")));
}

/* What is not known is null or not there, never 0 or "". */
static void test_absent_facts(void **state)
{
	struct process *p = &e.process;

	(void)state;
	p->tid = 0;
	p->ppid = 0;
	p->exe = p->args = NULL;
	p->start_ns = 0;
	p->image = (struct procfs_image){0};
	p->has_owner = p->has_creds = p->has_rest = false;
	p->cgroup = NULL;
	e.has_socket = e.has_packet_uid = false;
	e.nquestions = 0;
	e.method = SOCKOWNER_METHOD_NONE;
	opt = (struct output_options){0};
	make();
	assert_keys("", "@timestamp ecs event network source destination "
			"process ptrap ");
	assert_keys("process", "pid name ");
	assert_nil("ptrap.packet_uid");
	assert_nil("ptrap.inode");
	assert_nil("ptrap.cookie");
	assert_nil("ptrap.method");
	assert_nil("ptrap.cgroup");
	assert_absent("ptrap.loginuid");
	assert_absent("ptrap.exe");
	assert_absent("ptrap.capabilities");
	assert_absent("ptrap.interface");
	p->has_rest = true;
	p->loginuid = p->sessionid = UINT32_MAX;
	p->no_new_privs = p->seccomp = -1;
	make();
	assert_nil("ptrap.loginuid");
	assert_nil("ptrap.session");
	assert_nil("ptrap.no_new_privs");
	assert_nil("ptrap.seccomp");
}

static void test_parent_of_other_pid(void **state)
{
	(void)state;
	e.process.ppid = 99; /* reparented meanwhile */
	make();
	assert_number("process.parent.pid", 99);
	assert_absent("process.parent.name");
	assert_absent("process.parent.executable");
}

/* Who is put forward is a holder, whether it was listed or not. */
static void test_holder_unlisted(void **state)
{
	(void)state;
	e.nholders = 0;
	make();
	assert_absent("ptrap.holders.0"); /* the witness does not look */
	e.method = SOCKOWNER_METHOD_SWEEP;
	e.nholders_total = 1;
	make();
	assert_number("ptrap.holders.0.pid", 4711);
	assert_text("ptrap.holders.0.name", "curl");
	assert_absent("ptrap.holders.1");
	assert_absent("ptrap.holders_total");
	e.nholders_total = 2;
	make();
	assert_number("ptrap.holders_total", 2);
}

static void test_other_grades(void **state)
{
	(void)state;
	sample_packet(&e);
	e.grade = SOCKOWNER_SHARED;
	e.reason = SOCKOWNER_REASON_MANY_HOLDERS;
	sample_holder(&e, "a", 1);
	sample_holder(&e, "b", 2);
	e.holders[1].tid = 3;
	e.holders[1].exe = "/bin/b";
	e.holders[1].has_uid = true;
	e.holders[1].uid = 7;
	e.nholders_total = 40;
	e.ntwins = 1;
	e.ntwins_total = 2;
	e.twins[0] =
		(struct sockowner_socket){.inode = 5, .cookie = 6, .uid = 7};
	e.has_creator = true;
	strcpy(e.creator.comm, "c");
	e.creator.pid = 9;
	make();
	assert_absent("process");
	assert_absent("user");
	assert_absent("group");
	assert_text("ptrap.grade", "shared");
	assert_text("ptrap.reason", "several processes hold it");
	assert_nil("ptrap.alive");
	assert_keys("ptrap.holders.0", "pid name ");
	assert_keys("ptrap.holders.1", "pid tid name executable uid ");
	assert_number("ptrap.holders.1.uid", 7);
	assert_number("ptrap.holders_total", 40);
	assert_number("ptrap.twins.0.inode", 5);
	assert_number("ptrap.twins.0.cookie", 6);
	assert_number("ptrap.twins_total", 2);
	assert_number("ptrap.creator.pid", 9);
	assert_text("ptrap.creator.name", "c");
	assert_absent("ptrap.ancestors");
}

static void test_kernel(void **state)
{
	(void)state;
	sample_packet(&e);
	e.grade = SOCKOWNER_KERNEL;
	e.kernel_kind = "rst";
	e.direction = EVENT_INGRESS;
	e.action = EVENT_DROPPED;
	e.expired = true;
	e.suppressed = 4;
	strcpy(e.ifname, "eth0");
	e.mark = 7;
	make();
	assert_text("ptrap.kernel", "rst");
	assert_text("network.direction", "ingress");
	assert_text("event.action", "dropped");
	assert_true(json_is_true(at("ptrap.expired")));
	assert_number("ptrap.suppressed", 4);
	assert_text("ptrap.interface", "eth0");
	assert_number("ptrap.mark", 7);
}

static void test_ipv6_and_icmp(void **state)
{
	(void)state;
	sample_address(&e, "2001:db8::1", "fe80::2");
	make();
	assert_text("network.type", "ipv6");
	assert_text("source.ip", "2001:db8::1");
	assert_text("destination.ip", "fe80::2");
	e.tuple.proto = e.packet.tuple.proto = IPPROTO_ICMPV6;
	make();
	assert_text("network.transport", "icmp6");
	assert_text("network.iana_number", "58");
	assert_absent("source.port");
	assert_absent("destination.port");
	e.tuple.proto = e.packet.tuple.proto = 47;
	make();
	assert_text("network.transport", "47");
}

static void test_fragment(void **state)
{
	(void)state;
	e.packet.has_ports = false;
	make();
	assert_absent("source.port");
	assert_absent("network.community_id");
}

static void test_questions(void **state)
{
	(void)state;
	sample_question(&e, "b.example", 28);
	make();
	assert_text("dns.question.name", "example.org");
	assert_int_equal(json_array_size(at("ptrap.questions")), 2);
	assert_text("ptrap.questions.0.name", "example.org");
	assert_text("ptrap.questions.1.type", "AAAA");
}

static void test_stub(void **state)
{
	(void)state;
	make();
	assert_absent("ptrap.dns_stub");
	e.is_stub = ipaddr_parse("127.0.0.53", 10, &e.stub) == 0;
	make();
	assert_text("ptrap.dns_stub.address", "127.0.0.53");
	assert_number("ptrap.dns_stub.port", 53);
	assert_text(
		"ptrap.dns_stub.hint",
		"this process answers DNS questions itself, and may ask for "
		"others; to see who asks it: ptrap-ng -u 127.0.0.53:53 "
		"-t 127.0.0.53:53");
}

static void test_numbers(void **state)
{
	(void)state;
	e.socket.cookie = INT64_MAX;
	e.socket.inode = UINT64_MAX;
	make();
	assert_number("ptrap.cookie", INT64_MAX);
	assert_nil("ptrap.inode");
}

/* -------------------------------------------------------- strings of bytes */

static void test_odd_strings(void **state)
{
	static const char odd[] = "a\xff\"\n\\\xe2\x80\xae";

	(void)state;
	strcpy(e.process.comm, odd);
	e.process.exe = odd;
	strcpy(e.holders[0].comm, odd);
	make();
	assert_text("process.name", "a\\xff\"\\n\\\\\\u{202e}");
	assert_text("process.name_hex", "61ff220a5ce280ae");
	assert_text("process.executable_hex", "61ff220a5ce280ae");
	assert_text("ptrap.holders.0.name_hex", "61ff220a5ce280ae");
	/* UTF-8 is itself, escaped for the line only. */
	e.process.exe = "/\xc3\xa4\"\n\x1b[2J\xe2\x80\xae\xf0\x9f\x98\x80";
	make();
	assert_text("process.executable", e.process.exe);
	assert_absent("process.executable_hex");
}

static void test_odd_args(void **state)
{
	static const char args[] = "a\0\xc3\0\0\xc3\xa4\0\n";

	(void)state;
	sample_args(&e, args, sizeof(args) - 1);
	make();
	assert_int_equal(json_array_size(at("process.args")), 5);
	assert_text("process.args.1", "\\xc3");
	assert_text("process.args.2", "");
	assert_text("process.args.3", "\xc3\xa4");
	assert_text("process.args.4", "\n");
	assert_int_equal(json_array_size(at("process.args_hex")), 5);
	assert_nil("process.args_hex.0");
	assert_text("process.args_hex.1", "c3");
	assert_nil("process.args_hex.3");
	sample_args(&e, "a\0b", 3);
	make();
	assert_absent("process.args_hex");
	/* An argument cut off within a character. */
	sample_args(&e, "a\0b\xe2\x80", 5);
	make();
	assert_text("process.args.1", "b\\xe2\\x80");
	assert_text("process.args_hex.1", "62e280");
}

/* ------------------------------------------------------------ the command */

static void set_hook(const char *output, size_t len)
{
	e.wants_hook = true;
	e.hook = (struct event_hook){
		.ran = true,
		.ended = true,
		.duration_us = 3100,
		.output = output,
		.output_len = len,
	};
}

static void test_hook(void **state)
{
	(void)state;
	set_hook("a\nb", 3);
	e.hook.status = 3;
	make();
	assert_keys("ptrap.hook",
		    "status duration_us output truncated skipped killed ");
	assert_number("ptrap.hook.status", 3);
	assert_number("ptrap.hook.duration_us", 3100);
	assert_text("ptrap.hook.output", "a\nb");
	assert_true(json_is_false(at("ptrap.hook.truncated")));
	assert_nil("ptrap.hook.skipped");
	assert_true(json_is_false(at("ptrap.hook.killed")));
	e.hook = (struct event_hook){.ran = true};
	make();
	assert_nil("ptrap.hook.status");
	assert_nil("ptrap.hook.duration_us");
	assert_nil("ptrap.hook.output");
	e.hook = (struct event_hook){.skipped = "too many"};
	make();
	assert_text("ptrap.hook.skipped", "too many");
}

static void test_hook_bytes(void **state)
{
	(void)state;
	set_hook("\0{\"x\":1}\n", 9);
	make();
	assert_int_equal(json_string_length(at("ptrap.hook.output")), 9);
	assert_absent("ptrap.hook.output_hex");
	set_hook("x\xfe\n", 3);
	make();
	assert_text("ptrap.hook.output", "x\\xfe\\n");
	assert_text("ptrap.hook.output_hex", "78fe0a");
}

/* 64 KiB of the worst bytes, with the longest of all else. */
static void test_largest(void **state)
{
	static char output[65536], args[4096], path[4096];

	(void)state;
	memset(output, 0xff, sizeof(output));
	memset(args, 0xff, sizeof(args));
	memset(path, 0xff, sizeof(path) - 1);
	sample_args(&e, args, sizeof(args));
	e.process.exe = e.process.cwd = e.process.cgroup = path;
	set_hook(output, sizeof(output));
	make();
	assert_int_equal(json_string_length(at("ptrap.hook.output_hex")),
			 2 * sizeof(output));
	assert_true(json_is_false(at("ptrap.hook.truncated")));
}

/* Where there is less room the output is cut, never the JSON. */
static void test_cut_output(void **state)
{
	static char output[65536];
	struct strbuf sb;

	(void)state;
	output[0] = 'x'; /* so that every half is within a character */
	for (size_t i = 1; i < sizeof(output); i++)
		output[i] = i % 2 != 0 ? '\xc3' : '\xa4';
	set_hook(output, sizeof(output));
	strbuf_init(&sb, mem, 20000);
	assert_int_equal(output_json.format(&e, &opt, &sb), 0);
	check_line(mem, sb.len);
	root = json_loads(mem, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_true(json_is_true(at("ptrap.hook.truncated")));
	assert_true(json_string_length(at("ptrap.hook.output")) > 3000);
	assert_absent("ptrap.hook.output_hex");
	strbuf_init(&sb, mem, 500);
	assert_int_equal(output_json.format(&e, &opt, &sb), -EMSGSIZE);
	assert_int_equal(sb.len, 0);
	assert_string_equal(mem, "");
}

/* Every size up to that of the whole: all of it or an error. */
static void test_every_room(void **state)
{
	struct strbuf sb;
	size_t whole;

	(void)state;
	make();
	whole = strlen(mem);
	for (size_t size = 1; size <= whole + 2; size++) {
		int err;

		strbuf_init(&sb, mem, size);
		err = output_json.format(&e, &opt, &sb);
		assert_int_equal(err, size > whole ? 0 : -EMSGSIZE);
		assert_int_equal(sb.len, size > whole ? whole : 0);
	}
}

/* -------------------------------------------------------- the other kinds */

static void test_late_hook(void **state)
{
	(void)state;
	set_hook("out\n", 4);
	e.kind = EVENT_HOOK;
	e.hook.killed = true;
	e.hook.status = 137;
	make();
	assert_text("event.action", "hook");
	assert_absent("event.sequence");
	assert_number("ptrap.of", 17);
	assert_number("process.pid", 4711);
	assert_number("ptrap.hook.status", 137);
	assert_true(json_is_true(at("ptrap.hook.killed")));
	assert_text("ptrap.hook.output", "out\n");
	assert_absent("source");
}

static void test_loss(void **state)
{
	(void)state;
	event_reset(&e);
	e.kind = EVENT_LOSS;
	e.lost = 12;
	make();
	assert_text("event.action", "unseen");
	assert_number("ptrap.unseen", 12);
	assert_absent("network");
	assert_text("@timestamp", "1970-01-01T00:00:00.000000Z");
}

static void test_stages(void **state)
{
	const struct stages stages = {
		.list = {[STAGES_SOCK_DIAG] = {3, 3600, 2000}},
	};

	(void)state;
	event_reset(&e);
	e.kind = EVENT_STAGES;
	e.stages = &stages;
	e.run_us = 20500;
	e.cpu_us = 1200;
	make();
	assert_text("event.kind", "metric");
	assert_text("event.action", "stages");
	assert_number("ptrap.run_us", 20500);
	assert_number("ptrap.cpu_us", 1200);
	assert_number("ptrap.stages.sock_diag.count", 3);
	assert_number("ptrap.stages.sock_diag.total_ns", 3600);
	assert_number("ptrap.stages.sock_diag.max_ns", 2000);
	assert_number("ptrap.stages.output.count", 0);
	assert_absent("network");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_common_fields),
		TEST(test_process_fields),
		TEST(test_ptrap_fields),
		TEST(test_more_process_facts),
		TEST(test_absent_facts),
		TEST(test_parent_of_other_pid),
		TEST(test_holder_unlisted),
		TEST(test_other_grades),
		TEST(test_kernel),
		TEST(test_ipv6_and_icmp),
		TEST(test_fragment),
		TEST(test_questions),
		TEST(test_stub),
		TEST(test_numbers),
		TEST(test_odd_strings),
		TEST(test_odd_args),
		TEST(test_hook),
		TEST(test_hook_bytes),
		TEST(test_largest),
		TEST(test_cut_output),
		TEST(test_every_room),
		TEST(test_late_hook),
		TEST(test_loss),
		TEST(test_stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
