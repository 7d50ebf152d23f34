/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy: what is known of a packet and its sender in; a verdict out. */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipaddr.h"
#include "policy_files.h"
#include "policy_rule.h"
#include "sockowner.h"

/*
 * An executable by statx's device and inode, as policy_files has them (BTRFS and
 * overlayfs have other numbers inside of the kernel).  nlink 0: it was deleted, or
 * is a memfd.  path decides nothing, and may be NULL.
 */
struct policy_program {
	uint64_t dev, ino;		/* ino 0: not known */
	uint32_t nlink;
	const char *path;
	bool foreign;			/* path is another mount namespace's */
};

/* Where the script comes from. */
enum policy_script {
	POLICY_SCRIPT_UNKNOWN,		/* could not be read, or is no path here */
	POLICY_SCRIPT_CLAIMED,		/* argv, which the process may write */
	POLICY_SCRIPT_SEEN,		/* the kernel, at the exec */
};

/* A process that sent the packet, or may have.  NULL is "not known". */
struct policy_process {
	struct policy_program exe, parent;
	bool has_uid;			/* the effective ones */
	uid_t uid;
	gid_t gid;
	enum policy_script script_kind;
	const char *script;		/* absolute, in our mount namespace; but for
					 * UNKNOWN, NULL is "none" */
	const char *cgroup;
	const char *unit, *container;	/* with cgroup, NULL is "in none" */
};

struct policy_subject {
	enum sockowner_grade grade;	/* UNKNOWN too for what timed out, or is no
					 * packet that can be read */
	const struct policy_process *processes;	/* proved, holder: one; shared: all */
	size_t nprocesses;
	bool complete;			/* shared: there is nobody else */
	bool has_packet_ids;		/* the socket creator's */
	uid_t packet_uid;
	gid_t packet_gid;
};

/* Addresses and ports are the packet's: from is its source in all directions. */
struct policy_object {
	enum policy_direction direction;
	int proto;			/* -1: not known */
	struct ipaddr from, to;		/* AF_UNSPEC: not known */
	bool has_ports;			/* false with a protocol that has them: the
					 * packet does not show them (a fragment) */
	uint16_t sport, port;
	const char *const *names;	/* asked for in a DNS question, or seen to have
					 * the remote address */
	size_t nnames;
};

struct policy_result {
	enum policy_verdict verdict;	/* POLICY_ACCEPT, _DROP or _REJECT */
	unsigned line;			/* the line that decided; 0: the default that
					 * no line states */
	bool is_default;
	bool log;			/* that line, or one before, says log */
	unsigned log_line;		/* the first of these; 0: none */
	enum policy_who who;		/* as whom the sender was judged */
	size_t process;			/* which of them, of a socket that is shared */
	bool doubted;			/* the line did not surely fit, but it stops
					 * packets and could not be ruled out, */
	enum policy_ask missing;	/* as this is not known */
};

/*
 * The first rule that fits decides.  What is not known never makes a rule fit that
 * accepts, and never keeps one from fitting that drops, rejects or logs; but who is
 * not known as a whole goes by the rules for unknown and anyone.  A holder that is
 * not trusted is stopped by the rules that surely fit it, all the same.
 * No memory is taken, nothing is asked of the kernel, nothing waits.
 */
void policy_evaluate(const struct policy *p, const struct policy_files *files,
		     const struct policy_subject *subject,
		     const struct policy_object *object,
		     struct policy_result *result);

/*
 * After a packet was not accepted: does one of its processes run, by a path that the
 * policy names, another file than that path meant when it was looked up?  Then the
 * policy's files want to be opened anew, and the packet judged again; but not all
 * the time, as a process with a mount namespace of its own may look like that.
 */
bool policy_is_stale(const struct policy_files *files,
		     const struct policy_subject *subject);

#endif
