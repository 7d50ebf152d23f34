/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_judge: what becomes of a catch: told or not, its command, its verdict.
 */
#include "trap_judge.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catch_about.h"
#include "catch_nat.h"
#include "catch_witness.h"
#include "dns_query.h"
#include "log.h"
#include "process.h"
#include "proto.h"
#include "util.h"

#define YIELD_EVERY_US 50000

/* What has been written comes back to be used again. */
static void reclaim(struct trap *t)
{
	struct output_job *job = output_queue_take_done(t->told), *next;

	for (; job != NULL; job = next) {
		next = job->next;
		catch_reclaim(t->catches, CONTAINER_OF(job, struct catch, job));
	}
}

void trap_flush(struct trap *t)
{
	output_queue_flush(t->told);
	reclaim(t);
}

void trap_tell(struct trap *t, const struct event *e)
{
	trap_flush(t);
	for (size_t i = 0; i < t->cfg.noutputs; i++)
		output_write(t->cfg.outputs[i], e);
}

bool trap_is_count_reached(const struct trap *t)
{
	return t->cfg.count != 0 && t->sequence >= t->cfg.count;
}

/* ----------------------------------------------------------------- deciding */

void trap_release(struct trap *t, struct catch *c)
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

struct flow *trap_flow_of(struct trap *t, const struct catch *c)
{
	struct flow *f = flow_find(t->flows, &c->key, c->received_us);

	return f != NULL && f->catch == c->index + 1 ? f : NULL;
}

/* From now on its packets are those of a known flow. */
static void unlink_flow(struct trap *t, struct catch *c)
{
	struct flow *f = trap_flow_of(t, c);

	if (f != NULL)
		f->catch = 0;
}

void trap_close_catch(struct trap *t, struct catch *c)
{
	unlink_flow(t, c);
	catch_put(t->catches, c);
}

static void count_event(struct trap *t, const struct event *e)
{
	t->stats.events++;
	t->stats.by_grade[e->grade]++;
	stats_add_event(t->tables, e);
}

/* The event is complete and the catch over: out with it. */
static void tell_last(struct trap *t, struct catch *c)
{
	count_event(t, &c->event);
	unlink_flow(t, c);
	reclaim(t);
	catch_detach(t->catches, c);
	c->job.event = &c->event;
	output_queue_put(t->told, &c->job);
}

/* Its command's end is still to be told, or its output is still the command's.
 */
static void tell_now(struct trap *t, struct catch *c)
{
	count_event(t, &c->event);
	trap_tell(t, &c->event);
}

static void read_rest(struct trap *t, struct catch *c)
{
	struct stage *stage = stages_at(t->cfg.stages, STAGES_FACTS);
	struct event *e = &c->event;
	uint64_t start;

	if (!e->has_process || e->process.has_rest)
		return;
	start = stage_start(stage);
	if (c->has_record)
		catch_read_testimony_rest(c, t->cfg.witness, t->parents,
					  t->cfg.proc_rootfd);
	else
		catch_read_rest(c, t->parents, t->cfg.proc_rootfd);
	stage_end(stage, start);
}

/* Whose is the flow that the packet is about?  It takes a sweep that others may
 * share, and the packet is gone meanwhile.  False: it is known, or never will
 * be. */
static bool ask_about(struct trap *t, struct catch *c)
{
	struct sockowner_query q;
	int r;

	if (c->hook != NULL || !catch_ask_about(c, &q))
		return false;
	sockowner_release(&c->answer);
	r = sockowner_ask(t->cfg.sockowner, &q, catch_token(c), &c->answer);
	if (r == 1)
		catch_take_about(c, &c->answer);
	if (r != 0)
		return false;
	t->sweeping = true;
	c->state = CATCH_ABOUT;
	unlink_flow(t, c);
	return true;
}

void trap_end_about(struct trap *t, struct catch *c)
{
	catch_take_about(c, &c->answer);
	tell_last(t, c);
}

