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

#include "catch.h"
#include "flow.h"
#include "inbox.h"
#include "log.h"
#include "process.h"
#include "rate.h"
#include "util.h"

/* How long one turn may sweep /proc before it looks at the queue again. */
#define SWEEP_SLICE_US 200

struct trap {
	struct trap_config cfg;
	struct catch_pool *catches;
	struct flow_table *flows;
	struct rate *rate;
	struct inbox *inbox;
	bool sweeping;
	uint64_t sequence; /* of the last event begun */
	struct stats stats;
	struct stats_tables *tables;
	struct event loss;	      /* the event of packets unseen */
	char json[OUTPUT_RECORD_MAX]; /* a command's standard input */
};

/* ------------------------------------------------------------------ telling */

static void tell(struct trap *t, const struct event *e)
{
	for (size_t i = 0; i < t->cfg.noutputs; i++)
		output_write(t->cfg.outputs[i], e);
}

static bool is_count_reached(const struct trap *t)
{
	return t->cfg.count != 0 && t->sequence >= t->cfg.count;
}

/* The event of a catch is complete: out with it. */
static void tell_catch(struct trap *t, struct catch *c)
{
	t->stats.events++;
	t->stats.by_grade[c->event.grade]++;
	stats_add_event(t->tables, &c->event);
	tell(t, &c->event);
}

/* ----------------------------------------------------------------- deciding */

/* The verdict for the packet and all that joined it. */
static void release(struct trap *t, struct catch *c)
{
	uint64_t held;

	for (unsigned i = 0; i < c->nids; i++) {
		int err = verdict_give(t->cfg.verdict, c->ids[i], NF_ACCEPT,
				       &held);

		if (i > 0)
			continue;
		c->event.held_us = held;
		if (err == -EALREADY)
			c->event.expired = true;
	}
	if (c->nids > 0 && c->event.expired)
		t->stats.expired++;
	c->nids = 0;
	c->event.action = EVENT_RELEASED;
}

/* The flow that the catch is of, as far as it is still known. */
static struct flow *flow_of(struct trap *t, const struct catch *c)
{
	struct flow *f = flow_find(t->flows, &c->event.tuple, c->received_us);

	return f != NULL && f->catch == c->index + 1 ? f : NULL;
}

static void close_catch(struct trap *t, struct catch *c)
{
	struct flow *f = flow_of(t, c);

	if (f != NULL)
		f->catch = 0;
	catch_put(t->catches, c);
}

/* After the verdict nothing is in a hurry: the rest is read, the event told. */
static void finish(struct trap *t, struct catch *c)
{
	release(t, c);
	catch_read_rest(c, t->cfg.proc_rootfd);
	tell_catch(t, c);
	if (c->hook != NULL) {
		c->state = CATCH_TOLD;
		return;
	}
	close_catch(t, c);
}

static void drop_silently(struct trap *t, struct catch *c, uint64_t *counter)
{
	(*counter)++;
	release(t, c);
	close_catch(t, c);
}

/* Our own packets, and those of the commands that we run. */
static bool is_own(struct trap *t, const struct catch *c)
{
	const struct sockowner_answer *a = &c->answer;
	bool children =
		t->cfg.hook != NULL && hook_any_descendants(t->cfg.hook);

	for (size_t i = 0; i < a->nholders; i++) {
		pid_t pid = a->holders[i].pid;

		if (pid != getpid() &&
		    !(children &&
		      process_descends(t->cfg.proc_rootfd, pid, getpid())))
			return false;
	}
	return a->nholders > 0;
}

static bool is_same_holder(const struct flow *f, const struct catch *c)
{
	const struct sockowner_holder *h = &c->answer.holders[0];

	if (!catch_names_one(c))
		return !f->has_holder;
	return f->has_holder && f->holder.pid == h->pid &&
	       f->holder.starttime == h->starttime &&
	       memcmp(&f->holder.image, &h->image, sizeof(h->image)) == 0;
}

static void note_questions(struct trap *t, const struct catch *c)
{
	struct flow *f = flow_of(t, c);

	for (size_t i = 0; f != NULL && i < c->event.nquestions; i++)
		flow_note_question(f, catch_question_hash(c, i));
}

/* Notes in the flow what this packet's answer is.  True: the flow had just this
 * answer before, and its event was told. */
