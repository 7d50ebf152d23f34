/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sender: processes whose pid the test knows: servers, and those that send. */
#ifndef E2E_SENDER_H
#define E2E_SENDER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* What a sender tells its test; one write, so several processes may share the
 * pipe. */
struct report {
	int who; /* the sender's own numbering */
	pid_t pid, tid;
	int err; /* errno of what it did; 0 */
	uint16_t sport;
	int64_t start_ns, end_ns;
	long long n;
	char text[64];
};

/* A sender's own end of its pipes. */
struct stage {
	int in, out;
};

typedef void (*sender_fn)(struct stage *st, const void *arg);

struct sender {
	pid_t pid;
	int in, out;
};

/* Runs fn in a child that has no descriptors but 0-2 and its stage; it ends
 * when fn returns.  Lives until the test's end. */
struct sender *sender_start(sender_fn fn, const void *arg);
/* The next report, which must come. */
struct report sender_report(struct sender *s);
bool sender_has_report(struct sender *s, int ms);
/* Lets stage_wait return. */
void sender_go(struct sender *s);
/* Closes its pipe and waits for its end. */
void sender_end(struct sender *s);
/* Starts it and returns its first report. */
struct report sender_run(sender_fn fn, const void *arg, struct sender **s);
void sender_forget_all(void);

/* In the sender: reports (pid and tid are filled in), waits for sender_go
 * (false: the test is over). */
void stage_report(struct stage *st, struct report *r);
bool stage_wait(struct stage *st);
void stage_ready(struct stage *st, int who);

/* A server for as long as the test lives.  udp: answers every datagram with
 * itself, the DNS answer bit set; tcp: accepts, reads, closes. */
struct server_arg {
	int type; /* SOCK_DGRAM, SOCK_STREAM */
	const char *addr;
	uint16_t port;
	bool quiet; /* udp: never answers, sender_go asks for r.n, the
		     * number of datagrams so far */
};
struct sender *server_start(const struct server_arg *a);
struct sender *server_udp(const char *addr, uint16_t port);
struct sender *server_tcp(const char *addr, uint16_t port);
/* One that has a connection more than it takes: later ones stay begun. */
struct sender *server_busy(const char *addr, uint16_t port);

/* One sender of the common kind. */
struct send_arg {
	int type;
	const char *to; /* "::ffff:1.2.3.4" gives a v6 socket */
	uint16_t port;
	const char *from; /* address to bind; NULL */
	uint16_t sport;	  /* port to bind; 0 */
	const char *ask;  /* udp: the name of a DNS A question; NULL: "x" */
	bool connected;	  /* udp */
	bool nonblock;	  /* tcp */
	bool reply;	  /* udp: waits for an answer, r.n its length */
	bool thread;	  /* from a thread of its own */
	bool vanish;	  /* _exit at once after the send, no report */
	bool reuseport;
	const char *device; /* SO_BINDTODEVICE; NULL */
	uid_t uid;	    /* setuid to it after socket(); 0 */
	pid_t user_ns_of;   /* enters that process's user namespace; 0 */
};

#define SEND_UDP(addr, number, ...)                                 \
	{                                                           \
		.type = SOCK_DGRAM, .to = (addr), .port = (number), \
		##__VA_ARGS__                                       \
	}
#define SEND_TCP(addr, number, ...)                                  \
	{                                                            \
		.type = SOCK_STREAM, .to = (addr), .port = (number), \
		##__VA_ARGS__                                        \
	}

/*
 * Reports once it has sent (tcp: connected; with reply: was answered), waits
 * for sender_go, and does it again on the same socket (udp); tcp: sends 100
 * bytes.
 */
void send_one(struct stage *st, const void *arg);

/* n sockets one after the other, each sends to a->to and waits for the answer;
 * then reports (n: how many had one). Does it again at each sender_go. */
struct many_arg {
	struct send_arg a;
	int n;
};
void send_many(struct stage *st, const void *arg);

/* Pieces for senders with a story of their own. */
socklen_t make_address(const char *addr, uint16_t port,
		       struct sockaddr_storage *ss);
/* Socket for the address's family, bound if from or sport say so; dies. */
int open_socket(const struct send_arg *a);
uint16_t local_port(int fd);
/* "x", or the question, to fd (connected) or to; 0 or errno. */
int send_datagram(int fd, const struct send_arg *a);
/* An IPv4 packet, header and all, as a raw socket sends it; 0 or errno. */
int send_raw_packet(const void *packet, size_t len, const char *to);
/* A sender_fn; arg: struct send_arg. Connects, does not wait for it to be done, and
 * stays. */
void begin_connect(struct stage *st, const void *arg);
size_t dns_question(const char *name, uint8_t buf[512]);
int fd_send(int via, int fd);
int fd_receive(int via);
void enter_user_ns(pid_t of);

/* A command for -e that says on one FIFO that it runs and ends when the test
 * says so on another, so that a packet is held as long as the test likes. */
struct gate {
	char command[512];
	int ready, go;
};
void gate_open(struct gate *g);
/* The pid it was given; fails if it does not come. */
pid_t gate_wait(struct gate *g);
bool gate_came(struct gate *g, int ms);
void gate_release(struct gate *g);
void gate_close(struct gate *g);

#endif
