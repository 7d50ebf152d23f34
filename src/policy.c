/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy: what is known of a packet and its sender in; a verdict out. */
#include "policy.h"

#include <string.h>

#include "proto.h"

#define CONTAINER_PREFIX_MIN 12 /* digits, as docker ps shows them */

/* How sure it is that a clause fits; of several, the least counts. */
enum fit { NO, MAYBE, YES };

/* One packet as one sender's. */
struct ask {
	const struct policy *policy;
	const struct policy_files *files;
	const struct policy_subject *subject;
	const struct policy_process *process; /* NULL: not known, or none */
	uint32_t exe, parent; /* what its files are in the policy's marks */
	const struct policy_object *object;
};

static void set_process(struct ask *a, const struct policy_process *ps)
{
	a->process = ps;
	a->exe = policy_files_same(a->files, ps->exe.dev, ps->exe.ino);
	a->parent = policy_files_same(a->files, ps->parent.dev, ps->parent.ino);
}

static bool stops(const struct policy_rule *r)
{
	return r->verdict != POLICY_ACCEPT;
}

/* ------------------------------------------------------------------ objects */

static bool in_ranges(const struct policy *p, struct policy_span span,
		      uint32_t value)
{
	for (uint32_t i = 0; i < span.n; i++) {
		struct policy_range r = p->ranges[span.first + i];

		if (value >= r.low && value <= r.high)
			return true;
	}
	return false;
}

static enum fit fit_ranges(const struct policy *p, struct policy_span span,
			   uint32_t value)
{
	return in_ranges(p, span, value) ? YES : NO;
}

static enum fit fit_proto(const struct policy_rule *r, const struct ask *a)
{
	if (a->object->proto < 0)
		return MAYBE;
	return fit_ranges(a->policy, r->proto, (uint32_t)a->object->proto);
}

static enum fit fit_direction(const struct policy_rule *r, const struct ask *a)
{
	return r->direction == a->object->direction ? YES : NO;
}

static enum fit fit_ports(const struct ask *a, struct policy_span span,
			  uint16_t port)
{
	const struct policy_object *o = a->object;

	if (o->has_ports)
		return fit_ranges(a->policy, span, port);
	return o->proto < 0 || proto_has_ports(o->proto) ? MAYBE : NO;
}

static enum fit fit_port(const struct policy_rule *r, const struct ask *a)
{
	return fit_ports(a, r->port, a->object->port);
}

static enum fit fit_sport(const struct policy_rule *r, const struct ask *a)
{
	return fit_ports(a, r->sport, a->object->sport);
}

static enum fit fit_nets(const struct ask *a, struct policy_span span,
			 const struct ipaddr *addr)
{
	if (!ipaddr_len(addr))
		return MAYBE;
	for (uint32_t i = 0; i < span.n; i++)
		if (ipnet_contains(&a->policy->nets[span.first + i], addr))
			return YES;
	return NO;
}

static enum fit fit_to(const struct policy_rule *r, const struct ask *a)
{
	return fit_nets(a, r->to, &a->object->to);
}

static enum fit fit_from(const struct policy_rule *r, const struct ask *a)
{
	return fit_nets(a, r->from, &a->object->from);
}

static bool is_named(const struct policy *p, struct policy_span span,
		     const char *name)
{
	for (uint32_t i = 0; i < span.n; i++)
		if (dns_pattern_match(&p->names[span.first + i], name))
			return true;
	return false;
}

/* To pass, all that is asked for must be allowed; to be stopped, one is enough.
 * No name was seen is no doubt: most packets never have one. */
static enum fit fit_name(const struct policy_rule *r, const struct ask *a)
{
	const struct policy_object *o = a->object;
	size_t named = 0;

	for (size_t i = 0; i < o->nnames; i++)
		named += is_named(a->policy, r->name, o->names[i]);
	if (!named)
		return NO;
	return stops(r) || named == o->nnames ? YES : NO;
}

/* ------------------------------------------------------------------ senders */

/* The file that the program runs, as the rule's path has it; or NULL. */
static const struct policy_image *find_image(const struct ask *a,
					     uint32_t index,
					     const struct policy_program *prog,
					     bool *replaced)
{
	const struct policy_image *im;

	im = policy_files_find(a->files, index, prog->dev, prog->ino, replaced);
	*replaced |= !prog->nlink;
	return im;
}

static enum fit fit_program(const struct policy_rule *r, const struct ask *a,
			    uint32_t index, const struct policy_program *prog,
			    uint32_t same)
{
	const struct policy_mark *mark = &a->files->marks[index];
	bool replaced;

	if (!prog->ino)
		return MAYBE;
	if ((same == POLICY_NONE || mark->same != same) && !mark->has_past)
		return NO;
	if (!find_image(a, index, prog, &replaced))
		return NO;
	if (replaced && !stops(r) && !a->policy->trust.replaced)
		return NO;
	return YES;
}

