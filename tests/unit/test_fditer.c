/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fditer: what the iterator says, whole or not, against a /proc that may
 * say something else. The kernel's part is played by the test. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fditer.h"
#include "uring.h"

#define ROUNDS	8
#define FOREVER UINT64_MAX

struct hits {
	struct fdscan_hit list[256];
	size_t n;
};

struct listed {
	uint64_t inodes[8];
	pid_t pids[8];
	size_t n;
};

/* What the rounds will bring; the last one again and again. */
static struct round {
	const void *bytes;
	size_t len;
	int err;	     /* of the beginning */
	const char *loadavg; /* from its beginning on */
} rounds[ROUNDS];
static size_t nrounds, begun;
static struct tree tree;
static struct fditer *it;

long __wrap_syscall(long nr, int cmd, union bpf_attr *attr, unsigned size);
long __wrap_syscall(long nr, int cmd, union bpf_attr *attr, unsigned size)
{
	const struct round *r;
	int fd;

	assert_int_equal(nr, SYS_bpf);
	assert_int_equal(cmd, BPF_ITER_CREATE);
	assert_int_equal(size, sizeof(*attr));
	assert_true(begun < ROUNDS);
	r = &rounds[begun < nrounds ? begun : nrounds - 1];
	begun++;
	if (r->err) {
		errno = r->err;
		return -1;
	}
	if (r->loadavg)
		tree_text(&tree, "loadavg", r->loadavg);
	fd = memfd_create("round", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, r->bytes, r->len), r->len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int set_up(void **state)
{
	(void)state;
	nrounds = begun = 0;
	memset(rounds, 0, sizeof(rounds));
	tree_open(&tree);
	tree_text(&tree, "loadavg", "0.00 0.00 0.00 1/2 99\n");
	/* Any descriptor will do for the link. */
	return fditer_open(&it, open("/dev/null", O_RDONLY | O_CLOEXEC),
			   tree.fd);
}

static int tear_down(void **state)
{
	(void)state;
	fditer_close(it);
	tree_close(&tree);
	return 0;
}

static void add_round(const struct fditer_record *list, size_t n)
{
	rounds[nrounds].bytes = list;
	rounds[nrounds++].len = n * sizeof(*list);
}

static void collect(const struct fdscan_hit *hit, void *data)
{
	struct hits *h = data;

	assert_true(h->n < sizeof(h->list) / sizeof(h->list[0]));
	h->list[h->n++] = *hit;
	if (hit->dirfd >= 0)
		close(hit->dirfd);
}

static int sweep(const uint64_t *inodes, size_t n, struct hits *h)
{
	int rc = fditer_start(it);

	h->n = 0;
	return rc < 0 ? rc : fditer_step(it, inodes, n, FOREVER, collect, h);
}

static void count(const struct fditer_record *r, void *data)
{
	assert_true(r->inode || r->ring);
	++*(size_t *)data;
}

static void parses_short_exact_and_long(void **state)
{
	const struct fditer_record list[3] = {
		{.inode = 5, .pid = 1}, {0}, {.ring = 1, .pid = 2}};
	const struct {
		size_t len, records;
		int rc;
	} cases[] = {
		{0, 0, 0},
		{1, 0, -EBADMSG},
		{sizeof(list[0]) - 1, 0, -EBADMSG},
		{sizeof(list[0]), 1, 0},
		{sizeof(list[0]) + 1, 1, -EBADMSG},
		{2 * sizeof(list[0]), 1, 0}, /* a sign of life is none */
		{sizeof(list), 2, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = 0;

		assert_int_equal(fditer_parse(list, cases[i].len, count, &n),
				 cases[i].rc);
		assert_int_equal(n, cases[i].records);
	}
}

static void confirms_each_holder_once(void **state)
{
	const struct fditer_record list[] = {
		{.inode = 70, .pid = 10, .tid = 10, .fd = 3},
		{.inode = 70, .pid = 10, .tid = 10, .fd = 4},
		{.inode = 71, .pid = 10, .tid = 10, .fd = 5},
		{.inode = 72, .pid = 10, .tid = 10, .fd = 6},
		{.inode = 70, .pid = 11, .tid = 12, .fd = 9},
	};
	const uint64_t wanted[] = {70, 72};
	struct hits h;

	(void)state;
	tree_link(&tree, "10/fd/3", "socket:[70]");
	tree_link(&tree, "10/fd/4", "socket:[70]");
	tree_link(&tree, "10/fd/6", "socket:[72]");
	tree_link(&tree, "11/task/12/fd/9", "socket:[70]");
	add_round(list, 5);
	assert_int_equal(sweep(wanted, 2, &h), 1);
	assert_int_equal(begun, 1);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.list[0].inode, 70);
	assert_int_equal(h.list[0].pid, 10);
	assert_int_equal(h.list[0].fd, 3);
	assert_int_equal(h.list[1].inode, 72);
	assert_int_equal(h.list[2].pid, 11);
	assert_int_equal(h.list[2].tid, 12);
	for (size_t i = 0; i < h.n; i++)
		assert_true(h.list[i].dirfd >= 0);
}

/* What is registered with a ring is that process's, as far as it is told. */
static void looks_into_rings(void **state)
{
	const struct fditer_record list[] = {
		{.ring = 1, .pid = 10, .tid = 10, .fd = 3},
		{.ring = 1, .pid = 11, .tid = 12, .fd = 4},
		{.ring = 1, .pid = 13, .tid = 13, .fd = 5}, /* is gone */
	};
	const uint64_t wanted[] = {70, 72};
	struct hits h;

	(void)state;
	tree_text(&tree, "10/fdinfo/3",
		  "UserFiles:\t3\n    0: socket:[70]\n    1: socket:[71]\n"
		  "UserBufs:\t0\n");
	tree_text(&tree, "11/task/12/fdinfo/4",
		  "UserFiles:\t1\n    0: UDPv6\nUserBufs:\t0\n");
	add_round(list, 3);
	assert_int_equal(sweep(wanted, 2, &h), 1);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.list[0].inode, 70);
	assert_int_equal(h.list[0].pid, 10);
	assert_int_equal(h.list[0].fd, 3);
	assert_true(h.list[0].ring && h.list[0].dirfd >= 0);
	assert_int_equal(h.list[1].inode, 0);
	assert_int_equal(h.list[1].pid, 11);
	assert_int_equal(h.list[1].unnamed, URING_UDP);
	assert_int_equal(h.list[2].pid, 13);
	assert_int_equal(h.list[2].unnamed, URING_UNKNOWN);
}

