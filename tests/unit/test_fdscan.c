/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fdscan: sockets in known descriptor tables, found or honestly not. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fdscan.h"
#include "procfs.h"
#include "uring.h"
#include "util.h"

#define HITS_MAX 512
#define FOREVER	 UINT64_MAX

struct hits {
	struct fdscan_hit list[HITS_MAX];
	size_t n;
};

static void collect(const struct fdscan_hit *hit, void *data)
{
	struct hits *h = data;

	assert_true(h->n < HITS_MAX);
	assert_int_equal(fcntl(hit->dirfd, F_GETFD), FD_CLOEXEC);
	h->list[h->n++] = *hit;
}

static void hits_close(struct hits *h)
{
	for (size_t i = 0; i < h->n; i++)
		close(h->list[i].dirfd);
	h->n = 0;
}

static const struct fdscan_hit *find_hit(const struct hits *h, pid_t pid,
					 uint64_t inode)
{
	const struct fdscan_hit *found = NULL;

	for (size_t i = 0; i < h->n; i++) {
		if (h->list[i].pid != pid || h->list[i].inode != inode)
			continue;
		assert_null(found); /* once for each process and inode */
		found = &h->list[i];
	}
	return found;
}

static struct fdscan *scan_open(const char *path, int *root)
{
	struct fdscan *fs;

	*root = procfs_open_root(path);
	assert_true(*root >= 0);
	assert_int_equal(fdscan_open(&fs, *root), 0);
	return fs;
}

static void scan_close(struct fdscan *fs, int root)
{
	fdscan_close(fs);
	close(root);
}

static void sweep(struct fdscan *fs, const uint64_t *inodes, size_t n,
		  struct hits *h)
{
	h->n = 0;
	assert_int_equal(fdscan_start(fs), 0);
	assert_int_equal(fdscan_step(fs, inodes, n, FOREVER, collect, h), 1);
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static int new_socket(uint64_t *inode)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*inode = inode_of(fd);
	return fd;
}

/* --------------------------------------------------------- a tree of ours */

static void fake_fd(struct tree *t, const char *table, int fd,
		    const char *target)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/fd/%d", table, fd);
	tree_link(t, name, target);
}

static void finds_all_in_a_tree(void **state)
{
	const uint64_t inodes[] = {10, 20, 30, UINT64_MAX};
	struct fdscan *fs;
	struct hits h;
	struct tree t;
	int root;

	(void)state;
	tree_open(&t);
	fake_fd(&t, "500", 3, "socket:[10]");
	fake_fd(&t, "500", 4, "socket:[11]");
	fake_fd(&t, "500", 5, "socket:[10]"); /* a dup */
	fake_fd(&t, "7", 0, "/dev/null");
	fake_fd(&t, "7", 77, "socket:[30]");
	fake_fd(&t, "7", 1, "socket:[20]");
	fake_fd(&t, "1", 2, "socket:[18446744073709551615]");
	fake_fd(&t, "notapid", 2, "socket:[10]");
	fake_fd(&t, "8", 2, "socket:[10] (deleted)");
	fake_fd(&t, "8", 3, "socket:[100000000000000000000000000000010]");
	fake_fd(&t, "8", 4, "/tmp/socket:[10]");
	tree_dir(&t, "9/fd");
	tree_dir(&t, "10");
	fs = scan_open(t.path, &root);
	sweep(fs, inodes, 4, &h);
	assert_int_equal(h.n, 4);
	assert_non_null(find_hit(&h, 500, 10));
	assert_int_equal(find_hit(&h, 7, 30)->fd, 77);
	assert_int_equal(find_hit(&h, 7, 20)->fd, 1);
	assert_int_equal(find_hit(&h, 7, 20)->tid, 7);
	assert_int_equal(find_hit(&h, 1, UINT64_MAX)->fd, 2);
	assert_int_equal(fdscan_denied(fs), 0);
	assert_true(fdscan_settled(fs));
	hits_close(&h);
	sweep(fs, inodes, 0, &h);
	assert_int_equal(h.n, 0);
	scan_close(fs, root);
	tree_close(&t);
}

