/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness: who sent this very packet, seen from within the kernel as it was sent. */
#ifndef WITNESS_H
#define WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "target.h"
#include "witness_record.h"

/*
 * From the best to the worst.  All need CAP_BPF and CAP_PERFMON (netfilter:
 * CAP_NET_ADMIN), the kernel's types (BTF), and Linux 5.17 for bpf_loop.  They
 * look only, change no packet, and are gone with the descriptors.  Only what is
 * sent from here: at the other hooks whoever runs is a bystander.  What another
 * network namespace sends only those kinds see that are told by witness_program
 * and of which it is said below.
 */
enum witness_kind {
	WITNESS_AUTO,		/* the best that there is */
	WITNESS_NETFILTER,	/* just before our chain on the output hook of the
				 * caller's network namespace (Linux 6.4) */
	WITNESS_TRACING,	/* at the entry of nf_queue(), where a packet is on
				 * its way into a queue; where the processor's ftrace
				 * can call programs (x86-64) */
	WITNESS_CGROUP,		/* at the root of cgroup v2: no packets, but who
				 * opened a socket and who connected it */
};

struct witness_config {
	enum witness_kind kind;
	const struct target *targets;	/* borrowed while opening; 0: all */
	size_t ntargets;
	bool new_only;			/* -c: not every one gets to the queue */
	bool nat;			/* some get there behind local DNAT, with
					 * another destination: netfilter looks there,
					 * too */
	bool forward;			/* other network namespaces, too */
	uint32_t ring_kib;		/* room for what is not read yet, rounded
					 * up to a power of two; 0: 1,024 */
};

struct witness_stats {
	uint64_t records;	/* read */
	uint64_t lost;		/* no room for them, in the kernel or here */
	uint64_t facts_lost;	/* no room for what is known of a process */
	uint64_t doubted;	/* packets with more than one possible record */
};

struct witness;

/* -EOPNOTSUPP: not built in, or the kernel has no such programs; -EPERM; any
 * other error of loading, of the best kind that was tried. */
int witness_open(struct witness **w, const struct witness_config *cfg);
void witness_close(struct witness *w);	/* NULL is fine */
bool witness_is_built_in(void);

/* The queue whose packets count; it is new and empty, without rules yet. */
void witness_watch_queue(struct witness *w, uint16_t queue_num);

/* The kind that it is. */
enum witness_kind witness_kind(const struct witness *w);

/* "netfilter", "tracing", "cgroup"; and back: -EINVAL. */
const char *witness_kind_name(enum witness_kind kind);
int witness_kind_parse(const char *name, enum witness_kind *kind);

/* What an error of witness_open means; static. */
const char *witness_reason(int err);

/* Readable when half of the room is used up: witness_read. */
int witness_fd(const struct witness *w);

/* Takes over all that was recorded so far; never waits. */
void witness_read(struct witness *w);

/*
 * The record of the packet, received at that time with that socket owner's uid
 * (has_uid).  False: none, or none that is surely this packet's.  A record is
 * given once.
 */
bool witness_find(struct witness *w, const struct packet *p,
		  uint64_t received_us, bool has_uid, uint32_t uid,
		  struct witness_record *r);

/*
 * Packets of other network namespaces (config.forward).  The program is for
 * witness_hook_attach there; -1: this kind cannot be there.  Of the record of a
 * packet that this namespace forwards: sent in the namespace with that inode,
 * or in whichever (0).  Others' packets of the same addresses are never taken
 * for it, nor it for theirs.
 */
int witness_program(const struct witness *w);
bool witness_find_forwarded(struct witness *w, const struct packet *p,
			    uint64_t received_us, uint32_t net_ns,
			    struct witness_record *r);

/* Does it see packets?  If not, it sees sockets: witness_find is for the
 * one, witness_find_connect and witness_find_creator are for the other. */
bool witness_sees_packets(const struct witness *w);

/* Who connected the socket that the packet came from, a connection's first: the
 * sender of it.  cookie 0: the socket is not there any more. */
bool witness_find_connect(struct witness *w, uint64_t cookie,
			  const struct packet *p, struct witness_record *r);

/* The same of a socket in another network namespace, which is there still. */
bool witness_find_forwarded_connect(struct witness *w, uint64_t cookie,
				    const struct packet *p,
				    struct witness_record *r);

/* Who opened it; as above. */
bool witness_find_creator(struct witness *w, uint64_t cookie,
			  const struct packet *p, struct witness_record *r);

/* The queue was empty at that time, and what came of it is dealt with: records
 * from before are nobody's. */
void witness_forget(struct witness *w, uint64_t drained_us);

/* What is known of a record's process image; borrowed until witness_read.
 * NULL: lost. */
const struct witness_facts *witness_facts(const struct witness *w,
					  const struct witness_image *im);

const struct witness_stats *witness_stats(struct witness *w);

#endif
