/* SPDX-License-Identifier: GPL-2.0-or-later */
/* series: what was measured, sorted and counted. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void bench_sort(uint32_t *ns, size_t count)
{
	if (count > 0)
		qsort(ns, count, sizeof(*ns), compare);
}

double bench_percentile(const uint32_t *sorted, size_t count, double p)
{
	size_t i = (size_t)((double)count * p / 100);

	if (count == 0)
		return 0;
	return sorted[i < count ? i : count - 1];
}

int bench_note(struct bench_series *s, uint64_t ns)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		uint32_t *mem = realloc(s->ns, room * sizeof(*mem));

		if (mem == NULL)
			return -ENOMEM;
		s->ns = mem;
		s->room = room;
	}
	s->ns[s->count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
	return 0;
}

void bench_end_round(struct bench_series *s, size_t from)
{
	bench_sort(s->ns + from, s->count - from);
	if (s->rounds < BENCH_ROUNDS_MAX)
		s->round_p50[s->rounds++] =
			bench_percentile(s->ns + from, s->count - from, 50);
}

/* The events are our own program's: no need for more than to find the member.
 */
static void note_event(const char *line, pid_t client, struct bench_series *s)
{
	static const char head[] = "\"process\":{\"pid\":";
	static const char lost[] = "\"lost\":";
	const char *at = strstr(line, head);

	if (at != NULL &&
	    (client == 0 || strtol(at + sizeof(head) - 1, NULL, 10) == client))
		s->named++;
	else if (at != NULL)
		s->others++;
	at = at == NULL ? strstr(line, lost) : NULL;
	if (at != NULL)
		s->unseen += strtoul(at + sizeof(lost) - 1, NULL, 10);
}

/* "ptrap":{"stages":{"receive":{"count":1,...},...}}: the last event of all. */
static void note_stages(const char *line, struct bench_series *s)
{
	json_t *e = json_loads(line, 0, NULL), *stage;
	const char *name;
	size_t i = 0;

	json_object_foreach(
		json_object_get(json_object_get(e, "ptrap"), "stages"), name,
		stage)
	{
		struct bench_stage *st = &s->stages[i++];
		double max =
			json_number_value(json_object_get(stage, "max_ns"));

		snprintf(st->name, sizeof(st->name), "%s", name);
		st->count += json_number_value(json_object_get(stage, "count"));
		st->total_ns +=
			json_number_value(json_object_get(stage, "total_ns"));
		st->max_ns = max > st->max_ns ? max : st->max_ns;
		if (i == BENCH_STAGES_MAX)
			break;
	}
	s->nstages = i > s->nstages ? i : s->nstages;
	json_decref(e);
}

void bench_read_events(const char *json, pid_t client, struct bench_series *s)
{
	FILE *f = fopen(json, "re");
	char *line = NULL;
	size_t room = 0;

	if (f == NULL)
		return;
	while (getline(&line, &room, f) > 0)
		if (strstr(line, "\"action\":\"stages\"") != NULL)
			note_stages(line, s);
		else
			note_event(line, client, s);
	free(line);
	fclose(f);
}