/* Registered with a ring only, or with one that does not tell. */
static void rings_of_a_tree(void **state)
{
	const uint64_t inodes[] = {10, 20};
	struct fdscan *fs;
	struct hits h;
	struct tree t;
	int root;

	(void)state;
	tree_open(&t);
	fake_fd(&t, "5", 3, "anon_inode:[io_uring]");
	tree_text(&t, "5/fdinfo/3",
		  "UserFiles:\t2\n    0: socket:[10]\n    1: socket:[11]\n"
		  "UserBufs:\t0\n");
	tree_dir(&t, "5/task/5");
	fake_fd(&t, "6", 4, "anon_inode:[io_uring]");
	tree_text(&t, "6/fdinfo/4",
		  "UserFiles:\t1\n    0: TCP\nUserBufs:\t0\n");
	tree_dir(&t, "6/task/6");
	fs = scan_open(t.path, &root);
	sweep(fs, inodes, 2, &h);
	assert_int_equal(h.n, 2);
	assert_non_null(find_hit(&h, 5, 10));
	assert_true(find_hit(&h, 5, 10)->ring);
	assert_int_equal(find_hit(&h, 5, 10)->fd, 3);
	assert_non_null(find_hit(&h, 6, 0));
	assert_int_equal(find_hit(&h, 6, 0)->unnamed, URING_TCP);
	hits_close(&h);
	scan_close(fs, root);
	tree_close(&t);
}

static void one_process_of_a_tree(void **state)
{
	const uint64_t inodes[] = {10, 20};
	struct hits h = {.n = 0};
	struct fdscan *fs;
	struct tree t;
	int root;

	(void)state;
	tree_open(&t);
	fake_fd(&t, "5", 0, "socket:[10]");
	fake_fd(&t, "5", 1, "socket:[11]");
	fake_fd(&t, "5", 2, "socket:[10]");
	fs = scan_open(t.path, &root);
	assert_int_equal(fdscan_pid(fs, 5, inodes, 2, 0, collect, &h), 1);
	assert_int_equal(h.list[0].inode, 10);
	/* The directory of the hit is the process's. */
	assert_int_equal(
		faccessat(h.list[0].dirfd, "fd/1", F_OK, AT_SYMLINK_NOFOLLOW),
		0);
	hits_close(&h);
	assert_int_equal(fdscan_pid(fs, 5, inodes, 2, 3, collect, &h), 1);
	hits_close(&h);
	assert_int_equal(fdscan_pid(fs, 5, inodes, 2, 2, collect, &h), -E2BIG);
	hits_close(&h);
	/* Everything found before the limit: no reason to complain. */
	fake_fd(&t, "6", 0, "socket:[10]");
	fake_fd(&t, "6", 1, "socket:[10]");
	assert_int_equal(fdscan_pid(fs, 6, inodes, 1, 1, collect, &h), 1);
	hits_close(&h);
	assert_int_equal(fdscan_pid(fs, 4, inodes, 2, 0, collect, &h), -ESRCH);
	assert_int_equal(fdscan_pid(fs, 5, inodes, 0, 0, collect, &h), 0);
	assert_int_equal(h.n, 0);
	scan_close(fs, root);
	tree_close(&t);
}

static void tables_of_threads_in_a_tree(void **state)
{
	const uint64_t inodes[] = {10, 20, 30};
	struct fdscan *fs;
	struct hits h;
	struct tree t;
	int root;

	(void)state;
	tree_open(&t);
	/* 5's leader has ended; 6 has a thread that stands aside. */
	tree_dir(&t, "5/fd");
	tree_dir(&t, "5/task/5/fd");
	fake_fd(&t, "5/task/51", 4, "socket:[10]");
	fake_fd(&t, "6", 3, "socket:[20]");
	fake_fd(&t, "6/task/6", 3, "socket:[20]");
	fake_fd(&t, "6/task/61", 3, "socket:[20]");
	fake_fd(&t, "6/task/61", 9, "socket:[30]");
	fs = scan_open(t.path, &root);
	sweep(fs, inodes, 3, &h);
	assert_int_equal(h.n, 3);
	assert_int_equal(find_hit(&h, 5, 10)->tid, 51);
	assert_int_equal(find_hit(&h, 5, 10)->fd, 4);
	assert_int_equal(find_hit(&h, 6, 20)->tid, 6);
	assert_int_equal(find_hit(&h, 6, 30)->tid, 61);
	assert_int_equal(
		faccessat(find_hit(&h, 6, 30)->dirfd, "task/61", F_OK, 0), 0);
	hits_close(&h);
	scan_close(fs, root);
	tree_close(&t);
}

