/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_learn: a policy made of what was seen. */
#include "policy_learn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy_warn.h"
#include "policy_word.h"
#include "proto.h"
#include "util.h"

#define BUCKETS	      4096
#define KEY_MAX	      16384
#define NAMES_SIZE    160
#define EPHEMERAL_MIN 32768 /* net.ipv4.ip_local_port_range begins there */
#define MARK	      '\t'  /* where the addresses go; in no formatted word */

/* One line to be: all packets that differ in the remote address only. */
struct lesson {
	struct lesson *chain;
	const char *refused; /* static: why it is a comment only; or NULL */
	uint64_t packets;
	struct ipaddr addrs[POLICY_LEARN_ADDRS_MAX];
	size_t naddrs;
	bool more;		/* addresses than these */
	bool source;		/* they are the packets' source */
	char names[NAMES_SIZE]; /* those that have room, with commas */
	char key[]; /* the line, MARK in the place of the addresses */
};

struct policy_learn {
	struct lesson *buckets[BUCKETS];
	size_t n;
	uint64_t left_out;
	/* What a line of these needs to be trusted. */
	uint64_t holders, shared, claimed;
};

int policy_learn_open(struct policy_learn **l)
{
	*l = calloc(1, sizeof(**l));
	return *l ? 0 : -ENOMEM;
}

void policy_learn_close(struct policy_learn *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		struct lesson *next;

		for (struct lesson *le = l->buckets[i]; le; le = next) {
			next = le->chain;
			free(le);
		}
	}
	free(l);
}

/* --------------------------------------------------------------------- lines
 */

static void put_word(struct strbuf *sb, const char *keyword, const char *value)
{
	strbuf_printf(sb, " %s ", keyword);
	policy_word_format(sb, value);
}

static bool is_path(const char *text)
{
	return text && text[0] == '/';
}

/* Returns why a line with it must not be used as it is; NULL: it may. */
static const char *put_script(struct policy_learn *l, struct strbuf *sb,
			      const struct policy_process *ps)
{
	if (!policy_is_interpreter(ps->exe.path))
		return NULL;
	if (ps->script_kind == POLICY_SCRIPT_UNKNOWN || !is_path(ps->script))
		return "an interpreter, with code that is no file";
	put_word(sb, "script", ps->script);
	l->claimed += ps->script_kind == POLICY_SCRIPT_CLAIMED;
	return NULL;
}

static const char *put_process(struct policy_learn *l, struct strbuf *sb,
			       const struct policy_process *ps)
{
	const struct policy_program *exe = &ps->exe;
	const char *refused = NULL;

	if (exe->ino && exe->nlink && is_path(exe->path) && !exe->foreign) {
		put_word(sb, "exe", exe->path);
		refused = put_script(l, sb, ps);
	} else if (ps->cgroup && ps->container) {
		put_word(sb, "container", ps->container);
	} else if (ps->cgroup && ps->unit) {
		put_word(sb, "unit", ps->unit);
	} else {
		refused = exe->path ? "the executable was deleted, or is not "
				      "this system's"
				    : "the executable is not known";
		if (exe->path)
			put_word(sb, "exe", exe->path);
	}
	if (ps->has_uid)
		strbuf_printf(sb, " uid %u", (unsigned)ps->uid);
	return refused;
}

/* The port that is the service's: the other one is of the moment. */
static void put_ports(struct strbuf *sb, const struct policy_object *o)
{
	bool answer = o->port >= EPHEMERAL_MIN && o->sport < EPHEMERAL_MIN;

	if (!o->has_ports)
		return;
	if (answer && o->sport)
		strbuf_printf(sb, " sport %u", o->sport);
	else if (o->port)
		strbuf_printf(sb, " port %u", o->port);
}

static void put_object(struct strbuf *sb, const struct policy_object *o)
{
	char proto[16];

	if (o->direction != POLICY_OUT)
		strbuf_printf(sb, " %s", policy_direction_name(o->direction));
	strbuf_printf(sb, "%c", MARK);
	put_ports(sb, o);
	if (o->proto >= 0)
		strbuf_printf(sb, " proto %s",
			      proto_format(o->proto, proto, sizeof(proto)));
}

/* ------------------------------------------------------------------ lessons */

static struct lesson *find_lesson(struct policy_learn *l, const char *key,
				  size_t len, const char *refused)
{
	size_t bucket = util_hash(key, len) % BUCKETS;
	struct lesson *le;

	for (le = l->buckets[bucket]; le; le = le->chain)
		if (!strcmp(le->key, key))
			return le;
	if (l->n == POLICY_LEARN_MAX)
		return NULL;
	le = calloc(1, sizeof(*le) + len + 1);
	if (!le)
		return NULL;
	memcpy(le->key, key, len);
	le->refused = refused;
	le->chain = l->buckets[bucket];
	l->buckets[bucket] = le;
	l->n++;
	return le;
}

static void add_addr(struct lesson *le, const struct ipaddr *addr)
{
	for (size_t i = 0; i < le->naddrs; i++)
		if (ipaddr_equal(&le->addrs[i], addr))
			return;
	if (le->naddrs < POLICY_LEARN_ADDRS_MAX && ipaddr_len(addr))
		le->addrs[le->naddrs++] = *addr;
	else
		le->more = true;
}

static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at++)
		if ((at == list || at[-1] == ' ') &&
		    (at[len] == '\0' || at[len] == ','))
			return true;
	return false;
}

static void add_name(struct lesson *le, const char *name)
{
	size_t len = strlen(le->names);
	const char *comma = len ? ", " : "";

	if (!*name || is_listed(le->names, name) ||
	    len + strlen(comma) + strlen(name) >= sizeof(le->names))
		return;
	snprintf(le->names + len, sizeof(le->names) - len, "%s%s", comma, name);
}

