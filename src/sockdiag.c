/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockdiag: asks NETLINK_SOCK_DIAG, and believes only answers to the question.
 */
#include "sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nl.h"
#include "util.h"

#define DUMP_TRIES 4
#define ALL_STATES                                                \
	0xfffU /* not the 6.8+ "bound, inactive": it sent nothing \
		*/
#define MISSING_US   UTIL_SEC /* so long a protocol stays "not there" */
#define STATE_BIT(s) (1U << (s))
#define EXT_BIT(e)   ((uint8_t)(1U << ((e)-1)))

struct protocol {
	uint8_t proto;
	bool connected;	 /* a socket sends to its peer only, and may listen */
	bool multihomed; /* from any address of its association */
	bool swapped;	 /* the look-up is an incoming packet's: udp_diag.c */
	bool raw;	 /* the local "port" is the protocol: raw_diag.c */
	uint8_t ext;	 /* what is asked for beyond the row */
};

static const struct protocol protocols[] = {
	{.proto = IPPROTO_TCP, .connected = true},
	{.proto = IPPROTO_UDP, .swapped = true},
	{.proto = IPPROTO_UDPLITE, .swapped = true},
	{.proto = IPPROTO_SCTP,
	 .connected = true,
	 .multihomed = true,
	 .ext = EXT_BIT(INET_DIAG_SKMEMINFO)},
	{.proto = IPPROTO_DCCP,
	 .connected = true,
	 .ext = EXT_BIT(INET_DIAG_SKMEMINFO)},
	{.proto = IPPROTO_RAW, .raw = true},
};

struct sockdiag {
	struct nl *nl;
	bool present[ARRAY_SIZE(protocols)];
	uint64_t missing_until[ARRAY_SIZE(protocols)];
};

struct request {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 req;
};

/* What a dump collects; count goes on beyond max. */
struct found {
	const struct protocol *protocol;
	const struct sockdiag_query *query; /* NULL: whatever it is */
	const struct sockdiag_row *equal;   /* NULL: wherever it stands */
	bool receivers;			    /* not: those that may have sent */
	struct sockdiag_row *rows;
	size_t max, count;
};

/* How many sockets listen exactly where this one does. */
struct listeners {
	const struct sockdiag_row *row;
	unsigned count;
};

int sockdiag_open(struct sockdiag **out)
{
	struct sockdiag *sd = calloc(1, sizeof(*sd));
	int err;

	if (!sd)
		return -ENOMEM;
	err = nl_open(&sd->nl, NETLINK_SOCK_DIAG);
	if (err) {
		free(sd);
		return err;
	}
	*out = sd;
	return 0;
}

int sockdiag_open_fd(struct sockdiag **out, int fd)
{
	struct sockdiag *sd = calloc(1, sizeof(*sd));
	int err;

	if (!sd) {
		close(fd);
		return -ENOMEM;
	}
	err = nl_open_fd(&sd->nl, fd);
	if (err) {
		free(sd);
		return err;
	}
	*out = sd;
	return 0;
}

void sockdiag_close(struct sockdiag *sd)
{
	if (!sd)
		return;
	nl_close(sd->nl);
	free(sd);
}

static const struct protocol *protocol_get(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == proto)
			return &protocols[i];
	return NULL;
}

static int parse_meminfo(const void *payload, size_t len,
			 struct sockdiag_row *row)
{
	uint32_t mem[SK_MEMINFO_WMEM_ALLOC + 1];

	if (len < sizeof(mem))
		return -EBADMSG;
	memcpy(mem, payload, sizeof(mem));
	row->wmem = mem[SK_MEMINFO_WMEM_ALLOC];
	return 0;
}

/* Bits of struct inet_diag_sockopt, which has had these from the start. */
static int parse_sockopt(const void *payload, size_t len,
			 struct sockdiag_row *row)
{
	struct inet_diag_sockopt opt = {.mc_loop = 1};

	memcpy(&opt, payload, len < sizeof(opt) ? len : sizeof(opt));
	row->payload_only = !opt.hdrincl;
	row->no_mc_loop = !opt.mc_loop;
	return 0;
}