static bool note_flow(struct trap *t, struct catch *c)
{
	uint64_t cookie = c->event.has_socket ? c->event.socket.cookie : 0;
	struct flow *f = flow_of(t, c);
	bool same;

	if (f == NULL)
		return false;
	same = f->packets > 0 && f->cookie == cookie &&
	       f->grade == c->event.grade && is_same_holder(f, c) && !c->quiet;
	f->packets++;
	f->cookie = cookie;
	f->grade = c->event.grade;
	f->has_holder = catch_names_one(c);
	if (f->has_holder) {
		f->holder = c->answer.holders[0];
		f->holder.dirfd = -1;
	}
	note_questions(t, c);
	return same && !t->cfg.packets;
}

static bool is_under_rate(struct trap *t, struct catch *c)
{
	const struct event *e = &c->event;
	pid_t pid = e->has_process ? e->process.pid : 0;
	uint64_t key = e->has_process ? e->process.starttime : e->packet_uid;

	return rate_allow(t->rate, pid, key, c->received_us,
			  &c->event.suppressed);
}

/* Starts the user's command.  False: it does not run, and the event says why.
 */
static bool start_hook(struct trap *t, struct catch *c)
{
	struct event *e = &c->event;
	struct strbuf json;
	int err;

	if (t->cfg.hook == NULL || c->quiet)
		return false;
	e->wants_hook = true;
	if (!catch_names_one(c)) {
		e->hook.skipped = "no single process is the answer";
		return false;
	}
	catch_read_rest(c, t->cfg.proc_rootfd);
	strbuf_init(&json, t->json, sizeof(t->json));
	err = output_json_line(e, &json);
	if (err == 0)
		err = hook_start(t->cfg.hook, e, json.mem, json.len,
				 catch_token(c), &c->hook);
	if (err == 0) {
		t->stats.hooks++;
		e->hook.ran = true;
		return true;
	}
	t->stats.hooks_skipped++;
	e->hook.skipped = err == -EBUSY ? "too many commands run"
					: "the command could not be started";
	if (err != -EBUSY)
		log_warn(-err, "cannot start the command");
	return false;
}

/* A server's answers are not what is hunted for, unless asked for. */
static bool is_answer(const struct trap *t, const struct catch *c)
{
	return !t->cfg.answers && c->event.kernel_kind != NULL &&
	       strcmp(c->event.kernel_kind, "syn-ack") == 0;
}

/* The owner is known, as well as it will be. */
static void judge(struct trap *t, struct catch *c)
{
	catch_set_grade(c);
	if (is_own(t, c)) {
		drop_silently(t, c, &t->stats.exempt);
		return;
	}
	if (is_answer(t, c)) {
		drop_silently(t, c, &t->stats.answers);
		return;
	}
	if (note_flow(t, c)) {
		drop_silently(t, c, &t->stats.repeated);
		return;
	}
	catch_read_process(c, t->cfg.users);
	if (is_count_reached(t)) {
		drop_silently(t, c, &t->stats.crowded);
		return;
	}
	if (!is_under_rate(t, c)) {
		drop_silently(t, c, &t->stats.rate_limited);
		return;
	}
	c->event.sequence = ++t->sequence;
	if (t->cfg.hold_all)
		catch_read_rest(c, t->cfg.proc_rootfd);
	if (start_hook(t, c))
		c->state = CATCH_HOOK;
	else
		finish(t, c);
}

/* ---------------------------------------------------------------- receiving */

/* A further packet of a flow whose first one is held: a retransmit joins it. */
static bool joins(struct trap *t, struct catch *c,
		  const struct inbox_item *item)
{
	const struct packet *p = &item->packet;

	if (p->tuple.proto != IPPROTO_TCP || p->tcp_seq != c->tcp_seq ||
	    p->tcp_flags != c->event.packet.tcp_flags)
		return false;
	t->stats.retransmits++;
	c->event.packets++;
	if (c->nids > 0 && c->nids < CATCH_IDS_MAX &&
	    verdict_hold(t->cfg.verdict, item->queued.id, item->received_us) ==
		    0)
		c->ids[c->nids++] = item->queued.id;
	else
		verdict_pass(t->cfg.verdict, item->queued.id);
	return true;
}

/* Is the further packet from the socket that the catch asks about? */
static bool is_same_socket(struct trap *t, const struct catch *c,
			   const struct inbox_item *item)
{
	struct sockowner_query q = c->query;

	if (!c->answer.has_socket)
		return false;
	if (c->nids > 0) {
		q.held_packets++;
		q.held_bytes += item->packet.len;
	} else {
		q.held_packets = 1;
		q.held_bytes = item->packet.len;
	}
	return sockowner_still(t->cfg.sockowner, &q, c->answer.socket.cookie,
			       NULL) == 1;
}

