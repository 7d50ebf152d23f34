/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_procfs: parsers against short, exact, long and hostile text, and the
 * real /proc. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "procfs.h"
#include "util.h"

/* ------------------------------------------------------------------ stat */

static void check_stat(const char *comm, size_t len)
{
	struct procfs_stat st;
	char line[1024];
	size_t n = tree_stat_line(line, sizeof(line), 4711, comm, len, 4690,
				  123456789);

	assert_int_equal(procfs_parse_stat(line, n, &st), 0);
	assert_int_equal(st.pid, 4711);
	assert_int_equal(strlen(st.comm), len);
	assert_memory_equal(st.comm, comm, len);
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.ppid, 4690);
	assert_int_equal(st.pgrp, 7);
	assert_int_equal(st.session, 8);
	assert_int_equal(st.tty_nr, 34817);
	assert_int_equal(st.flags, 4194560);
	assert_int_equal(st.starttime, 123456789);
	assert_int_equal(st.startstack, 140722222222222);
	assert_int_equal(st.arg_start, 140733333333333);
	assert_int_equal(st.arg_end, 15);
	assert_int_equal(st.env_end, 17);
}

static void stat_hostile_names(void **state)
{
	static const char *const comms[] = {
		"curl",	     "",	  ")",	     "(",      "foo) Z 1",
		"a b (c) d", ") S 1 1 1", "x\ny: z", "\\n",    "()()",
		"\xff\xfe",  "\t",	  " ",	     ") Z 1 ", "1 (init) S",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(comms); i++)
		check_stat(comms[i], strlen(comms[i]));
}

static void stat_every_byte(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char comm[4] = {'a', (char)c, 'b', (char)c};

		check_stat(comm, sizeof(comm));
		check_stat(comm + 3, 1);
	}
}

static void stat_long_name(void **state)
{
	char line[1024], comm[100];
	struct procfs_stat st;
	size_t n;

	(void)state;
	memset(comm, 'w', sizeof(comm));
	check_stat(comm, 63);
	n = tree_stat_line(line, sizeof(line), 1, comm, 100, 0, 5);
	assert_int_equal(procfs_parse_stat(line, n, &st), 0);
	assert_int_equal(strlen(st.comm), 63);
	assert_int_equal(st.starttime, 5);
}

/* Cut anywhere, a line is refused or gives what the whole one gives. */
static void stat_cut(void **state)
{
	struct procfs_stat whole, st;
	char line[1024];
	size_t n = tree_stat_line(line, sizeof(line), 4711, "a) R 1", 6, 4690,
				  123456789);
	size_t first = 0;

	(void)state;
	assert_int_equal(procfs_parse_stat(line, n, &whole), 0);
	for (size_t len = 0; len <= n; len++) {
		char *copy = malloc(len + 1); /* for the sanitizer's red zone */
		int rc;

		assert_non_null(copy);
		memcpy(copy, line, len);
		rc = procfs_parse_stat(copy, len, &st);
		free(copy);
		if (rc == -EBADMSG) {
			assert_int_equal(first, 0);
			continue;
		}
		assert_int_equal(rc, 0);
		if (!first)
			first = len;
		assert_int_equal(st.ppid, whole.ppid);
		assert_int_equal(st.starttime, whole.starttime);
		assert_true(st.arg_start == whole.arg_start || !st.arg_start);
		assert_true(st.startstack == whole.startstack ||
			    !st.startstack);
	}
	/* Behind field 25 and its blank. */
	assert_ptr_equal(line + first - 1,
			 strstr(line, "615 ") + strlen("615"));
}

static void stat_garbage(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"1",
		"1 (",
		"1 (a",
		"1 (a)",
		"1 (a) ",
		"1 (a) S",
		"1 )a( S 1 2 3",
		"(a) S 1 2",
		"x (a) S 1 2",
		"-1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 "
		"21 22 23\n",
		"1 (a)S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 "
		"22 23\n",
		"1 (a) SS 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 "
		"21 22 23\n",
		"1 (a) S -1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 "
		"21 22 23\n",
		"1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 2x "
		"21 22 23\n",
		"1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
		"99999999999999999999 20 21 22 23\n",
		"1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 "
		"21\n",
	};
	static const char good[] = "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 "
				   "15 16 17 18 19 20 21 22\n";
	struct procfs_stat st;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(
			procfs_parse_stat(lines[i], strlen(lines[i]), &st),
			-EBADMSG);
	/* The one that they are variations of. */
	assert_int_equal(procfs_parse_stat(good, strlen(good), &st), 0);
	assert_int_equal(st.starttime, 19);
	assert_int_equal(st.startstack, 0);
	assert_int_equal(procfs_parse_stat("1 (\0) S 1", 10, &st), -EBADMSG);
}

