/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_json_ptrap: the part of a JSON event that no common schema has. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "output_json.h"
#include "proto.h"
#include "util.h"

static void append(struct output_json_writer *w, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		w->failed = true;
}

/* ------------------------------------------------------ whose the socket is */

/* One of a list: who held or opened the socket, not who sent. */
static json_t *make_process(struct output_json_writer *w,
			    const struct event_process *p)
{
	json_t *obj = json_object();

	output_json_put_number(w, obj, "pid", (uint64_t)p->pid);
	if (p->tid != 0 && p->tid != p->pid)
		output_json_put_number(w, obj, "tid", (uint64_t)p->tid);
	output_json_put_text(w, obj, "name", p->comm);
	output_json_put_known(w, obj, "executable", p->exe);
	if (p->has_uid)
		output_json_put_number(w, obj, "uid", p->uid);
	return obj;
}

static json_t *make_twin(struct output_json_writer *w,
			 const struct sockowner_socket *s)
{
	json_t *obj = json_object();

	output_json_put_number(w, obj, "inode", s->inode);
	output_json_put_number(w, obj, "cookie", s->cookie);
	output_json_put_number(w, obj, "uid", s->uid);
	return obj;
}

/* A process that is put forward has the socket open, too. */
static json_t *make_holder(struct output_json_writer *w,
			   const struct process *p)
{
	struct event_process holder = {
		.pid = p->pid,
		.tid = p->tid,
		.exe = p->exe,
		.has_uid = p->has_owner,
		.uid = p->euid,
	};

	memcpy(holder.comm, p->comm, sizeof(holder.comm));
	return make_process(w, &holder);
}

/* Empty lists are told too.  Where the witness saw the sender nobody looked for
 * holders. */
static void put_lists(struct output_json_writer *w, json_t *obj,
		      const struct event *e)
{
	json_t *holders = json_array(), *twins = json_array();
	bool alone = e->has_process && e->nholders == 0 &&
		     e->method != SOCKOWNER_METHOD_WITNESS;

	if (alone)
		append(w, holders, make_holder(w, &e->process));
	for (size_t i = 0; i < e->nholders; i++)
		append(w, holders, make_process(w, &e->holders[i]));
	for (size_t i = 0; i < e->ntwins; i++)
		append(w, twins, make_twin(w, &e->twins[i]));
	if (e->has_creator)
		output_json_put(w, obj, "creator",
				make_process(w, &e->creator));
	output_json_put(w, obj, "holders", holders);
	if (e->nholders_total > e->nholders + alone)
		output_json_put_number(w, obj, "holders_total",
				       e->nholders_total);
	output_json_put(w, obj, "twins", twins);
	if (e->ntwins_total > e->ntwins)
		output_json_put_number(w, obj, "twins_total", e->ntwins_total);
}

/* ---------------------------------------------- what an error is about */

static json_t *make_endpoint(struct output_json_writer *w, bool has_port,
			     const struct ipaddr *addr, uint16_t port)
{
	json_t *obj = json_object();
	char text[IPADDR_TEXT_MAX];

	output_json_put_text(w, obj, "ip", ipaddr_format(addr, text));
	if (has_port)
		output_json_put_number(w, obj, "port", port);
	return obj;
}

/* What others see of the packet: an end that is not as the socket has it. */
static void put_nat(struct output_json_writer *w, json_t *root,
		    const struct event *e)
{
	const struct tuple *t = &e->wire;
	bool ports = proto_has_ports(t->proto) && e->packet.has_ports;
	json_t *obj = json_object();

	if (event_has_other_destination(e))
		output_json_put(w, obj, "destination",
				make_endpoint(w, ports, &t->daddr, t->dport));
	if (event_has_other_source(e))
		output_json_put(w, obj, "source",
				make_endpoint(w, ports, &t->saddr, t->sport));
	output_json_put(w, root, "nat", obj);
}

/* The error's own sender is the kernel; these have the socket of what it is
 * about. */
static void put_about_holders(struct output_json_writer *w, json_t *obj,
			      const struct event_about *about)
{
	json_t *holders = json_array();

	output_json_put_text(w, obj, "grade",
			     sockowner_grade_name(about->grade));
	output_json_put_text(w, obj, "reason",
			     sockowner_reason_text(about->reason));
	for (size_t i = 0; i < about->nholders; i++)
		append(w, holders, make_process(w, &about->holders[i]));
	output_json_put(w, obj, "holders", holders);
	if (about->nholders_total > about->nholders)
		output_json_put_number(w, obj, "holders_total",
				       about->nholders_total);
}

