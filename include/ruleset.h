/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ruleset: our own nftables table, from the targets to the kernel and away. */
#ifndef RULESET_H
#define RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "strbuf.h"
#include "target.h"

#define RULESET_NAME_MAX    32
#define RULESET_NAME_FORMAT "ptrap-ng-%u"	/* of the queue number */

struct ruleset_config {
	const struct target *targets;	/* borrowed while installing */
	size_t ntargets;
	uint16_t queue_num;
	bool new_only;			/* -c: first packet of a flow */
	bool bypass;			/* let traffic pass when nobody reads */
	bool input, forward;		/* chains beside output */
	bool nat;			/* a second one on the output hook, behind
					 * local DNAT; it has conntrack switched on
					 * in the namespace */
	bool exempt_ssh;		/* `ssh` returns before all targets */
	struct tuple ssh;		/* our side's packets: saddr is here; with
					 * input the other side's return, too */
};

/* How the rule hands packets over. */
enum ruleset_queue {
	RULESET_QUEUE_NATIVE,		/* the queue expression */
	RULESET_QUEUE_XT,		/* xt NFQUEUE through nft_compat */
};

struct ruleset;

/* What was refused; static or within the struct. */
struct ruleset_error {
	const char *what;		/* "table", "chain", "rule for udp :53" */
	char buf[128];
};

/*
 * Installs table inet ptrap-ng-<queue_num> in one transaction: with the owner
 * flag (5.12+: the kernel removes it when our socket closes, SIGKILL or not),
 * else without it; with the native queue expression, else with the xt target.
 * Chains output (and input, forward) at priority -150; per target one rule, or
 * two where -c needs them, with a counter.  With nat also output-nat at -50, for
 * what was no target's before its destination was rewritten: no packet is queued
 * by both.  -errno and *err: -EPERM no
 * permission, -EOPNOTSUPP no nf_tables or neither form of queue, -EEXIST a table
 * of that name is there, -EINVAL a target that no rule can express (see
 * rule_expand).  After an error nothing is installed.
 */
int ruleset_install(struct ruleset **rs, const struct ruleset_config *cfg,
		    struct ruleset_error *err);

/* Reads the counters a last time and deletes the rules but not the chains:
 * deleting a base chain makes the kernel drop every packet that is held in the
 * namespace (nf_queue_nf_hook_drop).  Asked again it does nothing. */
int ruleset_stop(struct ruleset *rs);

/* Removes the table and frees.  NULL is fine. */
void ruleset_close(struct ruleset *rs);

const char *ruleset_name(const struct ruleset *rs);
enum ruleset_queue ruleset_queue_kind(const struct ruleset *rs);
bool ruleset_has_owner(const struct ruleset *rs);

/* Packets that the rules have counted so far, all targets together, and per
 * target into counts[ntargets] (may be NULL).  After ruleset_stop: the last
 * count.  -ENOENT: the rules are gone; -errno. */
int ruleset_read_counters(struct ruleset *rs, uint64_t *total,
			  uint64_t *counts);

/* The ruleset as `nft list table` prints it while nothing is counted (for
 * --print-rules and nft/); only the comment that names the owner's program is
 * left out. */
void ruleset_print(const struct ruleset_config *cfg, enum ruleset_queue kind,
		   bool owner, struct strbuf *out);

#endif
