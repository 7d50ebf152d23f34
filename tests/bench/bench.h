/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench: what naming the sender costs, beside a reader that accepts at once. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define BENCH_ROUNDS_MAX  64
#define BENCH_READERS_MAX 6
#define BENCH_STAGES_MAX  12

enum bench_what {
	BENCH_NONE,	  /* no rule, no queue */
	BENCH_ACCEPT,	  /* accepts at once: the floor */
	BENCH_BATCH,	  /* accepts many at once */
	BENCH_PTRAP,	  /* ptrap-ng */
	BENCH_COMMAND,	  /* runs a command for each packet, then accepts */
	BENCH_OPENSNITCH, /* opensnitchd, through /proc */
};

/* A process that reads the queue. */
struct bench_reader {
	enum bench_what what;
	const char *name, *key;	 /* for people, for programs */
	const char *const *args; /* ptrap-ng's further ones, or the command;
				  * ended by NULL */
};

/* What the reader is to catch. */
struct bench_target {
	int protocol;	     /* IPPROTO_TCP, IPPROTO_UDP */
	const char *address; /* NULL: any */
	uint16_t port;
	bool new_only; /* -c */
};

/* Where ptrap-ng's time went, by its own count (--stats). */
struct bench_stage {
	char name[16];
	double count, total_ns, max_ns;
};

/* What one reader was measured at, all rounds together. */
struct bench_series {
	uint32_t *ns; /* a unit of work each; of rows that time a whole round,
		       * the mean of each round's */
	size_t count, room;
	double round_p50[BENCH_ROUNDS_MAX]; /* ns */
	unsigned rounds;
	uint64_t units, failed; /* units of work; those that failed */
	uint64_t named, others; /* events with the client's process; other
				 * events with one */
	uint64_t unseen;	/* packets that passed uncounted */
	double cpu_ns;		/* the reader's time, all units together */
	long rest_kib, rss_kib; /* the reader's memory, at first and the most */
	long maps_kib;		/* its BPF maps */
	struct bench_stage stages[BENCH_STAGES_MAX];
	size_t nstages;
};

struct bench_config {
	const char *ptrap; /* path */
	const char *json;  /* file; NULL: none */
	unsigned count, rounds;
	unsigned pause_us; /* after each connection */
	unsigned limit;	   /* seconds, then it all ends */
	const char *tmp;   /* a folder of our own */
};

/* One line of the table and its readers, the floor first. */
struct bench_row {
	const char *key, *title;
	/* Appends to *s; -errno ends the run. */
	int (*measure)(const struct bench_config *cfg,
		       const struct bench_row *row, struct bench_series *s);
	unsigned processes, fds; /* idle ones beside it */
	struct bench_target target;
	unsigned count;	      /* units of a round; 0: cfg's */
	unsigned flows;	      /* of datagrams */
	bool rate;	      /* the more a second the better */
	bool own_pid;	      /* all units are of this very process */
	double unit;	      /* of a rate: times this (bytes) */
	const char *units;    /* "connections/s" */
	const char *readers;  /* keys, with a blank between them */
	double goal, goal_nw; /* ratios to the floor; 0: none */
	double goal_p99;      /* of both */
	double goal_peer;     /* opensnitchd's p50 beside ptrap-ng's */
	long goal_kib;	      /* of memory */
};

struct bench_result {
	const struct bench_row *row;
	const struct bench_reader *readers[BENCH_READERS_MAX];
	struct bench_series series[BENCH_READERS_MAX];
	size_t n;
	char skipped[96];	/* why, or "" */
	char note[96];		/* what is otherwise than the title says, or "" */
};

/* net.c: a network namespace of our own with lo up.  -errno. */
int bench_netns(void);
/* A listener on 127.0.0.1, non-blocking; its descriptor or -errno. */
int bench_listen(uint16_t *port);
/* How many nftables rules the namespace has; -errno. */
int bench_count_rules(void);

/* client.c: one connection, of a new process or of this one: nanoseconds, or
 * -errno. */
int64_t bench_connect(int listener, uint16_t port, bool new_process);
void bench_accept_all(int listener);
uint64_t bench_now_ns(void);

/* work.c: what rows measure. */
int bench_measure_new(const struct bench_config *cfg,
		      const struct bench_row *row, struct bench_series *s);
int bench_measure_same(const struct bench_config *cfg,
		       const struct bench_row *row, struct bench_series *s);
int bench_measure_rate(const struct bench_config *cfg,
		       const struct bench_row *row, struct bench_series *s);
int bench_measure_async(const struct bench_config *cfg,
			const struct bench_row *row, struct bench_series *s);
int bench_measure_udp(const struct bench_config *cfg,
		      const struct bench_row *row, struct bench_series *s);
int bench_measure_bulk(const struct bench_config *cfg,
		       const struct bench_row *row, struct bench_series *s);
/* The listener of all; once, before the first row. */
int bench_open_work(uint16_t *port);

/* reader.c: a process that reads the queue, ready when this returns: its pid, or
 * -errno and a line on standard error.  json: where ptrap-ng writes to. */
pid_t bench_start(const struct bench_config *cfg, const struct bench_reader *r,
		  const struct bench_target *target, const char *json);
/* Ends it and waits until no rule is left.  -ETIMEDOUT, -errno. */
int bench_stop(pid_t pid);
/* NULL: it can; else why not. */
const char *bench_why_not(const struct bench_reader *r);

/* proc.c: the reader's memory and time, from /proc, its children's too; 0 where it
 * does not say. */
long bench_read_rss_kib(pid_t pid);
long bench_read_maps_kib(pid_t pid); /* of its BPF maps */
double bench_read_cpu_ns(pid_t pid);

/* herd.c: idle processes with open descriptors; pids is the caller's.  -EMFILE: more
 * than a process may have here (bench_herd_most). */
unsigned bench_herd_most(void);
int bench_herd_start(pid_t *pids, unsigned processes, unsigned fds);
void bench_herd_stop(const pid_t *pids, unsigned processes);

/* series.c: nanoseconds of the p-th per cent of sorted ones. */
double bench_percentile(const uint32_t *sorted, size_t count, double p);
void bench_sort(uint32_t *ns, size_t count);
int bench_note(struct bench_series *s, uint64_t ns); /* -ENOMEM */
void bench_end_round(struct bench_series *s, size_t from);
/* The events that the reader wrote, and its stages. */
void bench_read_events(const char *json, pid_t client, struct bench_series *s);

/* report.c; all series are sorted. */
void bench_print_head(const struct bench_config *cfg);
void bench_print(const struct bench_result *r);
/* One row beside another: does it grow with the herd? */
void bench_print_growth(const struct bench_result *few,
			const struct bench_result *many);
/* How many times the floor's (of a rate: what part of it); 0: not measured. */
double bench_ratio(const struct bench_result *r, size_t reader, double p);
int bench_write_json(const struct bench_config *cfg,
		     const struct bench_result *r, size_t n);

#endif
