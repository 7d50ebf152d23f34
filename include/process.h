/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process: who a pid is: what proves it, what dies with it, and the rest. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "procfs.h"
#include "strpool.h"

#define PROCESS_ARGS_MAX 4096		/* bytes of argv kept */
#define PROCESS_ANCESTORS_MAX 64

enum process_exe_kind {
	PROCESS_EXE_FILE,
	PROCESS_EXE_DELETED,		/* st_nlink 0, not the text " (deleted)" */
	PROCESS_EXE_MEMFD,
	PROCESS_EXE_NONE,		/* kernel thread, or not readable */
};

/* Strings are in the pool given when reading; NULL is "not known". */
struct process {
	pid_t pid, tid, ppid;
	char comm[64];
	uint64_t starttime;		/* clock ticks after boot */
	int64_t start_ns;		/* the same as wall time since 1970 */
	struct procfs_image image;
	const char *exe;		/* without the kernel's " (deleted)" */
	enum process_exe_kind exe_kind;
	const char *args;		/* NUL between the arguments */
	size_t args_len;
	bool args_truncated;
	bool has_owner;
	uid_t euid;
	gid_t egid;

	/* The rest, read after the verdict unless asked for. */
	bool has_rest;
	const char *cgroup;		/* cgroup v2 path, else the first v1 one */
	bool foreign_mntns;		/* in our mount namespace exe's path is not
					 * that file */
	bool has_creds;			/* from here to seccomp */
	uid_t uid;
	gid_t gid;
	pid_t nspid;			/* pid in its own namespace */
	uint64_t cap_eff;
	int no_new_privs, seccomp;	/* -1: not known */
	bool script_open;		/* script is a file that the interpreter has
					 * open; else what its arguments say */
	const char *cwd, *script, *unit, *container, *label, *tty;
	uint32_t loginuid, sessionid;	/* UINT32_MAX: none */
	uint64_t ns_mnt, ns_pid, ns_net, ns_user;	/* inodes, 0 not known */
};

struct process_ancestor {
	pid_t pid;
	char comm[64];
};

/* From the parent to pid 1 (or to where our namespace ends). */
struct process_lineage {
	struct process_ancestor list[PROCESS_ANCESTORS_MAX];
	size_t n;
	const char *parent_exe;		/* the first one's; NULL not known */
	const char *parent_args;
	size_t parent_args_len;
	bool complete;			/* pid 1, or its namespace's first, reached */
	const char *reason;		/* why not complete; static */
};

/*
 * All read through dirfd, an open /proc/PID, so that no other process can answer
 * (-ESRCH: it is gone; what was read until then stays).  rootfd is /proc.
 * Nothing here opens the executable, and nothing waits for a file system.
 */

/*
 * Before the verdict: pid, ppid, start time, image, exe, args, owner.
 * tid may be 0.  All of it is of one program image: an exec meanwhile starts
 * the reading again.  -EAGAIN: there was one each time, or one is under way;
 * image, exe and args may not belong together then.
 */
int process_read(int dirfd, pid_t pid, pid_t tid, struct strpool *pool,
		 struct process *p);

/* Of those who are not read here: nothing known yet but the numbers, the start
 * as wall time, and what follows from cgroup, exe and args. */
void process_init(struct process *p, pid_t pid, pid_t tid);
int64_t process_start_ns(uint64_t ticks);
void process_derive(struct process *p, struct strpool *pool);

/*
 * The same for a process whose image has been read before, in half the calls:
 * nothing but that image will do, and -EAGAIN says that it is another one now.
 * Its exe_nlink is not looked at.  NULL: the caller proves afterwards that the
 * program was the same all the while.
 */
int process_read_image(int dirfd, pid_t pid, pid_t tid,
		       const struct procfs_image *image, struct strpool *pool,
		       struct process *p);

/*
 * After it (or before it with --hold-all): the members under has_rest, and
 * whether exe's path is that very file in our mount namespace too.  The path is
 * looked up in the kernel's cache only: where it is the same file it must be
 * there, and a stalled file system cannot hold us (before Linux 5.12 there is no
 * such look-up; any other namespace is foreign then).
 */
int process_read_rest(int rootfd, int dirfd, struct strpool *pool,
		      struct process *p);

/*
 * From p->ppid up.  Each parent must be older than its child, and be its parent
 * still after it was opened; what fails that is left out, with the reason.
 * Returns 0: what can be known is in *l.
 */
int process_read_lineage(int rootfd, const struct process *p,
			 struct strpool *pool, struct process_lineage *l);

/* The same of a parent: dirfd's process is the first one in *l, and *st its stat
 * line.  -ESRCH: it is gone. */
int process_read_lineage_from(int rootfd, int dirfd, struct strpool *pool,
			      struct procfs_stat *st, struct process_lineage *l);

/* Is pid a descendant of ancestor (or the same)?  Through ppids, now.  False
 * too where a process on the way ends meanwhile. */
bool process_descends(int rootfd, pid_t pid, pid_t ancestor);

/*
 * Text to facts; out is within the argument's string or in buf.  NULL: none.
 *
 * unit: the first one below the slices, as systemd has it, since who runs in a
 * unit may make cgroups of any name below it.  A user's unit comes behind its
 * manager's: "user@1000.service/app-foot.service".
 */
const char *process_unit_of(const char *cgroup, char *buf, size_t size);
/* A container's 64 hex digits (docker, containerd, cri-o, podman, kubernetes) or
 * its name (lxc); the outermost. */
const char *process_container_of(const char *cgroup, char *buf, size_t size);
/* By its name: one whose script process_script_of looks for. */
bool process_is_interpreter(const char *exe);
/* The script that an interpreter runs, from exe and argv: its first argument
 * that is not an option, as it was written.  Code in an argument (-c, -e), a
 * module (-m) and standard input are no script. */
const char *process_script_of(const char *exe, const char *args, size_t len);
/* "pts/3", "tty1", "ttyS0", else "MAJOR:MINOR", of a stat line's number. */
const char *process_tty_of(int tty_nr, char *buf, size_t size);

#endif
