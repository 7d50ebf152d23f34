/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy: which line decides, of whom and of what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy_kit.h"
#include "util.h"

static struct kit k;

static int close_kit(void **state)
{
	(void)state;
	kit_close(&k);
	k.p = NULL;
	k.files = NULL;
	return 0;
}

static void open_policy(const char *text)
{
	kit_close(&k);
	kit_open(&k, text);
}

#define IS(want) assert_string_equal(kit_judge(&k), want)

static void test_default(void **state)
{
	(void)state;
	open_policy("");
	IS("drop default");
	assert_int_equal(k.r.who, POLICY_PROCESS);
	open_policy("# one\ndefault accept");
	IS("accept 2");
	open_policy("default reject log");
	IS("reject 1 log 1");
	kit_none(&k, SOCKOWNER_UNKNOWN);
	IS("reject 1 log 1");
	assert_int_equal(k.r.who, POLICY_UNKNOWN);
}

static void test_first_match(void **state)
{
	(void)state;
	open_policy("accept exe /bin/a port 443\n"
		    "drop exe /bin/a\n"
		    "accept exe /bin/a\n"
		    "reject uid 1000 log");
	IS("accept 1");
	kit_send(&k, "tcp", "10.0.0.1", 80);
	IS("drop 2");
	kit_proved(&k, "/bin/b");
	IS("reject 4 log 4");
	k.ps[0].uid = 0;
	IS("drop default");
}

static void test_log_decides_nothing(void **state)
{
	(void)state;
	open_policy("log port 443\nlog exe /bin/a\naccept exe /bin/a log");
	IS("accept 3 log 1");
	kit_send(&k, "udp", "10.0.0.1", 53);
	IS("accept 3 log 2");
	kit_proved(&k, "/bin/b");
	IS("drop default");
}

/* What each kind of clause takes: the policy's line, and whether it does. */
static void takes(const char *clause, bool yes)
{
	struct kit as = k;
	char text[512] = "accept ";

	strcat(text, clause);
	kit_open(&k, text);
	as.p = k.p;
	as.files = k.files;
	as.s.processes = as.ps;
	policy_evaluate(as.p, as.files, &as.s, &as.o, &as.r);
	if ((as.r.verdict == POLICY_ACCEPT) != yes)
		fail_msg("%s", text);
	kit_close(&k);
	k = as;
	k.s.processes = k.ps;
	k.p = NULL;
	k.files = NULL;
}

static void test_objects(void **state)
{
	(void)state;
	open_policy("");
	kit_close(&k);
	takes("to 10.0.0.1", true);
	takes("to 10.0.0.0/8", true);
	takes("to 192.168.0.0/16,10.0.0.0/31", true);
	takes("to 10.0.0.2", false);
	takes("to ::/0", false);
	takes("to 0.0.0.0/0", true);
	takes("from 192.168.0.9", true);
	takes("from 10.0.0.1", false);
	takes("port 443", true);
	takes("port 80,400-500", true);
	takes("port 442", false);
	takes("port 444-65535", false);
	takes("sport 40000", true);
	takes("sport 443", false);
	takes("proto tcp", true);
	takes("proto udp,6", true);
	takes("proto udp", false);
	takes("out", true);
	takes("in", false);
	takes("forward", false);
	k.o.direction = POLICY_IN;
	takes("in", true);
	takes("out", false);
	takes("", true);
}

static void test_packets_without(void **state)
{
	(void)state;
	open_policy("");
	kit_close(&k);
	kit_send(&k, "icmp", "10.0.0.1", 0);
	takes("port 443", false);
	takes("sport 40000", false);
	takes("proto icmp", true);
	/* a fragment: its ports are in another packet */
	kit_send(&k, "udp", "10.0.0.1", 0);
	takes("port 443", false);
	takes("proto udp", true);
	/* no packet at all */
	k.o = (struct policy_object){.proto = -1};
	takes("", true);
	takes("to 0.0.0.0/0", false);
	takes("from 0.0.0.0/0", false);
	takes("proto udp", false);
	takes("port 443", false);
}

static void test_names(void **state)
{
	static const char *const names[] = {"www.example.org", "example.org",
					    "evil.example"};

	(void)state;
	open_policy("drop name evil.example\n"
		    "accept name example.org\n"
		    "accept name *.example.org port 53");
	k.o.names = names;
	IS("drop default");
	k.o.nnames = 2;
	IS("accept 2");
	k.o.nnames = 3;
	IS("drop 1");
	k.o.names = names + 2;
	k.o.nnames = 1;
	IS("drop 1");
	/* of several names all must be allowed */
	open_policy("accept name example.org");
	k.o.names = names;
	k.o.nnames = 3;
	IS("drop default");
	open_policy("accept name *.example.org");
	k.o.names = names;
	k.o.nnames = 2;
	IS("drop default");
	k.o.nnames = 1;
	IS("accept 1");
}

