/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench: the rows, and each reader's turn in alternating rounds. */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "util.h"

static const char usage[] =
	"usage: bench [-n COUNT] [-r ROUNDS] [--pause US] [--json FILE]\n"
	"             [--limit SECONDS] [--list] PTRAP-NG [ROW...]\n"
	"\n"
	"Measures PTRAP-NG beside a reader that accepts every packet at once,\n"
	"in a network namespace of its own and in alternating rounds.  ROW is\n"
	"a name or a pattern of --list; all of them without one.\n"
	"-n      connections of a round, of rows that time each (default 250)\n"
	"--pause waits that long after each (default 1000: an idle host)\n";

static const char *const without[] = {"--no-witness", NULL};
static const char *const all_packets[] = {"--packets", NULL};
static const char *const all_without[] = {"--packets", "--no-witness", NULL};
static const char *const stats[] = {"--stats", NULL};
static const char *const stats_without[] = {"--stats", "--no-witness", NULL};
static const char *const lsof[] = {"lsof", "-nP", "-i", NULL};
static const char *const ss[] = {"ss", "-tupn", NULL};

static const struct bench_reader readers[] = {
	{BENCH_NONE, "no queue", "none", NULL},
	{BENCH_ACCEPT, "accept at once", "accept", NULL},
	{BENCH_BATCH, "accept batches", "batch", NULL},
	{BENCH_PTRAP, "ptrap-ng", "ptrap", NULL},
	{BENCH_PTRAP, "no witness", "no-witness", without},
	{BENCH_PTRAP, "--packets", "packets", all_packets},
	{BENCH_PTRAP, "same, no witn.", "packets-no-witness", all_without},
	{BENCH_PTRAP, "--stats", "stats", stats},
	{BENCH_PTRAP, "same, no witn.", "stats-no-witness", stats_without},
	{BENCH_COMMAND, "lsof -i", "lsof", lsof},
	{BENCH_COMMAND, "ss -tupn", "ss", ss},
	{BENCH_OPENSNITCH, "opensnitchd", "opensnitch", NULL},
};

#define OURS "accept ptrap no-witness"
#define SYN                                                      \
	{                                                        \
		.protocol = IPPROTO_TCP, .address = "127.0.0.1", \
		.new_only = true                                 \
	}
#define HERD(p, f) .processes = (p), .fds = (f)
#define CONNECT(key_, title_)                                           \
	.key = (key_), .title = (title_), .measure = bench_measure_new, \
	.target = SYN

static const struct bench_row rows[] = {
	{CONNECT("connect-new", "connect() of a new process each"),
	 .readers = "accept ptrap no-witness none"},
	{.key = "connect-same",
	 .title = "connect() of one process",
	 .measure = bench_measure_same,
	 .target = SYN,
	 .readers = OURS,
	 .own_pid = true},
	{CONNECT("connect-100", "new processes beside 100 x 20 fds"),
	 HERD(100, 20), .readers = OURS},
	{CONNECT("connect-1000", "new processes beside 1,000 x 20 fds"),
	 HERD(1000, 20), .readers = OURS},
	{CONNECT("connect-2000", "new processes beside 2,000 x 20 fds"),
	 HERD(2000, 20), .readers = OURS, .goal = 1.5, .goal_nw = 3,
	 .goal_p99 = 5},
	{CONNECT("connect-10000", "new processes beside 10,000 x 20 fds"),
	 HERD(10000, 20), .readers = OURS},
	{CONNECT("connect-fds", "new processes beside one of 100,000 fds"),
	 HERD(1, 100000), .readers = OURS},
	{.key = "rate-tcp",
	 .title = "connections of one process",
	 .measure = bench_measure_rate,
	 .target = SYN,
	 .readers = OURS,
	 .count = 5000,
	 .rate = true,
	 .own_pid = true,
	 .units = "a second",
	 .goal = 0.8,
	 .goal_nw = 0.4},
	{.key = "rate-tcp-64",
	 .title = "connections of one process, 64 at once",
	 .measure = bench_measure_async,
	 .target = SYN,
	 .readers = OURS,
	 .count = 5000,
	 .rate = true,
	 .own_pid = true,
	 .units = "a second"},
	{.key = "rate-udp-1",
	 .title = "datagrams of one flow",
	 .measure = bench_measure_udp,
	 .target = {.protocol = IPPROTO_UDP, .port = 5353},
	 .count = 20000,
	 .flows = 1,
	 .rate = true,
	 .own_pid = true,
	 .units = "a second",
	 .readers = "accept batch ptrap no-witness packets packets-no-witness"},
	{.key = "rate-udp-10000",
	 .title = "datagrams of 10,000 flows",
	 .measure = bench_measure_udp,
	 .target = {.protocol = IPPROTO_UDP, .port = 5353},
	 .count = 10000,
	 .flows = 10000,
	 .rate = true,
	 .own_pid = true,
	 .units = "a second",
	 .readers = "accept batch ptrap no-witness"},
	{.key = "stages",
	 .title = "connections of one process, and where their time goes",
	 .measure = bench_measure_rate,
	 .target = SYN,
	 .readers = "accept ptrap stats no-witness stats-no-witness",
	 .count = 5000,
	 .rate = true,
	 .own_pid = true,
	 .units = "a second"},
	{.key = "bulk",
	 .title = "a TCP stream, every packet queued",
	 .measure = bench_measure_bulk,
	 .target = {.protocol = IPPROTO_TCP, .address = "127.0.0.1"},
	 .count = 512,
	 .rate = true,
	 .own_pid = true,
	 .units = "MiB a second",
	 .readers = OURS,
	 .goal = 0.8,
	 .goal_nw = 0.8},
	{.key = "memory",
	 .title = "65,536 flows known",
	 .measure = bench_measure_udp,
	 .target = {.protocol = IPPROTO_UDP, .port = 5353},
	 .count = 65536,
	 .flows = 65536,
	 .rate = true,
	 .own_pid = true,
	 .units = "a second",
	 .readers = OURS,
	 .goal_kib = 24 << 10},
	{CONNECT("peers", "new processes beside 2,000 x 20 fds"),
	 HERD(2000, 20), .count = 25, .goal_peer = 50,
	 .readers = "accept ptrap no-witness ss lsof opensnitch"},
};

