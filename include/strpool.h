/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strpool: strings kept one after the other in memory that the caller brings. */
#ifndef STRPOOL_H
#define STRPOOL_H

#include <stdbool.h>
#include <stddef.h>

/* Strings live until the pool is emptied; `overflow` says that one was left
 * out for lack of room. */
struct strpool {
	char *mem;
	size_t size;
	size_t used;
	bool overflow;
};

void strpool_init(struct strpool *pool, char *mem, size_t size);

/* Forgets all strings; the memory stays. */
void strpool_reset(struct strpool *pool);

/* A terminated copy of len bytes (which may hold NULs), or NULL if it does not
 * fit. */
const char *strpool_add(struct strpool *pool, const void *bytes, size_t len);
const char *strpool_add_text(struct strpool *pool, const char *text);

/*
 * To read straight into the pool: strpool_room() says where the next string
 * would begin and how many bytes it may have (one less than what is free; NULL
 * where nothing is); strpool_commit() makes the first len of them a string.
 */
char *strpool_room(struct strpool *pool, size_t *room);
const char *strpool_commit(struct strpool *pool, size_t len);

#endif
