/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_socket: which socket sent it, or why that cannot be said. */
#include "sockowner_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "procfs.h"
#include "sockowner_raw.h"
#include "sockowner_room.h"
#include "util.h"

/* What a packet is charged beyond its length, at least: struct sk_buff and
 * skb_shared_info (SKB_TRUESIZE in include/linux/skbuff.h; 576 bytes on 64-bit
 * kernels from 4.9 to 6.18). */
#define SKB_OVERHEAD (sizeof(long) == 8 ? 512U : 256U)
/* And at most, where it is cut up for a small device, say. */
#define SKB_ROOM  1536U
#define SKB_SCALE 3U
/* How often raw sockets are looked at in a row: one whose own packet is on its
 * way to the device looks like the sender, but not for long. */
#define RAW_LOOKS 4

/* sock_diag gives uids as our user namespace has them, a packet as the first
 * one has them (nfqnl_put_sk_uidgid): they compare only there. */
bool sockowner_socket_sees_all_users(int rootfd)
{
	char text[256];
	unsigned long long inside, outside, count;

	return procfs_read(rootfd, "self/uid_map", text, sizeof(text), NULL) >
		       0 &&
	       sscanf(text, "%llu %llu %llu", &inside, &outside, &count) == 3 &&
	       inside == 0 && outside == 0 && count == UINT32_MAX;
}

/* The first look-up of a kind may load a kernel module, which takes longer than
 * a packet should be held. */
static void load_diag_modules(struct sockowner_finder *f)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct sockdiag_query q = {.local_port = 1, .remote_port = 1};

	ipaddr_parse("127.0.0.1", 9, &q.local);
	q.remote = q.local;
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		q.proto = protos[i];
		sockdiag_get(f->diag, &q, &f->rows[0]);
	}
	sockdiag_find_all(f->diag, &q, f->rows, ROWS_MAX);
	sockdiag_find_raw(f->diag, AF_INET, f->rows, ROWS_MAX);
}

int sockowner_socket_open(struct sockowner_finder *f, int rootfd)
{
	int err = sockdiag_open(&f->diag);

	if (err < 0)
		return err;
	sockraw_open(&f->tables, rootfd);
	f->uid_exact = sockowner_socket_sees_all_users(rootfd);
	sockowner_rooms_open(&f->rooms);
	load_diag_modules(f);
	return 0;
}

int sockowner_socket_open_net(struct sockowner_finder *f, int rootfd, int diag,
			      const int tables[SOCKRAW_TABLES])
{
	int err = sockdiag_open_fd(&f->diag, diag);

	for (size_t i = 0; i < SOCKRAW_TABLES; i++)
		f->tables.fds[i] = tables[i];
	f->uid_exact = sockowner_socket_sees_all_users(rootfd);
	if (err < 0)
		sockraw_close(&f->tables);
	return err;
}

void sockowner_socket_close(struct sockowner_finder *f)
{
	if (f->diag == NULL)
		return;
	sockraw_close(&f->tables);
	sockdiag_close(f->diag);
	f->diag = NULL;
}

