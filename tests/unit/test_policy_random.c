/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy_random: 100,000 policies made by chance: good ones, good ones
 * with mistakes, and words in any order.  What is taken is written and read
 * again as the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy.h"
#include "policy_format.h"
#include "policy_parse.h"
#include "util.h"

#define FILES	  100000
#define TEXT_MAX  4096
#define LINES_MAX 8

/* ---------------------------------------------------------------- the chance
 */

static uint64_t seed;

/* splitmix64 */
static unsigned below(unsigned n)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (unsigned)((z ^ z >> 31) % n);
}

static bool one_in(unsigned n)
{
	return below(n) == 0;
}

#define PICK(list) (list)[below(ARRAY_SIZE(list))]

/* ------------------------------------------------------------------ good text
 */

static const char *const paths[] = {
	"/bin/a",	"/bin/b",      "/usr/bin/python3",
	"\"/opt/a b\"", "/\\x01\\xff", "\"/\\\"\\\\#\"",
	"/b\xc3\xa4r",	"/\\u{202e}",  "/"};
static const char *const nets[] = {
	"10.0.0.0/8", "10.0.0.1",  "::1",	 "2001:db8::/32",
	"[::]/0",     "0.0.0.0/0", "1.2.3.4/31", "::ffff:10.0.0.1"};
static const char *const ports[] = {"53", "443", "1-65535", "40000-50000"};
static const char *const with_ports[] = {"tcp", "udp", "132"};
static const char *const without_ports[] = {"icmp", "47", "0", "icmp6"};
static const char *const ids[] = {"0", "1000", "0-999", "4294967294"};
static const char *const names[] = {"example.org", "*.Example.Org.", "a"};
static const char *const units[] = {"a.service", "user@0.service/b.scope"};
static const char *const cgroups[] = {"/", "/a", "/system.slice/a.service"};

static void add_list(struct strbuf *sb, const char *keyword,
		     const char *const *list, size_t n)
{
	unsigned more = one_in(4) ? 1 + below(3) : 0;

	strbuf_printf(sb, " %s %s", keyword, list[below((unsigned)n)]);
	while (more--)
		strbuf_printf(sb, ",%s", list[below((unsigned)n)]);
}

#define ADD_LIST(sb, keyword, list) \
	add_list(sb, keyword, list, ARRAY_SIZE(list))

static void add_digest(struct strbuf *sb)
{
	strbuf_puts(sb, " sha256 ");
	for (int i = 0; i < 64; i++)
		strbuf_printf(sb, "%x", below(16));
}

static void add_process(struct strbuf *sb)
{
	if (one_in(3)) {
		ADD_LIST(sb, "uid", ids);
	}
	if (one_in(2)) {
		strbuf_printf(sb, " exe %s", PICK(paths));
		if (one_in(4))
			strbuf_printf(sb, " script %s", PICK(paths));
		if (one_in(4))
			add_digest(sb);
	}
	if (one_in(6))
		strbuf_printf(sb, " parent %s", PICK(paths));
	if (one_in(6))
		ADD_LIST(sb, "gid", ids);
	if (one_in(6))
		strbuf_printf(sb, " unit %s", PICK(units));
	if (one_in(6))
		strbuf_printf(sb, " cgroup %s", PICK(cgroups));
	if (one_in(6))
		strbuf_puts(sb, " container web");
}

static void add_object(struct strbuf *sb)
{
	static const char *const directions[] = {"out", "in", "forward"};
	bool with = one_in(2);

	if (one_in(4))
		strbuf_printf(sb, "\t%s", PICK(directions));
	if (with && one_in(2))
		ADD_LIST(sb, "port", ports);
	if (with && one_in(6))
		ADD_LIST(sb, "sport", ports);
	if (one_in(2)) {
		ADD_LIST(sb, "to", nets);
	}
	if (one_in(8))
		ADD_LIST(sb, "from", nets);
	if (with && one_in(2)) {
		ADD_LIST(sb, "proto", with_ports);
	} else if (!with && one_in(3)) {
		ADD_LIST(sb, "proto", without_ports);
	}
	if (one_in(6))
		ADD_LIST(sb, "name", names);
}