/* A pass of one entry each: whatever comes in between is found all the same. */
static void newcomers_in_a_tree(void **state)
{
	const uint64_t inodes[] = {10, 20};
	struct hits h = {.n = 0};
	struct fdscan *fs;
	struct tree t;
	int root, steps = 0, rc;

	(void)state;
	tree_open(&t);
	for (int pid = 100; pid < 150; pid++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", pid);
		fake_fd(&t, name, 0, "/dev/null");
	}
	fake_fd(&t, "other", 0, "socket:[20]");
	fs = scan_open(t.path, &root);
	assert_int_equal(fdscan_start(fs), 0);
	while (!(rc = fdscan_step(fs, inodes, 2, 0, collect, &h))) {
		/* The listing was read by the first step: 50 was not in it,
		 * and 120 is another process by the end. */
		if (++steps == 1)
			fake_fd(&t, "50", 0, "socket:[10]");
		if (steps == 140) {
			assert_int_equal(renameat(t.fd, "120", t.fd, "old"), 0);
			assert_int_equal(renameat(t.fd, "other", t.fd, "120"),
					 0);
		}
	}
	assert_int_equal(rc, 1);
	assert_true(steps > 150);
	assert_int_equal(h.n, 2);
	assert_non_null(find_hit(&h, 50, 10));
	assert_non_null(find_hit(&h, 120, 20));
	assert_true(fdscan_settled(fs));
	hits_close(&h);
	scan_close(fs, root);
	tree_close(&t);
}

struct chain {
	struct tree *t;
	int seen;
};

#define CHAIN_MAX 100

/* Each process that is found has brought forth another. */
static void breed(const struct fdscan_hit *hit, void *data)
{
	struct chain *c = data;
	char name[16];

	close(hit->dirfd);
	if (++c->seen == CHAIN_MAX)
		return;
	snprintf(name, sizeof(name), "%d", hit->pid + 1);
	fake_fd(c->t, name, 0, "socket:[10]");
}

static void endless_newcomers(void **state)
{
	const uint64_t inode = 10;
	struct fdscan *fs;
	struct tree t;
	struct chain c = {&t, 0};
	int root;

	(void)state;
	tree_open(&t);
	fake_fd(&t, "1", 0, "socket:[10]");
	fs = scan_open(t.path, &root);
	assert_int_equal(fdscan_start(fs), 0);
	assert_int_equal(fdscan_step(fs, &inode, 1, FOREVER, breed, &c), 1);
	/* How many a listing shows is the file system's business. */
	assert_true(c.seen >= 2);
	assert_int_equal(fdscan_settled(fs), c.seen == CHAIN_MAX);
	/* Ended is ended. */
	assert_int_equal(fdscan_step(fs, &inode, 1, FOREVER, breed, &c), 1);
	scan_close(fs, root);
	tree_close(&t);
}

/* A set that changes while one process is read neither loses nor repeats. */
static void wanted_changes_midway(void **state)
{
	const uint64_t first[] = {1000, 1400};
	uint64_t all[400];
	struct hits h = {.n = 0};
	struct fdscan *fs;
	struct tree t;
	int root, rc, steps = 0;

	(void)state;
	tree_open(&t);
	for (int i = 0; i < 400; i++) {
		char target[32];

		all[i] = (uint64_t)(1000 + i);
		snprintf(target, sizeof(target), "socket:[%d]", 1000 + i);
		fake_fd(&t, "5", i, target);
	}
	fs = scan_open(t.path, &root);
	assert_int_equal(fdscan_start(fs), 0);
	while (!(rc = fdscan_step(fs, steps % 2 ? all : first,
				  steps % 2 ? 400 : 2, 0, collect, &h)))
		steps++;
	assert_int_equal(rc, 1);
	assert_true(steps >= 4);
	for (size_t i = 0; i < h.n; i++)
		assert_non_null(find_hit(&h, 5, h.list[i].inode));
	assert_non_null(find_hit(&h, 5, 1000));
	hits_close(&h);
	/* All 400 in slices. */
	assert_int_equal(fdscan_start(fs), 0);
	while (!(rc = fdscan_step(fs, all, 400, 0, collect, &h)))
		;
	assert_int_equal(h.n, 400);
	hits_close(&h);
	scan_close(fs, root);
	tree_close(&t);
}

