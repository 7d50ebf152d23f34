/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strpool: strings kept one after the other in memory that the caller brings.
 */
#include "strpool.h"

#include <string.h>

void strpool_init(struct strpool *pool, char *mem, size_t size)
{
	*pool = (struct strpool){.mem = mem, .size = size};
}

void strpool_reset(struct strpool *pool)
{
	pool->used = 0;
	pool->overflow = false;
}

char *strpool_room(struct strpool *pool, size_t *room)
{
	size_t left = pool->size - pool->used;

	*room = left ? left - 1 : 0;
	return left ? pool->mem + pool->used : NULL;
}

const char *strpool_commit(struct strpool *pool, size_t len)
{
	char *text;

	if (len >= pool->size - pool->used) {
		pool->overflow = true;
		return NULL;
	}
	text = pool->mem + pool->used;
	text[len] = '\0';
	pool->used += len + 1;
	return text;
}

const char *strpool_add(struct strpool *pool, const void *bytes, size_t len)
{
	size_t room;
	char *text = strpool_room(pool, &room);

	if (!text || len > room) {
		pool->overflow = true;
		return NULL;
	}
	if (len)
		memcpy(text, bytes, len);
	return strpool_commit(pool, len);
}

const char *strpool_add_text(struct strpool *pool, const char *text)
{
	return strpool_add(pool, text, strlen(text));
}
