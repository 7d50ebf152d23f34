/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users: names of uids, from /etc/passwd as it was at the start. */
#include "users.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

struct user {
	uid_t uid;
	size_t line; /* two names for one uid: the first is the name */
	char *name;
};

struct users {
	struct user *list; /* by uid, then by line */
	size_t n, room;
};

/* name:password:uid:... ; what is no such line has no user. */
static bool parse_line(const char *line, size_t len, struct user *user)
{
	const char *end = line + len;
	const char *name_end = memchr(line, ':', len);
	const char *uid, *uid_end;
	uint64_t number;

	if (!name_end || name_end == line || *line == '+' || *line == '-')
		return false;
	uid = memchr(name_end + 1, ':', (size_t)(end - name_end - 1));
	if (!uid)
		return false;
	uid++;
	uid_end = memchr(uid, ':', (size_t)(end - uid));
	if (!uid_end || util_parse_uint(uid, (size_t)(uid_end - uid),
					UINT32_MAX - 1, &number))
		return false;
	user->uid = (uid_t)number;
	user->name = strndup(line, (size_t)(name_end - line));
	return true;
}

static int add(struct users *u, struct user user)
{
	if (user.name && u->n == u->room) {
		size_t room = u->room ? 2 * u->room : 64;
		struct user *list = reallocarray(u->list, room, sizeof(*list));

		if (list) {
			u->list = list;
			u->room = room;
		}
	}
	if (!user.name || u->n == u->room) {
		free(user.name);
		return -ENOMEM;
	}
	u->list[u->n++] = user;
	return 0;
}

static int read_all(struct users *u, FILE *f)
{
	struct user user = {0};
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&line, &size, f)) >= 0) {
		user.line++;
		if (parse_line(line, (size_t)len, &user))
			err = add(u, user);
	}
	if (!err && !feof(f))
		err = -errno;
	free(line);
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

int users_open(struct users **out, const char *path)
{
	struct users *u;
	FILE *f = fopen(path, "re");
	int err;

	if (!f)
		return -errno;
	u = calloc(1, sizeof(*u));
	err = u ? read_all(u, f) : -ENOMEM;
	fclose(f);
	if (err) {
		users_close(u);
		return err;
	}
	if (u->n)
		qsort(u->list, u->n, sizeof(*u->list), compare);
	*out = u;
	return 0;
}

void users_close(struct users *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		free(u->list[i].name);
	free(u->list);
	free(u);
}

const char *users_find(const struct users *u, uid_t uid)
{
	size_t low = 0, high = u->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (u->list[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < u->n && u->list[low].uid == uid ? u->list[low].name : NULL;
}
