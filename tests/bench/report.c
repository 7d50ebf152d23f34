/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report: the table for people and the JSON for programs. */
#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

struct mode_name {
	const char *text, *key;
};

static const struct mode_name names[BENCH_MODES] = {
	[BENCH_NONE] = {"no queue", "none"},
	[BENCH_ACCEPT] = {"accept only", "accept"},
	[BENCH_PTRAP] = {"ptrap-ng -c", "ptrap"},
};

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void bench_sort(uint32_t *ns, size_t count)
{
	qsort(ns, count, sizeof(*ns), compare);
}

double bench_percentile(const uint32_t *sorted, size_t count, double p)
{
	size_t i = (size_t)((double)count * p / 100);

	if (!count)
		return 0;
	return sorted[i < count ? i : count - 1] / 1000.0;
}

static double percentile(const struct bench_result *r, double p)
{
	return bench_percentile(r->ns, r->count, p);
}

/* How many times the accept-only reader's; 0: not measured. */
static double ratio(const struct bench_result *results, enum bench_mode mode,
		    double p)
{
	double floor = percentile(&results[BENCH_ACCEPT], p);

	return floor > 0 ? percentile(&results[mode], p) / floor : 0;
}

/* The same of each round's pair, the least and the most. */
static void ratio_range(const struct bench_result *results, double *least,
			double *most)
{
	const struct bench_result *a = &results[BENCH_ACCEPT];
	const struct bench_result *b = &results[BENCH_PTRAP];

	*least = *most = 0;
	for (unsigned i = 0; i < a->rounds && i < b->rounds; i++) {
		double x = a->round_p50[i] > 0
				   ? b->round_p50[i] / a->round_p50[i]
				   : 0;

		if (i == 0 || x < *least)
			*least = x;
		if (i == 0 || x > *most)
			*most = x;
	}
}

static void print_row(const struct bench_result *results, enum bench_mode mode)
{
	const struct bench_result *r = &results[mode];

	printf("%-12s %7zu %5zu %8.1f %8.1f %8.1f %6.2f %7ld %7ld\n",
	       names[mode].text, r->count, r->failed, percentile(r, 50),
	       percentile(r, 90), percentile(r, 99), ratio(results, mode, 50),
	       r->rss_kib, r->hwm_kib);
}

void bench_print(const struct bench_config *cfg,
		 const struct bench_result *results)
{
	double least, most;

	printf("connect() of a new process, %u rounds of %u; herd %u x %u "
	       "fds\n",
	       cfg->rounds, cfg->connections, cfg->herd_processes,
	       cfg->herd_fds);
	printf("%-12s %7s %5s %8s %8s %8s %6s %7s %7s\n", "reader", "conns",
	       "fail", "p50 us", "p90 us", "p99 us", "x p50", "RSS KiB",
	       "HWM KiB");
	for (int m = 0; m < BENCH_MODES; m++)
		if (results[m].count || results[m].failed)
			print_row(results, (enum bench_mode)m);
	if (!results[BENCH_PTRAP].count)
		return;
	ratio_range(results, &least, &most);
	printf("ptrap-ng to accept only: p50 %.2f times (rounds %.2f to %.2f), "
	       "p99 %.2f\n",
	       ratio(results, BENCH_PTRAP, 50), least, most,
	       ratio(results, BENCH_PTRAP, 99));
}

static void json_mode(FILE *f, const struct bench_result *results,
		      enum bench_mode mode)
{
	const struct bench_result *r = &results[mode];

	fprintf(f,
		"{\"reader\":\"%s\",\"connections\":%zu,\"failed\":%zu,"
		"\"p50_us\":%.3f,\"p90_us\":%.3f,\"p99_us\":%.3f,"
		"\"p50_ratio\":%.3f,\"p99_ratio\":%.3f,"
		"\"rss_kib\":%ld,\"hwm_kib\":%ld,\"round_p50_us\":[",
		names[mode].key, r->count, r->failed, percentile(r, 50),
		percentile(r, 90), percentile(r, 99), ratio(results, mode, 50),
		ratio(results, mode, 99), r->rss_kib, r->hwm_kib);
	for (unsigned i = 0; i < r->rounds; i++)
		fprintf(f, "%s%.3f", i ? "," : "", r->round_p50[i]);
	fprintf(f, "]}");
}

int bench_write_json(const struct bench_config *cfg,
		     const struct bench_result *results)
{
	FILE *f = fopen(cfg->json, "we");
	struct utsname u = {0};
	bool first = true;
	int err;

	if (!f)
		return -errno;
	uname(&u);
	fprintf(f,
		"{\"bench\":\"connect\",\"kernel\":\"%s\",\"cpus\":%ld,"
		"\"rounds\":%u,\"connections\":%u,"
		"\"herd\":{\"processes\":%u,\"fds\":%u},\"readers\":[",
		u.release, sysconf(_SC_NPROCESSORS_ONLN), cfg->rounds,
		cfg->connections, cfg->herd_processes, cfg->herd_fds);
	for (int m = 0; m < BENCH_MODES; m++) {
		if (!results[m].count && !results[m].failed)
			continue;
		fprintf(f, "%s", first ? "" : ",");
		json_mode(f, results, (enum bench_mode)m);
		first = false;
	}
	fprintf(f, "]}\n");
	err = ferror(f) ? -EIO : 0;
	if (fclose(f) == EOF && !err)
		err = -errno;
	return err;
}
