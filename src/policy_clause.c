/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_clause: what stands behind the verdict of a line, piece by piece. */
#include "policy_clause.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"
#include "target.h"
#include "util.h"

/* One value, or one of a list; mistakes count from its beginning. */
typedef int (*put_fn)(struct policy_builder *b, struct policy_rule *r,
		      const char *text, struct policy_mistake *bad);

struct policy_clause {
	const char *word;
	enum policy_ask ask;
	put_fn put;
	bool any;	      /* "any" may stand for no question */
	size_t span, members; /* of a list: where in the rule, in the policy */
};

static int fail(struct policy_mistake *bad, size_t pos, const char *why)
{
	*bad = (struct policy_mistake){.pos = pos, .why = why};
	return -EINVAL;
}

/* gcc 12 loses sight of memory that is kept two pointers away. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* Room for one more of n. */
static int grow(void **list, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 16;
	void *larger;

	if (n < *room)
		return 0;
	larger = reallocarray(*list, more, size);
	if (!larger)
		return -ENOMEM;
	*list = larger;
	*room = more;
	return 0;
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#define GROW(b, array)                                                      \
	grow((void **)&(b)->p->array, (b)->p->n##array, &(b)->array##_room, \
	     sizeof(*(b)->p->array))

int policy_builder_add(struct policy_builder *b, const struct policy_rule *r)
{
	if (b->p->nrules == POLICY_RULES_MAX)
		return -E2BIG;
	if (GROW(b, rules))
		return -ENOMEM;
	b->p->rules[b->p->nrules++] = *r;
	return 0;
}

static int add_range(struct policy_builder *b, uint32_t low, uint32_t high)
{
	if (GROW(b, ranges))
		return -ENOMEM;
	b->p->ranges[b->p->nranges++] = (struct policy_range){low, high};
	return 0;
}

/* ------------------------------------------------------------ single values */

static int check_path(const char *path, struct policy_mistake *bad)
{
	if (path[0] != '/')
		return fail(bad, 0, "a path must begin with /");
	if (strlen(path) >= PATH_MAX)
		return fail(bad, 0, "the path is too long");
	return 0;
}

static int add_file(struct policy_builder *b, const char *path, uint32_t *index,
		    struct policy_mistake *bad)
{
	struct policy *p = b->p;

	if (check_path(path, bad))
		return -EINVAL;
	for (*index = 0; *index < p->nfiles; (*index)++)
		if (!strcmp(p->files[*index], path))
			return 0;
	if (p->nfiles == POLICY_FILES_MAX)
		return fail(bad, 0, "more than 4096 different files");
	if (GROW(b, files))
		return -ENOMEM;
	p->files[p->nfiles++] = path;
	return 0;
}

static int put_exe(struct policy_builder *b, struct policy_rule *r,
		   const char *text, struct policy_mistake *bad)
{
	return add_file(b, text, &r->exe, bad);
}

static int put_parent(struct policy_builder *b, struct policy_rule *r,
		      const char *text, struct policy_mistake *bad)
{
	return add_file(b, text, &r->parent, bad);
}

static int put_script(struct policy_builder *b, struct policy_rule *r,
		      const char *text, struct policy_mistake *bad)
{
	(void)b;
	r->script = text;
	return check_path(text, bad);
}

static int put_sha256(struct policy_builder *b, struct policy_rule *r,
		      const char *text, struct policy_mistake *bad)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const size_t want = 2 * sizeof(r->sha256);
	size_t n = strspn(text, digits);

	(void)b;
	if (text[n])
		return fail(bad, n, "not a hexadecimal digit");
	if (n != want)
		return fail(bad, n < want ? n : want,
			    "64 hexadecimal digits are wanted");
	for (size_t i = 0; i < want; i++) {
		unsigned digit = (unsigned)(strchr(digits, text[i]) - digits);
		unsigned high = r->sha256[i / 2];

		if (digit > 15)
			digit -= 6;
		r->sha256[i / 2] = (uint8_t)(high << 4 | digit);
	}
	return 0;
}