/* Takes the line in sb, complete, for one packet. */
static int add_lesson(struct policy_learn *l, const struct strbuf *sb,
		      const struct policy_object *o, const char *refused)
{
	struct lesson *le = NULL;

	if (!sb->truncated)
		le = find_lesson(l, sb->mem, sb->len, refused);
	if (!le) {
		l->left_out++;
		return l->n == POLICY_LEARN_MAX || sb->truncated ? -ENOSPC
								 : -ENOMEM;
	}
	le->packets++;
	le->source = o->direction == POLICY_IN;
	add_addr(le, le->source ? &o->from : &o->to);
	for (size_t i = 0; i < o->nnames; i++)
		add_name(le, o->names[i]);
	return 0;
}

static int add_process(struct policy_learn *l, const struct policy_process *ps,
		       const struct policy_object *o)
{
	char key[KEY_MAX];
	const char *refused;
	struct strbuf sb;

	strbuf_init(&sb, key, sizeof(key));
	strbuf_puts(&sb, "accept");
	refused = put_process(l, &sb, ps);
	put_object(&sb, o);
	return add_lesson(l, &sb, o, refused);
}

static int add_other(struct policy_learn *l, const struct policy_subject *s,
		     const struct policy_object *o)
{
	bool kernel = s->grade == SOCKOWNER_KERNEL;
	struct strbuf sb;
	char key[256];

	strbuf_init(&sb, key, sizeof(key));
	strbuf_puts(&sb, kernel ? "accept kernel" : "accept unknown");
	if (!kernel && s->has_packet_ids)
		strbuf_printf(&sb, " uid %u", (unsigned)s->packet_uid);
	put_object(&sb, o);
	return add_lesson(l, &sb, o, kernel ? NULL : "the sender is not known");
}

int policy_learn_add(struct policy_learn *l, const struct policy_subject *s,
		     const struct policy_object *o)
{
	bool shared = s->grade == SOCKOWNER_SHARED;
	int rc = 0;

	if ((s->grade != SOCKOWNER_PROVED && s->grade != SOCKOWNER_HOLDER &&
	     !shared) ||
	    !s->nprocesses || (shared && !s->complete))
		return add_other(l, s, o);
	l->holders += s->grade == SOCKOWNER_HOLDER;
	l->shared += shared;
	for (size_t i = 0; i < s->nprocesses; i++) {
		int err = add_process(l, &s->processes[i], o);

		rc = rc ? rc : err;
	}
	return rc;
}

/* ------------------------------------------------------------------ writing */

/* Lines to use first, then those that are comments. */
static int compare(const void *a, const void *b)
{
	const struct lesson *x = *(struct lesson *const *)a;
	const struct lesson *y = *(struct lesson *const *)b;

	if (!x->refused != !y->refused)
		return x->refused ? 1 : -1;
	return strcmp(x->key, y->key);
}

static int compare_addr(const void *a, const void *b)
{
	const struct ipaddr *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static void write_addrs(const struct lesson *le, FILE *out)
{
	struct ipaddr sorted[POLICY_LEARN_ADDRS_MAX];
	char addr[IPADDR_TEXT_MAX];

	if (le->more || !le->naddrs)
		return;
	memcpy(sorted, le->addrs, sizeof(sorted));
	qsort(sorted, le->naddrs, sizeof(*sorted), compare_addr);
	fputs(le->source ? " from " : " to ", out);
	for (size_t i = 0; i < le->naddrs; i++)
		fprintf(out, "%s%s", i ? "," : "",
			ipaddr_format(&sorted[i], addr));
}

static void write_comment(const struct lesson *le, FILE *out)
{
	fprintf(out, "\n# %" PRIu64 " packet%s", le->packets,
		le->packets == 1 ? "" : "s");
	if (le->more)
		fprintf(out, ", more than %d addresses",
			POLICY_LEARN_ADDRS_MAX);
	if (le->names[0])
		fprintf(out, "; names: %s", le->names);
	if (le->refused)
		fprintf(out, "; not accepted: %s", le->refused);
	putc('\n', out);
}

static void write_lesson(const struct lesson *le, FILE *out)
{
	const char *mark = strchr(le->key, MARK);

	write_comment(le, out);
	fprintf(out, "%s%.*s", le->refused ? "# " : "", (int)(mark - le->key),
		le->key);
	write_addrs(le, out);
	fprintf(out, "%s\n", mark + 1);
}

static void write_trust(const char *word, uint64_t packets, FILE *out)
{
	if (packets)
		fprintf(out, "trust %s\t# %" PRIu64 " packet%s came so\n", word,
			packets, packets == 1 ? "" : "s");
}

static void write_head(const struct policy_learn *l, FILE *out)
{
	fputs("# What was seen, as a policy: ptrap-ng.policy(5).  Read it "
	      "before you use it;\n"
	      "# what should not have been sent is in it, too.\n",
	      out);
	if (l->left_out)
		fprintf(out, "# There was no room for %" PRIu64 " packets.\n",
			l->left_out);
	fputs("\ndefault drop log\n", out);
	write_trust("holder", l->holders, out);
	write_trust("shared", l->shared, out);
	write_trust("script", l->claimed, out);
}

int policy_learn_write(const struct policy_learn *l, FILE *out)
{
	struct lesson **list = calloc(l->n + 1, sizeof(struct lesson *));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct lesson *le = l->buckets[i]; le; le = le->chain)
			list[n++] = le;
	qsort(list, n, sizeof(struct lesson *), compare);
	write_head(l, out);
	for (size_t i = 0; i < n; i++)
		write_lesson(list[i], out);
	free(list);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
