/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_table: the witness's records, kept until their packets come. */
#include "witness_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define BUCKETS	      4096
#define TCP_FIXED_LEN 20
#define NS_PER_US     1000ULL

/* A record in its place of the ring, and in the list of its bucket. */
struct entry {
	struct witness_record record;
	struct tuple tuple;
	uint32_t bucket;
	bool waits; /* in the list: no packet has come for it */
	struct entry *prev, *next;
};

/* Facts are of any length: the image, then the rest. */
struct known {
	struct known *chain;
	struct known *prev, *next; /* from the least to the most recent */
	size_t len;
	struct witness_facts facts; /* and its strings, with a NUL */
};

struct witness_table {
	uint64_t first, end; /* entries[n % MAX] are in use */
	uint64_t lost, lost_ns, doubted;
	uint64_t forgotten_ns; /* what is older is gone */
	size_t facts_bytes;
	struct known *facts[BUCKETS];
	struct known recent; /* head of the list */
	struct entry *buckets[BUCKETS];
	struct entry entries[WITNESS_TABLE_MAX];
};

/* ------------------------------------------------------------- open, close */

int witness_table_open(struct witness_table **out)
{
	struct witness_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->recent.prev = t->recent.next = &t->recent;
	*out = t;
	return 0;
}

void witness_table_close(struct witness_table *t)
{
	if (t == NULL)
		return;
	for (struct known *k = t->recent.next, *next; k != &t->recent;
	     k = next) {
		next = k->next;
		free(k);
	}
	free(t);
}

/* ----------------------------------------------------------------- records */

static void leave_bucket(struct witness_table *t, struct entry *e)
{
	if (e->prev != NULL)
		e->prev->next = e->next;
	else
		t->buckets[e->bucket] = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	e->waits = false;
}

static struct entry *entry_at(struct witness_table *t, uint64_t n)
{
	return &t->entries[n % WITNESS_TABLE_MAX];
}

static void drop_first(struct witness_table *t)
{
	struct entry *e = entry_at(t, t->first++);

	if (e->waits)
		leave_bucket(t, e);
}

static void parse_head(const struct witness_record *r, struct packet *p)
{
	size_t len =
		r->head_len < sizeof(r->head) ? r->head_len : sizeof(r->head);

	packet_parse(p, r->head, len, r->len);
}

void witness_table_add(struct witness_table *t, const struct witness_record *r)
{
	struct entry *e;
	struct packet p;

	/* It comes too late: its packet is dealt with. */
	if (r->time_ns < t->forgotten_ns)
		return;
	if (t->end - t->first == WITNESS_TABLE_MAX) {
		e = entry_at(t, t->first);
		if (e->waits) {
			t->lost++;
			t->lost_ns = e->record.time_ns;
		}
		drop_first(t);
	}
	parse_head(r, &p);
	e = entry_at(t, t->end++);
	e->record = *r;
	e->tuple = p.tuple;
	e->bucket = (uint32_t)(tuple_hash(&p.tuple) % BUCKETS);
	e->prev = NULL;
	e->next = t->buckets[e->bucket];
	if (e->next != NULL)
		e->next->prev = e;
	t->buckets[e->bucket] = e;
	e->waits = true;
}

void witness_table_forget(struct witness_table *t, uint64_t drained_us)
{
	uint64_t before = drained_us > WITNESS_APART_US
				  ? (drained_us - WITNESS_APART_US) * NS_PER_US
				  : 0;

	while (t->first < t->end &&
	       entry_at(t, t->first)->record.time_ns < before)
		drop_first(t);
	t->forgotten_ns = before;
}

/* ---------------------------------------------------------------- matching */

/* Where the transport header has a checksum: it may be filled in later. */
static size_t checksum_at(uint8_t proto, size_t *len)
{
	*len = 2;
	switch (proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	case IPPROTO_SCTP:
		*len = 4;
		return 8;
	}
	*len = 0;
	return 0;
}

