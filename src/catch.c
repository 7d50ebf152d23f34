/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch: a packet that is held, with all that is learnt of it until its event
 * is told. */
#include "catch.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_query.h"
#include "kernel_kind.h"
#include "proto.h"
#include "thread.h"
#include "util.h"

struct catch_pool {
	unsigned n;
	uint32_t generation;
	struct catch *spare;
	struct catch *list[CATCH_MAX]; /* allocated when first needed */
};

/* ---------------------------------------------------------------- the pool */

int catch_open(struct catch_pool **p)
{
	*p = calloc(1, sizeof(**p));
	return *p == NULL ? -ENOMEM : 0;
}

void catch_close(struct catch_pool *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < CATCH_MAX; i++) {
		if (p->list[i] != NULL)
			sockowner_release(&p->list[i]->answer);
		free(p->list[i]);
	}
	while (p->spare != NULL) {
		struct catch *c = p->spare;

		p->spare = c->next;
		free(c);
	}
	free(p);
}

/* Not by calloc(3), which would touch all of the event's memory: most of it
 * never is. */
static struct catch *make_new(void)
{
	struct catch *c = malloc(sizeof(*c));

	if (c != NULL)
		memset(c, 0, offsetof(struct catch, event));
	return c;
}

static struct catch *take_spare(struct catch_pool *p)
{
	struct catch *c = p->spare;

	if (c == NULL)
		return make_new();
	p->spare = c->next;
	return c;
}

static struct catch *make(struct catch_pool *p, uint32_t index)
{
	struct catch *c = p->list[index];

	if (c == NULL) {
		c = take_spare(p);
		if (c == NULL)
			return NULL;
		c->index = index;
		p->list[index] = c;
	}
	return c->state == CATCH_FREE ? c : NULL;
}

struct catch *catch_get(struct catch_pool *p)
{
	struct catch *c = NULL;

	for (uint32_t i = 0; i < CATCH_MAX && c == NULL; i++)
		c = make(p, i);
	if (c == NULL)
		return NULL;
	c->generation = ++p->generation;
	c->state = CATCH_OWNER;
	c->nids = 0;
	c->quiet = c->late = c->rival = c->hurried = false;
	c->has_record = c->by_socket = false;
	c->doubt = SOCKOWNER_REASON_NONE;
	c->seen_inode = 0;
	memset(&c->held, 0, sizeof(c->held));
	c->hook = NULL;
	memset(&c->query, 0, sizeof(c->query));
	memset(&c->answer, 0, sizeof(c->answer));
	event_reset(&c->event);
	p->n++;
	return c;
}

void catch_put(struct catch_pool *p, struct catch *c)
{
	sockowner_release(&c->answer);
	c->state = CATCH_FREE;
	p->n--;
}

void catch_detach(struct catch_pool *p, struct catch *c)
{
	catch_put(p, c);
	p->list[c->index] = NULL;
}

void catch_reclaim(struct catch_pool *p, struct catch *c)
{
	c->next = p->spare;
	p->spare = c;
}

uint64_t catch_token(const struct catch *c)
{
	return (uint64_t)c->generation << 32 | c->index;
}

struct catch *catch_find(const struct catch_pool *p, uint64_t token)
{
	struct catch *c = catch_at(p, (uint32_t)token);

	return c != NULL && catch_token(c) == token ? c : NULL;
}

struct catch *catch_at(const struct catch_pool *p, uint32_t index)
{
	struct catch *c = index < CATCH_MAX ? p->list[index] : NULL;

	return c != NULL && c->state != CATCH_FREE ? c : NULL;
}

unsigned catch_count(const struct catch_pool *p)
{
	return p->n;
}

/* --------------------------------------------------------------- the packet */

static enum event_direction direction_of(uint8_t hook)
{
	switch (hook) {
	case NF_INET_LOCAL_IN:
		return EVENT_INGRESS;
	case NF_INET_FORWARD:
		return EVENT_FORWARD;
	}
	return EVENT_EGRESS;
}

