/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sink: readers that are slow, stuck or gone, disks that are full. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sink.h"
#include "util.h"

#define LONG_US (20 * UTIL_SEC) /* what never comes to pass */
#define RECORD	1000
/* Of RECORD bytes: more than ring and pipe take. */
#define ATTEMPTS (2 * SINK_SIZE / RECORD)

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_DFL); /* the sink must not need the main thread's */
	strcpy(dir, "/tmp/test_sink.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static const char *in_dir(const char *name)
{
	static char path[2][256];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static struct sink *open_pipe(int *reader, int flags)
{
	struct sink *s;
	int fds[2];

	assert_int_equal(pipe2(fds, flags | O_CLOEXEC), 0);
	*reader = fds[0];
	fcntl(fds[0], F_SETFL, 0);
	assert_int_equal(sink_open(&s, fds[1]), 0);
	return s;
}

static bool wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, (int)(LONG_US / 1000)) == 1;
}

static struct sink_stats stats_of(struct sink *s)
{
	struct sink_stats st;

	sink_read_stats(s, &st);
	return st;
}

/* A line of len bytes that says its number and repeats a letter of it. */
static void make_record(char *buf, size_t len, unsigned number)
{
	int n = sprintf(buf, "%u ", number);

	memset(buf + n, 'a' + (int)(number % 26), len - (size_t)n - 1);
	buf[len - 1] = '\n';
}

/* Is that the whole of some record?  Its number. */
static unsigned check_record(const char *line, size_t len)
{
	unsigned number = (unsigned)strtoul(line, NULL, 10);
	char want[RECORD];

	assert_true(len <= sizeof(want));
	make_record(want, len, number);
	assert_memory_equal(line, want, len);
	return number;
}

static void test_order(void **state)
{
	struct sink_stats st;
	struct sink *s;
	char buf[64];
	int reader;

	(void)state;
	s = open_pipe(&reader, 0);
	assert_int_equal(sink_write(s, "one\n", 4), 0);
	assert_int_equal(sink_write(s, "", 0), 0);
	assert_int_equal(sink_write(s, "two\n", 4), 0);
	sink_flush(s, LONG_US);
	assert_int_equal(read(reader, buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "one\ntwo\n", 8);
	assert_false(sink_is_tty(s));
	sink_close(s, LONG_US, &st);
	assert_int_equal(st.written, 2);
	assert_int_equal(st.lost, 0);
	assert_int_equal(st.error, 0);
	assert_int_equal(read(reader, buf, sizeof(buf)), 0);
	close(reader);
	sink_close(NULL, 0, NULL);
}

/* Close writes what waits, without a flush before. */
static void test_close_drains(void **state)
{
	struct sink_stats st;
	struct sink *s;
	char buf[64];
	int reader;

	(void)state;
	s = open_pipe(&reader, 0);
	assert_int_equal(sink_write(s, "last\n", 5), 0);
	sink_close(s, LONG_US, &st);
	assert_int_equal(st.written, 1);
	assert_int_equal(read(reader, buf, sizeof(buf)), 5);
	close(reader);
}

/* Nobody reads at first: the writer is told at once what is lost, and all that
 * was taken comes out whole and in order. */
static void test_full_ring(void **state)
{
	unsigned taken = 0, seen = 0, last = 0;
	char record[RECORD];
	struct sink_stats st;
	struct sink *s;
	uint64_t begin;
	FILE *in;
	int fd;

	(void)state;
	s = open_pipe(&fd, 0);
	begin = util_now_us();
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		int err;

		make_record(record, sizeof(record), i);
		err = sink_write(s, record, sizeof(record));
		assert_true(err == 0 || err == -ENOBUFS);
		taken += err == 0;
	}
	assert_true(util_now_us() - begin < 5 * UTIL_SEC);
	assert_int_equal(stats_of(s).lost, ATTEMPTS - taken);
	assert_true(taken > SINK_SIZE / (RECORD + 100) && taken < ATTEMPTS);
	in = fdopen(fd, "r");
	for (; seen < taken; seen++) {
		unsigned number;

		assert_non_null(fgets(record, sizeof(record), in));
		assert_int_equal(fgetc(in), '\n');
		record[RECORD - 1] = '\n';
		number = check_record(record, sizeof(record));
		assert_true(seen == 0 || number > last);
		last = number;
	}
	sink_close(s, LONG_US, &st);
	assert_int_equal(st.written, taken);
	assert_int_equal(st.written + st.lost, ATTEMPTS);
	assert_int_equal(fgetc(in), EOF);
	fclose(in);
}