static int put_unit(struct policy_builder *b, struct policy_rule *r,
		    const char *text, struct policy_mistake *bad)
{
	const char *dot = strrchr(text, '.');

	(void)b;
	r->unit = text;
	if (!dot || !dot[1] || dot == text)
		return fail(bad, 0,
			    "a unit's name ends in .service, .scope or the "
			    "like");
	return 0;
}

static int put_cgroup(struct policy_builder *b, struct policy_rule *r,
		      const char *text, struct policy_mistake *bad)
{
	size_t len = strlen(text);

	(void)b;
	r->cgroup = text;
	if (check_path(text, bad))
		return -EINVAL;
	if (len > 1 && text[len - 1] == '/')
		return fail(bad, len - 1, "no / at the end");
	return 0;
}

static int put_container(struct policy_builder *b, struct policy_rule *r,
			 const char *text, struct policy_mistake *bad)
{
	(void)b;
	r->container = text;
	return *text ? 0 : fail(bad, 0, "the container is missing");
}

/* ------------------------------------------------------------ lists of them */

static int fail_target(struct policy_mistake *bad,
		       const struct target_error *err)
{
	return fail(bad, err->pos, err->msg);
}

static int put_net(struct policy_builder *b, struct policy_rule *r,
		   const char *text, struct policy_mistake *bad)
{
	struct target t = {.proto = PROTO_ANY};
	struct target_error err;

	(void)r;
	if (target_parse_address(text, &t, &err))
		return fail_target(bad, &err);
	if (t.host[0])
		return fail(bad, 0,
			    "an address or network is wanted; of a host say "
			    "'name'");
	if (!t.nnets)
		return fail(bad, 0, "any in a list");
	if (GROW(b, nets))
		return -ENOMEM;
	b->p->nets[b->p->nnets++] = t.nets[0];
	return 0;
}

static int put_port(struct policy_builder *b, struct policy_rule *r,
		    const char *text, struct policy_mistake *bad)
{
	struct target t = {.proto = PROTO_ANY};
	struct target_error err;

	(void)r;
	if (target_parse_ports(text, &t, &err))
		return fail_target(bad, &err);
	return add_range(b, t.port_low, t.port_high);
}

static int put_proto(struct policy_builder *b, struct policy_rule *r,
		     const char *text, struct policy_mistake *bad)
{
	int proto;

	(void)r;
	if (proto_parse(text, strlen(text), &proto) || proto == PROTO_ANY)
		return fail(bad, 0, "not a protocol");
	return add_range(b, (uint32_t)proto, (uint32_t)proto);
}

/* A uid or gid; the largest is the kernel's "none". */
static int parse_id(const char *text, size_t len, size_t pos, uint32_t *id,
		    struct policy_mistake *bad)
{
	uint64_t value = 0;

	switch (util_parse_uint(text + pos, len, UINT32_MAX - 1, &value)) {
	case 0:
		*id = (uint32_t)value;
		return 0;
	case -ERANGE:
		return fail(bad, pos, "above 4294967294");
	}
	return fail(bad, pos, "a number is wanted, not a name");
}

static int put_id(struct policy_builder *b, struct policy_rule *r,
		  const char *text, struct policy_mistake *bad)
{
	size_t dash = strcspn(text, "-"), len = strlen(text);
	uint32_t low, high;

	(void)r;
	if (parse_id(text, dash, 0, &low, bad))
		return -EINVAL;
	high = low;
	if (dash < len && parse_id(text, len - dash - 1, dash + 1, &high, bad))
		return -EINVAL;
	if (high < low)
		return fail(bad, dash + 1, "range ends before it begins");
	return add_range(b, low, high);
}

static int put_name(struct policy_builder *b, struct policy_rule *r,
		    const char *text, struct policy_mistake *bad)
{
	struct dns_pattern pattern;
	const char *why;
	size_t pos;

	(void)r;
	if (dns_pattern_parse(text, &pattern, &pos, &why))
		return fail(bad, pos, why);
	if (GROW(b, names))
		return -ENOMEM;
	b->p->names[b->p->nnames++] = pattern;
	return 0;
}

