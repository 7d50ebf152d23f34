/* SPDX-License-Identifier: GPL-2.0-or-later */
/* procfs: /proc/PID read through directory descriptors, parsed with distrust.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "procfs.h"
#include "util.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* Fields of /proc/PID/stat by their number in proc_pid_stat(5). */
enum stat_field {
	STAT_PPID = 4,
	STAT_PGRP,
	STAT_SESSION,
	STAT_TTY_NR,
	STAT_FLAGS = 9,
	STAT_NUM_THREADS = 20,
	STAT_STARTTIME = 22,
	STAT_RSSLIM = 25, /* the last that must be there */
	STAT_STARTSTACK = 28,
	STAT_ARG_START = 48,
	STAT_ARG_END,
	STAT_ENV_END = 51,
	STAT_FIELDS, /* what comes later is not looked at */
};

int procfs_open_root(const char *path)
{
	int fd = open(path, DIR_FLAGS);

	return fd < 0 ? -errno : fd;
}

int procfs_open_pid(int rootfd, pid_t pid)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", pid);
	fd = openat(rootfd, name, DIR_FLAGS);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

/* Reads until the buffer is full or the file ends; the length or -errno. */
static ssize_t read_full(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		/* A file of /proc gives all it has: less than asked for is the
		 * end, and one more read to see it costs as much. */
		if ((size_t)n < size - len + (size_t)n)
			break;
	}
	return (ssize_t)len;
}

ssize_t procfs_read(int dirfd, const char *name, char *buf, size_t size,
		    bool *truncated)
{
	ssize_t len, more = 0;
	char extra;
	int fd;

	if (size == 0)
		return -EINVAL;
	buf[0] = '\0';
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read_full(fd, buf, size - 1);
	if (truncated && len == (ssize_t)size - 1)
		more = read_full(fd, &extra, 1);
	close(fd);
	if (len >= 0)
		buf[len] = '\0';
	if (truncated)
		*truncated = more > 0;
	return len;
}

ssize_t procfs_readlink(int dirfd, const char *name, char *buf, size_t size)
{
	ssize_t len;

	if (size == 0)
		return -EINVAL;
	buf[0] = '\0';
	len = readlinkat(dirfd, name, buf, size);
	if (len < 0)
		return -errno;
	/* A full buffer may have been too short. */
	if ((size_t)len == size) {
		buf[size - 1] = '\0';
		return -ENAMETOOLONG;
	}
	buf[len] = '\0';
	return len;
}

bool procfs_is_own(int rootfd)
{
	struct statfs sfs;
	char self[16], link[16];

	if (fstatfs(rootfd, &sfs) || sfs.f_type != PROC_SUPER_MAGIC)
		return false;
	snprintf(self, sizeof(self), "%d", getpid());
	return procfs_readlink(rootfd, "self", link, sizeof(link)) > 0 &&
	       !strcmp(self, link);
}

