/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree: a /proc of the test's own making, and real children to look at. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void tree_open(struct tree *t)
{
	snprintf(t->path, sizeof(t->path), "/tmp/ptrap-tree.XXXXXX");
	assert_non_null(mkdtemp(t->path));
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_close(struct tree *t)
{
	close(t->fd);
	nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_parents(struct tree *t, const char *name)
{
	char path[256];

	for (const char *p = name; (p = strchr(p, '/')); p++) {
		snprintf(path, sizeof(path), "%.*s", (int)(p - name), name);
		assert_true(!mkdirat(t->fd, path, 0755) || errno == EEXIST);
	}
}

void tree_dir(struct tree *t, const char *name)
{
	make_parents(t, name);
	assert_int_equal(mkdirat(t->fd, name, 0755), 0);
}

void tree_file(struct tree *t, const char *name, const void *bytes, size_t len)
{
	int fd;

	make_parents(t, name);
	fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

void tree_text(struct tree *t, const char *name, const char *text)
{
	tree_file(t, name, text, strlen(text));
}

void tree_link(struct tree *t, const char *name, const char *target)
{
	make_parents(t, name);
	unlinkat(t->fd, name, 0);
	assert_int_equal(symlinkat(target, t->fd, name), 0);
}

size_t tree_stat_line(char *buf, size_t size, pid_t pid, const char *comm,
		      size_t comm_len, pid_t ppid, uint64_t starttime)
{
	int head = snprintf(buf, size, "%d (", pid), tail;

	assert_true((size_t)head + comm_len < size);
	memcpy(buf + head, comm, comm_len);
	head += (int)comm_len;
	tail = snprintf(
		buf + head, size - (size_t)head,
		") S %d 7 8 34817 -1 4194560 1 2 3 4 5 6 -7 -8 20 0 1 0 %llu "
		"9000000 300 18446744073709551615 1 2 140722222222222 0 0 0 0 "
		"0 0 0 0 0 17 0 0 0 0 0 0 11 12 13 140733333333333 15 16 17 "
		"0\n",
		ppid, (unsigned long long)starttime);
	assert_true((size_t)(head + tail) < size);
	return (size_t)(head + tail);
}

void tree_stat(struct tree *t, pid_t pid, const char *comm, pid_t ppid,
	       uint64_t starttime)
{
	char line[1024], name[32];
	size_t len = tree_stat_line(line, sizeof(line), pid, comm, strlen(comm),
				    ppid, starttime);

	snprintf(name, sizeof(name), "%d/stat", pid);
	tree_file(t, name, line, len);
}

/* What both kinds of children begin with. */
static void kid_fork(struct kid *k, int ready[2])
{
	int hold[2];

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	fflush(NULL);
	k->pid = fork();
	assert_true(k->pid >= 0);
	if (k->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(hold[0], 0);
		close(hold[0]);
		close(hold[1]);
		close(ready[0]);
		return;
	}
	close(hold[0]);
	close(ready[1]);
	k->hold = hold[1];
}

int wait_as_program(void)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		;
	return 0;
}

void kid_start(struct kid *k, void (*prepare)(void *arg), void *arg)
{
	int ready[2];
	char byte = 0;

	kid_fork(k, ready);
	if (k->pid == 0) {
		if (prepare)
			prepare(arg);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		_exit(wait_as_program());
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

void kid_exec(struct kid *k, int fd, char *const argv[])
{
	int ready[2];
	char byte;

	kid_fork(k, ready);
	if (k->pid == 0) {
		fexecve(fd, argv, environ);
		(void)!write(ready[1], "x", 1);
		_exit(127);
	}
	/* The pipe is CLOEXEC: its end is the exec. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
}

void kid_stop(struct kid *k)
{
	close(k->hold);
	kill(k->pid, SIGKILL);
	assert_int_equal(waitpid(k->pid, NULL, 0), k->pid);
}

void copy_program(const char *path)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(in >= 0 && out >= 0);
	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	close(in);
	close(out);
}
