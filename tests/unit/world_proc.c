/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world_proc: stands for procfs, thread, fdscan and fditer: the world's
 * processes, and sweeps of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fditer.h"
#include "fdscan.h"
#include "procfs.h"
#include "thread.h"
#include "util.h"
#include "world.h"

#define EXE_DEV 8

/* ------------------------------------------------------------------ /proc */

int __wrap_procfs_open_root(const char *path);
int __wrap_procfs_open_pid(int rootfd, pid_t pid);
ssize_t __wrap_procfs_read(int dirfd, const char *name, char *buf, size_t size,
			   bool *truncated);
ssize_t __wrap_procfs_readlink(int dirfd, const char *name, char *buf,
			       size_t size);
int __wrap_procfs_read_stat(int dirfd, struct procfs_stat *st);
int __wrap_procfs_stat_exe(int dirfd, struct procfs_image *im);
int __wrap_procfs_read_identity(int dirfd, struct procfs_stat *st,
				struct procfs_image *im);
int __wrap_procfs_read_status(int dirfd, struct procfs_status *st);
pid_t __wrap_procfs_newest_pid(int loadavg_fd);
bool __wrap_procfs_is_own(int rootfd);

int __wrap_procfs_open_root(const char *path)
{
	(void)path;
	return world_dirfd(NULL);
}

static struct world_process *find_pid(pid_t pid)
{
	for (size_t i = 0; i < world.nprocesses; i++)
		if (world.processes[i].there && world.processes[i].pid == pid)
			return &world.processes[i];
	return NULL;
}

int __wrap_procfs_open_pid(int rootfd, pid_t pid)
{
	struct world_process *p = find_pid(pid);

	(void)rootfd;
	if (pid == getpid())
		return world_dirfd(NULL);
	return p != NULL ? world_dirfd(p) : -ESRCH;
}

static ssize_t put_text(const char *text, char *buf, size_t size)
{
	size_t n = strlen(text);

	if (n >= size)
		return -ENAMETOOLONG;
	memcpy(buf, text, n + 1);
	return (ssize_t)n;
}

ssize_t __wrap_procfs_read(int dirfd, const char *name, char *buf, size_t size,
			   bool *truncated)
{
	const struct world_process *p = world_of_dirfd(dirfd);
	char text[64];

	if (truncated != NULL)
		*truncated = false;
	if (p == NULL)
		return strcmp(name, "self/uid_map") == 0
			       ? put_text(world.user_namespace
						  ? "0 1000 1"
						  : "0 0 4294967295",
					  buf, size)
			       : -ENOENT;
	if (!p->there)
		return -ESRCH;
	if (strcmp(name, "cmdline") != 0)
		return -ENOENT;
	snprintf(text, sizeof(text), "program-%u", p->image);
	return p->mid_exec ? 0 : put_text(text, buf, size);
}

/* FD, or TID and FD, below a process or below /proc. */
static ssize_t read_fd(const struct world_process *p, int fd, char *buf,
		       size_t size)
{
	char text[64];

	if (p == NULL || !p->there)
		return -ENOENT;
	if (p->hidden)
		return -EACCES;
	for (size_t i = 0; i < ARRAY_SIZE(p->fds); i++) {
		if (p->fds[i] != fd || p->inodes[i] == 0)
			continue;
		snprintf(text, sizeof(text), "socket:[%llu]",
			 (unsigned long long)p->inodes[i]);
		return put_text(text, buf, size);
	}
	return -ENOENT;
}

static ssize_t read_exe(const struct world_process *p, char *buf, size_t size)
{
	char text[64];

	if (!p->there)
		return -ESRCH;
	snprintf(text, sizeof(text), "/bin/program-%u", p->image);
	return put_text(text, buf, size);
}

static ssize_t read_link(int dirfd, const char *name, char *buf, size_t size)
{
	const struct world_process *p = world_of_dirfd(dirfd);
	int pid, fd;

	if (p == NULL)
		return sscanf(name, "%d/fd/%d", &pid, &fd) == 2
			       ? read_fd(find_pid(pid), fd, buf, size)
			       : -ENOENT;
	if (strcmp(name, "exe") == 0)
		return read_exe(p, buf, size);
	if (sscanf(name, "fd/%d", &fd) == 1 ||
	    sscanf(name, "task/%d/fd/%d", &pid, &fd) == 2)
		return read_fd(p, fd, buf, size);
	return -ENOENT;
}

ssize_t __wrap_procfs_readlink(int dirfd, const char *name, char *buf,
			       size_t size)
{
	ssize_t n;

	world_enter(LINK);
	n = read_link(dirfd, name, buf, size);
	world_leave(LINK);
	return n;
}

static int fill_stat(int dirfd, struct procfs_stat *st)
{
	const struct world_process *p = world_of_dirfd(dirfd);

	if (p == NULL || !p->there)
		return -ESRCH;
	*st = (struct procfs_stat){
		.pid = p->pid,
		.state = 'S',
		.ppid = p->ppid,
		.num_threads = 1,
		.starttime = p->starttime,
		.startstack = 0x7000 + p->image,
		.arg_start = 0x8000 + p->image,
		.arg_end = 0x9000,
		.env_end = p->mid_exec ? 0 : 0xa000,
	};
	snprintf(st->comm, sizeof(st->comm), "program-%u", p->image);
	return 0;
}

