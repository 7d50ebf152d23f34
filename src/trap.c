/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap: one packet end to end: received, its owner asked for, told, released.
 */
#include "trap.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catch_about.h"
#include "catch_witness.h"
#include "dns_query.h"
#include "proto.h"
#include "trap_connect.h"
#include "trap_count.h"
#include "trap_forward.h"
#include "trap_judge.h"
#include "util.h"

/* How long one turn may sweep /proc before it looks at the queue again. */
#define SWEEP_SLICE_US 200

/* ---------------------------------------------------------------- receiving */

/* Holds the packet with the catch's first one: one event, one verdict. */
static void join(struct trap *t, struct catch *c, const struct inbox_item *item)
{
	c->event.packets++;
	if (c->nids == CATCH_IDS_MAX)
		c->hurried = true;
	if (c->nids == 0 || c->nids == CATCH_IDS_MAX ||
	    verdict_hold(t->cfg.verdict, item->queued.id, item->received_us) <
		    0) {
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	c->ids[c->nids++] = item->queued.id;
	trap_add_held(t, &c->held, item);
}

static bool is_retransmit(const struct catch *c, const struct packet *p)
{
	return p->tuple.proto == IPPROTO_TCP && p->tcp_seq == c->tcp_seq &&
	       p->tcp_flags == c->event.packet.tcp_flags;
}

/* The same tuple, and another attempt to connect: one of the two sockets is
 * gone. */
static bool is_other_attempt(const struct catch *c, const struct packet *p)
{
	return packet_is_syn(p) && p->tcp_seq != c->tcp_seq;
}

/* Is the further packet from the socket that the catch asks about? */
static bool is_same_socket(struct trap *t, const struct catch *c,
			   const struct inbox_item *item)
{
	struct sockowner_query q = c->query;
	int same = t->has_record ? catch_has_record(c, &t->record) : -1;

	if (same >= 0)
		return same;
	if (!c->answer.has_socket)
		return false;
	if (!q.listener)
		trap_count_held(t, &q, &item->packet.tuple);
	return sockowner_still(t->cfg.sockowner, &q, &c->answer.socket, NULL) ==
	       1;
}

static void begin(struct trap *t, const struct inbox_item *item, bool quiet,
		  struct catch *rival);

/* With names given, what goes to a target is taken for DNS. */
static bool is_any_port(const struct trap *t)
{
	return t->cfg.nnames > 0;
}

/* Packets of a flow whose catch is open. */
static void meet_open(struct trap *t, struct catch *c,
		      const struct inbox_item *item)
{
	if (trap_forward_is_apart(t, c, item)) {
		begin(t, item, false, NULL);
		return;
	}
	if (is_retransmit(c, &item->packet) &&
	    (!t->has_record || catch_has_record(c, &t->record) != 0)) {
		t->stats.retransmits++;
		join(t, c, item);
		return;
	}
	if (is_other_attempt(c, &item->packet) || !is_same_socket(t, c, item)) {
		begin(t, item, false, c);
		return;
	}
	if (t->cfg.packets) {
		begin(t, item, true, NULL);
		return;
	}
	t->stats.repeated++;
	if (catch_add_questions(c, &item->packet, is_any_port(t)) &&
	    c->state == CATCH_HOOK)
		trap_note_questions(t, c);
	/* What stays in the send queue can still be weighed. */
	if (c->state == CATCH_OWNER && !proto_is_connected(c->query.protocol)) {
		join(t, c, item);
		return;
	}
	c->event.packets++;
	verdict_pass(t->cfg.verdict, item->queued.id);
}

/* To its own namespace, if it is another one's and that is known. */
static void make_query(const struct trap *t, const struct inbox_item *item,
		       struct sockowner_query *q)
{
	catch_make_query(item, q);
	trap_forward_aim(t, q);
}

/* Is the flow's socket still that one, in the same hands? */
static bool is_unchanged(struct trap *t, const struct flow *f,
			 const struct inbox_item *item)
{
	const struct sockowner_socket socket = {.cookie = f->cookie,
						.inode = f->inode};
	struct sockowner_holder kept, *holder = NULL;
	struct sockowner_query query;
	int same = t->has_record ? catch_flow_has_record(f, &t->record) : -1;

	if (same >= 0)
		return same;
	if (t->doubt != SOCKOWNER_REASON_NONE && f->grade != SOCKOWNER_UNKNOWN)
		return trap_forward_is_silent(t, f, &item->packet);
	make_query(t, item, &query);
	if ((f->cookie == 0 && f->inode == 0) ||
	    (query.orphaned && query.net == 0) ||
	    trap_is_anothers_attempt(t, f, &query, &item->packet))
		return false;
	if (!query.listener)
		trap_count_held(t, &query, &f->tuple);
	/* Of a holder that was not looked for no descriptor is known; who has a
	 * connection does not matter as long as it is the one. */
	if (f->has_holder &&
	    (f->holder.fd >= 0 || f->tuple.proto != IPPROTO_TCP)) {
		flow_get_holder(f, &kept);
		holder = &kept;
	}
	return sockowner_still(t->cfg.sockowner, &query, &socket, holder) == 1;
}

/* Notes what the packet asks; true: some of it was not asked before. */
static bool asks_anew(const struct trap *t, struct flow *f,
		      const struct packet *p)
{
	struct dns_question q;
	struct dns_query d;
	bool new = false;

	dns_query_begin(&d, p, is_any_port(t));
	while (dns_query_next(&d, &q))
		new |= flow_note_question(f, dns_query_hash(&q));
	return new;
}

/* Packets of a flow that has had its event. */
static void meet_known(struct trap *t, struct flow *f,
		       const struct inbox_item *item)
{
	if (t->cfg.packets || !is_unchanged(t, f, item)) {
		begin(t, item, t->cfg.packets && f->has_event, NULL);
		return;
	}
	if (asks_anew(t, f, &item->packet)) {
		begin(t, item, true, NULL);
		return;
	}
	f->has_event = true;
	t->stats.repeated++;
	verdict_pass(t->cfg.verdict, item->queued.id);
}

static void link_flow(struct trap *t, struct catch *c)
{
	struct flow *f = flow_find(t->flows, &c->key, c->received_us);

	if (f == NULL)
		f = flow_add(t->flows, &c->key, c->received_us);
	if (f->catch == 0)
		f->catch = (uint16_t)(c->index + 1);
}

/* The kernel notes the uid of a socket that somebody has open.  A datagram
 * without one is the kernel's own, whoever has that port, or a raw socket; but
 * what a connection sends (a DCCP request, say) may have lost its socket. */
static bool is_nobodys(const struct trap *t, const struct catch *c)
{
	return c->event.direction == EVENT_EGRESS && !c->query.has_uid &&
	       !proto_is_connected(c->event.tuple.proto) &&
	       nfqueue_features(t->cfg.queue)->uid_gid;
}

/* A reset is the kernel's, whatever socket has that tuple; with a uid it was
 * sent in close(2), or by a raw socket, and the tuple says nothing either. */
static int ask(struct trap *t, struct catch *c)
{
	if (packet_is_reset(&c->event.packet) || is_nobodys(t, c)) {
		c->answer.grade = SOCKOWNER_UNKNOWN;
		c->answer.reason = SOCKOWNER_REASON_NO_SOCKET;
		return 1;
	}
	if (c->query.orphaned)
		return trap_forward_ask(t, c);
	return sockowner_ask(t->cfg.sockowner, &c->query, catch_token(c),
			     &c->answer);
}

/* A packet to be told: held, and its owner asked for. */
static void begin(struct trap *t, const struct inbox_item *item, bool quiet,
		  struct catch *rival)
{
	struct catch *c = catch_get(t->catches);
	int r;

	if (c == NULL) {
		t->stats.crowded++;
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	if (verdict_hold(t->cfg.verdict, item->queued.id, item->received_us) <
	    0) {
		t->stats.crowded++;
		catch_put(t->catches, c);
		return;
	}
	catch_set_packet(c, item, is_any_port(t));
	c->doubt = t->doubt;
	c->seen_inode = t->has_record ? t->record.inode : 0;
	trap_forward_aim(t, &c->query);
	catch_set_about(c, &item->packet);
	c->ids[c->nids++] = item->queued.id;
	trap_add_held(t, &c->held, item);
	c->deadline_us = item->received_us + t->cfg.hold_us;
	c->quiet = quiet;
	if (rival != NULL)
		c->rival = rival->rival = true;
	if (t->cfg.links != NULL)
		link_name(t->cfg.links,
			  c->query.orphaned ? c->indev : c->query.ifindex,
			  c->event.ifname);
	link_flow(t, c);
	if (t->has_record && catch_take_record(c, &t->record)) {
		trap_judge(t, c);
		return;
	}
	r = trap_take_connect(t, c, item) ? 1 : ask(t, c);
	if (r == 0)
		t->sweeping |= c->state == CATCH_OWNER;
	else
		trap_conclude(t, c, r);
}

/* The packet as it is in the queue. */
static const struct packet *as_seen(const struct inbox_item *item,
				    struct packet *mem)
{
	if (!item->rewritten)
		return &item->packet;
	*mem = item->packet;
	mem->tuple = item->seen;
	return mem;
}

static bool is_target(const struct trap *t, const struct packet *p)
{
	for (size_t i = 0; i < t->cfg.ntargets; i++)
		if (target_match(&t->cfg.targets[i], p))
			return true;
	return false;
}

/* A target names where it was sent to, or what NAT has made of that. */
static bool is_wanted(const struct trap *t, const struct inbox_item *item)
{
	const struct packet *p = &item->packet;
	struct packet mem;

	if (t->cfg.new_only && p->tuple.proto == IPPROTO_TCP &&
	    !packet_is_syn(p))
		return false;
	return t->cfg.ntargets == 0 || is_target(t, p) ||
	       is_target(t, as_seen(item, &mem));
}

/* Does it ask for a name that is looked for?  Over TCP most segments ask for
 * nothing at all. */
static bool is_name_wanted(const struct trap *t, const struct packet *p)
{
	return t->cfg.nnames == 0 ||
	       dns_query_match(p, t->cfg.names, t->cfg.nnames);
}

/* The witness before DNAT sees what the socket sends, the one behind it knows
 * what that was. */
static void learn_own_tuple(struct trap *t, const struct inbox_item *item)
{
	struct tuple own;

	if (catch_record_tuple(&t->record, &own))
		inbox_set_own_tuple(t->inbox, &own);
	else if (witness_kind(t->cfg.witness) == WITNESS_NETFILTER)
		inbox_set_own_tuple(t->inbox, &item->packet.tuple);
}

static bool has_record(struct trap *t, const struct inbox_item *item)
{
	const struct nfqueue_packet *q = &item->queued;
	struct packet mem;

	if (t->cfg.witness == NULL || !witness_sees_packets(t->cfg.witness))
		return false;
	if (q->hook == NF_INET_FORWARD)
		return trap_forward_find_record(t, item, &t->record);
	return q->hook == NF_INET_LOCAL_OUT &&
	       witness_find(t->cfg.witness, as_seen(item, &mem),
			    item->received_us, q->has_uid, q->uid, &t->record);
}

/* What was seen of the packet as it was sent; it is no other one's then. */
static void find_record(struct trap *t, const struct inbox_item *item)
{
	struct stage *stage = stages_at(t->cfg.stages, STAGES_WITNESS);
	uint64_t start = stage_start(stage);

	trap_forward_find_origin(t, item);
	t->has_record = has_record(t, item);
	t->doubt = t->has_record ? SOCKOWNER_REASON_NONE
				 : trap_forward_doubt(t, item->received_us);
	if (t->has_record && item->unsure)
		learn_own_tuple(t, item);
	stage_end(stage, start);
}

/* A server's answers are not what is hunted for, unless asked for.  What the
 * kernel sends by itself (a reset) is told. */
static bool is_answer(struct trap *t, const struct inbox_item *item)
{
	const struct packet *p = &item->packet;
	struct sockowner_query q;

	if (t->cfg.answers || p->tuple.proto != IPPROTO_TCP ||
	    packet_is_syn(p) || packet_is_reset(p))
		return false;
	if (packet_is_syn_ack(p))
		return !item->queued.has_uid;
	make_query(t, item, &q);
	return !(q.orphaned && q.net == 0) &&
	       sockowner_serves(t->cfg.sockowner, &q) == 1;
}

/* The guardian has emptied the queue while the loop was stuck: what had been in
 * it then is gone, though its messages are still to be read.  Up to which id
 * that is, the queue tells; where it cannot, it is all that is there. */
static bool is_swept(struct trap *t, uint32_t id)
{
	struct verdict_stats st;

	verdict_read_stats(t->cfg.verdict, &st);
	if (st.swept != t->swept) {
		t->swept = st.swept;
		t->stale = true;
		t->has_stale_id =
			nfqueue_last_id(t->cfg.queue, &t->stale_id) == 0;
	}
	if (t->stale && t->has_stale_id && (int32_t)(id - t->stale_id) > 0)
		t->stale = false;
	return t->stale;
}

static void take(struct trap *t, const struct inbox_item *item)
{
	struct catch *c;
	struct flow *f;

	t->stats.packets++;
	if (is_swept(t, item->queued.id)) {
		find_record(t, item);
		t->stats.expired++;
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	if (item->malformed) {
		t->stats.malformed++;
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	if (trap_is_count_reached(t)) {
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	if (!is_wanted(t, item)) {
		t->stats.unwanted++;
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	find_record(t, item);
	if (!is_name_wanted(t, &item->packet)) {
		t->stats.unmatched++;
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	f = flow_find(t->flows, &item->packet.tuple, item->received_us);
	if (f == NULL && is_answer(t, item)) {
		t->stats.answers++;
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	c = f != NULL && f->catch != 0 ? catch_at(t->catches, f->catch - 1)
				       : NULL;
	if (c != NULL)
		meet_open(t, c, item);
	else if (f != NULL)
		meet_known(t, f, item);
	else
		begin(t, item, false, NULL);
}

/* Of an empty inbox.  NULL: the queue is empty, too; then the records of
 * packets that never came are nobody's. */
static const struct inbox_item *next_item(struct trap *t)
{
	uint64_t now = t->cfg.witness != NULL ? util_now_us() : 0;
	bool drained = inbox_fill(t->inbox, 1);
	const struct inbox_item *item = inbox_first(t->inbox);

	if (item == NULL && drained && t->cfg.witness != NULL)
		witness_forget(t->cfg.witness, now);
	return item;
}

/* A turn of many packets takes long on a busy machine, and is not stuck as long
 * as they come to their turn in time. */
static void note_progress(struct trap *t, uint64_t received_us)
{
	uint64_t now = util_now_us();

	if (now < received_us + t->cfg.hold_us)
		verdict_touch(t->cfg.verdict, now);
}

/* As many as the inbox holds, then the rest of the turn has its turn.  The
 * first one is worked on before the others are read. */
static void take_some(struct trap *t)
{
	struct stage *stage = stages_at(t->cfg.stages, STAGES_WITNESS);
	const struct inbox_item *item;
	uint64_t start = stage_start(stage);

	if (t->cfg.witness != NULL) {
		witness_read(t->cfg.witness);
		stage_end(stage, start);
	}
	for (unsigned i = 0; i < INBOX_MAX; i++) {
		item = inbox_first(t->inbox);
		if (item == NULL)
			item = next_item(t);
		if (item == NULL) {
			t->stale = false;
			break;
		}
		take(t, item);
		note_progress(t, item->received_us);
		inbox_pop(t->inbox);
	}
	verdict_flush(t->cfg.verdict);
}

/* ------------------------------------------------------------------ the turn
 */

static void collect_answers(struct trap *t)
{
	struct sockowner_answer answer;
	uint64_t token;

	while (sockowner_next(t->cfg.sockowner, &token, &answer)) {
		struct catch *c = catch_find(t->catches, token);

		if (c == NULL ||
		    (c->state != CATCH_OWNER && c->state != CATCH_ABOUT)) {
			sockowner_release(&answer);
			continue;
		}
		c->answer = answer;
		if (c->state == CATCH_ABOUT) {
			trap_end_about(t, c);
			continue;
		}
		trap_doubt_datagram(t, c);
		trap_conclude(t, c, 1);
	}
}

static void collect_hooks(struct trap *t, uint64_t now)
{
	struct event_hook result;
	struct hook *h;
	uint64_t token;

	if (t->cfg.hook == NULL)
		return;
	hook_work(t->cfg.hook, now);
	while (hook_next(t->cfg.hook, &token, &result, &h)) {
		struct catch *c = catch_find(t->catches, token);

		if (c != NULL && c->hook == h)
			trap_end_hook(t, c, &result);
		else
			hook_free(t->cfg.hook, h);
	}
}

static void expire_all(struct trap *t, uint64_t now)
{
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		struct catch *c = catch_at(t->catches, i);

		if (c == NULL || c->state == CATCH_TOLD || now < c->deadline_us)
			continue;
		if (c->state != CATCH_ABOUT)
			c->event.expired = true;
		trap_cut_short(t, c);
	}
}

void trap_turn(struct trap *t)
{
	take_some(t);
	trap_forward_turn(t, SWEEP_SLICE_US);
	t->sweeping = sockowner_step(t->cfg.sockowner, SWEEP_SLICE_US);
	/* What came during the sweep may cast doubt on its answers. */
	take_some(t);
	collect_answers(t);
	collect_hooks(t, util_now_us());
	if (catch_count(t->catches) > 0)
		expire_all(t, util_now_us());
}

uint64_t trap_deadline(const struct trap *t)
{
	uint64_t next = UINT64_MAX;

	if (t->sweeping || inbox_first(t->inbox) != NULL)
		return 0;
	if (t->cfg.hook != NULL)
		next = hook_deadline(t->cfg.hook);
	if (t->cfg.netns != NULL && netns_deadline(t->cfg.netns) < next)
		next = netns_deadline(t->cfg.netns);
	if (catch_count(t->catches) == 0)
		return next;
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		const struct catch *c = catch_at(t->catches, i);

		if (c != NULL && c->state != CATCH_TOLD &&
		    c->deadline_us < next)
			next = c->deadline_us;
	}
	return next;
}

bool trap_is_over(const struct trap *t)
{
	return trap_is_count_reached(t) && catch_count(t->catches) == 0;
}

/* -------------------------------------------------------------- the end */

void trap_end(struct trap *t)
{
	struct catch *c;

	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		c = catch_at(t->catches, i);
		if (c != NULL)
			trap_release(t, c);
	}
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		c = catch_at(t->catches, i);
		if (c != NULL && c->state != CATCH_TOLD)
			trap_cut_short(t, c);
		c = catch_at(t->catches, i);
		if (c != NULL)
			trap_close_catch(t, c);
	}
}

void trap_drain(struct trap *t)
{
	const struct inbox_item *item;

	do {
		inbox_fill(t->inbox, INBOX_MAX);
		while ((item = inbox_first(t->inbox)) != NULL) {
			t->stats.packets++;
			verdict_pass(t->cfg.verdict, item->queued.id);
			inbox_pop(t->inbox);
		}
	} while (!inbox_fill(t->inbox, INBOX_MAX));
	verdict_flush(t->cfg.verdict);
	trap_flush(t);
}

bool trap_is_drained(const struct trap *t)
{
	return inbox_is_drained(t->inbox);
}

int trap_open(struct trap **out, const struct trap_config *cfg)
{
	struct trap *t = calloc(1, sizeof(*t));
	int err;

	if (t == NULL)
		return -ENOMEM;
	t->cfg = *cfg;
	t->pid = getpid();
	t->opened_us = util_now_us();
	err = catch_open(&t->catches);
	if (err == 0)
		err = flow_open(&t->flows);
	if (err == 0)
		err = rate_open(&t->rate, cfg->rate);
	if (err == 0)
		err = inbox_open(&t->inbox, cfg->queue, cfg->nat);
	if (err == 0)
		err = stats_open(&t->tables);
	if (err == 0)
		err = process_parents_open(&t->parents);
	if (err == 0)
		err = output_queue_open(&t->told, cfg->outputs, cfg->noutputs);
	if (err < 0) {
		trap_close(t);
		return err;
	}
	inbox_measure(t->inbox, stages_at(cfg->stages, STAGES_RECEIVE),
		      stages_at(cfg->stages, STAGES_PARSE));
	*out = t;
	return 0;
}

void trap_close(struct trap *t)
{
	if (t == NULL)
		return;
	if (t->told != NULL)
		trap_flush(t);
	output_queue_close(t->told);
	process_parents_close(t->parents);
	stats_close(t->tables);
	inbox_close(t->inbox);
	rate_close(t->rate);
	flow_close(t->flows);
	catch_close(t->catches);
	free(t);
}