static void stat_of_real_names(void **state)
{
	static const char *const comms[] = {"foo) Z 1", "new\nline",
					    "\xff\x1b[", ") S 1 (",
					    "123456789012345"};
	char before[16];
	struct procfs_stat st;

	(void)state;
	prctl(PR_GET_NAME, before);
	for (size_t i = 0; i < ARRAY_SIZE(comms); i++) {
		int root = procfs_open_root("/proc");
		int dir = procfs_open_pid(root, getpid());

		prctl(PR_SET_NAME, comms[i]);
		assert_int_equal(procfs_read_stat(dir, &st), 0);
		assert_string_equal(st.comm, comms[i]);
		assert_int_equal(st.pid, getpid());
		assert_int_equal(st.ppid, getppid());
		assert_int_equal(st.pgrp, getpgrp());
		assert_int_equal(st.session, getsid(0));
		assert_true(st.starttime > 0 && st.arg_start > 0);
		assert_true(st.arg_end > st.arg_start);
		assert_true(st.env_end > st.arg_end);
		close(dir);
		close(root);
	}
	prctl(PR_SET_NAME, before);
}

static void stat_of_the_dead(void **state)
{
	int root = procfs_open_root("/proc"), dir;
	struct procfs_status status;
	struct procfs_image im;
	struct procfs_stat st;
	struct kid k;

	(void)state;
	kid_start(&k, NULL, NULL);
	dir = procfs_open_pid(root, k.pid);
	assert_true(dir >= 0);
	assert_int_equal(procfs_read_stat(dir, &st), 0);
	kid_stop(&k);
	assert_int_equal(procfs_read_stat(dir, &st), -ESRCH);
	assert_int_equal(procfs_read_status(dir, &status), -ESRCH);
	assert_int_equal(procfs_read_image(dir, &im), -ESRCH);
	assert_int_equal(procfs_open_pid(root, k.pid), -ESRCH);
	close(dir);
	close(root);
}

/* ---------------------------------------------------------------- status */

#define STATUS_HEAD                                                      \
	"Name:\tcurl\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4711\n" \
	"Ngid:\t0\nPid:\t4711\nPPid:\t1\n"
#define STATUS_IDS  "Uid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t4294967295\n"
#define STATUS_CAPS "CapEff:\t000001ffffffffff\n"
#define STATUS_TAIL                                          \
	"NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n" \
	"NSpid:\t4711\t33\t2\n"
#define STATUS_ALL STATUS_HEAD STATUS_IDS STATUS_TAIL STATUS_CAPS

static int parse_status(const char *text, struct procfs_status *st)
{
	return procfs_parse_status(text, strlen(text), st);
}

static void status_exact(void **state)
{
	struct procfs_status st;

	(void)state;
	assert_int_equal(parse_status(STATUS_ALL, &st), 0);
	assert_int_equal(st.tgid, 4711);
	assert_int_equal(st.uid, 1000);
	assert_int_equal(st.euid, 1001);
	assert_int_equal(st.suid, 1002);
	assert_int_equal(st.fsuid, 1003);
	assert_int_equal(st.gid, 5);
	assert_int_equal(st.egid, 6);
	assert_int_equal(st.sgid, 7);
	assert_int_equal(st.fsgid, UINT32_MAX);
	assert_int_equal(st.cap_eff, 0x1ffffffffff);
	assert_int_equal(st.no_new_privs, 1);
	assert_int_equal(st.seccomp, 2);
	assert_int_equal(st.nspid, 2);
}

static void status_missing(void **state)
{
	struct procfs_status st;

	(void)state;
	assert_int_equal(parse_status(STATUS_HEAD STATUS_IDS STATUS_CAPS, &st),
			 0);
	assert_int_equal(st.no_new_privs, -1);
	assert_int_equal(st.seccomp, -1);
	assert_int_equal(st.nspid, 4711);
	assert_int_equal(parse_status(STATUS_HEAD STATUS_IDS, &st), -EBADMSG);
	assert_int_equal(parse_status(STATUS_HEAD STATUS_CAPS, &st), -EBADMSG);
	assert_int_equal(parse_status(STATUS_IDS STATUS_CAPS, &st), -EBADMSG);
	assert_int_equal(parse_status("", &st), -EBADMSG);
}

