/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy_learn: what was seen, as a policy that lets it pass. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy_kit.h"
#include "policy_learn.h"

#define HEAD                                                                 \
	"# What was seen, as a policy: ptrap-ng.policy(5).  Read it before " \
	"you use it;\n# what should not have been sent is in it, too.\n"

static struct kit k;
static struct policy_learn *l;
static char *text;

static int setup(void **state)
{
	(void)state;
	kit_open(&k, "");
	return policy_learn_open(&l);
}

static int teardown(void **state)
{
	(void)state;
	policy_learn_close(l);
	kit_close(&k);
	free(text);
	text = NULL;
	return 0;
}

static void learn(void)
{
	assert_int_equal(policy_learn_add(l, &k.s, &k.o), 0);
}

/* What is written, behind the head; it must be a policy. */
static const char *written(void)
{
	struct policy *p = NULL;
	struct policy_notes notes;
	size_t size;
	FILE *f;

	free(text);
	f = open_memstream(&text, &size);
	assert_non_null(f);
	assert_int_equal(policy_learn_write(l, f), 0);
	fclose(f);
	if (policy_parse(text, size, &p, &notes))
		fail_msg("%u:%u: %s in %s", notes.list[0].line,
			 notes.list[0].column, notes.list[0].text, text);
	assert_int_equal(notes.nwarnings, 0);
	policy_close(p);
	assert_memory_equal(text, HEAD, strlen(HEAD));
	return text + strlen(HEAD);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_string_equal(written(), "\ndefault drop log\n");
}

static void test_sorted_and_once(void **state)
{
	static const char *const names[] = {"b.example", "a.example"};

	(void)state;
	kit_proved(&k, "/bin/curl");
	learn();
	kit_send(&k, "tcp", "10.0.0.9", 443);
	k.o.names = names;
	k.o.nnames = 2;
	learn();
	kit_send(&k, "tcp", "2.0.0.1", 443);
	learn();
	kit_send(&k, "tcp", "10.0.0.9", 443);
	learn();
	kit_proved(&k, "/bin/a b");
	kit_send(&k, "udp", "::1", 53);
	learn();
	kit_none(&k, SOCKOWNER_KERNEL);
	kit_send(&k, "icmp", "10.0.0.1", 0);
	learn();
	assert_string_equal(written(),
			    "\ndefault drop log\n"
			    "\n# 1 packet\n"
			    "accept exe \"/bin/a b\" uid 1000 to ::1 port 53 "
			    "proto udp\n"
			    "\n# 4 packets; names: b.example, a.example\n"
			    "accept exe /bin/curl uid 1000 to "
			    "2.0.0.1,10.0.0.1,10.0.0.9 port 443 proto tcp\n"
			    "\n# 1 packet\n"
			    "accept kernel to 10.0.0.1 proto icmp\n");
}

static void test_many_addresses(void **state)
{
	char addr[32];

	(void)state;
	for (int i = 0; i <= POLICY_LEARN_ADDRS_MAX; i++) {
		snprintf(addr, sizeof(addr), "10.0.0.%d", i);
		kit_send(&k, "tcp", addr, 443);
		learn();
	}
	assert_string_equal(written(),
			    "\ndefault drop log\n"
			    "\n# 17 packets, more than 16 addresses\n"
			    "accept exe /bin/a uid 1000 port 443 proto tcp\n");
}

static void test_directions(void **state)
{
	(void)state;
	k.o.direction = POLICY_IN;
	k.o.sport = 50000;
	k.o.port = 22;
	learn();
	k.o.direction = POLICY_OUT; /* the answer */
	k.o.sport = 22;
	k.o.port = 50000;
	learn();
	assert_string_equal(written(),
			    "\ndefault drop log\n"
			    "\n# 1 packet\n"
			    "accept exe /bin/a uid 1000 to 10.0.0.1 sport 22 "
			    "proto tcp\n"
			    "\n# 1 packet\n"
			    "accept exe /bin/a uid 1000 in from 192.168.0.9 "
			    "port 22 proto tcp\n");
}

