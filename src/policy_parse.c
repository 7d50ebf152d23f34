/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_parse: the text of a policy file to rules. */
#include "policy_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy_clause.h"
#include "policy_warn.h"
#include "policy_word.h"
#include "proto.h"
#include "util.h"

struct parser {
	struct policy_builder b;
	struct policy_notes *notes;
	struct policy_warner warner;
	struct strpool pool;
	unsigned line;
	struct policy_line in;
	struct policy_word word;
	/* Of the rule that is read: where each clause stands. */
	uint32_t seen;
	size_t at[POLICY_ASKS];
	bool said_who;
};

/* -------------------------------------------------------------------- notes */

/* About a part of the line; column pos may be within it. */
static int fail_at(struct parser *ps, size_t pos, const char *why,
		   const char *text, size_t len)
{
	struct policy_note where = {.line = ps->line,
				    .column = (unsigned)pos + 1};

	policy_note_add(ps->notes, &where, why, text, len);
	return -EINVAL;
}

/* About the word read last. */
static int fail(struct parser *ps, const char *why)
{
	return fail_at(ps, ps->word.pos, why, ps->in.text + ps->word.pos,
		       ps->word.len);
}

/* 1: ps->word is the next one; 0: the line ends. */
static int next_word(struct parser *ps)
{
	struct policy_mistake bad;
	int rc = policy_word_next(&ps->in, &ps->pool, &ps->word, &bad);

	if (rc < 0)
		fail_at(ps, bad.pos, bad.why, ps->in.text + bad.pos, bad.len);
	return rc;
}

/* As above, but there must be one; why names what is missing. */
static int need_word(struct parser *ps, const char *why)
{
	struct policy_word before = ps->word;
	int rc = next_word(ps);

	if (rc)
		return rc < 0 ? rc : 0;
	return fail_at(ps, before.pos + before.len, why,
		       ps->in.text + before.pos, before.len);
}

static bool is_word(const struct parser *ps, const char *word)
{
	return ps->word.plain && !strcmp(ps->word.text, word);
}

/* ---------------------------------------------- words of other people's files
 */

static const struct {
	const char *word, *why;
} foreign[] = {
	{"allow", "not a word of a policy; 'accept' is"},
	{"pass", "not a word of a policy; 'accept' is"},
	{"permit", "not a word of a policy; 'accept' is"},
	{"deny", "not a word of a policy; 'drop' is"},
	{"block", "not a word of a policy; 'drop' is"},
	{"include", "one file is the whole policy: nothing is included"},
	{"policy", "not a word of a policy; 'default' is"},
	{"user", "not a word of a policy; 'uid' is"},
	{"group", "not a word of a policy; 'gid' is"},
	{"dport", "not a word of a policy; 'port' is"},
	{"saddr", "not a word of a policy; 'from' is"},
	{"daddr", "not a word of a policy; 'to' is"},
	{"path", "not a word of a policy; 'exe' is"},
	{"host", "not a word of a policy; 'to' and 'name' are"},
	{"tcp", "'proto' goes before it"},
	{"udp", "'proto' goes before it"},
	{"any", "'anyone' is for who sends, 'to any' for where it goes"},
	{"holder", "no sender of its own; say 'trust holder'"},
	{"shared", "no sender of its own; say 'trust shared', then all who "
		   "share must be allowed"},
};

static int fail_word(struct parser *ps, const char *why)
{
	if (!ps->word.plain)
		return fail(ps, "a word of the policy's own is in no quotes "
				"and has no escapes");
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (is_word(ps, foreign[i].word))
			return fail(ps, foreign[i].why);
	return fail(ps, why);
}

/* ------------------------------------------------------------ default, trust
 */

/* Lines that are not rules stand first, so that none is overlooked. */
static int begin_setting(struct parser *ps)
{
	if (ps->b.p->nrules)
		return fail(ps, "stands before the first rule");
	return 0;
}