static void add_rule(struct strbuf *sb)
{
	static const char *const verdicts[] = {"accept", "drop", "reject"};
	static const char *const others[] = {"unknown", "kernel", "anyone"};
	bool log = one_in(8);

	strbuf_puts(sb, log ? "log" : PICK(verdicts));
	if (one_in(3)) {
		strbuf_printf(sb, "  %s", PICK(others));
	} else {
		add_process(sb);
	}
	add_object(sb);
	strbuf_puts(sb, !log && one_in(4) ? " log" : "");
	strbuf_puts(sb, one_in(6) ? " # why \"not\n" : "\n");
}

static void add_policy(struct strbuf *sb)
{
	static const char *const settings[] = {
		"default accept\n", "default drop log\n",
		"trust holder\n",   "trust shared # b\xc3\xa4\n",
		"trust script\n",   "\n",
		"  # nothing\n"};
	unsigned rules = below(LINES_MAX);

	if (one_in(3))
		strbuf_puts(sb, PICK(settings));
	if (one_in(3))
		strbuf_puts(sb, "trust replaced\n");
	while (rules--)
		add_rule(sb);
}

/* ------------------------------------------------------------------- bad text
 */

static void add_words(struct strbuf *sb)
{
	static const char *const words[] = {
		"accept", "drop",   "log",     "default", "trust", "holder",
		"exe",	  "/bin/a", "unknown", "kernel",  "to",	   "10.0.0.0/8",
		"port",	  "53",	    "proto",   "tcp",	  "uid",   "0",
		"name",	  "a.b",    "any",     "\n",	  "\n",	   "#",
		"\"",	  "\\",	    ",",       "\\x4",	  "\\u{",  "\"a b\"",
		"'",	  "\r",	    "\x1b",    "\xc3",	  "in",	   "sha256",
		"script", "-",	    "::",      "/33"};
	unsigned n = below(40);

	while (n--)
		strbuf_printf(sb, "%s%s", PICK(words), one_in(8) ? "" : " ");
}

/* Some bytes become others, go, or come. */
static size_t mutate(char *text, size_t len)
{
	for (unsigned n = 1 + below(4); n && len; n--) {
		size_t at = below((unsigned)len);

		switch (below(4)) {
		case 0:
			text[at] = (char)below(256);
			break;
		case 1:
			text[at] = " \t\n\"\\#,-/.:0a"[below(13)];
			break;
		case 2:
			memmove(text + at, text + at + 1, --len - at);
			break;
		case 3:
			if (len + 1 >= TEXT_MAX)
				break;
			memmove(text + at + 1, text + at, len++ - at);
			text[at] = text[below((unsigned)len)];
			break;
		}
	}
	return len;
}

/* --------------------------------------------------------------------- facts
 */

/* Each path has a file of its own, by its place. */
static struct policy_files *fake_files(const struct policy *p)
{
	struct policy_files *files = NULL;

	assert_int_equal(policy_files_make(p, &files), 0);
	for (size_t i = 0; i < p->nfiles; i++) {
		files->list[i].now.dev = 1;
		files->list[i].now.ino = i + 1;
		files->list[i].now.has_digest = i & 1;
	}
	policy_files_index(files);
	return files;
}

static void random_process(struct policy_process *ps)
{
	*ps = (struct policy_process){
		.exe = {1, below(6), below(2), NULL, false},
		.parent = {1, below(6), below(2), NULL, false},
		.has_uid = !one_in(4),
		.uid = one_in(2) ? 0 : 1000,
		.gid = one_in(2) ? 0 : 1000,
		.script_kind = (enum policy_script)below(3),
		.script = one_in(2) ? NULL : "/bin/a",
		.cgroup = one_in(4) ? NULL : "/system.slice/a.service",
		.unit = one_in(2) ? NULL : "a.service",
		.container = one_in(2) ? NULL : "web",
	};
}

static void random_object(struct policy_object *o)
{
	static const char *const asked[] = {"example.org", "a.example.org"};
	static const char *const addrs[] = {"10.0.0.1", "::1", "9.9.9.9"};
	static const int protos[] = {-1, 6, 17, 1, 47};
	const char *to = PICK(addrs);

	*o = (struct policy_object){
		.direction = (enum policy_direction)below(3),
		.proto = PICK(protos),
		.has_ports = one_in(2),
		.sport = one_in(2) ? 53 : 45000,
		.port = one_in(2) ? 53 : 443,
		.names = asked,
		.nnames = below(3),
	};
	if (!one_in(8))
		assert_int_equal(ipaddr_parse(to, strlen(to), &o->to), 0);
}

