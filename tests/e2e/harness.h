/* SPDX-License-Identifier: GPL-2.0-or-later */
/* harness: a network namespace for each test, and ptrap-ng running in it. */
#ifndef E2E_HARNESS_H
#define E2E_HARNESS_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>
#include <jansson.h>

/* How long an event that must come may take: only a failure waits that long. */
#define WAIT_MS 30000

/* Addresses on every test's loopback. */
#define ADDR_RESOLVER "192.168.1.1"
#define ADDR_CLIENT   "192.168.1.2"
#define ADDR_OTHER    "10.9.8.7"
#define ADDR6	      "fd00::1"
#define ADDR6_CLIENT  "fd00::2"

#define SKIP(reason)                                   \
	do {                                           \
		print_message("# skip: %s\n", reason); \
		skip();                                \
		__builtin_unreachable();               \
	} while (0)

#define e2e_test(f) cmocka_unit_test_setup_teardown(f, e2e_setup, e2e_teardown)

/* Runs the group in a pid namespace with a /proc of its own; skips all of it
 * with a reason where the machine lacks what every test needs. */
int e2e_main(const char *name, const struct CMUnitTest *tests, size_t n);

/* A fresh network namespace with the addresses above; and all processes that
 * the test left behind killed and reaped. */
int e2e_setup(void **state);
int e2e_teardown(void **state);
/* Loopback up, with the addresses, in a namespace that a test has entered. */
void e2e_addresses(void);
void e2e_add_address(const char *addr);
bool e2e_has_ipv6(void);
/* Does ptrap-ng see who sends?  E2E_WITNESS in the environment is for its option
 * --witness: not with "none" or "cgroup". */
bool e2e_has_witness(void);
/* Or at least who connects? */
bool e2e_sees_connects(void);
/* The grade that is to be expected, and who is the true sender. */
const char *seen_or(const char *grade);
#define expect_seen_or(e, pid, grade) \
	expect_seen_or_at(e, pid, grade, __FILE__, __LINE__)

/* 1, or how much slower an emulated kernel is: for limits that are asserted. */
unsigned e2e_slow(void);
int64_t now_ns(void);

/* Polls *what* every few ms until it holds; false: not within ms. */
bool wait_until(bool (*what)(void *), void *data, int ms);
#define wait_for(what, data) assert_true(wait_until(what, data, WAIT_MS))

/* A directory of the test's own, removed at its end. */
const char *test_dir(void);
/* test_dir()/name, in one of a few static buffers. */
const char *test_path(const char *name);

struct text {
	char *mem; /* terminated */
	size_t len, size;
};

struct trap_run {
	pid_t pid;
	int out, err, pidfd; /* -1: at its end */
	struct text out_text, err_text;
	size_t out_pos; /* of the line that is next */
	bool stopped;	/* by trap_freeze */
	bool exited;
	int status; /* exit status, or 128 + signal */
	int64_t exit_ns;
};

struct trap_how {
	int out_fd;			 /* standard output; -1: a pipe */
	void (*before_exec)(void *data); /* in the child; NULL */
	void *data;
};

/* `ptrap-ng -o json ARGS`, up to a NULL.  Returns when the rules are there. All
 * that is returned lives until the test's end. */
struct trap_run *trap_start(const char *arg, ...) __attribute__((sentinel));
/* The arguments only, nothing waited for. how may be NULL. */
struct trap_run *trap_spawn(const struct trap_how *how, ...)
	__attribute__((sentinel));
/* Waits for the line that says so; false: it ended instead. */
bool trap_ready(struct trap_run *t);

/* The next line of standard output; NULL: none within ms, or its end. */
char *trap_next_line(struct trap_run *t, int ms);
/* The next event (borrowed); NULL as above. */
json_t *trap_next_event(struct trap_run *t, int ms);
/* The next event, which must come. */
json_t *trap_event(struct trap_run *t);
/* Reads until ms are over or it ends, whatever comes. */
bool trap_pump(struct trap_run *t, int ms);

/* Waits for the end; the status as above. */
int trap_wait(struct trap_run *t);
int trap_stop(struct trap_run *t, int sig);
/* The end, where no event may be left unread. */
void trap_expect_end(struct trap_run *t);

/* The next event must come; none until the end may name another than pid. */
#define expect_none_wrong(t, pid)                    \
	do {                                         \
		json_t *e_ = trap_event(t);          \
		expect_not_wrong(e_, pid);           \
		trap_stop(t, SIGTERM);               \
		while ((e_ = trap_next_event(t, 0))) \
			expect_not_wrong(e_, pid);   \
	} while (0)

/* All of its threads stand still; the kernel goes on queueing. */
void trap_freeze(struct trap_run *t);
void trap_thaw(struct trap_run *t);
/* Once so many packets wait in the queue. */
void trap_thaw_with(struct trap_run *t, unsigned packets);

/* argv[0]'s exit status; standard output and error into out (may be NULL). */
int run_command(struct text *out, const char *argv0, ...)
	__attribute__((sentinel));
void text_free(struct text *t);
/* A line of text that begins with prefix, or NULL. */
const char *text_find_line(const struct text *t, const char *prefix);
unsigned text_count_lines(const struct text *t);

/* In the test's namespace: is there any table of ours / any queue bound? */
bool rules_present(void);
bool queue_present(void);
/* Packets that wait / the id last given, of all queues; 0 without a queue. */
unsigned queue_waiting(void);
unsigned queue_last_id(void);
/* Neither rules nor queue, within ms; data is not used. */
bool nothing_left(void *data);

/* "a.b.c" from an event. int: -1, text: "" where there is none. */
json_t *event_get(const json_t *e, const char *path);
long long event_int(const json_t *e, const char *path);
const char *event_text(const json_t *e, const char *path);
bool event_lists_pid(const json_t *e, const char *path, pid_t pid);

#define expect_sender(e, pid, tid, grade) \
	expect_sender_at(e, pid, tid, grade, __FILE__, __LINE__)
#define expect_not_wrong(e, pid) expect_not_wrong_at(e, pid, __FILE__, __LINE__)
/* No process is named at all. */
#define expect_nobody(e)       expect_not_wrong(e, 0)
#define expect_grade(e, grade) expect_grade_at(e, grade, __FILE__, __LINE__)
#define expect_text(e, path, text) \
	expect_text_at(e, path, text, __FILE__, __LINE__)
#define expect_int(e, path, n) expect_int_at(e, path, n, __FILE__, __LINE__)

/* Proved to be that one; without the witness the grade, and no other one. */
void expect_seen_or_at(const json_t *e, pid_t pid, const char *grade,
		       const char *file, int line);
/* tid 0: not asked. */
void expect_sender_at(const json_t *e, pid_t pid, pid_t tid, const char *grade,
		      const char *file, int line);
/* No process is named, or the true one. */
void expect_not_wrong_at(const json_t *e, pid_t pid, const char *file,
			 int line);
/* grade: one, or several with '|' between them. */
void expect_grade_at(const json_t *e, const char *grade, const char *file,
		     int line);
void expect_text_at(const json_t *e, const char *path, const char *text,
		    const char *file, int line);
void expect_int_at(const json_t *e, const char *path, long long n,
		   const char *file, int line);

#endif