static int end_setting(struct parser *ps)
{
	int rc = next_word(ps);

	return rc > 0 ? fail(ps, "nothing may follow here") : rc;
}

static int find_verdict(const struct parser *ps, enum policy_verdict *verdict)
{
	for (int v = POLICY_ACCEPT; v <= POLICY_LOG; v++) {
		if (is_word(ps, policy_verdict_name((enum policy_verdict)v))) {
			*verdict = (enum policy_verdict)v;
			return 0;
		}
	}
	return -ENOENT;
}

static int parse_default(struct parser *ps)
{
	struct policy *p = ps->b.p;
	enum policy_verdict verdict;

	if (begin_setting(ps))
		return -EINVAL;
	if (p->def_line)
		return fail(ps, "the default is stated already");
	if (need_word(ps, "accept, drop or reject is missing"))
		return -EINVAL;
	if (find_verdict(ps, &verdict) || verdict == POLICY_LOG)
		return fail_word(ps, "accept, drop or reject is wanted");
	p->def = verdict;
	p->def_line = ps->line;
	switch (next_word(ps)) {
	case 0:
		return 0;
	case 1:
		if (!is_word(ps, "log"))
			return fail(ps, "only 'log' may follow here");
		p->def_log = true;
		return end_setting(ps);
	}
	return -EINVAL;
}

static unsigned *find_trust(struct parser *ps)
{
	struct policy_trust *t = &ps->b.p->trust;

	return is_word(ps, "holder")	 ? &t->holder
	       : is_word(ps, "shared")	 ? &t->shared
	       : is_word(ps, "script")	 ? &t->script
	       : is_word(ps, "replaced") ? &t->replaced
					 : NULL;
}

static int parse_trust(struct parser *ps)
{
	static const char wanted[] =
		"holder, shared, script or replaced is wanted";
	unsigned *trust;

	if (begin_setting(ps) ||
	    need_word(ps, "holder, shared, script or replaced is missing"))
		return -EINVAL;
	trust = find_trust(ps);
	if (!trust)
		return fail(ps, wanted);
	if (*trust)
		return fail(ps, "is trusted already");
	*trust = ps->line;
	return end_setting(ps);
}

/* -------------------------------------------------------------------- rules */

/* unknown, kernel, anyone; in, out, forward; log.  1: it was one of these. */
static int parse_flag(struct parser *ps, struct policy_rule *r)
{
	for (int w = POLICY_UNKNOWN; w <= POLICY_ANYONE; w++) {
		if (!is_word(ps, policy_who_name((enum policy_who)w)))
			continue;
		if (ps->said_who)
			return fail(ps, "a line has one kind of sender");
		ps->said_who = true;
		r->who = (enum policy_who)w;
		return 1;
	}
	for (int d = POLICY_OUT; d <= POLICY_FORWARD; d++) {
		if (!is_word(ps,
			     policy_direction_name((enum policy_direction)d)))
			continue;
		if (policy_rule_asks(r, POLICY_ASK_DIRECTION))
			return fail(ps, "a line has one direction");
		r->direction = (enum policy_direction)d;
		r->asks |= POLICY_BIT(POLICY_ASK_DIRECTION);
		return 1;
	}
	if (!is_word(ps, "log"))
		return 0;
	if (r->log)
		return fail(ps, "is said already");
	r->log = true;
	return 1;
}

static int parse_clause(struct parser *ps, struct policy_rule *r)
{
	const struct policy_clause *c =
		ps->word.plain ? policy_clause_find(ps->word.text) : NULL;
	struct policy_mistake bad = {0};
	enum policy_ask ask;
	int rc;

	if (!c)
		return fail_word(ps, "not a word of a policy");
	ask = policy_clause_ask(c);
	if (ps->seen & POLICY_BIT(ask))
		return fail(ps, "is said already");
	ps->seen |= POLICY_BIT(ask);
	ps->at[ask] = ps->word.pos;
	rc = need_word(ps, "its value is missing");
	if (rc)
		return rc;
	rc = policy_clause_parse(&ps->b, c, r, &ps->word, &bad);
	if (rc == -EINVAL)
		fail_at(ps, bad.pos, bad.why, ps->in.text + ps->word.pos,
			ps->word.len);
	return rc;
}