static void put_about(struct output_json_writer *w, json_t *root,
		      const struct event_about *about)
{
	const struct tuple *t = &about->tuple;
	json_t *obj = json_object();
	char proto[8];

	output_json_put_text(w, obj, "transport",
			     proto_format(t->proto, proto, sizeof(proto)));
	output_json_put(
		w, obj, "source",
		make_endpoint(w, about->has_ports, &t->saddr, t->sport));
	output_json_put(
		w, obj, "destination",
		make_endpoint(w, about->has_ports, &t->daddr, t->dport));
	if (about->asked)
		put_about_holders(w, obj, about);
	output_json_put(w, root, "about", obj);
}

/* ------------------------------------------------------------ the answer */

/* alive is about the process: without one it is null. */
static void put_answer(struct output_json_writer *w, json_t *obj,
		       const struct event *e)
{
	output_json_put_text(w, obj, "grade", sockowner_grade_name(e->grade));
	output_json_put_text(w, obj, "reason",
			     sockowner_reason_text(e->reason));
	output_json_put_text(w, obj, "method",
			     e->method == SOCKOWNER_METHOD_NONE
				     ? NULL
				     : sockowner_method_name(e->method));
	output_json_put(w, obj, "alive",
			e->has_process ? json_boolean(e->alive) : json_null());
	output_json_put_number(w, obj, "held_us", e->held_us);
	output_json_put_number(w, obj, "resolve_us", e->resolve_us);
	output_json_put(w, obj, "expired", json_boolean(e->expired));
	output_json_put_number(w, obj, "packets", e->packets);
	if (e->suppressed > 0)
		output_json_put_number(w, obj, "suppressed", e->suppressed);
	output_json_put_known(w, obj, "kernel", e->kernel_kind);
}

/* packet_uid is the socket creator's, whoever sent. */
static void put_socket(struct output_json_writer *w, json_t *obj,
		       const struct event *e)
{
	output_json_put(w, obj, "packet_uid",
			e->has_packet_uid ? json_integer(e->packet_uid)
					  : json_null());
	output_json_put(w, obj, "packet_gid",
			e->has_packet_gid ? json_integer(e->packet_gid)
					  : json_null());
	if (e->ifname[0] != '\0')
		output_json_put_text(w, obj, "interface", e->ifname);
	if (e->mark != 0)
		output_json_put_number(w, obj, "mark", e->mark);
	if (!e->has_socket) {
		output_json_put(w, obj, "inode", json_null());
		output_json_put(w, obj, "cookie", json_null());
		return;
	}
	output_json_put_number(w, obj, "inode", e->socket.inode);
	/* The kernel gives a socket one when somebody first asks. */
	if (e->socket.cookie != 0)
		output_json_put_number(w, obj, "cookie", e->socket.cookie);
	else
		output_json_put(w, obj, "cookie", json_null());
}

/* ------------------------------------------------------ more of the process */

static json_t *make_ancestors(struct output_json_writer *w,
			      const struct process_lineage *l)
{
	json_t *array = json_array();

	for (size_t i = 0; i < l->n; i++) {
		json_t *obj = json_object();

		output_json_put_number(w, obj, "pid", (uint64_t)l->list[i].pid);
		output_json_put_text(w, obj, "name", l->list[i].comm);
		append(w, array, obj);
	}
	return array;
}

/* The path is in process.executable; this says which file it was. */
static json_t *make_exe(struct output_json_writer *w, const struct process *p)
{
	const struct procfs_image *im = &p->image;
	json_t *obj = json_object();
	char dev[32];

	snprintf(dev, sizeof(dev), "%u:%u", major(im->exe_dev),
		 minor(im->exe_dev));
	output_json_put_text(w, obj, "dev", dev);
	output_json_put_number(w, obj, "inode", im->exe_ino);
	output_json_put(w, obj, "deleted",
			json_boolean(p->exe_kind == PROCESS_EXE_DELETED));
	output_json_put(w, obj, "memfd",
			json_boolean(p->exe_kind == PROCESS_EXE_MEMFD));
	output_json_put(w, obj, "foreign_mntns",
			json_boolean(p->foreign_mntns));
	return obj;
}

static json_t *make_namespaces(struct output_json_writer *w,
			       const struct process *p)
{
	const struct {
		const char *key;
		uint64_t inode;
	} list[] = {
		{"mnt", p->ns_mnt},
		{"pid", p->ns_pid},
		{"net", p->ns_net},
		{"user", p->ns_user},
	};
	json_t *obj = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		if (list[i].inode != 0)
			output_json_put_number(w, obj, list[i].key,
					       list[i].inode);
	return obj;
}

