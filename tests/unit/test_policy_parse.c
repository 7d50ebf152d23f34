/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy_parse: which texts are policies, and what is said of the others.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy_format.h"
#include "policy_parse.h"
#include "util.h"

#define DIGEST_8 "01234567"
#define DIGEST_64 \
	DIGEST_8 DIGEST_8 DIGEST_8 DIGEST_8 DIGEST_8 DIGEST_8 DIGEST_8 DIGEST_8
#define LABEL_63 \
	"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static struct policy_notes notes;

static struct policy *parse(const char *text)
{
	struct policy *p = NULL;

	if (policy_parse(text, strlen(text), &p, &notes))
		return NULL;
	return p;
}

/* What the policy is when it is written; the caller frees it. */
static char *written(const char *text)
{
	struct policy *p = parse(text);
	char *out = NULL;
	size_t size;
	FILE *f;

	if (!p)
		fail_msg("%s: %u:%u: %s", text, notes.list[0].line,
			 notes.list[0].column, notes.list[0].text);
	f = open_memstream(&out, &size);
	assert_non_null(f);
	assert_int_equal(policy_format(p, f), 0);
	fclose(f);
	policy_close(p);
	return out;
}

/* out NULL: as it was. */
static const struct {
	const char *in, *out;
} good[] = {
	{"", ""},
	{"\n\n", ""},
	{"# nothing\n  \t# here\n", ""},
	{"accept", "accept\n"},
	{"drop", "drop anyone\n"},
	{"reject\n", "reject anyone\n"},
	{"log", "log anyone\n"},
	{"default accept\n", NULL},
	{"default drop\n", NULL},
	{"default reject log\n", NULL},
	{"trust holder\ntrust shared\ntrust script\ntrust replaced\n", NULL},
	{"trust shared\ndefault drop\n", "default drop\ntrust shared\n"},
	{"accept exe /usr/bin/curl uid 1000 to 10.0.0.0/8 port 443 proto "
	 "tcp\n",
	 NULL},
	{"accept proto tcp port 443 to 10.0.0.0/8 uid 1000 exe /usr/bin/curl",
	 "accept exe /usr/bin/curl uid 1000 to 10.0.0.0/8 port 443 proto "
	 "tcp\n"},
	{"reject exe /usr/bin/python3 script /opt/x.py\n", NULL},
	{"accept unit systemd-resolved.service to any port 53 log",
	 "accept unit systemd-resolved.service port 53 log\n"},
	{"drop unknown\naccept kernel\n", NULL},
	{"accept anyone to 127.0.0.0/8,::1\n", NULL},
	{"accept unknown uid 33,35-40 gid 0 port 53 # comment",
	 "accept unknown uid 33,35-40 gid 0 port 53\n"},
	{"accept exe \"/opt/a b\" # \"\n", "accept exe \"/opt/a b\"\n"},
	{"accept exe /opt/a#b\n", "accept exe \"/opt/a#b\"\n"},
	{"accept exe /opt/a\\x20b\n", "accept exe \"/opt/a b\"\n"},
	{"accept exe \"/\\\"\\\\\\n\\t\\r\\x01\\xFf\\u{202e}\"\n",
	 "accept exe \"/\\\"\\\\\\n\\t\\r\\x01\\xff\\u{202e}\"\n"},
	{"accept exe /b\xc3\xa4r\n", "accept exe \"/b\xc3\xa4r\"\n"},
	{"accept exe /\\u{e4}\\u{20ac}\\u{1f600}\n",
	 "accept exe \"/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\n"},
	{"accept exe /a sha256 " DIGEST_64 "\n", NULL},
	{"accept exe /a parent /b cgroup /system.slice container web\n", NULL},
	{"accept cgroup /", "accept cgroup /\n"},
	{"accept container log log\n", NULL},
	{"accept in sport 1-2,9 port 80\n", NULL},
	{"accept out\n", NULL},
	{"accept forward from 10.1.2.3/8 to [2001:db8::1]",
	 "accept forward from 10.0.0.0/8 to 2001:db8::1\n"},
	{"accept from any sport any to any port any proto any", "accept\n"},
	{"accept to ::ffff:10.0.0.1", "accept to 10.0.0.1\n"},
	{"accept proto 6,17,icmp,47", "accept proto tcp,udp,icmp,47\n"},
	{"accept name Example.ORG.,*.b.example",
	 "accept name example.org,*.b.example\n"},
	{"accept uid 0-4294967294\n", NULL},
	{"accept unit user@*.service/app-*.scope\n", NULL},
	{"accept unit a\\\\x2db.service\n", NULL},
	{"accept uid 5-5", "accept uid 5\n"},
	{"log exe /bin/nc\n", NULL},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const char *want = good[i].out ? good[i].out : good[i].in;
		char *out, *again;

		out = written(good[i].in);
		assert_string_equal(out, want);
		again = written(out);
		assert_string_equal(again, out);
		free(again);
		free(out);
	}
}

