/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow: the flows that have had their event, so that a flow has one, and no
 * more. */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS FLOW_MAX
/* Most flows that ask ask for two addresses; their block is malloc's least. */
#define QUESTIONS_FEW 3

/* Numbers of flows count from 1; 0 is none.  What no flow has used yet is no
 * memory either. */
struct flow_table {
	uint32_t newest, oldest, free;
	uint32_t n, used;
	uint32_t buckets[BUCKETS];
	struct flow flows[FLOW_MAX];
};

int flow_open(struct flow_table **ft)
{
	*ft = calloc(1, sizeof(**ft));
	return *ft == NULL ? -ENOMEM : 0;
}

static struct flow *flow_at(struct flow_table *ft, uint32_t i)
{
	return i != 0 ? &ft->flows[i - 1] : NULL;
}

static uint32_t number_of(const struct flow_table *ft, const struct flow *f)
{
	return (uint32_t)(f - ft->flows) + 1;
}

void flow_close(struct flow_table *ft)
{
	if (ft == NULL)
		return;
	while (ft->oldest != 0)
		flow_remove(ft, flow_at(ft, ft->oldest));
	free(ft);
}

static uint32_t *bucket_of(struct flow_table *ft, const struct tuple *t)
{
	return &ft->buckets[tuple_hash(t) % BUCKETS];
}

static void lru_unlink(struct flow_table *ft, struct flow *f)
{
	if (f->prev != 0)
		flow_at(ft, f->prev)->next = f->next;
	else
		ft->newest = f->next;
	if (f->next != 0)
		flow_at(ft, f->next)->prev = f->prev;
	else
		ft->oldest = f->prev;
}

static void lru_push(struct flow_table *ft, struct flow *f)
{
	f->prev = 0;
	f->next = ft->newest;
	if (ft->newest != 0)
		flow_at(ft, ft->newest)->prev = number_of(ft, f);
	else
		ft->oldest = number_of(ft, f);
	ft->newest = number_of(ft, f);
}

void flow_remove(struct flow_table *ft, struct flow *f)
{
	uint32_t *link = bucket_of(ft, &f->tuple);

	while (*link != number_of(ft, f))
		link = &flow_at(ft, *link)->chain;
	*link = f->chain;
	lru_unlink(ft, f);
	free(f->questions);
	f->questions = NULL;
	f->chain = ft->free;
	ft->free = number_of(ft, f);
	ft->n--;
}

static bool is_stale(const struct flow *f, uint64_t now_us)
{
	return f->catch == 0 && now_us > f->last_us + FLOW_SILENCE_US;
}

struct flow *flow_find(struct flow_table *ft, const struct tuple *t,
		       uint64_t now_us)
{
	struct flow *f = flow_at(ft, *bucket_of(ft, t));

	while (f != NULL && !tuple_equal(&f->tuple, t))
		f = flow_at(ft, f->chain);
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
	for (int i = 0; i < 2 && ft->oldest != 0; i++) {
		struct flow *oldest = flow_at(ft, ft->oldest);

		if (!is_stale(oldest, now_us) && ft->n < FLOW_MAX)
			break;
		flow_remove(ft, oldest);
	}
}

static struct flow *take_free(struct flow_table *ft)
{
	struct flow *f = flow_at(ft, ft->free);

	if (f == NULL)
		return &ft->flows[ft->used++];
	ft->free = f->chain;
	return f;
}

struct flow *flow_add(struct flow_table *ft, const struct tuple *t,
		      uint64_t now_us)
{
	uint32_t *bucket = bucket_of(ft, t);
	struct flow *f;

	make_room(ft, now_us);
	f = take_free(ft);
	*f = (struct flow){.tuple = *t, .last_us = now_us, .chain = *bucket};
	*bucket = number_of(ft, f);
	lru_push(ft, f);
	ft->n++;
	return f;
}

size_t flow_count(const struct flow_table *ft)
{
	return ft->n;
}

/* True: there is room for one more, or for as many as there can be. */
static bool has_room(struct flow *f)
{
	bool none = f->nquestions == 0, few = f->nquestions == QUESTIONS_FEW;
	size_t size = none ? QUESTIONS_FEW : FLOW_QUESTIONS_MAX;
	uint64_t *questions;

	if (!none && !few)
		return true;
	questions = reallocarray(f->questions, size, sizeof(*questions));
	if (questions != NULL)
		f->questions = questions;
	return questions != NULL;
}

/* Behind the last one the first makes room; then nquestions goes round within
 * MAX .. 2 * MAX - 1. */
bool flow_note_question(struct flow *f, uint64_t hash)
{
	unsigned kept = f->nquestions < FLOW_QUESTIONS_MAX ? f->nquestions
							   : FLOW_QUESTIONS_MAX;

	for (unsigned i = 0; i < kept; i++)
		if (f->questions[i] == hash)
			return false;
	if (!has_room(f))
		return true;
	f->questions[f->nquestions++ % FLOW_QUESTIONS_MAX] = hash;
	if (f->nquestions == 2 * FLOW_QUESTIONS_MAX)
		f->nquestions = FLOW_QUESTIONS_MAX;
	return true;
}

void flow_set_holder(struct flow *f, const struct sockowner_holder *h)
{
	f->has_holder = h != NULL;
	f->holder = (struct flow_holder){0};
	if (h == NULL)
		return;
	f->holder = (struct flow_holder){
		.starttime = h->starttime,
		.image = h->image,
		.pid = h->pid,
		.fd_tid = h->fd_tid,
		.fd = h->fd,
		.ring = h->ring,
		.has_image = h->has_image,
	};
}

void flow_get_holder(const struct flow *f, struct sockowner_holder *h)
{
	*h = (struct sockowner_holder){
		.pid = f->holder.pid,
		.fd = f->holder.fd,
		.ring = f->holder.ring,
		.fd_tid = f->holder.fd_tid,
		.has_image = f->holder.has_image,
		.starttime = f->holder.starttime,
		.image = f->holder.image,
		.dirfd = -1,
	};
}
