/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options: the command line, from one table. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dns_pattern.h"
#include "log.h"
#include "target.h"
#include "witness.h"

#define OPTIONS_OUTPUTS_MAX 8

enum options_mode {
	OPTIONS_RUN,
	OPTIONS_PRINT_RULES,
	OPTIONS_CHECK,
	OPTIONS_VERSION,
	OPTIONS_HELP,
};

/* How to find out who has a socket open. */
enum options_sweep {
	OPTIONS_SWEEP_BEST, /* by BPF where it can be had and is allowed */
	OPTIONS_SWEEP_BPF,
	OPTIONS_SWEEP_PROC,
};

/* Whether to look behind local DNAT, too. */
enum options_nat {
	OPTIONS_NAT_AUTO, /* where somebody may do that */
	OPTIONS_NAT_ALWAYS,
	OPTIONS_NAT_NEVER,
};

/* Strings are argv's. */
struct options {
	enum options_mode mode;
	struct target *targets; /* owned; at least one to run, but with
				 * has_queue none means all packets */
	size_t ntargets;
	struct dns_pattern *names; /* --name; owned */
	size_t nnames;
	bool new_only;	       /* -c */
	const char *exec;      /* -e, or NULL */
	uint64_t exec_time_us; /* --exec-time */
	uint64_t hold_us;      /* -s */
	bool has_rate;	       /* -n was given */
	unsigned rate;	       /* a minute; 0 no cap; default filled in */
	uint64_t count;	       /* -1, -C; 0 no end */
	uint64_t for_us;       /* --for; 0 no end */
	const char *outputs[OPTIONS_OUTPUTS_MAX]; /* FORMAT[:FILE], checked */
	size_t noutputs;			  /* 0: as if "text" */
	enum log_level level;
	bool has_queue;
	uint16_t queue; /* -Q */
	enum witness_kind witness; /* --witness */
	bool packets, hold_all, input, forward, no_witness;
	bool stats; /* --stats */
	enum options_sweep sweep; /* --sweep */
	enum options_nat nat;	  /* --nat */
	const char *enforce;	  /* --enforce: the policy's file, or NULL */
	uint32_t witness_ring_kib; /* --witness-ring; 0: the default */
};

/*
 * Fills *o, sets the log's level, and asks the name service for the targets'
 * host names if they are needed (may block).  On a mistake one line on standard
 * error that names the text and the place, and -EINVAL (exit status 2);
 * -ENOMEM likewise.  Free *o in either case.  -h and -V end the reading: what
 * comes after them is not looked at.
 */
int options_parse(struct options *o, int argc, char *argv[]);
void options_free(struct options *o);

void options_print_usage(FILE *out);

#endif