static bool is_same_transport(const struct packet *a, const struct packet *b)
{
	size_t len = a->l4_len < b->l4_len ? a->l4_len : b->l4_len;
	size_t sum_len, sum = checksum_at(a->tuple.proto, &sum_len);

	/* Options may be rewritten on the way (the maximum segment size). */
	if (a->tuple.proto == IPPROTO_TCP && len > TCP_FIXED_LEN)
		len = TCP_FIXED_LEN;
	if (len == 0)
		return a->l4_len == b->l4_len;
	if (len <= sum + sum_len)
		return memcmp(a->l4, b->l4, len < sum ? len : sum) == 0;
	return memcmp(a->l4, b->l4, sum) == 0 &&
	       memcmp(a->l4 + sum + sum_len, b->l4 + sum + sum_len,
		      len - sum - sum_len) == 0;
}

/* Type of service and hop limit may be changed on the way: not compared. */
static bool is_same_packet(const struct entry *e, const struct packet *p)
{
	struct packet own;

	if (e->record.len != p->len || !tuple_equal(&e->tuple, &p->tuple))
		return false;
	parse_head(&e->record, &own);
	return own.ip_id == p->ip_id && own.fragment == p->fragment &&
	       is_same_transport(&own, p);
}

static bool is_same_sender(const struct witness_record *a,
			   const struct witness_record *b)
{
	return a->class == b->class && a->sk == b->sk &&
	       a->cookie == b->cookie && a->inode == b->inode &&
	       a->pid == b->pid &&
	       memcmp(&a->image, &b->image, sizeof(a->image)) == 0;
}

/* The same packet, seen once more when another queue's reader had given it
 * back. */
static bool is_seen_again(const struct witness_record *first,
			  const struct witness_record *other)
{
	/* Another socket may live in the same place later. */
	if (first->cookie != 0 && other->cookie != 0 &&
	    first->cookie != other->cookie)
		return false;
	return other->again && other->sk == first->sk &&
	       other->time_ns >= first->time_ns;
}

/* Two senders' like packets: which is whose nothing tells, their order least of
 * all (other readers of queues hold packets back, other chains drop some). */
static bool is_doubtful(const struct witness_record *first,
			const struct witness_record *other)
{
	return !is_same_sender(first, other) && !is_seen_again(first, other);
}

/* What is asked for. */
struct wanted {
	const struct packet *packet;
	uint64_t received_ns;
	bool has_uid;
	uint32_t uid, net_ns; /* net_ns 0: in any */
};

static struct entry *next_match(struct entry *e, const struct wanted *w)
{
	for (; e != NULL; e = e->next) {
		const struct witness_record *r = &e->record;

		if (r->time_ns <= w->received_ns &&
		    (!w->has_uid || !r->has_sock_uid ||
		     r->sock_uid == w->uid) &&
		    (w->net_ns == 0 || r->net_ns == w->net_ns) &&
		    is_same_packet(e, w->packet))
			return e;
	}
	return NULL;
}

static bool find(struct witness_table *t, const struct wanted *w,
		 uint64_t lost_ns, struct witness_record *r)
{
	struct entry *first = NULL, *head, *e;

	head = t->buckets[tuple_hash(&w->packet->tuple) % BUCKETS];
	for (e = head; (e = next_match(e, w)) != NULL; e = e->next)
		if (first == NULL || e->record.time_ns < first->record.time_ns)
			first = e;
	if (first == NULL)
		return false;
	/* Its own record may be one of those that were lost. */
	if ((lost_ns != 0 && lost_ns >= t->forgotten_ns) ||
	    (t->lost_ns != 0 && t->lost_ns >= t->forgotten_ns)) {
		t->doubted++;
		return false;
	}
	for (e = head; (e = next_match(e, w)) != NULL; e = e->next)
		if (is_doubtful(&first->record, &e->record)) {
			t->doubted++;
			return false;
		}
	*r = first->record;
	leave_bucket(t, first);
	return true;
}

bool witness_table_find(struct witness_table *t, const struct packet *p,
			uint64_t received_us, bool has_uid, uint32_t uid,
			uint64_t lost_ns, struct witness_record *r)
{
	const struct wanted w = {.packet = p,
				 .received_ns = (received_us + 1) * NS_PER_US,
				 .has_uid = has_uid,
				 .uid = uid};

	return find(t, &w, lost_ns, r);
}

bool witness_table_find_in(struct witness_table *t, uint32_t net_ns,
			   const struct packet *p, uint64_t received_us,
			   uint64_t lost_ns, struct witness_record *r)
{
	const struct wanted w = {.packet = p,
				 .received_ns = (received_us + 1) * NS_PER_US,
				 .net_ns = net_ns};

	return find(t, &w, lost_ns, r);
}

