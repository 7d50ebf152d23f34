/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench: what connect() costs a new process, under each kind of queue reader.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define BENCH_ROUNDS_MAX 64

enum bench_mode {
	BENCH_NONE,   /* no rule, no queue */
	BENCH_ACCEPT, /* a reader that accepts at once: the floor */
	BENCH_PTRAP,  /* ptrap-ng -c */
	BENCH_MODES,
};

/* All connections of one mode. */
struct bench_result {
	uint32_t *ns; /* how long each connect() took */
	size_t count, failed;
	double round_p50[BENCH_ROUNDS_MAX]; /* us */
	unsigned rounds;
	long rss_kib, hwm_kib; /* the reader's, the highest; 0: none */
};

struct bench_config {
	const char *ptrap; /* path; NULL: that mode is left out */
	const char *json;  /* file; NULL: none */
	unsigned connections, rounds;
	unsigned herd_processes, herd_fds;
	unsigned pause_us; /* after each connection */
	unsigned limit;	   /* seconds, then it all ends */
};

/* net.c: a network namespace of our own with lo up.  -errno. */
int bench_netns(void);
/* A listener on 127.0.0.1, non-blocking; its descriptor or -errno. */
int bench_listen(uint16_t *port);
/* How many nftables rules the namespace has; -errno. */
int bench_count_rules(void);

/* client.c: one connection of one new process: nanoseconds, or -errno. */
int64_t bench_connect(int listener, uint16_t port);

/* reader.c: a process that reads the queue of SYNs to port, ready when this
 * returns: its pid, or -errno and a line on standard error. */
pid_t bench_start(enum bench_mode mode, const char *ptrap, uint16_t port);
/* Ends it and waits until no rule is left.  -ETIMEDOUT, -errno. */
int bench_stop(pid_t pid);
/* A "VmRSS:" of /proc/PID/status, 0 where there is none. */
long bench_read_status(pid_t pid, const char *field);

/* herd.c: idle processes with open descriptors; pids is the caller's. */
int bench_herd_start(pid_t *pids, unsigned processes, unsigned fds);
void bench_herd_stop(const pid_t *pids, unsigned processes);

/* report.c: microseconds of the p-th per cent of sorted nanoseconds. */
double bench_percentile(const uint32_t *sorted, size_t count, double p);
void bench_sort(uint32_t *ns, size_t count);
/* Both want ns sorted. */
void bench_print(const struct bench_config *cfg,
		 const struct bench_result *results);
int bench_write_json(const struct bench_config *cfg,
		     const struct bench_result *results);

#endif