/* ------------------------------------------------------------------ clauses */

#define ONE(name, ask, put)                 \
	{                                   \
		name, ask, put, false, 0, 0 \
	}
#define LIST(name, ask, put, any, field, array)                           \
	{                                                                 \
		name, ask, put, any, offsetof(struct policy_rule, field), \
			offsetof(struct policy, n##array)                 \
	}

static const struct policy_clause clauses[] = {
	ONE("exe", POLICY_ASK_EXE, put_exe),
	ONE("sha256", POLICY_ASK_SHA256, put_sha256),
	ONE("script", POLICY_ASK_SCRIPT, put_script),
	ONE("parent", POLICY_ASK_PARENT, put_parent),
	ONE("unit", POLICY_ASK_UNIT, put_unit),
	ONE("cgroup", POLICY_ASK_CGROUP, put_cgroup),
	ONE("container", POLICY_ASK_CONTAINER, put_container),
	LIST("uid", POLICY_ASK_UID, put_id, false, uid, ranges),
	LIST("gid", POLICY_ASK_GID, put_id, false, gid, ranges),
	LIST("from", POLICY_ASK_FROM, put_net, true, from, nets),
	LIST("sport", POLICY_ASK_SPORT, put_port, true, sport, ranges),
	LIST("to", POLICY_ASK_TO, put_net, true, to, nets),
	LIST("port", POLICY_ASK_PORT, put_port, true, port, ranges),
	LIST("proto", POLICY_ASK_PROTO, put_proto, true, proto, ranges),
	LIST("name", POLICY_ASK_NAME, put_name, false, name, names),
};

const struct policy_clause *policy_clause_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(clauses); i++)
		if (!strcmp(clauses[i].word, word))
			return &clauses[i];
	return NULL;
}

enum policy_ask policy_clause_ask(const struct policy_clause *c)
{
	return c->ask;
}

/* One of a list, from text on; put() wants it terminated. */
static int put_member(struct policy_builder *b, const struct policy_clause *c,
		      struct policy_rule *r, const char *text, size_t len,
		      struct policy_mistake *bad)
{
	char copy[512];

	if (!len)
		return fail(bad, 0, "a value is missing");
	if (len >= sizeof(copy))
		return fail(bad, 0, "too long");
	memcpy(copy, text, len);
	copy[len] = '\0';
	return c->put(b, r, copy, bad);
}

static int parse_list(struct policy_builder *b, const struct policy_clause *c,
		      struct policy_rule *r, const struct policy_word *value,
		      struct policy_mistake *bad)
{
	struct policy_span *span = (void *)((char *)r + c->span);
	const size_t *n = (void *)((char *)b->p + c->members);
	const char *text = value->text;
	size_t first = *n;

	for (;;) {
		size_t len = strcspn(text, ",");
		int rc = put_member(b, c, r, text, len, bad);

		if (rc) {
			bad->pos += value->pos + (size_t)(text - value->text);
			return rc;
		}
		if (!text[len])
			break;
		text += len + 1;
	}
	*span = (struct policy_span){(uint32_t)first, (uint32_t)(*n - first)};
	return 0;
}

int policy_clause_parse(struct policy_builder *b, const struct policy_clause *c,
			struct policy_rule *r, const struct policy_word *value,
			struct policy_mistake *bad)
{
	int rc;

	if (c->members && !value->plain)
		return fail(bad, value->pos, "no quotes or escapes here");
	if (c->any && !strcmp(value->text, "any"))
		return 0;
	if (c->members) {
		rc = parse_list(b, c, r, value, bad);
	} else {
		rc = c->put(b, r, value->text, bad);
		/* Behind an escape bytes and columns differ. */
		bad->pos = value->pos + (value->plain ? bad->pos : 0);
	}
	if (!rc)
		r->asks |= POLICY_BIT(c->ask);
	return rc;
}