static void fill_exe(const struct world_process *p, struct procfs_image *im)
{
	im->exe_dev = EXE_DEV;
	im->exe_ino = p->image;
	im->exe_nlink = 1;
}

int __wrap_procfs_read_stat(int dirfd, struct procfs_stat *st)
{
	int err;

	world_enter(FACTS);
	err = fill_stat(dirfd, st);
	world_leave(FACTS);
	return err;
}

int __wrap_procfs_stat_exe(int dirfd, struct procfs_image *im)
{
	const struct world_process *p = world_of_dirfd(dirfd);

	*im = (struct procfs_image){0};
	if (p == NULL || !p->there)
		return -ENOENT;
	fill_exe(p, im);
	return 0;
}

static int read_identity(int dirfd, struct procfs_stat *st,
			 struct procfs_image *im)
{
	int err = fill_stat(dirfd, st);

	*im = (struct procfs_image){0};
	if (err < 0)
		return err;
	fill_exe(world_of_dirfd(dirfd), im);
	im->arg_start = st->arg_start;
	im->startstack = st->startstack;
	return 0;
}

int __wrap_procfs_read_identity(int dirfd, struct procfs_stat *st,
				struct procfs_image *im)
{
	int err;

	world_enter(IDENTITY);
	err = read_identity(dirfd, st, im);
	world_leave(IDENTITY);
	return err;
}

int __wrap_procfs_read_status(int dirfd, struct procfs_status *st)
{
	*st = (struct procfs_status){.no_new_privs = -1, .seccomp = -1};
	if (world_is_root(dirfd) && !world.no_ptrace)
		st->cap_eff = ~0ULL;
	return 0;
}

pid_t __wrap_procfs_newest_pid(int loadavg_fd)
{
	pid_t newest = 0;

	(void)loadavg_fd;
	for (size_t i = 0; i < world.nprocesses; i++)
		if (world.processes[i].pid > newest)
			newest = world.processes[i].pid;
	return newest;
}

bool __wrap_procfs_is_own(int rootfd)
{
	return world_is_root(rootfd);
}

/* ---------------------------------------------------------------- threads */

int __wrap_thread_find_connect(int dirfd, pid_t pid, uint64_t inode,
			       uint64_t until_us, struct thread_connect *found);
int __wrap_thread_is_in_call(int dirfd, pid_t pid, pid_t tid, const char *call);
int __wrap_thread_each_child(int dirfd, pid_t pid,
			     int (*each)(pid_t child, void *data), void *data);

static void put_call(const struct world_process *p, char *call, size_t size)
{
	snprintf(call, size, "42 0x%x 0x%x", p->fds[0], p->image);
}

static int find_connect(int dirfd, uint64_t inode, struct thread_connect *found)
{
	const struct world_process *p = world_of_dirfd(dirfd);

	if (p == NULL || !p->there)
		return -ESRCH;
	if (p->hidden)
		return -EACCES;
	if (!p->connecting || p->inodes[0] != inode)
		return 0;
	found->tid = found->tgid = p->pid;
	found->fd = p->fds[0];
	put_call(p, found->call, sizeof(found->call));
	return 1;
}

int __wrap_thread_find_connect(int dirfd, pid_t pid, uint64_t inode,
			       uint64_t until_us, struct thread_connect *found)
{
	int r;

	(void)pid;
	(void)until_us;
	world_enter(THREADS);
	r = find_connect(dirfd, inode, found);
	world_leave(THREADS);
	return r;
}

int __wrap_thread_is_in_call(int dirfd, pid_t pid, pid_t tid, const char *call)
{
	const struct world_process *p = world_of_dirfd(dirfd);
	char now[THREAD_CALL_MAX];
	int r;

	(void)pid;
	(void)tid;
	world_enter(IN_CALL);
	r = p != NULL && p->there && p->connecting && !p->hidden;
	if (r) {
		put_call(p, now, sizeof(now));
		r = strcmp(now, call) == 0;
	}
	world_leave(IN_CALL);
	return r;
}

int __wrap_thread_each_child(int dirfd, pid_t pid,
			     int (*each)(pid_t child, void *data), void *data)
{
	const struct world_process *p = world_of_dirfd(dirfd);
	int result = 0;

	if (p == NULL || !p->there)
		return -ESRCH;
	for (size_t i = 0; result == 0 && i < world.nprocesses; i++)
		if (world.processes[i].there && world.processes[i].ppid == pid)
			result = each(world.processes[i].pid, data);
	return result;
}

/* ----------------------------------------------------------------- sweeps */

int __wrap_fdscan_open(struct fdscan **fs, int rootfd);
int __wrap_fdscan_pid(struct fdscan *fs, pid_t pid, const uint64_t *inodes,
		      size_t n, unsigned max_items, fdscan_cb cb, void *data);