static int parse_attr(const struct nlattr *attr, struct sockdiag_row *row)
{
	size_t len = mnl_attr_get_payload_len(attr);
	uint8_t v6only;

	switch (mnl_attr_get_type(attr)) {
	case INET_DIAG_SKMEMINFO:
		return parse_meminfo(mnl_attr_get_payload(attr), len, row);
	case INET_DIAG_SOCKOPT:
		return parse_sockopt(mnl_attr_get_payload(attr), len, row);
	case INET_DIAG_SKV6ONLY:
		if (len < sizeof(v6only))
			return -EBADMSG;
		memcpy(&v6only, mnl_attr_get_payload(attr), sizeof(v6only));
		row->v6only = v6only;
		return 0;
	case INET_DIAG_CGROUP_ID:
		if (len < sizeof(row->cgroup_id))
			return -EBADMSG;
		memcpy(&row->cgroup_id, mnl_attr_get_payload(attr),
		       sizeof(row->cgroup_id));
		return 0;
	}
	return 0;
}

static int parse_attrs(const struct nlmsghdr *nlh, struct sockdiag_row *row)
{
	const struct nlattr *attr =
		mnl_nlmsg_get_payload_offset(nlh, sizeof(struct inet_diag_msg));
	const char *end = (const char *)nlh + nlh->nlmsg_len;

	while ((const char *)attr < end) {
		int left = (int)(end - (const char *)attr);

		if (!mnl_attr_ok(attr, left) || parse_attr(attr, row))
			return -EBADMSG;
		attr = mnl_attr_next(attr);
	}
	return 0;
}

static struct ipaddr parse_addr(uint8_t family, const void *bytes)
{
	struct ipaddr a = ipaddr_from_bytes(family, bytes);

	return ipaddr_unmap(&a);
}

int sockdiag_parse(const struct nlmsghdr *nlh, struct sockdiag_row *row)
{
	struct inet_diag_msg m;
	uint8_t family;

	memset(row, 0, sizeof(*row));
	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    nlh->nlmsg_len < sizeof(*nlh) + sizeof(m))
		return -EBADMSG;
	memcpy(&m, mnl_nlmsg_get_payload(nlh), sizeof(m));
	family = m.idiag_family;
	if (family != AF_INET && family != AF_INET6)
		return -EBADMSG;
	*row = (struct sockdiag_row){
		.family = family,
		.state = m.idiag_state,
		.local = parse_addr(family, m.id.idiag_src),
		.remote = parse_addr(family, m.id.idiag_dst),
		.local_port = ntohs(m.id.idiag_sport),
		.remote_port = ntohs(m.id.idiag_dport),
		.ifindex = m.id.idiag_if,
		.rqueue = m.idiag_rqueue,
		.wqueue = m.idiag_wqueue,
		.uid = m.idiag_uid,
		.inode = m.idiag_inode,
		.cookie = (uint64_t)m.id.idiag_cookie[1] << 32 |
			  m.id.idiag_cookie[0],
	};
	return parse_attrs(nlh, row);
}

/* An address of the row's that is the asked one, or any of its family.  An IPv6
 * socket that is not v6only has the IPv4 addresses too. */
static bool addr_fits(const struct sockdiag_row *row, const struct ipaddr *has,
		      const struct ipaddr *asked)
{
	if (!ipaddr_is_any(has))
		return ipaddr_equal(has, asked);
	return has->family == asked->family ||
	       (has->family == AF_INET6 && !row->v6only);
}

static bool device_fits(const struct sockdiag_row *row,
			const struct sockdiag_query *q)
{
	return !row->ifindex || !q->ifindex || row->ifindex == q->ifindex;
}

static bool connected_fits(const struct protocol *p,
			   const struct sockdiag_row *row,
			   const struct sockdiag_query *q)
{
	if (row->state == TCP_LISTEN || row->remote_port != q->remote_port)
		return false;
	return p->multihomed || (ipaddr_equal(&row->local, &q->local) &&
				 ipaddr_equal(&row->remote, &q->remote));
}

