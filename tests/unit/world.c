/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world: processes, sockets and packets of a test's own. */
#include "world.h"

#include <linux/netfilter.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipaddr.h"
#include "util.h"

#define INODE  1000 /* of the packet's socket; the others' count on */
#define COOKIE 500

struct world world;

void world_reset(void)
{
	memset(&world, 0, sizeof(world));
	world.now = 1000000;
}

void world_keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

void world_listen(void)
{
	memset(world.counts, 0, sizeof(world.counts));
	world.total = 0;
	world.listening = true;
}

uint64_t __wrap_util_now_us(void);

uint64_t __wrap_util_now_us(void)
{
	return ++world.now;
}

/* --------------------------------------------------------------- processes */

struct world_process *world_process(enum who who)
{
	for (size_t i = 0; i < world.nprocesses; i++)
		if (world.processes[i].there && world.processes[i].who == who)
			return &world.processes[i];
	return NULL;
}

pid_t world_pid(enum who who)
{
	for (size_t i = 0; i < world.nprocesses; i++)
		if (world.processes[i].who == who)
			return world.processes[i].pid;
	return 0;
}

static struct world_process *add_process(enum who who, pid_t pid)
{
	struct world_process *p = &world.processes[world.nprocesses];

	assert_true(world.nprocesses < WORLD_PROCESSES);
	*p = (struct world_process){
		.who = who,
		.pid = pid,
		.ppid = 1,
		.there = true,
		.starttime = 100,
		.image = 10 * (unsigned)++world.nprocesses,
	};
	return p;
}

void world_add_process(enum who who)
{
	add_process(who, WORLD_PID + (pid_t)who);
}

void world_open(enum who who, uint64_t inode)
{
	struct world_process *p = world_process(who);

	for (size_t i = 0; i < ARRAY_SIZE(p->fds); i++)
		if (p->inodes[i] == 0) {
			p->inodes[i] = inode;
			p->fds[i] = WORLD_FD + (int)i;
			return;
		}
	fail_msg("no room for a descriptor");
}

/* The length of the file tells which one it is: 1 is /proc. */
int world_dirfd(const struct world_process *p)
{
	int fd = memfd_create("world", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, p != NULL ? p - world.processes + 2 : 1),
			 0);
	return fd;
}

static off_t length_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : 0;
}

struct world_process *world_of_dirfd(int dirfd)
{
	off_t n = length_of(dirfd);

	return n >= 2 ? &world.processes[n - 2] : NULL;
}

bool world_is_root(int dirfd)
{
	return length_of(dirfd) == 1;
}

/* ----------------------------------------------------------------- sockets */

static struct ipaddr address(const char *text)
{
	struct ipaddr a;

	ipaddr_parse(text, strlen(text), &a);
	return a;
}

struct world_socket *world_add_socket(uint8_t proto, uint8_t state)
{
	struct world_socket *s = &world.sockets[world.nsockets];

	assert_true(world.nsockets < WORLD_SOCKETS);
	*s = (struct world_socket){
		.there = true,
		.proto = proto,
		.row = {.family = AF_INET,
			.state = state,
			.local = address("10.0.0.1"),
			.remote = address("10.0.0.2"),
			.local_port = 1000,
			.remote_port = 2000,
			.uid = WORLD_UID,
			.inode = INODE + world.nsockets,
			.cookie = COOKIE + world.nsockets},
	};
	world.nsockets++;
	if (proto == IPPROTO_TCP)
		s->row.wqueue = state == TCP_SYN_SENT;
	if (proto == IPPROTO_UDP)
		s->row.wqueue = WORLD_CHARGED;
	if (proto == IPPROTO_RAW) {
		s->row.wqueue = WORLD_CHARGED;
		s->row.local_port = 253;
		s->row.remote_port = 0;
		s->row.payload_only = true;
	}
	return s;
}

static bool is_held(uint64_t inode)
{
	for (size_t i = 0; i < world.nprocesses; i++)
		for (size_t k = 0; k < 4; k++)
			if (world.processes[i].there &&
			    world.processes[i].inodes[k] == inode)
				return true;
	return false;
}

static void close_fd(struct world_process *p, size_t i)
{
	uint64_t inode = p->inodes[i];

	p->inodes[i] = 0;
	for (size_t k = 0; k < world.nsockets && !is_held(inode); k++)
		if (world.sockets[k].row.inode == inode)
			world.sockets[k].there = false;
}

static void close_socket(struct world_process *p, uint64_t inode)
{
	for (size_t i = 0; p != NULL && i < ARRAY_SIZE(p->inodes); i++)
		if (p->inodes[i] == inode)
			close_fd(p, i);
	if (p != NULL)
		p->connecting = false;
}

static void close_by_all(void)
{
	for (size_t i = 0; i < world.nprocesses; i++)
		close_socket(&world.processes[i], world.sockets[0].row.inode);
}

