/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict: the packets that are held, and the one place that decides them. */
#include "verdict.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define SLOTS	       NFQUEUE_MAXLEN
#define BUCKETS	       (2 * SLOTS)
#define NONE	       UINT32_MAX
#define GUARDIAN_STACK (256 * 1024)
#define RETRY_US       1000ULL
/* While the loop is stuck the queue is emptied this often per hold limit. */
#define SWEEPS_PER_LIMIT 4
/* Passed with one verdict: more would have the first one wait for long. */
#define PASS_MAX 16
/* Far above any id outstanding, far below the wrap-around's half. */
#define ALL_IDS (1U << 30)

/* One held packet.  Undecided ones are in a list by age; one that the guardian
 * decided leaves the list and waits for the loop to ask for it. */
struct slot {
	uint32_t id;
	uint32_t chain;	     /* next in the bucket, or in the free list */
	uint32_t prev, next; /* by age */
	uint32_t verdict;
	bool decided;
	bool orphan; /* the loop will not ask: freed when decided */
	uint64_t since_us;
	uint64_t held_us; /* once decided */
};

struct verdict {
	struct nfqueue *queue;
	uint64_t hold_us;
	struct stage *stage; /* the loop's; NULL: not measured */
	unsigned npass;	     /* the loop's: passed, and not sent yet */
	uint32_t pass_ids[PASS_MAX];
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	pthread_t guardian;
	bool stop, asleep; /* asleep: the guardian waits without limit */
	uint64_t busy_us;  /* the loop's last sign of life; 0: in poll */
	uint64_t swept_us;
	uint32_t last_id;
	uint32_t oldest, newest, free;
	struct verdict_stats stats;
	uint32_t buckets[BUCKETS];
	struct slot slots[SLOTS];
};

static uint32_t *bucket_of(struct verdict *v, uint32_t id)
{
	return &v->buckets[id % BUCKETS];
}

static struct slot *find(struct verdict *v, uint32_t id)
{
	uint32_t i = *bucket_of(v, id);

	while (i != NONE && v->slots[i].id != id)
		i = v->slots[i].chain;
	return i == NONE ? NULL : &v->slots[i];
}

static uint32_t index_of(const struct verdict *v, const struct slot *s)
{
	return (uint32_t)(s - v->slots);
}

static void list_append(struct verdict *v, struct slot *s)
{
	s->prev = v->newest;
	s->next = NONE;
	if (v->newest != NONE)
		v->slots[v->newest].next = index_of(v, s);
	else
		v->oldest = index_of(v, s);
	v->newest = index_of(v, s);
}

static void list_remove(struct verdict *v, struct slot *s)
{
	if (s->prev != NONE)
		v->slots[s->prev].next = s->next;
	else
		v->oldest = s->next;
	if (s->next != NONE)
		v->slots[s->next].prev = s->prev;
	else
		v->newest = s->prev;
}

static void slot_free(struct verdict *v, struct slot *s)
{
	uint32_t *link = bucket_of(v, s->id);

	while (*link != index_of(v, s))
		link = &v->slots[*link].chain;
	*link = s->chain;
	s->chain = v->free;
	v->free = index_of(v, s);
}

static struct slot *slot_alloc(struct verdict *v, uint32_t id)
{
	uint32_t i = v->free, *bucket = bucket_of(v, id);
	struct slot *s;

	if (i == NONE)
		return NULL;
	s = &v->slots[i];
	v->free = s->chain;
	*s = (struct slot){.id = id, .chain = *bucket, .verdict = NF_ACCEPT};
	*bucket = i;
	return s;
}

/* The kernel has its verdict. */
static void settle(struct verdict *v, struct slot *s, uint64_t now)
{
	s->decided = true;
	s->held_us = now > s->since_us ? now - s->since_us : 0;
	list_remove(v, s);
	if (s->orphan)
		slot_free(v, s);
}

/* The verdict itself; the lock is held.  What the socket does not take now the
 * guardian tries again. */
static int decide(struct verdict *v, struct slot *s, uint64_t now)
{
	int err = nfqueue_verdict(v->queue, s->id, s->verdict);

	if (err == -EAGAIN || err == -ENOMEM)
		return err;
	settle(v, s, now);
	return 0;
}

