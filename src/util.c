/* SPDX-License-Identifier: GPL-2.0-or-later */
/* util: clock, numbers in text and a hash; what every level may use. */
#include "util.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

uint64_t util_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UTIL_SEC + (uint64_t)ts.tv_nsec / 1000;
}

int util_parse_uint(const char *text, size_t len, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;
	int err = 0;

	if (!len)
		return -EINVAL;
	/* To the end even when it is too large: "99999x" is no number. */
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned char)text[i] - (unsigned)'0';

		if (digit > 9)
			return -EINVAL;
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum) || sum > max)
			err = -ERANGE;
	}
	if (!err)
		*value = sum;
	return err;
}

/* One word of the key.  Each word is set once, by whichever thread is first;
 * the others take that value, so no thread ever waits. */
static uint64_t key_word(_Atomic uint64_t *word)
{
	uint64_t key = atomic_load_explicit(word, memory_order_relaxed);
	uint64_t drawn;

	if (key)
		return key;
	/* Early in the boot there may be no entropy yet: do not block. */
	if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) != sizeof(drawn))
		drawn = util_now_us() ^ ((uint64_t)(uintptr_t)&drawn << 20);
	drawn |= 1;
	return atomic_compare_exchange_strong(word, &key, drawn) ? drawn : key;
}

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3, in the machine's own byte order: it never leaves the process. */
uint64_t util_hash(const void *data, size_t len)
{
	static _Atomic uint64_t key[2];
	uint64_t k0 = key_word(&key[0]), k1 = key_word(&key[1]);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			 k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
	const unsigned char *p = data;
	uint64_t word, tail = (uint64_t)len << 56;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < len; i++)
		tail |= (uint64_t)p[i] << (8 * i);
	v[3] ^= tail;
	sip_round(v);
	v[0] ^= tail;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