static void test_record_sizes(void **state)
{
	static char big[SINK_SIZE + 1];
	struct sink *s;
	int reader;

	(void)state;
	memset(big, 'x', sizeof(big));
	s = open_pipe(&reader, 0);
	assert_int_equal(sink_write(s, big, SINK_SIZE + 1), -ENOBUFS);
	assert_int_equal(sink_write(s, big, SINK_SIZE - 3), -ENOBUFS);
	assert_int_equal(stats_of(s).lost, 2);
	assert_int_equal(sink_write(s, big, SINK_SIZE - 4), 0);
	assert_int_equal(sink_write(s, big, 1), -ENOBUFS);
	close(reader);
	sink_close(s, LONG_US, NULL);
}

struct drain {
	int fd;
	unsigned records;
	bool whole;
};

static void *drain(void *data)
{
	struct drain *d = data;
	FILE *in = fdopen(d->fd, "r");
	char line[RECORD], want[RECORD] = {0};

	d->whole = true;
	while (fgets(line, sizeof(line), in) != NULL) {
		size_t len = strlen(line);

		make_record(want, len, d->records++);
		d->whole = d->whole && memcmp(line, want, len) == 0;
	}
	fclose(in);
	return NULL;
}

/* Through the ring's end many times, with records of many lengths. */
static void flood(int flags)
{
	const unsigned n = 20000;
	char record[RECORD] = {0};
	struct drain d = {0};
	struct sink_stats st;
	pthread_t reader;
	struct sink *s;

	s = open_pipe(&d.fd, flags);
	assert_int_equal(pthread_create(&reader, NULL, drain, &d), 0);
	for (unsigned i = 0; i < n; i++) {
		size_t len = 20 + i * 7 % (RECORD - 21);

		make_record(record, len, i);
		record[len] = '\0';
		while (sink_write(s, record, len) != 0)
			sink_flush(s, LONG_US);
	}
	sink_close(s, LONG_US, &st);
	pthread_join(reader, NULL);
	assert_int_equal(st.written, n);
	assert_int_equal(d.records, n);
	assert_true(d.whole);
}

static void test_wrap(void **state)
{
	(void)state;
	flood(0);
}

/* A shell may hand over a descriptor that answers EAGAIN. */
static void test_nonblocking(void **state)
{
	(void)state;
	flood(O_NONBLOCK);
}

static void test_reader_gone(void **state)
{
	struct sink_stats st;
	struct sink *s;
	int reader;

	(void)state;
	s = open_pipe(&reader, 0);
	close(reader);
	/* Seen while there is nothing to write. */
	assert_true(wait_readable(sink_closed_fd(s)));
	assert_true(stats_of(s).closed);
	assert_int_equal(sink_write(s, "x\n", 2), -EPIPE);
	assert_int_equal(sink_write(s, "x\n", 2), -EPIPE);
	sink_close(s, LONG_US, &st);
	assert_int_equal(st.lost, 2);
	assert_int_equal(st.written, 0);
}

/* The reader goes while the thread sits in write(2). */
static void test_reader_leaves(void **state)
{
	unsigned taken = 0;
	char record[RECORD];
	struct sink_stats st;
	struct sink *s;
	int reader;

	(void)state;
	s = open_pipe(&reader, 0);
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		make_record(record, sizeof(record), i);
		taken += sink_write(s, record, sizeof(record)) == 0;
	}
	assert_int_equal(stats_of(s).closed, false);
	close(reader);
	assert_true(wait_readable(sink_closed_fd(s)));
	sink_close(s, LONG_US, &st);
	assert_int_equal(st.error, EPIPE);
	assert_true(st.written < taken);
	assert_int_equal(st.written + st.lost, ATTEMPTS);
}

