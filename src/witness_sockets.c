/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_sockets: who opened and connected which socket, by its cookie. */
#include "witness_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUCKETS 8192

struct known {
	uint64_t cookie;	   /* 0: not in use */
	uint64_t closed_ns;	   /* 0: it is open */
	bool many;		   /* several have connected it */
	struct known *chain;	   /* of the cookie's bucket */
	struct known *at_port;	   /* closed before it, in the port's bucket */
	struct known *prev, *next; /* from the least to the most recent */
	struct witness_ends ends;  /* when it was closed */
	struct witness_record created, connected; /* type 0: not seen */
};

struct witness_sockets {
	uint64_t lost_ns;    /* when one was pushed out that was closed */
	struct known recent; /* head of the list */
	struct known *buckets[BUCKETS];
	struct known *ports[BUCKETS]; /* of those closed, the last one first */
	struct known all[WITNESS_SOCKETS_MAX];
};

int witness_sockets_open(struct witness_sockets **out)
{
	struct witness_sockets *s = calloc(1, sizeof(*s));
	struct known *head;

	if (s == NULL)
		return -ENOMEM;
	head = &s->recent;
	head->next = head->prev = head;
	for (size_t i = 0; i < WITNESS_SOCKETS_MAX; i++) {
		struct known *k = &s->all[i];

		k->next = head;
		k->prev = head->prev;
		k->prev->next = head->prev = k;
	}
	*out = s;
	return 0;
}

void witness_sockets_close(struct witness_sockets *s)
{
	free(s);
}

/* Cookies count up. */
static struct known *const *bucket(const struct witness_sockets *s,
				   uint64_t cookie)
{
	return &s->buckets[cookie % BUCKETS];
}

static struct known *find(const struct witness_sockets *s, uint64_t cookie)
{
	struct known *k = *bucket(s, cookie);

	while (k != NULL && k->cookie != cookie)
		k = k->chain;
	return k;
}

static void make_recent(struct witness_sockets *s, struct known *k)
{
	struct known *head = &s->recent;

	k->prev->next = k->next;
	k->next->prev = k->prev;
	k->next = head;
	k->prev = head->prev;
	k->prev->next = head->prev = k;
}

static size_t port_bucket(uint8_t proto, uint16_t port)
{
	return (port ^ (size_t)proto << 5) % BUCKETS;
}

static void leave_port(struct witness_sockets *s, struct known *k)
{
	struct known **at =
		&s->ports[port_bucket(k->ends.proto, k->ends.sport)];

	while (*at != k)
		at = &(*at)->at_port;
	*at = k->at_port;
}

static void note_closed(struct witness_sockets *s, struct known *k,
			const struct witness_record *r)
{
	struct known **first =
		&s->ports[port_bucket(r->ends.proto, r->ends.sport)];

	if (k->closed_ns != 0)
		leave_port(s, k);
	k->ends = r->ends;
	k->closed_ns = r->time_ns;
	k->at_port = *first;
	*first = k;
}

static void push_out(struct witness_sockets *s, struct known *k)
{
	struct known **at = &s->buckets[k->cookie % BUCKETS];

	if (k->cookie == 0)
		return;
	if (k->closed_ns > s->lost_ns)
		s->lost_ns = k->closed_ns;
	if (k->closed_ns != 0)
		leave_port(s, k);
	while (*at != k)
		at = &(*at)->chain;
	*at = k->chain;
}

static struct known *add(struct witness_sockets *s, uint64_t cookie)
{
	struct known *k = s->recent.next;
	struct known **at = &s->buckets[cookie % BUCKETS];

	push_out(s, k);
	k->cookie = cookie;
	k->closed_ns = 0;
	k->many = false;
	k->created.type = k->connected.type = 0;
	k->chain = *at;
	*at = k;
	return k;
}

static bool is_same_doer(const struct witness_record *a,
			 const struct witness_record *b)
{
	return a->class == b->class && a->pid == b->pid &&
	       memcmp(&a->image, &b->image, sizeof(a->image)) == 0;
}

void witness_sockets_add(struct witness_sockets *s,
			 const struct witness_record *r)
{
	struct known *k;

	if (r->cookie == 0)
		return;
	k = find(s, r->cookie);
	if (k == NULL)
		k = add(s, r->cookie);
	make_recent(s, k);
	switch ((enum witness_type)r->type) {
	case WITNESS_CREATED:
		k->created = *r;
		break;
	case WITNESS_CONNECTED:
		/* After the first one's packet it may be disconnected and
		 * connected anew, while that is held. */
		if (k->connected.type != 0 && !is_same_doer(&k->connected, r))
			k->many = true;
		k->connected = *r;
		break;
	case WITNESS_CLOSED:
		note_closed(s, k, r);
		break;
	case WITNESS_PACKET:
	case WITNESS_FACTS:
		break;
	}
}