/* A resolver asks for others: the event says so.  Who sends from that port has
 * a socket there anyway. */
static void find_stub(struct trap *t, struct event *e)
{
	if (t->cfg.stubs == NULL || e->nquestions == 0 || !e->has_process ||
	    e->direction != EVENT_EGRESS || e->tuple.sport == DNS_STUB_PORT)
		return;
	e->is_stub = dns_stub_find(t->cfg.stubs, e->process.pid,
				   e->process.starttime, &e->stub);
}

/* The verdict has woken the sender, and often on this very CPU: it first, then
 * our notes.  Not for each of many: since Linux 6.18 who yields gives away all
 * of its turn, and after a hundred times the loop would stand still for half a
 * second while others work. */
static void let_sender_run(struct trap *t)
{
	uint64_t now = util_now_us();

	if (now - t->yielded_us < YIELD_EVERY_US)
		return;
	t->yielded_us = now;
	sched_yield();
}

/* Somebody else's packet of a flow, perhaps: of whose it is nothing is learnt.
 */
static bool is_aside(const struct flow *f, const struct catch *c)
{
	return c->doubt != SOCKOWNER_REASON_NONE && f->has_event &&
	       f->grade != SOCKOWNER_UNKNOWN;
}

/* What shows only after the release may have taken the name away. */
static void correct_flow(struct trap *t, const struct catch *c)
{
	struct flow *f = trap_flow_of(t, c);

	if (f == NULL || is_aside(f, c))
		return;
	f->grade = (uint8_t)c->event.grade;
	f->has_holder = f->has_holder && catch_names_one(c);
}

/* After the verdict nothing is in a hurry: the rest is read, the event told. */
static void finish(struct trap *t, struct catch *c)
{
	trap_release(t, c);
	/* Connection tracking forgets at once what is refused. */
	catch_find_wire(c, t->cfg.conntrack, t->cfg.users);
	correct_flow(t, c);
	let_sender_run(t);
	read_rest(t, c);
	find_stub(t, &c->event);
	if (ask_about(t, c))
		return;
	if (!c->event.hook.ran) {
		tell_last(t, c);
		return;
	}
	tell_now(t, c);
	if (c->hook != NULL) {
		c->state = CATCH_TOLD;
		unlink_flow(t, c);
		return;
	}
	trap_close_catch(t, c);
}

static void drop_silently(struct trap *t, struct catch *c, uint64_t *counter)
{
	(*counter)++;
	trap_release(t, c);
	trap_close_catch(t, c);
}

static bool is_child(const struct trap *t, const struct catch *c, pid_t pid)
{
	return (c->has_record &&
		catch_testimony_descends(c, t->cfg.witness, t->pid)) ||
	       process_descends(t->cfg.proc_rootfd, pid, t->pid);
}

