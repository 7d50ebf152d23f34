/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner: which process owns the socket with these addresses, and how sure
 * is that? */
#include "sockowner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdscan.h"
#include "ipaddr.h"
#include "procfs.h"
#include "sockdiag.h"
#include "sockowner_holder.h"
#include "util.h"

#define WAITS_MAX  512
#define KNOWN_MAX  8 /* recent owners tried first */
#define NEWEST_MAX 8 /* pids born last, tried next */
#define ROWS_MAX   64
/* What a packet is charged beyond its length, at least: struct sk_buff and
 * skb_shared_info (SKB_TRUESIZE in include/linux/skbuff.h; 576 bytes on 64-bit
 * kernels from 4.9 to 6.18). */
#define SKB_OVERHEAD (sizeof(long) == 8 ? 512U : 256U)
/* How long a candidate may run on between its SYN and its sleep in connect(2).
 */
#define CONNECT_WAIT_US 150

#ifndef TCP_NEW_SYN_RECV
#define TCP_NEW_SYN_RECV 12 /* include/net/tcp_states.h */
#endif

enum wait_state { WAIT_FREE, WAIT_SWEEP, WAIT_DONE };

/* A question whose answer is not there yet. */
struct wait {
	enum wait_state state;
	uint64_t token;
	uint64_t sweep; /* the number of the sweep it needs */
	uint64_t asked_us;
	bool connecting;
	struct sockowner_query query;
	struct sockdiag_query diag;
	struct sockowner_answer answer;
};

struct sockowner {
	int rootfd, loadavg_fd;
	bool may_ptrace;
	bool uid_exact; /* packets' uids are sock_diag's */
	struct sockdiag *diag;
	struct fdscan *scan;
	pid_t known[KNOWN_MAX];
	bool newest_first;
	bool sweeping;
	uint64_t sweep;		    /* number of the present or last sweep */
	uint64_t inodes[WAITS_MAX]; /* what that sweep looks for, sorted */
	size_t ninodes;
	size_t nwaiting, ndone;
	struct wait waits[WAITS_MAX];
	struct sockdiag_row rows[ROWS_MAX];
};

/* ---------------------------------------------------------- open and close */

/* sock_diag gives uids as our user namespace has them, a packet as the first
 * one has them (nfqnl_put_sk_uidgid): they compare only there. */
static bool is_first_user_namespace(int rootfd)
{
	char text[256];
	unsigned long long inside, outside, count;

	return procfs_read(rootfd, "self/uid_map", text, sizeof(text), NULL) >
		       0 &&
	       sscanf(text, "%llu %llu %llu", &inside, &outside, &count) == 3 &&
	       inside == 0 && outside == 0 && count == UINT32_MAX;
}

/* Without that capability most processes are closed to us and no count of
 * holders means anything; with it, only those that a security module guards. */
static bool has_cap_ptrace(int rootfd)
{
	struct procfs_status st;
	int dirfd = procfs_open_pid(rootfd, getpid()), err;

	if (dirfd < 0)
		return false;
	err = procfs_read_status(dirfd, &st);
	close(dirfd);
	return err == 0 && (st.cap_eff >> CAP_SYS_PTRACE & 1) != 0;
}

int sockowner_open(struct sockowner **out, const char *proc)
{
	struct sockowner *so = calloc(1, sizeof(*so));
	int err;

	if (so == NULL)
		return -ENOMEM;
	so->loadavg_fd = -1;
	so->rootfd = err = procfs_open_root(proc);
	if (err < 0)
		goto out;
	so->may_ptrace = has_cap_ptrace(so->rootfd);
	so->uid_exact = is_first_user_namespace(so->rootfd);
	so->loadavg_fd = openat(so->rootfd, "loadavg", O_RDONLY | O_CLOEXEC);
	err = sockdiag_open(&so->diag);
	if (err < 0)
		goto out;
	err = fdscan_open(&so->scan, so->rootfd);
out:
	if (err < 0) {
		sockowner_close(so);
		return err;
	}
	*out = so;
	return 0;
}