static void status_hostile(void **state)
{
	static const char *const bad[] = {
		STATUS_ALL "Uid:\t0\t0\t0\t0\n",
		STATUS_HEAD "Uid:\t1\t2\t3\nGid:\t1\t2\t3\t4\n" STATUS_CAPS,
		STATUS_HEAD "Uid:\t-1\t2\t3\t4\nGid:\t1\t2\t3\t4\n" STATUS_CAPS,
		STATUS_HEAD
		"Uid:\t4294967296\t2\t3\t4\nGid:\t1\t2\t3\t4\n" STATUS_CAPS,
		STATUS_HEAD "Uid:\nGid:\t1\t2\t3\t4\n" STATUS_CAPS,
		STATUS_HEAD STATUS_IDS "CapEff:\t\n",
		STATUS_HEAD STATUS_IDS "CapEff:\t00000000000000001\n",
		STATUS_HEAD STATUS_IDS "CapEff:\t12 3g\nCapEff:\t0\n",
		STATUS_HEAD STATUS_IDS STATUS_CAPS "Seccomp:\tx\n",
	};
	struct procfs_status st;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_status(bad[i], &st), -EBADMSG);
}

/* Without its '\n' a line may have been cut and does not count. */
static void status_cut(void **state)
{
	const size_t n = strlen(STATUS_ALL);
	struct procfs_status st;

	(void)state;
	for (size_t len = 0; len < n; len++) {
		char *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, STATUS_ALL, len);
		assert_int_equal(procfs_parse_status(copy, len, &st), -EBADMSG);
		free(copy);
	}
}

static void add_groups(char *text, size_t size, size_t n)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len, "%zu ",
					4294000000 + i);
	snprintf(text + len, size - len, "\n");
}

static void status_with_many_groups(void **state)
{
	const size_t size = 1 << 20;
	char *text = malloc(size);
	struct procfs_status st;
	struct tree t;

	(void)state;
	assert_non_null(text);
	tree_open(&t);
	/* Through every position that a piece of the file may end at. */
	for (size_t n = 360; n < 385; n++) {
		strcpy(text, STATUS_HEAD STATUS_IDS "Groups:\t");
		add_groups(text, size, n == 384 ? 65536 : n);
		strcat(text, STATUS_TAIL STATUS_CAPS);
		tree_text(&t, "status", text);
		assert_int_equal(procfs_read_status(t.fd, &st), 0);
		assert_int_equal(st.uid, 1000);
		assert_int_equal(st.cap_eff, 0x1ffffffffff);
		assert_int_equal(st.nspid, 2);
	}
	/* A line too long to keep, with a key in it, is still one line. */
	strcpy(text, STATUS_HEAD STATUS_IDS STATUS_CAPS "Groups:\t");
	for (int i = 0; i < 2000; i++)
		strcat(text, "Uid:\t0\t0\t0\t0");
	strcat(text, "\n");
	tree_text(&t, "status", text);
	assert_int_equal(procfs_read_status(t.fd, &st), 0);
	assert_int_equal(st.uid, 1000);
	tree_close(&t);
	free(text);
}

static void status_of_self(void **state)
{
	int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
	struct procfs_status st;

	(void)state;
	assert_int_equal(procfs_read_status(dir, &st), 0);
	assert_int_equal(st.tgid, getpid());
	assert_int_equal(st.uid, getuid());
	assert_int_equal(st.egid, getegid());
	assert_true(st.nspid > 0);
	close(dir);
}

/* ----------------------------------------------------------------- image */

static void image_of_self(void **state)
{
	int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
	struct procfs_image im;
	struct procfs_stat st;
	struct stat exe;

	(void)state;
	assert_int_equal(stat("/proc/self/exe", &exe), 0);
	assert_int_equal(procfs_read_image(dir, &im), 0);
	assert_int_equal(im.exe_dev, exe.st_dev);
	assert_int_equal(im.exe_ino, exe.st_ino);
	assert_int_equal(im.exe_nlink, exe.st_nlink);
	assert_int_equal(procfs_read_stat(dir, &st), 0);
	assert_int_equal(im.arg_start, st.arg_start);
	assert_int_equal(im.startstack, st.startstack);
	close(dir);
}

