/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner: which process owns the socket with these addresses, and how sure
 * is that? */
#include "sockowner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "sockdiag.h"
#include "sockowner_candidates.h"
#include "sockowner_holder.h"
#include "sockowner_room.h"
#include "sockowner_socket.h"
#include "sockowner_sweep.h"
#include "stages.h"
#include "uring.h"
#include "util.h"

#define WAITS_MAX 512
#define NETS_MAX  256

enum wait_state { WAIT_FREE, WAIT_SWEEP, WAIT_DONE };

/* A question whose answer is not there yet. */
struct wait {
	enum wait_state state;
	uint64_t token;
	uint64_t sweep; /* the number of the sweep it needs */
	uint64_t asked_us;
	struct sockowner_query query;
	struct sockdiag_query diag;
	struct sockowner_answer answer;
};

/* Another network namespace. */
struct net {
	uint64_t id;
	struct sockowner_finder finder;
};

struct sockowner {
	int rootfd;
	bool may_ptrace;
	struct sockowner_finder finder;
	struct net *nets[NETS_MAX];
	struct sockowner_candidates candidates;
	struct sockowner_sweep sweeper;
	struct stage *socket, *holders; /* NULL: not measured */
	struct stage stages[2];
	bool sweeping;
	uint64_t sweep;		    /* number of the present or last sweep */
	uint64_t inodes[WAITS_MAX]; /* what that sweep looks for, sorted */
	size_t ninodes;
	size_t nwaiting, ndone;
	struct wait waits[WAITS_MAX];
};

/* ---------------------------------------------------------- open and close */

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
	so->candidates.loadavg_fd = -1;
	so->rootfd = err = procfs_open_root(proc);
	if (err < 0)
		goto out;
	so->may_ptrace = sockowner_socket_sees_all_users(so->rootfd) &&
			 has_cap_ptrace(so->rootfd);
	err = sockowner_socket_open(&so->finder, so->rootfd);
	if (err < 0)
		goto out;
	err = sockowner_sweep_open(&so->sweeper, so->rootfd);
	if (err == 0)
		sockowner_candidates_open(&so->candidates, so->rootfd,
					  so->sweeper.scan);
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
	for (size_t i = 0; i < NETS_MAX; i++)
		if (so->nets[i] != NULL)
			sockowner_remove_net(so, so->nets[i]->id);
	sockowner_sweep_close(&so->sweeper);
	sockowner_socket_close(&so->finder);
	sockowner_candidates_close(&so->candidates);
	if (so->rootfd >= 0)
		close(so->rootfd);
	free(so);
}

int sockowner_use_iterator(struct sockowner *so, int link_fd)
{
	return sockowner_sweep_use_iter(&so->sweeper, link_fd);
}

void sockowner_survey(struct sockowner *so, unsigned budget_us)
{
	sockowner_sweep_list(&so->sweeper, util_now_us() + budget_us,
			     &so->candidates.old);
}

void sockowner_release(struct sockowner_answer *a)
{
	for (size_t i = 0; i < a->nholders; i++)
		if (a->holders[i].dirfd >= 0)
			close(a->holders[i].dirfd);
	a->nholders = 0;
}

/* ------------------------------------------------------------- the stages */

void sockowner_measure(struct sockowner *so)
{
	so->socket = &so->stages[0];
	so->holders = &so->stages[1];
}

static struct sockowner_stage read_stage(const struct stage *s)
{
	return (struct sockowner_stage){s->count, s->total_ns, s->max_ns};
}

void sockowner_read_stages(const struct sockowner *so,
			   struct sockowner_stages *st)
{
	st->socket = read_stage(&so->stages[0]);
	st->holders = read_stage(&so->stages[1]);
}

/* What look-ups take meanwhile is theirs: the start is later by as much. */
static uint64_t start_holders(const struct sockowner *so)
{
	return stage_start(so->holders) - so->stages[0].total_ns;
}

static void end_holders(struct sockowner *so, uint64_t start)
{
	stage_end(so->holders, start + so->stages[0].total_ns);
}

