/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_json: events as JSON lines, with the names of Elastic Common Schema.
 */
#include "output_json.h"

#include <errno.h>
#include <stdio.h>

#include "community_id.h"
#include "proto.h"
#include "strbuf.h"
#include "util.h"

#define ECS_VERSION "8.11.0"
/* ASCII: no bidirectional mark reaches the terminal of who reads the file. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII)

static void put_event(struct output_json_writer *w, json_t *root,
		      const struct event *e)
{
	json_t *obj = json_object(), *categories = json_array();

	if (json_array_append_new(categories, json_string("network")) < 0)
		w->failed = true;
	output_json_put(
		w, obj, "kind",
		json_string(e->kind == EVENT_STAGES ? "metric" : "event"));
	output_json_put(w, obj, "category", categories);
	switch (e->kind) {
	case EVENT_PACKET:
		output_json_put_text(w, obj, "action",
				     event_action_name(e->action));
		output_json_put_number(w, obj, "sequence", e->sequence);
		output_json_put_number(w, obj, "duration", e->held_us * 1000);
		break;
	case EVENT_HOOK:
		output_json_put_text(w, obj, "action", "hook");
		break;
	case EVENT_LOSS:
		output_json_put_text(w, obj, "action", "unseen");
		break;
	case EVENT_STAGES:
		output_json_put_text(w, obj, "action", "stages");
		break;
	}
	output_json_put(w, root, "event", obj);
}

/* The ID joins the event with the logs of Zeek and Suricata. */
static void put_network(struct output_json_writer *w, json_t *root,
			const struct event *e)
{
	char proto[8], number[8], id[COMMUNITY_ID_MAX];
	const struct tuple *t = &e->tuple;
	json_t *obj = json_object();

	snprintf(number, sizeof(number), "%u", t->proto);
	output_json_put_text(w, obj, "transport",
			     proto_format(t->proto, proto, sizeof(proto)));
	output_json_put_text(w, obj, "type",
			     t->family == AF_INET6 ? "ipv6" : "ipv4");
	output_json_put_text(w, obj, "direction",
			     event_direction_name(e->direction));
	output_json_put_text(w, obj, "iana_number", number);
	if (*community_id_format(&e->packet, id, sizeof(id)) != '\0')
		output_json_put_text(w, obj, "community_id", id);
	output_json_put(w, root, "network", obj);
}

/* ICMP has no ports, a later fragment has lost them: not there, not 0. */
static void put_endpoint(struct output_json_writer *w, json_t *root,
			 const char *key, const struct event *e,
			 const struct ipaddr *addr, uint16_t port)
{
	json_t *obj = json_object();
	char text[IPADDR_TEXT_MAX];

	output_json_put_text(w, obj, "ip", ipaddr_format(addr, text));
	if (e->packet.has_ports && proto_has_ports(e->tuple.proto))
		output_json_put_number(w, obj, "port", port);
	output_json_put(w, root, key, obj);
}

static json_t *make_question(struct output_json_writer *w,
			     const struct dns_question *q)
{
	json_t *obj = json_object();
	char type[16];

	output_json_put_text(w, obj, "name", q->name);
	output_json_put_text(w, obj, "type",
			     dns_type_format(q->type, type, sizeof(type)));
	return obj;
}

/* The schema has room for one; all of them are under ptrap. */
static void put_dns(struct output_json_writer *w, json_t *root,
		    const struct event *e)
{
	json_t *obj;

	if (e->nquestions == 0)
		return;
	obj = json_object();
	output_json_put(w, obj, "question", make_question(w, &e->questions[0]));
	output_json_put(w, root, "dns", obj);
}

/* Who stands first in the lineage may have adopted it since. */
static json_t *make_parent(struct output_json_writer *w,
			   const struct process *p,
			   const struct process_lineage *l)
{
	json_t *obj = json_object();

	output_json_put_number(w, obj, "pid", (uint64_t)p->ppid);
	if (l->n == 0 || l->list[0].pid != p->ppid)
		return obj;
	output_json_put_text(w, obj, "name", l->list[0].comm);
	output_json_put_known(w, obj, "executable", l->parent_exe);
	if (l->parent_args != NULL)
		output_json_put_args(w, obj, "args", l->parent_args,
				     l->parent_args_len);
	return obj;
}