static bool datagram_fits(const struct sockdiag_row *row,
			  const struct sockdiag_query *q)
{
	if (!addr_fits(row, &row->local, &q->local))
		return false;
	if (!row->remote_port && ipaddr_is_any(&row->remote))
		return true;
	return row->remote_port == q->remote_port &&
	       ipaddr_equal(&row->remote, &q->remote);
}

static bool sender_fits(const struct protocol *p,
			const struct sockdiag_row *row,
			const struct sockdiag_query *q)
{
	if (row->local_port != q->local_port)
		return false;
	if (row->family == AF_INET && q->local.family == AF_INET6)
		return false;
	if (p->connected)
		return device_fits(row, q) && connected_fits(p, row, q);
	/* sendto(2) overrides the peer and IP_PKTINFO the source and device:
	 * what has bytes in flight may have sent them with any address. */
	return row->wqueue || (device_fits(row, q) && datagram_fits(row, q));
}

static bool listener_fits(const struct protocol *p,
			  const struct sockdiag_row *row,
			  const struct sockdiag_query *q)
{
	if (p->connected && row->state != TCP_LISTEN)
		return false;
	return row->local_port == q->local_port && device_fits(row, q) &&
	       addr_fits(row, &row->local, &q->local);
}

bool sockdiag_row_fits(const struct sockdiag_row *row,
		       const struct sockdiag_query *q)
{
	const struct protocol *p = protocol_get(q->proto);

	return p && !p->raw && sender_fits(p, row, q);
}

static struct inet_diag_sockid sockid_make(const struct protocol *p,
					   const struct sockdiag_query *q)
{
	struct inet_diag_sockid id = {
		.idiag_sport = htons(q->local_port),
		.idiag_dport = htons(q->remote_port),
		.idiag_if = q->ifindex,
		.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
	};
	const struct ipaddr *src = p->swapped ? &q->remote : &q->local;
	const struct ipaddr *dst = p->swapped ? &q->local : &q->remote;

	if (p->swapped) {
		id.idiag_sport = htons(q->remote_port);
		id.idiag_dport = htons(q->local_port);
	}
	memcpy(id.idiag_src, src->bytes, sizeof(id.idiag_src));
	memcpy(id.idiag_dst, dst->bytes, sizeof(id.idiag_dst));
	return id;
}

static int row_cb(const struct nlmsghdr *nlh, void *data)
{
	return sockdiag_parse(nlh, data);
}

static int get_row(struct sockdiag *sd, const struct protocol *p,
		   const struct sockdiag_query *q, struct sockdiag_row *row)
{
	struct request r = {
		.nlh = {.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = nl_next_seq(sd->nl)},
		.req = {.sdiag_family = q->local.family,
			.sdiag_protocol = p->proto,
			.idiag_ext = p->ext,
			.idiag_states = ~0U,
			.id = sockid_make(p, q)},
	};

	return nl_request(sd->nl, &r.nlh, row_cb, row);
}

/* One dump of a family's sockets with this local port. */
static int dump(struct sockdiag *sd, const struct protocol *p, uint8_t family,
		uint32_t states, uint16_t port, nl_cb cb, void *data)
{
	struct request r = {
		.nlh = {.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = nl_next_seq(sd->nl)},
		.req = {.sdiag_family = family,
			.sdiag_protocol = p->proto,
			.idiag_states = states,
			.id = {.idiag_sport = htons(port)}},
	};

	return nl_request(sd->nl, &r.nlh, cb, data);
}

bool sockdiag_is_connected(int proto)
{
	const struct protocol *p = protocol_get((uint8_t)proto);

	return p && p->connected;
}

/* A look-up's ENOENT means "no such socket" and "no such protocol" alike; only
 * a dump tells them apart.  The negative answer is kept for a while, since each
 * question may run modprobe, and not for ever, since a module may come. */
static int why_none(struct sockdiag *sd, const struct protocol *p)
{
	size_t i = (size_t)(p - protocols);
	int err;

	if (sd->present[i])
		return -ENOENT;
	err = dump(sd, p, AF_INET, 0, 0, NULL, NULL);
	if (!err) {
		sd->present[i] = true;
		return -ENOENT;
	}
	if (err != -ENOENT)
		return err;
	sd->missing_until[i] = util_now_us() + MISSING_US;
	return -EOPNOTSUPP;
}

