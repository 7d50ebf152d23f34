/* SPDX-License-Identifier: GPL-2.0-or-later */
/* util: clock, numbers in text and a hash; what every level may use. */
#ifndef UTIL_H
#define UTIL_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define UTIL_MS 1000ULL		/* microseconds in a millisecond */
#define UTIL_SEC 1000000ULL	/* microseconds in a second */

/* CLOCK_MONOTONIC in microseconds; all deadlines in the program are this. */
uint64_t util_now_us(void);

/*
 * Decimal text of exactly len bytes (no sign, no blank, no leading '+') into
 * *value.  -EINVAL: not a number; -ERANGE: above max.
 */
int util_parse_uint(const char *text, size_t len, uint64_t max,
		    uint64_t *value);

/*
 * A hash of bytes that people outside may choose (addresses, ports): keyed by
 * a random value drawn at the first call, so that nobody can aim at a bucket.
 */
uint64_t util_hash(const void *data, size_t len);

#endif