/* ------------------------------------------------------------ the guardian */

/* Accepts every packet that the kernel holds for this queue, received or not:
 * one batch verdict for all ids that there can be. */
static void sweep_queue(struct verdict *v, uint64_t now)
{
	if (nfqueue_verdict_batch(v->queue, v->last_id + ALL_IDS, NF_ACCEPT) <
	    0)
		return;
	v->swept_us = now;
	v->stats.swept++;
	while (v->oldest != NONE) {
		settle(v, &v->slots[v->oldest], now);
		v->stats.expired++;
	}
}

/* Decides what is overdue; returns when to look again. */
static uint64_t expire(struct verdict *v, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	while (v->oldest != NONE) {
		struct slot *s = &v->slots[v->oldest];

		if (s->since_us + v->hold_us > now) {
			next = s->since_us + v->hold_us;
			break;
		}
		if (decide(v, s, now) < 0) {
			next = now + RETRY_US;
			break;
		}
		v->stats.expired++;
	}
	return next;
}

/* Looks after a loop that is stuck; returns when to look again. */
static uint64_t watch_loop(struct verdict *v, uint64_t now)
{
	uint64_t period = v->hold_us / SWEEPS_PER_LIMIT + RETRY_US;

	if (v->busy_us == 0)
		return UINT64_MAX;
	if (now < v->busy_us + v->hold_us)
		return v->busy_us + v->hold_us;
	if (now >= v->swept_us + period)
		sweep_queue(v, now);
	return now + period;
}

static void wait_until(struct verdict *v, uint64_t us)
{
	struct timespec ts = {
		.tv_sec = (time_t)(us / UTIL_SEC),
		.tv_nsec = (long)(us % UTIL_SEC) * 1000,
	};

	v->asleep = us == UINT64_MAX;
	if (v->asleep)
		pthread_cond_wait(&v->wake, &v->lock);
	else
		pthread_cond_timedwait(&v->wake, &v->lock, &ts);
	v->asleep = false;
}

static void *guardian_main(void *arg)
{
	struct verdict *v = arg;

	pthread_mutex_lock(&v->lock);
	while (!v->stop) {
		uint64_t now = util_now_us();
		uint64_t held = expire(v, now);
		uint64_t stuck = watch_loop(v, now);

		wait_until(v, held < stuck ? held : stuck);
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

static int start_guardian(struct verdict *v)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, GUARDIAN_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&v->guardian, &attr, guardian_main, v);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err == 0)
		pthread_setname_np(v->guardian, "ptrap-guardian");
	return -err;
}

/* -------------------------------------------------------------- the caller */

static void init_table(struct verdict *v)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&v->wake, &attr);
	pthread_condattr_destroy(&attr);
	v->oldest = v->newest = NONE;
	memset(v->buckets, 0xff, sizeof(v->buckets));
	for (uint32_t i = 0; i < SLOTS; i++)
		v->slots[i].chain = i + 1 < SLOTS ? i + 1 : NONE;
}

int verdict_open(struct verdict **out, struct nfqueue *q, uint64_t hold_us)
{
	struct verdict *v = calloc(1, sizeof(*v));
	int err;

	if (v == NULL)
		return -ENOMEM;
	v->queue = q;
	v->hold_us = hold_us;
	init_table(v);
	err = start_guardian(v);
	if (err < 0) {
		free(v);
		return err;
	}
	*out = v;
	return 0;
}

void verdict_close(struct verdict *v)
{
	if (v == NULL)
		return;
	verdict_give_all(v);
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&v->lock);
	pthread_join(v->guardian, NULL);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* A verdict that could not be sent is overdue at once, for the guardian. */
static void hand_over(struct verdict *v, struct slot *s)
{
	list_remove(v, s);
	s->since_us = 0;
	s->orphan = true;
	s->prev = NONE;
	s->next = v->oldest;
	if (v->oldest != NONE)
		v->slots[v->oldest].prev = index_of(v, s);
	else
		v->newest = index_of(v, s);
	v->oldest = index_of(v, s);
	pthread_cond_signal(&v->wake);
}

static void try_later(struct verdict *v, uint32_t id)
{
	struct slot *s;

	pthread_mutex_lock(&v->lock);
	s = slot_alloc(v, id);
	if (s != NULL) {
		list_append(v, s);
		hand_over(v, s);
	}
	pthread_mutex_unlock(&v->lock);
}

