/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rate: at most N events a minute for one process. */
#include "rate.h"

#include <errno.h>
#include <stdlib.h>

#include "util.h"

/* Processes beyond this many at once share entries: the least recent of a set
 * makes room, and its process begins a new minute. */
#define SETS	  1024
#define WAYS	  4
#define WINDOW_US (60 * UTIL_SEC)

struct entry {
	pid_t pid;
	uint64_t starttime;
	uint64_t window_us; /* when this minute began; 0: free */
	uint64_t suppressed;
	unsigned told;
};

struct rate {
	unsigned per_minute;
	struct entry sets[SETS][WAYS];
};

int rate_open(struct rate **r, unsigned per_minute)
{
	*r = calloc(1, sizeof(**r));
	if (*r == NULL)
		return -ENOMEM;
	(*r)->per_minute = per_minute;
	return 0;
}

void rate_close(struct rate *r)
{
	free(r);
}

static struct entry *find(struct rate *r, pid_t pid, uint64_t starttime)
{
	uint64_t key[2] = {(uint64_t)pid, starttime};
	struct entry *set = r->sets[util_hash(key, sizeof(key)) % SETS];
	struct entry *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].window_us != 0 && set[i].pid == pid &&
		    set[i].starttime == starttime)
			return &set[i];
		if (set[i].window_us < oldest->window_us)
			oldest = &set[i];
	}
	*oldest = (struct entry){.pid = pid, .starttime = starttime};
	return oldest;
}

bool rate_allow(struct rate *r, pid_t pid, uint64_t starttime, uint64_t now_us,
		uint64_t *suppressed)
{
	struct entry *e;
	bool allowed;

	if (suppressed != NULL)
		*suppressed = 0;
	if (r->per_minute == 0)
		return true;
	e = find(r, pid, starttime);
	if (e->window_us == 0 || now_us >= e->window_us + WINDOW_US) {
		e->window_us = now_us;
		e->told = 0;
	}
	allowed = e->told < r->per_minute;
	if (!allowed) {
		e->suppressed++;
		return false;
	}
	e->told++;
	if (suppressed != NULL)
		*suppressed = e->suppressed;
	e->suppressed = 0;
	return true;
}
