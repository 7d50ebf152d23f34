/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_stages: tells where the time has gone. */
#include <time.h>

#include "trap_judge.h"
#include "util.h"

static struct stage as_stage(const struct sockowner_stage *s)
{
	return (struct stage){s->count, s->total_ns, s->max_ns};
}

/* Those are counted behind an interface of its own. */
static void read_sockowner(struct trap *t, struct stages *s)
{
	struct sockowner_stages st;

	sockowner_read_stages(t->cfg.sockowner, &st);
	s->list[STAGES_SOCK_DIAG] = as_stage(&st.socket);
	s->list[STAGES_HOLDERS] = as_stage(&st.holders);
}

static uint64_t cpu_us(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * UTIL_SEC + (uint64_t)ts.tv_nsec / 1000;
}

void trap_tell_stages(struct trap *t)
{
	struct event *e = &t->loss;

	if (t->cfg.stages == NULL)
		return;
	trap_flush(t);
	read_sockowner(t, t->cfg.stages);
	event_reset(e);
	e->kind = EVENT_STAGES;
	e->sequence = t->sequence;
	e->stages = t->cfg.stages;
	e->run_us = util_now_us() - t->opened_us;
	e->cpu_us = cpu_us();
	clock_gettime(CLOCK_REALTIME, &e->time);
	trap_tell(t, e);
}