int sockowner_socket_query(const struct sockowner_query *q,
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

bool sockowner_socket_is_same(const struct sockowner_socket *a,
			      const struct sockowner_socket *b)
{
	if (a->cookie != 0 && b->cookie != 0)
		return a->cookie == b->cookie;
	return a->inode != 0 && a->inode == b->inode;
}

/* As many as are listed; all are counted. */
static void add_twin(struct sockowner_answer *a, const struct sockdiag_row *row)
{
	if (a->ntwins < SOCKOWNER_HOLDERS_MAX)
		a->twins[a->ntwins++] = socket_of(row);
	a->ntwins_total++;
}

static void give_up(struct sockowner_answer *a, enum sockowner_reason reason)
{
	a->grade = SOCKOWNER_UNKNOWN;
	a->reason = reason;
}

void sockowner_socket_refuse(struct sockowner_answer *a, int err)
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

static bool has_other_uid(const struct sockowner_finder *f,
			  const struct sockowner_query *q,
			  const struct sockdiag_row *row)
{
	return q->has_uid && f->uid_exact && row->uid != q->uid;
}

/* Takes the row, if it can be what was asked for; else says why not. */
static bool take_row(const struct sockowner_finder *f,
		     const struct sockowner_query *q,
		     struct sockowner_answer *a, const struct sockdiag_row *row)
{
	a->has_socket = true;
	a->socket = socket_of(row);
	if (row->inode == 0) {
		/* TIME_WAIT, a request or an orphan: nobody's any more. */
		a->grade = SOCKOWNER_KERNEL;
		a->method = SOCKOWNER_METHOD_SOCKET;
		return false;
	}
	if (has_other_uid(f, q, row)) {
		a->has_socket = false;
		give_up(a, SOCKOWNER_REASON_OTHER_UID);
		return false;
	}
	return true;
}

/*
 * A raw socket may forge a packet of a connection that sends nothing.  What the
 * packet carries must be in the send queue (TCP), or something must be charged
 * to the socket if the packet is (SCTP: sctp_packet_set_owner_w; what DCCP
 * sends as a copy is not, and has no uid then).
 */
static bool is_forged(const struct sockowner_query *q,
		      const struct sockdiag_row *row)
{
	if (row->inode == 0)
		return false;
	/* A SYN is in the queue as one byte, from before it is sent until it is
	 * answered. */
	if (q->connecting && row->state != TCP_SYN_SENT &&
	    row->state != TCP_SYN_RECV)
		return true;
	if (q->protocol == IPPROTO_TCP)
		return row->wqueue < q->payload + q->connecting;
	return sockdiag_is_connected(q->protocol) && q->held.packets > 0 &&
	       q->has_uid && row->wmem == 0;
}

/* One exact look-up: a connection's tuple is unique. */
static bool find_exact(struct sockowner_finder *f,
		       const struct sockowner_query *q,
		       const struct sockdiag_query *d,
		       struct sockowner_answer *a)
{
	struct sockdiag_row row;
	int err = sockdiag_get(f->diag, d, &row);

	if (err < 0) {
		sockowner_socket_refuse(a, err);
		return false;
	}
	if (is_forged(q, &row)) {
		give_up(a, SOCKOWNER_REASON_NOT_QUEUED);
		return false;
	}
	return take_row(f, q, a, &row);
}

/* A connection, or an attempt at one, that has this local address. */
static bool is_connection_from(const struct sockdiag_row *row,
			       const struct sockdiag_query *d)
{
	return row->state != TCP_LISTEN && row->remote_port != 0 &&
	       ipaddr_equal(&row->local, &d->local) &&
	       (row->ifindex == 0 || row->ifindex == d->ifindex);
}

/* Of the first n rows, those that may have sent it, wherever they are connected
 * to, as twins; the last one. */
static const struct sockdiag_row *list_connections(
	const struct sockowner_finder *f, const struct sockowner_query *q,
	const struct sockdiag_query *d, size_t n, struct sockowner_answer *a)
{
	const struct sockdiag_row *last = NULL;

	a->ntwins = a->ntwins_total = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_connection_from(&f->rows[i], d) ||
		    (q->connecting && f->rows[i].state != TCP_SYN_SENT))
			continue;
		last = &f->rows[i];
		add_twin(a, last);
	}
	return last;
}

/* Its destination is not the packet's: it must show otherwise that it sends. */
static bool take_rewritten(const struct sockowner_finder *f,
			   const struct sockowner_query *q,
			   struct sockowner_answer *a,
			   const struct sockdiag_row *row)
{
	a->rewritten = true;
	ipaddr_to_sockaddr(&row->remote, row->remote_port, q->ifindex,
			   &a->remote);
	if (q->connecting ||
	    (q->payload > 0 && row->wqueue >= q->payload && row->inode != 0))
		return take_row(f, q, a, row);
	give_up(a, SOCKOWNER_REASON_REWRITTEN);
	return false;
}

/*
 * The destination may be another than the socket's.  Then even a connection of
 * just these addresses need not be the one: only where there is one connection
 * from the local address, whatever it is to, is there no other.
 */
static bool find_behind_nat(struct sockowner_finder *f,
			    const struct sockowner_query *q,
			    const struct sockdiag_query *d,
			    struct sockowner_answer *a)
{
	int n = sockdiag_list_port(f->diag, d->proto, d->local_port, f->rows,
				   ROWS_MAX);
	const struct sockdiag_row *row;

