/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner: which process owns the socket with these addresses, and how sure is that? */
#ifndef SOCKOWNER_H
#define SOCKOWNER_H

/*
 * A library of its own: system headers only, no globals, no log, no exit.
 * Protocol, local and remote address in; owners and a grade out.  Not thread
 * safe: one struct sockowner for each thread.  Sees the network and the pid
 * namespace of the process that opened it, and the network namespaces that it
 * is given sockets of.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define SOCKOWNER_HOLDERS_MAX 16

/* From the best to the worst; see sockowner_grade_name. */
enum sockowner_grade {
	SOCKOWNER_PROVED,	/* the send itself was seen */
	SOCKOWNER_HOLDER,	/* a complete sweep found one holder */
	SOCKOWNER_SHARED,	/* several processes hold the socket */
	SOCKOWNER_TWINS,	/* several sockets fit */
	SOCKOWNER_CREATOR,	/* only who opened the socket is known */
	SOCKOWNER_UID_ONLY,	/* socket gone, only uid and gid are known */
	SOCKOWNER_KERNEL,	/* no user socket */
	SOCKOWNER_UNKNOWN,
};

/* Why the grade is not better. */
enum sockowner_reason {
	SOCKOWNER_REASON_NONE,
	SOCKOWNER_REASON_NO_WITNESS,	/* the send itself was not seen */
	SOCKOWNER_REASON_BLIND_SPOT,	/* the same, and a few processes are closed
					 * to us in spite of CAP_SYS_PTRACE */
	SOCKOWNER_REASON_NO_SOCKET,	/* closed, or never one */
	SOCKOWNER_REASON_NO_HOLDER,	/* in nobody's fd table */
	SOCKOWNER_REASON_RING,		/* an io_uring of a process may have it,
					 * which does not tell */
	SOCKOWNER_REASON_NOT_QUEUED,	/* found, but the packet is not its own */
	SOCKOWNER_REASON_OTHER_UID,	/* found, but another user's than the packet */
	SOCKOWNER_REASON_MANY_HOLDERS,
	SOCKOWNER_REASON_MANY_SOCKETS,
	SOCKOWNER_REASON_NOT_PERMITTED,	/* some process's fds, or the only holder,
					 * are not ours to see */
	SOCKOWNER_REASON_TIME,		/* the time allowed was spent */
	SOCKOWNER_REASON_CHANGED,	/* socket, holder or image changed meanwhile */
	SOCKOWNER_REASON_NO_NET,	/* it came from no network namespace that is
					 * known here */
	SOCKOWNER_REASON_MANY_NETS,	/* or from one of several */
	SOCKOWNER_REASON_ORPHANED,	/* a socket fits, and nothing ties it to the
					 * packet any more; the holders are its own */
	SOCKOWNER_REASON_PROTOCOL,	/* no way to look up that protocol here */
	SOCKOWNER_REASON_REWRITTEN,	/* NAT has changed the addresses, and those left
					 * do not tell whose it is */
	SOCKOWNER_REASON_SYSTEM,	/* a system call failed; see error */
};

/* How the answer was found. */
enum sockowner_method {
	SOCKOWNER_METHOD_NONE,
	SOCKOWNER_METHOD_WITNESS,
	SOCKOWNER_METHOD_CONNECT,	/* a thread sits in connect(2) on the fd */
	SOCKOWNER_METHOD_SWEEP,		/* complete sweep of all open files */
	SOCKOWNER_METHOD_SOCKET,	/* the socket's own state (TIME_WAIT, ...) */
};

/* Packets that are held, and so in their sockets' send queues. */
struct sockowner_held {
	unsigned packets;
	uint32_t bytes;			/* their length, headers too */
	uint32_t room, least;		/* in the queue they take that much at most,
					 * the smallest of them that; see
					 * sockowner_held_add */
};