static void put_thread(struct output_json_writer *w, json_t *obj, pid_t tid)
{
	json_t *thread;

	if (tid == 0)
		return;
	thread = json_object();
	output_json_put_number(w, thread, "id", (uint64_t)tid);
	output_json_put(w, obj, "thread", thread);
}

/* A start time ticks in hundredths: more digits would be invented. */
static void put_process(struct output_json_writer *w, json_t *root,
			const struct event *e)
{
	const struct process *p = &e->process;
	json_t *obj = json_object();
	struct timespec start = {
		.tv_sec = (time_t)(p->start_ns / 1000000000),
		.tv_nsec = (long)(p->start_ns % 1000000000),
	};

	output_json_put_number(w, obj, "pid", (uint64_t)p->pid);
	put_thread(w, obj, p->tid);
	output_json_put_text(w, obj, "name", p->comm);
	output_json_put_known(w, obj, "executable", p->exe);
	if (p->args != NULL)
		output_json_put_args(w, obj, "args", p->args, p->args_len);
	if (p->has_rest)
		output_json_put_known(w, obj, "working_directory", p->cwd);
	if (p->start_ns > 0)
		output_json_put_time(w, obj, "start", &start, 2);
	if (p->ppid > 0)
		output_json_put(w, obj, "parent",
				make_parent(w, p, &e->lineage));
	output_json_put(w, root, "process", obj);
}

static json_t *make_id(struct output_json_writer *w, uint32_t id)
{
	json_t *obj = json_object();
	char text[16];

	snprintf(text, sizeof(text), "%u", id);
	output_json_put_text(w, obj, "id", text);
	return obj;
}

/* The effective ids: with those rights the packet was sent. */
static void put_user(struct output_json_writer *w, json_t *root,
		     const struct event *e)
{
	json_t *user;

	if (!e->process.has_owner)
		return;
	user = make_id(w, e->process.euid);
	output_json_put_known(w, user, "name", e->user);
	output_json_put(w, root, "user", user);
	output_json_put(w, root, "group", make_id(w, e->process.egid));
}

static void put_host(struct output_json_writer *w, json_t *root)
{
	const struct output_options *opt = w->opt;
	json_t *obj;

	if (opt->host_name == NULL && opt->host_id == NULL)
		return;
	obj = json_object();
	output_json_put_known(w, obj, "name", opt->host_name);
	output_json_put_known(w, obj, "id", opt->host_id);
	output_json_put(w, root, "host", obj);
}

static json_t *make_questions(struct output_json_writer *w,
			      const struct event *e)
{
	json_t *array = json_array();

	for (size_t i = 0; i < e->nquestions; i++)
		if (json_array_append_new(
			    array, make_question(w, &e->questions[i])) < 0)
			w->failed = true;
	return array;
}

/* The event's process asked for somebody else, as far as can be told. */
static json_t *make_stub(struct output_json_writer *w, const struct event *e)
{
	char target[EVENT_STUB_MAX], addr[IPADDR_TEXT_MAX];
	char hint[EVENT_STUB_MAX + 128];
	json_t *obj = json_object();

	snprintf(hint, sizeof(hint),
		 "this process answers DNS questions itself, and may ask for "
		 "others; to see who asks it: ptrap-ng -u %s -t %s",
		 event_stub_target(e, target), target);
	output_json_put_text(w, obj, "address", ipaddr_format(&e->stub, addr));
	output_json_put_number(w, obj, "port", EVENT_STUB_PORT);
	output_json_put_text(w, obj, "hint", hint);
	return obj;
}

static void put_packet(struct output_json_writer *w, json_t *root,
		       const struct event *e)
{
	json_t *ptrap;

	put_network(w, root, e);
	put_endpoint(w, root, "source", e, &e->tuple.saddr, e->tuple.sport);
	put_endpoint(w, root, "destination", e, &e->tuple.daddr,
		     e->tuple.dport);
	put_dns(w, root, e);
	if (e->has_process) {
		put_process(w, root, e);
		put_user(w, root, e);
	}
	put_host(w, root);
	ptrap = output_json_make_ptrap(w, e);
	if (e->nquestions > 1)
		output_json_put(w, ptrap, "questions", make_questions(w, e));
	if (e->is_stub)
		output_json_put(w, ptrap, "dns_stub", make_stub(w, e));
	output_json_put(w, ptrap, "hook", output_json_make_hook(w, e));
	output_json_put(w, root, "ptrap", ptrap);
}