	if (n < 0 && n != -ENOENT) {
		sockowner_socket_refuse(a, n);
		return false;
	}
	row = list_connections(f, q, d, (size_t)MIN(MAX(n, 0), ROWS_MAX), a);
	if (a->ntwins_total == 0 && n <= ROWS_MAX) {
		give_up(a, SOCKOWNER_REASON_NO_SOCKET);
		return false;
	}
	if (a->ntwins_total != 1 || n > ROWS_MAX) {
		a->grade = SOCKOWNER_TWINS;
		a->reason = SOCKOWNER_REASON_MANY_SOCKETS;
		return false;
	}
	a->ntwins = a->ntwins_total = 0;
	if (!ipaddr_equal(&row->remote, &d->remote) ||
	    row->remote_port != d->remote_port)
		return take_rewritten(f, q, a, row);
	if (is_forged(q, row)) {
		give_up(a, SOCKOWNER_REASON_NOT_QUEUED);
		return false;
	}
	return take_row(f, q, a, row);
}

/* ---------------------------------------------------------------- who receives
 */

/* Goes to all that listen there, not to one of them. */
static bool is_for_many(const struct ipaddr *a)
{
	static const uint8_t all[4] = {255, 255, 255, 255};

	return a->family == AF_INET
		       ? a->bytes[0] >> 4 == 14 ||
				 memcmp(a->bytes, all, sizeof(all)) == 0
		       : a->bytes[0] == 0xff;
}

/* A connection that is not accepted yet is the listener's; one that nobody has
 * any more is the kernel's, but for what opens the next one in its place. */
static bool is_listeners(const struct sockowner_query *q,
			 const struct sockdiag_row *row)
{
	if (row->inode != 0)
		return false;
	switch (row->state) {
	case TCP_ESTABLISHED:
	case TCP_SYN_RECV:
	case TCP_CLOSE_WAIT:
	case 12: /* TCP_NEW_SYN_RECV, include/net/tcp_states.h */
		return true;
	case TCP_TIME_WAIT:
		return q->opening;
	}
	return false;
}

static void list_twins(const struct sockowner_finder *f, size_t n,
		       struct sockowner_answer *a)
{
	a->grade = SOCKOWNER_TWINS;
	a->reason = SOCKOWNER_REASON_MANY_SOCKETS;
	a->ntwins = a->ntwins_total = 0;
	for (size_t i = 0; i < n; i++)
		add_twin(a, &f->rows[i]);
}

/* The kernel's own choice; but of several that share a port a program of theirs
 * (SO_ATTACH_REUSEPORT_EBPF), or the processor, may choose another one. */
static int find_receivers(struct sockowner_finder *f,
			  const struct sockowner_query *q,
			  const struct sockdiag_query *d)
{
	bool connected = sockdiag_is_connected(q->protocol);
	struct sockdiag_row row;
	int err;

	if (!connected && is_for_many(&d->local))
		return sockdiag_find_receivers(f->diag, d, f->rows, ROWS_MAX);
	err = sockdiag_get(f->diag, d, &row);
	if (q->protocol == IPPROTO_TCP &&
	    (err == -ENOENT || (err == 0 && is_listeners(q, &row))))
		err = sockdiag_get_listener(f->diag, d, &row);
	if (err < 0 && err != -ENOTUNIQ)
		return err;
	f->rows[0] = row;
	if (connected && row.state != TCP_LISTEN)
		return 1;
	err = sockdiag_find_equals(f->diag, d->proto, &row, f->rows, ROWS_MAX);
	return err == 0 ? -ENOENT : err;
}

static bool find_receiver(struct sockowner_finder *f,
			  const struct sockowner_query *q,
			  const struct sockdiag_query *d,
			  struct sockowner_answer *a)
{
	int n = find_receivers(f, q, d);

	if (n <= 0)
		sockowner_socket_refuse(a, n == 0 ? -ENOENT : n);
	else if (n > 1)
		list_twins(f, (size_t)n < ROWS_MAX ? (size_t)n : ROWS_MAX, a);
	return n == 1 && take_row(f, q, a, &f->rows[0]);
}

/*
 * Are all of these in the socket's send queue: more than the others can take if
 * one of them is missing?  And, where they are all there is, nothing beyond
 * them?
 */