/* ------------------------------------------------------------ the arguments */

static int parse_number(const char *text, unsigned max, unsigned *value)
{
	uint64_t v;
	int err = util_parse_uint(text, strlen(text), max, &v);

	if (err == 0)
		*value = (unsigned)v;
	return err;
}

static int list_rows(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		printf("%-15s %s\n", rows[i].key, rows[i].title);
	exit(0);
}

static int parse_option(int opt, const char *arg, struct bench_config *cfg)
{
	switch (opt) {
	case 'n':
		return parse_number(arg, 1000000, &cfg->count);
	case 'r':
		return parse_number(arg, BENCH_ROUNDS_MAX, &cfg->rounds);
	case 'p':
		return parse_number(arg, 1000000, &cfg->pause_us);
	case 'l':
		return parse_number(arg, 86400, &cfg->limit);
	case 'j':
		cfg->json = arg;
		return 0;
	case 'L':
		return list_rows();
	}
	return -EINVAL;
}

static int parse_args(int argc, char **argv, struct bench_config *cfg)
{
	static const struct option longs[] = {
		{"json", required_argument, NULL, 'j'},
		{"limit", required_argument, NULL, 'l'},
		{"pause", required_argument, NULL, 'p'},
		{"list", no_argument, NULL, 'L'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "n:r:", longs, NULL)) != -1)
		if (parse_option(opt, optarg, cfg) < 0)
			return -EINVAL;
	if (optind == argc || cfg->count == 0 || cfg->rounds == 0)
		return -EINVAL;
	cfg->ptrap = argv[optind];
	return 0;
}

static bool is_wanted(const struct bench_row *row, char *const *names)
{
	if (*names == NULL)
		return true;
	for (; *names != NULL; names++)
		if (fnmatch(*names, row->key, 0) == 0)
			return true;
	return false;
}

/* ----------------------------------------------------------------- the turns
 */

static void choose_readers(struct bench_result *r)
{
	char *list = strdup(r->row->readers), *at = NULL;

	for (char *k = strtok_r(list, " ", &at); k != NULL;
	     k = strtok_r(NULL, " ", &at))
		for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
			if (strcmp(readers[i].key, k) == 0)
				r->readers[r->n++] = &readers[i];
	free(list);
}

static void note_reader(pid_t pid, struct bench_series *s)
{
	long rss = bench_read_rss_kib(pid);
	long maps = bench_read_maps_kib(pid);

	s->rss_kib = rss > s->rss_kib ? rss : s->rss_kib;
	s->maps_kib = maps > s->maps_kib ? maps : s->maps_kib;
}

static int take_turn(const struct bench_config *cfg,
		     const struct bench_row *row,
		     const struct bench_reader *reader,
		     const struct bench_target *target, struct bench_series *s)
{
	char json[256];
	int err, stop_err;
	double cpu;
	pid_t pid;

	if (reader->what == BENCH_NONE)
		return row->measure(cfg, row, s);
	if (bench_why_not(reader) != NULL)
		return 0;
	snprintf(json, sizeof(json), "%s/events", cfg->tmp);
	pid = bench_start(cfg, reader, target, json);
	if (pid < 0)
		return pid;
	s->rest_kib = bench_read_rss_kib(pid);
	cpu = bench_read_cpu_ns(pid);
	err = row->measure(cfg, row, s);
	s->cpu_ns += bench_read_cpu_ns(pid) - cpu;
	note_reader(pid, s);
	stop_err = bench_stop(pid);
	if (reader->what == BENCH_PTRAP)
		bench_read_events(json, row->own_pid ? getpid() : 0, s);
	unlink(json);
	return err < 0 ? err : stop_err;
}