/* msg: how it begins */
static const struct {
	const char *in;
	unsigned line, column;
	const char *msg;
} bad[] = {
	/* words */
	{"allow exe /a", 1, 1, "not a word of a policy; 'accept' is: allow"},
	{"deny", 1, 1, "not a word of a policy; 'drop' is"},
	{"include /etc/x", 1, 1, "one file is the whole policy"},
	{"\n\n  foo", 3, 3, "a line begins with accept, drop, reject, log, "},
	{"Accept", 1, 1, "a line begins with"},
	{"\"accept\"", 1, 1, "a word of the policy's own"},
	{"acc\\x65pt", 1, 1, "a word of the policy's own"},
	{"accept exee /a", 1, 8, "not a word of a policy: exee"},
	{"accept dport 1", 1, 8, "not a word of a policy; 'port' is"},
	{"accept tcp", 1, 8, "'proto' goes before it"},
	{"accept any", 1, 8, "'anyone' is for who sends"},
	{"accept shared", 1, 8, "no sender of its own; say 'trust shared'"},
	{"accept holder", 1, 8, "no sender of its own; say 'trust holder'"},
	{"accept \"exe\" /a", 1, 8, "a word of the policy's own"},
	{"accept exe", 1, 11, "its value is missing: exe"},
	{"accept exe # /a", 1, 11, "its value is missing: exe"},
	{"accept exe /a exe /b", 1, 15, "is said already: exe"},
	{"accept to any to any", 1, 15, "is said already: to"},
	{"accept log log", 1, 12, "is said already: log"},
	{"log log", 1, 5, "is said already: log"},
	{"accept in out", 1, 11, "a line has one direction: out"},
	{"accept kernel unknown", 1, 15, "a line has one kind of sender"},
	/* quotes and escapes */
	{"accept exe \"/a", 1, 12, "the closing quote is missing: \"\\\"/a\""},
	{"accept exe \"/a\"b", 1, 16, "a blank must follow the closing quote"},
	{"accept exe /a\"b\"", 1, 14, "a quote in the middle of a word"},
	{"accept exe '/a b'", 1, 12, "only double quotes quote"},
	{"accept exe /a\\", 1, 14, "not an escape: "},
	{"accept exe /a\\q", 1, 14, "not an escape: "},
	{"accept exe /\\x0", 1, 13, "two hexadecimal digits must follow"},
	{"accept exe /\\x0g", 1, 13, "two hexadecimal digits must follow"},
	{"accept exe /\\x00", 1, 13, "no word has a NUL"},
	{"accept exe /\\u{0}", 1, 13, "no word has a NUL"},
	{"accept exe /\\u41", 1, 13, "{, up to six hexadecimal digits"},
	{"accept exe /\\u{}", 1, 13, "{, up to six hexadecimal digits"},
	{"accept exe /\\u{1234567}", 1, 13, "{, up to six hexadecimal"},
	{"accept exe /\\u{41", 1, 13, "{, up to six hexadecimal digits"},
	{"accept exe /\\u{d800}", 1, 13, "there is no such character"},
	{"accept exe /\\u{110000}", 1, 13, "there is no such character"},
	/* what cannot be seen */
	{"accept\r\n", 1, 7, "carriage return: a line ends with a line feed"},
	{"# \x1b[2K", 1, 3, "control character: \"\\x1b\""},
	{"accept exe /\x7f", 1, 13, "control character"},
	{"accept exe /a # \xe2\x80\xae", 1, 17, "cannot be seen"},
	{"accept exe /\xff", 1, 13,
	 "cannot be seen as what it is; write the "
	 "escape: \"\\xff\""},
	{"accept exe /\xc3", 1, 13, "cannot be seen"},
	/* default and trust */
	{"default", 1, 8, "accept, drop or reject is missing"},
	{"default deny", 1, 9, "not a word of a policy; 'drop' is"},
	{"default log", 1, 9, "accept, drop or reject is wanted: log"},
	{"default drop drop", 1, 14, "only 'log' may follow here"},
	{"default drop log log", 1, 18, "nothing may follow here"},
	{"default drop\ndefault drop", 2, 1, "the default is stated already"},
	{"accept kernel\ndefault drop", 2, 1, "stands before the first rule"},
	{"trust", 1, 6, "holder, shared, script or replaced is missing"},
	{"trust me", 1, 7, "holder, shared, script or replaced is wanted"},
	{"trust holder shared", 1, 14, "nothing may follow here"},
	{"trust holder\ntrust holder", 2, 7, "is trusted already"},
	{"drop\ntrust holder", 2, 1, "stands before the first rule"},
	/* values */
	{"accept exe curl", 1, 12, "a path must begin with /: curl"},
	{"accept exe \"\"", 1, 12, "a path must begin with /"},
	{"accept exe /a script x.py", 1, 22, "a path must begin with /"},
	{"accept exe /a sha256 12", 1, 24, "64 hexadecimal digits are wanted"},
	{"accept exe /a sha256 " DIGEST_64 "0", 1, 86,
	 "64 hexadecimal digits are wanted"},
	{"accept exe /a sha256 1g", 1, 23, "not a hexadecimal digit: 1g"},
	{"accept unit ssh", 1, 13, "a unit's name ends in .service"},
	{"accept unit .service", 1, 13, "a unit's name ends in .service"},
	{"accept cgroup a", 1, 15, "a path must begin with /"},
	{"accept cgroup /a/", 1, 17, "no / at the end"},
	{"accept container \"\"", 1, 18, "the container is missing"},
	{"accept uid root", 1, 12, "a number is wanted, not a name: root"},
	{"accept uid 4294967295", 1, 12, "above 4294967294"},
	{"accept uid 2-1", 1, 14, "range ends before it begins"},
	{"accept uid 2-", 1, 14, "a number is wanted"},
	{"accept uid -2", 1, 12, "a number is wanted"},
	{"accept gid 1,x", 1, 14, "a number is wanted, not a name: 1,x"},
	{"accept gid 1,", 1, 14, "a value is missing"},
	{"accept gid ,1", 1, 12, "a value is missing"},
	{"accept gid 1, 2", 1, 14, "a value is missing: 1,"},
	{"accept uid any", 1, 12, "a number is wanted"},
	{"accept uid \"1\"", 1, 12, "no quotes or escapes here"},
	{"accept to \\x31.2.3.4", 1, 11, "no quotes or escapes here"},
	{"accept to example.org", 1, 11, "an address or network is wanted"},
	{"accept to 10.0.0.0/33", 1, 20, "prefix above 32"},
	{"accept to 10.0.0.1,10.0.0.256", 1, 27, "number above 255"},
	{"accept to 10.0.0.1:53", 1, 19, "no port here"},
	{"accept to any,10.0.0.1", 1, 11, "any in a list"},
	{"accept to ::1,::g", 1, 17, "not an IPv6 address"},
	{"accept port 0", 1, 13, "port 0"},
	{"accept port 65536", 1, 13, "port above 65535: 65536"},
	{"accept port http", 1, 13, "not a port number"},
	{"accept port 80,443-442", 1, 20, "range ends before it begins"},
	{"accept proto tpc", 1, 14, "not a protocol: tpc"},
	{"accept proto tcp,any", 1, 18, "not a protocol"},
	{"accept proto 256", 1, 14, "not a protocol"},
	{"accept name *", 1, 13, "* stands for subdomains only"},
	{"accept name a..b", 1, 15, "empty label"},
	{"accept name a," LABEL_63 "x", 1, 78, "label above 63 characters"},
	/* what does not go together */
	{"accept port 53 proto icmp", 1, 8, "the protocol has no ports"},
	{"accept proto tcp,gre sport 5", 1, 18, "not a protocol"},
	{"accept proto tcp,47 sport 5", 1, 21,
	 "the protocol has no ports: sport"},
	{"drop unknown exe /a", 1, 14, "is asked of processes, not of unknown"},
	{"drop gid 5 uid 0 kernel", 1, 6, "is asked of processes"},
	{"drop unknown uid 5 unit a.service", 1, 20, "is asked of processes"},
	{"accept anyone uid 5", 1, 15, "is asked of processes"},
	{"accept sha256 " DIGEST_64, 1, 8, "goes with the exe whose digest"},
	{"accept script /a", 1, 8, "goes with the exe that runs it"},
	/* a comment begins with a word, a keyword's value is no keyword */
	{"accept unknown\tuid 33 port 53#no comment\n", 1, 30,
	 "not a port number: 53#no"},
	{"accept exe \"#\"", 1, 12, "a path must begin with /"},
	{"accept exe exe", 1, 12, "a path must begin with /"},
	{"accept unit log", 1, 13, "a unit's name ends in"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct policy_note *n = &notes.list[0];

		if (parse(bad[i].in))
			fail_msg("%s: fine", bad[i].in);
		assert_int_equal(notes.nerrors, 1);
		if (n->line != bad[i].line || n->column != bad[i].column ||
		    strncmp(n->text, bad[i].msg, strlen(bad[i].msg)) != 0)
			fail_msg("%s: %u:%u: %s", bad[i].in, n->line, n->column,
				 n->text);
	}
}