/* Our own packets, and those of the commands that we run. */
static bool is_own(struct trap *t, const struct catch *c)
{
	const struct sockowner_answer *a = &c->answer;
	bool children =
		t->cfg.hook != NULL && hook_any_descendants(t->cfg.hook);

	for (size_t i = 0; i < a->nholders; i++) {
		pid_t pid = a->holders[i].pid;

		if (pid != t->pid && !(children && is_child(t, c, pid)))
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

void trap_note_questions(struct trap *t, const struct catch *c)
{
	struct flow *f = trap_flow_of(t, c);

	for (size_t i = 0; f != NULL && i < c->event.nquestions; i++)
		flow_note_question(f, dns_query_hash(&c->event.questions[i]));
}

/* A socket may get its cookie only later, from who first asks. */
static bool is_flow_socket(const struct flow *f, uint64_t cookie,
			   uint64_t inode)
{
	if (cookie != 0 && f->cookie != 0)
		return cookie == f->cookie;
	return inode == f->inode;
}

/* Less is known of a packet that was not seen as it was sent, but nothing
 * else. */
static bool is_flow_grade(const struct flow *f, enum sockowner_grade grade)
{
	return f->grade == grade ||
	       (f->grade == SOCKOWNER_PROVED && grade == SOCKOWNER_HOLDER);
}

/* A connection that was told comes to its end: by the kernel, or by its own
 * user's close(2), when no socket has it any more. */
static bool is_end_of_told(const struct trap *t, const struct flow *f,
			   const struct catch *c)
{
	const struct event *e = &c->event;

	if (t->cfg.packets || t->cfg.answers ||
	    !proto_is_connected(e->tuple.proto))
		return false;
	/* Forwarded, it has no uid to tell whose; and the namespace may have
	 * gone with its last process. */
	if (e->direction == EVENT_FORWARD && e->grade == SOCKOWNER_UNKNOWN)
		return !packet_is_syn(&e->packet);
	return e->grade == SOCKOWNER_KERNEL ||
	       (e->grade == SOCKOWNER_UID_ONLY && f->has_uid &&
		f->uid == e->packet_uid);
}

/* Errors to one address look alike, whatever they are about. */
static bool is_news(struct flow *f, const struct catch *c)
{
	uint64_t hash;

	return catch_hash_about(c, &hash) && flow_note_question(f, hash);
}

/* Notes in the flow what this packet's answer is.  True: the flow had just this
 * answer before, and its event was told. */
static bool note_flow(struct trap *t, struct catch *c)
{
	uint64_t cookie = c->event.has_socket ? c->event.socket.cookie : 0;
	uint64_t inode = c->event.has_socket ? c->event.socket.inode : 0;
	struct flow *f = trap_flow_of(t, c);
	bool same, news;

	if (f == NULL)
		return false;
	news = is_news(f, c);
	if (f->has_event && is_end_of_told(t, f, c))
		return true;
	if (is_aside(f, c)) {
		f->doubted = true;
		return false;
	}
	same = f->has_event && is_flow_socket(f, cookie, inode) &&
	       f->has_uid == c->event.has_packet_uid &&
	       (!f->has_uid || f->uid == c->event.packet_uid) &&
	       is_flow_grade(f, c->event.grade) && is_same_holder(f, c) &&
	       !c->quiet && !news;
	f->has_event = true;
	f->cookie = cookie;
	f->inode = inode;
	f->grade = (uint8_t)c->event.grade;
	f->has_uid = c->event.has_packet_uid;
	f->uid = c->event.packet_uid;
	if (!c->rival) {
		f->has_syn = packet_is_syn(&c->event.packet);
		f->tcp_seq = c->tcp_seq;
	}
	flow_set_holder(f, catch_names_one(c) ? &c->answer.holders[0] : NULL);
	trap_note_questions(t, c);
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
	if (c->late) {
		t->stats.hooks_skipped++;
		e->hook.skipped = "there was no time left";
		return false;
	}
	if (!catch_names_one(c)) {
		t->stats.hooks_skipped++;
		e->hook.skipped = "no single process is the answer";
		return false;
	}
	/* Whether it is the one shows only when the packet has gone. */
	if (c->answer.rewritten) {
		t->stats.hooks_skipped++;
		e->hook.skipped = "NAT has rewritten the packet";
		return false;
	}
	read_rest(t, c);
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

/* A packet that the guardian has let go is in no send queue any more, and its
 * sender may be anywhere: what was not found is for lack of time. */
static void note_expiry(struct trap *t, struct catch *c)
{
	if (c->nids > 0 && !verdict_is_held(t->cfg.verdict, c->ids[0]))
		c->event.expired = true;
	if (c->event.expired && c->answer.idle)
		c->answer.grade = SOCKOWNER_UNKNOWN;
	if (c->event.expired && c->answer.grade == SOCKOWNER_UNKNOWN)
		c->answer.reason = SOCKOWNER_REASON_TIME;
}

/* Is it the packet's socket that was found?  One that others share the
 * addresses with, or that has changed since, may be somebody else's. */
static bool is_its_socket(const struct catch *c)
{
	const struct sockowner_answer *a = &c->answer;

	/* Without a cookie (of /proc/net/icmp) it cannot be told from others.
	 */
	if (!a->has_socket || a->socket.cookie == 0 || c->rival || c->hurried)
		return false;
	return a->grade != SOCKOWNER_UNKNOWN ||
	       a->reason == SOCKOWNER_REASON_NO_HOLDER ||
	       a->reason == SOCKOWNER_REASON_RING ||
	       a->reason == SOCKOWNER_REASON_NOT_PERMITTED;
}

/* Who opened the socket; of one that is gone, only if the packet's user did. */
static void note_creator(struct trap *t, struct catch *c)
{
	const struct sockowner_answer *a = &c->answer;
	struct witness *w = t->cfg.witness;
	const struct event *e = &c->event;
	struct witness_record r;
	bool gone = !a->has_socket && !c->rival && !c->hurried && !c->unsure &&
		    a->grade == SOCKOWNER_UNKNOWN &&
		    a->reason == SOCKOWNER_REASON_NO_SOCKET &&
		    e->has_packet_uid && !packet_is_reset(&e->packet);

	if (w == NULL || witness_sees_packets(w) ||
	    e->direction != EVENT_EGRESS || (!is_its_socket(c) && !gone))
		return;
	if (witness_find_creator(w, a->has_socket ? a->socket.cookie : 0,
				 &e->packet, &r) &&
	    r.pid != 0 && (!gone || r.euid == e->packet_uid))
		catch_set_creator(c, w, &r);
}

/* As far as it is read before the verdict. */
static void read_process(struct trap *t, struct catch *c)
{
	struct stage *stage = stages_at(t->cfg.stages, STAGES_PROCESS);
	uint64_t start = stage_start(stage);

	if (c->has_record)
		catch_read_testimony(c, t->cfg.witness, t->cfg.users);
	else
		catch_read_process(c, t->cfg.users);
	stage_end(stage, start);
}

void trap_judge(struct trap *t, struct catch *c)
{
	note_expiry(t, c);
	note_creator(t, c);
	catch_set_grade(c, nfqueue_features(t->cfg.queue)->uid_gid,
			t->cfg.witness != NULL &&
				witness_sees_packets(t->cfg.witness));
	catch_undo_nat(c);
	if (is_own(t, c)) {
		drop_silently(t, c, &t->stats.exempt);
		return;
	}
	read_process(t, c);
	if (note_flow(t, c)) {
		drop_silently(t, c, &t->stats.repeated);
		return;
	}
	if (trap_is_count_reached(t)) {
		drop_silently(t, c, &t->stats.crowded);
		return;
	}
	if (!is_under_rate(t, c)) {
		drop_silently(t, c, &t->stats.rate_limited);
		return;
	}
	c->event.sequence = ++t->sequence;
	if (t->cfg.hold_all)
		read_rest(t, c);
	if (start_hook(t, c))
		c->state = CATCH_HOOK;
	else
		finish(t, c);
}

void trap_end_hook(struct trap *t, struct catch *c,
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
		trap_tell(t, &c->event);
		trap_close_catch(t, c);
	}
	hook_free(t->cfg.hook, h);
}

void trap_cut_short(struct trap *t, struct catch *c)
{
	if (c->state == CATCH_ORIGIN) {
		c->answer.grade = SOCKOWNER_UNKNOWN;
		c->answer.reason = SOCKOWNER_REASON_TIME;
		c->late = true;
		trap_judge(t, c);
	} else if (c->state == CATCH_OWNER) {
		sockowner_cancel(t->cfg.sockowner, catch_token(c), &c->answer);
		c->late = true;
		trap_judge(t, c);
	} else if (c->state == CATCH_ABOUT) {
		sockowner_cancel(t->cfg.sockowner, catch_token(c), &c->answer);
		trap_end_about(t, c);
	} else {
		finish(t, c);
	}
}
