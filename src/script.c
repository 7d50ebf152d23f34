/* SPDX-License-Identifier: GPL-2.0-or-later */
/* script: the file that an interpreter has open as its program. */
#include "script.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "procfs.h"
#include "util.h"

#define FDS_MAX 64 /* that are looked at */
#define DELETED " (deleted)"

struct file {
	uint64_t dev, ino;
	unsigned nlink;
};

/* A regular file's, from what is known without asking its file system. */
static bool read_file(int dirfd, const char *name, int flags, struct file *f)
{
	struct statx stx;

	if (statx(dirfd, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_TYPE | STATX_INO | STATX_NLINK, &stx) < 0 ||
	    !S_ISREG(stx.stx_mode))
		return false;
	f->dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	f->ino = stx.stx_ino;
	f->nlink = stx.stx_nlink;
	return true;
}

/* The file that the argument names, as the process sees it, if it is in the
 * kernel's cache; where it is open, it is. */
static bool find_named(int dirfd, const char *arg, struct file *f)
{
	bool absolute = arg[0] == '/';
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_CACHED | RESOLVE_NO_MAGICLINKS |
			   (absolute ? RESOLVE_IN_ROOT : 0),
	};
	int base = openat(dirfd, absolute ? "root" : "cwd",
			  O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool found;
	long fd;

	if (base < 0)
		return false;
	fd = syscall(SYS_openat2, base, arg, &how, sizeof(how));
	close(base);
	if (fd < 0)
		return false;
	found = read_file((int)fd, "", AT_EMPTY_PATH, f);
	close((int)fd);
	return found;
}

static bool is_open_at(int dirfd, uint64_t num, const struct file *wanted)
{
	struct file f;
	char name[32];

	snprintf(name, sizeof(name), "fd/%ju", (uintmax_t)num);
	return read_file(dirfd, name, 0, &f) && f.dev == wanted->dev &&
	       f.ino == wanted->ino;
}

/* The descriptor, or -1. */
static int find_fd(int dirfd, const struct file *wanted)
{
	DIR *dir = procfs_opendir(dirfd, "fd");
	uint64_t num;
	int fd = -1;

	if (dir == NULL)
		return -1;
	for (int i = 0; fd < 0 && i < FDS_MAX; i++) {
		if (procfs_next_number(dir, &num) != 1)
			break;
		if (num <= INT32_MAX && is_open_at(dirfd, num, wanted))
			fd = (int)num;
	}
	closedir(dir);
	return fd;
}

/* Read only and not to be handed on, as what was inherited is not. */
static bool is_own_input(int dirfd, const char *name)
{
	char text[256];
	unsigned flags;
	const char *line;

	if (procfs_read(dirfd, name, text, sizeof(text), NULL) < 0)
		return false;
	line = strstr(text, "flags:\t");
	return line != NULL && sscanf(line, "flags:\t%o", &flags) == 1 &&
	       (flags & O_CLOEXEC) != 0 && (flags & O_ACCMODE) == O_RDONLY;
}

/* bash moves its input there (move_to_high_fd in its general.c); others to any
 * number that is free.  -1: that is not how it is. */
static int bash_fd(int dirfd, const char *exe)
{
	const char *slash = strrchr(exe, '/');

	if (strcmp(slash != NULL ? slash + 1 : exe, "bash") != 0)
		return -1;
	return is_own_input(dirfd, "fdinfo/255") ? 255 : -1;
}

static bool read_path(int dirfd, int fd, char *path, size_t size)
{
	const size_t suffix = sizeof(DELETED) - 1;
	struct file f;
	char name[32];
	ssize_t len;

	snprintf(name, sizeof(name), "fd/%d", fd);
	if (!read_file(dirfd, name, 0, &f))
		return false;
	len = procfs_readlink(dirfd, name, path, size);
	if (len <= 0)
		return false;
	if (f.nlink == 0 && (size_t)len > suffix &&
	    strcmp(path + (size_t)len - suffix, DELETED) == 0)
		path[(size_t)len - suffix] = '\0';
	return true;
}

bool script_find_open(int dirfd, const char *exe, const char *arg, char *path,
		      size_t size)
{
	struct file wanted;
	int fd = -1;

	if (arg != NULL && find_named(dirfd, arg, &wanted))
		fd = find_fd(dirfd, &wanted);
	if (fd < 0)
		fd = bash_fd(dirfd, exe);
	return fd >= 0 && read_path(dirfd, fd, path, size);
}
