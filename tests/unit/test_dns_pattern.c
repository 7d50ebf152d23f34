/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dns_pattern: which names are meant, and what is no name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns_pattern.h"

#define LABEL_63 \
	"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define LABEL_61 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61

static bool matches(const char *pattern, const char *name)
{
	struct dns_pattern p;
	const char *why;
	size_t pos;

	assert_int_equal(dns_pattern_parse(pattern, &p, &pos, &why), 0);
	return dns_pattern_match(&p, name);
}

#define YES(pattern, name) assert_true(matches(pattern, name))
#define NO(pattern, name)  assert_false(matches(pattern, name))

static void refused(const char *text, size_t pos, const char *begin)
{
	struct dns_pattern p;
	const char *why = NULL;
	size_t at = 999;

	assert_int_equal(dns_pattern_parse(text, &p, &at, &why), -EINVAL);
	assert_int_equal(at, pos);
	assert_memory_equal(why, begin, strlen(begin));
}

static void test_name_and_below(void **state)
{
	(void)state;
	YES("evil.example", "evil.example");
	YES("evil.example", "www.evil.example");
	YES("evil.example", "a.b.c.evil.example");
	YES("example", "evil.example");
	NO("evil.example", "evil.example.org");
	NO("evil.example", "notevil.example");
	NO("evil.example", "example");
	NO("evil.example", ".");
	NO("evil.example", "");
	NO("evil.example", "evil-example");
}

static void test_below_only(void **state)
{
	(void)state;
	YES("*.evil.example", "www.evil.example");
	YES("*.evil.example", "a.b.evil.example");
	NO("*.evil.example", "evil.example");
	NO("*.evil.example", "www.notevil.example");
	YES("*.org", "a.org");
}

static void test_case_and_dot(void **state)
{
	(void)state;
	YES("evil.example", "eViL.ExAmPlE");
	YES("EVIL.Example.", "www.evil.example");
	YES("*.Evil.example.", "WWW.EVIL.EXAMPLE");
	YES("xn--bcher-kva.example", "www.XN--Bcher-KVA.example");
	YES("_dmarc.evil.example", "_DMARC.evil.example");
	NO("a_b", "a\x7f"
		  "b");	   /* 0x5f | 0x20 */
	NO("a-b", "a\rb"); /* 0x2d & ~0x20 */
}

/* A dot within a label is no end of one, and a backslash there no escape. */
static void test_escapes(void **state)
{
	(void)state;
	NO("evil.example", "a\\.evil.example");
	YES("evil.example",
	    "a\\\\.evil.example"); /* a label that ends with \ */
	NO("evil.example", "a\\\\\\.evil.example");
	NO("evil.example", "\\.evil.example");
	YES("evil.example", "\\\\.evil.example");
	NO("evil.example", "evil\\.example");
	NO("evil.example", "ev\\000il.example");
	YES("evil.example", "\\000.evil.example"); /* a label of its own */
	NO("evil.example", "\\000evil.example");
	NO("032.example", "\\032.example"); /* a blank */
	NO("32.example", "\\032.example");
	YES("b.example", "a\\.b\\032.b.example");
}

static void test_mistakes(void **state)
{
	(void)state;
	refused("", 0, "name missing");
	refused(".", 0, "name missing");
	refused("*.", 2, "name missing");
	refused("*..", 2, "name missing");
	refused("*", 0, "* stands");
	refused("*evil.example", 0, "* stands");
	refused("www.*.example", 4, "* stands");
	refused("a..b", 2, "empty label");
	refused(".a", 0, "empty label");
	refused("a..", 2, "empty label");
	refused("*..a", 2, "empty label");
	refused("evil example", 4, "not in a name");
	refused("evil.example\n", 12, "not in a name");
	refused("a/b", 1, "not in a name");
	refused("a:53", 1, "not in a name");
	refused("\\097", 0, "not in a name");
	refused("=evil.example", 0, "not in a name");
	refused("b\xc3\xbc"
		"cher.example",
		1, "not ASCII");
	refused("\xff", 0, "not ASCII");
}

static void test_lengths(void **state)
{
	struct dns_pattern p;
	const char *why;
	size_t pos;

	(void)state;
	YES(LABEL_63, LABEL_63);
	refused(LABEL_63 "x", 63, "label above 63");
	refused("*.a." LABEL_63 "x", 67, "label above 63");
	assert_int_equal(dns_pattern_parse(NAME_253, &p, &pos, &why), 0);
	assert_int_equal(p.len, 253);
	YES("*." NAME_253 ".", "a." NAME_253);
	refused(NAME_253 "x", 253, "name above 253");
	refused("*." NAME_253 "x", 255, "name above 253");
}

static void test_format(void **state)
{
	char buf[DNS_PATTERN_MAX + 2];
	struct dns_pattern p;
	const char *why;
	size_t pos;

	(void)state;
	assert_int_equal(dns_pattern_parse("*.Evil.example.", &p, &pos, &why),
			 0);
	assert_string_equal(dns_pattern_format(&p, buf, sizeof(buf)),
			    "*.evil.example");
	assert_int_equal(dns_pattern_parse("*." NAME_253, &p, &pos, &why), 0);
	assert_string_equal(dns_pattern_format(&p, buf, sizeof(buf)),
			    "*." NAME_253);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_and_below),
		cmocka_unit_test(test_below_only),
		cmocka_unit_test(test_case_and_dot),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
