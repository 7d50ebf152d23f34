/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_text: events as lines for a person, two of them without -v. */
#include "output_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "output.h"
#include "proto.h"
#include "text.h"
#include "util.h"

/* As wide as the time and a blank. */
#define INDENT "             "

/* Of a longer lineage the nearest and the last are shown, but with -v. */
#define LINEAGE_WIDTH 60

/* Where lines that only -v makes long are broken. */
#define COLUMNS 80

/* Parts stand that far apart; a name with blanks is in quotes. */
#define GAP   "   "
#define BREAK "\n" INDENT

static void begin_line(struct output_text_writer *w)
{
	w->line = w->out->len;
	strbuf_puts(w->out, INDENT);
	w->begun = false;
}

/* The part that has just ended gets a line of its own if it does not fit. */
static void wrap_part(struct output_text_writer *w)
{
	const size_t gap = sizeof(GAP) - 1, brk = sizeof(BREAK) - 1;
	char *part = w->out->mem + w->part;
	size_t room = w->out->size - w->out->len;

	if (w->part <= w->line + sizeof(INDENT) || w->out->truncated ||
	    w->out->len - w->line <= COLUMNS || room <= brk - gap)
		return;
	memmove(part + brk - gap, part, w->out->len + 1 - w->part);
	memcpy(part - gap, BREAK, brk);
	w->out->len += brk - gap;
	w->line = w->part - gap + 1;
}

static void begin_part(struct output_text_writer *w)
{
	if (w->begun && w->opt->verbose)
		wrap_part(w);
	if (w->begun)
		strbuf_puts(w->out, GAP);
	w->begun = true;
	w->part = w->out->len;
}

static void end_line(struct output_text_writer *w)
{
	if (w->begun && w->opt->verbose)
		wrap_part(w);
	strbuf_puts(w->out, "\n");
}

/* -------------------------------------------------------- the second line */

static size_t ancestor_width(const struct process_ancestor *a)
{
	char mem[4 * sizeof(a->comm) + 32];
	struct strbuf sb;

	strbuf_init(&sb, mem, sizeof(mem));
	text_add_process(&sb, a->comm, a->pid, 0);
	return sb.len;
}

/* How many of the nearest fit, where the last one is shown in any case. */
static size_t count_near(const struct process_lineage *l)
{
	size_t width = 0, near = 1;

	for (size_t i = 0; i < l->n; i++)
		width += ancestor_width(&l->list[i]) + strlen(" < ");
	if (width <= LINEAGE_WIDTH + strlen(" < ") || l->n < 3)
		return l->n;
	width = ancestor_width(&l->list[0]) + strlen(" < ... < ") +
		ancestor_width(&l->list[l->n - 1]);
	while (near < l->n - 2) {
		width += strlen(" < ") + ancestor_width(&l->list[near]);
		if (width > LINEAGE_WIDTH)
			break;
		near++;
	}
	return near;
}

static void add_lineage(struct output_text_writer *w,
			const struct process_lineage *l)
{
	size_t near = w->opt->verbose ? l->n : count_near(l);

	if (l->n == 0)
		return;
	begin_part(w);
	strbuf_puts(w->out, "from ");
	for (size_t i = 0; i < l->n; i++) {
		const struct process_ancestor *a = &l->list[i];

		strbuf_puts(w->out, i > 0 ? " < " : "");
		text_add_process(w->out, a->comm, a->pid, 0);
		if (i + 1 == near && near < l->n) {
			strbuf_puts(w->out, " < ...");
			i = l->n - 2;
		}
	}
	if (!l->complete && l->reason != NULL)
		strbuf_printf(w->out, " (%s)", l->reason);
}

/* Presentation form needs no second escape. */
static void add_dns_name(const struct output_text_writer *w, const char *name)
{
	bool plain = *name != '\0';

	for (const char *p = name; *p != '\0'; p++)
		plain = plain && *p > ' ' && *p <= '~' && *p != ',';
	if (plain)
		strbuf_puts(w->out, name);
	else
		text_add_word(w->out, name, strlen(name), "");
}

/* "asks A AAAA a.example, A b.example": a name once for its types. */
static void add_questions(struct output_text_writer *w, const struct event *e)
{
	for (size_t i = 0; i < e->nquestions; i++) {
		const struct dns_question *q = &e->questions[i];
		bool last = i + 1 == e->nquestions ||
			    strcmp(q->name, q[1].name) != 0;
		char type[16];

		if (i == 0)
			begin_part(w);
		strbuf_printf(w->out, "%s%s", i == 0 ? "asks " : "",
			      dns_type_format(q->type, type, sizeof(type)));
		strbuf_puts(w->out, " ");
		if (!last)
			continue;
		add_dns_name(w, q->name);
		strbuf_puts(w->out, i + 1 < e->nquestions ? ", " : "");
	}
}