/* ------------------------------------------------------------------- facts */

static struct known **facts_bucket(const struct witness_table *t,
				   const struct witness_image *im)
{
	uint64_t hash = util_hash(im, sizeof(*im));

	return (struct known **)&t->facts[hash % BUCKETS];
}

static struct known **find_facts(const struct witness_table *t,
				 const struct witness_image *im)
{
	struct known **at = facts_bucket(t, im);

	while (*at != NULL && memcmp(&(*at)->facts.image, im, sizeof(*im)) != 0)
		at = &(*at)->chain;
	return at;
}

static void remove_facts(struct witness_table *t, struct known **at)
{
	struct known *k = *at;

	*at = k->chain;
	k->prev->next = k->next;
	k->next->prev = k->prev;
	t->facts_bytes -= k->len;
	free(k);
}

bool witness_table_evict(struct witness_table *t, struct witness_image *im)
{
	struct known *oldest = t->recent.next;

	if (t->facts_bytes <= WITNESS_FACTS_BYTES || oldest == &t->recent)
		return false;
	*im = oldest->facts.image;
	remove_facts(t, find_facts(t, im));
	return true;
}

/* Do the lengths within add up? */
static bool is_facts(const struct witness_facts *f, size_t len)
{
	return f->nparents <= WITNESS_PARENTS_MAX &&
	       (uint64_t)f->exe_len + f->cwd_len + f->args_len ==
		       len - sizeof(*f);
}

int witness_table_add_facts(struct witness_table *t, const void *facts,
			    size_t len)
{
	struct known *k, **at;
	char *mem;

	if (len < sizeof(k->facts) || !is_facts(facts, len))
		return -EBADMSG;
	k = malloc(sizeof(*k) + len + 1);
	if (k == NULL)
		return -ENOMEM;
	mem = (char *)k + offsetof(struct known, facts);
	memcpy(mem, facts, len);
	mem[len] = '\0';
	k->len = len;
	at = find_facts(t, &k->facts.image);
	if (*at != NULL)
		remove_facts(t, at);
	k->chain = *at;
	*at = k;
	k->next = &t->recent;
	k->prev = t->recent.prev;
	k->prev->next = k->next->prev = k;
	t->facts_bytes += len;
	return 0;
}

const struct witness_facts *witness_table_facts(const struct witness_table *t,
						const struct witness_image *im)
{
	struct known *k = *find_facts(t, im);

	if (k == NULL)
		return NULL;
	k->prev->next = k->next;
	k->next->prev = k->prev;
	k->next = (struct known *)&t->recent;
	k->prev = t->recent.prev;
	k->prev->next = k->next->prev = k;
	return &k->facts;
}

uint64_t witness_table_lost(const struct witness_table *t)
{
	return t->lost;
}

uint64_t witness_table_doubted(const struct witness_table *t)
{
	return t->doubted;
}

/* ------------------------------------------------------------ facts as text */

const char *witness_path_format(const char *names, size_t len, bool partial,
				char *buf, size_t size)
{
	size_t at = size, n;

	if (len == 0 || size < 4 || names[len - 1] != '\0')
		return NULL;
	buf[--at] = '\0';
	/* The first name is the last of the path. */
	for (; len > 0; len -= n + 1, names += n + 1) {
		n = strnlen(names, len);
		if (n + 1 > at)
			return NULL;
		at -= n;
		memcpy(buf + at, names, n);
		buf[--at] = '/';
	}
	if (partial) {
		if (at < 3)
			return NULL;
		at -= 3;
		memcpy(buf + at, "...", 3);
	}
	return memmove(buf, buf + at, size - at);
}

static const char *strings_of(const struct witness_facts *f)
{
	return (const char *)(f + 1);
}

const char *witness_facts_exe(const struct witness_facts *f, char *buf,
			      size_t size)
{
	return witness_path_format(strings_of(f), f->exe_len, f->exe_partial,
				   buf, size);
}

const char *witness_facts_cwd(const struct witness_facts *f, char *buf,
			      size_t size)
{
	if (f->cwd_len == 0 && !f->cwd_partial)
		return "/";
	return witness_path_format(strings_of(f) + f->exe_len, f->cwd_len,
				   f->cwd_partial, buf, size);
}

const char *witness_facts_args(const struct witness_facts *f)
{
	return strings_of(f) + f->exe_len + f->cwd_len;
}