static void begin(struct trap *t, const struct inbox_item *item, bool quiet,
		  struct catch *rival);

/* Packets of a flow whose catch is open. */
static void meet_open(struct trap *t, struct catch *c,
		      const struct inbox_item *item)
{
	if (joins(t, c, item))
		return;
	if (!is_same_socket(t, c, item)) {
		begin(t, item, false, c);
		return;
	}
	c->event.packets++;
	if (c->state == CATCH_HOOK && catch_add_question(c, &item->packet))
		note_questions(t, c);
	else if (c->state == CATCH_OWNER)
		catch_add_question(c, &item->packet);
	t->stats.repeated++;
	verdict_pass(t->cfg.verdict, item->queued.id);
}

/* Packets of a flow that has had its event. */
static void meet_known(struct trap *t, struct flow *f,
		       const struct inbox_item *item)
{
	struct sockowner_query query;
	uint64_t question;
	bool asks = catch_hash_question(&item->packet, &question);

	catch_make_query(item, &query);
	if (f->cookie == 0 || t->cfg.packets ||
	    sockowner_still(t->cfg.sockowner, &query, f->cookie,
			    f->has_holder ? &f->holder : NULL) != 1) {
		begin(t, item, t->cfg.packets && f->packets > 0, NULL);
		return;
	}
	if (asks && flow_note_question(f, question)) {
		begin(t, item, true, NULL);
		return;
	}
	f->packets++;
	t->stats.repeated++;
	verdict_pass(t->cfg.verdict, item->queued.id);
}

static void link_flow(struct trap *t, struct catch *c)
{
	struct flow *f = flow_find(t->flows, &c->event.tuple, c->received_us);

	if (f == NULL)
		f = flow_add(t->flows, &c->event.tuple, c->received_us);
	if (f != NULL && f->catch == 0)
		f->catch = c->index + 1;
}

/* A connection attempt whose tuple another one of the inbox shares. */
static void look_ahead(struct trap *t, struct catch *c)
{
	inbox_fill(t->inbox);
	if (inbox_has_rival(t->inbox, &c->event.packet))
		c->rival = true;
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
	catch_set_packet(c, item);
	c->ids[c->nids++] = item->queued.id;
	c->deadline_us = item->received_us + t->cfg.hold_us;
	c->quiet = quiet;
	if (rival != NULL)
		c->rival = rival->rival = true;
	if (t->cfg.links != NULL)
		link_name(t->cfg.links, c->query.ifindex, c->event.ifname);
	link_flow(t, c);
	r = sockowner_ask(t->cfg.sockowner, &c->query, catch_token(c),
			  &c->answer);
	if (r == 0)
		return;
	if (r < 0) {
		c->answer.grade = SOCKOWNER_UNKNOWN;
		c->answer.reason = SOCKOWNER_REASON_SYSTEM;
		c->answer.error = -r;
	}
	look_ahead(t, c);
	judge(t, c);
}

static bool is_wanted(const struct trap *t, const struct inbox_item *item)
{
	const struct packet *p = &item->packet;

	if (t->cfg.new_only && p->tuple.proto == IPPROTO_TCP &&
	    (p->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) !=
		    PACKET_TCP_SYN)
		return false;
	if (t->cfg.ntargets == 0)
		return true;
	for (size_t i = 0; i < t->cfg.ntargets; i++)
		if (target_match(&t->cfg.targets[i], p))
			return true;
	return false;
}

static void take(struct trap *t, const struct inbox_item *item)
{
	struct catch *c;
	struct flow *f;

	t->stats.packets++;
	if (item->malformed) {
		t->stats.malformed++;
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	if (is_count_reached(t) || !is_wanted(t, item)) {
		verdict_pass(t->cfg.verdict, item->queued.id);
		return;
	}
	f = flow_find(t->flows, &item->packet.tuple, item->received_us);
	c = f != NULL && f->catch != 0 ? catch_at(t->catches, f->catch - 1)
				       : NULL;
	if (c != NULL)
		meet_open(t, c, item);
	else if (f != NULL)
		meet_known(t, f, item);
	else
		begin(t, item, false, NULL);
}

static void take_all(struct trap *t)
{
	const struct inbox_item *item;

	inbox_fill(t->inbox);
	while ((item = inbox_first(t->inbox)) != NULL) {
		take(t, item);
		inbox_pop(t->inbox);
	}
}

/* ------------------------------------------------------------------ the turn
 */

static void collect_answers(struct trap *t)
{
	struct sockowner_answer answer;
	uint64_t token;

	while (sockowner_next(t->cfg.sockowner, &token, &answer)) {
		struct catch *c = catch_find(t->catches, token);

		if (c == NULL || c->state != CATCH_OWNER) {
			sockowner_release(&answer);
			continue;
		}
		c->answer = answer;
		judge(t, c);
	}
}

/* A command has ended: in time, or after its event was told. */
static void end_hook(struct trap *t, struct catch *c,
		     const struct event_hook *result)
{
	struct hook *h = c->hook;

	c->hook = NULL;
	c->event.hook = *result;
	if (result->killed)
		t->stats.hooks_killed++;
	if (c->state == CATCH_HOOK) {
		finish(t, c);
	} else {
		c->event.kind = EVENT_HOOK;
		tell(t, &c->event);
		close_catch(t, c);
	}
	hook_free(t->cfg.hook, h);
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
			end_hook(t, c, &result);
		else
			hook_free(t->cfg.hook, h);
	}
}