static void test_terminal_gone(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct sink *s;

	(void)state;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		print_message("# skip: no pseudo terminals here\n");
		skip();
	}
	assert_int_equal(sink_open_file(&s, ptsname(master)), 0);
	assert_true(sink_is_tty(s));
	close(master);
	assert_true(wait_readable(sink_closed_fd(s)));
	assert_int_equal(sink_write(s, "x\n", 2), -EPIPE);
	sink_close(s, LONG_US, NULL);
}

/* A stuck reader costs close its time and nothing else. */
static void close_stuck(int flags)
{
	char record[RECORD];
	struct sink_stats st;
	struct sink *s;
	uint64_t begin;
	int reader;

	s = open_pipe(&reader, flags);
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		make_record(record, sizeof(record), i);
		sink_write(s, record, sizeof(record));
	}
	begin = util_now_us();
	sink_flush(s, 10 * UTIL_MS);
	sink_close(s, 10 * UTIL_MS, &st);
	assert_true(util_now_us() - begin < 5 * UTIL_SEC);
	assert_true(st.lost > 0);
	assert_int_equal(st.written + st.lost, ATTEMPTS);
	close(reader); /* lets the thread go, which frees the rest */
}

static void test_close_stuck(void **state)
{
	(void)state;
	close_stuck(0);
	close_stuck(O_NONBLOCK);
}

static void test_full_disk(void **state)
{
	struct sink_stats st;
	struct sink *s;

	(void)state;
	if (access("/dev/full", W_OK) < 0) {
		print_message("# skip: no /dev/full here\n");
		skip();
	}
	assert_int_equal(sink_open_file(&s, "/dev/full"), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sink_write(s, "x\n", 2), 0);
	sink_flush(s, LONG_US);
	st = stats_of(s);
	assert_int_equal(st.lost, 5);
	assert_int_equal(st.written, 0);
	assert_int_equal(st.error, ENOSPC);
	assert_false(st.closed);
	sink_close(s, LONG_US, NULL);
}

static void wait_for_size(int watch, const char *path, off_t size)
{
	char events[4096];
	struct stat st;

	while (stat(path, &st) == 0 && st.st_size != size) {
		assert_true(wait_readable(watch));
		assert_true(read(watch, events, sizeof(events)) > 0);
	}
}

/* Half a record fits: its rest follows when there is room, and only then the
 * next one. */
static void test_half_record(void **state)
{
	const char *path = in_dir("half");
	struct rlimit old, limit;
	struct sink_stats st;
	struct sink *s;
	char got[64];
	int watch, fd;

	(void)state;
	assert_int_equal(sink_open_file(&s, path), 0);
	watch = inotify_init1(IN_CLOEXEC);
	assert_true(inotify_add_watch(watch, path, IN_MODIFY) >= 0);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 15;
	setrlimit(RLIMIT_FSIZE, &limit);
	sink_write(s, "0123456789\n", 11);
	sink_write(s, "abcdefghij\n", 11);
	sink_write(s, "ABCDEFGHIJ\n", 11);
	wait_for_size(watch, path, 15);
	setrlimit(RLIMIT_FSIZE, &old);
	sink_close(s, LONG_US, &st);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(st.written, 3);
	assert_int_equal(read(fd, got, sizeof(got)), 33);
	assert_memory_equal(got, "0123456789\nabcdefghij\nABCDEFGHIJ\n", 33);
	close(fd);
	close(watch);
}

/* Small stack, own name, no signal of the program's. */
static void test_thread(void **state)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *d;
	bool found = false;
	struct sink *s;
	int reader;

	(void)state;
	s = open_pipe(&reader, 0);
	while ((d = readdir(tasks)) != NULL) {
		char path[300], line[256];
		unsigned long long blocked = 0;
		bool named = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 d->d_name);
		f = fopen(path, "r");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
			named = named ||
				strcmp(line, "Name:\tptrap-sink\n") == 0;
			sscanf(line, "SigBlk: %llx", &blocked);
		}
		if (f != NULL)
			fclose(f);
		if (!named)
			continue;
		found = true;
		for (int sig = 1; sig < 32; sig++)
			if (sig != SIGKILL && sig != SIGSTOP)
				assert_true(blocked >> (sig - 1) & 1);
	}
	assert_true(found);
	closedir(tasks);
	close(reader);
	sink_close(s, LONG_US, NULL);
}

/* -------------------------------------------------------------- by a path */