/* Whoever asked this one is found at its own address. */
static void add_stub(struct output_text_writer *w, const struct event *e)
{
	char target[EVENT_STUB_MAX];

	if (!e->is_stub)
		return;
	begin_part(w);
	strbuf_printf(w->out, "asks for others: try -u %s",
		      event_stub_target(e, target));
}

/* Others than the sender who have, or opened, the socket. */
static void add_others(struct output_text_writer *w, const struct event *e)
{
	if (e->has_process && e->nholders_total > 1) {
		begin_part(w);
		strbuf_puts(w->out, "also held by ");
		output_text_add_holders(w, e, e->process.pid);
	}
	if (e->has_creator && e->grade != SOCKOWNER_CREATOR &&
	    (!e->has_process || e->creator.pid != e->process.pid)) {
		begin_part(w);
		strbuf_puts(w->out, "opened by ");
		text_add_process(w->out, e->creator.comm, e->creator.pid, 0);
	}
}

/* The kernel's own has it in the first line. */
static void add_about(struct output_text_writer *w, const struct event *e)
{
	if (!e->about.known || e->kernel_kind != NULL)
		return;
	begin_part(w);
	output_text_add_about(w, e);
}

/* Green is for what was seen, and for nothing else. */
static const char *grade_colour(enum sockowner_grade grade)
{
	switch (grade) {
	case SOCKOWNER_PROVED:
		return OUTPUT_TEXT_GREEN;
	case SOCKOWNER_HOLDER:
		break;
	case SOCKOWNER_SHARED:
	case SOCKOWNER_TWINS:
	case SOCKOWNER_CREATOR:
	case SOCKOWNER_KERNEL:
		return OUTPUT_TEXT_YELLOW;
	case SOCKOWNER_UID_ONLY:
	case SOCKOWNER_UNKNOWN:
		return OUTPUT_TEXT_RED;
	}
	return NULL;
}

/* "NAT to 10.0.0.7:80", "NAT from 192.0.2.1:40112", or both ends. */
static void add_nat(struct output_text_writer *w, const struct event *e)
{
	const struct tuple *t = &e->wire;
	bool src = event_has_other_source(e),
	     dst = event_has_other_destination(e),
	     ports = proto_has_ports(t->proto) && e->packet.has_ports;

	if (!src && !dst)
		return;
	begin_part(w);
	strbuf_puts(w->out, src && dst ? "NAT "
			    : src      ? "NAT from "
				       : "NAT to ");
	if (src)
		output_text_add_endpoint(w, &t->saddr, ports, t->sport);
	if (src && dst)
		strbuf_puts(w->out, " > ");
	if (dst)
		output_text_add_endpoint(w, &t->daddr, ports, t->dport);
}

/* The grade's name, or the first line, may say it already. */
static bool is_implied(enum sockowner_grade grade, enum sockowner_reason reason)
{
	return grade == SOCKOWNER_UNKNOWN ||
	       reason == SOCKOWNER_REASON_NO_WITNESS ||
	       reason == SOCKOWNER_REASON_BLIND_SPOT ||
	       (grade == SOCKOWNER_SHARED &&
		reason == SOCKOWNER_REASON_MANY_HOLDERS) ||
	       (grade == SOCKOWNER_TWINS &&
		reason == SOCKOWNER_REASON_MANY_SOCKETS) ||
	       (grade == SOCKOWNER_UID_ONLY &&
		reason == SOCKOWNER_REASON_NO_SOCKET);
}

static const char *direction_words(enum event_direction d)
{
	switch (d) {
	case EVENT_EGRESS:
		break;
	case EVENT_INGRESS:
		return ", incoming";
	case EVENT_FORWARD:
		return ", forwarded";
	}
	return "";
}

static void add_verdict(struct output_text_writer *w, const struct event *e)
{
	const char *reason = sockowner_reason_text(e->reason);
	const char *colour = grade_colour(e->grade);

	begin_part(w);
	output_text_begin_colour(w, colour);
	strbuf_puts(w->out, sockowner_grade_name(e->grade));
	output_text_end_colour(w, colour);
	if (reason != NULL && !is_implied(e->grade, e->reason))
		strbuf_printf(w->out, " (%s)", reason);
	strbuf_puts(w->out, ", held ");
	text_add_duration(w->out, e->held_us);
	strbuf_printf(w->out, "%s, %s%s", e->expired ? " (the limit)" : "",
		      event_action_name(e->action),
		      direction_words(e->direction));
}

