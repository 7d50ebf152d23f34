/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mixed: the matrix's cases mixed, by many processes at once, on few pids and
 * few ports. */
#ifndef E2E_MIXED_H
#define E2E_MIXED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "matrix.h"
#include "sender.h"

#define MIXED_NET4    "127.77.0.0/16"
#define MIXED_NET6    "fd01::/64"
#define MIXED_MAX     60000 /* packets: each has its own address in there */
#define MIXED_WORKERS 4
#define MIXED_PIDS    16 /* of each worker, for its children, and as many */
			 /* for theirs */
#define MIXED_PORTS   4	 /* to send from */
#define MIXED_HELPER  "--mixed"
#define MIXED_AFTER   "--mixed-after"

enum mixed_deed {
	MIXED_STAYS,
	MIXED_CONNECTED,
	MIXED_MAPPED,
	MIXED_DEVICE,
	MIXED_CLOSED,
	MIXED_FORKED,
	MIXED_CHILD_GONE,
	MIXED_PASSED,
	MIXED_IN_FLIGHT,
	MIXED_IO_URING,
	MIXED_THREAD,
	MIXED_DEAD,
	MIXED_EXEC_BEFORE, /* a program of its own, then gone */
	MIXED_EXEC_AFTER,  /* sends, then becomes another program */
	MIXED_DEEDS
};

/* What packet number so and so is, by the number alone. */
struct mixed_plan {
	enum mixed_deed deed;
	enum matrix_proto proto;
	bool ipv6;     /* its socket */
	uint16_t port; /* to send from; 0: any */
	bool asks;     /* to the one resolver: the number is in the question */
};

/* The log that all of them share: written by who sends, before it does. */
struct mixed_truth {
	pid_t pid, tid;
	pid_t opener, left; /* see struct truth */
	uint64_t inode;
	int err;
	char name[16]; /* its comm: nobody else's, ever */
};

struct mixed {
	unsigned n;
	bool ipv6;
	bool icmp;		  /* ping sockets are there */
	bool udplite;
	bool forced;		  /* pids could be chosen */
	struct mixed_truth log[]; /* n */
};

struct mixed_plan mixed_plan_of(const struct mixed *m, unsigned number);

/* A sender_fn; arg: */
struct mixed_worker {
	struct mixed *m; /* shared: the file log, mapped */
	const char *log;
	unsigned number; /* 0 ... MIXED_WORKERS - 1 */
};
void mixed_work(struct stage *st, const void *arg);
/* main's, for argv[1] MIXED_HELPER or MIXED_AFTER. */
int mixed_help(char **argv);

#endif
