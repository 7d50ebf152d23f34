/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow: the flows that have had their event, so that a flow has one, and no
 * more. */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS FLOW_MAX

struct flow_table {
	struct flow *buckets[BUCKETS];
	struct flow *newest, *oldest;
	size_t n;
};

int flow_open(struct flow_table **ft)
{
	*ft = calloc(1, sizeof(**ft));
	return *ft == NULL ? -ENOMEM : 0;
}

void flow_close(struct flow_table *ft)
{
	if (ft == NULL)
		return;
	while (ft->oldest != NULL)
		flow_remove(ft, ft->oldest);
	free(ft);
}

static struct flow **bucket_of(struct flow_table *ft, const struct tuple *t)
{
	return &ft->buckets[tuple_hash(t) % BUCKETS];
}

static void lru_unlink(struct flow_table *ft, struct flow *f)
{
	if (f->lru_prev != NULL)
		f->lru_prev->lru_next = f->lru_next;
	else
		ft->newest = f->lru_next;
	if (f->lru_next != NULL)
		f->lru_next->lru_prev = f->lru_prev;
	else
		ft->oldest = f->lru_prev;
}

static void lru_push(struct flow_table *ft, struct flow *f)
{
	f->lru_prev = NULL;
	f->lru_next = ft->newest;
	if (ft->newest != NULL)
		ft->newest->lru_prev = f;
	else
		ft->oldest = f;
	ft->newest = f;
}

void flow_remove(struct flow_table *ft, struct flow *f)
{
	struct flow **link = bucket_of(ft, &f->tuple);

	while (*link != f)
		link = &(*link)->chain;
	*link = f->chain;
	lru_unlink(ft, f);
	ft->n--;
	free(f);
}

static bool is_stale(const struct flow *f, uint64_t now_us)
{
	return f->catch == 0 && now_us > f->last_us + FLOW_SILENCE_US;
}

struct flow *flow_find(struct flow_table *ft, const struct tuple *t,
		       uint64_t now_us)
{
	struct flow *f = *bucket_of(ft, t);

	while (f != NULL && !tuple_equal(&f->tuple, t))
		f = f->chain;
	if (f == NULL)
		return NULL;
	if (is_stale(f, now_us)) {
		flow_remove(ft, f);
		return NULL;
	}
	lru_unlink(ft, f);
	lru_push(ft, f);
	if (now_us > f->last_us)
		f->last_us = now_us;
	return f;
}

/* Stale flows go as new ones come, a few at a time; a full table gives up its
 * oldest (with a catch open: trap finds it gone, which costs an event a flow).
 */
static void make_room(struct flow_table *ft, uint64_t now_us)
{
	for (int i = 0; i < 2 && ft->oldest != NULL; i++) {
		/* Removing the oldest has made the next older one the oldest.
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (!is_stale(ft->oldest, now_us) && ft->n < FLOW_MAX)
			break;
		flow_remove(ft, ft->oldest);
	}
}

struct flow *flow_add(struct flow_table *ft, const struct tuple *t,
		      uint64_t now_us)
{
	struct flow **bucket, *f;

	make_room(ft, now_us);
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	bucket = bucket_of(ft, t);
	f->tuple = *t;
	f->last_us = now_us;
	f->holder.dirfd = -1;
	f->chain = *bucket;
	*bucket = f;
	lru_push(ft, f);
	ft->n++;
	return f;
}

size_t flow_count(const struct flow_table *ft)
{
	return ft->n;
}

bool flow_note_question(struct flow *f, uint64_t hash)
{
	unsigned kept = f->nquestions < FLOW_QUESTIONS_MAX ? f->nquestions
							   : FLOW_QUESTIONS_MAX;

	for (unsigned i = 0; i < kept; i++)
		if (f->questions[i] == hash)
			return false;
	f->questions[f->nquestions++ % FLOW_QUESTIONS_MAX] = hash;
	return true;
}