void catch_make_query(const struct inbox_item *item, struct sockowner_query *q)
{
	const struct tuple *t = &item->packet.tuple;
	bool in = direction_of(item->queued.hook) == EVENT_INGRESS;

	memset(q, 0, sizeof(*q));
	q->protocol = t->proto;
	/* Another namespace has other devices, and lets go of its packets. */
	q->orphaned = direction_of(item->queued.hook) == EVENT_FORWARD;
	if (!q->orphaned)
		q->ifindex = in ? item->queued.indev : item->queued.outdev;
	ipaddr_to_sockaddr(&t->saddr, t->sport, q->ifindex,
			   in ? &q->remote : &q->local);
	ipaddr_to_sockaddr(&t->daddr, t->dport, q->ifindex,
			   in ? &q->local : &q->remote);
	q->fragment = item->packet.fragment;
	q->listener = in || packet_is_syn_ack(&item->packet);
	q->opening = packet_is_syn(&item->packet);
	if (q->listener)
		return;
	q->connecting = packet_is_syn(&item->packet);
	q->payload = (uint32_t)item->packet.payload_len;
	q->nat = item->unsure;
	q->held.packets = 1;
	q->held.bytes = item->packet.len;
	q->has_uid = item->queued.has_uid && !q->orphaned;
	q->uid = item->queued.uid;
}

void catch_set_packet(struct catch *c, const struct inbox_item *item,
		      bool any_port)
{
	const struct nfqueue_packet *q = &item->queued;
	struct event *e = &c->event;

	e->kind = EVENT_PACKET;
	clock_gettime(CLOCK_REALTIME, &e->time);
	e->direction = direction_of(q->hook);
	e->tuple = item->packet.tuple;
	e->packet = item->packet;
	e->has_nat = item->rewritten;
	e->wire = item->seen;
	c->key = item->packet.tuple;
	c->unsure = item->unsure;
	e->mark = q->mark;
	e->packets = 1;
	/* A proxy here may have laid hands on what it forwards. */
	e->has_packet_uid = q->has_uid && e->direction != EVENT_FORWARD;
	e->packet_uid = q->uid;
	e->has_packet_gid = q->has_gid && e->direction != EVENT_FORWARD;
	e->packet_gid = q->gid;
	c->received_us = item->received_us;
	c->indev = q->indev;
	c->tcp_seq = item->packet.tcp_seq;
	catch_make_query(item, &c->query);
	catch_add_questions(c, &item->packet, any_port);
	/* The bytes are the inbox's, and will be others. */
	e->packet.l4 = e->packet.payload = NULL;
	e->packet.l4_len = e->packet.payload_len = 0;
}

static bool add_question(struct event *e, const struct dns_question *q)
{
	for (size_t i = 0; i < e->nquestions; i++)
		if (dns_query_hash(&e->questions[i]) == dns_query_hash(q))
			return false;
	if (e->nquestions < EVENT_QUESTIONS_MAX)
		e->questions[e->nquestions++] = *q;
	return true;
}

bool catch_add_questions(struct catch *c, const struct packet *p, bool any_port)
{
	struct dns_question q;
	struct dns_query d;
	bool new = false;

	dns_query_begin(&d, p, any_port);
	while (dns_query_next(&d, &q))
		new |= add_question(&c->event, &q);
	return new;
}

/* ---------------------------------------------------------------- the grade */

/* A process that was seen to send is no kernel, whatever it sends. */
static const char *seen_kind(const struct catch *c)
{
	const char *kind;

	if (c->record.class != WITNESS_KERNEL)
		return NULL;
	kind = kernel_kind_of(&c->event, &c->answer);
	return kind != NULL ? kind
			    : kernel_kind_of_nobodys(&c->event, &c->answer);
}

static void set_unknown(struct event *e, enum sockowner_reason reason)
{
	e->grade = SOCKOWNER_UNKNOWN;
	e->reason = reason;
}

/* Somebody connected a socket of these addresses; that it was this packet's is
 * not known any more. */