static void test_senders(void **state)
{
	struct policy_process *ps = k.ps;

	(void)state;
	open_policy("");
	kit_close(&k);
	takes("exe /bin/a", true);
	takes("exe /bin/b", false);
	takes("uid 1000", true);
	takes("uid 0,999-1001", true);
	takes("uid 0-999", false);
	takes("gid 1000", true);
	takes("gid 0", false);
	takes("unit a.service", false);
	takes("cgroup /a", false);
	takes("cgroup /", true);
	takes("parent /bin/p", false);
	ps->parent = (struct policy_program){1, kit_ino("/bin/p"), 1, "", 0};
	takes("parent /bin/p", true);
	takes("parent /bin/q", false);
	ps->cgroup = "/system.slice/a.service/sub";
	ps->unit = "a.service";
	takes("unit a.service", true);
	takes("unit sub.service", false);
	takes("cgroup /system.slice/a.service", true);
	takes("cgroup /system.slice/a.service/sub", true);
	takes("cgroup /system.slice/a.service/sub/sub", false);
	takes("cgroup /system.slice/a.serv", false);
	takes("exe /bin/a parent /bin/p uid 1000 gid 1000 unit a.service",
	      true);
	takes("exe /bin/a parent /bin/p uid 1000 gid 1000 unit b.service",
	      false);
}

static void test_unit_patterns(void **state)
{
	(void)state;
	open_policy("");
	kit_close(&k);
	k.ps[0].unit = "user@1000.service/app-firefox-42.scope";
	takes("unit user@*.service/app-firefox-*.scope", true);
	takes("unit user@1000.service/app-firefox-*.scope", true);
	takes("unit user@1000.service/*-*-42.scope", true);
	takes("unit user@1000.service/app-firefox-42.scope*", true);
	takes("unit user@1000.service/app-firefox-43*.scope", false);
	takes("unit user@1000.service/*.service", false);
	takes("unit user@*.scope", false); /* one name is not two */
	takes("unit *.scope", false);
	k.ps[0].unit = "a.b.b.service";
	takes("unit *.b.service", true);
	takes("unit *.b*.service", true);
	takes("unit a.*.b.b.service", false);
	takes("unit *.service", true);
	takes("unit **.service", true);
	takes("unit a.b.b.servic", false);
	k.ps[0].unit = NULL;
	takes("unit *.service", false);
}

static void test_containers(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef"
				 "0123456789abcdef0123456789abcdef";

	(void)state;
	open_policy("");
	kit_close(&k);
	takes("container web", false);
	k.ps[0].container = "web";
	takes("container web", true);
	takes("container we", false);
	takes("container web2", false);
	k.ps[0].container = id;
	takes("container 0123456789ab", true);
	takes("container 0123456789a", false);
	takes("container 0123456789ac", false);
	takes("container 0123456789abcdef0123456789abcdef"
	      "0123456789abcdef0123456789abcdef",
	      true);
	k.ps[0].container = "0123456789abcd"; /* a name like an id */
	takes("container 0123456789ab", false);
}

/* What is not known lets nothing pass, and is enough to stop. */
static void test_not_known(void **state)
{
	static const char *const asks[] = {
		"exe /bin/x",	  "uid 5",     "gid 5",
		"unit a.service", "cgroup /a", "container c",
		"parent /bin/x",  "port 5",    "to 10.0.0.1",
		"from 10.0.0.1",  "proto tcp", "sport 5"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		char text[128], want[64];
		size_t word = strcspn(asks[i], " ");

		for (int v = POLICY_ACCEPT; v <= POLICY_REJECT; v++) {
			const char *verdict =
				policy_verdict_name((enum policy_verdict)v);

			snprintf(text, sizeof(text), "%s %s", verdict, asks[i]);
			open_policy(text);
			k.ps[0] = (struct policy_process){0};
			k.o = (struct policy_object){.proto = -1};
			snprintf(want, sizeof(want), "%s 1 no %.*s", verdict,
				 (int)word, asks[i]);
			IS(v == POLICY_ACCEPT ? "drop default" : want);
		}
	}
}

static void test_doubt_needs_the_rest_to_fit(void **state)
{
	(void)state;
	open_policy("drop exe /bin/x uid 5\n"
		    "log exe /bin/x\n"
		    "drop port 80 exe /bin/x\n"
		    "accept uid 1000");
	k.ps[0].exe.ino = 0;
	IS("accept 4 log 2");
	kit_send(&k, "tcp", "10.0.0.1", 80);
	IS("drop 3 log 2 no exe");
	assert_true(k.r.doubted);
}

