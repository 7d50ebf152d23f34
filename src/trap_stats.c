/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_stats: what was counted, lost, and where the time has gone. */
#include <time.h>

#include "trap_judge.h"
#include "util.h"

struct stats *trap_stats(struct trap *t)
{
	const struct inbox_stats *in = inbox_stats(t->inbox);

	t->stats.ignored = in->ignored;
	t->stats.overruns = in->overruns;
	/* Those of a sweep of our own may be among them. */
	t->stats.gone = t->swept == 0 ? in->gone : 0;
	if (t->cfg.witness != NULL) {
		const struct witness_stats *w = witness_stats(t->cfg.witness);

		t->stats.witness_lost = w->lost;
		t->stats.witness_facts_lost = w->facts_lost;
		t->stats.witness_doubted = w->doubted;
	}
	if (t->cfg.netns != NULL) {
		const struct netns_stats *n = netns_stats(t->cfg.netns);

		t->stats.netns_closed = n->closed;
		t->stats.netns_unwatched = n->unwatched;
		t->stats.netns_crowded = n->crowded;
	}
	return &t->stats;
}

const struct stats_tables *trap_tables(const struct trap *t)
{
	return t->tables;
}

void trap_note_ruled(struct trap *t, uint64_t ruled)
{
	uint64_t unseen =
		ruled > t->stats.packets ? ruled - t->stats.packets : 0;
	struct event *e = &t->loss;

	t->stats.ruled = ruled;
	t->stats.unseen = unseen;
	if (unseen <= t->told_unseen)
		return;
	event_reset(e);
	e->kind = EVENT_LOSS;
	e->sequence = t->sequence;
	e->lost = unseen - t->told_unseen;
	clock_gettime(CLOCK_REALTIME, &e->time);
	t->told_unseen = unseen;
	trap_tell(t, e);
}

/* ------------------------------------------------------------------ stages */

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