/* -------------------------------------------------------- other namespaces */

static void close_all(int diag, const int *tables)
{
	close(diag);
	for (size_t i = 0; i < SOCKRAW_TABLES; i++)
		if (tables[i] >= 0)
			close(tables[i]);
}

int sockowner_add_net(struct sockowner *so, uint64_t net, int diag,
		      const int tables[4])
{
	struct net *n = calloc(1, sizeof(*n));
	size_t i = 0;
	int err;

	while (i < NETS_MAX && so->nets[i] != NULL)
		i++;
	if (n == NULL || i == NETS_MAX) {
		close_all(diag, tables);
		free(n);
		return n == NULL ? -ENOMEM : -ENOSPC;
	}
	err = sockowner_socket_open_net(&n->finder, so->rootfd, diag, tables);
	if (err < 0) {
		free(n);
		return err;
	}
	n->id = net;
	so->nets[i] = n;
	return 0;
}

static struct net **find_net(struct sockowner *so, uint64_t id)
{
	for (size_t i = 0; i < NETS_MAX; i++)
		if (so->nets[i] != NULL && so->nets[i]->id == id)
			return &so->nets[i];
	return NULL;
}

void sockowner_remove_net(struct sockowner *so, uint64_t net)
{
	struct net **n = find_net(so, net);

	if (n == NULL)
		return;
	sockowner_socket_close(&(*n)->finder);
	free(*n);
	*n = NULL;
}

/* NULL: that namespace is gone. */
static struct sockowner_finder *finder_of(struct sockowner *so,
					  const struct sockowner_query *q)
{
	struct net **n = q->net != 0 ? find_net(so, q->net) : NULL;

	if (q->net == 0)
		return &so->finder;
	return n != NULL ? &(*n)->finder : NULL;
}

static bool find_socket(struct sockowner *so, const struct sockowner_query *q,
			const struct sockdiag_query *d,
			struct sockowner_answer *a)
{
	struct sockowner_finder *f = finder_of(so, q);
	uint64_t start = stage_start(so->socket);
	bool found = false;

	if (f != NULL)
		found = sockowner_socket_find(f, q, d, a);
	else
		sockowner_socket_refuse(a, -ENOENT);
	stage_end(so->socket, start);
	return found;
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
	return n > 0 ? sockowner_sweep_start(&so->sweeper) : 0;
}

static bool may_be_hit(const struct wait *w, const struct fdscan_hit *hit)
{
	const struct sockowner_query *q = &w->query;

	if (hit->inode == 0)
		return hit->unnamed & uring_kind_of(q->protocol, q->fragment);
	return w->answer.socket.inode == hit->inode;
}

static void add_sweep_hit(const struct fdscan_hit *hit, void *data)
{
	struct sockowner *so = data;

	for (size_t i = 0; i < WAITS_MAX; i++) {
		struct wait *w = &so->waits[i];

		if (is_in_sweep(so, w) && may_be_hit(w, hit))
			sockowner_holder_add(&w->answer, hit);
	}
	if (hit->dirfd >= 0)
		close(hit->dirfd);
}

static void give_up(struct sockowner_answer *a, enum sockowner_reason reason)
{
	a->grade = SOCKOWNER_UNKNOWN;
	a->reason = reason;
	a->idle = false;
}

/* Does the question still have the same answer?  The packet was held all the
 * while, so its socket must be there as it was. */
static bool is_socket_unchanged(struct sockowner *so,
				const struct sockowner_query *q,
				const struct sockdiag_query *d,
				const struct sockowner_socket *socket)
{
	struct sockowner_answer again = {0};

	return find_socket(so, q, d, &again) &&
	       sockowner_socket_is_same(&again.socket, socket);
}

