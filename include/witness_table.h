/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_table: the witness's records, kept until their packets come. */
#ifndef WITNESS_TABLE_H
#define WITNESS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "witness_record.h"

#define WITNESS_TABLE_MAX   4096	/* records; then the oldest goes */
#define WITNESS_FACTS_BYTES (2 << 20)	/* of facts; then the least used goes */

/* An interrupt may come between the record and the queue: of two senders' like
 * packets the order is known only when they are further apart. */
#define WITNESS_APART_US 20000

struct witness_table;

/* -ENOMEM. */
int witness_table_open(struct witness_table **t);
void witness_table_close(struct witness_table *t);

void witness_table_add(struct witness_table *t, const struct witness_record *r);

/* See witness_find.  lost_ns: when a record was last lost before it came here
 * (0: never). */
bool witness_table_find(struct witness_table *t, const struct packet *p,
			uint64_t received_us, bool has_uid, uint32_t uid,
			uint64_t lost_ns, struct witness_record *r);

/* The same where the records of several network namespaces are: those of that
 * one only, or of all (0).  No packet says there whose socket it is of. */
bool witness_table_find_in(struct witness_table *t, uint32_t net_ns,
			   const struct packet *p, uint64_t received_us,
			   uint64_t lost_ns, struct witness_record *r);

void witness_table_forget(struct witness_table *t, uint64_t drained_us);

/* A copy of len bytes.  -EBADMSG: not facts; -ENOMEM. */
int witness_table_add_facts(struct witness_table *t, const void *facts,
			    size_t len);

/* Makes room as needed: true and *im, which is not known any more. */
bool witness_table_evict(struct witness_table *t, struct witness_image *im);

const struct witness_facts *
witness_table_facts(const struct witness_table *t,
		    const struct witness_image *im);

/* How many records went unread, and how many packets were in doubt. */
uint64_t witness_table_lost(const struct witness_table *t);
uint64_t witness_table_doubted(const struct witness_table *t);

/* Of facts: names from the last to the first become a path.  Returns buf, or
 * NULL: empty, or too long.  A partial one begins with "...". */
const char *witness_path_format(const char *names, size_t len, bool partial,
				char *buf, size_t size);
const char *witness_facts_exe(const struct witness_facts *f, char *buf,
			      size_t size);
const char *witness_facts_cwd(const struct witness_facts *f, char *buf,
			      size_t size);
const char *witness_facts_args(const struct witness_facts *f);

#endif