static int fail_clause(struct parser *ps, enum policy_ask ask, const char *why)
{
	const char *word = policy_ask_name(ask);

	return fail_at(ps, ps->at[ask], why, word, strlen(word));
}

/* The clause that names a sender, first in the line, but for these; or none. */
static enum policy_ask find_sender(const struct parser *ps, uint32_t but)
{
	uint32_t asks = ps->seen & POLICY_ASKS_SENDER & ~but;
	enum policy_ask first = POLICY_ASKS;

	for (int i = 0; i < POLICY_ASKS; i++)
		if (asks & POLICY_BIT(i) &&
		    (first == POLICY_ASKS || ps->at[i] < ps->at[first]))
			first = (enum policy_ask)i;
	return first;
}

static int check_ports(struct parser *ps, const struct policy_rule *r)
{
	enum policy_ask ask = policy_rule_asks(r, POLICY_ASK_PORT)
				      ? POLICY_ASK_PORT
				      : POLICY_ASK_SPORT;

	if (!policy_rule_asks(r, ask) || !policy_rule_asks(r, POLICY_ASK_PROTO))
		return 0;
	for (uint32_t i = 0; i < r->proto.n; i++)
		if (!proto_has_ports(
			    (int)ps->b.p->ranges[r->proto.first + i].low))
			return fail_clause(ps, ask,
					   "the protocol has no ports");
	return 0;
}

/* Do the clauses go together? */
static int check_rule(struct parser *ps, const struct policy_rule *r)
{
	uint32_t ids = POLICY_BIT(POLICY_ASK_UID) | POLICY_BIT(POLICY_ASK_GID);
	enum policy_ask sender =
		find_sender(ps, r->who == POLICY_UNKNOWN ? ids : 0);
	bool exe = policy_rule_asks(r, POLICY_ASK_EXE);

	if (ps->said_who && sender != POLICY_ASKS)
		return fail_clause(ps, sender,
				   "is asked of processes, not of unknown, "
				   "kernel or anyone");
	if (policy_rule_asks(r, POLICY_ASK_SHA256) && !exe)
		return fail_clause(ps, POLICY_ASK_SHA256,
				   "goes with the exe whose digest it is");
	if (policy_rule_asks(r, POLICY_ASK_SCRIPT) && !exe)
		return fail_clause(ps, POLICY_ASK_SCRIPT,
				   "goes with the exe that runs it");
	return check_ports(ps, r);
}

static void warn(struct parser *ps, const struct policy_rule *r, size_t verdict)
{
	struct policy_warning w = policy_warn(&ps->warner, ps->b.p, r);
	struct policy_note where = {.line = r->line, .warning = true};

	if (!w.why)
		return;
	where.column =
		(unsigned)(w.ask == POLICY_ASKS ? verdict : ps->at[w.ask]) + 1;
	policy_note_add(ps->notes, &where, w.why, w.text,
			w.text ? strlen(w.text) : 0);
}