/* The last field. */
pid_t procfs_newest_pid(int loadavg_fd)
{
	char text[128], *last;
	ssize_t n = pread(loadavg_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	last = strrchr(text, ' ');
	return last == NULL ? 0 : (pid_t)atoi(last);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * The next number of a blank-separated line.  It must be followed by a blank or
 * the line's end: at the very end of the text it may have been cut.  Negative
 * ones come as two's complement.  -ENODATA: no further number.
 */
static int next_field(const char **pos, const char *end, uint64_t *value)
{
	const char *p = *pos, *digits;
	bool negative;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	negative = p < end && *p == '-';
	if (negative)
		p++;
	digits = p;
	while (p < end && is_digit(*p))
		p++;
	if (p == end || (p == digits && *p == '\n' && !negative))
		return -ENODATA;
	if (*p != ' ' && *p != '\t' && *p != '\n')
		return -EBADMSG;
	if (util_parse_uint(digits, (size_t)(p - digits), UINT64_MAX, value))
		return -EBADMSG;
	if (negative)
		*value = -*value;
	*pos = p;
	return 0;
}

/* "PID (COMM) S": everything up to the state; where the numbers begin. */
static const char *parse_stat_head(const char *text, size_t len,
				   struct procfs_stat *st)
{
	const char *open = memchr(text, '(', len);
	const char *close = memrchr(text, ')', len);
	const char *end = text + len;
	size_t comm_len;
	uint64_t pid;

	if (!open || !close || close < open || end - close < 4)
		return NULL;
	if (next_field(&text, open, &pid) || pid > INT_MAX || text + 1 != open)
		return NULL;
	if (close[1] != ' ' || close[2] <= ' ' || close[3] != ' ')
		return NULL;
	comm_len = (size_t)(close - open) - 1;
	if (memchr(open + 1, '\0', comm_len))
		return NULL;
	if (comm_len >= sizeof(st->comm))
		comm_len = sizeof(st->comm) - 1;
	memcpy(st->comm, open + 1, comm_len);
	st->pid = (pid_t)pid;
	st->state = close[2];
	return close + 3;
}

int procfs_parse_stat(const char *text, size_t len, struct procfs_stat *st)
{
	uint64_t field[STAT_FIELDS] = {0};
	const char *pos, *end = text + len;
	unsigned i;
	int rc = 0;

	memset(st, 0, sizeof(*st));
	pos = parse_stat_head(text, len, st);
	if (!pos)
		return -EBADMSG;
	for (i = STAT_PPID; i < STAT_FIELDS && !rc; i++)
		rc = next_field(&pos, end, &field[i]);
	if (rc == -EBADMSG || (rc && i - 1 <= STAT_RSSLIM))
		return -EBADMSG;
	if (field[STAT_PPID] > INT_MAX)
		return -EBADMSG;
	st->ppid = (pid_t)field[STAT_PPID];
	st->pgrp = (pid_t)field[STAT_PGRP];
	st->session = (pid_t)field[STAT_SESSION];
	st->tty_nr = (int)field[STAT_TTY_NR];
	st->flags = field[STAT_FLAGS];
	st->num_threads = field[STAT_NUM_THREADS];
	st->starttime = field[STAT_STARTTIME];
	st->startstack = field[STAT_STARTSTACK];
	st->arg_start = field[STAT_ARG_START];
	st->arg_end = field[STAT_ARG_END];
	st->env_end = field[STAT_ENV_END];
	return 0;
}

int procfs_read_stat(int dirfd, struct procfs_stat *st)
{
	char text[2048];
	ssize_t len = procfs_read(dirfd, "stat", text, sizeof(text), NULL);

	memset(st, 0, sizeof(*st));
	/* Every process has this file: without it, there is no process. */
	if (len == -ENOENT || len == 0)
		return -ESRCH;
	if (len < 0)
		return (int)len;
	return procfs_parse_stat(text, (size_t)len, st);
}

/* Lines of /proc/PID/status; bits of what was seen. */
enum status_line {
	STATUS_TGID = 1 << 0,
	STATUS_UID = 1 << 1,
	STATUS_GID = 1 << 2,
	STATUS_CAP_EFF = 1 << 3,
	STATUS_NO_NEW_PRIVS = 1 << 4,
	STATUS_SECCOMP = 1 << 5,
	STATUS_NSPID = 1 << 6,
};

#define STATUS_NEEDED (STATUS_TGID | STATUS_UID | STATUS_GID | STATUS_CAP_EFF)

static const struct {
	const char *key;
	enum status_line line;
} status_lines[] = {
	{"Tgid:", STATUS_TGID},
	{"Uid:", STATUS_UID},
	{"Gid:", STATUS_GID},
	{"CapEff:", STATUS_CAP_EFF},
	{"NoNewPrivs:", STATUS_NO_NEW_PRIVS},
	{"Seccomp:", STATUS_SECCOMP},
	{"NSpid:", STATUS_NSPID},
};

/* Numbers of one line, none above max; how many, at most n, or -EBADMSG. */
static int parse_numbers(const char *pos, const char *end, uint64_t max,
			 uint64_t *value, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		int rc = next_field(&pos, end, &value[i]);
		if (rc == -ENODATA)
			break;
		if (rc || value[i] > max)
			return -EBADMSG;
	}
	return i;
}

static int parse_hex(const char **pos, const char *end, uint64_t *value)
{
	const char *p = *pos;

	*value = 0;
	for (; p < end && p - *pos < 16; p++) {
		char c = *p;

		if (is_digit(c))
			*value = *value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (p == *pos || p == end || (*p != ' ' && *p != '\n'))
		return -EBADMSG;
	*pos = p;
	return 0;
}

static int parse_ids(const char *pos, const char *end, uint32_t *ids[4])
{
	uint64_t value[4];

	if (parse_numbers(pos, end, UINT32_MAX, value, 4) != 4)
		return -EBADMSG;
	for (int i = 0; i < 4; i++)
		*ids[i] = (uint32_t)value[i];
	return 0;
}

/* pos is behind the key; end is behind the line's '\n'. */
static int parse_status_value(enum status_line line, const char *pos,
			      const char *end, struct procfs_status *st)
{
	uint32_t *uids[] = {&st->uid, &st->euid, &st->suid, &st->fsuid};
	uint32_t *gids[] = {&st->gid, &st->egid, &st->sgid, &st->fsgid};
	uint64_t value[32];
	int n;

	switch (line) {
	case STATUS_UID:
		return parse_ids(pos, end, uids);
	case STATUS_GID:
		return parse_ids(pos, end, gids);
	case STATUS_CAP_EFF:
		if (*pos == '\t')
			pos++;
		return parse_hex(&pos, end, &st->cap_eff);
	case STATUS_TGID:
	case STATUS_NO_NEW_PRIVS:
	case STATUS_SECCOMP:
	case STATUS_NSPID:
		break;
	}
	n = parse_numbers(pos, end, INT_MAX, value, ARRAY_SIZE(value));
	if (n < 1)
		return -EBADMSG;
	if (line == STATUS_TGID)
		st->tgid = (pid_t)value[0];
	else if (line == STATUS_NO_NEW_PRIVS)
		st->no_new_privs = (int)value[0];
	else if (line == STATUS_SECCOMP)
		st->seccomp = (int)value[0];
	else
		st->nspid = (pid_t)value[n - 1]; /* innermost comes last */
	return 0;
}

/* One line with its '\n'.  No line may come twice: a second "Uid:" would be
 * somebody's forgery. */
static int parse_status_line(const char *text, size_t len,
			     struct procfs_status *st, unsigned *seen)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_lines); i++) {
		size_t key_len = strlen(status_lines[i].key);

		if (len <= key_len ||
		    memcmp(text, status_lines[i].key, key_len))
			continue;
		if (*seen & status_lines[i].line)
			return -EBADMSG;
		*seen |= status_lines[i].line;
		return parse_status_value(status_lines[i].line, text + key_len,
					  text + len, st);
	}
	return 0;
}

