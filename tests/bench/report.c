/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report: the table for people and the JSON for programs. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "util.h"

#define US 1000.0

double bench_ratio(const struct bench_result *r, size_t reader, double p)
{
	const struct bench_series *f = &r->series[0], *s = &r->series[reader];
	double floor = bench_percentile(f->ns, f->count, p);
	double own = bench_percentile(s->ns, s->count, p);

	if (floor <= 0 || own <= 0)
		return 0;
	return r->row->rate ? floor / own : own / floor;
}

/* The same of each round's pair, the least and the most. */
static void ratio_range(const struct bench_result *r, size_t reader,
			double *least, double *most)
{
	const struct bench_series *f = &r->series[0], *s = &r->series[reader];

	*least = *most = 0;
	for (unsigned i = 0; i < f->rounds && i < s->rounds; i++) {
		double x = r->row->rate ? f->round_p50[i] / s->round_p50[i]
					: s->round_p50[i] / f->round_p50[i];

		if (i == 0 || x < *least)
			*least = x;
		if (i == 0 || x > *most)
			*most = x;
	}
}

static double goal_of(const struct bench_result *r, size_t reader)
{
	if (strcmp(r->readers[reader]->key, "ptrap") == 0)
		return r->row->goal;
	if (strcmp(r->readers[reader]->key, "no-witness") == 0)
		return r->row->goal_nw;
	return 0;
}

static double rate_of(const struct bench_row *row, double ns)
{
	return ns > 0 ? 1e9 / ns * (row->unit > 0 ? row->unit : 1) : 0;
}

void bench_print_head(const struct bench_config *cfg)
{
	struct utsname u = {0};

	uname(&u);
	printf("Linux %s, %ld CPUs; %u rounds; x: how many times the reader "
	       "that accepts at once\n"
	       "(of a rate: what part of it), in brackets the rounds' least "
	       "and most\n\n",
	       u.release, sysconf(_SC_NPROCESSORS_ONLN), cfg->rounds);
}

static void print_value(const struct bench_row *row,
			const struct bench_series *s)
{
	double p50 = bench_percentile(s->ns, s->count, 50);

	if (row->rate)
		printf("%10.0f %9s", rate_of(row, p50), "");
	else
		printf("%7.1f us %6.0f us", p50 / US,
		       bench_percentile(s->ns, s->count, 99) / US);
}

static void print_ratios(const struct bench_result *r, size_t i)
{
	double least, most, goal = goal_of(r, i);

	if (i == 0 || r->readers[i]->what == BENCH_NONE) {
		printf("%36s", "");
		return;
	}
	ratio_range(r, i, &least, &most);
	printf("  %6.2f (%.2f-%.2f)", bench_ratio(r, i, 50), least, most);
	if (!r->row->rate)
		printf(" p99 %.2f", bench_ratio(r, i, 99));
	if (goal > 0)
		printf(" goal %.2f %s", goal,
		       (bench_ratio(r, i, 50) <= goal) != r->row->rate
			       ? "met"
			       : "MISSED");
}

static void print_reader(const struct bench_result *r, size_t i)
{
	const struct bench_series *s = &r->series[i];
	bool names = r->readers[i]->what == BENCH_PTRAP;

	printf("  %-15s", r->readers[i]->name);
	print_value(r->row, s);
	print_ratios(r, i);
	printf("\n");
	if (r->readers[i]->what == BENCH_NONE)
		return;
	printf("  %-15s%.1f us of CPU each, %ld KiB resident", "",
	       s->units > 0 ? s->cpu_ns / (double)s->units / US : 0,
	       s->rss_kib);
	if (s->maps_kib > 0)
		printf(" and %ld of BPF maps", s->maps_kib);
	if (names)
		printf("; %llu of %llu named", (unsigned long long)s->named,
		       (unsigned long long)s->units);
	if (s->others > 0)
		printf(", %llu OTHERS", (unsigned long long)s->others);
	if (s->unseen > 0)
		printf(", %llu unseen", (unsigned long long)s->unseen);
	if (s->failed > 0)
		printf(", %llu failed", (unsigned long long)s->failed);
	printf("\n");
}

void bench_print(const struct bench_result *r)
{
	printf("%s: %s", r->row->key, r->row->title);
	if (r->row->units != NULL)
		printf(", %s", r->row->units);
	printf("\n");
	if (r->skipped != NULL)
		printf("  skipped: %s\n", r->skipped);
	for (size_t i = 0; i < r->n; i++)
		if (r->series[i].count > 0)
			print_reader(r, i);
		else if (r->skipped == NULL)
			printf("  %-15sabsent\n", r->readers[i]->name);
	fflush(stdout);
}

/* ----------------------------------------------------------------------- JSON
 */

static json_t *json_rounds(const struct bench_series *s)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < s->rounds; i++)
		json_array_append_new(a, json_real(s->round_p50[i]));
	return a;
}

static json_t *json_reader(const struct bench_result *r, size_t i)
{
	const struct bench_series *s = &r->series[i];
	double p50 = bench_percentile(s->ns, s->count, 50);
	double p99 = bench_percentile(s->ns, s->count, 99);

	return json_pack(
		"{ss, sI, sI, sf, sf, sf, sf, sf, sf, sI, sI, sI, sI, "
		"sI, so}",
		"reader", r->readers[i]->key, "units", (json_int_t)s->units,
		"failed", (json_int_t)s->failed, "p50_ns", p50, "p99_ns", p99,
		"per_second", rate_of(r->row, p50), "p50_ratio",
		bench_ratio(r, i, 50), "p99_ratio", bench_ratio(r, i, 99),
		"cpu_ns", s->units > 0 ? s->cpu_ns / (double)s->units : 0,
		"rss_kib", (json_int_t)s->rss_kib, "bpf_maps_kib",
		(json_int_t)s->maps_kib, "named", (json_int_t)s->named,
		"others", (json_int_t)s->others, "unseen",
		(json_int_t)s->unseen, "round_p50_ns", json_rounds(s));
}

static json_t *json_row(const struct bench_result *r)
{
	json_t *readers = json_array();

	for (size_t i = 0; i < r->n; i++)
		if (r->series[i].count > 0)
			json_array_append_new(readers, json_reader(r, i));
	return json_pack("{ss, ss, si, si, ss*, so}", "row", r->row->key,
			 "title", r->row->title, "herd_processes",
			 (int)r->row->processes, "herd_fds", (int)r->row->fds,
			 "skipped", r->skipped, "readers", readers);
}

int bench_write_json(const struct bench_config *cfg,
		     const struct bench_result *r, size_t n)
{
	json_t *rows = json_array(), *all;
	struct utsname u = {0};
	int err;

	uname(&u);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows, json_row(&r[i]));
	all = json_pack("{ss, ss, si, si, so}", "kernel", u.release, "machine",
			u.machine, "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
			"rounds", (int)cfg->rounds, "rows", rows);
	if (all == NULL)
		return -ENOMEM;
	err = json_dump_file(all, cfg->json, JSON_INDENT(1)) < 0 ? -EIO : 0;
	json_decref(all);
	return err;
}
