/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_candidates: processes worth a look before a sweep of them all. */
#include "sockowner_candidates.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "sockowner_holder.h"
#include "util.h"

#define NEWEST_MAX 8 /* pids born last that are tried */
#define OLD_MAX	   8 /* holders of an old socket that are */
/* For all of them together: some may have many threads, and one that has just
 * sent its SYN runs on for a moment before it sleeps in connect(2). */
#define CANDIDATES_US 1000
/* And for one: a stranger that runs all the time must not take it all. */
#define CANDIDATE_US 250

void sockowner_candidates_open(struct sockowner_candidates *cs, int rootfd,
			       struct fdscan *scan)
{
	*cs = (struct sockowner_candidates){
		.rootfd = rootfd,
		.scan = scan,
		.loadavg_fd = openat(rootfd, "loadavg", O_RDONLY | O_CLOEXEC),
	};
}

void sockowner_candidates_close(struct sockowner_candidates *cs)
{
	if (cs->loadavg_fd >= 0)
		close(cs->loadavg_fd);
	cs->loadavg_fd = -1;
	sockowner_index_clear(&cs->old);
}

/* The most recent one first: the next connection is often its own. */
void sockowner_candidates_note(struct sockowner_candidates *cs, pid_t pid)
{
	size_t i = 0;

	while (i < SOCKOWNER_KNOWN_MAX - 1 && cs->known[i] != pid)
		i++;
	memmove(&cs->known[1], &cs->known[0], i * sizeof(cs->known[0]));
	cs->known[0] = pid;
}

static void forget_known(struct sockowner_candidates *cs, size_t i)
{
	memmove(&cs->known[i], &cs->known[i + 1],
		(SOCKOWNER_KNOWN_MAX - 1 - i) * sizeof(cs->known[0]));
	cs->known[SOCKOWNER_KNOWN_MAX - 1] = 0;
}

/* Only proof ends the search here: that a candidate holds the socket does not
 * say that nobody else does. */
static int try_candidate(struct sockowner_candidates *cs,
			 struct sockowner_answer *a, pid_t pid)
{
	uint64_t until = util_now_us() + CANDIDATE_US;
	int r = sockowner_holder_try(a, cs->scan, cs->rootfd, pid,
				     until < cs->until_us ? until
							  : cs->until_us);

	if (r == 1)
		sockowner_candidates_note(cs, a->holders[0].pid);
	return r;
}

static bool try_known(struct sockowner_candidates *cs,
		      struct sockowner_answer *a)
{
	size_t i = 0;

	while (i < SOCKOWNER_KNOWN_MAX && cs->known[i] != 0 &&
	       util_now_us() < cs->until_us) {
		int r = try_candidate(cs, a, cs->known[i]);

		if (r == 1)
			return true;
		if (r < 0)
			forget_known(cs, i);
		else
			i++;
	}
	return false;
}

static bool try_newest(struct sockowner_candidates *cs,
		       struct sockowner_answer *a)
{
	pid_t newest = procfs_newest_pid(cs->loadavg_fd);

	for (pid_t pid = newest; pid > 0 && pid > newest - NEWEST_MAX &&
				 util_now_us() < cs->until_us;
	     pid--)
		if (try_candidate(cs, a, pid) == 1)
			return true;
	return false;
}

/* Of a socket that is older than the program: who had it then. */
static bool try_old(struct sockowner_candidates *cs, struct sockowner_answer *a)
{
	pid_t pids[OLD_MAX];
	size_t n = sockowner_index_find(&cs->old, a->socket.inode, pids,
					ARRAY_SIZE(pids));

	for (size_t i = 0; i < n && util_now_us() < cs->until_us; i++)
		if (try_candidate(cs, a, pids[i]) == 1)
			return true;
	return false;
}

/* Where the last proof came from is where the next one is looked for first. */
bool sockowner_candidates_try(struct sockowner_candidates *cs,
			      struct sockowner_answer *a)
{
	cs->until_us = util_now_us() + CANDIDATES_US;
	if (try_old(cs, a))
		return true;
	if (cs->newest_first) {
		if (try_newest(cs, a))
			return true;
		if (try_known(cs, a)) {
			cs->newest_first = false;
			return true;
		}
		/* If those known have had no turn, they have it next time. */
		cs->newest_first = util_now_us() < cs->until_us;
		return false;
	}
	if (try_known(cs, a))
		return true;
	cs->newest_first = try_newest(cs, a);
	return cs->newest_first;
}