/* Nobody has the socket of that port, and none of its packets is on its way. */
static void judge_idle(struct sockowner *so, struct wait *w)
{
	struct sockowner_answer *a = &w->answer, again = {0};
	bool nobodys = so->may_ptrace && a->ndenied == 0 &&
		       a->nholders_total == 0 && a->ring_pid == 0 &&
		       sockowner_sweep_settled(&so->sweeper);

	/* Who has it did not send this. */
	sockowner_release(a);
	a->nholders_total = 0;
	if (nobodys && !find_socket(so, &w->query, &w->diag, &again) &&
	    again.idle && sockowner_socket_is_same(&again.socket, &a->socket)) {
		a->grade = SOCKOWNER_KERNEL;
		a->reason = SOCKOWNER_REASON_NONE;
		return;
	}
	a->idle = false;
	give_up(a, SOCKOWNER_REASON_NOT_QUEUED);
}

/* Has somebody a ring that may have the socket, and it is not the only holder?
 */
static bool may_be_in_ring(const struct sockowner_answer *a)
{
	return a->ring_pid != 0 &&
	       (a->nholders == 0 || a->ring_pid != a->holders[0].pid);
}

/* Of a datagram that is charged to nobody it is not known whether the socket
 * that has its port now is the one that it left from. */
static bool is_orphan(const struct sockowner_query *q)
{
	return q->orphaned &&
	       (q->fragment || !sockdiag_is_connected(q->protocol));
}

/* The grade of a question whose sweep is complete.  Whether it has settled does
 * not matter for a name: who was born since has not sent the packet, which was
 * held before. */
static void judge(struct sockowner *so, struct wait *w)
{
	struct sockowner_answer *a = &w->answer;

	a->method = SOCKOWNER_METHOD_SWEEP;
	a->ndenied = sockowner_sweep_denied(&so->sweeper);
	if (a->idle) {
		judge_idle(so, w);
	} else if (!is_socket_unchanged(so, &w->query, &w->diag, &a->socket)) {
		give_up(a, SOCKOWNER_REASON_CHANGED);
	} else if (w->query.connecting && a->nholders_total == 1 &&
		   sockowner_holder_prove(a)) {
		sockowner_candidates_note(&so->candidates, a->holders[0].pid);
	} else if (w->query.connecting && a->rewritten) {
		give_up(a, SOCKOWNER_REASON_REWRITTEN);
	} else if (!so->may_ptrace && !so->sweeper.by_iter) {
		give_up(a, SOCKOWNER_REASON_NOT_PERMITTED);
	} else if (a->nholders_total <= 1 && may_be_in_ring(a)) {
		give_up(a, SOCKOWNER_REASON_RING);
	} else if (a->nholders_total == 0) {
		give_up(a, SOCKOWNER_REASON_NO_HOLDER);
	} else if (a->nholders_total > 1) {
		a->grade = SOCKOWNER_SHARED;
		a->reason = SOCKOWNER_REASON_MANY_HOLDERS;
	} else if (a->nclosed > 0) {
		give_up(a, SOCKOWNER_REASON_NOT_PERMITTED);
	} else if (a->nholders == 0 ||
		   !sockowner_holder_is_unchanged(&a->holders[0],
						  a->holders[0].dirfd,
						  a->socket.inode)) {
		give_up(a, SOCKOWNER_REASON_CHANGED);
	} else {
		a->grade = SOCKOWNER_HOLDER;
		a->reason = a->ndenied > 0 ? SOCKOWNER_REASON_BLIND_SPOT
					   : SOCKOWNER_REASON_NO_WITNESS;
		sockowner_candidates_note(&so->candidates, a->holders[0].pid);
	}
	if (is_orphan(&w->query) &&
	    (a->grade == SOCKOWNER_HOLDER || a->grade == SOCKOWNER_SHARED))
		give_up(a, SOCKOWNER_REASON_ORPHANED);
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
			sockowner_socket_refuse(&w->answer, err);
		else
			judge(so, w);
		finish(so, w);
	}
}

/* Half a sweep is none: it is forgotten, and they wait for the next one. */
static void repeat_sweep(struct sockowner *so)
{
	so->sweeping = false;
	for (size_t i = 0; i < WAITS_MAX; i++) {
		struct wait *w = &so->waits[i];

		if (!is_in_sweep(so, w))
			continue;
		sockowner_release(&w->answer);
		w->answer.nholders_total = 0;
		w->answer.nclosed = 0;
		w->answer.ring_pid = 0;
		w->sweep = so->sweep + 1;
	}
}