/* All whole lines; how many bytes they were, or -EBADMSG. */
static ssize_t parse_status_lines(const char *text, size_t len,
				  struct procfs_status *st, unsigned *seen)
{
	const char *pos = text, *nl;

	while ((nl = memchr(pos, '\n', len - (size_t)(pos - text)))) {
		size_t line_len = (size_t)(nl - pos) + 1;

		if (parse_status_line(pos, line_len, st, seen))
			return -EBADMSG;
		pos = nl + 1;
	}
	return pos - text;
}

static void status_init(struct procfs_status *st)
{
	memset(st, 0, sizeof(*st));
	st->no_new_privs = -1;
	st->seccomp = -1;
}

static int status_finish(struct procfs_status *st, unsigned seen)
{
	if ((seen & STATUS_NEEDED) != STATUS_NEEDED)
		return -EBADMSG;
	if (!(seen & STATUS_NSPID))
		st->nspid = st->tgid;
	return 0;
}

int procfs_parse_status(const char *text, size_t len, struct procfs_status *st)
{
	unsigned seen = 0;

	status_init(st);
	if (parse_status_lines(text, len, st, &seen) < 0)
		return -EBADMSG;
	return status_finish(st, seen);
}

/*
 * In pieces, because "Groups:" may have 65,536 numbers, and the capabilities
 * come behind it.  A line that fills the buffer is such a one: what is left of
 * it begins with a blank then, which is no key.
 */
