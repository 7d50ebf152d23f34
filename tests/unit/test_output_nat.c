/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_output_nat: what the wire sees of a packet, in both formats. */
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

static int set_up(void **state)
{
	(void)state;
	sample_event(&e);
	e.has_nat = true;
	e.wire = e.tuple;
	return 0;
}

static void set_ip(struct ipaddr *a, const char *text)
{
	assert_int_equal(ipaddr_parse(text, strlen(text), a), 0);
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

/* The word, and nothing more of the kind. */
static void expect_text(const char *word)
{
	const char *text = format(&output_text), *at = strstr(text, "NAT");

	if (word == NULL) {
		assert_null(at);
		return;
	}
	assert_non_null(at);
	assert_int_equal(strncmp(at, word, strlen(word)), 0);
	assert_int_equal(strncmp(at + strlen(word), "   ", 3), 0);
}

static void expect_json(const char *source, const char *destination)
{
	json_t *root = json_loads(format(&output_json), 0, NULL);
	json_t *nat = json_object_get(json_object_get(root, "ptrap"), "nat");
	char *text;

	assert_non_null(nat);
	text = json_dumps(json_object_get(nat, "source"), JSON_COMPACT);
	assert_int_equal(!source, !text);
	if (source)
		assert_string_equal(text, source);
	free(text);
	text = json_dumps(json_object_get(nat, "destination"), JSON_COMPACT);
	assert_int_equal(!destination, !text);
	if (destination)
		assert_string_equal(text, destination);
	free(text);
	json_decref(root);
}

static void test_none(void **state)
{
	json_t *root;

	(void)state;
	e.has_nat = false;
	expect_text(NULL);
	root = json_loads(format(&output_json), 0, NULL);
	assert_null(json_object_get(json_object_get(root, "ptrap"), "nat"));
	json_decref(root);
}

static void test_destination(void **state)
{
	(void)state;
	set_ip(&e.wire.daddr, "10.0.0.7");
	e.wire.dport = 5353;
	expect_text("NAT to 10.0.0.7:5353");
	expect_json(NULL, "{\"ip\":\"10.0.0.7\",\"port\":5353}");
}

static void test_source(void **state)
{
	(void)state;
	set_ip(&e.wire.saddr, "203.0.113.5");
	expect_text("NAT from 203.0.113.5:40112");
	expect_json("{\"ip\":\"203.0.113.5\",\"port\":40112}", NULL);
}

static void test_both(void **state)
{
	(void)state;
	e.wire.sport = 1024;
	set_ip(&e.wire.daddr, "10.0.0.7");
	expect_text("NAT 192.168.1.7:1024 > 10.0.0.7:53");
	expect_json("{\"ip\":\"192.168.1.7\",\"port\":1024}",
		    "{\"ip\":\"10.0.0.7\",\"port\":53}");
}

static void test_ipv6_without_ports(void **state)
{
	(void)state;
	e.packet.has_ports = false;
	set_ip(&e.wire.daddr, "fd00::7");
	expect_text("NAT to fd00::7");
	expect_json(NULL, "{\"ip\":\"fd00::7\"}");
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none),
		TEST(test_destination),
		TEST(test_source),
		TEST(test_both),
		TEST(test_ipv6_without_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
