/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_output_about: an ICMP error's flow and its owners, in both formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "output.h"
#include "sample.h"

#define ABOUT "icmp error about udp 192.168.1.1:40000 > 192.168.1.7:53"

static struct event e;

static int set_up(void **state)
{
	struct event_about *a = &e.about;

	(void)state;
	sample_packet(&e);
	e.grade = SOCKOWNER_KERNEL;
	e.kernel_kind = "icmp error";
	a->known = a->has_ports = true;
	a->tuple = e.tuple;
	a->tuple.saddr = e.tuple.daddr;
	a->tuple.daddr = e.tuple.saddr;
	a->tuple.sport = 40000;
	a->tuple.dport = 53;
	a->grade = SOCKOWNER_UNKNOWN;
	a->reason = SOCKOWNER_REASON_NO_SOCKET;
	return 0;
}

static void add_holder(const char *comm, pid_t pid)
{
	struct event_process *p = &e.about.holders[e.about.nholders++];

	*p = (struct event_process){.pid = pid};
	snprintf(p->comm, sizeof(p->comm), "%s", comm);
	e.about.nholders_total++;
	e.about.grade = SOCKOWNER_HOLDER;
	e.about.reason = SOCKOWNER_REASON_NO_WITNESS;
}

static const char *format(const struct output_format *f)
{
	static char mem[OUTPUT_RECORD_MAX];
	const struct output_options opt = {.colour = false};
	struct strbuf sb;

	strbuf_init(&sb, mem, sizeof(mem));
	assert_int_equal(f->format(&e, &opt, &sb), 0);
	return mem;
}

static void assert_says(const char *what)
{
	const char *text = format(&output_text);

	if (strstr(text, what) == NULL)
		fail_msg("not \"%s\" in:\n%s", what, text);
}

static void test_text(void **state)
{
	(void)state;
	assert_says("  kernel (" ABOUT ")\n");
	add_holder("named", 53);
	assert_says("  kernel (" ABOUT ", socket of named[53])\n");
	add_holder("a\nb", 54);
	e.about.nholders_total = 7;
	assert_says(", socket of named[53], \"a\\nb\"[54] (+5 more))\n");
}

/* Without ports, and of a packet that is not the kernel's. */
static void test_text_of_others(void **state)
{
	(void)state;
	e.about.has_ports = false;
	e.kernel_kind = NULL;
	e.grade = SOCKOWNER_UNKNOWN;
	assert_says("   about udp 192.168.1.1 > 192.168.1.7   unknown");
	e.about.known = false;
	assert_null(strstr(format(&output_text), "about"));
}

static json_t *about(json_t **root)
{
	*root = json_loads(format(&output_json), 0, NULL);
	assert_non_null(*root);
	return json_object_get(json_object_get(*root, "ptrap"), "about");
}

static void test_json(void **state)
{
	const char *transport, *grade, *reason, *from, *to, *name;
	int sport, dport, pid, total;
	json_t *root;

	(void)state;
	e.about.asked = true;
	add_holder("named", 53);
	e.about.nholders_total = 3;
	assert_int_equal(
		json_unpack(
			about(&root),
			"{s:s,s:{s:s,s:i},s:{s:s,s:i},s:s,s:s,s:[{s:i,s:s}],"
			"s:i!}",
			"transport", &transport, "source", "ip", &from, "port",
			&sport, "destination", "ip", &to, "port", &dport,
			"grade", &grade, "reason", &reason, "holders", "pid",
			&pid, "name", &name, "holders_total", &total),
		0);
	assert_string_equal(transport, "udp");
	assert_string_equal(from, "192.168.1.1");
	assert_string_equal(to, "192.168.1.7");
	assert_int_equal(sport, 40000);
	assert_int_equal(dport, 53);
	assert_string_equal(grade, "holder");
	assert_int_equal(pid, 53);
	assert_string_equal(name, "named");
	assert_int_equal(total, 3);
	assert_null(json_object_get(root, "process"));
	json_decref(root);
}

/* What was not asked is not there, and no port is not port 0. */
static void test_json_without(void **state)
{
	json_t *root, *a;

	(void)state;
	e.about.has_ports = false;
	a = about(&root);
	assert_null(json_object_get(a, "holders"));
	assert_null(json_object_get(a, "grade"));
	assert_null(json_object_get(json_object_get(a, "source"), "port"));
	json_decref(root);
	e.about.known = false;
	assert_null(about(&root));
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_text, set_up),
		cmocka_unit_test_setup(test_text_of_others, set_up),
		cmocka_unit_test_setup(test_json, set_up),
		cmocka_unit_test_setup(test_json_without, set_up),
	};

	return cmocka_run_group_tests_name("output_about", tests, NULL, NULL);
}