static void put_privileges(struct output_json_writer *w, json_t *obj,
			   const struct process *p)
{
	static const char *const seccomp[] = {"off", "strict", "filter"};
	bool known = p->seccomp >= 0 && p->seccomp < (int)ARRAY_SIZE(seccomp);
	char caps[32];

	snprintf(caps, sizeof(caps), "%016" PRIx64, p->cap_eff);
	output_json_put_text(w, obj, "capabilities", caps);
	output_json_put(w, obj, "no_new_privs",
			p->no_new_privs < 0 ? json_null()
					    : json_boolean(p->no_new_privs));
	output_json_put_text(w, obj, "seccomp",
			     known ? seccomp[p->seccomp] : NULL);
	output_json_put(w, obj, "namespaces", make_namespaces(w, p));
	if (p->nspid != 0 && p->nspid != p->pid)
		output_json_put_number(w, obj, "pid_in_namespace",
				       (uint64_t)p->nspid);
}

/* The kernel says "never set" with the largest number. */
static void put_id(struct output_json_writer *w, json_t *obj, const char *key,
		   uint32_t id)
{
	output_json_put(w, obj, key,
			id == UINT32_MAX ? json_null() : json_integer(id));
}

/* Read after the verdict: by then the process may be gone. */
static void put_rest(struct output_json_writer *w, json_t *obj,
		     const struct process *p)
{
	if (p->has_rest) {
		put_id(w, obj, "loginuid", p->loginuid);
		put_id(w, obj, "session", p->sessionid);
		output_json_put_text(w, obj, "tty", p->tty);
	}
	output_json_put_text(w, obj, "cgroup", p->cgroup);
	if (!p->has_rest)
		return;
	output_json_put_text(w, obj, "unit", p->unit);
	output_json_put_text(w, obj, "container", p->container);
	output_json_put_text(w, obj, "label", p->label);
	output_json_put_text(w, obj, "script", p->script);
	if (p->script != NULL)
		output_json_put_text(w, obj, "script_source",
				     p->script_open ? "file" : "argv");
	put_privileges(w, obj, p);
}

static void put_process(struct output_json_writer *w, json_t *obj,
			const struct event *e)
{
	const struct process *p = &e->process;

	output_json_put(w, obj, "ancestors", make_ancestors(w, &e->lineage));
	if (!e->lineage.complete)
		output_json_put_known(w, obj, "ancestors_reason",
				      e->lineage.reason);
	put_rest(w, obj, p);
	if (p->image.exe_ino != 0)
		output_json_put(w, obj, "exe", make_exe(w, p));
	if (p->has_creds) {
		output_json_put_number(w, obj, "real_uid", p->uid);
		output_json_put_number(w, obj, "real_gid", p->gid);
	}
	if (p->args_truncated)
		output_json_put(w, obj, "args_truncated", json_true());
}

json_t *output_json_make_ptrap(struct output_json_writer *w,
			       const struct event *e)
{
	json_t *obj = json_object();

	put_answer(w, obj, e);
	put_socket(w, obj, e);
	put_lists(w, obj, e);
	if (e->has_nat)
		put_nat(w, obj, e);
	if (e->about.known)
		put_about(w, obj, &e->about);
	if (e->has_process)
		put_process(w, obj, e);
	return obj;
}

/* ------------------------------------------------------------ the command */

/* Not in the middle of a character: that would make it bytes. */
static size_t cut_output(const struct event_hook *h, size_t max)
{
	size_t span;

	if (h->output_len <= max)
		return h->output_len;
	span = strbuf_utf8_span(h->output, max);
	return max - span < 4 ? span : max;
}

/* null: it still runs, or never did. */
static void put_hook_end(struct output_json_writer *w, json_t *obj,
			 const struct event_hook *h)
{
	output_json_put(w, obj, "status",
			h->ended ? json_integer(h->status) : json_null());
	if (h->ended)
		output_json_put_number(w, obj, "duration_us", h->duration_us);
	else
		output_json_put(w, obj, "duration_us", json_null());
}

json_t *output_json_make_hook(struct output_json_writer *w,
			      const struct event *e)
{
	const struct event_hook *h = &e->hook;
	size_t len = cut_output(h, w->hook_output_max);
	json_t *obj;

	if (!e->wants_hook && e->kind != EVENT_HOOK)
		return json_null();
	obj = json_object();
	put_hook_end(w, obj, h);
	output_json_put_bytes(w, obj, "output", h->output, len);
	output_json_put(
		w, obj, "truncated",
		json_boolean(h->output_truncated || len < h->output_len));
	output_json_put_text(w, obj, "skipped", h->skipped);
	output_json_put(w, obj, "killed", json_boolean(h->killed));
	return obj;
}
