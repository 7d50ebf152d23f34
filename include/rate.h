/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rate: at most N events a minute for one process. */
#ifndef RATE_H
#define RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rate;

/* per_minute 0: no cap.  -errno. */
int rate_open(struct rate **r, unsigned per_minute);
void rate_close(struct rate *r);

/* One more for that process: true, it may be told.  Where no process is known
 * pid is 0 and starttime the uid.  *suppressed (may be NULL): how many were
 * refused to it since the last one that was told. */
bool rate_allow(struct rate *r, pid_t pid, uint64_t starttime, uint64_t now_us,
		uint64_t *suppressed);

#endif