static void test_unknown(void **state)
{
	static const enum sockowner_grade grades[] = {
		SOCKOWNER_UNKNOWN, SOCKOWNER_UID_ONLY, SOCKOWNER_CREATOR,
		SOCKOWNER_TWINS};

	(void)state;
	open_policy("drop exe /bin/x\n"	     /* of processes only */
		    "drop uid 1000\n"	     /* as well */
		    "accept to 10.0.0.1\n"   /* as well */
		    "accept kernel\n"	     /**/
		    "reject to 10.0.0.2\n"   /* of anyone */
		    "accept unknown uid 5\n" /**/
		    "drop unknown gid 1000 port 443\n"
		    "accept anyone port 80");
	for (size_t i = 0; i < ARRAY_SIZE(grades); i++) {
		kit_none(&k, grades[i]);
		kit_send(&k, "tcp", "10.0.0.1", 443);
		IS("drop 7");
		kit_send(&k, "tcp", "10.0.0.1", 80);
		IS("accept 8");
		kit_send(&k, "tcp", "10.0.0.2", 80);
		IS("reject 5");
		kit_send(&k, "tcp", "10.0.0.1", 22);
		IS("drop default");
		k.s.packet_uid = 5;
		IS("accept 6");
		k.s.has_packet_ids = false;
		IS("drop default");
		kit_send(&k, "tcp", "10.0.0.1", 443);
		IS("drop 7 no gid");
	}
	/* proved, but nobody is there */
	kit_none(&k, SOCKOWNER_PROVED);
	IS("drop 7");
}

static void test_kernel(void **state)
{
	(void)state;
	open_policy("drop unknown\naccept to 10.0.0.0/8\n"
		    "accept kernel proto icmp\ndrop port 443\naccept anyone");
	kit_none(&k, SOCKOWNER_KERNEL);
	IS("drop 4");
	kit_send(&k, "icmp", "10.0.0.1", 0);
	IS("accept 3");
	kit_send(&k, "tcp", "10.0.0.1", 80);
	IS("accept 5");
	assert_int_equal(k.r.who, POLICY_KERNEL);
}

static void test_holder(void **state)
{
	static const char rules[] = "accept exe /bin/a\n"
				    "drop exe /bin/b\n"
				    "accept unknown to 10.0.0.1";
	char trusting[128] = "trust holder\n";

	(void)state;
	open_policy(rules);
	k.s.grade = SOCKOWNER_HOLDER;
	IS("accept 3");
	assert_int_equal(k.r.who, POLICY_UNKNOWN);
	/* not trusted to be allowed, but suspected enough to be stopped */
	kit_proved(&k, "/bin/b");
	k.s.grade = SOCKOWNER_HOLDER;
	IS("drop 2");
	strcat(trusting, rules);
	open_policy(trusting);
	k.s.grade = SOCKOWNER_HOLDER;
	kit_send(&k, "udp", "10.0.0.2", 53);
	IS("accept 2");
	assert_int_equal(k.r.who, POLICY_PROCESS);
}

static void test_shared(void **state)
{
	(void)state;
	open_policy("trust shared\naccept exe /bin/a log\naccept exe /bin/b\n"
		    "drop unknown\nreject exe /bin/c");
	k.s.grade = SOCKOWNER_SHARED;
	kit_add(&k, "/bin/b");
	IS("accept 3 log 2");
	kit_add(&k, "/bin/c");
	IS("reject 5 log 2");
	assert_int_equal(k.r.process, 2);
	k.s.complete = false; /* and others */
	IS("drop 4");
	k.s.nprocesses = 2;
	IS("drop 4");
	k.s.complete = true;
	IS("accept 3 log 2");
	open_policy("accept exe /bin/a\naccept exe /bin/b");
	k.s.grade = SOCKOWNER_SHARED;
	kit_add(&k, "/bin/b");
	IS("drop default");
	open_policy("trust shared\naccept anyone");
	kit_none(&k, SOCKOWNER_SHARED);
	IS("accept 2");
	assert_int_equal(k.r.who, POLICY_UNKNOWN);
}

static void test_script(void **state)
{
	static const char rules[] = "drop exe /bin/a script /bad.a\n"
				    "accept exe /bin/a script /good.a";
	char trusting[128] = "trust script\n";

	(void)state;
	open_policy(rules);
	k.ps[0].script = "/good.a";
	k.ps[0].script_kind = POLICY_SCRIPT_SEEN;
	IS("accept 2");
	k.ps[0].script_kind = POLICY_SCRIPT_CLAIMED;
	IS("drop 1 no script");
	k.ps[0].script = NULL;
	IS("drop 1 no script");
	k.ps[0].script = "/bad.a";
	IS("drop 1");
	k.ps[0].script_kind = POLICY_SCRIPT_UNKNOWN;
	IS("drop 1 no script");
	strcat(trusting, rules);
	open_policy(trusting);
	k.ps[0].script_kind = POLICY_SCRIPT_CLAIMED;
	IS("drop default"); /* says that there is none */
	k.ps[0].script = "/good.a";
	IS("accept 3");
	k.ps[0].script = "/bad.a";
	IS("drop 2");
	k.ps[0].script_kind = POLICY_SCRIPT_UNKNOWN;
	IS("drop 2 no script");
}