static void forget_connect(struct catch *c)
{
	if (!c->by_socket)
		return;
	c->has_record = c->by_socket = false;
	c->answer.nholders = 0;
}

/* Nobody can have seen a packet sent that comes from elsewhere. */
static void forget_send(struct event *e)
{
	if (e->direction == EVENT_INGRESS &&
	    e->reason == SOCKOWNER_REASON_NO_WITNESS)
		e->reason = SOCKOWNER_REASON_NONE;
}

/* Another socket of these addresses was seen to send. */
static bool is_anothers(const struct catch *c)
{
	return c->seen_inode != 0 && c->answer.has_socket &&
	       c->answer.socket.inode != c->seen_inode;
}

static void set_weaker_grade(struct catch *c)
{
	struct event *e = &c->event;
	bool named = e->grade == SOCKOWNER_PROVED ||
		     e->grade == SOCKOWNER_HOLDER ||
		     e->grade == SOCKOWNER_SHARED;

	/* What was seen as it was sent needs no look at who else there is. */
	if (c->has_record && !c->by_socket)
		return;
	if (c->rival && named)
		set_unknown(e, SOCKOWNER_REASON_MANY_SOCKETS);
	else if (c->hurried && named)
		set_unknown(e, SOCKOWNER_REASON_TIME);
	else if (c->doubt != SOCKOWNER_REASON_NONE && named)
		set_unknown(e, c->doubt);
	else if (is_anothers(c) && named)
		set_unknown(e, SOCKOWNER_REASON_NOT_QUEUED);
	if (!catch_names_one(c))
		forget_connect(c);
	/* Sent in close(2), or by a raw socket. */
	if (e->grade == SOCKOWNER_KERNEL && e->has_packet_uid)
		set_unknown(e, SOCKOWNER_REASON_NO_SOCKET);
	if (e->grade == SOCKOWNER_UNKNOWN && e->has_packet_uid &&
	    e->reason == SOCKOWNER_REASON_NO_SOCKET)
		e->grade =
			e->has_creator ? SOCKOWNER_CREATOR : SOCKOWNER_UID_ONLY;
}

/* The packet is a kernel's socket's, and its uid that of the one inside. */
static bool is_tunnel(const struct sockowner_answer *a)
{
	return a->grade == SOCKOWNER_KERNEL && a->idle;
}

void catch_set_grade(struct catch *c, bool uids, bool witnessed)
{
	const struct sockowner_answer *a = &c->answer;
	struct event *e = &c->event;

	e->grade = a->grade;
	e->reason = a->reason;
	e->method = a->method;
	e->resolve_us = a->resolve_us;
	e->has_socket = a->has_socket;
	e->socket = a->socket;
	e->nholders_total = a->nholders_total;
	e->ntwins = a->ntwins;
	e->ntwins_total = a->ntwins_total;
	memcpy(e->twins, a->twins, sizeof(e->twins));
	if (is_tunnel(a))
		e->kernel_kind = "tunnel";
	else
		e->kernel_kind =
			c->has_record ? seen_kind(c) : kernel_kind_of(e, a);
	/* A datagram of the kernel's own would have its record. */
	if (e->kernel_kind == NULL && uids && kernel_kind_is_nobodys(e, a) &&
	    (!witnessed || proto_is_connected(e->tuple.proto)))
		e->kernel_kind = kernel_kind_of_nobodys(e, a);
	if (e->kernel_kind == NULL) {
		set_weaker_grade(c);
		forget_send(e);
		return;
	}
	e->grade = SOCKOWNER_KERNEL;
	e->reason = SOCKOWNER_REASON_NONE;
	if (c->has_record || is_tunnel(a))
		return;
	e->method =
		a->has_socket ? SOCKOWNER_METHOD_SOCKET : SOCKOWNER_METHOD_NONE;
}

bool catch_names_one(const struct catch *c)
{
	return c->event.grade == SOCKOWNER_PROVED ||
	       c->event.grade == SOCKOWNER_HOLDER;
}