/* No more time: what is known by now is the event. */
static void cut_short(struct trap *t, struct catch *c)
{
	if (c->state == CATCH_OWNER) {
		sockowner_cancel(t->cfg.sockowner, catch_token(c), &c->answer);
		c->quiet = true;
		judge(t, c);
	} else {
		finish(t, c);
	}
}

static void expire_all(struct trap *t, uint64_t now)
{
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		struct catch *c = catch_at(t->catches, i);

		if (c == NULL || c->state == CATCH_TOLD || now < c->deadline_us)
			continue;
		c->event.expired = true;
		cut_short(t, c);
	}
}

void trap_turn(struct trap *t)
{
	take_all(t);
	t->sweeping = sockowner_step(t->cfg.sockowner, SWEEP_SLICE_US);
	/* What came during the sweep may cast doubt on its answers. */
	take_all(t);
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
	return is_count_reached(t) && catch_count(t->catches) == 0;
}

/* -------------------------------------------------------------- the end */

void trap_end(struct trap *t)
{
	struct catch *c;

	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		c = catch_at(t->catches, i);
		if (c != NULL)
			release(t, c);
	}
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		c = catch_at(t->catches, i);
		if (c != NULL && c->state != CATCH_TOLD)
			cut_short(t, c);
		c = catch_at(t->catches, i);
		if (c != NULL)
			close_catch(t, c);
	}
}

void trap_drain(struct trap *t)
{
	const struct inbox_item *item;

	do {
		inbox_fill(t->inbox);
		while ((item = inbox_first(t->inbox)) != NULL) {
			t->stats.packets++;
			verdict_pass(t->cfg.verdict, item->queued.id);
			inbox_pop(t->inbox);
		}
	} while (!inbox_fill(t->inbox));
}

void trap_note_ruled(struct trap *t, uint64_t ruled)
{
	uint64_t unseen =
		ruled > t->stats.packets ? ruled - t->stats.packets : 0;
	struct event *e = &t->loss;

	t->stats.ruled = ruled;
	if (unseen <= t->stats.unseen)
		return;
	event_reset(e);
	e->kind = EVENT_LOSS;
	e->sequence = t->sequence;
	e->lost = unseen - t->stats.unseen;
	clock_gettime(CLOCK_REALTIME, &e->time);
	t->stats.unseen = unseen;
	tell(t, e);
}

int trap_open(struct trap **out, const struct trap_config *cfg)
{
	struct trap *t = calloc(1, sizeof(*t));
	int err;

	if (t == NULL)
		return -ENOMEM;
	t->cfg = *cfg;
	err = catch_open(&t->catches);
	if (err == 0)
		err = flow_open(&t->flows);
	if (err == 0)
		err = rate_open(&t->rate, cfg->rate);
	if (err == 0)
		err = inbox_open(&t->inbox, cfg->queue);
	if (err == 0)
		err = stats_open(&t->tables);
	if (err < 0) {
		trap_close(t);
		return err;
	}
	*out = t;
	return 0;
}

void trap_close(struct trap *t)
{
	if (t == NULL)
		return;
	stats_close(t->tables);
	inbox_close(t->inbox);
	rate_close(t->rate);
	flow_close(t->flows);
	catch_close(t->catches);
	free(t);
}

struct stats *trap_stats(struct trap *t)
{
	const struct inbox_stats *in = inbox_stats(t->inbox);

	t->stats.ignored = in->ignored;
	t->stats.overruns = in->overruns;
	t->stats.gone = in->gone;
	return &t->stats;
}

const struct stats_tables *trap_tables(const struct trap *t)
{
	return t->tables;
}