/* The packet is not told again: ptrap.of is its event.sequence. */
static void put_late_hook(struct output_json_writer *w, json_t *root,
			  const struct event *e)
{
	json_t *process = json_object(), *ptrap = json_object();

	output_json_put_number(w, process, "pid", (uint64_t)e->process.pid);
	if (e->process.comm[0] != '\0')
		output_json_put_text(w, process, "name", e->process.comm);
	output_json_put(w, root, "process", process);
	put_host(w, root);
	output_json_put_number(w, ptrap, "of", e->sequence);
	output_json_put(w, ptrap, "hook", output_json_make_hook(w, e));
	output_json_put(w, root, "ptrap", ptrap);
}

static void put_loss(struct output_json_writer *w, json_t *root,
		     const struct event *e)
{
	json_t *ptrap = json_object();

	put_host(w, root);
	output_json_put_number(w, ptrap, "unseen", e->lost);
	output_json_put(w, root, "ptrap", ptrap);
}

static json_t *make_stage(struct output_json_writer *w, const struct stage *s)
{
	json_t *obj = json_object();

	output_json_put_number(w, obj, "count", s->count);
	output_json_put_number(w, obj, "total_ns", s->total_ns);
	output_json_put_number(w, obj, "max_ns", s->max_ns);
	return obj;
}

static void put_stages(struct output_json_writer *w, json_t *root,
		       const struct event *e)
{
	json_t *ptrap = json_object(), *stages = json_object();

	put_host(w, root);
	output_json_put_number(w, ptrap, "run_us", e->run_us);
	output_json_put_number(w, ptrap, "cpu_us", e->cpu_us);
	for (enum stages_index i = 0; i < STAGES_MAX; i++)
		output_json_put(w, stages, stages_name(i),
				make_stage(w, &e->stages->list[i]));
	output_json_put(w, ptrap, "stages", stages);
	output_json_put(w, root, "ptrap", ptrap);
}

static json_t *make_root(struct output_json_writer *w, const struct event *e)
{
	json_t *root = json_object(), *ecs = json_object();

	output_json_put_time(w, root, "@timestamp", &e->time, 6);
	output_json_put_text(w, ecs, "version", ECS_VERSION);
	output_json_put(w, root, "ecs", ecs);
	put_event(w, root, e);
	switch (e->kind) {
	case EVENT_PACKET:
		put_packet(w, root, e);
		break;
	case EVENT_HOOK:
		put_late_hook(w, root, e);
		break;
	case EVENT_LOSS:
		put_loss(w, root, e);
		break;
	case EVENT_STAGES:
		put_stages(w, root, e);
		break;
	}
	return root;
}

/* jansson gives the length it needs, and no terminator. */
static int dump(const json_t *root, struct strbuf *out)
{
	size_t room = out->size - out->len - 1;
	size_t len = json_dumpb(root, out->mem + out->len, room, DUMP_FLAGS);

	if (len == 0 || len >= room) {
		out->mem[out->len] = '\0';
		return len == 0 ? -ENOMEM : -EMSGSIZE;
	}
	out->len += len;
	out->mem[out->len] = '\0';
	strbuf_puts(out, "\n");
	return 0;
}

static int try_format(struct output_json_writer *w, const struct event *e,
		      struct strbuf *out)
{
	json_t *root;
	int err;

	output_json_begin_mem();
	root = make_root(w, e);
	err = w->failed ? -ENOMEM : dump(root, out);
	json_decref(root);
	output_json_end_mem();
	return err;
}

/* Where the record does not fit, the command's output is what gives way. */
static int format_json(const struct event *e, const struct output_options *opt,
		       struct strbuf *out)
{
	struct output_json_writer w = {
		.opt = opt,
		.hook_output_max = e->hook.output_len,
	};
	int err = try_format(&w, e, out);

	while (err == -EMSGSIZE && w.hook_output_max > 0) {
		w.hook_output_max /= 2;
		err = try_format(&w, e, out);
	}
	return err;
}

const struct output_format output_json = {
	.name = "json",
	.format = format_json,
};