static void test_trust(void **state)
{
	(void)state;
	k.s.grade = SOCKOWNER_HOLDER;
	learn();
	learn();
	k.s.grade = SOCKOWNER_SHARED;
	kit_add(&k, "/usr/bin/python3");
	k.ps[1].script_kind = POLICY_SCRIPT_CLAIMED;
	k.ps[1].script = "/opt/x.py";
	learn();
	assert_string_equal(
		written(),
		"\ndefault drop log\n"
		"trust holder\t# 2 packets came so\n"
		"trust shared\t# 1 packet came so\n"
		"trust script\t# 1 packet came so\n"
		"\n# 3 packets\n"
		"accept exe /bin/a uid 1000 to 10.0.0.1 port 443 proto tcp\n"
		"\n# 1 packet\n"
		"accept exe /usr/bin/python3 script /opt/x.py uid 1000 to "
		"10.0.0.1 port 443 proto tcp\n");
}

/* No line lets these pass safely. */
static void test_refused(void **state)
{
	(void)state;
	kit_none(&k, SOCKOWNER_UID_ONLY);
	learn();
	kit_proved(&k, "/bin/deleted");
	k.ps[0].exe.nlink = 0;
	learn();
	kit_proved(&k, "/bin/foreign");
	k.ps[0].exe.foreign = true;
	learn();
	kit_proved(&k, "/usr/bin/perl");
	k.ps[0].script_kind = POLICY_SCRIPT_SEEN;
	learn();
	kit_proved(&k, "/bin/a");
	k.ps[0].exe = (struct policy_program){0};
	learn();
	assert_string_equal(
		written(),
		"\ndefault drop log\n"
		"\n# 1 packet; not accepted: the executable was deleted, or is "
		"not this system's\n"
		"# accept exe /bin/deleted uid 1000 to 10.0.0.1 port 443 proto "
		"tcp\n"
		"\n# 1 packet; not accepted: the executable was deleted, or is "
		"not this system's\n"
		"# accept exe /bin/foreign uid 1000 to 10.0.0.1 port 443 proto "
		"tcp\n"
		"\n# 1 packet; not accepted: an interpreter, with code that is "
		"no file\n"
		"# accept exe /usr/bin/perl uid 1000 to 10.0.0.1 port 443 "
		"proto tcp\n"
		"\n# 1 packet; not accepted: the executable is not known\n"
		"# accept uid 1000 to 10.0.0.1 port 443 proto tcp\n"
		"\n# 1 packet; not accepted: the sender is not known\n"
		"# accept unknown uid 1000 to 10.0.0.1 port 443 proto tcp\n");
}

static void test_foreign_with_a_name(void **state)
{
	(void)state;
	k.ps[0].exe.foreign = true;
	k.ps[0].cgroup = "/system.slice/docker-x.scope";
	k.ps[0].unit = "docker-x.scope";
	learn();
	k.ps[0].container = "web";
	learn();
	assert_string_equal(
		written(),
		"\ndefault drop log\n"
		"\n# 1 packet\n"
		"accept container web uid 1000 to 10.0.0.1 port 443 proto tcp\n"
		"\n# 1 packet\n"
		"accept unit docker-x.scope uid 1000 to 10.0.0.1 port 443 "
		"proto tcp\n");
}

/* What was learned is let pass, and the rest is not. */
static void test_learned_is_accepted(void **state)
{
	static const char odd[] = "/opt/\"a\\b\"\n\xff # \xe2\x80\xae";
	struct kit again;

	(void)state;
	kit_proved(&k, odd);
	learn();
	written();
	kit_open(&again, text);
	kit_proved(&again, odd);
	policy_evaluate(again.p, again.files, &again.s, &again.o, &again.r);
	assert_int_equal(again.r.verdict, POLICY_ACCEPT);
	kit_proved(&again, "/bin/x");
	policy_evaluate(again.p, again.files, &again.s, &again.o, &again.r);
	assert_int_equal(again.r.verdict, POLICY_DROP);
	kit_close(&again);
}

static void test_full(void **state)
{
	char path[32];

	(void)state;
	for (int i = 0; i < POLICY_LEARN_MAX + 2; i++) {
		snprintf(path, sizeof(path), "/bin/%d", i);
		kit_proved(&k, path);
		assert_int_equal(policy_learn_add(l, &k.s, &k.o),
				 i < POLICY_LEARN_MAX ? 0 : -ENOSPC);
	}
	free(text);
	text = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sorted_and_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_many_addresses, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_directions, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_trust, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_with_a_name, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_learned_is_accepted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