void __wrap_fdscan_close(struct fdscan *fs);
int __wrap_fdscan_start(struct fdscan *fs);
int __wrap_fdscan_step(struct fdscan *fs, const uint64_t *inodes, size_t n,
		       uint64_t until_us, fdscan_cb cb, void *data);
unsigned __wrap_fdscan_denied(const struct fdscan *fs);
bool __wrap_fdscan_settled(const struct fdscan *fs);
int __wrap_fditer_open(struct fditer **it, int link_fd, int rootfd);
bool __wrap_fditer_settled(const struct fditer *it);
void __wrap_fditer_close(struct fditer *it);
int __wrap_fditer_start(struct fditer *it);
int __wrap_fditer_step(struct fditer *it, const uint64_t *inodes, size_t n,
		       uint64_t until_us, fdscan_cb cb, void *data);

static unsigned denied;

int __wrap_fdscan_open(struct fdscan **fs, int rootfd)
{
	(void)rootfd;
	*fs = (struct fdscan *)&world;
	return 0;
}

int __wrap_fdscan_pid(struct fdscan *fs, pid_t pid, const uint64_t *inodes,
		      size_t n, unsigned max_items, fdscan_cb cb, void *data)
{
	const struct world_process *p = find_pid(pid);
	int hits = 0;

	(void)fs;
	(void)n;
	(void)max_items;
	(void)cb;
	(void)data;
	if (p == NULL)
		return -ESRCH;
	if (p->hidden)
		return -EACCES;
	for (size_t i = 0; i < ARRAY_SIZE(p->inodes); i++)
		hits |= p->inodes[i] == inodes[0];
	return hits;
}

void __wrap_fdscan_close(struct fdscan *fs)
{
	(void)fs;
}

static int start(void)
{
	denied = 0;
	for (size_t i = 0; i < world.nprocesses; i++)
		world.processes[i].swept = false;
	return 0;
}

int __wrap_fdscan_start(struct fdscan *fs)
{
	(void)fs;
	return start();
}

/* The lowest pid that was not looked at: also one that was born meanwhile. */
static struct world_process *next_process(void)
{
	struct world_process *next = NULL;

	for (size_t i = 0; i < world.nprocesses; i++) {
		struct world_process *p = &world.processes[i];

		if (p->there && !p->swept &&
		    (next == NULL || p->pid < next->pid))
			next = p;
	}
	return next;
}

static void give(const struct world_process *p, uint64_t inode, int fd,
		 fdscan_cb cb, void *data)
{
	struct fdscan_hit hit = {.inode = inode,
				 .pid = p->pid,
				 .tid = p->pid,
				 .fd = fd,
				 .dirfd = p->hidden ? -EACCES : world_dirfd(p)};

	cb(&hit, data);
}

static bool is_wanted(const uint64_t *inodes, size_t n, uint64_t inode)
{
	for (size_t i = 0; i < n; i++)
		if (inodes[i] == inode)
			return true;
	return false;
}

/* One process each time. */
static int step(const uint64_t *inodes, size_t n, bool sees_hidden,
		fdscan_cb cb, void *data)
{
	struct world_process *p = next_process();
	uint64_t last = 0;

	if (p == NULL)
		return 1;
	world_enter(SWEPT);
	p->swept = true;
	if (p->there && p->hidden && !sees_hidden)
		denied++;
	else if (p->there)
		for (size_t i = 0; i < ARRAY_SIZE(p->inodes); i++)
			if (p->inodes[i] != last &&
			    is_wanted(inodes, n, p->inodes[i])) {
				last = p->inodes[i];
				give(p, last, p->fds[i], cb, data);
			}
	world_leave(SWEPT);
	return 0;
}

int __wrap_fdscan_step(struct fdscan *fs, const uint64_t *inodes, size_t n,
		       uint64_t until_us, fdscan_cb cb, void *data)
{
	(void)fs;
	(void)until_us;
	if (world.sweep_fails)
		return -EMFILE;
	return step(inodes, n, false, cb, data);
}

unsigned __wrap_fdscan_denied(const struct fdscan *fs)
{
	(void)fs;
	return denied;
}

bool __wrap_fdscan_settled(const struct fdscan *fs)
{
	(void)fs;
	return !world.unsettled;
}

int __wrap_fditer_open(struct fditer **it, int link_fd, int rootfd)
{
	(void)rootfd;
	close(link_fd);
	*it = (struct fditer *)&world;
	return 0;
}

void __wrap_fditer_close(struct fditer *it)
{
	(void)it;
}

bool __wrap_fditer_settled(const struct fditer *it)
{
	(void)it;
	return !world.unsettled;
}

int __wrap_fditer_start(struct fditer *it)
{
	(void)it;
	return world.iterator_fails ? -EIO : start();
}

int __wrap_fditer_step(struct fditer *it, const uint64_t *inodes, size_t n,
		       uint64_t until_us, fdscan_cb cb, void *data)
{
	(void)it;
	(void)until_us;
	return world.iterator_fails ? -EIO : step(inodes, n, true, cb, data);
}
