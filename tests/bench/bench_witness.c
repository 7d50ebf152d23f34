/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_witness: what the witness costs who sends, and who reads it. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "packet.h"
#include "target.h"
#include "util.h"
#include "witness.h"

#define BATCH	    256 /* sends; then the ring is emptied: it never is full */
#define FIRST_BATCH 32	/* new processes, each with all that is known of it */
#define IP_UDP_LEN  28
#define PAYLOAD	    32
#define STACK_SIZE  65536

static const char usage[] =
	"usage: bench_witness [-n PACKETS] [-p PROCESSES] [-r ROUNDS] [-w "
	"KIND]\n"
	"\n"
	"Times sendto() of datagrams that are looked at, in a network "
	"namespace "
	"of its\n"
	"own, with the witness and without it in alternating rounds: PACKETS "
	"of "
	"one\n"
	"process, and the first one of each of PROCESSES; a socket opened and "
	"closed; and\n"
	"what the reader takes to find a packet's record.  KIND: as "
	"ptrap-ng's --witness.\n";

/* All of one kind: how long each took, and the median of each round. */
struct series {
	uint32_t *ns;
	size_t count;
	double round_p50[BENCH_ROUNDS_MAX]; /* us */
	unsigned rounds;
};

enum kind { SEND, FIRST, SOCKET, FIND, KINDS };

