/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world_kernel: stands for nl: the world's sockets, as sock_diag tells of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"
#include "sockraw.h"
#include "util.h"
#include "world.h"

struct request {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 req;
};

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_nl_open(struct nl **nl, int bus);
void __wrap_nl_close(struct nl *nl);
uint32_t __wrap_nl_next_seq(struct nl *nl);
int __wrap_nl_request(struct nl *nl, const struct nlmsghdr *nlh, nl_cb cb,
		      void *data);

/* SO_MEMINFO, of a socket with one small datagram. */
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	const uint32_t mem[SK_MEMINFO_VARS] = {[SK_MEMINFO_WMEM_ALLOC] =
						       WORLD_CHARGED};

	(void)fd;
	(void)level;
	(void)name;
	assert_int_equal(*len, sizeof(mem));
	memcpy(value, mem, sizeof(mem));
	return 0;
}

int __wrap_nl_open(struct nl **nl, int bus)
{
	(void)bus;
	*nl = (struct nl *)&world;
	return 0;
}

void __wrap_nl_close(struct nl *nl)
{
	(void)nl;
}

uint32_t __wrap_nl_next_seq(struct nl *nl)
{
	(void)nl;
	return 1;
}

static void put_address(const struct world_socket *s, const struct ipaddr *a,
			void *to)
{
	uint8_t bytes[16] = {0};

	if (s->row.family == AF_INET6 && a->family == AF_INET) {
		bytes[10] = bytes[11] = 0xff;
		memcpy(bytes + 12, a->bytes, 4);
	} else {
		memcpy(bytes, a->bytes, ipaddr_len(a));
	}
	memcpy(to, bytes, sizeof(bytes));
}

static void put_attributes(struct nlmsghdr *nlh, const struct sockdiag_row *row)
{
	uint32_t mem[SK_MEMINFO_VARS] = {[SK_MEMINFO_WMEM_ALLOC] = row->wmem};
	const struct inet_diag_sockopt opt = {.hdrincl = !row->payload_only};

	mnl_attr_put(nlh, INET_DIAG_SKMEMINFO, sizeof(mem), mem);
	mnl_attr_put_u8(nlh, INET_DIAG_SKV6ONLY, row->v6only);
	mnl_attr_put(nlh, INET_DIAG_SOCKOPT, sizeof(opt), &opt);
}

static int tell(const struct world_socket *s, nl_cb cb, void *data)
{
	const struct sockdiag_row *row = &s->row;
	char buf[512] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_msg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	m->idiag_family = row->family;
	m->idiag_state = row->state;
	m->id.idiag_sport = htons(row->local_port);
	m->id.idiag_dport = htons(row->remote_port);
	put_address(s, &row->local, m->id.idiag_src);
	put_address(s, &row->remote, m->id.idiag_dst);
	m->id.idiag_if = row->ifindex;
	m->id.idiag_cookie[0] = (uint32_t)row->cookie;
	m->id.idiag_cookie[1] = (uint32_t)(row->cookie >> 32);
	m->idiag_rqueue = row->rqueue;
	m->idiag_wqueue = row->wqueue;
	m->idiag_uid = row->uid;
	m->idiag_inode = (uint32_t)row->inode;
	put_attributes(nlh, row);
	return cb(nlh, data);
}

static bool has_address(const struct ipaddr *a, const void *bytes)
{
	const struct ipaddr asked = ipaddr_from_bytes(a->family, bytes);

	return ipaddr_equal(a, &asked);
}

static bool is_on_device(const struct sockdiag_row *row, uint32_t ifindex)
{
	return row->ifindex == 0 || row->ifindex == ifindex;
}

/* The connection; else whoever listens there (__inet_lookup in
 * include/net/inet_hashtables.h). */
static const struct world_socket *find_connection(const struct request *r)
{
	const struct inet_diag_sockid *id = &r->req.id;

	for (int listener = 0; listener < 2; listener++)
		for (size_t i = 0; i < world.nsockets; i++) {
			const struct world_socket *s = &world.sockets[i];
			const struct sockdiag_row *row = &s->row;

			if (!s->there || s->proto != r->req.sdiag_protocol ||
			    row->local_port != ntohs(id->idiag_sport) ||
			    !is_on_device(row, id->idiag_if) ||
			    (row->state == TCP_LISTEN) != listener)
				continue;
			if (listener ||
			    (row->remote_port == ntohs(id->idiag_dport) &&
			     has_address(&row->local, id->idiag_src) &&
			     has_address(&row->remote, id->idiag_dst)))
				return s;
		}
	return NULL;
}

/* As for a packet that comes in: dst is ours (udp_diag_dump_one in
 * net/ipv4/udp_diag.c). */
static const struct world_socket *find_datagram(const struct request *r)
{
	const struct inet_diag_sockid *id = &r->req.id;

	for (size_t i = 0; i < world.nsockets; i++) {
		const struct world_socket *s = &world.sockets[i];
		const struct sockdiag_row *row = &s->row;

		if (!s->there || s->proto != r->req.sdiag_protocol ||
		    row->local_port != ntohs(id->idiag_dport) ||
		    !is_on_device(row, id->idiag_if))
			continue;
		if (row->remote_port == 0 ||
		    (row->remote_port == ntohs(id->idiag_sport) &&
		     has_address(&row->remote, id->idiag_src)))
			return s;
	}
	return NULL;
}