static enum fit fit_exe(const struct policy_rule *r, const struct ask *a)
{
	return fit_program(r, a, r->exe, &a->process->exe, a->exe);
}

static enum fit fit_parent(const struct policy_rule *r, const struct ask *a)
{
	return fit_program(r, a, r->parent, &a->process->parent, a->parent);
}

static enum fit fit_sha256(const struct policy_rule *r, const struct ask *a)
{
	const struct policy_image *im;
	bool replaced;

	if (!a->process->exe.ino)
		return MAYBE;
	im = find_image(a, r->exe, &a->process->exe, &replaced);
	if (!im)
		return NO;
	if (!im->has_digest)
		return MAYBE;
	return memcmp(im->digest, r->sha256, sizeof(r->sha256)) == 0 ? YES : NO;
}

/* The sender's, or, of one that is not known, the packet's own. */
static enum fit fit_uid(const struct policy_rule *r, const struct ask *a)
{
	bool known =
		a->process ? a->process->has_uid : a->subject->has_packet_ids;

	if (!known)
		return MAYBE;
	return fit_ranges(a->policy, r->uid,
			  a->process ? a->process->uid
				     : a->subject->packet_uid);
}

static enum fit fit_gid(const struct policy_rule *r, const struct ask *a)
{
	bool known =
		a->process ? a->process->has_uid : a->subject->has_packet_ids;

	if (!known)
		return MAYBE;
	return fit_ranges(a->policy, r->gid,
			  a->process ? a->process->gid
				     : a->subject->packet_gid);
}

static enum fit fit_script(const struct policy_rule *r, const struct ask *a)
{
	const struct policy_process *ps = a->process;
	bool same;

	if (ps->script_kind == POLICY_SCRIPT_UNKNOWN)
		return MAYBE;
	same = ps->script && !strcmp(ps->script, r->script);
	if (ps->script_kind == POLICY_SCRIPT_SEEN || a->policy->trust.script)
		return same ? YES : NO;
	/* It may say so, or not say so, of any script. */
	return same && stops(r) ? YES : MAYBE;
}