struct sockowner_query {
	int protocol;			/* IPPROTO_TCP, IPPROTO_UDP, ... */
	struct sockaddr_storage local, remote;	/* one family */
	unsigned ifindex;		/* the packet's device; 0: not known */
	bool connecting;		/* the packet opens a connection (a SYN):
					 * a thread in connect(2) sent it */
	struct sockowner_held held;	/* from this port: datagrams must show in
					 * their socket's send queue */
	bool held_all;			/* and nothing else of it is on its way: more
					 * in the queue is not accounted for */
	struct sockowner_held wide;	/* the same for a raw socket, which is bound
					 * to no port or echo id; 0: not counted yet */
	bool held_others;		/* packets of other protocols are held, too,
					 * which a raw socket may have sent */
	bool fragment;			/* of the packet only addresses and protocol
					 * are there: a raw socket's, whatever the
					 * protocol (others' are cut up later) */
	uint32_t payload;		/* TCP: bytes that the socket must be sending */
	bool listener;			/* an incoming packet, or a SYN-ACK: a
					 * listener may own it */
	bool nat;			/* remote may not be where the socket sent it:
					 * NAT may have rewritten the destination */
	bool opening;			/* and it opens a connection (a SYN) */
	bool has_uid;			/* the socket creator's, as the packet says */
	uid_t uid;
	uint64_t net;			/* whose namespace's socket: one that was
					 * given to sockowner_add_net; 0: ours */
	bool orphaned;			/* it is charged to no socket any more, since
					 * it has come from another namespace: send
					 * queues say nothing of it */
};

/* One program image: exec changes it. */
struct sockowner_image {
	uint64_t exe_dev, exe_ino, arg_start, startstack;
};

struct sockowner_holder {
	pid_t pid;
	pid_t tid;			/* the sending thread; 0: not known */
	int fd;
	bool ring;			/* fd is an io_uring's that the socket is
					 * registered with */
	pid_t fd_tid;			/* in whose table fd is: threads may have
					 * their own; else the pid */
	bool has_image;			/* starttime and image are there; if not,
					 * `call` is: the thread's line in
					 * /proc/PID/task/TID/syscall, which stays
					 * as it is while the packet is held */
	uint64_t starttime;		/* clock ticks after boot */
	struct sockowner_image image;
	char call[160];
	int dirfd;			/* open /proc/PID; the answer owns it */
};

struct sockowner_socket {
	uint64_t inode, cookie;		/* cookie 0: it has none yet, or only
					 * /proc/net tells of it */
	uint64_t cgroup_id;
	uid_t uid;
	int state;			/* TCP_ESTABLISHED, ... */
	bool listening;
};

struct sockowner_answer {
	enum sockowner_grade grade;
	enum sockowner_reason reason;
	enum sockowner_method method;
	int error;			/* errno for REASON_SYSTEM */
	bool has_socket;
	bool idle;			/* the only socket of that port has not the
					 * packet in its queue; with KERNEL: nor has
					 * anybody the socket, so that it is one of
					 * the kernel's, which sent another socket's
					 * packet inside of its own */
	struct sockowner_socket socket;
	bool rewritten;			/* the socket is connected to `remote`, not to
					 * the question's */
	struct sockaddr_storage remote;
	size_t nholders;		/* in the array */
	size_t nholders_total;		/* there may be more */
	unsigned ndenied;		/* processes that the sweep could not see */
	unsigned nclosed;		/* holders that it saw, but are closed to us */
	pid_t ring_pid;			/* has an io_uring that may have the socket,
					 * and does not tell; -1: there are several */
	struct sockowner_holder holders[SOCKOWNER_HOLDERS_MAX];
	size_t ntwins, ntwins_total;	/* other sockets that fit */
	struct sockowner_socket twins[SOCKOWNER_HOLDERS_MAX];
	uint64_t resolve_us;		/* from question to answer */
};

struct sockowner;

/* proc: "/proc", or another root for tests.  -errno. */
int sockowner_open(struct sockowner **so, const char *proc);
void sockowner_close(struct sockowner *so);

/*
 * Sweeps go by the iterator of that BPF link (an iter/task_file program that
 * writes struct fditer_record), not through /proc: faster, and nobody is closed
 * to it.  link_fd is taken over in any case.  If it fails, then or later, /proc
 * it is.  -EXDEV: proc is not that of our pid namespace; -errno.
 */
int sockowner_use_iterator(struct sockowner *so, int link_fd);

/*
 * Another network namespace, to be asked for by that number (not 0, and never
 * the same again): diag is a NETLINK_SOCK_DIAG socket made there, tables its
 * /proc/net/icmp, icmp6, raw and raw6 (-1: not there).  All of them are taken
 * over in any case.  -errno.
 */
