/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_json_mem: memory for a record's values, given back all at once. */
#include <jansson.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "output_json.h"

/* A record has some 150 values and names, each in memory of its own.  What does
 * not fit is malloc's. */
#define ARENA_SIZE (128 * 1024)

static alignas(max_align_t) char arena[ARENA_SIZE];
static size_t used;
static atomic_flag taken = ATOMIC_FLAG_INIT;
/* A second thread that makes a record meanwhile goes without. */
static _Thread_local bool ours;

static void *get(size_t size)
{
	size_t room =
		(size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *mem = arena + used;

	if (!ours || size > ARENA_SIZE || room > ARENA_SIZE - used)
		return malloc(size);
	used += room;
	return mem;
}

static void put(void *mem)
{
	uintptr_t at = (uintptr_t)mem, begin = (uintptr_t)arena;

	if (at < begin || at >= begin + ARENA_SIZE)
		free(mem);
}

void output_json_begin_mem(void)
{
	static atomic_flag set = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&set))
		json_set_alloc_funcs(get, put);
	ours = !atomic_flag_test_and_set(&taken);
	if (ours)
		used = 0;
}

void output_json_end_mem(void)
{
	if (ours)
		atomic_flag_clear(&taken);
	ours = false;
}