/* What this event stands for beside its one packet. */
static void add_counts(struct output_text_writer *w, const struct event *e)
{
	if (e->packets > 1) {
		begin_part(w);
		strbuf_printf(w->out, "%" PRIu64 " packets", e->packets);
	}
	if (e->suppressed > 0) {
		begin_part(w);
		strbuf_printf(w->out, "%" PRIu64 " more not told (-n)",
			      e->suppressed);
	}
}

/* ------------------------------------------------------ the verbose line */

static void add_fact(struct output_text_writer *w, const char *name,
		     const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	begin_part(w);
	strbuf_printf(w->out, "%s ", name);
	text_add_word(w->out, value, strlen(value), "");
}

static void add_number(struct output_text_writer *w, const char *name,
		       uint64_t value)
{
	begin_part(w);
	strbuf_printf(w->out, "%s %" PRIu64, name, value);
}

/* Device and inode say which file it was when the path says little. */
static void add_process_facts(struct output_text_writer *w,
			      const struct process *p)
{
	const struct procfs_image *im = &p->image;

	if (im->exe_ino != 0) {
		begin_part(w);
		strbuf_printf(w->out, "exe on %u:%u inode %" PRIu64,
			      major(im->exe_dev), minor(im->exe_dev),
			      im->exe_ino);
	}
	add_fact(w, "cgroup", p->cgroup);
	if (!p->has_rest)
		return;
	add_fact(w, "unit", p->unit);
	add_fact(w, "container", p->container);
	add_fact(w, p->script_open ? "script" : "script by its arguments",
		 p->script);
	add_fact(w, "cwd", p->cwd);
	add_fact(w, "tty", p->tty);
	add_fact(w, "label", p->label);
	if (p->loginuid != UINT32_MAX)
		add_number(w, "loginuid", p->loginuid);
	if (p->sessionid != UINT32_MAX)
		add_number(w, "session", p->sessionid);
}

static void add_socket_facts(struct output_text_writer *w,
			     const struct event *e)
{
	if (e->has_socket && e->socket.inode != 0)
		add_number(w, "socket inode", e->socket.inode);
	if (e->has_socket)
		add_number(w, "cookie", e->socket.cookie);
	for (size_t i = 0; i < e->ntwins; i++)
		add_number(w, "twin inode", e->twins[i].inode);
	if (e->has_process && e->has_packet_uid)
		add_number(w, "socket uid", e->packet_uid);
	add_fact(w, "interface", e->ifname);
	if (e->mark != 0)
		add_number(w, "mark", e->mark);
}

/* The event's number is what a late command's end and JSON's records name. */
static void add_answer_facts(struct output_text_writer *w,
			     const struct event *e)
{
	const char *method = sockowner_method_name(e->method);
	const char *reason = sockowner_reason_text(e->reason);

	add_number(w, "event", e->sequence);
	begin_part(w);
	strbuf_puts(w->out, "looked up in ");
	text_add_duration(w->out, e->resolve_us);
	if (method != NULL)
		strbuf_printf(w->out, " by %s", method);
	if (reason == NULL || !is_implied(e->grade, e->reason))
		return;
	begin_part(w);
	strbuf_printf(w->out, "reason: %s", reason);
}

/* ------------------------------------------------------------ the command */

static void add_hook_end(const struct output_text_writer *w,
			 const struct event_hook *h)
{
	if (h->killed)
		strbuf_puts(w->out, "killed after ");
	else
		strbuf_printf(w->out, "exited %d after ", h->status);
	text_add_duration(w->out, h->duration_us);
}

/* A command that did what it should is not worth a line. */
static void add_hook_state(struct output_text_writer *w,
			   const struct event_hook *h)
{
	if (h->ended && h->status == 0 && !h->killed)
		return;
	begin_line(w);
	strbuf_puts(w->out, "command ");
	if (h->skipped != NULL)
		strbuf_printf(w->out, "skipped: %s", h->skipped);
	else if (h->ended && h->killed)
		add_hook_end(w, h);
	else if (h->ended)
		strbuf_printf(w->out, "exited %d", h->status);
	else
		strbuf_puts(w->out, h->ran ? "still runs" : "did not run");
	end_line(w);
}