/* Seen by the kernel, and not by us: a holder all the same. */
static void counts_whom_proc_does_not_show(void **state)
{
	const struct fditer_record list[] = {
		{.inode = 70, .pid = 10, .tid = 10, .fd = 3}, /* is gone */
		{.inode = 70, .pid = 11, .tid = 11, .fd = 3}, /* has closed */
		{.inode = 70, .pid = 12, .tid = 12, .fd = 3}, /* is another */
		{.inode = 70},				      /* has no pid */
	};
	const uint64_t wanted = 70;
	struct hits h;

	(void)state;
	tree_dir(&tree, "11/fd");
	tree_link(&tree, "12/fd/3", "socket:[71]");
	add_round(list, 4);
	assert_int_equal(sweep(&wanted, 1, &h), 1);
	assert_int_equal(h.n, 4);
	for (size_t i = 0; i < h.n; i++)
		assert_int_equal(h.list[i].dirfd, -ESRCH);
}

static void is_told_what_is_closed(void **state)
{
	const struct fditer_record list[] = {
		{.inode = 70, .pid = 10, .tid = 10, .fd = 3}};
	const uint64_t wanted = 70;
	struct hits h;
	int rc;

	(void)state;
	tree_link(&tree, "10/fd/3", "socket:[70]");
	add_round(list, 1);
	assert_int_equal(chmod(tree.path, 0755), 0);
	assert_int_equal(fchmodat(tree.fd, "10/fd", 0, 0), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	rc = sweep(&wanted, 1, &h);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(fchmodat(tree.fd, "10/fd", 0755, 0), 0);
	assert_int_equal(rc, 1);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.list[0].pid, 10);
	assert_int_equal(h.list[0].dirfd, -EACCES);
}

/* Somebody was born while it ran: once more, until nobody new has it. */
static void goes_round_for_the_newborn(void **state)
{
	const struct fditer_record list[] = {
		{.inode = 70, .pid = 10, .tid = 10, .fd = 3},
		{.inode = 70, .pid = 11, .tid = 11, .fd = 3},
	};
	const uint64_t wanted = 70;
	struct hits h;

	(void)state;
	tree_link(&tree, "10/fd/3", "socket:[70]");
	tree_link(&tree, "11/fd/3", "socket:[70]");
	add_round(list, 1);
	rounds[0].loadavg = "0.00 0.00 0.00 1/2 100\n";
	add_round(list, 2);
	rounds[1].loadavg = "0.00 0.00 0.00 1/2 101\n";
	add_round(list, 2);
	rounds[2].loadavg = "0.00 0.00 0.00 1/2 102\n";
	assert_int_equal(sweep(&wanted, 1, &h), 1);
	assert_int_equal(begun, 3);
	assert_true(fditer_settled(it));
	assert_int_equal(h.n, 2);
	assert_int_equal(h.list[1].pid, 11);
	/* And the next sweep begins with nothing. */
	assert_int_equal(sweep(&wanted, 1, &h), 1);
	assert_int_equal(h.n, 2);
}