static struct world_socket *add_like_it(void)
{
	struct world_socket *s = world_add_socket(world.sockets[0].proto,
						  world.sockets[0].row.state);
	const struct sockdiag_row *first = &world.sockets[0].row;

	s->row.wqueue = 0;
	s->row.local = first->local;
	s->row.remote = first->remote;
	s->row.local_port = first->local_port;
	s->row.remote_port = first->remote_port;
	s->row.ifindex = first->ifindex;
	s->row.uid = first->uid;
	return s;
}

/* ----------------------------------------------------------------- packets */

static size_t put_ip(uint8_t *b, uint8_t proto, size_t len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)len),
		.ttl = 64,
		.protocol = proto,
		.saddr = htonl(0x0a000001),
		.daddr = htonl(0x0a000002),
	};

	memcpy(b, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t put_transport(uint8_t *b, uint8_t proto, uint8_t flags,
			    uint32_t seq, size_t payload)
{
	struct tcphdr tcp = {
		.th_sport = htons(1000),
		.th_dport = htons(2000),
		.th_seq = htonl(seq),
		.th_off = 5,
		.th_flags = flags,
	};
	struct udphdr udp = {
		.uh_sport = htons(1000),
		.uh_dport = htons(2000),
		.uh_ulen = htons((uint16_t)(sizeof(udp) + payload)),
	};

	if (proto == IPPROTO_TCP)
		memcpy(b, &tcp, sizeof(tcp));
	else if (proto == IPPROTO_UDP)
		memcpy(b, &udp, sizeof(udp));
	return proto == IPPROTO_TCP   ? sizeof(tcp)
	       : proto == IPPROTO_UDP ? sizeof(udp)
				      : 0;
}

void world_add_packet(enum who sender, uint8_t proto, uint8_t tcp_flags,
		      uint32_t seq, const char *payload)
{
	struct world_packet *p = &world.packets[world.npackets];
	size_t len = strlen(payload), at = sizeof(struct iphdr);

	assert_true(world.npackets < WORLD_PACKETS);
	at += put_transport(p->bytes + at, proto, tcp_flags, seq, len);
	memcpy(p->bytes + at, payload, len);
	put_ip(p->bytes, proto, at + len);
	p->len = (uint32_t)(at + len);
	p->id = (uint32_t)++world.npackets;
	p->sender = sender;
	p->seq = seq;
	p->has_uid = true;
	p->uid = WORLD_UID;
	p->hook = NF_INET_LOCAL_OUT;
}

void world_release(uint32_t id)
{
	struct sockdiag_row *row = &world.sockets[0].row;

	if (world.sockets[0].proto != IPPROTO_TCP && id > 0 &&
	    world.packets[id - 1].sender == SENDER &&
	    row->wqueue >= WORLD_CHARGED)
		row->wqueue -= WORLD_CHARGED;
}

/* ------------------------------------------------------------ what happens */

/* Another one of the same addresses, and OTHER has it. */
static void double_socket(uint32_t wqueue)
{
	struct world_socket *s = add_like_it();

	s->row.wqueue = wqueue;
	world_open(OTHER, s->row.inode);
}

static void end_process(struct world_process *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(p->inodes); i++)
		if (p->inodes[i] != 0)
			close_fd(p, i);
	p->there = p->connecting = false;
}

static void move_descriptor(struct world_process *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(p->fds); i++)
		p->fds[i] += 40;
}

static void fork_child(const struct world_process *p)
{
	struct world_process *child = add_process(CHILD, WORLD_PID + CHILD);

	child->ppid = p->pid;
	child->image = p->image;
	memcpy(child->fds, p->fds, sizeof(p->fds));
	memcpy(child->inodes, p->inodes, sizeof(p->inodes));
}

static void happen_to_process(enum deed deed, struct world_process *p)
{
	if (p == NULL)
		return;
	switch (deed) {
	case EXITS:
		end_process(p);
		return;
	case EXECS:
		p->image++;
		p->connecting = false;
		return;
	case BEGINS_EXEC:
		p->image++;
		p->mid_exec = true;
		p->connecting = false;
		return;
	case ENDS_EXEC:
		p->mid_exec = false;
		return;
	case CLOSES:
		close_socket(p, world.sockets[0].row.inode);
		return;
	case MOVES:
		move_descriptor(p);
		return;
	case GETS_IT:
		if (world.sockets[0].there)
			world_open(p->who, world.sockets[0].row.inode);
		return;
	case FORKS:
		fork_child(p);
		return;
	case PID_REUSED:
		end_process(p);
		add_process(NEXT, p->pid);
		return;
	case HIDES:
		p->hidden = true;
		return;
	case CONNECTS:
		p->connecting = true;
		return;
	case RETURNS:
		p->connecting = false;
		return;
	default:
		fail_msg("nothing that happens to a process: %d", deed);
	}
}

static void add_raw(void)
{
	struct world_socket *s = world_add_socket(IPPROTO_RAW, 7);

	s->row.remote = s->row.local = address("0.0.0.0");
	world_open(OTHER, s->row.inode);
}

