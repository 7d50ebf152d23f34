/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spaces: network namespaces behind the test's own, which forwards for them. */
#ifndef E2E_SPACES_H
#define E2E_SPACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "sender.h"

struct space {
	const char *name;
	const char *own4, *own6; /* its addresses; own6 NULL: none */
	const char *bridge;	 /* its device's in the test's namespace, where it
				  * has the gateway's address; NULL: none */
	bool pids;		 /* a pid namespace of its own, too */
	bool behind;		 /* set by space_open_behind */
	const char *cgroup;	 /* and a cgroup of that name, in cgroup_dir() */
	struct sender *visitor;	 /* of space_visitor, in it before anybody hears of
				  * it; NULL: none */
	struct sender *init;	 /* lives as long as it; told by space_open */
	pid_t inner;		 /* with pids: its first process, as we see it */
};

/*
 * Makes it: a device vNAME here and eth0 there, each with its routes to the
 * other, and the way out for all the rest.  False: the machine has no such
 * devices, or no ip(8).
 */
bool space_open(struct space *s);
/* Behind another one, which forwards for it. */
bool space_open_behind(const struct space *near, struct space *far);
/* Ends whoever lives in it; not waited for. */
void space_close(struct space *s);
/* Is its device still there? */
bool space_is_linked(void *space);

/* A process older than the space, which leaves it at sender_go, and lives on. */
struct sender *space_visitor(void);

/* Between these two what is started is started there. */
void space_enter(const struct space *s);
void space_leave(void);

/* Runs in the space, and where it has one in its pid namespace: pid and tid of
 * the report are those there, n is the pid here. */
struct report space_run(struct space *s, sender_fn fn, const void *arg,
			struct sender **sender);

/* A bridge here with that address. */
bool space_bridge(const char *name, const char *addr4);

/* Does the program see who sends in other namespaces?  Of its witnesses only the
 * netfilter program can be there. */
bool spaces_are_seen(void);

/* The cgroup v2 root; NULL: there is none to write to. */
const char *cgroup_dir(void);

#endif
