/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report: the table for people and the JSON for programs. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "util.h"

#define US     1000.0
#define GROWTH 1.1 /* at most, of 10,000 processes beside 100 */

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

static bool is_ours(const struct bench_reader *r)
{
	return strcmp(r->key, "ptrap") == 0 ||
	       strcmp(r->key, "no-witness") == 0;
}

static double rate_of(const struct bench_row *row, double ns)
{
	return ns > 0 ? 1e9 / ns * (row->unit > 0 ? row->unit : 1) : 0;
}

/* What else the machine does. */
static double load(void)
{
	double avg[1] = {0};

	return getloadavg(avg, 1) == 1 ? avg[0] : 0;
}

void bench_print_head(const struct bench_config *cfg)
{
	struct utsname u = {0};

	uname(&u);
	printf("Linux %s, %ld CPUs, load %.2f; %u rounds; x: how many times "
	       "the reader that\n"
	       "accepts at once (of a rate: what part of it), in brackets the "
	       "rounds' least and\nmost\n\n",
	       u.release, sysconf(_SC_NPROCESSORS_ONLN), load(), cfg->rounds);
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

static void print_goal(double goal, bool met)
{
	printf(" goal %.2f %s", goal, met ? "met" : "MISSED");
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
	if (goal > 0)
		print_goal(goal,
			   (bench_ratio(r, i, 50) <= goal) != r->row->rate);
	if (r->row->rate)
		return;
	printf(" p99 %.2f", bench_ratio(r, i, 99));
	if (r->row->goal_p99 > 0 && is_ours(r->readers[i]))
		print_goal(r->row->goal_p99,
			   bench_ratio(r, i, 99) <= r->row->goal_p99);
}

/* How many times what ptrap-ng took. */
static void print_peer(const struct bench_result *r, size_t i)
{
	double own = 0, ratio;

	for (size_t k = 0; k < r->n; k++)
		if (strcmp(r->readers[k]->key, "ptrap") == 0)
			own = bench_ratio(r, k, 50);
	if (own <= 0 || is_ours(r->readers[i]) || i == 0)
		return;
	ratio = bench_ratio(r, i, 50) / own;
	printf("  %-15s%.1f times what ptrap-ng takes", "", ratio);
	if (r->readers[i]->what == BENCH_OPENSNITCH)
		print_goal(r->row->goal_peer, ratio >= r->row->goal_peer);
	printf("\n");
}

/* Of each unit of work; the loop's, and the outputs' thread's at the end. */
static void print_stages(const struct bench_series *s)
{
	if (s->nstages == 0)
		return;
	printf("  %-15s%-10s%9s%13s%13s%15s\n", "", "stage", "a unit", "mean",
	       "longest", "a unit");
	for (size_t i = 0; i < s->nstages; i++) {
		const struct bench_stage *st = &s->stages[i];

		if (st->count > 0)
			printf("  %-15s%-10s%9.2f%10.1f us%10.0f us%12.1f us\n",
			       "", st->name, st->count / (double)s->units,
			       st->total_ns / st->count / US, st->max_ns / US,
			       st->total_ns / (double)s->units / US);
	}
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
	printf("  %-15s%.1f us of CPU each, %ld KiB resident, %ld at rest", "",
	       s->units > 0 ? s->cpu_ns / (double)s->units / US : 0, s->rss_kib,
	       s->rest_kib);
	if (s->maps_kib > 0)
		printf(", %ld of BPF maps", s->maps_kib);
	if (r->row->goal_kib > 0 && is_ours(r->readers[i]))
		print_goal((double)r->row->goal_kib,
			   s->rss_kib <= r->row->goal_kib);
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
	if (r->row->goal_peer > 0)
		print_peer(r, i);
	print_stages(s);
}

void bench_print(const struct bench_result *r)
{
	printf("%s: %s", r->row->key, r->row->title);
	if (r->row->units != NULL)
		printf(", %s", r->row->units);
	printf("\n");
	if (r->skipped[0] != '\0')
		printf("  skipped: %s\n", r->skipped);
	if (r->note[0] != '\0')
		printf("  %s\n", r->note);
	for (size_t i = 0; i < r->n; i++) {
		const char *why = bench_why_not(r->readers[i]);

		if (r->series[i].count > 0)
			print_reader(r, i);
		else if (r->skipped[0] == '\0')
			printf("  %-15sskipped: %s\n", r->readers[i]->name,
			       why != NULL ? why : "nothing was measured");
	}
	fflush(stdout);
}

/* The floor grows as well: the machine has more to do.  So both. */
void bench_print_growth(const struct bench_result *few,
			const struct bench_result *many)
{
	printf("growth: %s beside %s\n", many->row->key, few->row->key);
	for (size_t i = 0; i < many->n && i < few->n; i++) {
		const struct bench_series *a = &few->series[i];
		const struct bench_series *b = &many->series[i];
		double p50 = bench_percentile(a->ns, a->count, 50);
		double by_floor = bench_ratio(few, i, 50);

		if (p50 <= 0 || by_floor <= 0)
			continue;
		printf("  %-15s%6.2f x, beside the floor's %.2f x",
		       few->readers[i]->name,
		       bench_percentile(b->ns, b->count, 50) / p50,
		       bench_ratio(many, i, 50) / by_floor);
		if (strcmp(few->readers[i]->key, "ptrap") == 0)
			print_goal(GROWTH, bench_ratio(many, i, 50) <=
						   GROWTH * by_floor);
		printf("\n");
	}
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

static json_t *json_stages(const struct bench_series *s)
{
	json_t *a = json_array();

	for (size_t i = 0; i < s->nstages; i++)
		json_array_append_new(a,
				      json_pack("{ss, sf, sf, sf}", "stage",
						s->stages[i].name, "count",
						s->stages[i].count, "total_ns",
						s->stages[i].total_ns, "max_ns",
						s->stages[i].max_ns));
	return a;
}

static json_t *json_reader(const struct bench_result *r, size_t i)
{
	const struct bench_series *s = &r->series[i];
	double p50 = bench_percentile(s->ns, s->count, 50);
	double p99 = bench_percentile(s->ns, s->count, 99);

	return json_pack(
		"{ss, sI, sI, sf, sf, sf, sf, sf, sf, sI, sI, sI, sI, sI, "
		"sI, so, so}",
		"reader", r->readers[i]->key, "units", (json_int_t)s->units,
		"failed", (json_int_t)s->failed, "p50_ns", p50, "p99_ns", p99,
		"per_second", rate_of(r->row, p50), "p50_ratio",
		bench_ratio(r, i, 50), "p99_ratio", bench_ratio(r, i, 99),
		"cpu_ns", s->units > 0 ? s->cpu_ns / (double)s->units : 0,
		"rest_kib", (json_int_t)s->rest_kib, "rss_kib",
		(json_int_t)s->rss_kib, "bpf_maps_kib", (json_int_t)s->maps_kib,
		"named", (json_int_t)s->named, "others", (json_int_t)s->others,
		"unseen", (json_int_t)s->unseen, "round_p50_ns", json_rounds(s),
		"stages", json_stages(s));
}

static json_t *json_row(const struct bench_result *r)
{
	json_t *readers = json_array();

	for (size_t i = 0; i < r->n; i++)
		if (r->series[i].count > 0)
			json_array_append_new(readers, json_reader(r, i));
	return json_pack("{ss, ss, si, si, ss*, ss*, so}", "row", r->row->key,
			 "title", r->row->title, "herd_processes",
			 (int)r->row->processes, "herd_fds", (int)r->row->fds,
			 "skipped", r->skipped[0] != '\0' ? r->skipped : NULL,
			 "note", r->note[0] != '\0' ? r->note : NULL, "readers",
			 readers);
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
	all = json_pack("{ss, ss, si, sf, si, so}", "kernel", u.release,
			"machine", u.machine, "cpus",
			(int)sysconf(_SC_NPROCESSORS_ONLN), "load", load(),
			"rounds", (int)cfg->rounds, "rows", rows);
	if (all == NULL)
		return -ENOMEM;
	err = json_dump_file(all, cfg->json, JSON_INDENT(1)) < 0 ? -EIO : 0;
	json_decref(all);
	return err;
}