/* --------------------------------------------------------- real processes */

static void real_holders(void **state)
{
	uint64_t inodes[2];
	struct fdscan *fs;
	struct procfs_stat st;
	struct kid a, b;
	struct hits h;
	int fd, root;

	(void)state;
	fd = new_socket(&inodes[0]);
	inodes[1] = inodes[0] + 1000000;
	kid_start(&a, NULL, NULL);
	kid_start(&b, NULL, NULL);
	fs = scan_open("/proc", &root);
	sweep(fs, inodes, 2, &h);
	assert_int_equal(h.n, 3);
	assert_int_equal(find_hit(&h, getpid(), inodes[0])->fd, fd);
	assert_int_equal(find_hit(&h, a.pid, inodes[0])->fd, fd);
	assert_int_equal(find_hit(&h, b.pid, inodes[0])->tid, b.pid);
	assert_int_equal(
		procfs_read_stat(find_hit(&h, b.pid, inodes[0])->dirfd, &st),
		0);
	assert_int_equal(st.pid, b.pid);
	hits_close(&h);
	close(fd);
	kid_stop(&a);
	sweep(fs, inodes, 2, &h);
	assert_int_equal(h.n, 1);
	assert_non_null(find_hit(&h, b.pid, inodes[0]));
	hits_close(&h);
	kid_stop(&b);
	assert_int_equal(fdscan_pid(fs, b.pid, inodes, 2, 0, collect, &h),
			 -ESRCH);
	scan_close(fs, root);
}

/* Many descriptors, the wanted one last: in slices, and found. */
static void real_many_descriptors(void **state)
{
	struct rlimit lim = {4096, 4096};
	uint64_t inode;
	struct hits h = {.n = 0};
	struct fdscan *fs;
	int fd, high, root, steps = 0, rc;

	(void)state;
	if (setrlimit(RLIMIT_NOFILE, &lim)) {
		print_message("# skip: no 4096 descriptors\n");
		skip();
	}
	fd = new_socket(&inode);
	for (int i = 100; i < 3000; i++)
		assert_int_equal(dup3(2, i, O_CLOEXEC), i);
	high = fcntl(fd, F_DUPFD_CLOEXEC, 3500);
	close(fd);
	fs = scan_open("/proc", &root);
	assert_int_equal(fdscan_start(fs), 0);
	while (!(rc = fdscan_step(fs, &inode, 1, 0, collect, &h)))
		steps++;
	assert_int_equal(rc, 1);
	assert_true(steps > 20);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.list[0].fd, high);
	hits_close(&h);
	assert_int_equal(fdscan_pid(fs, getpid(), &inode, 1, 1000, collect, &h),
			 -E2BIG);
	scan_close(fs, root);
	close_range(100, ~0U, 0);
}

struct thread_kid {
	bool leader_ends;
	uint64_t *inode; /* shared with the test */
	int ready;
};

static void *own_table(void *arg)
{
	struct thread_kid *tk = arg;
	uint64_t inode;

	if (!tk->leader_ends && unshare(CLONE_FILES))
		_exit(1);
	new_socket(&inode);
	if (write(tk->ready, &inode, sizeof(inode)) != sizeof(inode))
		_exit(1);
	wait_as_program();
	return NULL;
}

static void *same_table(void *arg)
{
	pause();
	return arg;
}

static void thread_process(struct thread_kid *tk)
{
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_create(&t, NULL, same_table, NULL);
	pthread_create(&t, NULL, own_table, tk);
	pthread_create(&t, NULL, same_table, NULL);
	if (tk->leader_ends)
		pthread_exit(NULL);
	for (;;)
		pause();
}

static void wait_for_state(int root, pid_t pid, char want)
{
	int dir = procfs_open_pid(root, pid);
	struct procfs_stat st;

	do
		assert_int_equal(procfs_read_stat(dir, &st), 0);
	while (st.state != want && !sched_yield());
	close(dir);
}