/* One of each line, in their order, up to a number. */
static void test_many_mistakes(void **state)
{
	char text[400] = "";

	(void)state;
	assert_null(parse("foo\naccept\nbar baz\n\naccept exe x"));
	assert_int_equal(notes.nerrors, 3);
	assert_int_equal(notes.list[0].line, 1);
	assert_int_equal(notes.list[1].line, 3);
	assert_int_equal(notes.list[2].line, 5);
	for (int i = 0; i < 100; i++)
		strcat(text, "x\n");
	assert_null(parse(text));
	assert_int_equal(notes.n, POLICY_NOTES_MAX);
	assert_int_equal(notes.nerrors, POLICY_NOTES_MAX);
}

/* "" : none */
static const struct {
	const char *in;
	unsigned line, column;
	const char *msg;
} warnings[] = {
	{"accept exe /usr/bin/python3", 1, 8,
	 "runs whatever it is given; name a script, if it has one: "
	 "/usr/bin/python3"},
	{"accept uid 5 exe /usr/bin/python3.11 port 443", 1, 14, "runs what"},
	{"accept exe /bin/sh", 1, 8, "runs what"},
	{"accept exe /usr/lib/jvm/bin/java", 1, 8, "runs what"},
	{"accept exe /lib64/ld-linux-x86-64.so.2", 1, 8, "runs what"},
	{"accept exe /usr/bin/busybox", 1, 8, "runs what"},
	{"drop exe /usr/bin/python3", 0, 0, ""},
	{"accept exe /usr/bin/pythonic", 0, 0, ""},
	{"accept exe /usr/bin/sshd", 0, 0, ""},
	{"accept exe /usr/bin/python3 script /opt/x.py", 1, 29,
	 "counts only with 'trust script'"},
	{"trust script\naccept exe /usr/bin/python3 script /opt/x.py", 0, 0,
	 ""},
	{"reject exe /usr/bin/python3 script /opt/x.py", 0, 0, ""},
	{"accept unknown", 1, 1, "whoever is not known may send anywhere"},
	{"accept anyone proto tcp", 1, 1, "whoever is not known"},
	{"accept unknown to 10.0.0.1", 0, 0, ""},
	{"accept unknown uid 5 port 53", 0, 0, ""},
	{"accept", 0, 0, ""},
	{"drop unknown\ndrop unknown uid 5", 2, 1,
	 "never reached: an earlier line"},
	{"accept\naccept uid 5", 2, 1, "never reached"},
	{"accept\naccept kernel\ndrop unknown", 0, 0, ""},
	{"accept\naccept kernel\ndrop unknown\nreject to 10.0.0.1", 4, 1,
	 "never reached"},
	{"drop\nlog exe /a", 2, 1, "never reached"},
	{"log\naccept", 0, 0, ""},
};

