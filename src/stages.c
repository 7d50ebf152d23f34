/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stages: where the time goes, counted; two looks at the clock each. */
#include "stages.h"

#include <stddef.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

const char *stages_name(enum stages_index i)
{
	static const char *const names[STAGES_MAX] = {
		[STAGES_RECEIVE] = "receive", [STAGES_PARSE] = "parse",
		[STAGES_WITNESS] = "witness", [STAGES_SOCK_DIAG] = "sock_diag",
		[STAGES_HOLDERS] = "holders", [STAGES_PROCESS] = "process",
		[STAGES_VERDICT] = "verdict", [STAGES_FACTS] = "facts",
		[STAGES_OUTPUT] = "output",
	};

	return names[i];
}

struct stage *stages_at(struct stages *s, enum stages_index i)
{
	return s != NULL ? &s->list[i] : NULL;
}

uint64_t stage_start(const struct stage *s)
{
	return s != NULL ? now_ns() : 0;
}

uint64_t stage_end(struct stage *s, uint64_t start_ns)
{
	uint64_t now, ns;

	if (s == NULL)
		return 0;
	now = now_ns();
	ns = now > start_ns ? now - start_ns : 0;
	s->count++;
	s->total_ns += ns;
	if (ns > s->max_ns)
		s->max_ns = ns;
	return now;
}
