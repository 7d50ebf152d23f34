/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_table: each option, what it does with its argument, its help line. */
#ifndef OPTIONS_TABLE_H
#define OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "target.h"

#define OPTIONS_TABLE_MAX 40
#define OPTIONS_STOP	  1   /* a setter's: read no further */
#define OPTIONS_HOLD_MS	  500 /* defaults */
#define OPTIONS_EXEC_MS	  10000
#define OPTIONS_EXEC_RATE 20

struct options;

enum options_group {
	OPTIONS_TARGET,
	OPTIONS_COMMAND,
	OPTIONS_REPORT,
	OPTIONS_END,
	OPTIONS_POLICY,
	OPTIONS_SYSTEM,
	OPTIONS_GROUPS,
};

struct options_parse;

struct options_spec {
	const char *name;
	char letter;	 /* 0: long only */
	const char *arg; /* NULL: takes none */
	enum options_group group;
	/* 0, OPTIONS_STOP, or -EINVAL after the one line that says why. */
	int (*set)(struct options_parse *p, const char *arg);
	int value; /* for set */
	const char *help; /* NULL: in the manual only */
};

/* How far the reading is. */
struct options_parse {
	struct options *o;
	const struct options_spec *spec; /* the option at hand */
	char said[32];			 /* the option as it was written */
	bool given[OPTIONS_TABLE_MAX];	 /* by place in the table */
	int proto;			 /* of the targets that follow */
	char proto_said[32];	    /* its option, until a target follows */
	bool proto_used;	    /* by some target */
	struct target *old;	    /* the last of -i and -p; NULL none */
	const char *address, *port; /* what it has */
	const char *bare_port;	    /* a -p left without -i */
	bool any_address;	    /* there was an -i */
};

/* Ends with a spec without name. */
extern const struct options_spec options_table[];

/* An argument that is no option's.  o->targets has room for it. */
int options_set_target(struct options_parse *p, const char *text);

/* Where names are given and no target: DNS at its port, over the protocol that
 * was said, or UDP and TCP. */
void options_imply_targets(struct options_parse *p);

/* What only the end of the line shows about protocols and -i and -p. */
int options_end_targets(struct options_parse *p);

/* Says the one line, at being where in text it is wrong (NULL: all of it).
 * Returns -EINVAL. */
int options_complain(const char *what, const char *text, const char *at,
		     const char *why);

#endif