static void test_warnings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(warnings); i++) {
		const struct policy_note *n = &notes.list[0];
		struct policy *p = parse(warnings[i].in);

		if (!p)
			fail_msg("%s: %s", warnings[i].in, n->text);
		policy_close(p);
		assert_int_equal(notes.nwarnings, warnings[i].line != 0);
		if (!notes.n)
			continue;
		if (n->line != warnings[i].line ||
		    n->column != warnings[i].column ||
		    strncmp(n->text, warnings[i].msg,
			    strlen(warnings[i].msg)) != 0)
			fail_msg("%s: %u:%u: %s", warnings[i].in, n->line,
				 n->column, n->text);
		assert_int_equal(n->warning, notes.nwarnings);
	}
}

/* Each prefix of a text is fine, or refused within its bounds. */
static void test_positions_are_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad) + ARRAY_SIZE(good); i++) {
		const char *in = i < ARRAY_SIZE(bad)
					 ? bad[i].in
					 : good[i - ARRAY_SIZE(bad)].in;

		for (size_t len = 0; len <= strlen(in); len++) {
			char *copy = malloc(len + 1);
			struct policy *p = NULL;

			assert_non_null(copy);
			memcpy(copy, in, len);
			if (policy_parse(copy, len, &p, &notes) == 0)
				policy_close(p);
			for (size_t j = 0; j < notes.n; j++)
				assert_in_range(notes.list[j].column, 1,
						len + 1);
			free(copy);
		}
	}
}