/* One verdict for all up to the last: what came before them is decided.  What
 * the socket does not take is tried again for each. */
void verdict_flush(struct verdict *v)
{
	uint64_t start = stage_start(v->stage);
	unsigned n = v->npass;
	int err;

	if (n == 0)
		return;
	v->npass = 0;
	err = n > 1 ? nfqueue_verdict_batch(v->queue, v->pass_ids[n - 1],
					    NF_ACCEPT)
		    : nfqueue_verdict(v->queue, v->pass_ids[0], NF_ACCEPT);
	if (err == -EAGAIN || err == -ENOMEM)
		for (unsigned i = 0; i < n; i++)
			try_later(v, v->pass_ids[i]);
	stage_end(v->stage, start);
}

int verdict_hold(struct verdict *v, uint32_t id, uint64_t now_us)
{
	struct slot *s;

	verdict_flush(v);
	pthread_mutex_lock(&v->lock);
	v->last_id = id;
	s = slot_alloc(v, id);
	if (s != NULL) {
		s->since_us = now_us;
		list_append(v, s);
		if (v->asleep)
			pthread_cond_signal(&v->wake);
	} else {
		v->stats.overflow++;
	}
	pthread_mutex_unlock(&v->lock);
	if (s != NULL)
		return 0;
	nfqueue_verdict(v->queue, id, NF_ACCEPT);
	return -ENOSPC;
}

int verdict_give(struct verdict *v, uint32_t id, uint32_t nf_verdict,
		 uint64_t *held_us)
{
	uint64_t now = util_now_us(), start = stage_start(v->stage);
	struct slot *s;
	int err = 0;

	pthread_mutex_lock(&v->lock);
	s = find(v, id);
	if (s == NULL) {
		err = -ENOENT;
	} else if (s->decided) {
		err = -EALREADY;
	} else {
		s->verdict = nf_verdict;
		v->stats.given++;
		if (decide(v, s, now) < 0) {
			hand_over(v, s);
			s = NULL;
		}
	}
	if (held_us != NULL)
		*held_us = s != NULL ? s->held_us : 0;
	if (s != NULL)
		slot_free(v, s);
	pthread_mutex_unlock(&v->lock);
	stage_end(v->stage, start);
	return err;
}

/* While nothing is held all ids before this one are decided, or pass with it.
 */
void verdict_pass(struct verdict *v, uint32_t id)
{
	bool alone;

	pthread_mutex_lock(&v->lock);
	v->last_id = id;
	v->stats.given++;
	alone = v->oldest != NONE;
	pthread_mutex_unlock(&v->lock);
	if (alone)
		verdict_flush(v);
	v->pass_ids[v->npass++] = id;
	if (alone || v->npass == PASS_MAX)
		verdict_flush(v);
}

bool verdict_is_held(struct verdict *v, uint32_t id)
{
	struct slot *s;
	bool held;

	pthread_mutex_lock(&v->lock);
	s = find(v, id);
	held = s != NULL && !s->decided;
	pthread_mutex_unlock(&v->lock);
	return held;
}

void verdict_touch(struct verdict *v, uint64_t now_us)
{
	pthread_mutex_lock(&v->lock);
	v->busy_us = now_us;
	if (v->asleep)
		pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&v->lock);
}

void verdict_idle(struct verdict *v)
{
	verdict_flush(v);
	pthread_mutex_lock(&v->lock);
	v->busy_us = 0;
	pthread_mutex_unlock(&v->lock);
}

void verdict_give_all(struct verdict *v)
{
	verdict_flush(v);
	pthread_mutex_lock(&v->lock);
	while (v->oldest != NONE) {
		struct slot *s = &v->slots[v->oldest];

		if (decide(v, s, util_now_us()) < 0)
			break;
		v->stats.given++;
	}
	pthread_mutex_unlock(&v->lock);
}

void verdict_measure(struct verdict *v, struct stage *stage)
{
	v->stage = stage;
}

void verdict_read_stats(struct verdict *v, struct verdict_stats *st)
{
	pthread_mutex_lock(&v->lock);
	*st = v->stats;
	pthread_mutex_unlock(&v->lock);
}