bool witness_sockets_creator(const struct witness_sockets *s, uint64_t cookie,
			     struct witness_record *r)
{
	const struct known *k = find(s, cookie);

	if (k == NULL || k->created.type == 0)
		return false;
	*r = k->created;
	return true;
}

/* -------------------------------------------------------------- addresses */

/* An IPv4 packet may be a socket's of either family. */
static struct ipaddr address_of(const struct witness_ends *e,
				const uint32_t *words)
{
	struct ipaddr a = ipaddr_from_bytes((uint8_t)e->family, words);

	return ipaddr_unmap(&a);
}

/* connect(2) to no address at all is to this host. */
static bool is_destination(const struct witness_ends *e, const struct tuple *t)
{
	struct ipaddr to;

	if ((e->family != AF_INET && e->family != AF_INET6) ||
	    e->dport != t->dport || e->proto != t->proto)
		return false;
	to = address_of(e, e->daddr);
	return ipaddr_is_any(&to) || ipaddr_equal(&to, &t->daddr);
}

bool witness_sockets_connect(const struct witness_sockets *s, uint64_t cookie,
			     const struct tuple *t, uint64_t lost_ns,
			     struct witness_record *r)
{
	const struct known *k = find(s, cookie);

	if (k == NULL || k->connected.type == 0 || k->many ||
	    lost_ns >= k->connected.time_ns ||
	    !is_destination(&k->connected.ends, t))
		return false;
	*r = k->connected;
	return true;
}

static bool is_source(const struct witness_ends *e, const struct tuple *t)
{
	struct ipaddr from = address_of(e, e->saddr);

	return ipaddr_is_any(&from) || ipaddr_equal(&from, &t->saddr);
}

/* Disconnected before it was closed it had no remote address any more; where it
 * had been connected to before is still known. */
static bool is_disconnected(const struct known *k)
{
	return k->ends.proto == IPPROTO_TCP && k->ends.dport == 0;
}

static bool may_have_sent(const struct known *k, const struct tuple *t)
{
	const struct witness_ends *e = &k->ends;

	if (e->proto != t->proto || e->sport != t->sport)
		return false;
	if (t->proto != IPPROTO_TCP)
		return true;
	if (is_disconnected(k))
		return k->connected.type != 0 &&
		       is_destination(&k->connected.ends, t);
	return is_source(e, t) && is_destination(e, t);
}

/* The next one that can have sent it, from k on; NULL: none since then. */
static const struct known *next_closed(const struct known *k,
				       const struct tuple *t, uint64_t since_ns)
{
	for (; k != NULL && k->closed_ns >= since_ns; k = k->at_port)
		if (may_have_sent(k, t))
			return k;
	return NULL;
}

static const struct known *last_closed(const struct witness_sockets *s,
				       const struct tuple *t, uint64_t since_ns)
{
	return next_closed(s->ports[port_bucket(t->proto, t->sport)], t,
			   since_ns);
}

static uint64_t back(uint64_t ns)
{
	return ns > WITNESS_SOCKETS_BACK_NS ? ns - WITNESS_SOCKETS_BACK_NS : 1;
}

static bool is_complete(const struct witness_sockets *s, const struct tuple *t,
			uint64_t since_ns, uint64_t lost_ns)
{
	return t->sport != 0 && lost_ns < since_ns && s->lost_ns < since_ns;
}

uint64_t witness_sockets_closed(const struct witness_sockets *s,
				const struct tuple *t, uint64_t since_ns,
				uint64_t lost_ns)
{
	uint64_t from = back(since_ns);
	const struct known *k = last_closed(s, t, from);

	/* Closed before, it has not sent it; but where two had that port, who
	 * knows.  A disconnected one may have, and hides who did. */
	if (k == NULL || k->closed_ns < since_ns || is_disconnected(k) ||
	    !is_complete(s, t, since_ns, lost_ns) ||
	    next_closed(k->at_port, t, from) != NULL)
		return 0;
	return k->cookie;
}

bool witness_sockets_is_alone(const struct witness_sockets *s, uint64_t cookie,
			      const struct tuple *t, uint64_t since_ns,
			      uint64_t lost_ns)
{
	uint64_t from = back(since_ns);
	const struct known *k = last_closed(s, t, from);

	if (k != NULL && k->cookie == cookie)
		k = next_closed(k->at_port, t, from);
	return k == NULL && is_complete(s, t, since_ns, lost_ns);
}