static void test_limits(void **state)
{
	struct policy *p = NULL;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < POLICY_RULES_MAX; i++)
		fputs("drop uid 1\n", f);
	fflush(f);
	assert_int_equal(policy_parse(text, size, &p, &notes), 0);
	assert_int_equal(p->nrules, POLICY_RULES_MAX);
	policy_close(p);
	fputs("drop uid 1", f);
	fclose(f);
	assert_int_equal(policy_parse(text, size, &p, &notes), -EINVAL);
	assert_int_equal(notes.list[0].line, POLICY_RULES_MAX + 1);
	free(text);
}

static void test_files_are_few(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct policy *p = NULL;

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < POLICY_FILES_MAX; i++)
		fprintf(f, "accept exe /%d parent /0\n", i);
	fflush(f);
	assert_int_equal(policy_parse(text, size, &p, &notes), 0);
	assert_int_equal(p->nfiles, POLICY_FILES_MAX);
	policy_close(p);
	fputs("accept exe /x", f);
	fclose(f);
	assert_int_equal(policy_parse(text, size, &p, &notes), -EINVAL);
	assert_string_equal(notes.list[0].text,
			    "more than 4096 different files: /x");
	free(text);
}

/* --------------------------------------------------------------------- file */

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_file(void **state)
{
	char dir[] = "/tmp/ptrap-policy-XXXXXX", path[64];
	struct policy *p = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/policy", dir);
	assert_int_equal(policy_parse_file(path, &p, &notes), -ENOENT);
	write_file(path, "accept kernel\n", 0600);
	assert_int_equal(policy_parse_file(path, &p, &notes), 0);
	assert_int_equal(p->nrules, 1);
	policy_close(p);
	write_file(path, "accept kernel\nfoo", 0644);
	assert_int_equal(policy_parse_file(path, &p, &notes), -EINVAL);
	assert_int_equal(notes.list[0].line, 2);
	write_file(path, "accept kernel\n", 0602);
	assert_int_equal(policy_parse_file(path, &p, &notes), -EINVAL);
	assert_int_equal(notes.list[0].line, 0);
	assert_string_equal(notes.list[0].text, "anybody may write it");
	assert_int_equal(policy_parse_file(dir, &p, &notes), -EINVAL);
	assert_string_equal(notes.list[0].text, "not a regular file");
	unlink(path);
	rmdir(dir);
}

/* The examples of the manual page, as mandoc shows them. */
static size_t copy_roff(char *to, const char *from, const char *end)
{
	size_t n = 0;

	while (from < end) {
		bool escaped = from[0] == '\\' && from[1] == 'e';

		to[n++] = *from;
		from += escaped ? 2 : 1;
	}
	return n;
}

static void test_manual(void **state)
{
	static const char begin[] = ".Bd -literal -offset indent\n";
	char man[32768], text[4096], *at = man;
	FILE *f = fopen(SOURCE_ROOT "/src/ptrap-ng.policy.5", "r");
	struct policy *p = NULL;
	size_t len, n = 0;

	(void)state;
	assert_non_null(f);
	len = fread(man, 1, sizeof(man) - 1, f);
	fclose(f);
	man[len] = '\0';
	for (; (at = strstr(at, begin)); n++) {
		const char *end = strstr(at, "\n.Ed\n");

		assert_non_null(end);
		at += strlen(begin);
		assert_true(end - at < (ptrdiff_t)sizeof(text));
		len = copy_roff(text, at, end);
		if (policy_parse(text, len, &p, &notes) || notes.n)
			fail_msg("%u:%u: %s", notes.list[0].line,
				 notes.list[0].column, notes.list[0].text);
		policy_close(p);
	}
	assert_int_equal(n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_many_mistakes),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_positions_are_inside),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_files_are_few),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