static bool has_in_queue(const struct sockdiag_row *row,
			 const struct sockowner_held *held, bool all)
{
	uint64_t n = held->packets, most = held->room;

	if (row->wqueue < n * SKB_OVERHEAD + held->bytes)
		return false;
	if (n <= 1)
		most = n * SKB_ROOM + SKB_SCALE * (uint64_t)held->bytes;
	else if (row->wqueue + (uint64_t)held->least <= held->room)
		return false;
	return !all || row->wqueue <= most;
}

/* A raw socket may have more, for others: see is_told_apart. */
static bool has_charged(const struct sockowner_query *q,
			const struct sockdiag_row *row)
{
	return has_in_queue(row, &q->held, q->held_all && !row->raw);
}

/* Could this datagram socket have sent the held packet?  The packet is still
 * charged to its socket, so that one's send queue is not empty. */
static bool is_possible(const struct sockowner_finder *f,
			const struct sockowner_query *q,
			const struct sockdiag_row *row,
			enum sockowner_reason *why_not)
{
	if (row->inode == 0) {
		*why_not = SOCKOWNER_REASON_NO_SOCKET;
		return false;
	}
	if (has_other_uid(f, q, row)) {
		*why_not = SOCKOWNER_REASON_OTHER_UID;
		return false;
	}
	if (!q->orphaned && !has_charged(q, row)) {
		*why_not = SOCKOWNER_REASON_NOT_QUEUED;
		return false;
	}
	return true;
}

/* A raw socket may have sent any packet of its protocol: all that are held must
 * be its own, or one of them is another's who is gone. */
static bool is_told_apart(const struct sockowner_query *q,
			  const struct sockdiag_row *row)
{
	if (!row->raw || q->wide.packets == 0 || q->orphaned)
		return true;
	return has_in_queue(row, &q->wide, q->held_all) &&
	       sockowner_raw_is_told_apart(q, row);
}

static int find_rows(struct sockowner_finder *f,
		     const struct sockowner_query *q,
		     const struct sockdiag_query *d)
{
	if (sockowner_raw_sends(q))
		return sockowner_raw_find(&f->tables, f->diag, q, d, f->rows,
					  ROWS_MAX);
	return sockdiag_find_all(f->diag, d, f->rows, ROWS_MAX);
}

/* Of the first n rows, those that may have sent it, as twins; the last one. */
static const struct sockdiag_row *
list_possible(const struct sockowner_finder *f, const struct sockowner_query *q,
	      size_t n, struct sockowner_answer *a,
	      enum sockowner_reason *why_not)
{
	const struct sockdiag_row *last = NULL;

	a->ntwins = a->ntwins_total = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_possible(f, q, &f->rows[i], why_not))
			continue;
		last = &f->rows[i];
		add_twin(a, last);
	}
	return last;
}

/* A tunnel's socket sends packets that are charged to others: wireguard's, for
 * one (skb_scrub_packet keeps the owner since Linux 4.19).  Nobody has it open;
 * but so it is with a process's that is in flight, or in an io_uring only, and
 * then the packet is another one's who had that port and is gone. */
static bool is_idle(const struct sockowner_query *q,
		    const struct sockdiag_row *row)
{
	return !sockowner_raw_sends(q) && q->held.packets > 0 && !q->orphaned &&
	       row->inode != 0 && row->wqueue == 0 && row->no_mc_loop;
}

/* The kernel's look-up for datagrams names one of several sockets that may
 * share the port; only all of them together are the truth. */
static bool look_for_datagram(struct sockowner_finder *f,
			      const struct sockowner_query *q,
			      const struct sockdiag_query *d,
			      struct sockowner_answer *a)
{
	enum sockowner_reason reason = SOCKOWNER_REASON_NO_SOCKET;
	int n = find_rows(f, q, d);
	size_t seen = n > ROWS_MAX ? ROWS_MAX : (size_t)(n < 0 ? 0 : n);
	const struct sockdiag_row *row;

	a->has_socket = a->idle = false;
	if (n < 0) {
		sockowner_socket_refuse(a, n);
		return false;
	}
	row = list_possible(f, q, seen, a, &reason);
	if (a->ntwins_total == 0 && n <= ROWS_MAX) {
		give_up(a, reason);
		a->idle = n == 1 && is_idle(q, &f->rows[0]);
		a->socket = a->idle ? socket_of(&f->rows[0]) : a->socket;
		return false;
	}
	if (a->ntwins_total != 1 || n > ROWS_MAX) {
		a->grade = SOCKOWNER_TWINS;
		a->reason = SOCKOWNER_REASON_MANY_SOCKETS;
		return false;
	}
	a->ntwins = a->ntwins_total = 0;
	if (!is_told_apart(q, row)) {
		give_up(a, SOCKOWNER_REASON_NOT_QUEUED);
		return false;
	}
	a->has_socket = true;
	a->socket = a->twins[0];
	return true;
}

