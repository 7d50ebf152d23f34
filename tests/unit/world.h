/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world: processes, sockets and packets of a test's own, and what happens to them
 * at which call of those who look. */
#ifndef WORLD_H
#define WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "sockdiag.h"
#include "sockowner.h"
#include "witness_record.h"

/*
 * The program (or its library) runs as it is, on stand-ins for what asks the
 * kernel: netlink, /proc, threads, sweeps, the iterator, the queue, the witness
 * and the clock (world_*.c; the linker puts them there).  They answer from this
 * world.  A script says what happens in it, before or after the Nth call of a
 * kind: so each race comes when it is meant to.
 */

/* Who: their pids are above all that the kernel gives out. */
enum who {
	NOBODY,
	SENDER,	   /* who opened the socket and sent the packet */
	OTHER,	   /* somebody else, who is there from the start */
	CHILD,	   /* the sender's, where it forks */
	NEXT,	   /* who comes later, and may get the sender's pid */
	WHO_MAX,
};

#define WORLD_PID 5000000
#define WORLD_FD  7 /* the socket's, in every process */
#define WORLD_UID 1000
#define WORLD_CHARGED 768 /* for one small packet */

/* The calls, as the program makes them. */
enum call {
	NO_CALL,
	LOOKUP,	  /* sock_diag: one question of sockdiag.h */
	THREADS,  /* a process is looked at for a thread in connect(2) */
	SWEPT,	  /* the sweep looks at a process */
	IDENTITY, /* start time and image are read */
	LINK,	  /* a descriptor's link is read */
	IN_CALL,  /* is the thread in that call still? */
	FACTS,	  /* the stat line, for what is told of the process */
	RECEIVE,  /* the queue is asked for a packet */
	CALLS,
};

/* What can happen, and to whom. */
enum deed {
	NOTHING,
	EXITS,	     /* its descriptors are closed */
	EXECS,	     /* another program, with the same descriptors */
	BEGINS_EXEC, /* the new program is there, its arguments are not */
	ENDS_EXEC,
	CLOSES,	     /* the socket */
	MOVES,	     /* the socket to another descriptor */
	GETS_IT,     /* the socket, too (a message, a fork) */
	FORKS,	     /* CHILD has all its descriptors */
	PID_REUSED,  /* ends, and NEXT has its pid */
	HIDES,	     /* closed to us from now on */
	CONNECTS,    /* sits in connect(2) on the socket, too */
	RETURNS,     /* from its connect(2) */
	BORN,	     /* NEXT, without the socket */
	/* To the socket. */
	GOES,	     /* closed by all */
	ORPHANED,    /* closed by all, and its state is still there */
	TIME_WAITS,  /* the connection is over, its state is still there */
	REPLACED,    /* closed by all, and OTHER has one like it */
	REINCARNATED,/* the same, and by chance with the same inode */
	DOUBLED,     /* OTHER has one like it, and nothing in its queue */
	DOUBLED_FULL,/* and a packet of that size in its queue */
	EMPTIED,     /* its queue: the packet was never its own */
	FILLED,	     /* something of which we know nothing is in its queue */
	RAW_BESIDE,  /* OTHER's raw socket has something in its queue */
	/* To the packet. */
	SENT_AGAIN,  /* a retransmit */
	RIVALLED,    /* the socket is closed by all, and OTHER has one like it,
		      * and sends from there */
	FOLLOWED,    /* another datagram of the same socket */
	CROWDED,     /* another datagram of that port, of one that is gone */
	EXPIRES,     /* the guardian lets it go */
	TIME_PASSES, /* more than it may be held */
	/* To those who ask. */
	REFUSED,     /* sock_diag has no buffers */
	INTERRUPTED, /* the next dump is torn */
	TORN,	     /* all of them are */
	ITERATOR_FAILS,
	SWEEP_FAILS, /* no more descriptors */
	UNSETTLED,   /* new processes show up at every listing */
};

struct happening {
	enum call call;
	int nth;
	bool after;
	enum deed deed;
	enum who who;
};

