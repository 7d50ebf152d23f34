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
	bool foreign_mntns;		/* exe's path is not that file in our
					 * mount namespace */
	const char *args;		/* NUL between the arguments */
	size_t args_len;
	bool args_truncated;
	bool has_creds;
	uid_t uid, euid;
	gid_t gid, egid;
	const char *cgroup;		/* cgroup v2 path, else the first v1 one */

	/* The rest, read after the verdict unless asked for. */
	bool has_rest;
	const char *cwd, *script, *unit, *container, *label, *tty;
	uint32_t loginuid, sessionid;	/* UINT32_MAX: none */
	pid_t nspid;			/* pid in its own namespace */
	uint64_t cap_eff;
	int no_new_privs, seccomp;	/* -1: not known */
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
 * Nothing here opens the executable or resolves a path of the process's.
 */

/* Before the verdict: pid, ppid, start time, image, exe, args, credentials,
 * cgroup.  tid may be 0. */
int process_read(int dirfd, pid_t pid, pid_t tid, struct strpool *pool,
		 struct process *p);

/* After it (or before it with --hold-all): the members under has_rest. */
int process_read_rest(int rootfd, int dirfd, struct strpool *pool,
		      struct process *p);

/* The parent's pid is p->ppid; every step re-checks the start time order. */
int process_read_lineage(int rootfd, const struct process *p,
			 struct strpool *pool, struct process_lineage *l);

/* Is pid a descendant of ancestor (or the same)?  Through ppids, now. */
bool process_descends(int rootfd, pid_t pid, pid_t ancestor);

/* Text to facts; out is within cgroup's string or in buf.  NULL: none. */
const char *process_unit_of(const char *cgroup, char *buf, size_t size);
const char *process_container_of(const char *cgroup, char *buf, size_t size);
/* The script that an interpreter runs, from exe and argv; NULL: none. */
const char *process_script_of(const char *exe, const char *args, size_t len);

#endif