struct bench {
	enum witness_kind how;
	unsigned packets, processes, rounds;
	int to, from[BATCH]; /* sockets */
	uint16_t sport[BATCH];
	struct sockaddr_in addr, other;
	uint32_t number;	 /* in each packet, so that no two are alike */
	struct witness *witness; /* NULL: a round without */
	uint64_t lost, missed;
	struct series series[2][KINDS]; /* [1]: with the witness */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void note(struct series *s, uint64_t ns)
{
	s->ns[s->count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* ------------------------------------------------------------------- sending
 */

static void make_payload(uint8_t payload[PAYLOAD], uint32_t number)
{
	memset(payload, 0, PAYLOAD);
	memcpy(payload, &number, sizeof(number));
}

static uint64_t time_send(struct bench *b, uint32_t number)
{
	uint8_t payload[PAYLOAD];
	uint64_t start;

	make_payload(payload, number);
	start = now_ns();
	sendto(b->from[number % BATCH], payload, sizeof(payload), 0,
	       (const struct sockaddr *)&b->addr, sizeof(b->addr));
	return now_ns() - start;
}

struct child {
	struct bench *b;
	uint64_t ns;
};

/* Warms up with a packet that nobody looks at. */
static int child_main(void *data)
{
	struct child *c = data;
	struct bench *b = c->b;

	sendto(b->from[0], "", 1, 0, (const struct sockaddr *)&b->other,
	       sizeof(b->other));
	c->ns = time_send(b, b->number);
	return 0;
}

/* As vfork(2) does: no page is copied while the send is timed. */
static uint64_t time_first(struct bench *b)
{
	static alignas(16) char stack[STACK_SIZE];
	struct child c = {.b = b};
	pid_t pid = clone(child_main, stack + sizeof(stack),
			  CLONE_VM | CLONE_VFORK | SIGCHLD, &c);

	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return c.ns;
}

static uint64_t time_socket(void)
{
	uint64_t start = now_ns();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	close(fd);
	return now_ns() - start;
}

/* ------------------------------------------------------------------- reading
 */

/* As the queue would give it.  What must never be fragmented, and has no
 * connection, has the identification 0. */
static void make_packet(const struct bench *b, uint32_t number, uint8_t *mem,
			struct packet *p)
{
	const uint16_t words[] = {htons(b->sport[number % BATCH]),
				  b->addr.sin_port, htons(8 + PAYLOAD), 0};
	static const uint8_t head[] = {0x45, 0, 0,  IP_UDP_LEN + PAYLOAD, 0, 0,
				       64,   0, 64, IPPROTO_UDP};

	memset(mem, 0, IP_UDP_LEN);
	memcpy(mem, head, sizeof(head));
	memcpy(mem + 12, &b->addr.sin_addr, 4);
	memcpy(mem + 16, &b->addr.sin_addr, 4);
	memcpy(mem + 20, words, sizeof(words));
	make_payload(mem + IP_UDP_LEN, number);
	packet_parse(p, mem, IP_UDP_LEN + PAYLOAD, IP_UDP_LEN + PAYLOAD);
}

static void find_all(struct bench *b, uint32_t first, unsigned n)
{
	struct series *s = &b->series[1][FIND];
	uint8_t mem[IP_UDP_LEN + PAYLOAD];
	struct witness_record r;
	struct packet p;
	uint64_t start = now_ns();

	for (unsigned i = 0; i < n; i++) {
		make_packet(b, first + i, mem, &p);
		if (!witness_find(b->witness, &p, util_now_us(), true,
				  geteuid(), &r))
			b->missed++;
	}
	note(s, (now_ns() - start) / n);
	witness_forget(b->witness, util_now_us());
}

/* What came of a batch: taken from the receiver, and from the ring. */
static void empty(struct bench *b, enum kind kind, uint32_t first, unsigned n)
{
	char buf[PAYLOAD];

	while (recv(b->to, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		;
	if (b->witness && kind == SEND && b->how == WITNESS_AUTO)
		find_all(b, first, n);
	else if (b->witness)
		witness_read(b->witness);
}

/* -------------------------------------------------------------------- rounds
 */

static void end_round(struct series *s, size_t from)
{
	size_t n = s->count - from;
	uint32_t *copy = malloc((n + 1) * sizeof(*copy));

	if (!copy)
		return;
	memcpy(copy, s->ns + from, n * sizeof(*copy));
	bench_sort(copy, n);
	s->round_p50[s->rounds++] = bench_percentile(copy, n, 50) / 1000;
	free(copy);
}

static uint64_t time_one(struct bench *b, enum kind kind)
{
	switch (kind) {
	case SEND:
		return time_send(b, b->number);
	case FIRST:
		return time_first(b);
	case SOCKET:
		return time_socket();
	case FIND:
	case KINDS:
		break;
	}
	return 0;
}

static void run_kind(struct bench *b, enum kind kind, unsigned n,
		     unsigned batch)
{
	struct series *s = &b->series[b->witness != NULL][kind];
	size_t from = s->count;

	for (unsigned i = 0; i < n; i += batch) {
		uint32_t first = b->number;

		for (unsigned j = 0; j < batch; j++, b->number++)
			note(s, time_one(b, kind));
		empty(b, kind, first, batch);
	}
	end_round(s, from);
}

static int open_witness(struct bench *b)
{
	struct witness_config cfg = {.kind = b->how, .ntargets = 1};
	struct target_error terr;
	struct target target;
	char text[32];
	int err;

	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(b->addr.sin_port));
	err = target_parse(text, IPPROTO_UDP, &target, &terr);
	cfg.targets = &target;
	return err ? err : witness_open(&b->witness, &cfg);
}

static int run_round(struct bench *b, bool with)
{
	const struct witness_stats *st;
	int err = with ? open_witness(b) : 0;

	if (err) {
		fprintf(stderr, "no witness in the kernel: %s\n",
			witness_reason(err));
		return err;
	}
	run_kind(b, SEND, b->packets, BATCH);
	run_kind(b, FIRST, b->processes, FIRST_BATCH);
	run_kind(b, SOCKET, b->packets, BATCH);
	if (!with)
		return 0;
	st = witness_stats(b->witness);
	b->lost += st->lost + st->facts_lost;
	witness_close(b->witness);
	b->witness = NULL;
	return 0;
}

/* ---------------------------------------------------------------- the report
 */

static void print_row(const char *name, struct series *s)
{
	bench_sort(s->ns, s->count);
	printf("%-32s %8zu %8.2f %8.2f %8.2f\n", name, s->count,
	       bench_percentile(s->ns, s->count, 50) / 1000,
	       bench_percentile(s->ns, s->count, 90) / 1000,
	       bench_percentile(s->ns, s->count, 99) / 1000);
}

/* The median of the rounds' differences; round by round, so that what else the
 * machine does is in both. */
static void print_cost(const struct bench *b, enum kind kind)
{
	double d[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < b->rounds; i++) {
		double x = b->series[1][kind].round_p50[i] -
			   b->series[0][kind].round_p50[i];
		unsigned j = i;

		for (; j > 0 && d[j - 1] > x; j--)
			d[j] = d[j - 1];
		d[j] = x;
	}
	printf("%-32s %8s %8.2f (rounds %.2f to %.2f)\n", "  the witness", "",
	       d[b->rounds / 2], d[0], d[b->rounds - 1]);
}

static void print(struct bench *b)
{
	printf("%u rounds; us each\n%-32s %8s %8s %8s %8s\n", b->rounds, "",
	       "count", "p50", "p90", "p99");
	print_row("sendto, without", &b->series[0][SEND]);
	print_row("sendto, with", &b->series[1][SEND]);
	print_cost(b, SEND);
	print_row("new process's first, without", &b->series[0][FIRST]);
	print_row("new process's first, with", &b->series[1][FIRST]);
	print_cost(b, FIRST);
	print_row("socket and close, without", &b->series[0][SOCKET]);
	print_row("socket and close, with", &b->series[1][SOCKET]);
	print_cost(b, SOCKET);
	if (b->series[1][FIND].count > 0)
		print_row("reader, a packet (batches)", &b->series[1][FIND]);
	if (b->lost || b->missed)
		printf("not found: %llu, lost: %llu\n",
		       (unsigned long long)b->missed,
		       (unsigned long long)b->lost);
}

/* --------------------------------------------------------------------- start
 */

/* Where it is bound to, an address of the kernel's choice. */
static int open_socket(struct sockaddr_in *at)
{
	const int never = IP_PMTUDISC_DO;
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &never,
		       sizeof(never)) ||
	    bind(fd, (void *)at, len) || getsockname(fd, (void *)at, &len))
		return -errno;
	return fd;
}

/* As many senders as a batch has packets: each is a flow of its own. */
static int open_sockets(struct bench *b)
{
	b->to = open_socket(&b->addr);
	for (unsigned i = 0; i < BATCH && b->to >= 0; i++) {
		b->from[i] = open_socket(&b->other);
		b->sport[i] = ntohs(b->other.sin_port);
		if (b->from[i] < 0)
			return b->from[i];
	}
	/* b->other is the last one's own address: nobody's target. */
	return b->to < 0 ? b->to : 0;
}

static int run(struct bench *b)
{
	size_t most = (size_t)(b->packets + BATCH) * b->rounds +
		      (size_t)(b->processes + FIRST_BATCH) * b->rounds;
	int err = bench_netns();

	for (int i = 0; i < 2 * KINDS && !err; i++) {
		struct series *s = &b->series[i / KINDS][i % KINDS];

		s->ns = calloc(most, sizeof(*s->ns));
		if (!s->ns)
			err = -ENOMEM;
	}
	if (!err)
		err = open_sockets(b);
	for (unsigned i = 0; i < b->rounds && !err; i++) {
		err = run_round(b, i % 2);
		if (!err)
			err = run_round(b, !(i % 2));
	}
	return err;
}

static int parse_args(int argc, char **argv, struct bench *b)
{
	unsigned *value;
	uint64_t v;
	int opt;

	while ((opt = getopt(argc, argv, "n:p:r:w:")) != -1) {
		if (opt == '?')
			return -EINVAL;
		if (opt == 'w' && witness_kind_parse(optarg, &b->how))
			return -EINVAL;
		if (opt == 'w')
			continue;
		value = opt == 'n'   ? &b->packets
			: opt == 'p' ? &b->processes
				     : &b->rounds;
		if (util_parse_uint(optarg, strlen(optarg),
				    opt == 'r' ? BENCH_ROUNDS_MAX : 1000000,
				    &v) ||
		    v == 0)
			return -EINVAL;
		*value = (unsigned)v;
	}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.packets = 20000, .processes = 500, .rounds = 9};
	int err;

	if (parse_args(argc, argv, &b)) {
		fputs(usage, stderr);
		return 2;
	}
	err = run(&b);
	if (err)
		fprintf(stderr, "bench_witness: %s\n", strerror(-err));
	else
		print(&b);
	for (int i = 0; i < 2 * KINDS; i++)
		free(b.series[i / KINDS][i % KINDS].ns);
	return err || b.lost || b.missed ? 3 : 0;
}
