/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scenes: how a world can be when the packet comes. */
#include "scenes.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "util.h"
#include "world.h"

#define NF_INET_LOCAL_IN 1 /* linux/netfilter.h does not go with netinet */

static void begin(void)
{
	world_reset();
	world_add_process(SENDER);
	world_add_process(OTHER);
}

static void clear_address(struct ipaddr *a)
{
	memset(a->bytes, 0, sizeof(a->bytes));
}

void connected_datagram(void)
{
	begin();
	world_add_socket(IPPROTO_UDP, TCP_ESTABLISHED);
	world_open(SENDER, world.sockets[0].row.inode);
	world_add_packet(SENDER, IPPROTO_UDP, 0, 0, "hello");
}

void datagram(void)
{
	connected_datagram();
	world.sockets[0].row.state = TCP_CLOSE;
	world.sockets[0].row.remote_port = 0;
	clear_address(&world.sockets[0].row.remote);
}

void mapped_datagram(void)
{
	connected_datagram();
	world.sockets[0].row.family = AF_INET6;
}

void other_users_datagram(void)
{
	datagram();
	world.packets[0].uid = WORLD_UID + 1;
}

void kernels_datagram(void)
{
	datagram();
	world.packets[0].has_uid = false;
}

void tunnels_datagram(void)
{
	datagram();
	world.sockets[0].row.wqueue = 0;
	world_process(SENDER)->inodes[0] = 0;
}

void hidden_datagram(void)
{
	datagram();
	world_do(HIDES, SENDER);
}

void unprivileged(void)
{
	datagram();
	world.no_ptrace = true;
}

void in_namespace(void)
{
	datagram();
	world.user_namespace = true;
}

void by_iterator_only(void)
{
	by_iterator();
	world.no_ptrace = true;
}

void by_iterator(void)
{
	datagram();
	world.has_iterator = true;
}

void connecting(void)
{
	begin();
	world_add_socket(IPPROTO_TCP, TCP_SYN_SENT);
	world_open(SENDER, world.sockets[0].row.inode);
	world_add_packet(SENDER, IPPROTO_TCP, TH_SYN, 1, "");
}

void waiting(void)
{
	connecting();
	world_do(CONNECTS, SENDER);
}

/* So that only a sweep finds them. */
void waiting_unseen(void)
{
	waiting();
	world_add_process(NEXT);
	world_process(NEXT)->pid += 1000;
}

void waiting_child(void)
{
	waiting();
	world_process(SENDER)->ppid = world_pid(OTHER);
	world_open(OTHER, world.sockets[0].row.inode);
	world.shared = true;
}

void waiting_parent(void)
{
	waiting();
	world_process(OTHER)->ppid = world_pid(SENDER);
	world_open(OTHER, world.sockets[0].row.inode);
	world.shared = true;
}

void data(void)
{
	begin();
	world_add_socket(IPPROTO_TCP, TCP_ESTABLISHED);
	world.sockets[0].row.wqueue = 5;
	world_open(SENDER, world.sockets[0].row.inode);
	world_add_packet(SENDER, IPPROTO_TCP, TH_ACK | TH_PUSH, 1, "hello");
}

void acknowledging(void)
{
	data();
	world.sockets[0].row.wqueue = 0;
	world.npackets = 0;
	world_add_packet(SENDER, IPPROTO_TCP, TH_ACK, 1, "");
}

void raw(void)
{
	begin();
	world_add_socket(IPPROTO_RAW, TCP_CLOSE);
	clear_address(&world.sockets[0].row.local);
	clear_address(&world.sockets[0].row.remote);
	world_open(SENDER, world.sockets[0].row.inode);
	world_add_packet(SENDER, 253, 0, 0, "hello");
}

void raw_without_diag(void)
{
	raw();
	world.no_raw_diag = true;
}

void listened(void)
{
	connecting();
	world_do(GOES, NOBODY);
	world_add_socket(IPPROTO_TCP, TCP_LISTEN);
	world_open(OTHER, world.sockets[1].row.inode);
}

void device_data(void)
{
	data();
	world.sockets[0].row.ifindex = 5;
	world.packets[0].ifindex = 5;
}

/* --------------------------------------------------------- with a witness */

static struct witness_record record_of_sender(void)
{
	const struct world_process *p = world_process(SENDER);

	return (struct witness_record){
		.class = WITNESS_SENDER,
		.cookie = world.sockets[0].row.cookie,
		.inode = world.sockets[0].row.inode,
		.image = {.exe_ino = p->image, .exe_dev = 8},
		.pid = (uint32_t)p->pid,
		.tid = (uint32_t)p->pid,
		.euid = WORLD_UID,
	};
}

void seen(void)
{
	datagram();
	world.has_witness = world.sees_packets = true;
	world.record = record_of_sender();
}

void seen_kernels(void)
{
	seen();
	world.record.class = WITNESS_KERNEL;
}

void seen_from_afar(void)
{
	seen();
	world.record.pid = 0;
}

void seen_forged_from_afar(void)
{
	seen_from_afar();
	world.record.inode++;
}

void seen_connecting(void)
{
	connecting();
	world.has_witness = true;
	world.creator = world.connect = record_of_sender();
}

void seen_connected(void)
{
	seen_connecting();
	world.sockets[0].row.state = TCP_SYN_RECV;
}

void seen_closing(void)
{
	seen_connecting();
	world.creator_gone = true;
	world_do(GOES, NOBODY);
}

void seen_anothers(void)
{
	seen_closing();
	world.creator.euid++;
}

void seen_opening(void)
{
	datagram();
	world.has_witness = true;
	world.creator = record_of_sender();
}

void seen_opened(void)
{
	seen_opening();
	world.creator_gone = true;
	world_do(GOES, NOBODY);
}

const struct scene_begin scene_begins[] = {
	{"a datagram", datagram},
	{"a datagram, and an iterator", by_iterator},
	{"a SYN of a connect that does not wait", connecting},
	{"a SYN of one that does", waiting},
	{"a SYN, and many born since", waiting_unseen},
	{"a SYN of a child's", waiting_child},
	{"data of a connection", data},
	{"a raw socket's packet", raw},
};
const size_t scene_nbegins = ARRAY_SIZE(scene_begins);
