/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix: who sent it, protocol by case: what the cells are, what may come out. */
#ifndef E2E_MATRIX_H
#define E2E_MATRIX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum matrix_proto {
	MATRIX_TCP,
	MATRIX_UDP,
	MATRIX_UDPLITE,
	MATRIX_SCTP,
	MATRIX_DCCP,
	MATRIX_ICMP,
	MATRIX_RAW,
	MATRIX_PROTOS
};

enum matrix_case {
	MATRIX_PLAIN,
	MATRIX_CONNECTED,
	MATRIX_MAPPED,
	MATRIX_DEVICE,
	MATRIX_REUSEPORT,
	MATRIX_FORKED,
	MATRIX_PASSED,
	MATRIX_IN_FLIGHT,
	MATRIX_IO_URING,
	MATRIX_THREADS,
	MATRIX_ACCEPTED,
	MATRIX_TIME_WAIT,
	MATRIX_DEAD,
	MATRIX_CHILD_GONE,
	MATRIX_EXECED,
	MATRIX_NAT_FRONT,
	MATRIX_NAT_FRONT_CONNECTED,
	MATRIX_NAT_BACK,
	MATRIX_NAT_BACK_CONNECTED,
	MATRIX_FORWARDED,
	MATRIX_FORWARDED_CONNECTED,
	MATRIX_CASES
};

/* What has to be set up around it. */
enum matrix_net {
	MATRIX_NET_PLAIN,
	MATRIX_NET_NAT, /* local DNAT: front, the target sent to; back, what it
			 * becomes */
	MATRIX_NET_FORWARD, /* the sender is in another namespace */
	MATRIX_NETS
};

struct matrix_proto_row {
	const char *name;
	int type, proto, proto6; /* of the socket */
	bool stream;		 /* connect(2) sends the packet, not send(2) */
};

/*
 * What may come out of a cell: letters of grades (see MATRIX_GRADES), the best
 * one first; more than one where it is a race.  Without a witness, then with one
 * that sees sockets only; one that sees packets proves every sender, and knows
 * what the kernel itself sends.  NULL: there is no such cell.
 */
struct matrix_expect {
	const char *none, *sockets;
};

struct matrix_case_row {
	const char *name;
	enum matrix_net net;
	struct matrix_expect expect[MATRIX_PROTOS];
};

/* In the order of enum sockowner_grade: proved, holder, shared, twins, creator,
 * uid-only, kernel, unknown. */
#define MATRIX_GRADES "PHSTCUK?"

extern const struct matrix_proto_row matrix_protos[MATRIX_PROTOS];
extern const struct matrix_case_row matrix_cases[MATRIX_CASES];

/* The family is the socket's: that of a packet may be IPv4 all the same. */
bool matrix_has_cell(enum matrix_case c, enum matrix_proto p, bool ipv6);
/* Whose packet leaves in a system call that waits for its fate. */
bool matrix_blocks(enum matrix_case c, enum matrix_proto p);

/* ----------------------------------------------------------- the network */

/* Where the cells' addresses are: to be trapped, behind NAT (IPv4: 127.78), and
 * forwarded (IPv6: as the first). */
#define MATRIX_NET4	  "127.77.0.0/16"
#define MATRIX_NET6	  "fd01::/64"
#define MATRIX_OTHER_END6 "fd02::/64"
#define MATRIX_FORWARD4	  "10.77.0.0/16"

struct space;

/* Each skips the test where the machine has not what it takes. */
void matrix_set_up_network(void);
/* Local DNAT from each address to the other one. */
void matrix_set_up_nat(bool ipv6, const char *const *from,
		       const char *const *to, int n);
/* near may send, by way of the test's namespace, to all addresses; they are
 * far's. */
void matrix_set_up_spaces(struct space *near, struct space *far);

/* --------------------------------------------------------- the generator */

#define MATRIX_PORT 4711

enum truth_what { TRUTH_READY, TRUTH_SENDING, TRUTH_DONE };

/* What it says on its pipe, one write each.  ready: it is set up, or err says
 * why not.  sending: by who sends, just before it does.  done: all of its story
 * has happened. */
struct truth {
	enum truth_what what;
	int err;
	pid_t pid, tid;	 /* pid 0: the kernel will send */
	pid_t opener;	 /* of the socket */
	pid_t left;	 /* who has the socket when all is over */
	uint64_t inode;
	char exe[256], args[256]; /* as in /proc: each argument terminated */
	size_t args_len;
};

/* argv of the generator: what to do.  Descriptors 3 and 4: its stage. */
#define MATRIX_ARGS 5 /* PROGRAM CASE PROTO 4|6 ADDRESS, all of them words */

/* ------------------------------------------------------- pieces for sockets */

/* A socket of that protocol; -1 and errno. */
int matrix_socket(enum matrix_proto p, int family);
int matrix_bind(int fd, const char *addr, uint16_t port);
/* The packet: connect(2) where that sends it, else one datagram (to what it is
 * connected to, if addr is NULL).  0 or errno. */
int matrix_send(enum matrix_proto p, int fd, const char *addr);
/* The same by an io_uring, which has the only reference to the socket then. */
int matrix_send_uring(enum matrix_proto p, int fd, const char *addr);
/* pid, tid, exe, args of the caller, and the socket's inode. */
void matrix_tell_truth(struct truth *t, int fd);

#endif
