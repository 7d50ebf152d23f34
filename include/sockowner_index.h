/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_index: who had which socket open, once; worth a look, no answer. */
#ifndef SOCKOWNER_INDEX_H
#define SOCKOWNER_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Eight bytes each: half a megabyte.  What comes later is left out. */
#define SOCKOWNER_INDEX_MAX 65536

struct sockowner_index_entry {
	uint32_t inode;			/* as wide as the kernel counts sockets */
	pid_t pid;
};

/* All zero is an empty one. */
struct sockowner_index {
	struct sockowner_index_entry *list;
	size_t n, size;
};

/* Without memory for it, it is left out.  Sort once before the first find;
 * that also drops what is there twice. */
void sockowner_index_add(struct sockowner_index *ix, uint64_t inode, pid_t pid);
void sockowner_index_sort(struct sockowner_index *ix);

/* Who had it, at most max; returns their number. */
size_t sockowner_index_find(const struct sockowner_index *ix, uint64_t inode,
			    pid_t *pids, size_t max);

void sockowner_index_clear(struct sockowner_index *ix);

#endif