/* Nobody born is not what an unreadable loadavg says. */
static void goes_round_in_the_dark(void **state)
{
	const uint64_t wanted = 70;
	struct hits h;

	(void)state;
	add_round(NULL, 0);
	rounds[0].loadavg = "";
	assert_int_equal(sweep(&wanted, 1, &h), 1);
	assert_int_equal(begun, 2);
	assert_int_equal(h.n, 0);
}

/* Somebody new in each round: what there is must do, and says so. */
static void goes_round_no_more(void **state)
{
	struct fditer_record list[ROUNDS] = {0};
	static char loadavg[ROUNDS][40];
	const uint64_t wanted = 70;
	struct hits h;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		list[i] = (struct fditer_record){
			.inode = 70, .pid = 10 + i, .tid = 10 + i, .fd = 3};
		snprintf(loadavg[i], sizeof(loadavg[i]),
			 "0.00 0.00 0.00 1/2 %u\n", 100 + i);
		add_round(list, i + 1);
		rounds[i].loadavg = loadavg[i];
	}
	assert_int_equal(sweep(&wanted, 1, &h), 1);
	assert_true(begun < ROUNDS);
	assert_false(fditer_settled(it));
}

static void many_records_in_slices(void **state)
{
	enum { N = 1000 };
	static struct fditer_record list[N];
	const uint64_t wanted[] = {1, N};
	unsigned steps = 0;
	struct hits h = {0};
	int rc;

	(void)state;
	for (unsigned i = 0; i < N; i++)
		list[i] = (struct fditer_record){
			.inode = i + 1, .pid = i + 1, .tid = i + 1};
	add_round(list, N);
	rc = fditer_start(it);
	while (rc == 0) {
		rc = fditer_step(it, wanted, 2, 0, collect, &h);
		steps++;
	}
	assert_int_equal(rc, 1);
	assert_true(steps > 2 && steps < N);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.list[1].pid, N);
	assert_int_equal(fditer_step(it, wanted, 2, 0, collect, &h), 1);
}

static void errors_end_the_sweep(void **state)
{
	static const char half[30] = {1};
	const uint64_t wanted = 70;
	struct hits h;

	(void)state;
	rounds[0].err = EPERM;
	nrounds = 1;
	assert_int_equal(fditer_start(it), -EPERM);
	assert_int_equal(fditer_step(it, &wanted, 1, FOREVER, collect, &h),
			 -EPERM);
	rounds[0] = (struct round){.bytes = half, .len = sizeof(half)};
	assert_int_equal(sweep(&wanted, 1, &h), -EBADMSG);
	assert_int_equal(fditer_step(it, &wanted, 1, FOREVER, collect, &h),
			 -EBADMSG);
	/* A new one is a new one. */
	rounds[0].len = 24;
	assert_int_equal(sweep(&wanted, 1, &h), 1);
}

static void list_one(uint64_t inode, pid_t pid, void *data)
{
	struct listed *l = data;

	assert_true(l->n < 8);
	l->inodes[l->n] = inode;
	l->pids[l->n++] = pid;
}

static void lists_all(void **state)
{
	const struct fditer_record list[] = {
		{.inode = 70, .pid = 10, .tid = 10, .fd = 3},
		{0},
		{.inode = 71, .pid = 11, .tid = 12, .fd = 3},
		{.inode = 72},
	};
	struct listed l = {0};

	(void)state;
	add_round(list, 4);
	assert_int_equal(fditer_list(it, FOREVER, list_one, &l), 1);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.inodes[1], 71);
	assert_int_equal(l.pids[1], 11);
	assert_int_equal(fditer_list(it, 0, list_one, &l), 0);
	assert_int_equal(l.n, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_short_exact_and_long),
		TEST(confirms_each_holder_once),
		TEST(looks_into_rings),
		TEST(counts_whom_proc_does_not_show),
		TEST(is_told_what_is_closed),
		TEST(goes_round_for_the_newborn),
		TEST(goes_round_in_the_dark),
		TEST(goes_round_no_more),
		TEST(many_records_in_slices),
		TEST(errors_end_the_sweep),
		TEST(lists_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
