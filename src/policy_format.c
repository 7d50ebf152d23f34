/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_format: rules to the text of a policy file, in one order of words. */
#include "policy_format.h"

#include <errno.h>
#include <stdlib.h>

#include "policy_word.h"
#include "proto.h"

#define LINE_MAX_FIRST 4096

static void put_word(struct strbuf *sb, const char *keyword, const char *value)
{
	strbuf_printf(sb, " %s ", keyword);
	policy_word_format(sb, value);
}

static void put_digest(struct strbuf *sb, const struct policy_rule *r)
{
	strbuf_puts(sb, " sha256 ");
	for (size_t i = 0; i < sizeof(r->sha256); i++)
		strbuf_printf(sb, "%02x", r->sha256[i]);
}

static void put_ranges(const struct policy *p, struct strbuf *sb,
		       const char *keyword, struct policy_span span)
{
	const char *comma = "";

	strbuf_printf(sb, " %s ", keyword);
	for (uint32_t i = 0; i < span.n; i++, comma = ",") {
		struct policy_range r = p->ranges[span.first + i];

		strbuf_printf(sb, "%s%u", comma, r.low);
		if (r.high != r.low)
			strbuf_printf(sb, "-%u", r.high);
	}
}

static void put_protos(const struct policy *p, struct strbuf *sb,
		       struct policy_span span)
{
	char buf[16];

	for (uint32_t i = 0; i < span.n; i++)
		strbuf_printf(sb, "%s%s", i ? "," : " proto ",
			      proto_format((int)p->ranges[span.first + i].low,
					   buf, sizeof(buf)));
}

static void put_nets(const struct policy *p, struct strbuf *sb,
		     const char *keyword, struct policy_span span)
{
	char addr[IPADDR_TEXT_MAX];
	const char *comma = "";

	strbuf_printf(sb, " %s ", keyword);
	for (uint32_t i = 0; i < span.n; i++, comma = ",") {
		const struct ipnet *net = &p->nets[span.first + i];

		strbuf_printf(sb, "%s%s", comma,
			      ipaddr_format(&net->addr, addr));
		if (net->prefix < 8 * ipaddr_len(&net->addr))
			strbuf_printf(sb, "/%u", net->prefix);
	}
}

static void put_names(const struct policy *p, struct strbuf *sb,
		      struct policy_span span)
{
	char buf[DNS_PATTERN_MAX + 2];

	for (uint32_t i = 0; i < span.n; i++)
		strbuf_printf(sb, "%s%s", i ? "," : " name ",
			      dns_pattern_format(&p->names[span.first + i], buf,
						 sizeof(buf)));
}

static void put_sender(const struct policy *p, const struct policy_rule *r,
		       struct strbuf *sb)
{
	if (r->who != POLICY_PROCESS)
		strbuf_printf(sb, " %s", policy_who_name(r->who));
	if (policy_rule_asks(r, POLICY_ASK_EXE))
		put_word(sb, "exe", p->files[r->exe]);
	if (policy_rule_asks(r, POLICY_ASK_SHA256))
		put_digest(sb, r);
	if (policy_rule_asks(r, POLICY_ASK_SCRIPT))
		put_word(sb, "script", r->script);
	if (policy_rule_asks(r, POLICY_ASK_PARENT))
		put_word(sb, "parent", p->files[r->parent]);
	if (policy_rule_asks(r, POLICY_ASK_UID))
		put_ranges(p, sb, "uid", r->uid);
	if (policy_rule_asks(r, POLICY_ASK_GID))
		put_ranges(p, sb, "gid", r->gid);
	if (policy_rule_asks(r, POLICY_ASK_UNIT))
		put_word(sb, "unit", r->unit);
	if (policy_rule_asks(r, POLICY_ASK_CGROUP))
		put_word(sb, "cgroup", r->cgroup);
	if (policy_rule_asks(r, POLICY_ASK_CONTAINER))
		put_word(sb, "container", r->container);
}

static void put_object(const struct policy *p, const struct policy_rule *r,
		       struct strbuf *sb)
{
	if (policy_rule_asks(r, POLICY_ASK_DIRECTION))
		strbuf_printf(sb, " %s", policy_direction_name(r->direction));
	if (policy_rule_asks(r, POLICY_ASK_FROM))
		put_nets(p, sb, "from", r->from);
	if (policy_rule_asks(r, POLICY_ASK_SPORT))
		put_ranges(p, sb, "sport", r->sport);
	if (policy_rule_asks(r, POLICY_ASK_TO))
		put_nets(p, sb, "to", r->to);
	if (policy_rule_asks(r, POLICY_ASK_PORT))
		put_ranges(p, sb, "port", r->port);
	if (policy_rule_asks(r, POLICY_ASK_PROTO))
		put_protos(p, sb, r->proto);
	if (policy_rule_asks(r, POLICY_ASK_NAME))
		put_names(p, sb, r->name);
}

void policy_format_rule(const struct policy *p, const struct policy_rule *r,
			struct strbuf *sb)
{
	strbuf_puts(sb, policy_verdict_name(r->verdict));
	put_sender(p, r, sb);
	put_object(p, r, sb);
	if (r->log && r->verdict != POLICY_LOG)
		strbuf_puts(sb, " log");
}

/* Lists may make it long: *mem grows until the line fits. */
static int write_rule(const struct policy *p, const struct policy_rule *r,
		      FILE *out, char **mem, size_t *size)
{
	struct strbuf sb;

	for (;;) {
		char *larger;

		strbuf_init(&sb, *mem, *size);
		policy_format_rule(p, r, &sb);
		if (!sb.truncated)
			break;
		larger = realloc(*mem, 2 * *size);
		if (!larger)
			return -ENOMEM;
		*mem = larger;
		*size *= 2;
	}
	fprintf(out, "%s\n", *mem);
	return 0;
}

static void write_settings(const struct policy *p, FILE *out)
{
	if (p->def_line)
		fprintf(out, "default %s%s\n", policy_verdict_name(p->def),
			p->def_log ? " log" : "");
	if (p->trust.holder)
		fputs("trust holder\n", out);
	if (p->trust.shared)
		fputs("trust shared\n", out);
	if (p->trust.script)
		fputs("trust script\n", out);
	if (p->trust.replaced)
		fputs("trust replaced\n", out);
}

int policy_format(const struct policy *p, FILE *out)
{
	size_t size = LINE_MAX_FIRST;
	char *mem = malloc(size);
	int rc = mem ? 0 : -ENOMEM;

	if (!rc)
		write_settings(p, out);
	for (size_t i = 0; !rc && i < p->nrules; i++)
		rc = write_rule(p, &p->rules[i], out, &mem, &size);
	free(mem);
	if (!rc && (fflush(out) || ferror(out)))
		rc = -EIO;
	return rc;
}