static int read_status(int fd, struct procfs_status *st, unsigned *seen)
{
	char text[4096];
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, text + len, sizeof(text) - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		len += (size_t)n;
		n = parse_status_lines(text, len, st, seen);
		if (n < 0)
			return (int)n;
		len -= (size_t)n;
		memmove(text, text + n, len);
		if (len == sizeof(text)) {
			text[0] = ' ';
			len = 1;
		}
	}
}

int procfs_read_status(int dirfd, struct procfs_status *st)
{
	unsigned seen = 0;
	int fd, rc;

	status_init(st);
	fd = openat(dirfd, "status", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	rc = read_status(fd, st, &seen);
	close(fd);
	if (rc)
		return rc;
	return status_finish(st, seen);
}

int procfs_stat_exe(int dirfd, struct procfs_image *im)
{
	struct statx stx;

	im->exe_dev = im->exe_ino = 0;
	im->exe_nlink = 0;
	if (statx(dirfd, "exe", AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_INO | STATX_NLINK, &stx) < 0)
		return -errno;
	im->exe_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	im->exe_ino = stx.stx_ino;
	im->exe_nlink = stx.stx_nlink;
	return 0;
}

int procfs_read_identity(int dirfd, struct procfs_stat *st,
			 struct procfs_image *im)
{
	int exe_rc = procfs_stat_exe(dirfd, im);
	int rc = procfs_read_stat(dirfd, st);

	im->arg_start = st->arg_start;
	im->startstack = st->startstack;
	if (rc)
		return rc;
	return exe_rc == -ENOENT ? 0 : exe_rc;
}

int procfs_read_image(int dirfd, struct procfs_image *im)
{
	struct procfs_stat st;

	return procfs_read_identity(dirfd, &st, im);
}

int procfs_parse_syscall(const char *text, size_t len, long *nr,
			 uint64_t args[6])
{
	const char *pos = text, *end = text + len;
	uint64_t value;

	if (len >= 7 && !memcmp(text, "running", 7))
		return -EAGAIN;
	if (next_field(&pos, end, &value))
		return -EBADMSG;
	if (value == (uint64_t)-1)
		return -ENODATA;
	if (value > INT_MAX)
		return -EBADMSG;
	for (int i = 0; i < 6; i++) {
		if (end - pos < 3 || memcmp(pos, " 0x", 3))
			return -EBADMSG;
		pos += 3;
		if (parse_hex(&pos, end, &args[i]))
			return -EBADMSG;
	}
	*nr = (long)value;
	return 0;
}

uint64_t procfs_parse_socket_link(const char *text, size_t len)
{
	static const char prefix[] = "socket:[";
	const size_t plen = sizeof(prefix) - 1;
	uint64_t inode;

	if (len < plen + 2 || memcmp(text, prefix, plen) ||
	    text[len - 1] != ']')
		return 0;
	if (util_parse_uint(text + plen, len - plen - 1, UINT64_MAX, &inode))
		return 0;
	return inode;
}

int procfs_next_number(DIR *dir, uint64_t *num)
{
	for (;;) {
		const struct dirent *ent;

		errno = 0;
		ent = readdir(dir);
		if (!ent)
			return -errno;
		if (!util_parse_uint(ent->d_name, strlen(ent->d_name),
				     UINT64_MAX, num))
			return 1;
	}
}

DIR *procfs_opendir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, DIR_FLAGS);
	DIR *dir;

	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

bool procfs_is_mid_exec(const struct procfs_stat *st,
			const struct procfs_image *im)
{
	return im->exe_ino && !st->env_end;
}