static bool find_datagram(struct sockowner_finder *f,
			  const struct sockowner_query *q,
			  const struct sockdiag_query *d,
			  struct sockowner_answer *a)
{
	struct sockowner_socket first;

	if (!look_for_datagram(f, q, d, a))
		return false;
	first = a->socket;
	for (int i = 1; i < RAW_LOOKS && sockowner_raw_sends(q); i++) {
		if (!look_for_datagram(f, q, d, a))
			return false;
		if (sockowner_socket_is_same(&a->socket, &first))
			continue;
		a->has_socket = false;
		give_up(a, SOCKOWNER_REASON_CHANGED);
		return false;
	}
	return true;
}

bool sockowner_socket_find(struct sockowner_finder *f,
			   const struct sockowner_query *q,
			   const struct sockdiag_query *d,
			   struct sockowner_answer *a)
{
	bool connected = sockdiag_is_connected(q->protocol) && !q->fragment;

	if (q->listener)
		return find_receiver(f, q, d, a);
	if (connected && q->protocol == IPPROTO_TCP && q->nat)
		return find_behind_nat(f, q, d, a);
	if (connected)
		return find_exact(f, q, d, a);
	return find_datagram(f, q, d, a);
}

/* Where there is no exact look-up. */
static int still_found(struct sockowner_finder *f,
		       const struct sockowner_query *q,
		       const struct sockdiag_query *d,
		       const struct sockowner_socket *socket, uint64_t *inode)
{
	struct sockowner_answer a = {0};

	if (!sockowner_socket_find(f, q, d, &a) ||
	    !sockowner_socket_is_same(&a.socket, socket))
		return 0;
	*inode = a.socket.inode;
	return 1;
}

static bool is_row_of(const struct sockdiag_row *row,
		      const struct sockowner_socket *socket)
{
	struct sockowner_socket one = socket_of(row);

	return sockowner_socket_is_same(&one, socket);
}

/* Wherever it is connected to: a list of them all takes long. */
static int get_behind_nat(struct sockowner_finder *f,
			  const struct sockdiag_query *d,
			  const struct sockowner_socket *socket,
			  struct sockdiag_row *row)
{
	int n;

	if (sockdiag_get(f->diag, d, row) == 0 && is_row_of(row, socket))
		return 0;
	n = sockdiag_list_port(f->diag, d->proto, d->local_port, f->rows,
			       ROWS_MAX);
	for (int i = 0; i < n && i < ROWS_MAX; i++)
		if (is_row_of(&f->rows[i], socket)) {
			*row = f->rows[i];
			return 0;
		}
	return -ENOENT;
}

int sockowner_socket_still(struct sockowner_finder *f,
			   const struct sockowner_query *q,
			   const struct sockowner_socket *socket,
			   uint64_t *inode)
{
	struct sockowner_socket now;
	struct sockdiag_query d;
	struct sockdiag_row row;

	if (sockowner_socket_query(q, &d) < 0)
		return 0;
	if (q->listener || sockowner_raw_sends(q))
		return still_found(f, q, &d, socket, inode);
	if ((q->nat ? get_behind_nat(f, &d, socket, &row)
		    : sockdiag_get(f->diag, &d, &row)) < 0)
		return 0;
	now = socket_of(&row);
	if (!sockowner_socket_is_same(&now, socket) ||
	    (!sockdiag_is_connected(q->protocol) && !q->orphaned &&
	     !has_charged(q, &row)))
		return 0;
	*inode = row.inode;
	return 1;
}

bool sockowner_socket_serves(struct sockowner_finder *f,
			     const struct sockowner_query *q)
{
	struct sockdiag_query d;
	struct sockdiag_row row;
	int err = sockowner_socket_query(q, &d);

	if (err == 0)
		err = sockdiag_get_listener(f->diag, &d, &row);
	/* Several of them, by SO_REUSEPORT, are listeners all the same. */
	return err == 0 || err == -ENOTUNIQ;
}
