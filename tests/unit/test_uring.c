/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_uring: what an io_uring's fdinfo says of its files, as kernels old and
 * new write it, and a ring of the running one. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "procfs.h"
#include "uring.h"
#include "util.h"

struct seen {
	uint64_t inodes[64];
	size_t n;
};

static void collect(uint64_t inode, void *data)
{
	struct seen *s = data;

	assert_true(s->n < ARRAY_SIZE(s->inodes));
	s->inodes[s->n++] = inode;
}

#define HEAD "pos:\t0\nSQEs:\t1\n    0: opcode:SEND, fd:1\n"
#define TAIL "UserBufs:\t1\n    0: 0x1/UDP\nPollList:\n"

static void parses_all_kernels(void **state)
{
	static const struct {
		const char *text;
		bool told_whole;
		size_t n;
		unsigned unnamed;
	} cases[] = {
		/* New: by path, and no line for an empty slot. */
		{HEAD "UserFiles:\t4\n    0: socket:[70]\n    2: socket:[71]\n"
		      "    3: /dev/null\n" TAIL,
		 true, 2, 0},
		{HEAD "UserFiles:\t4\n    2: pipe:[71]\n" TAIL, false, 0, 0},
		{HEAD "UserFiles:\t100001\n100000: socket:[70]\n" TAIL, true, 1,
		 0},
		{HEAD "UserFiles:\t4\n" TAIL, true, 0, 0},
		{HEAD "UserFiles:\t0\n" TAIL, false, 0, 0},
		/* Old: by name. */
		{HEAD "UserFiles:\t3\n    0: UDP\n    1: <none>\n    2: "
		      "TCPv6\n" TAIL,
		 false, 0, URING_UDP | URING_TCP},
		{HEAD "UserFiles:\t2\n    0: RAWv6\n    1: null\n" TAIL, false,
		 0, URING_OTHER},
		{HEAD "UserFiles:\t2\n    0: <none>\n    1: tcp\n" TAIL, false,
		 0, 0},
		/* Not all of it, or nothing: locked, or a name with a line's
		 * end in it. */
		{HEAD "UserFiles:\t4\n" TAIL, false, 0, URING_UNKNOWN},
		{HEAD "UserFiles:\t2\n    0: x\nUserBufs:\n    1: UDP\n" TAIL,
		 false, 0, URING_UNKNOWN},
		{"pos:\t0\nflags:\t02\n", true, 0, URING_UNKNOWN},
		{"", true, 0, URING_UNKNOWN},
		{"UserFiles:\t\n", true, 0, URING_UNKNOWN},
		{"UserFiles:\t1\n    0:\n" TAIL, false, 0, URING_UNKNOWN},
		{"UserFiles:\t1\n    0: socket:[70]", false, 0, URING_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seen s = {.n = 0};
		unsigned unnamed;

		uring_parse(cases[i].text, strlen(cases[i].text),
			    cases[i].told_whole, collect, &s, &unnamed);
		assert_int_equal(s.n, cases[i].n);
		assert_int_equal(unnamed, cases[i].unnamed);
		for (size_t k = 0; k < s.n; k++)
			assert_int_equal(s.inodes[k], 70 + k);
	}
}

static void knows_a_ring(void **state)
{
	(void)state;
	assert_true(uring_is_link("anon_inode:[io_uring]", 21));
	assert_false(uring_is_link("anon_inode:[io_uring]x", 22));
	assert_false(uring_is_link("anon_inode:[eventfd]", 20));
	assert_false(uring_is_link("", 0));
	assert_int_equal(uring_kind_of(IPPROTO_TCP, false), URING_TCP);
	assert_int_equal(uring_kind_of(IPPROTO_UDPLITE, false), URING_UDP);
	assert_int_equal(uring_kind_of(IPPROTO_ICMP, false), URING_OTHER);
	assert_int_equal(uring_kind_of(IPPROTO_TCP, true), URING_OTHER);
}

/* Longer than what is read at once, with a path that is longer, too. */
static void reads_in_pieces(void **state)
{
	static char text[60000];
	struct seen s = {.n = 0};
	unsigned unnamed;
	struct tree t;
	size_t len;

	(void)state;
	len = (size_t)snprintf(text, sizeof(text), HEAD "UserFiles:\t2000\n");
	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%5d: /dev/null\n", i);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "%5d: /%0*d\n",
				1000, 20000, 0);
	len += (size_t)snprintf(text + len, sizeof(text) - len,
				"%5d: socket:[70]\n" TAIL, 1001);
	tree_open(&t);
	tree_file(&t, "9/fdinfo/3", text, len);
	assert_int_equal(uring_list(t.fd, "9/fdinfo/3", collect, &s, &unnamed),
			 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.inodes[0], 70);
	assert_int_equal(unnamed, 0);
	assert_int_equal(uring_list(t.fd, "9/fdinfo/4", collect, &s, &unnamed),
			 -ENOENT);
	assert_int_equal(unnamed, URING_UNKNOWN);
	tree_close(&t);
}

static void real_ring(void **state)
{
	struct io_uring_params p = {0};
	long ring = syscall(SYS_io_uring_setup, 8, &p);
	int fds[3] = {socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), -1,
		      open("/dev/null", O_RDONLY | O_CLOEXEC)};
	int root = procfs_open_root("/proc"), dir;
	struct seen s = {.n = 0};
	unsigned unnamed;
	char name[32];
	struct stat st;

	(void)state;
	if (ring < 0) {
		print_message("# skip: no io_uring here\n");
		skip();
	}
	assert_int_equal(syscall(SYS_io_uring_register, ring,
				 IORING_REGISTER_FILES, fds, 3),
			 0);
	assert_int_equal(fstat(fds[0], &st), 0);
	close(fds[0]);
	dir = procfs_open_pid(root, getpid());
	snprintf(name, sizeof(name), "fdinfo/%ld", ring);
	assert_int_equal(uring_list(dir, name, collect, &s, &unnamed), 0);
	if (unnamed) { /* older than 6.13 or so */
		assert_int_equal(unnamed, URING_UDP);
		assert_int_equal(s.n, 0);
	} else {
		assert_int_equal(s.n, 1);
		assert_int_equal(s.inodes[0], st.st_ino);
	}
	close(dir);
	close(root);
	close(fds[2]);
	close((int)ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_all_kernels),
		cmocka_unit_test(knows_a_ring),
		cmocka_unit_test(reads_in_pieces),
		cmocka_unit_test(real_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