static void image_without_program(void **state)
{
	int root = procfs_open_root("/proc"), dir;
	struct procfs_image im;
	siginfo_t info;
	struct kid k;

	(void)state;
	kid_start(&k, NULL, NULL);
	dir = procfs_open_pid(root, k.pid);
	kill(k.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)k.pid, &info, WEXITED | WNOWAIT),
			 0);
	/* A zombie. */
	assert_int_equal(procfs_read_image(dir, &im), 0);
	assert_int_equal(im.exe_ino, 0);
	assert_int_equal(im.exe_dev, 0);
	kid_stop(&k);
	close(dir);
	close(root);
}

/* --------------------------------------------------------------- syscall */

static int parse_syscall(const char *text, long *nr, uint64_t args[6])
{
	return procfs_parse_syscall(text, strlen(text), nr, args);
}

static void syscall_lines(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"42",
		"42\n",
		"42 0x3",
		"42 0x3 0x1 0x2 0x3 0x4 0x5",
		"42 0x3 0x1 0x2 0x3 0x4\n",
		"42 3 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n",
		"42 0x 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n",
		"42 0x11112222333344445 0x1 0x2 0x3 0x4 0x5 0x6\n",
		"42 0x3 0x1 0x2 0xg 0x4 0x5 0x6 0x7\n",
		"99999999999 0x3 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n",
		"runnin",
		"x 0x3 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n",
	};
	uint64_t args[6];
	long nr;

	(void)state;
	assert_int_equal(
		parse_syscall("42 0x3 0xffffffffffffffff 0x10 0x0 0xabcdef 0x5 "
			      "0x7ffc 0x7f00\n",
			      &nr, args),
		0);
	assert_int_equal(nr, 42);
	assert_int_equal(args[0], 3);
	assert_int_equal(args[1], UINT64_MAX);
	assert_int_equal(args[4], 0xabcdef);
	assert_int_equal(args[5], 5);
	assert_int_equal(parse_syscall("running\n", &nr, args), -EAGAIN);
	assert_int_equal(parse_syscall("-1 0x7ffd 0x7f\n", &nr, args),
			 -ENODATA);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_syscall(bad[i], &nr, args), -EBADMSG);
}

static void syscall_of_child(void **state)
{
	int root = procfs_open_root("/proc"), dir, rc;
	uint64_t args[6];
	char text[256];
	struct kid k;
	ssize_t len;
	long nr;

	(void)state;
	kid_start(&k, NULL, NULL);
	dir = procfs_open_pid(root, k.pid);
	do {
		len = procfs_read(dir, "syscall", text, sizeof(text), NULL);
		if (len < 0) {
			print_message("# skip: no /proc/PID/syscall\n");
			kid_stop(&k);
			skip();
		}
		rc = procfs_parse_syscall(text, (size_t)len, &nr, args);
	} while (rc == -EAGAIN || (rc == 0 && nr == SYS_write));
	assert_int_equal(rc, 0);
	assert_int_equal(nr, SYS_read);
	assert_int_equal(args[0], 0);
	assert_int_equal(args[2], 1);
	kid_stop(&k);
	close(dir);
	close(root);
}

/* ------------------------------------------------- links, files, listings */