/* A * is any part of a name, but never of two.  No unit has a * in its own. */
static bool is_like(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			retry = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star && *retry != '/') {
			pattern = star + 1;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static enum fit fit_unit(const struct policy_rule *r, const struct ask *a)
{
	const struct policy_process *ps = a->process;

	if (!ps->cgroup)
		return MAYBE;
	return ps->unit && is_like(r->unit, ps->unit) ? YES : NO;
}

/* That one, and those below it. */
static enum fit fit_cgroup(const struct policy_rule *r, const struct ask *a)
{
	const char *cgroup = a->process->cgroup;
	size_t len = strlen(r->cgroup);

	if (!cgroup)
		return MAYBE;
	if (len == 1) /* the root */
		return YES;
	if (strncmp(cgroup, r->cgroup, len) != 0)
		return NO;
	return cgroup[len] == '\0' || cgroup[len] == '/' ? YES : NO;
}

/* A whole name, or the first digits of an id. */
static enum fit fit_container(const struct policy_rule *r, const struct ask *a)
{
	const struct policy_process *ps = a->process;
	size_t len = strlen(r->container);

	if (!ps->cgroup)
		return MAYBE;
	if (!ps->container || strncmp(ps->container, r->container, len) != 0)
		return NO;
	if (!ps->container[len])
		return YES;
	return len >= CONTAINER_PREFIX_MIN &&
			       strspn(ps->container, "0123456789abcdef") == 64
		       ? YES
		       : NO;
}

/* -------------------------------------------------------------------- rules */

typedef enum fit (*fit_fn)(const struct policy_rule *r, const struct ask *a);

static const fit_fn fits[POLICY_ASKS] = {
	[POLICY_ASK_PROTO] = fit_proto,
	[POLICY_ASK_DIRECTION] = fit_direction,
	[POLICY_ASK_PORT] = fit_port,
	[POLICY_ASK_SPORT] = fit_sport,
	[POLICY_ASK_EXE] = fit_exe,
	[POLICY_ASK_UID] = fit_uid,
	[POLICY_ASK_GID] = fit_gid,
	[POLICY_ASK_TO] = fit_to,
	[POLICY_ASK_FROM] = fit_from,
	[POLICY_ASK_PARENT] = fit_parent,
	[POLICY_ASK_SCRIPT] = fit_script,
	[POLICY_ASK_SHA256] = fit_sha256,
	[POLICY_ASK_UNIT] = fit_unit,
	[POLICY_ASK_CGROUP] = fit_cgroup,
	[POLICY_ASK_CONTAINER] = fit_container,
	[POLICY_ASK_NAME] = fit_name,
};

/* The least of all clauses; *missing is the first that is not known. */
static enum fit fit_rule(const struct policy_rule *r, const struct ask *a,
			 enum policy_ask *missing)
{
	enum fit least = YES;

	*missing = POLICY_ASKS;
	for (uint32_t asks = r->asks; asks; asks &= asks - 1) {
		enum policy_ask i = (enum policy_ask)__builtin_ctz(asks);

		switch (fits[i](r, a)) {
		case NO:
			return NO;
		case MAYBE:
			if (least == YES)
				*missing = i;
			least = MAYBE;
			break;
		case YES:
			break;
		}
	}
	return least;
}

/*
 * A rule of processes, and a sender who is none for sure.  One that has the
 * socket open, but is not trusted to have sent the packet, may well be stopped
 * for it.
 */
static bool suspects(const struct policy_rule *r, const struct ask *a)
{
	struct ask each = *a;
	enum policy_ask missing;

	if (!stops(r))
		return false;
	for (size_t i = 0; i < a->subject->nprocesses; i++) {
		set_process(&each, &a->subject->processes[i]);
		if (fit_rule(r, &each, &missing) == YES)
			return true;
	}
	return false;
}

static bool takes(const struct policy_rule *r, const struct ask *a,
		  struct policy_result *result)
{
	enum policy_ask missing;
	enum fit fit;

	if (r->who != result->who && r->who != POLICY_ANYONE)
		return r->who == POLICY_PROCESS &&
		       result->who == POLICY_UNKNOWN && suspects(r, a);
	fit = fit_rule(r, a, &missing);
	if (fit == NO || (fit == MAYBE && !stops(r)))
		return false;
	if (r->verdict != POLICY_LOG) {
		result->doubted = fit == MAYBE;
		result->missing = missing;
	}
	return true;
}

static void note_log(struct policy_result *result, unsigned line)
{
	if (!result->log)
		result->log_line = line;
	result->log = true;
}

static void judge(const struct ask *a, enum policy_who who,
		  struct policy_result *result)
{
	const struct policy *p = a->policy;

	*result = (struct policy_result){.who = who, .missing = POLICY_ASKS};
	for (size_t i = 0; i < p->nrules; i++) {
		const struct policy_rule *r = &p->rules[i];

		if (!takes(r, a, result))
			continue;
		if (r->log)
			note_log(result, r->line);
		if (r->verdict == POLICY_LOG)
			continue;
		result->verdict = r->verdict;
		result->line = r->line;
		return;
	}
	result->verdict = p->def;
	result->line = p->def_line;
	result->is_default = true;
	if (p->def_log)
		note_log(result, p->def_line);
}

/* As whom the policy sees the sender. */
static enum policy_who classify(const struct policy *p,
				const struct policy_subject *s)
{
	switch (s->grade) {
	case SOCKOWNER_PROVED:
		return s->nprocesses == 1 ? POLICY_PROCESS : POLICY_UNKNOWN;
	case SOCKOWNER_HOLDER:
		return p->trust.holder && s->nprocesses == 1 ? POLICY_PROCESS
							     : POLICY_UNKNOWN;
	case SOCKOWNER_SHARED:
		return p->trust.shared && s->nprocesses && s->complete
			       ? POLICY_PROCESS
			       : POLICY_UNKNOWN;
	case SOCKOWNER_KERNEL:
		return POLICY_KERNEL;
	case SOCKOWNER_TWINS:
	case SOCKOWNER_CREATOR:
	case SOCKOWNER_UID_ONLY:
	case SOCKOWNER_UNKNOWN:
		break;
	}
	return POLICY_UNKNOWN;
}

void policy_evaluate(const struct policy *p, const struct policy_files *files,
		     const struct policy_subject *subject,
		     const struct policy_object *object,
		     struct policy_result *result)
{
	enum policy_who who = classify(p, subject);
	struct ask a = {
		.policy = p,
		.files = files,
		.subject = subject,
		.object = object,
	};
	unsigned logged = 0, log_line = 0;

	if (who != POLICY_PROCESS) {
		judge(&a, who, result);
		return;
	}
	/* Each of them must be allowed; the first that is not decides. */
	for (size_t i = 0; i < subject->nprocesses; i++) {
		set_process(&a, &subject->processes[i]);
		judge(&a, who, result);
		result->process = i;
		if (result->log && !logged++)
			log_line = result->log_line;
		if (result->verdict != POLICY_ACCEPT)
			break;
	}
	result->log = logged > 0;
	result->log_line = log_line;
}

bool policy_is_stale(const struct policy_files *files,
		     const struct policy_subject *subject)
{
	for (size_t i = 0; i < subject->nprocesses; i++) {
		const struct policy_program *exe = &subject->processes[i].exe;

		if (exe->ino && exe->path && exe->nlink && !exe->foreign &&
		    policy_files_is_stale(files, exe->path, exe->dev, exe->ino))
			return true;
	}
	return false;
}