/* Every second round turns the order round: no reader is always the later. */
static int run_rounds(const struct bench_config *cfg, uint16_t port,
		      struct bench_result *r)
{
	struct bench_target target = r->row->target;
	int err = 0;

	if (target.port == 0)
		target.port = port;
	for (unsigned i = 0; i < cfg->rounds && err == 0; i++)
		for (size_t k = 0; k < r->n && err == 0; k++) {
			size_t at = i % 2 == 0 ? k : r->n - 1 - k;

			err = take_turn(cfg, r->row, r->readers[at], &target,
					&r->series[at]);
		}
	for (size_t i = 0; i < r->n; i++)
		bench_sort(r->series[i].ns, r->series[i].count);
	return err;
}

/* As many descriptors as a process may have here. */
static unsigned fit_herd(struct bench_result *r)
{
	unsigned fds = r->row->fds, most = fds > 0 ? bench_herd_most() : 0;

	if (fds <= most)
		return fds;
	snprintf(
		r->note, sizeof(r->note),
		"%u descriptors instead of %u: a process may have no more here",
		most, fds);
	return most;
}

static int run_row(const struct bench_config *cfg, uint16_t port,
		   struct bench_result *r)
{
	pid_t *pids = calloc(r->row->processes + 1, sizeof(*pids));
	unsigned fds = fit_herd(r);
	int err = pids != NULL ? 0 : -ENOMEM;

	if (err == 0)
		err = bench_herd_start(pids, r->row->processes, fds);
	if (err == 0) {
		err = run_rounds(cfg, port, r);
		bench_herd_stop(pids, r->row->processes);
	} else {
		snprintf(r->skipped, sizeof(r->skipped),
			 "no room for %u processes of %u descriptors: %s",
			 r->row->processes, fds, strerror(-err));
		err = 0;
	}
	free(pids);
	return err;
}

static const struct bench_result *
find_result(const struct bench_result *results, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(results[i].row->key, key) == 0)
			return &results[i];
	return NULL;
}

/* Flat growth, where both were measured. */
static void compare_herds(const struct bench_result *results, size_t n)
{
	const struct bench_result *few = find_result(results, n, "connect-100");
	const struct bench_result *many =
		find_result(results, n, "connect-10000");

	if (few != NULL && many != NULL)
		bench_print_growth(few, many);
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (fnmatch(name, rows[i].key, 0) == 0)
			return true;
	return false;
}

static int run(const struct bench_config *cfg, char *const *names,
	       struct bench_result *results, size_t *n)
{
	uint16_t port;
	int err = bench_netns();

	if (err == 0)
		err = bench_open_work(&port);
	bench_print_head(cfg);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && err == 0; i++) {
		struct bench_result *r = &results[*n];

		if (!is_wanted(&rows[i], names))
			continue;
		r->row = &rows[i];
		(*n)++;
		choose_readers(r);
		err = run_row(cfg, port, r);
		bench_print(r);
	}
	compare_herds(results, *n);
	return err;
}

static void tidy(const char *tmp)
{
	static const char *const names[] = {
		"opensnitchd.log", "opensnitch/default-config.json",
		"opensnitch/system-fw.json", "opensnitch/all.json"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", tmp, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/opensnitch", tmp);
	rmdir(path);
	rmdir(tmp);
}

int main(int argc, char **argv)
{
	static struct bench_result results[ARRAY_SIZE(rows)];
	struct bench_config cfg = {
		.count = 250, .rounds = 6, .pause_us = 1000, .limit = 3600};
	char tmp[] = "/tmp/ptrap-bench.XXXXXX";
	size_t n = 0;
	int err;

	if (parse_args(argc, argv, &cfg) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	for (int i = optind + 1; i < argc; i++)
		if (!is_known(argv[i])) {
			fprintf(stderr, "bench: no row %s; see --list\n",
				argv[i]);
			return 2;
		}
	cfg.tmp = mkdtemp(tmp);
	if (cfg.tmp == NULL) {
		perror(tmp);
		return 3;
	}
	/* Its death ends all that it started, and with them the namespace. */
	alarm(cfg.limit);
	err = run(&cfg, argv + optind + 1, results, &n);
	if (err < 0)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	if (cfg.json != NULL && bench_write_json(&cfg, results, n) < 0)
		fprintf(stderr, "bench: cannot write %s\n", cfg.json);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < results[i].n; k++)
			free(results[i].series[k].ns);
	tidy(tmp);
	return err < 0 ? 3 : 0;
}