static bool is_missing(const struct sockdiag *sd, const struct protocol *p)
{
	uint64_t until = sd->missing_until[p - protocols];

	return until && util_now_us() < until;
}

typedef bool (*row_match)(const struct protocol *p,
			  const struct sockdiag_row *row,
			  const struct sockdiag_query *q);

static int query_check(const struct sockdiag_query *q)
{
	if (q->local.family != AF_INET && q->local.family != AF_INET6)
		return -EAFNOSUPPORT;
	return q->local.family == q->remote.family ? 0 : -EINVAL;
}

static int get_matching(struct sockdiag *sd, const struct sockdiag_query *query,
			row_match match, struct sockdiag_row *row)
{
	const struct protocol *p = protocol_get(query->proto);
	struct sockdiag_query q = *query;
	int err = query_check(query);

	if (err)
		return err;
	if (!p || p->raw || is_missing(sd, p))
		return -EOPNOTSUPP;
	for (;;) {
		err = get_row(sd, p, &q, row);
		if (!err && match(p, row, query))
			return 0;
		if (err && err != -ENOENT)
			return err;
		if (!q.ifindex)
			return err ? why_none(sd, p) : -ENOENT;
		q.ifindex = 0;
	}
}

int sockdiag_get(struct sockdiag *sd, const struct sockdiag_query *q,
		 struct sockdiag_row *row)
{
	return get_matching(sd, q, sender_fits, row);
}

static int listeners_cb(const struct nlmsghdr *nlh, void *data)
{
	struct listeners *l = data;
	struct sockdiag_row row;
	int err = sockdiag_parse(nlh, &row);

	if (!err && row.ifindex == l->row->ifindex &&
	    ipaddr_equal(&row.local, &l->row->local))
		l->count++;
	return err;
}

int sockdiag_get_listener(struct sockdiag *sd, const struct sockdiag_query *q,
			  struct sockdiag_row *row)
{
	struct sockdiag_query no_peer = *q;
	struct listeners l = {.row = row};
	int err = get_matching(sd, q, listener_fits, row);

	/* Where a connection or a request stands before the listener, a port
	 * that no peer has goes past them; but in a SO_REUSEPORT group it is
	 * the peer's port that chooses. */
	if (err != -ENOENT || !protocol_get(q->proto)->connected)
		return err;
	no_peer.remote_port = 0;
	err = get_matching(sd, &no_peer, listener_fits, row);
	if (!err)
		err = dump(sd, protocol_get(q->proto), row->family,
			   STATE_BIT(TCP_LISTEN), q->local_port, listeners_cb,
			   &l);
	return !err && l.count > 1 ? -ENOTUNIQ : err;
}

static bool is_equal(const struct sockdiag_row *a, const struct sockdiag_row *b)
{
	return a->family == b->family && a->ifindex == b->ifindex &&
	       a->local_port == b->local_port &&
	       a->remote_port == b->remote_port &&
	       ipaddr_equal(&a->local, &b->local) &&
	       ipaddr_equal(&a->remote, &b->remote) &&
	       (a->state == TCP_LISTEN) == (b->state == TCP_LISTEN);
}

static bool is_wanted(const struct found *f, const struct sockdiag_row *row)
{
	if (f->equal)
		return is_equal(f->equal, row);
	if (!f->query)
		return true;
	if (f->receivers)
		return row->local_port == f->query->local_port &&
		       device_fits(row, f->query) &&
		       datagram_fits(row, f->query);
	return sender_fits(f->protocol, row, f->query);
}

static int found_cb(const struct nlmsghdr *nlh, void *data)
{
	struct found *f = data;
	size_t stored = f->count < f->max ? f->count : f->max;
	struct sockdiag_row row;
	int err = sockdiag_parse(nlh, &row);

	if (err || !is_wanted(f, &row))
		return err;
	for (size_t i = 0; i < stored; i++)
		if (f->rows[i].cookie == row.cookie)
			return 0;
	if (f->count < f->max)
		f->rows[f->count] = row;
	f->count++;
	return 0;
}