void sockowner_close(struct sockowner *so)
{
	if (so == NULL)
		return;
	for (size_t i = 0; i < WAITS_MAX; i++)
		if (so->waits[i].state != WAIT_FREE)
			sockowner_release(&so->waits[i].answer);
	if (so->scan != NULL)
		fdscan_close(so->scan);
	if (so->diag != NULL)
		sockdiag_close(so->diag);
	if (so->loadavg_fd >= 0)
		close(so->loadavg_fd);
	if (so->rootfd >= 0)
		close(so->rootfd);
	free(so);
}

void sockowner_release(struct sockowner_answer *a)
{
	for (size_t i = 0; i < a->nholders; i++)
		if (a->holders[i].dirfd >= 0)
			close(a->holders[i].dirfd);
	a->nholders = 0;
}

/* --------------------------------------------------------------- the socket */

static int make_diag_query(const struct sockowner_query *q,
			   struct sockdiag_query *d)
{
	int err;

	*d = (struct sockdiag_query){.proto = (uint8_t)q->protocol,
				     .ifindex = q->ifindex};
	if (q->protocol < 0 || q->protocol > UINT8_MAX)
		return -EINVAL;
	err = ipaddr_from_sockaddr((const struct sockaddr *)&q->local,
				   &d->local, &d->local_port);
	if (err < 0)
		return err;
	err = ipaddr_from_sockaddr((const struct sockaddr *)&q->remote,
				   &d->remote, &d->remote_port);
	if (err < 0)
		return err;
	return d->local.family == d->remote.family ? 0 : -EINVAL;
}

static struct sockowner_socket socket_of(const struct sockdiag_row *row)
{
	return (struct sockowner_socket){
		.inode = row->inode,
		.cookie = row->cookie,
		.cgroup_id = row->cgroup_id,
		.uid = row->uid,
		.state = row->state,
		.listening = row->state == TCP_LISTEN,
	};
}

static void give_up(struct sockowner_answer *a, enum sockowner_reason reason)
{
	a->grade = SOCKOWNER_UNKNOWN;
	a->reason = reason;
}

static void give_up_on(struct sockowner_answer *a, int err)
{
	a->error = -err;
	if (err == -ENOENT)
		give_up(a, SOCKOWNER_REASON_NO_SOCKET);
	else if (err == -EOPNOTSUPP || err == -EPROTONOSUPPORT)
		give_up(a, SOCKOWNER_REASON_PROTOCOL);
	else if (err == -EPERM || err == -EACCES)
		give_up(a, SOCKOWNER_REASON_NOT_PERMITTED);
	else
		give_up(a, SOCKOWNER_REASON_SYSTEM);
}

static bool has_other_uid(const struct sockowner *so, const struct wait *w,
			  const struct sockdiag_row *row)
{
	return w->query.has_uid && so->uid_exact && row->uid != w->query.uid;
}

/* Takes the row, if it can be what was asked for; else says why not. */
static bool take_row(struct sockowner *so, struct wait *w,
		     const struct sockdiag_row *row)
{
	struct sockowner_answer *a = &w->answer;

	a->has_socket = true;
	a->socket = socket_of(row);
	if (row->inode == 0) {
		/* TIME_WAIT, a request or an orphan: nobody's any more. */
		a->grade = SOCKOWNER_KERNEL;
		a->method = SOCKOWNER_METHOD_SOCKET;
		return false;
	}
	if (has_other_uid(so, w, row)) {
		a->has_socket = false;
		give_up(a, SOCKOWNER_REASON_OTHER_UID);
		return false;
	}
	return true;
}

/* One exact look-up: TCP's four-tuple is unique, and for an incoming packet the
 * kernel's own choice is the answer. */
static bool find_exact(struct sockowner *so, struct wait *w)
{
	struct sockdiag_row row;
	int err = sockdiag_get(so->diag, &w->diag, &row);

	if (err == -ENOENT && w->query.listener &&
	    w->query.protocol == IPPROTO_TCP)
		err = sockdiag_get_listener(so->diag, &w->diag, &row);
	if (err < 0) {
		give_up_on(&w->answer, err);
		return false;
	}
	return take_row(so, w, &row);
}

/* Has the socket all the held packets in its send queue? */
static bool has_charged(const struct sockowner_query *q,
			const struct sockdiag_row *row)
{
	return row->wqueue >=
	       q->held_packets * (uint64_t)SKB_OVERHEAD + q->held_bytes;
}

/* Could this datagram socket have sent the held packet?  The packet is still
 * charged to its socket, so that one's send queue is not empty. */
