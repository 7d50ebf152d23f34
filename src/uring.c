/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uring: the sockets that are registered with an io_uring. */
#include "uring.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "procfs.h"
#include "util.h"

#define READ_TRIES 3
/* Some 40,000 files: a ring with more is not looked at to its end. */
#define BYTES_MAX (1U << 20)

/* "    7: socket:[30041]" below "UserFiles:\t8". */
struct list {
	uring_cb cb;
	void *data;
	bool begun, ended;
	bool cut;	/* what comes is the rest of a long line */
	bool by_path;	/* entries as a new kernel writes them */
	uint64_t files; /* that there are said to be, and those listed */
	uint64_t listed;
	unsigned unnamed;
};

bool uring_is_link(const char *text, size_t len)
{
	static const char link[] = "anon_inode:[io_uring]";

	return len == sizeof(link) - 1 && memcmp(text, link, len) == 0;
}

unsigned uring_kind_of(int protocol, bool fragment)
{
	if (fragment)
		return URING_OTHER;
	switch (protocol) {
	case IPPROTO_TCP:
		return URING_TCP;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return URING_UDP;
	}
	return URING_OTHER;
}

static bool has_prefix(const char *text, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && memcmp(text, prefix, n) == 0;
}

/* A protocol's name, or a file that is called so. */
static unsigned kind_of_name(const char *text, size_t len)
{
	static const char *const others[] = {"RAW",  "PING", "SCTP",
					     "DCCP", "L2TP", "SMC"};

	if (has_prefix(text, len, "TCP") || has_prefix(text, len, "MPTCP"))
		return URING_TCP;
	if (has_prefix(text, len, "UDP"))
		return URING_UDP;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (has_prefix(text, len, others[i]))
			return URING_OTHER;
	return 0;
}

/* What comes behind "N: ". */
static void take_file(struct list *l, const char *text, size_t len)
{
	uint64_t inode = procfs_parse_socket_link(text, len);

	l->listed++;
	if (inode != 0) {
		l->by_path = true;
		l->cb(inode, l->data);
	} else if (len > 0 && (text[0] == '/' || memchr(text, '[', len))) {
		l->by_path = true;
	} else {
		l->unnamed |= kind_of_name(text, len);
	}
}

static void take_line(struct list *l, const char *line, size_t len)
{
	static const char head[] = "UserFiles:\t";
	const char *colon;

	if (l->cut) {
		l->cut = false;
		return;
	}
	if (!l->begun) {
		if (!has_prefix(line, len, head))
			return;
		line += sizeof(head) - 1;
		len -= sizeof(head) - 1;
		l->begun = true;
		if (util_parse_uint(line, len, UINT64_MAX, &l->files) < 0)
			l->unnamed = URING_UNKNOWN;
		return;
	}
	/* Numbers above 99,999 have no blank in front. */
	if (l->ended || len == 0 ||
	    !(line[0] == ' ' || (line[0] >= '0' && line[0] <= '9'))) {
		l->ended = true;
		return;
	}
	colon = memchr(line, ':', len);
	if (colon != NULL && colon + 2 < line + len)
		take_file(l, colon + 2, (size_t)(line + len - colon - 2));
}

/* By path only those slots are listed that have a file. */
static unsigned finish(const struct list *l, bool told_whole)
{
	if (!l->begun)
		return URING_UNKNOWN;
	if (l->listed >= l->files || l->by_path ||
	    (l->listed == 0 && told_whole))
		return l->unnamed;
	return URING_UNKNOWN;
}

/* Whole lines only; how many bytes they were. */
static size_t take_lines(struct list *l, const char *text, size_t len)
{
	const char *pos = text, *end = text + len, *nl;

	while ((nl = memchr(pos, '\n', (size_t)(end - pos))) != NULL) {
		take_line(l, pos, (size_t)(nl - pos));
		pos = nl + 1;
	}
	return (size_t)(pos - text);
}

void uring_parse(const char *text, size_t len, bool told_whole, uring_cb cb,
		 void *data, unsigned *unnamed)
{
	struct list l = {.cb = cb, .data = data};

	take_lines(&l, text, len);
	*unnamed = finish(&l, told_whole);
}

/* Linux 6.16 takes the ring's lock for all of it, or says nothing. */
static bool is_told_whole(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	return uname(&u) == 0 &&
	       sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 16));
}

/* A line that fills the buffer is a long path. */
static int read_lines(int fd, struct list *l)
{
	size_t len = 0, total = 0;
	char text[8192];

	while (!l->ended && total < BYTES_MAX) {
		ssize_t n = read(fd, text + len, sizeof(text) - len);
		size_t used;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		len += (size_t)n;
		total += (size_t)n;
		used = take_lines(l, text, len);
		len -= used;
		memmove(text, text + used, len);
		if (len == sizeof(text)) {
			if (!l->cut)
				take_line(l, text, len);
			l->cut = true;
			len = 0;
		}
	}
	if (!l->ended)
		l->unnamed = URING_UNKNOWN;
	return 0;
}

static int read_once(int dirfd, const char *name, uring_cb cb, void *data,
		     unsigned *unnamed)
{
	struct list l = {.cb = cb, .data = data};
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return errno == EPERM ? -EACCES : -errno;
	err = read_lines(fd, &l);
	close(fd);
	*unnamed = finish(&l, is_told_whole());
	return err;
}

int uring_list(int dirfd, const char *name, uring_cb cb, void *data,
	       unsigned *unnamed)
{
	int err = 0;

	*unnamed = URING_UNKNOWN;
	/* Its lock is taken for as long as a call takes to hand in work. */
	for (int i = 0; i < READ_TRIES && err == 0; i++) {
		if (i > 0)
			sched_yield();
		err = read_once(dirfd, name, cb, data, unnamed);
		if (*unnamed != URING_UNKNOWN)
			break;
	}
	return err;
}