static void check_threads(bool leader_ends)
{
	struct fdscan *fs;
	struct thread_kid tk = {.leader_ends = leader_ends};
	int ready[2], hold[2], root;
	uint64_t inode;
	struct hits h;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	tk.ready = ready[1];
	pid = fork();
	if (pid == 0) {
		dup2(hold[0], 0);
		close(hold[1]);
		thread_process(&tk);
	}
	assert_int_equal(read(ready[0], &inode, sizeof(inode)), sizeof(inode));
	fs = scan_open("/proc", &root);
	if (leader_ends)
		wait_for_state(root, pid, 'Z');
	sweep(fs, &inode, 1, &h);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.list[0].pid, pid);
	assert_int_not_equal(h.list[0].tid, pid);
	hits_close(&h);
	assert_int_equal(fdscan_pid(fs, pid, &inode, 1, 0, collect, &h), 1);
	hits_close(&h);
	/* One thread is looked at as one descriptor is. */
	assert_int_equal(fdscan_pid(fs, pid, &inode, 1, 1, collect, &h),
			 -E2BIG);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	scan_close(fs, root);
	close(ready[0]);
	close(ready[1]);
	close(hold[0]);
	close(hold[1]);
}

static void real_thread_with_its_own_table(void **state)
{
	(void)state;
	check_threads(false);
}

static void real_thread_without_leader(void **state)
{
	(void)state;
	check_threads(true);
}

/* Another user's processes cannot be seen, and that is said. */
static void real_denied(void **state)
{
	uint64_t inode;
	struct fdscan *fs;
	struct hits h = {.n = 0};
	int fd, root, status;
	pid_t pid;

	(void)state;
	if (getuid()) {
		print_message("# skip: not root\n");
		skip();
	}
	fd = new_socket(&inode);
	fs = scan_open("/proc", &root);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		bool ok =
			!setresgid(65534, 65534, 65534) &&
			!setresuid(65534, 65534, 65534) &&
			fdscan_pid(fs, getppid(), &inode, 1, 0, collect, &h) ==
				-EACCES &&
			fdscan_start(fs) == 0 &&
			fdscan_step(fs, &inode, 1, FOREVER, collect, &h) == 1 &&
			fdscan_denied(fs) > 0;
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
	scan_close(fs, root);
}

struct listing {
	uint64_t inodes[8];
	pid_t pids[8];
	size_t n;
};

static void list_one(uint64_t inode, pid_t pid, void *data)
{
	struct listing *l = data;

	assert_true(l->n < 8);
	l->inodes[l->n] = inode;
	l->pids[l->n++] = pid;
}

static void lists_all_in_a_tree(void **state)
{
	struct listing l = {.n = 0};
	struct fdscan *fs;
	struct hits h = {.n = 0};
	const uint64_t wanted = 70;
	struct tree t;
	int root;

	(void)state;
	tree_open(&t);
	tree_link(&t, "10/fd/3", "socket:[70]");
	tree_link(&t, "10/fd/4", "pipe:[71]");
	tree_dir(&t, "10/task/10");
	tree_link(&t, "10/task/12/fd/3", "socket:[72]");
	fs = scan_open(t.path, &root);
	assert_int_equal(fdscan_list(fs, FOREVER, list_one, &l), 1);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.inodes[0], 70);
	assert_int_equal(l.inodes[1], 72);
	assert_int_equal(l.pids[1], 10);
	assert_int_equal(fdscan_list(fs, 0, list_one, &l), 0);
	/* A sweep afterwards is a whole one. */
	sweep(fs, &wanted, 1, &h);
	assert_int_equal(h.n, 1);
	hits_close(&h);
	scan_close(fs, root);
	tree_close(&t);
}

