/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_policy: what a verdict costs when all rules of a policy are gone
 * through, and what reading the policy does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy.h"
#include "policy_parse.h"
#include "util.h"

#define ROUNDS 20000

/* Rules as people write them; %u is another number in each. */
static const char *const kinds[][2] = {
	{"exe", "accept exe /usr/bin/p%u uid 1000 to 10.0.0.0/8 port 443 "
		"proto tcp\n"},
	{"exe only", "accept exe /usr/bin/p%u\n"},
	{"port", "accept uid 1000 port %u\n"},
	{"network", "accept exe /usr/bin/q to 10.0.0.%u,10.1.0.0/16 proto "
		    "tcp\n"},
	{"unit", "accept unit service-%u.service port 443\n"},
	{"cgroup", "drop cgroup /system.slice/service-%u.service\n"},
	{"digest", "accept exe /usr/bin/q sha256 "
		   "00000000000000000000000000000000000000000000000000000000%"
		   "08u\n"},
	{"name", "accept name host-%u.example.org\n"},
};

/* Of the processor: others may be busy, too. */
static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static char *make_text(const char *kind, unsigned rules, size_t *size)
{
	bool network = strstr(kind, "10.0.0.%u") != NULL;
	char *text = NULL;
	FILE *f = open_memstream(&text, size);

	if (!f)
		exit(1);
	for (unsigned i = 0; i < rules; i++)
		fprintf(f, kind, network ? i % 250 : 1000 + i % 4000);
	fclose(f);
	return text;
}

static struct policy *make(const char *kind, unsigned rules, double *us)
{
	struct policy_notes notes;
	struct policy *p = NULL;
	double start;
	size_t size;
	char *text = make_text(kind, rules, &size);

	start = cpu_us();
	if (policy_parse(text, size, &p, &notes)) {
		fprintf(stderr, "%s: %s\n", kind, notes.list[0].text);
		exit(1);
	}
	*us = cpu_us() - start;
	free(text);
	return p;
}

static double judge(const struct policy *p, struct policy_files *files)
{
	static const char *const names[] = {"www.example.org"};
	struct policy_process ps = {
		.exe = {1, 1, 1, "/usr/bin/q", false},
		.has_uid = true,
		.uid = 1000,
		.cgroup = "/system.slice/service-x.service",
		.unit = "service-x.service",
	};
	struct policy_subject s = {
		.grade = SOCKOWNER_PROVED, .processes = &ps, .nprocesses = 1};
	struct policy_object o = {.proto = 6,
				  .has_ports = true,
				  .sport = 40000,
				  .port = 443,
				  .names = names,
				  .nnames = 1};
	struct policy_result r;
	double start;

	if (ipaddr_parse("10.200.0.1", 10, &o.to))
		exit(1);
	o.from = o.to;
	start = cpu_us();
	for (int i = 0; i < ROUNDS; i++) {
		policy_evaluate(p, files, &s, &o, &r);
		if (!r.is_default)
			exit(1);
	}
	return (cpu_us() - start) / ROUNDS;
}

static void measure(const char *const kind[2], unsigned rules)
{
	double read_us;
	struct policy *p = make(kind[1], rules, &read_us);
	struct policy_files *files;

	if (policy_files_make(p, &files))
		exit(1);
	for (size_t i = 0; i < files->n; i++) {
		struct policy_image *im = &files->list[i].now;

		im->dev = 1;
		im->ino = p->nfiles == 1 ? 1 : i + 2;
		im->has_digest = true;
		im->digest[0] = 1;
	}
	policy_files_index(files);
	printf("%-10s %6u rules: %8.2f us a verdict, read in %6.1f ms\n",
	       kind[0], rules, judge(p, files), read_us / 1000);
	policy_files_close(files);
	policy_close(p);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		measure(kinds[i], 1000);
		measure(kinds[i], 10000);
	}
	return 0;
}