static bool is_possible(const struct sockowner *so, const struct wait *w,
			const struct sockdiag_row *row,
			enum sockowner_reason *why_not)
{
	if (row->inode == 0) {
		*why_not = SOCKOWNER_REASON_NO_SOCKET;
		return false;
	}
	if (has_other_uid(so, w, row)) {
		*why_not = SOCKOWNER_REASON_OTHER_UID;
		return false;
	}
	if (!has_charged(&w->query, row)) {
		*why_not = SOCKOWNER_REASON_NOT_QUEUED;
		return false;
	}
	return true;
}

/* The kernel's look-up for datagrams names one of several sockets that may
 * share the port; only all of them together are the truth. */
static bool find_datagram(struct sockowner *so, struct wait *w)
{
	enum sockowner_reason reason = SOCKOWNER_REASON_NO_SOCKET;
	struct sockowner_answer *a = &w->answer;
	int n = sockdiag_find_all(so->diag, &w->diag, so->rows, ROWS_MAX);
	size_t seen = n > ROWS_MAX ? ROWS_MAX : (size_t)(n < 0 ? 0 : n);

	a->ntwins = a->ntwins_total = 0;
	if (n < 0) {
		give_up_on(a, n);
		return false;
	}
	for (size_t i = 0; i < seen; i++) {
		if (!is_possible(so, w, &so->rows[i], &reason))
			continue;
		if (a->ntwins < SOCKOWNER_HOLDERS_MAX)
			a->twins[a->ntwins++] = socket_of(&so->rows[i]);
		a->ntwins_total++;
	}
	if (a->ntwins_total == 0 && n <= ROWS_MAX) {
		give_up(a, reason);
		return false;
	}
	if (a->ntwins_total != 1 || n > ROWS_MAX) {
		a->grade = SOCKOWNER_TWINS;
		a->reason = SOCKOWNER_REASON_MANY_SOCKETS;
		return false;
	}
	a->has_socket = true;
	a->socket = a->twins[0];
	a->ntwins = a->ntwins_total = 0;
	return true;
}

static bool find_socket(struct sockowner *so, struct wait *w)
{
	if (w->query.protocol == IPPROTO_TCP || w->query.listener)
		return find_exact(so, w);
	if (w->query.protocol == IPPROTO_UDP ||
	    w->query.protocol == IPPROTO_UDPLITE)
		return find_datagram(so, w);
	give_up(&w->answer, SOCKOWNER_REASON_PROTOCOL);
	return false;
}

/* --------------------------------------------------------------- candidates */

/* The most recent one first: the next connection is often its own. */
static void note_known(struct sockowner *so, pid_t pid)
{
	size_t i = 0;

	while (i < KNOWN_MAX - 1 && so->known[i] != pid)
		i++;
	memmove(&so->known[1], &so->known[0], i * sizeof(so->known[0]));
	so->known[0] = pid;
}

static void forget_known(struct sockowner *so, size_t i)
{
	memmove(&so->known[i], &so->known[i + 1],
		(KNOWN_MAX - 1 - i) * sizeof(so->known[0]));
	so->known[KNOWN_MAX - 1] = 0;
}