/* Without a free descriptor nothing can be read: an error, never "nobody". */
static void real_no_descriptors(void **state)
{
	struct rlimit old, lim;
	uint64_t inode;
	struct fdscan *fs;
	struct hits h = {.n = 0};
	int fd, root;

	(void)state;
	fd = new_socket(&inode);
	fs = scan_open("/proc", &root);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	lim = old;
	lim.rlim_cur = 3; /* 0 to 2 are taken */
	assert_int_equal(fdscan_start(fs), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
	assert_int_equal(fdscan_step(fs, &inode, 1, FOREVER, collect, &h),
			 -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	/* It stays lost until a new start. */
	assert_int_equal(fdscan_step(fs, &inode, 1, FOREVER, collect, &h),
			 -EMFILE);
	sweep(fs, &inode, 1, &h);
	assert_int_equal(h.n, 1);
	hits_close(&h);
	close(fd);
	scan_close(fs, root);
}

static bool set_last_pid(pid_t pid)
{
	FILE *f = fopen("/proc/sys/kernel/ns_last_pid", "w");
	bool ok = f && fprintf(f, "%d", pid) > 0;

	return f && !fclose(f) && ok;
}

/* With a higher number: the kernel deals them out to each CPU in batches. */
static int new_socket_after(uint64_t other, uint64_t *inode)
{
	int fd = new_socket(inode);

	while (*inode <= other) {
		close(fd);
		fd = new_socket(inode);
	}
	return fd;
}

/* The pid of a process that was looked at, taken again while the sweep goes on:
 * another process, to be looked at as well. */
static void real_pid_used_again(void **state)
{
	uint64_t inodes[2];
	struct hits h = {.n = 0};
	struct fdscan *fs;
	struct kid k, again = {.pid = 0};
	int fd, root;

	(void)state;
	fd = new_socket(&inodes[0]);
	kid_start(&k, NULL, NULL);
	close(fd);
	fd = new_socket_after(inodes[0], &inodes[1]);
	fs = scan_open("/proc", &root);
	assert_int_equal(fdscan_start(fs), 0);
	while (!find_hit(&h, k.pid, inodes[0]))
		assert_int_equal(fdscan_step(fs, inodes, 2, 0, collect, &h), 0);
	kid_stop(&k);
	for (int i = 0; i < 10 && again.pid != k.pid; i++) {
		if (again.pid)
			kid_stop(&again);
		if (!set_last_pid(k.pid - 1))
			break;
		kid_start(&again, NULL, NULL);
	}
	if (again.pid == k.pid) {
		assert_int_equal(
			fdscan_step(fs, inodes, 2, FOREVER, collect, &h), 1);
		assert_non_null(find_hit(&h, again.pid, inodes[1]));
		assert_non_null(find_hit(&h, getpid(), inodes[1]));
	}
	if (again.pid)
		kid_stop(&again);
	hits_close(&h);
	close(fd);
	scan_close(fs, root);
	if (again.pid != k.pid) {
		print_message("# skip: the pid could not be had again\n");
		skip();
	}
}

static void leaves_nothing_open(void **state)
{
	uint64_t inode;
	struct fdscan *fs;
	struct hits h = {.n = 0};
	int fd = new_socket(&inode), root, before, after;

	(void)state;
	before = dup(0);
	close(before);
	fs = scan_open("/proc", &root);
	/* Once to the end, once given up in the middle of a process. */
	sweep(fs, &inode, 1, &h);
	hits_close(&h);
	assert_int_equal(fdscan_start(fs), 0);
	for (int i = 0; i < 7; i++)
		fdscan_step(fs, &inode, 1, 0, collect, &h);
	hits_close(&h);
	scan_close(fs, root);
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
	assert_int_equal(fdscan_open(&fs, -1), -EBADF);
	assert_null(fs);
	fdscan_close(NULL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_all_in_a_tree),
		cmocka_unit_test(rings_of_a_tree),
		cmocka_unit_test(one_process_of_a_tree),
		cmocka_unit_test(tables_of_threads_in_a_tree),
		cmocka_unit_test(newcomers_in_a_tree),
		cmocka_unit_test(endless_newcomers),
		cmocka_unit_test(wanted_changes_midway),
		cmocka_unit_test(real_holders),
		cmocka_unit_test(real_many_descriptors),
		cmocka_unit_test(real_thread_with_its_own_table),
		cmocka_unit_test(real_thread_without_leader),
		cmocka_unit_test(real_denied),
		cmocka_unit_test(lists_all_in_a_tree),
		cmocka_unit_test(real_no_descriptors),
		cmocka_unit_test(real_pid_used_again),
		cmocka_unit_test(leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
