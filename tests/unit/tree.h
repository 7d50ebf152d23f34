/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree: a /proc of the test's own making, and real children to look at. */
#ifndef TREE_H
#define TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* A new empty directory; all that is below goes with tree_close. */
struct tree {
	char path[64];
	int fd;
};

void tree_open(struct tree *t);
void tree_close(struct tree *t);

/* Files and links below it; the directories above them are made. */
void tree_file(struct tree *t, const char *name, const void *bytes, size_t len);
void tree_text(struct tree *t, const char *name, const char *text);
void tree_link(struct tree *t, const char *name, const char *target);
void tree_dir(struct tree *t, const char *name);

/* NUM/stat of a process as the kernel writes it. */
void tree_stat(struct tree *t, pid_t pid, const char *comm, pid_t ppid,
	       uint64_t starttime);
size_t tree_stat_line(char *buf, size_t size, pid_t pid, const char *comm,
		      size_t comm_len, pid_t ppid, uint64_t starttime);

/* A child that has run `prepare` and waits for its end; `arg` is prepare's. */
struct kid {
	pid_t pid;
	int hold; /* its life line */
};

void kid_start(struct kid *k, void (*prepare)(void *arg), void *arg);
/* A child that becomes argv by the open program fd; returns when it has. */
void kid_exec(struct kid *k, int fd, char *const argv[]);
void kid_stop(struct kid *k);

/* Copies the running test program: a file with a name of the test's choice. */
void copy_program(const char *path);
/* main() of the copies and of kid_exec's: waits for its standard input. */
int wait_as_program(void);

#endif
