/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_rule: the shape of a policy: its lines as rules, and what they name. */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns_pattern.h"
#include "ipaddr.h"

#define POLICY_DIGEST_LEN 32	/* SHA-256 */
#define POLICY_RULES_MAX  65536
#define POLICY_FILES_MAX  4096	/* each is held open */
#define POLICY_NONE	  UINT32_MAX

enum policy_verdict {
	POLICY_ACCEPT,
	POLICY_DROP,
	POLICY_REJECT,
	POLICY_LOG,		/* decides nothing: the next lines do */
};

/* Whose packets a rule is about. */
enum policy_who {
	POLICY_PROCESS,		/* a sender that is known */
	POLICY_UNKNOWN,
	POLICY_KERNEL,
	POLICY_ANYONE,
};

enum policy_direction { POLICY_OUT, POLICY_IN, POLICY_FORWARD };

/* What a rule asks for, in the order of evaluation: what is cheap, and what most
 * packets do not fit, first. */
enum policy_ask {
	POLICY_ASK_EXE,
	POLICY_ASK_PROTO,
	POLICY_ASK_DIRECTION,
	POLICY_ASK_PORT,
	POLICY_ASK_SPORT,
	POLICY_ASK_UID,
	POLICY_ASK_GID,
	POLICY_ASK_TO,
	POLICY_ASK_FROM,
	POLICY_ASK_PARENT,
	POLICY_ASK_SCRIPT,
	POLICY_ASK_SHA256,
	POLICY_ASK_UNIT,
	POLICY_ASK_CGROUP,
	POLICY_ASK_CONTAINER,
	POLICY_ASK_NAME,
	POLICY_ASKS,
};

#define POLICY_BIT(ask) (1U << (ask))
#define POLICY_ASKS_SENDER                                             \
	(POLICY_BIT(POLICY_ASK_EXE) | POLICY_BIT(POLICY_ASK_UID) |     \
	 POLICY_BIT(POLICY_ASK_GID) | POLICY_BIT(POLICY_ASK_PARENT) |  \
	 POLICY_BIT(POLICY_ASK_SCRIPT) |                               \
	 POLICY_BIT(POLICY_ASK_SHA256) | POLICY_BIT(POLICY_ASK_UNIT) | \
	 POLICY_BIT(POLICY_ASK_CGROUP) |                               \
	 POLICY_BIT(POLICY_ASK_CONTAINER))

/* n members of one of the policy's arrays, from first on; any of them will do. */
struct policy_span {
	uint32_t first, n;
};

struct policy_range {
	uint32_t low, high;
};

struct policy_rule {
	enum policy_verdict verdict;
	bool log;
	enum policy_who who;
	unsigned line;			/* in the file, from 1 */
	uint32_t asks;			/* POLICY_BITs: which of these count */
	enum policy_direction direction;
	uint32_t exe, parent;		/* index in files */
	struct policy_span proto, sport, port, uid, gid;	/* ranges */
	struct policy_span from, to;				/* nets */
	struct policy_span name;				/* names */
	const char *script, *unit, *cgroup, *container;
	uint8_t sha256[POLICY_DIGEST_LEN];
};

/* What the policy believes without proof; the lines where it says so, or 0. */
struct policy_trust {
	unsigned holder;	/* who has the socket open, alone, sent the packet */
	unsigned shared;	/* one of those who have it open did */
	unsigned script;	/* the script is the one that argv names */
	unsigned replaced;	/* a file that was replaced while this program ran
				 * is still what the path means */
};

/* Owns all that its rules point to.  Never changes once it is made: any number
 * of threads may read it. */
struct policy {
	enum policy_verdict def;	/* POLICY_DROP where none is stated */
	bool def_log;
	unsigned def_line;		/* 0: not stated */
	struct policy_trust trust;
	struct policy_rule *rules;	/* in the file's order */
	size_t nrules;
	const char **files;		/* paths, each once */
	size_t nfiles;
	struct policy_range *ranges;
	size_t nranges;
	struct ipnet *nets;
	size_t nnets;
	struct dns_pattern *names;
	size_t nnames;
	char *text;
};

void policy_close(struct policy *p);	/* NULL is fine */

/* As they are written in a policy. */
const char *policy_verdict_name(enum policy_verdict verdict);
const char *policy_who_name(enum policy_who who);	/* "" for a process */
const char *policy_direction_name(enum policy_direction direction);
const char *policy_ask_name(enum policy_ask ask);	/* "" for the direction */

/* Does the rule ask for that? */
bool policy_rule_asks(const struct policy_rule *r, enum policy_ask ask);

#endif
