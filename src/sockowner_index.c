/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_index: who had which socket open, once; worth a look, no answer. */
#include "sockowner_index.h"

#include <stdlib.h>

#define FIRST_SIZE 256

void sockowner_index_add(struct sockowner_index *ix, uint64_t inode, pid_t pid)
{
	size_t size = ix->size > 0 ? ix->size * 2 : FIRST_SIZE;

	if (inode > UINT32_MAX || ix->n == SOCKOWNER_INDEX_MAX)
		return;
	if (ix->n == ix->size) {
		struct sockowner_index_entry *list =
			reallocarray(ix->list, size, sizeof(*list));

		if (list == NULL)
			return;
		ix->list = list;
		ix->size = size;
	}
	ix->list[ix->n++] =
		(struct sockowner_index_entry){(uint32_t)inode, pid};
}

static int compare(const void *a, const void *b)
{
	const struct sockowner_index_entry *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

void sockowner_index_sort(struct sockowner_index *ix)
{
	size_t kept = 0;

	if (ix->n == 0)
		return;
	qsort(ix->list, ix->n, sizeof(*ix->list), compare);
	for (size_t i = 1; i < ix->n; i++)
		if (compare(&ix->list[kept], &ix->list[i]) != 0)
			ix->list[++kept] = ix->list[i];
	ix->n = kept + 1;
}

size_t sockowner_index_find(const struct sockowner_index *ix, uint64_t inode,
			    pid_t *pids, size_t max)
{
	size_t low = 0, high = ix->n, n = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ix->list[mid].inode < inode)
			low = mid + 1;
		else
			high = mid;
	}
	for (; n < max && low < ix->n && ix->list[low].inode == inode; low++)
		pids[n++] = ix->list[low].pid;
	return n;
}

void sockowner_index_clear(struct sockowner_index *ix)
{
	free(ix->list);
	*ix = (struct sockowner_index){0};
}
