/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch_witness: a catch whose sender was seen as it sent. */
#ifndef CATCH_WITNESS_H
#define CATCH_WITNESS_H

#include <stdbool.h>

#include "catch.h"
#include "flow.h"
#include "users.h"
#include "witness.h"

/* The answer, if the record has one: a process, or the kernel. */
bool catch_take_record(struct catch *c, const struct witness_record *r);

/* The record's packet had another destination before NAT: what its socket sent.
 * False: it had not, or that was not seen. */
bool catch_record_tuple(const struct witness_record *r, struct tuple *own);

/* The same of who connected the packet's socket; found: that socket, if it is
 * there still. */
void catch_take_connect(struct catch *c, const struct sockowner_answer *found,
			const struct witness_record *r);

/* Who opened the packet's socket, whoever sent. */
void catch_set_creator(struct catch *c, const struct witness *w,
		       const struct witness_record *r);

/* Is it the catch's or the flow's socket still, and the same sender?  -1: the
 * record does not tell. */
int catch_has_record(const struct catch *c, const struct witness_record *r);
int catch_flow_has_record(const struct flow *f, const struct witness_record *r);

/* Is who connected the flow's socket the one that the flow has its name from? */
bool catch_flow_has_connect(const struct flow *f,
			    const struct witness_record *r);

/* As catch_read_process: without a look at /proc. */
void catch_read_testimony(struct catch *c, const struct witness *w,
			  const struct users *users);

/* As catch_read_rest: from /proc what is still the same program image, from the
 * record what is not. */
void catch_read_testimony_rest(struct catch *c, const struct witness *w,
			       struct process_parents *parents,
			       int proc_rootfd);

/* Is pid the sender, or was it above it when it sent? */
bool catch_testimony_descends(const struct catch *c, const struct witness *w,
			      pid_t pid);

#endif