static void socket_links(void **state)
{
	static const struct {
		const char *text;
		uint64_t inode;
	} links[] = {
		{"socket:[30041]", 30041},
		{"socket:[1]", 1},
		{"socket:[18446744073709551615]", UINT64_MAX},
		{"socket:[18446744073709551616]", 0},
		{"socket:[]", 0},
		{"socket:[", 0},
		{"socket:", 0},
		{"", 0},
		{"]", 0},
		{"socket:[12", 0},
		{"socket:[12]x", 0},
		{"socket:[12] (deleted)", 0},
		{"socket:[1 2]", 0},
		{"socket:[+12]", 0},
		{"socket:[-12]", 0},
		{"/socket:[12]", 0},
		{"Socket:[12]", 0},
		{"pipe:[12]", 0},
		{"anon_inode:[eventpoll]", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		assert_int_equal(procfs_parse_socket_link(
					 links[i].text, strlen(links[i].text)),
				 links[i].inode);
	/* Nothing behind len counts. */
	assert_int_equal(procfs_parse_socket_link("socket:[12]", 10), 0);
}

static void read_sizes(void **state)
{
	struct tree t;
	bool truncated;
	char buf[16];

	(void)state;
	tree_open(&t);
	tree_file(&t, "f", "abc\0efgh", 8);
	memset(buf, '#', sizeof(buf));
	assert_int_equal(procfs_read(t.fd, "f", buf, 16, &truncated), 8);
	assert_memory_equal(buf, "abc\0efgh\0#", 10);
	assert_false(truncated);
	assert_int_equal(procfs_read(t.fd, "f", buf, 9, &truncated), 8);
	assert_false(truncated);
	memset(buf, '#', sizeof(buf));
	assert_int_equal(procfs_read(t.fd, "f", buf, 8, &truncated), 7);
	assert_memory_equal(buf, "abc\0efg\0#", 9);
	assert_true(truncated);
	assert_int_equal(procfs_read(t.fd, "f", buf, 1, &truncated), 0);
	assert_true(truncated);
	assert_int_equal(procfs_read(t.fd, "f", buf, 8, NULL), 7);
	assert_int_equal(procfs_read(t.fd, "f", buf, 0, NULL), -EINVAL);
	truncated = true;
	assert_int_equal(procfs_read(t.fd, "g", buf, 8, &truncated), -ENOENT);
	tree_text(&t, "empty", "");
	assert_int_equal(procfs_read(t.fd, "empty", buf, 8, &truncated), 0);
	assert_false(truncated);
	tree_close(&t);
}

static void readlink_sizes(void **state)
{
	struct tree t;
	char buf[16];

	(void)state;
	tree_open(&t);
	tree_link(&t, "l", "12345678");
	assert_int_equal(procfs_readlink(t.fd, "l", buf, 16), 8);
	assert_string_equal(buf, "12345678");
	assert_int_equal(procfs_readlink(t.fd, "l", buf, 9), 8);
	assert_string_equal(buf, "12345678");
	assert_int_equal(procfs_readlink(t.fd, "l", buf, 8), -ENAMETOOLONG);
	assert_int_equal(procfs_readlink(t.fd, "l", buf, 0), -EINVAL);
	assert_int_equal(procfs_readlink(t.fd, "m", buf, 8), -ENOENT);
	tree_close(&t);
}

static void numbers_of_a_directory(void **state)
{
	struct tree t;
	uint64_t num, sum = 0;
	int n = 0, rc;
	DIR *dir;

	(void)state;
	tree_open(&t);
	tree_dir(&t, "1");
	tree_dir(&t, "20");
	tree_text(&t, "300", "");
	tree_dir(&t, "self");
	tree_dir(&t, "4x");
	tree_dir(&t, "-5");
	tree_dir(&t, "99999999999999999999999");
	dir = procfs_opendir(t.fd, ".");
	assert_non_null(dir);
	while ((rc = procfs_next_number(dir, &num)) == 1) {
		sum += num;
		n++;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(n, 3);
	assert_int_equal(sum, 321);
	closedir(dir);
	assert_null(procfs_opendir(t.fd, "nothing"));
	assert_int_equal(errno, ENOENT);
	tree_close(&t);
}

static void descriptors_do_not_leak_into_children(void **state)
{
	int root = procfs_open_root("/proc");
	int dir = procfs_open_pid(root, getpid());

	(void)state;
	assert_true(root >= 0 && dir >= 0);
	assert_int_equal(fcntl(root, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(dir, F_GETFD), FD_CLOEXEC);
	assert_int_equal(procfs_open_root("/nowhere"), -ENOENT);
	close(dir);
	close(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_hostile_names),
		cmocka_unit_test(stat_every_byte),
		cmocka_unit_test(stat_long_name),
		cmocka_unit_test(stat_cut),
		cmocka_unit_test(stat_garbage),
		cmocka_unit_test(stat_of_real_names),
		cmocka_unit_test(stat_of_the_dead),
		cmocka_unit_test(status_exact),
		cmocka_unit_test(status_missing),
		cmocka_unit_test(status_hostile),
		cmocka_unit_test(status_cut),
		cmocka_unit_test(status_with_many_groups),
		cmocka_unit_test(status_of_self),
		cmocka_unit_test(image_of_self),
		cmocka_unit_test(image_without_program),
		cmocka_unit_test(syscall_lines),
		cmocka_unit_test(syscall_of_child),
		cmocka_unit_test(socket_links),
		cmocka_unit_test(read_sizes),
		cmocka_unit_test(readlink_sizes),
		cmocka_unit_test(numbers_of_a_directory),
		cmocka_unit_test(descriptors_do_not_leak_into_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