/* The last field of /proc/loadavg: the pid born last in our namespace. */
static pid_t newest_pid(const struct sockowner *so)
{
	char text[128], *last;
	ssize_t n = pread(so->loadavg_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	last = strrchr(text, ' ');
	return last == NULL ? 0 : (pid_t)atoi(last);
}

/* Only proof ends the search here: that a candidate holds the socket does not
 * say that nobody else does. */
static int try_candidate(struct sockowner *so, struct wait *w, pid_t pid)
{
	int r = sockowner_holder_try(&w->answer, so->rootfd, pid,
				     util_now_us() + CONNECT_WAIT_US);

	if (r == 1)
		note_known(so, w->answer.holders[0].pid);
	return r;
}

static bool try_known(struct sockowner *so, struct wait *w)
{
	size_t i = 0;

	while (i < KNOWN_MAX && so->known[i] != 0) {
		int r = try_candidate(so, w, so->known[i]);

		if (r == 1)
			return true;
		if (r < 0)
			forget_known(so, i);
		else
			i++;
	}
	return false;
}

static bool try_newest(struct sockowner *so, struct wait *w)
{
	pid_t newest = newest_pid(so);

	for (pid_t pid = newest; pid > 0 && pid > newest - NEWEST_MAX; pid--)
		if (try_candidate(so, w, pid) == 1)
			return true;
	return false;
}

/* Where the last proof came from is where the next one is looked for first. */
static bool try_candidates(struct sockowner *so, struct wait *w)
{
	if (!w->query.connecting)
		return false;
	if (so->newest_first) {
		if (try_newest(so, w))
			return true;
		so->newest_first = !try_known(so, w);
		return !so->newest_first;
	}
	if (try_known(so, w))
		return true;
	so->newest_first = try_newest(so, w);
	return so->newest_first;
}

/* ---------------------------------------------------------------- the sweep */

static int compare_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static bool is_in_sweep(const struct sockowner *so, const struct wait *w)
{
	return w->state == WAIT_SWEEP && w->sweep == so->sweep;
}

static int start_sweep(struct sockowner *so)
{
	size_t n = 0;

	so->sweep++;
	for (size_t i = 0; i < WAITS_MAX; i++)
		if (is_in_sweep(so, &so->waits[i]))
			so->inodes[n++] = so->waits[i].answer.socket.inode;
	qsort(so->inodes, n, sizeof(so->inodes[0]), compare_u64);
	so->ninodes = n;
	so->sweeping = n > 0;
	return n > 0 ? fdscan_start(so->scan) : 0;
}

static void add_sweep_hit(const struct fdscan_hit *hit, void *data)
{
	struct sockowner *so = data;

	for (size_t i = 0; i < WAITS_MAX; i++) {
		struct wait *w = &so->waits[i];

		if (is_in_sweep(so, w) && w->answer.socket.inode == hit->inode)
			sockowner_holder_add(&w->answer, hit);
	}
	close(hit->dirfd);
}

/* Does the question still have the same answer?  The packet was held all the
 * while, so its socket must be there as it was. */
static bool is_socket_unchanged(struct sockowner *so, const struct wait *w)
{
	static const struct sockowner_answer none = {0};
	struct wait again = *w;

	again.answer = none;
	return find_socket(so, &again) &&
	       again.answer.socket.cookie == w->answer.socket.cookie;
}

/* The grade of a question whose sweep is complete. */
static void judge(struct sockowner *so, struct wait *w)
{
	struct sockowner_answer *a = &w->answer;

	a->method = SOCKOWNER_METHOD_SWEEP;
	a->ndenied = fdscan_denied(so->scan);
	if (!is_socket_unchanged(so, w)) {
		give_up(a, SOCKOWNER_REASON_CHANGED);
	} else if (w->query.connecting && sockowner_holder_prove(a)) {
		note_known(so, a->holders[0].pid);
	} else if (a->ndenied > 0 && !so->may_ptrace) {
		give_up(a, SOCKOWNER_REASON_NOT_PERMITTED);
	} else if (a->nholders_total == 0) {
		give_up(a, SOCKOWNER_REASON_NO_HOLDER);
	} else if (a->nholders_total > 1) {
		a->grade = SOCKOWNER_SHARED;
		a->reason = SOCKOWNER_REASON_MANY_HOLDERS;
	} else if (a->nholders == 0 ||
		   !sockowner_holder_is_unchanged(&a->holders[0],
						  a->holders[0].dirfd,
						  a->socket.inode)) {
		give_up(a, SOCKOWNER_REASON_CHANGED);
	} else {
		a->grade = SOCKOWNER_HOLDER;
		a->reason = a->ndenied > 0 ? SOCKOWNER_REASON_BLIND_SPOT
					   : SOCKOWNER_REASON_NO_WITNESS;
		note_known(so, a->holders[0].pid);
	}
}

static void finish(struct sockowner *so, struct wait *w)
{
	w->answer.resolve_us = util_now_us() - w->asked_us;
	w->state = WAIT_DONE;
	so->nwaiting--;
	so->ndone++;
}

static void end_sweep(struct sockowner *so, int err)
{
	so->sweeping = false;
	for (size_t i = 0; i < WAITS_MAX; i++) {
		struct wait *w = &so->waits[i];

		if (!is_in_sweep(so, w))
			continue;
		if (err < 0)
			give_up_on(&w->answer, err);
		else
			judge(so, w);
		finish(so, w);
	}
}

bool sockowner_step(struct sockowner *so, unsigned budget_us)
{
	int r = 0;

	if (so->nwaiting == 0)
		return false;
	if (!so->sweeping)
		r = start_sweep(so);
	if (r == 0)
		r = fdscan_step(so->scan, so->inodes, so->ninodes,
				util_now_us() + budget_us, add_sweep_hit, so);
	if (r != 0)
		end_sweep(so, r);
	return so->nwaiting > 0;
}

/* ------------------------------------------------------------ questions */

static struct wait *free_wait(struct sockowner *so)
{
	for (size_t i = 0; i < WAITS_MAX; i++)
		if (so->waits[i].state == WAIT_FREE)
			return &so->waits[i];
	return NULL;
}

static void hand_out(struct wait *w, struct sockowner_answer *answer)
{
	*answer = w->answer;
	w->answer.nholders = 0;
	w->state = WAIT_FREE;
}

int sockowner_ask(struct sockowner *so, const struct sockowner_query *q,
		  uint64_t token, struct sockowner_answer *answer)
{
	struct wait *w = free_wait(so);
	int err;

	if (w == NULL)
		return -EBUSY;
	memset(&w->answer, 0, sizeof(w->answer));
	w->query = *q;
	w->token = token;
	w->asked_us = util_now_us();
	err = make_diag_query(q, &w->diag);
	if (err < 0)
		return err;
	if (!find_socket(so, w) || try_candidates(so, w)) {
		w->answer.resolve_us = util_now_us() - w->asked_us;
		hand_out(w, answer);
		return 1;
	}
	w->state = WAIT_SWEEP;
	w->sweep = so->sweep + 1;
	so->nwaiting++;
	*answer = w->answer;
	return 0;
}

bool sockowner_next(struct sockowner *so, uint64_t *token,
		    struct sockowner_answer *answer)
{
	if (so->ndone == 0)
		return false;
	for (size_t i = 0; i < WAITS_MAX; i++) {
		struct wait *w = &so->waits[i];

		if (w->state != WAIT_DONE)
			continue;
		so->ndone--;
		*token = w->token;
		hand_out(w, answer);
		return true;
	}
	return false;
}

bool sockowner_cancel(struct sockowner *so, uint64_t token,
		      struct sockowner_answer *answer)
{
	for (size_t i = 0; i < WAITS_MAX; i++) {
		struct wait *w = &so->waits[i];

		if (w->state == WAIT_FREE || w->token != token)
			continue;
		if (w->state == WAIT_SWEEP) {
			give_up(&w->answer, SOCKOWNER_REASON_TIME);
			finish(so, w);
		}
		so->ndone--;
		hand_out(w, answer);
		return true;
	}
	return false;
}

int sockowner_get(struct sockowner *so, const struct sockowner_query *q,
		  uint64_t timeout_us, struct sockowner_answer *answer)
{
	const uint64_t token = UINT64_MAX;
	uint64_t until = util_now_us() + timeout_us;
	int r = sockowner_ask(so, q, token, answer);

	while (r == 0) {
		sockowner_step(so, 1000);
		for (size_t i = 0; i < WAITS_MAX; i++)
			if (so->waits[i].state == WAIT_DONE &&
			    so->waits[i].token == token)
				r = 1;
		if (r == 1 || util_now_us() >= until)
			return sockowner_cancel(so, token, answer) ? 1 : -EIO;
	}
	return r;
}

/* ------------------------------------------------------- further packets */

int sockowner_still(struct sockowner *so, const struct sockowner_query *q,
		    uint64_t cookie, const struct sockowner_holder *holder)
{
	struct sockdiag_query d;
	struct sockdiag_row row;
	struct procfs_stat st;
	int dirfd, still;

	if (make_diag_query(q, &d) < 0 || sockdiag_get(so->diag, &d, &row) < 0)
		return 0;
	if (row.cookie != cookie ||
	    (q->protocol != IPPROTO_TCP && !has_charged(q, &row)))
		return 0;
	if (holder == NULL)
		return 1;
	dirfd = procfs_open_pid(so->rootfd, holder->pid);
	if (dirfd < 0)
		return 0;
	still = procfs_read_stat(dirfd, &st) == 0 &&
		st.starttime == holder->starttime &&
		sockowner_holder_is_unchanged(holder, dirfd, row.inode);
	close(dirfd);
	return still;
}