static void test_digest(void **state)
{
	static const char text[] = "drop uid 0\n"
				   "accept exe /bin/a sha256 "
				   "0102030405060708091011121314151617181920212"
				   "223242526272829303132"
				   "\nreject exe /bin/a sha256 "
				   "0000000000000000000000000000000000000000000"
				   "000000000000000000000";
	uint8_t digest[POLICY_DIGEST_LEN] = {0};

	(void)state;
	open_policy(text);
	IS("reject 3 no sha256"); /* it might be that one */
	policy_files_set_digest(k.files, 0, digest);
	IS("reject 3");
	for (uint8_t i = 0; i < POLICY_DIGEST_LEN; i++)
		digest[i] = (uint8_t)((i + 1) / 10 * 16 + (i + 1) % 10);
	policy_files_set_digest(k.files, 0, digest);
	IS("accept 2");
	digest[31]++;
	policy_files_set_digest(k.files, 0, digest);
	IS("drop default");
	kit_proved(&k, "/bin/b");
	IS("drop default");
}

/* The path means another file now than the one that the process runs. */
static void replace(const char *by)
{
	struct policy_file *f = &k.files->list[0];

	f->past[f->npast++] = f->now;
	f->past[0].fd = -1;
	f->now.ino = kit_ino(by);
	policy_files_index(k.files);
}

static void test_replaced(void **state)
{
	static const char *const texts[] = {"accept exe /bin/a",
					    "trust replaced\naccept exe /bin/a",
					    "reject exe /bin/a\naccept"};
	static const char *const old[] = {"drop default", "accept 2",
					  "reject 1"};
	static const char *const new[] = {"accept 1", "accept 2", "reject 1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		open_policy(texts[i]);
		replace("/bin/a.new");
		IS(old[i]);
		kit_proved(&k, "/bin/a.new");
		IS(new[i]);
		/* deleted, and nobody has looked yet */
		open_policy(texts[i]);
		k.ps[0].exe.nlink = 0;
		IS(old[i]);
	}
}

static void test_stale(void **state)
{
	(void)state;
	open_policy("accept exe /bin/a");
	k.files->list[0].path_hash = util_hash("/bin/a", 6);
	k.files->list[0].real_hash = util_hash("/usr/bin/a", 10);
	assert_false(policy_is_stale(k.files, &k.s));
	k.ps[0].exe.ino++;
	assert_true(policy_is_stale(k.files, &k.s));
	k.ps[0].exe.foreign = true; /* that path is not ours */
	assert_false(policy_is_stale(k.files, &k.s));
	k.ps[0].exe.foreign = false;
	k.ps[0].exe.path = "/usr/bin/a";
	assert_true(policy_is_stale(k.files, &k.s));
	k.ps[0].exe.path = "/usr/bin/b";
	assert_false(policy_is_stale(k.files, &k.s));
	k.ps[0].exe.path = NULL;
	assert_false(policy_is_stale(k.files, &k.s));
	k.ps[0].exe.path = "/bin/a";
	k.ps[0].exe.nlink = 0; /* it was that one; the new one is not running */
	assert_false(policy_is_stale(k.files, &k.s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_default, close_kit),
		cmocka_unit_test_teardown(test_first_match, close_kit),
		cmocka_unit_test_teardown(test_log_decides_nothing, close_kit),
		cmocka_unit_test_teardown(test_objects, close_kit),
		cmocka_unit_test_teardown(test_packets_without, close_kit),
		cmocka_unit_test_teardown(test_names, close_kit),
		cmocka_unit_test_teardown(test_senders, close_kit),
		cmocka_unit_test_teardown(test_unit_patterns, close_kit),
		cmocka_unit_test_teardown(test_containers, close_kit),
		cmocka_unit_test_teardown(test_not_known, close_kit),
		cmocka_unit_test_teardown(test_doubt_needs_the_rest_to_fit,
					  close_kit),
		cmocka_unit_test_teardown(test_unknown, close_kit),
		cmocka_unit_test_teardown(test_kernel, close_kit),
		cmocka_unit_test_teardown(test_holder, close_kit),
		cmocka_unit_test_teardown(test_shared, close_kit),
		cmocka_unit_test_teardown(test_script, close_kit),
		cmocka_unit_test_teardown(test_digest, close_kit),
		cmocka_unit_test_teardown(test_replaced, close_kit),
		cmocka_unit_test_teardown(test_stale, close_kit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