int sockowner_add_net(struct sockowner *so, uint64_t net, int diag,
		      const int tables[4]);
/* What is asked of it from now on has no socket. */
void sockowner_remove_net(struct sockowner *so, uint64_t net);

/* Notes who has which socket open now, as far as it gets in budget_us: who
 * connects an old socket later is found without a sweep. */
void sockowner_survey(struct sockowner *so, unsigned budget_us);

/*
 * Asks.  1: *answer is there.  0: a sweep is needed, *answer has the socket only;
 * work with sockowner_step and collect with sockowner_next, where token comes
 * back.  The answer's holders
 * have open descriptors: sockowner_release it.  -errno only for a query that
 * makes no sense (-EINVAL, -EAFNOSUPPORT), or -EBUSY when 512 wait.
 */
int sockowner_ask(struct sockowner *so, const struct sockowner_query *q,
		  uint64_t token, struct sockowner_answer *answer);

/* The socket alone, without who has it.  1: *answer has it, and no descriptors;
 * 0: *answer says why not; -errno as above. */
int sockowner_find(struct sockowner *so, const struct sockowner_query *q,
		   struct sockowner_answer *answer);

/* Sweeps for about budget_us.  One sweep serves all that wait.  True while
 * there is more to do. */
bool sockowner_step(struct sockowner *so, unsigned budget_us);

/* The next finished answer, if there is one. */
bool sockowner_next(struct sockowner *so, uint64_t *token,
		    struct sockowner_answer *answer);

/* Gives up: *answer is what is known by now (REASON_TIME).  False: no such
 * token waits. */
bool sockowner_cancel(struct sockowner *so, uint64_t token,
		      struct sockowner_answer *answer);

/* The whole of it, blocking, at most timeout_us. */
int sockowner_get(struct sockowner *so, const struct sockowner_query *q,
		  uint64_t timeout_us, struct sockowner_answer *answer);

void sockowner_release(struct sockowner_answer *answer);

/*
 * A further packet of a known flow: is it still that socket and, where
 * holder is given, still open there in the same process and program image?
 * Exact look-up and three reads, no sweep.  1 yes, 0 no.
 *
 * The send queue counts: if the held packets take more room than the socket
 * found has charged, another one sent some of them.
 */
int sockowner_still(struct sockowner *so, const struct sockowner_query *q,
		    const struct sockowner_socket *socket,
		    const struct sockowner_holder *holder);

/* TCP: is somebody listening at the local address, so that a packet from there
 * may be a server's answer?  One look-up.  1 yes, 0 no. */
int sockowner_serves(struct sockowner *so, const struct sockowner_query *q);

/* One more packet of that length, to there and by that device (0: not known, or not
 * the one that it was made for; then neither is `to`), is held; of a single one the room need not be
 * known.  held's own members are added up by sockowner_held_join. */
void sockowner_held_add(struct sockowner *so, struct sockowner_held *held,
			uint32_t len, const struct sockaddr_storage *to,
			unsigned ifindex);
void sockowner_held_join(struct sockowner_held *held,
			 const struct sockowner_held *more);

/*
 * More packets of these addresses have turned up since the question was asked
 * (held is more): is that socket still the only one that can have sent them?
 * 1 yes, 0 no.
 */
int sockowner_recheck(struct sockowner *so, const struct sockowner_query *q,
		      const struct sockowner_socket *socket);

/* Where the time goes: looking sockets up, and who has one open (candidates and
 * slices of sweeps, without the look-ups in them). */
struct sockowner_stage {
	uint64_t count, total_ns, max_ns;
};

struct sockowner_stages {
	struct sockowner_stage socket, holders;
};

/* Measures from now on; else all of them are 0. */
void sockowner_measure(struct sockowner *so);
void sockowner_read_stages(const struct sockowner *so,
			   struct sockowner_stages *st);

/* "proved", "uid-only", ...; "no socket", ... (NULL for NONE); "sweep", ... */
const char *sockowner_grade_name(enum sockowner_grade grade);
const char *sockowner_reason_text(enum sockowner_reason reason);
const char *sockowner_method_name(enum sockowner_method method);

#endif