static void random_subject(struct policy_subject *s,
			   struct policy_process ps[2])
{
	random_process(&ps[0]);
	random_process(&ps[1]);
	*s = (struct policy_subject){
		.grade = (enum sockowner_grade)below(SOCKOWNER_UNKNOWN + 1),
		.processes = ps,
		.nprocesses = below(3),
		.complete = one_in(2),
		.has_packet_ids = one_in(2),
	};
}

/* --------------------------------------------------------------------- checks
 */

static struct policy *parse(const char *text, size_t len)
{
	char *copy = malloc(len); /* so that a byte too far shows */
	static struct policy_notes notes;
	struct policy *p = NULL;
	int rc;

	assert_true(copy || !len);
	if (len)
		memcpy(copy, text, len);
	rc = policy_parse(copy, len, &p, &notes);
	free(copy);
	assert_true(rc == 0 || rc == -EINVAL);
	assert_int_equal(rc != 0, notes.nerrors != 0);
	assert_int_equal(rc == 0, p != NULL);
	for (size_t i = 0; i < notes.n; i++) {
		const struct policy_note *n = &notes.list[i];

		assert_in_range(n->column, 1, len + 1);
		assert_in_range(n->line, 1, len + 1);
		assert_true(n->text[0] && !strpbrk(n->text, "\n\x1b\r"));
	}
	return p;
}

static char *format(const struct policy *p, size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);

	assert_non_null(f);
	assert_int_equal(policy_format(p, f), 0);
	fclose(f);
	return text;
}

/* Which rule, by its place: lines are others. */
static size_t find_line(const struct policy *p, unsigned line)
{
	size_t i = 0;

	while (i < p->nrules && p->rules[i].line != line)
		i++;
	return i;
}

static void judge_both(const struct policy *a, const struct policy *b)
{
	struct policy_files *fa = fake_files(a), *fb = fake_files(b);
	struct policy_result ra, rb;
	struct policy_process ps[2];
	struct policy_subject s;
	struct policy_object o;

	for (int i = 0; i < 4; i++) {
		random_subject(&s, ps);
		random_object(&o);
		policy_evaluate(a, fa, &s, &o, &ra);
		policy_evaluate(b, fb, &s, &o, &rb);
		assert_int_equal(ra.verdict, rb.verdict);
		assert_int_equal(ra.is_default, rb.is_default);
		assert_int_equal(ra.log, rb.log);
		assert_int_equal(ra.doubted, rb.doubted);
		assert_true(!ra.doubted || ra.verdict != POLICY_ACCEPT);
		if (!ra.is_default)
			assert_int_equal(find_line(a, ra.line),
					 find_line(b, rb.line));
	}
	policy_files_close(fa);
	policy_files_close(fb);
}

/* True where it was a policy. */
static bool check(const char *text, size_t len)
{
	struct policy *p = parse(text, len), *q;
	char *once, *twice;
	size_t size, again;

	if (!p)
		return false;
	once = format(p, &size);
	q = parse(once, size);
	if (!q)
		fail_msg("%.*s -> %s", (int)len, text, once);
	twice = format(q, &again);
	if (strcmp(once, twice) != 0)
		fail_msg("%s -> %s", once, twice);
	assert_int_equal(p->nfiles, q->nfiles);
	judge_both(p, q);
	free(once);
	free(twice);
	policy_close(p);
	policy_close(q);
	return true;
}

static void test_random_files(void **state)
{
	unsigned good = 0, taken = 0;
	char text[TEXT_MAX];
	struct strbuf sb;

	(void)state;
	seed = 1;
	for (unsigned i = 0; i < FILES; i++) {
		unsigned kind = i % 4;
		bool fine;

		strbuf_init(&sb, text, sizeof(text));
		if (kind == 3)
			add_words(&sb);
		else
			add_policy(&sb);
		if (kind > 0 && kind < 3)
			sb.len = mutate(text, sb.len);
		fine = check(text, sb.len);
		if (kind == 0 && !fine && !sb.truncated)
			fail_msg("refused: %s", text);
		good += kind == 0;
		taken += fine && kind != 0;
	}
	printf("# %u good, of %u others %u are policies, too\n", good,
	       FILES - good, taken);
	assert_in_range(taken, FILES / 100, FILES - good - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