static bool happen_to_socket(enum deed deed)
{
	struct sockdiag_row *row = &world.sockets[0].row;

	switch (deed) {
	case GOES:
		close_by_all();
		return true;
	case ORPHANED:
	case TIME_WAITS:
		close_by_all();
		world.sockets[0].there = true;
		row->inode = 0;
		row->state = deed == ORPHANED ? TCP_FIN_WAIT1 : TCP_TIME_WAIT;
		return true;
	case REPLACED:
		close_by_all();
		double_socket(0);
		return true;
	case REINCARNATED:
		close_by_all();
		double_socket(row->wqueue);
		world.sockets[world.nsockets - 1].row.inode = row->inode;
		close_socket(world_process(OTHER), INODE + world.nsockets - 1);
		world.sockets[world.nsockets - 1].there = true;
		world_open(OTHER, row->inode);
		return true;
	case DOUBLED:
		double_socket(0);
		return true;
	case DOUBLED_FULL:
		double_socket(WORLD_CHARGED);
		return true;
	case EMPTIED:
		row->wqueue = 0;
		return true;
	case FILLED:
		row->wqueue += 10 * WORLD_CHARGED;
		return true;
	case RAW_BESIDE:
		add_raw();
		return true;
	default:
		return false;
	}
}

/* Another packet with the addresses of the first. */
static void send_another(enum who sender, uint32_t seq, const char *payload)
{
	const struct world_packet *first = &world.packets[0];
	uint8_t flags = first->bytes[sizeof(struct iphdr) + 13];
	uint8_t proto = first->bytes[9];

	if (proto == IPPROTO_TCP && sender == OTHER)
		world_add_packet(sender, proto, TH_SYN, seq, "");
	else
		world_add_packet(sender, proto, flags, seq, payload);
}

static void be_rivalled(void)
{
	close_by_all();
	double_socket(world.sockets[0].proto == IPPROTO_TCP ? 1
							    : WORLD_CHARGED);
	send_another(OTHER, 2, "another");
}

static bool happen_to_packet(enum deed deed)
{
	switch (deed) {
	case SENT_AGAIN:
		send_another(SENDER, 1, "");
		return true;
	case RIVALLED:
		be_rivalled();
		return true;
	case FOLLOWED:
		world.sockets[0].row.wqueue += WORLD_CHARGED;
		send_another(SENDER, 3, "more");
		return true;
	case CROWDED:
		send_another(NOBODY, 4, "and more");
		return true;
	case EXPIRES:
		world.expired = true;
		world.sockets[0].row.wqueue = 0;
		return true;
	case TIME_PASSES:
		world.now += 10 * UTIL_SEC;
		return true;
	default:
		return false;
	}
}

static bool happen_to_us(enum deed deed)
{
	switch (deed) {
	case REFUSED:
		world.refused = 1;
		return true;
	case INTERRUPTED:
		world.interrupted = 1;
		return true;
	case TORN:
		world.interrupted = 1000;
		return true;
	case ITERATOR_FAILS:
		world.iterator_fails = true;
		return true;
	case SWEEP_FAILS:
		world.sweep_fails = true;
		return true;
	case UNSETTLED:
		world.unsettled = true;
		return true;
	case BORN:
		add_process(NEXT, WORLD_PID + NEXT);
		return true;
	default:
		return deed == NOTHING;
	}
}

void world_do(enum deed deed, enum who who)
{
	if (!happen_to_us(deed) && !happen_to_packet(deed) &&
	    !happen_to_socket(deed))
		happen_to_process(deed, world_process(who));
}

static void run_script(enum call call, bool after)
{
	for (size_t i = 0; i < WORLD_SCRIPT; i++) {
		const struct happening *h = &world.script[i];

		if (h->call == call && h->nth == world.counts[call] &&
		    h->after == after)
			world_do(h->deed, h->who);
	}
}

/* What there is to put into a script: WORLD_TRACE=1 in the environment. */
static void trace(enum call call)
{
	static const char *const names[] = {
		[LOOKUP] = "LOOKUP", [THREADS] = "THREADS",
		[SWEPT] = "SWEPT",   [IDENTITY] = "IDENTITY",
		[LINK] = "LINK",     [IN_CALL] = "IN_CALL",
		[FACTS] = "FACTS",   [RECEIVE] = "RECEIVE",
	};

	if (getenv("WORLD_TRACE") != NULL)
		printf("#   %d: %s %d\n", world.total, names[call],
		       world.counts[call]);
}

void world_enter(enum call call)
{
	if (!world.listening)
		return;
	world.total++;
	if (world.counts[call]++ == 0)
		world.first_call[call] = world.total;
	trace(call);
	if (world.total == world.any_call)
		world_do(world.any_deed, world.any_who);
	run_script(call, false);
}

void world_leave(enum call call)
{
	if (world.listening)
		run_script(call, true);
}