static int dump(const struct request *r, nl_cb cb, void *data)
{
	uint16_t port = ntohs(r->req.id.idiag_sport);
	int err = 0;

	for (size_t i = 0; i < world.nsockets && err >= 0; i++) {
		const struct world_socket *s = &world.sockets[i];

		if (s->there && s->proto == r->req.sdiag_protocol &&
		    s->row.family == r->req.sdiag_family &&
		    (1U << s->row.state & r->req.idiag_states) != 0 &&
		    (port == 0 || s->row.local_port == port))
			err = tell(s, cb, data);
	}
	if (world.interrupted > 0) {
		world.interrupted--;
		return -EAGAIN;
	}
	return err < 0 ? err : 0;
}

static bool has_protocol(const struct request *r)
{
	switch (r->req.sdiag_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return true;
	case IPPROTO_RAW:
		return !world.no_raw_diag;
	}
	return false;
}

int __wrap_nl_request(struct nl *nl, const struct nlmsghdr *nlh, nl_cb cb,
		      void *data)
{
	const struct world_socket *s;
	struct request r;

	(void)nl;
	memcpy(&r, nlh, sizeof(r));
	if (world.refused > 0) {
		world.refused--;
		return -ENOBUFS;
	}
	if (!has_protocol(&r))
		return -ENOENT;
	if (nlh->nlmsg_flags & NLM_F_DUMP)
		return dump(&r, cb, data);
	s = r.req.sdiag_protocol == IPPROTO_TCP ? find_connection(&r)
						: find_datagram(&r);
	return s == NULL ? -ENOENT : tell(s, cb, data);
}

/* --------------------------------------------- the questions are calls, too */

int __real_sockdiag_get(struct sockdiag *sd, const struct sockdiag_query *q,
			struct sockdiag_row *row);
int __wrap_sockdiag_get(struct sockdiag *sd, const struct sockdiag_query *q,
			struct sockdiag_row *row);
int __real_sockdiag_get_listener(struct sockdiag *sd,
				 const struct sockdiag_query *q,
				 struct sockdiag_row *row);
int __wrap_sockdiag_get_listener(struct sockdiag *sd,
				 const struct sockdiag_query *q,
				 struct sockdiag_row *row);
int __real_sockdiag_find_all(struct sockdiag *sd,
			     const struct sockdiag_query *q,
			     struct sockdiag_row *rows, size_t max);
int __wrap_sockdiag_find_all(struct sockdiag *sd,
			     const struct sockdiag_query *q,
			     struct sockdiag_row *rows, size_t max);
int __real_sockdiag_find_raw(struct sockdiag *sd, uint8_t family,
			     struct sockdiag_row *rows, size_t max);
int __wrap_sockdiag_find_raw(struct sockdiag *sd, uint8_t family,
			     struct sockdiag_row *rows, size_t max);
int __wrap_sockraw_read(const struct sockraw *sr, enum sockraw_table table,
			struct sockdiag_row *rows, size_t max);

/* Who weighs send queues must not find there what was passed already. */
static void expect_flushed(void)
{
	assert_int_equal(world.passed, 0);
}

static void note_found(bool found)
{
	if (found && world.found_call == 0)
		world.found_call = world.total;
}

int __wrap_sockdiag_get(struct sockdiag *sd, const struct sockdiag_query *q,
			struct sockdiag_row *row)
{
	int r;

	expect_flushed();
	world_enter(LOOKUP);
	r = __real_sockdiag_get(sd, q, row);
	note_found(r == 0);
	world_leave(LOOKUP);
	return r;
}

int __wrap_sockdiag_get_listener(struct sockdiag *sd,
				 const struct sockdiag_query *q,
				 struct sockdiag_row *row)
{
	int r;

	world_enter(LOOKUP);
	r = __real_sockdiag_get_listener(sd, q, row);
	world_leave(LOOKUP);
	return r;
}

int __wrap_sockdiag_find_all(struct sockdiag *sd,
			     const struct sockdiag_query *q,
			     struct sockdiag_row *rows, size_t max)
{
	int r;

	expect_flushed();
	world_enter(LOOKUP);
	r = __real_sockdiag_find_all(sd, q, rows, max);
	note_found(r > 0);
	world_leave(LOOKUP);
	return r;
}

int __wrap_sockdiag_find_raw(struct sockdiag *sd, uint8_t family,
			     struct sockdiag_row *rows, size_t max)
{
	int r;

	expect_flushed();
	world_enter(LOOKUP);
	r = __real_sockdiag_find_raw(sd, family, rows, max);
	note_found(r > 0);
	world_leave(LOOKUP);
	return r;
}

/* No ping sockets; and raw ones are raw_diag's to tell of. */
int __wrap_sockraw_read(const struct sockraw *sr, enum sockraw_table table,
			struct sockdiag_row *rows, size_t max)
{
	(void)sr;
	(void)table;
	(void)rows;
	(void)max;
	return -EOPNOTSUPP;
}