static int find_once(struct sockdiag *sd, struct found *f)
{
	const struct protocol *p = f->protocol;
	uint32_t states = ALL_STATES & ~STATE_BIT(TCP_LISTEN);
	uint16_t port = f->query->local_port;
	int err = dump(sd, p, AF_INET6, states, port, found_cb, f);

	/* An IPv4 socket never sends IPv6; a kernel may have no IPv6. */
	if (f->query->local.family == AF_INET6 || (err && err != -ENOENT))
		return err;
	return dump(sd, p, AF_INET, states, port, found_cb, f);
}

static int raw_cb(const struct nlmsghdr *nlh, void *data)
{
	struct found *f = data;
	struct sockdiag_row row;
	int err = sockdiag_parse(nlh, &row);

	if (err)
		return err;
	row.raw = true;
	if (f->count < f->max)
		f->rows[f->count] = row;
	f->count++;
	return 0;
}

int sockdiag_find_raw(struct sockdiag *sd, uint8_t family,
		      struct sockdiag_row *rows, size_t max)
{
	const struct protocol *p = protocol_get(IPPROTO_RAW);
	struct found f = {.protocol = p, .rows = rows, .max = max};
	int err = -EAGAIN;

	if (!p || is_missing(sd, p))
		return -EOPNOTSUPP;
	for (int i = 0; i < DUMP_TRIES && err == -EAGAIN; i++) {
		f.count = 0;
		err = dump(sd, p, family, ALL_STATES, 0, raw_cb, &f);
	}
	if (err == -ENOENT) {
		err = why_none(sd, p);
		return err == -ENOENT ? 0 : err;
	}
	return err ? err : (int)f.count;
}

int sockdiag_find_all(struct sockdiag *sd, const struct sockdiag_query *q,
		      struct sockdiag_row *rows, size_t max)
{
	const struct protocol *p = protocol_get(q->proto);
	struct found f = {.protocol = p, .query = q, .rows = rows, .max = max};
	int err = query_check(q);

	if (err)
		return err;
	if (!p || p->raw || is_missing(sd, p))
		return -EOPNOTSUPP;
	for (int i = 0; i < DUMP_TRIES; i++) {
		f.count = 0;
		err = find_once(sd, &f);
		if (err != -EAGAIN)
			break;
	}
	if (err == -ENOENT) {
		err = why_none(sd, p);
		return err == -ENOENT ? 0 : err;
	}
	return err ? err : (int)f.count;
}

/* Of both families. */
static int find_at_port(struct sockdiag *sd, struct found *f, uint16_t port)
{
	const struct protocol *p = f->protocol;
	int err = 0;

	if (!p || is_missing(sd, p))
		return -EOPNOTSUPP;
	for (int i = 0; i < DUMP_TRIES; i++) {
		f->count = 0;
		err = dump(sd, p, AF_INET6, ALL_STATES, port, found_cb, f);
		if (!err || err == -ENOENT)
			err = dump(sd, p, AF_INET, ALL_STATES, port, found_cb,
				   f);
		if (err != -EAGAIN)
			break;
	}
	return err ? err : (int)f->count;
}

int sockdiag_list_port(struct sockdiag *sd, uint8_t proto, uint16_t port,
		       struct sockdiag_row *rows, size_t max)
{
	struct found f = {
		.protocol = protocol_get(proto), .rows = rows, .max = max};

	return find_at_port(sd, &f, port);
}

int sockdiag_find_equals(struct sockdiag *sd, uint8_t proto,
			 const struct sockdiag_row *row,
			 struct sockdiag_row *rows, size_t max)
{
	struct found f = {.protocol = protocol_get(proto),
			  .equal = row,
			  .rows = rows,
			  .max = max};

	return find_at_port(sd, &f, row->local_port);
}

int sockdiag_find_receivers(struct sockdiag *sd, const struct sockdiag_query *q,
			    struct sockdiag_row *rows, size_t max)
{
	struct found f = {.protocol = protocol_get(q->proto),
			  .query = q,
			  .receivers = true,
			  .rows = rows,
			  .max = max};
	int err = query_check(q);

	return err ? err : find_at_port(sd, &f, q->local_port);
}