static int parse_rule(struct parser *ps, enum policy_verdict verdict)
{
	struct policy_rule r = {.verdict = verdict,
				.line = ps->line,
				.log = verdict == POLICY_LOG,
				.exe = POLICY_NONE,
				.parent = POLICY_NONE};
	size_t column = ps->word.pos;
	int rc;

	ps->seen = 0;
	ps->said_who = false;
	while ((rc = next_word(ps)) > 0) {
		rc = parse_flag(ps, &r);
		if (!rc)
			rc = parse_clause(ps, &r);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	if (check_rule(ps, &r))
		return -EINVAL;
	/* What stops packets stops those of unknown senders, too. */
	if (verdict != POLICY_ACCEPT && !ps->said_who &&
	    !(r.asks & POLICY_ASKS_SENDER))
		r.who = POLICY_ANYONE;
	rc = policy_builder_add(&ps->b, &r);
	if (rc == -E2BIG)
		return fail_at(ps, column, "more than 65536 rules", NULL, 0);
	if (!rc)
		warn(ps, &r, column);
	return rc;
}

/* -------------------------------------------------------------------- lines */

static int parse_line(struct parser *ps)
{
	enum policy_verdict verdict;
	struct policy_mistake bad;
	int rc;

	if (policy_word_check_line(ps->in.text, ps->in.len, &bad))
		return fail_at(ps, bad.pos, bad.why, ps->in.text + bad.pos,
			       bad.len);
	rc = next_word(ps);
	if (rc <= 0)
		return rc;
	if (!find_verdict(ps, &verdict))
		return parse_rule(ps, verdict);
	if (is_word(ps, "default"))
		return parse_default(ps);
	if (is_word(ps, "trust"))
		return parse_trust(ps);
	return fail_word(ps, "a line begins with accept, drop, reject, log, "
			     "default or trust");
}

static int parse_lines(struct parser *ps, const char *text, size_t len)
{
	size_t next;

	for (size_t pos = 0; pos < len; pos = next) {
		const char *end = memchr(text + pos, '\n', len - pos);
		size_t stop = end ? (size_t)(end - text) : len;

		ps->line++;
		ps->in = (struct policy_line){text + pos, stop - pos, 0};
		next = stop + 1;
		if (parse_line(ps) == -ENOMEM)
			return -ENOMEM;
		/* Who fixes these will see the next ones. */
		if (ps->notes->nerrors >= POLICY_NOTES_MAX)
			break;
	}
	return ps->notes->nerrors ? -EINVAL : 0;
}

static struct policy *make(size_t len)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->def = POLICY_DROP;
	p->text = malloc(len + 2);
	if (p->text)
		return p;
	free(p);
	return NULL;
}

int policy_parse(const char *text, size_t len, struct policy **p,
		 struct policy_notes *notes)
{
	struct parser ps = {.notes = notes};
	int rc;

	notes->n = notes->nerrors = notes->nwarnings = 0;
	if (len > POLICY_SIZE_MAX)
		return -EFBIG;
	ps.b.p = make(len);
	if (!ps.b.p)
		return -ENOMEM;
	/* Each word and its NUL take no more than the word and what parts it
	 * from the next. */
	strpool_init(&ps.pool, ps.b.p->text, len + 2);
	rc = parse_lines(&ps, text, len);
	if (rc)
		policy_close(ps.b.p);
	else
		*p = ps.b.p;
	return rc;
}

/* --------------------------------------------------------------------- file */

/* Whoever may write the policy decides. */
static const char *distrust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another user";
	if (st->st_mode & S_IWOTH)
		return "anybody may write it";
	if (st->st_mode & S_IWGRP && st->st_gid != 0)
		return "a group may write it";
	return NULL;
}

/* Returns the length. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int parse_fd(int fd, struct policy **p, struct policy_notes *notes)
{
	struct policy_note file = {0};
	struct stat st;
	const char *why;
	ssize_t len;
	char *text;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	why = distrust(&st);
	if (why) {
		policy_note_add(notes, &file, why, NULL, 0);
		return -EINVAL;
	}
	if (st.st_size > POLICY_SIZE_MAX)
		return -EFBIG;
	/* A byte more shows that it grew meanwhile. */
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	len = read_all(fd, text, (size_t)st.st_size + 1);
	rc = len > st.st_size ? -EAGAIN
	     : len < 0	      ? (int)len
			      : policy_parse(text, (size_t)len, p, notes);
	free(text);
	return rc;
}

int policy_parse_file(const char *path, struct policy **p,
		      struct policy_notes *notes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;

	notes->n = notes->nerrors = notes->nwarnings = 0;
	if (fd < 0)
		return -errno;
	rc = parse_fd(fd, p, notes);
	close(fd);
	return rc;
}