static void step(struct sockowner *so, unsigned budget_us)
{
	int r = 0;

	if (!so->sweeping)
		r = start_sweep(so);
	if (r == 0)
		r = sockowner_sweep_step(&so->sweeper, so->inodes, so->ninodes,
					 util_now_us() + budget_us,
					 add_sweep_hit, so);
	if (r == -EAGAIN && so->sweeper.by_iter)
		repeat_sweep(so);
	else if (r != 0)
		end_sweep(so, r);
}

bool sockowner_step(struct sockowner *so, unsigned budget_us)
{
	uint64_t start;

	if (so->nwaiting == 0)
		return false;
	start = start_holders(so);
	step(so, budget_us);
	end_holders(so, start);
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

static bool try_candidates(struct sockowner *so, struct sockowner_answer *a)
{
	uint64_t start = start_holders(so);
	bool found = sockowner_candidates_try(&so->candidates, a);

	end_holders(so, start);
	return found;
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
	err = sockowner_socket_query(q, &w->diag);
	if (err < 0)
		return err;
	if ((!find_socket(so, q, &w->diag, &w->answer) && !w->answer.idle) ||
	    (q->connecting && try_candidates(so, &w->answer))) {
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

int sockowner_find(struct sockowner *so, const struct sockowner_query *q,
		   struct sockowner_answer *answer)
{
	struct sockdiag_query d;
	int err = sockowner_socket_query(q, &d);

	memset(answer, 0, sizeof(*answer));
	return err < 0 ? err : find_socket(so, q, &d, answer);
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

/* ------------------------------------------------------ further packets */

int sockowner_serves(struct sockowner *so, const struct sockowner_query *q)
{
	struct sockowner_finder *f = finder_of(so, q);
	uint64_t start = stage_start(so->socket);
	bool serves = f != NULL && sockowner_socket_serves(f, q);

	stage_end(so->socket, start);
	return serves;
}

void sockowner_held_join(struct sockowner_held *held,
			 const struct sockowner_held *more)
{
	if (held->packets == 0 || more->least < held->least)
		held->least = more->least;
	held->packets += more->packets;
	held->bytes += more->bytes;
	held->room += more->room;
}

void sockowner_held_add(struct sockowner *so, struct sockowner_held *held,
			uint32_t len, const struct sockaddr_storage *to,
			unsigned ifindex)
{
	uint32_t room = sockowner_room(&so->finder.rooms, len, to, ifindex);
	const struct sockowner_held one = {1, len, room, room};

	sockowner_held_join(held, &one);
}

int sockowner_recheck(struct sockowner *so, const struct sockowner_query *q,
		      const struct sockowner_socket *socket)
{
	struct sockdiag_query d;

	return sockowner_socket_query(q, &d) == 0 &&
	       is_socket_unchanged(so, q, &d, socket);
}

static bool is_holder_still(const struct sockowner *so,
			    const struct sockowner_holder *holder,
			    uint64_t inode)
{
	int dirfd = procfs_open_pid(so->rootfd, holder->pid);
	bool still;

	if (dirfd < 0)
		return false;
	still = sockowner_holder_is_unchanged(holder, dirfd, inode);
	close(dirfd);
	return still;
}

int sockowner_still(struct sockowner *so, const struct sockowner_query *q,
		    const struct sockowner_socket *socket,
		    const struct sockowner_holder *holder)
{
	struct sockowner_finder *f = finder_of(so, q);
	uint64_t inode = 0, start = stage_start(so->socket);
	bool still = f != NULL && sockowner_socket_still(f, q, socket, &inode);

	start = stage_end(so->socket, start);
	if (!still || holder == NULL)
		return still;
	still = is_holder_still(so, holder, inode);
	stage_end(so->holders, start);
	return still;
}