/* BEFORE(SWEPT, 2, EXITS, SENDER) */
#define BEFORE(c, n, ...) {.call = c, .nth = n, .deed = __VA_ARGS__}
#define AFTER(c, n, ...) {.call = c, .nth = n, .after = true, .deed = __VA_ARGS__}

struct world_process {
	enum who who;
	pid_t pid, ppid;
	bool there, hidden, mid_exec, connecting;
	unsigned image;
	uint64_t starttime; /* ticks are long: all have the same */
	int fds[4];
	uint64_t inodes[4];
	bool swept;
};

struct world_socket {
	bool there;
	uint8_t proto;
	struct sockdiag_row row;
};

/* What is told at last: an answer, or an event. */
struct world_told {
	enum who sender;  /* of the packet, in truth */
	enum sockowner_grade grade;
	enum sockowner_reason reason;
	enum sockowner_method method;
	pid_t named, tid; /* 0: nobody */
	unsigned image;	  /* the program that was told of */
	const char *kernel_kind;
	size_t nholders, nholders_total, ntwins_total;
	pid_t creator;
	bool expired;
	uint64_t packets;
};

#define WORLD_PROCESSES 8
#define WORLD_SOCKETS	80
#define WORLD_PACKETS	16
#define WORLD_SCRIPT	6
#define WORLD_TOLD	8

struct world_packet {
	uint8_t bytes[128];
	uint32_t len, id, seq;
	enum who sender;
	bool has_uid;
	uint32_t uid;
	uint32_t ifindex;
	uint8_t hook;
};

struct world {
	uint64_t now;
	struct world_process processes[WORLD_PROCESSES]; /* one each life */
	size_t nprocesses;
	struct world_socket sockets[WORLD_SOCKETS]; /* the first: the packet's */
	size_t nsockets;
	struct world_packet packets[WORLD_PACKETS];
	size_t npackets, nreceived;
	struct happening script[WORLD_SCRIPT];
	/* Or at any call, by its number: for each step there is. */
	int any_call;
	enum deed any_deed;
	enum who any_who;
	int counts[CALLS], total;
	int first_call[CALLS]; /* the total then */
	int found_call;	       /* when a socket was first found */
	bool listening; /* calls count */
	bool shared;	/* OTHER has the socket from the start */
	/* How the world is. */
	bool no_ptrace, user_namespace, no_raw_diag, has_iterator, unsettled;
	int refused, interrupted; /* so many calls */
	bool sweep_fails, iterator_fails;
	bool expired;
	unsigned passed; /* and waits for its verdict */
	/* What the witness has; class 0: nothing. */
	bool has_witness, sees_packets;
	struct witness_record record, connect, creator;
	bool creator_gone; /* of a socket that is not there any more */
	struct world_told told[WORLD_TOLD];
	size_t ntold;
};

extern struct world world;

/* Everything anew; calls count and things happen from world_listen on. */
void world_reset(void);
void world_listen(void);
/* Each run begins with megabytes of zeros: not from the kernel each time. */
void world_keep_memory(void);

struct world_process *world_process(enum who who); /* NULL: not there */
pid_t world_pid(enum who who);
void world_add_process(enum who who);
void world_open(enum who who, uint64_t inode); /* it has that socket */

/* 10.0.0.1:1000 to 10.0.0.2:2000, like the packet. */
struct world_socket *world_add_socket(uint8_t proto, uint8_t state);
void world_add_packet(enum who sender, uint8_t proto, uint8_t tcp_flags,
		      uint32_t seq, const char *payload);

void world_do(enum deed deed, enum who who);

/* The program, until nothing is held any more (at most so many turns). */
void world_run(unsigned turns);

/* For the stand-ins. */
void world_release(uint32_t id); /* the packet leaves its socket's queue */
void world_enter(enum call call);
void world_leave(enum call call);
/* A descriptor that stands for this life of the process, or for /proc itself. */
int world_dirfd(const struct world_process *p);
struct world_process *world_of_dirfd(int dirfd); /* NULL: /proc, or others' */
bool world_is_root(int dirfd);

#endif