/* -------------------------------------------------------------- the process */

static void set_listed(struct event_process *ep,
		       const struct sockowner_holder *h,
		       const struct process *p)
{
	*ep = (struct event_process){
		.pid = h->pid,
		.tid = h->tid,
		.starttime = h->starttime,
		.exe = p->exe,
		.has_uid = p->has_owner,
		.uid = p->euid,
	};
	memcpy(ep->comm, p->comm, sizeof(ep->comm));
}

static void list_holder(struct event *e, const struct sockowner_holder *h)
{
	struct process p = {0};

	if (process_read(h->dirfd, h->pid, h->tid, &e->pool, &p) < 0 &&
	    p.comm[0] == '\0')
		return;
	set_listed(&e->holders[e->nholders++], h, &p);
}

/* The facts are of the program that sent: the one whose image was read before,
 * or the one that is in that call still. */
static int read_sender(const struct sockowner_holder *h, struct strpool *pool,
		       struct process *p)
{
	const struct procfs_image image = {
		.exe_dev = h->image.exe_dev,
		.exe_ino = h->image.exe_ino,
		.arg_start = h->image.arg_start,
		.startstack = h->image.startstack,
	};
	int err = process_read_image(h->dirfd, h->pid, h->tid,
				     h->has_image ? &image : NULL, pool, p);

	if (err == 0 && !h->has_image &&
	    !thread_is_in_call(h->dirfd, h->pid, h->tid, h->call))
		err = -EAGAIN;
	return err;
}

bool catch_read_holder(const struct sockowner_holder *h, struct strpool *pool,
		       struct event_process *ep)
{
	struct process p = {0};

	if (read_sender(h, pool, &p) < 0)
		return false;
	set_listed(ep, h, &p);
	return true;
}

/* From now on the holder is known by its image, too. */
static void note_image(struct sockowner_holder *h, const struct process *p)
{
	h->has_image = true;
	h->starttime = p->starttime;
	h->image = (struct sockowner_image){
		.exe_dev = p->image.exe_dev,
		.exe_ino = p->image.exe_ino,
		.arg_start = p->image.arg_start,
		.startstack = p->image.startstack,
	};
}

/* Who has gone or changed its program by now cannot be described. */
static void name_process(struct catch *c, const struct users *users)
{
	struct sockowner_holder *h = &c->answer.holders[0];
	struct event *e = &c->event;

	if (read_sender(h, &e->pool, &e->process) < 0) {
		set_unknown(e, SOCKOWNER_REASON_CHANGED);
		return;
	}
	note_image(h, &e->process);
	e->has_process = true;
	e->alive = true;
	if (e->process.has_owner)
		e->user = users_find(users, e->process.euid);
}

void catch_read_process(struct catch *c, const struct users *users)
{
	struct event *e = &c->event;

	if (catch_names_one(c) && c->answer.nholders > 0)
		name_process(c, users);
	/* A SYN-ACK is the kernel's, for the listener; nothing else of the
	 * kernel's has to do with who has a socket open. */
	if (catch_names_one(c) ||
	    (e->grade == SOCKOWNER_KERNEL && !packet_is_syn_ack(&e->packet)))
		return;
	for (size_t i = 0; i < c->answer.nholders; i++)
		list_holder(e, &c->answer.holders[i]);
	if (e->has_packet_uid)
		e->user = users_find(users, e->packet_uid);
}

void catch_read_rest(struct catch *c, struct process_parents *parents,
		     int proc_rootfd)
{
	struct event *e = &c->event;
	int dirfd;

	if (!e->has_process || e->process.has_rest)
		return;
	dirfd = c->answer.holders[0].dirfd;
	if (process_read_rest(proc_rootfd, dirfd, &e->pool, &e->process) < 0)
		e->alive = false;
	process_parents_read_lineage(parents, util_now_us(), proc_rootfd, dirfd,
				     &e->process, &e->pool, &e->lineage);
}