/* Last: nothing of ours follows that it could be taken for. */
static void add_hook_output(struct output_text_writer *w,
			    const struct event_hook *h)
{
	if (h->output != NULL)
		text_add_output(w->out, h->output, h->output_len,
				w->opt->colour);
	if (!h->output_truncated)
		return;
	begin_line(w);
	strbuf_puts(w->out, "the rest of the command's output is cut off\n");
}

/* -------------------------------------------------------------- the kinds */

static void write_packet(struct output_text_writer *w, const struct event *e)
{
	output_text_add_head(w, e);
	end_line(w);
	begin_line(w);
	add_lineage(w, &e->lineage);
	add_questions(w, e);
	add_stub(w, e);
	add_others(w, e);
	add_about(w, e);
	add_nat(w, e);
	add_verdict(w, e);
	add_counts(w, e);
	end_line(w);
	if (w->opt->verbose) {
		begin_line(w);
		add_answer_facts(w, e);
		if (e->has_process)
			add_process_facts(w, &e->process);
		add_socket_facts(w, e);
		end_line(w);
	}
	if (e->wants_hook) {
		add_hook_state(w, &e->hook);
		add_hook_output(w, &e->hook);
	}
}

/* Its packet was told before: the time and, with -v, the number join the two.
 */
static void write_hook(struct output_text_writer *w, const struct event *e)
{
	const struct process *p = &e->process;

	output_text_add_time(w, &e->time);
	if (w->opt->verbose)
		strbuf_printf(w->out, "event %" PRIu64 ": ", e->sequence);
	strbuf_puts(w->out, "command for ");
	if (p->comm[0] != '\0')
		text_add_process(w->out, p->comm, p->pid, 0);
	else
		strbuf_printf(w->out, "pid %d", (int)p->pid);
	strbuf_puts(w->out, " ");
	add_hook_end(w, &e->hook);
	end_line(w);
	add_hook_output(w, &e->hook);
}

/* Red in any case: here the answer to "who was it" is missing. */
static void write_loss(struct output_text_writer *w, const struct event *e)
{
	output_text_add_time(w, &e->time);
	output_text_begin_colour(w, OUTPUT_TEXT_RED);
	strbuf_printf(w->out, "%" PRIu64 " packet%s passed unseen", e->lost,
		      e->lost == 1 ? "" : "s");
	output_text_end_colour(w, OUTPUT_TEXT_RED);
	strbuf_puts(w->out, " (the rules counted more than were received)\n");
}

/* "1234.5 us" of nanoseconds. */
static void add_us(struct output_text_writer *w, uint64_t ns)
{
	strbuf_printf(w->out, "%10" PRIu64 ".%" PRIu64 " us", ns / 1000,
		      ns % 1000 / 100);
}

static void add_stage(struct output_text_writer *w, const char *name,
		      const struct stage *s)
{
	strbuf_printf(w->out, INDENT "%-9s %9" PRIu64, name, s->count);
	add_us(w, s->total_ns / s->count);
	add_us(w, s->max_ns);
	strbuf_puts(w->out, "   ");
	text_add_duration(w->out, s->total_ns / 1000);
	strbuf_puts(w->out, "\n");
}

static void write_stages(struct output_text_writer *w, const struct event *e)
{
	output_text_add_time(w, &e->time);
	strbuf_puts(w->out, "where ");
	text_add_duration(w->out, e->run_us);
	strbuf_puts(w->out, " went (on processors ");
	text_add_duration(w->out, e->cpu_us);
	strbuf_puts(w->out, ")\n" INDENT "stage         times           mean"
			    "        longest   in all\n");
	for (enum stages_index i = 0; i < STAGES_MAX; i++)
		if (e->stages->list[i].count > 0)
			add_stage(w, stages_name(i), &e->stages->list[i]);
}

static int format_text(const struct event *e, const struct output_options *opt,
		       struct strbuf *out)
{
	struct output_text_writer w = {.out = out, .opt = opt};

	switch (e->kind) {
	case EVENT_PACKET:
		write_packet(&w, e);
		break;
	case EVENT_HOOK:
		write_hook(&w, e);
		break;
	case EVENT_LOSS:
		write_loss(&w, e);
		break;
	case EVENT_STAGES:
		write_stages(&w, e);
		break;
	}
	return out->truncated ? -EMSGSIZE : 0;
}

const struct output_format output_text = {
	.name = "text",
	.format = format_text,
};
