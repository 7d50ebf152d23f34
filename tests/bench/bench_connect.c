/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_connect: connect() of new processes, in alternating rounds. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "util.h"

#define WARM_UP	   20 /* connections of a round that do not count */
#define FAILED_MAX 10 /* each may take seconds */

static const char usage[] =
	"usage: bench_connect [-n CONNECTIONS] [-r ROUNDS] [--herd P:F]\n"
	"                     [--pause US] [--json FILE] [--limit SECONDS] "
	"[PTRAP-NG]\n"
	"\n"
	"Times connect() of a new process for each connection, to a listener "
	"in\n"
	"a network namespace of its own: without a queue, with a reader that\n"
	"accepts at once, and with PTRAP-NG -c, in alternating rounds.\n"
	"--pause waits that long after each connection (default 1000: an idle\n"
	"host; 0: as many as there can be).\n"
	"--herd keeps P idle processes with F descriptors each beside it.\n";

static int parse_number(const char *text, size_t len, unsigned max,
			unsigned *value)
{
	uint64_t v;
	int err = util_parse_uint(text, len, max, &v);

	if (!err)
		*value = (unsigned)v;
	return err;
}

static int parse_herd(const char *text, struct bench_config *cfg)
{
	const char *colon = strchr(text, ':');

	if (!colon)
		return -EINVAL;
	if (parse_number(text, (size_t)(colon - text), 30000,
			 &cfg->herd_processes))
		return -EINVAL;
	return parse_number(colon + 1, strlen(colon + 1), 100000,
			    &cfg->herd_fds);
}

static int parse_option(int opt, const char *arg, struct bench_config *cfg)
{
	switch (opt) {
	case 'n':
		return parse_number(arg, strlen(arg), 1000000,
				    &cfg->connections);
	case 'r':
		return parse_number(arg, strlen(arg), BENCH_ROUNDS_MAX,
				    &cfg->rounds);
	case 'H':
		return parse_herd(arg, cfg);
	case 'p':
		return parse_number(arg, strlen(arg), 1000000, &cfg->pause_us);
	case 'l':
		return parse_number(arg, strlen(arg), 86400, &cfg->limit);
	case 'j':
		cfg->json = arg;
		return 0;
	}
	return -EINVAL;
}

static int parse_args(int argc, char **argv, struct bench_config *cfg)
{
	static const struct option longs[] = {
		{"herd", required_argument, NULL, 'H'},
		{"json", required_argument, NULL, 'j'},
		{"limit", required_argument, NULL, 'l'},
		{"pause", required_argument, NULL, 'p'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "n:r:", longs, NULL)) != -1)
		if (parse_option(opt, optarg, cfg))
			return -EINVAL;
	if (argc - optind > 1 || !cfg->connections || !cfg->rounds)
		return -EINVAL;
	cfg->ptrap = argv[optind];
	return 0;
}

static void wait_a_while(unsigned us)
{
	struct timespec ts = {.tv_sec = us / 1000000,
			      .tv_nsec = (long)(us % 1000000) * 1000};

	if (us)
		nanosleep(&ts, NULL);
}

static int measure(const struct bench_config *cfg, int listener, uint16_t port,
		   struct bench_result *r)
{
	uint32_t *ns = r->ns + r->count;
	size_t count = 0;

	for (unsigned i = 0; i < cfg->connections + WARM_UP; i++) {
		int64_t t = bench_connect(listener, port);

		wait_a_while(cfg->pause_us);
		if (t < 0 && ++r->failed > FAILED_MAX)
			return (int)t;
		if (t >= 0 && i >= WARM_UP)
			ns[count++] = t < UINT32_MAX ? (uint32_t)t : UINT32_MAX;
	}
	bench_sort(ns, count);
	r->round_p50[r->rounds++] = bench_percentile(ns, count, 50);
	r->count += count;
	return 0;
}

static void note_memory(pid_t pid, struct bench_result *r)
{
	long rss = bench_read_status(pid, "VmRSS");
	long hwm = bench_read_status(pid, "VmHWM");

	r->rss_kib = rss > r->rss_kib ? rss : r->rss_kib;
	r->hwm_kib = hwm > r->hwm_kib ? hwm : r->hwm_kib;
}

static int run_mode(const struct bench_config *cfg, enum bench_mode mode,
		    int listener, uint16_t port, struct bench_result *results)
{
	struct bench_result *r = &results[mode];
	int err, stop_err;
	pid_t pid;

	if (mode == BENCH_NONE)
		return measure(cfg, listener, port, r);
	if (mode == BENCH_PTRAP && !cfg->ptrap)
		return 0;
	pid = bench_start(mode, cfg->ptrap, port);
	if (pid < 0)
		return pid;
	err = measure(cfg, listener, port, r);
	note_memory(pid, r);
	stop_err = bench_stop(pid);
	return err ? err : stop_err;
}

/* Every second round turns the order round: no mode is always the later one. */
static int run_rounds(const struct bench_config *cfg,
		      struct bench_result *results)
{
	static const enum bench_mode orders[2][BENCH_MODES] = {
		{BENCH_NONE, BENCH_ACCEPT, BENCH_PTRAP},
		{BENCH_PTRAP, BENCH_ACCEPT, BENCH_NONE},
	};
	int err = 0;
	uint16_t port;
	int listener = bench_listen(&port);

	if (listener < 0)
		return listener;
	for (unsigned i = 0; i < cfg->rounds && !err; i++)
		for (int m = 0; m < BENCH_MODES && !err; m++)
			err = run_mode(cfg, orders[i % 2][m], listener, port,
				       results);
	close(listener);
	return err;
}

static int run(const struct bench_config *cfg, struct bench_result *results)
{
	pid_t *pids = calloc(cfg->herd_processes + 1, sizeof(*pids));
	size_t all = (size_t)cfg->connections * cfg->rounds;
	int err = pids ? 0 : -ENOMEM;

	for (int m = 0; m < BENCH_MODES && !err; m++) {
		results[m].ns = calloc(all, sizeof(*results[m].ns));
		if (!results[m].ns)
			err = -ENOMEM;
	}
	if (!err)
		err = bench_netns();
	if (!err)
		err = bench_herd_start(pids, cfg->herd_processes,
				       cfg->herd_fds);
	if (!err) {
		err = run_rounds(cfg, results);
		bench_herd_stop(pids, cfg->herd_processes);
	}
	free(pids);
	return err;
}

int main(int argc, char **argv)
{
	struct bench_config cfg = {.connections = 500,
				   .rounds = 6,
				   .pause_us = 1000,
				   .limit = 600};
	struct bench_result results[BENCH_MODES] = {0};
	int err;

	if (parse_args(argc, argv, &cfg)) {
		fputs(usage, stderr);
		return 2;
	}
	/* Its death ends all that it started, and with them the namespace. */
	alarm(cfg.limit);
	err = run(&cfg, results);
	if (err) {
		fprintf(stderr, "bench_connect: %s\n", strerror(-err));
	} else {
		for (int m = 0; m < BENCH_MODES; m++)
			bench_sort(results[m].ns, results[m].count);
		bench_print(&cfg, results);
		if (cfg.json)
			err = bench_write_json(&cfg, results);
		if (err)
			fprintf(stderr, "%s: %s\n", cfg.json, strerror(-err));
	}
	for (int m = 0; m < BENCH_MODES; m++)
		free(results[m].ns);
	return err ? 3 : 0;
}
