/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns: the other network namespaces of this machine, and which one sent that. */
#ifndef NETNS_H
#define NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipaddr.h"
#include "netns_helper.h"
#include "sockowner.h"

#define NETNS_MAX	 256
#define NETNS_ORIGIN_MAX 8

struct netns_config {
	int proc_rootfd;		/* borrowed, as all of these */
	struct netns_helper *helper;
	struct sockowner *sockowner;	/* is given a socket of each of them */
	int prog_fd;			/* to attach in each: witness_program; -1 */
};

/* Which namespaces can have sent a packet that came by that device with that
 * source address: all of this machine that have the address, or the one at the
 * other end of the device. */
struct netns_origin {
	size_t n;			/* 0: none; more than one: who knows */
	struct {
		uint64_t id;		/* sockowner's, as in sockowner_query.net */
		uint32_t inode;		/* of the namespace */
	} list[NETNS_ORIGIN_MAX];
	bool sure;			/* these are all: none is closed to us, or did
					 * not answer, and there was room for all */
	bool outside;			/* it came from no namespace of this machine */
	bool shared;			/* others may send by that device, too, and put
					 * that address into it.  Who has it was asked
					 * up to a second ago, and may have given it
					 * away: of itself that names nobody */
	unsigned device;		/* where n is 1: its own end's index; 0: not
					 * known */
	bool watched;			/* the program is attached in all of them, */
	uint64_t watched_us;		/* since then */
};

struct netns_stats {
	unsigned known;			/* at the moment */
	uint64_t closed;		/* could not be entered, */
	uint64_t unwatched;		/* or the program not attached there */
	uint64_t crowded;		/* lists of more than there is room for */
};

struct netns;

/* Lists those that there are; as long as that takes.  -errno. */
int netns_open(struct netns **n, const struct netns_config *cfg);
void netns_close(struct netns *n);	/* NULL is fine */

/* Readable when there is something to do for netns_step. */
int netns_fd(const struct netns *n);

/*
 * Takes notice of devices and processes that came and went, and goes on with the
 * list: namespaces are found through the processes in them, and let go with the
 * last of these, some seconds later where that one has not ended but left.  Ends
 * soon after until_us.
 */
void netns_step(struct netns *n, uint64_t until_us);

/* When the next step is due without netns_fd being readable: 0 at once,
 * UINT64_MAX never. */
uint64_t netns_deadline(const struct netns *n);

/* The helper has ended, or does not answer: there will be no new ones. */
bool netns_is_blind(const struct netns *n);

void netns_find_origin(struct netns *n, const struct ipaddr *saddr,
		       uint32_t indev, struct netns_origin *o);

/* Whatever was sent in any of them since then, the program has seen: none is
 * closed to us, or not known. */
bool netns_watches_all(const struct netns *n, uint64_t since_us);

/*
 * The origin was not found: may it be, once the list is made anew?  Returns the
 * number of that list, begun from now on, to be held against netns_listed; 0:
 * there will be no new ones (netns_is_blind).
 */
uint64_t netns_refresh(struct netns *n);
uint64_t netns_listed(const struct netns *n);

const struct netns_stats *netns_stats(const struct netns *n);

#endif
