/* SPDX-License-Identifier: GPL-2.0-or-later */
/* procfs: /proc/PID read through directory descriptors, parsed with distrust. */
#ifndef PROCFS_H
#define PROCFS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * An open /proc/PID directory stands for one process: after that process is
 * gone every look-up in it fails with ESRCH or ENOENT, even when the pid
 * is used again.  All functions take such descriptors.  The root itself is an
 * argument so that tests can lay out a tree of their own.
 */

/* A CLOEXEC descriptor, readable (not O_PATH), or -errno; -ESRCH: no such
 * process. */
int procfs_open_root(const char *path);
int procfs_open_pid(int rootfd, pid_t pid);

/* The bytes of a file below dirfd ("stat", "task/12/syscall"), terminated, at
 * most size - 1; *truncated (may be NULL) says that there were more.  Returns
 * the length or -errno. */
ssize_t procfs_read(int dirfd, const char *name, char *buf, size_t size,
		    bool *truncated);
/* The text of a symbolic link below dirfd, terminated; the length or -errno
 * (-ENAMETOOLONG: did not fit). */
ssize_t procfs_readlink(int dirfd, const char *name, char *buf, size_t size);

/* Are the numbers below rootfd those of our own pid namespace?  False for what
 * is no /proc. */
bool procfs_is_own(int rootfd);

/* The pid, or tid, given out last in the reader's pid namespace; 0: not known.
 * loadavg_fd: /proc/loadavg, open. */
pid_t procfs_newest_pid(int loadavg_fd);

/* /proc/PID/stat, numbered as in proc_pid_stat(5). */
struct procfs_stat {
	pid_t pid;			/* (1) */
	char comm[64];			/* (2); may hold any byte but NUL */
	char state;			/* (3) */
	pid_t ppid;			/* (4) */
	pid_t pgrp;			/* (5) */
	pid_t session;			/* (6) */
	int tty_nr;			/* (7) */
	uint64_t flags;			/* (9); PF_KTHREAD is 0x00200000 */
	uint64_t num_threads;		/* (20) */
	uint64_t starttime;		/* (22) clock ticks after boot */
	uint64_t startstack;		/* (28) 0 without ptrace permission */
	uint64_t arg_start;		/* (48) 0 without ptrace permission */
	uint64_t arg_end;		/* (49) as above */
	uint64_t env_end;		/* (51) as above, and during an exec */
};

/* Parses from the last ')': a comm may hold ") Z 1".  Fields from (26) on may
 * be absent (0 then).  -EBADMSG: not a stat line. */
int procfs_parse_stat(const char *text, size_t len, struct procfs_stat *st);
/* -ESRCH: the process is gone. */
int procfs_read_stat(int dirfd, struct procfs_stat *st);

/* /proc/PID/status, the lines that we use. */
struct procfs_status {
	pid_t tgid;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	uint64_t cap_eff;
	int no_new_privs;		/* -1: the kernel does not say */
	int seccomp;			/* 0, 1 strict, 2 filter; -1 as above */
	pid_t nspid;			/* the pid in its own namespace */
};

/* -EBADMSG: ids or capabilities are missing, or a line comes twice.  nspid is
 * tgid where the kernel does not say. */
int procfs_parse_status(const char *text, size_t len,
			struct procfs_status *st);
/* Of any length ("Groups:" may have 65,536 numbers).  -ESRCH: gone. */
int procfs_read_status(int dirfd, struct procfs_status *st);

/* What tells one program image in a process from the next (exec changes it). */
struct procfs_image {
	uint64_t exe_dev, exe_ino;	/* 0 for kernel threads */
	uint32_t exe_nlink;		/* 0: deleted, or a memfd */
	uint64_t arg_start, startstack;
};

/*
 * statx(exe, AT_STATX_DONT_SYNC) does not block on a stalled file system, a
 * plain stat does.  -EACCES without ptrace permission, or for a file on another
 * user's FUSE; the members from stat are there then all the same.
 */
int procfs_read_image(int dirfd, struct procfs_image *im);
/* An exec has put the new program in place, but not its arguments yet: env_end is
 * what it sets last (create_elf_tables in fs/binfmt_elf.c), and until then cmdline
 * reads as empty, though arg_start, arg_end and a first startstack are there.
 * Nobody can get there by prctl(2), which takes no address so low. */
bool procfs_is_mid_exec(const struct procfs_stat *st,
			const struct procfs_image *im);

/* The same, with the stat line that it has to read anyway. */
int procfs_read_identity(int dirfd, struct procfs_stat *st,
			 struct procfs_image *im);

/* The members that begin with exe_ only; -ENOENT: a kernel thread, a zombie,
 * or a process that is gone. */
int procfs_stat_exe(int dirfd, struct procfs_image *im);

/* "TID's syscall": number and arguments, or -EAGAIN while it runs, -ENODATA
 * where it is blocked outside of a system call. */
int procfs_parse_syscall(const char *text, size_t len, long *nr,
			 uint64_t args[6]);

/* The inode in "socket:[30041]", or 0 where the link is something else. */
uint64_t procfs_parse_socket_link(const char *text, size_t len);

/* Iteration over the numeric names of a directory (pids, fds, tids).  dir is
 * from fdopendir; returns 1 and *num, 0 at the end, -errno. */
int procfs_next_number(DIR *dir, uint64_t *num);

/* A DIR of a directory below dirfd ("fd", "task", "."), or NULL with errno. */
DIR *procfs_opendir(int dirfd, const char *name);

#endif