static int try_path(const char *path)
{
	struct sink *s;
	int err = sink_open_file(&s, path);

	if (err == 0)
		sink_close(s, LONG_US, NULL);
	else
		assert_null(s);
	return err;
}

static void test_new_file(void **state)
{
	const char *path = in_dir("new");
	struct stat st;
	struct sink *s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sink_open_file(&s, path), 0);
		sink_write(s, "line\n", 5);
		sink_close(s, LONG_US, NULL);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 10);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_wrong_paths(void **state)
{
	char longest[5000];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(try_path(longest), -ENAMETOOLONG);
	longest[4999 - 4] = '/';
	assert_int_equal(try_path(longest), -ENAMETOOLONG);
	assert_int_equal(try_path(""), -ENOENT);
	assert_int_equal(try_path(dir), -EISDIR);
	assert_int_equal(try_path(in_dir("")), -EISDIR);
	assert_int_equal(try_path(in_dir("none/file")), -ENOENT);
	assert_int_equal(try_path("/dev/null/file"), -ENOTDIR);
}

static void test_fifo(void **state)
{
	const char *path = in_dir("fifo");
	struct sink *s;
	char buf[8];
	int reader;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(try_path(path), -ENXIO);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(sink_open_file(&s, path), 0);
	sink_write(s, "x\n", 2);
	sink_close(s, LONG_US, NULL);
	assert_int_equal(read(reader, buf, sizeof(buf)), 2);
	close(reader);
}

/* In a directory like /tmp what lies there may be another's trap. */
static void test_shared_directory(void **state)
{
	(void)state;
	assert_int_equal(try_path(in_dir("target")), 0);
	assert_int_equal(symlink("target", in_dir("link")), 0);
	assert_int_equal(try_path(in_dir("link")), 0);
	assert_int_equal(link(in_dir("target"), in_dir("hard")), 0);
	assert_int_equal(try_path(in_dir("hard")), 0);
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(try_path(in_dir("link")), -ELOOP);
	assert_int_equal(try_path(in_dir("hard")), -EACCES);
	assert_int_equal(unlink(in_dir("hard")), 0);
	assert_int_equal(try_path(in_dir("target")), 0);
	assert_int_equal(try_path(in_dir("fresh")), 0);
	assert_int_equal(symlink("nowhere", in_dir("dangling")), 0);
	assert_int_equal(try_path(in_dir("dangling")), -ELOOP);
	assert_int_equal(access(in_dir("nowhere"), F_OK), -1);
}

static void test_shared_foreign(void **state)
{
	int fd;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skip: only root can give files away\n");
		skip();
	}
	fd = open(in_dir("theirs"), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	assert_int_equal(fchown(fd, 12345, 12345), 0);
	close(fd);
	assert_int_equal(try_path(in_dir("theirs")), 0);
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(try_path(in_dir("theirs")), -EACCES);
}

static void test_descriptors(void **state)
{
	char path[64], buf[8];
	struct sink *s;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0); /* as exec leaves them */
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
	assert_int_equal(sink_open_file(&s, path), 0);
	sink_write(s, "x\n", 2);
	sink_close(s, LONG_US, NULL);
	assert_int_equal(read(fds[0], buf, sizeof(buf)), 2);
	assert_int_equal(fcntl(fds[1], F_GETFD), 0); /* a duplicate was used */
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	assert_int_equal(try_path(path), -EBADF);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	assert_int_equal(try_path(path), -EBADF); /* for reading */
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(try_path(path), -EBADF);
	assert_int_equal(try_path("/dev/stderr"), 0);
	assert_int_equal(try_path("-"), 0);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFD) < 0, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_close_drains),
		TEST(test_full_ring),
		TEST(test_record_sizes),
		TEST(test_wrap),
		TEST(test_nonblocking),
		TEST(test_reader_gone),
		TEST(test_reader_leaves),
		TEST(test_terminal_gone),
		TEST(test_close_stuck),
		TEST(test_full_disk),
		TEST(test_half_record),
		TEST(test_thread),
		TEST(test_new_file),
		TEST(test_wrong_paths),
		TEST(test_fifo),
		TEST(test_shared_directory),
		TEST(test_shared_foreign),
		TEST(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
