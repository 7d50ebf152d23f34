/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_text_head: an event's first line: the packet, and who sent it. */
#include <netinet/in.h>
#include <string.h>

#include "output_text.h"
#include "proto.h"
#include "text.h"
#include "util.h"

void output_text_begin_colour(const struct output_text_writer *w,
			      const char *colour)
{
	if (w->opt->colour && colour != NULL)
		strbuf_printf(w->out, "\033[%sm", colour);
}

void output_text_end_colour(const struct output_text_writer *w,
			    const char *colour)
{
	if (colour != NULL)
		output_text_begin_colour(w, "0");
}

/* ------------------------------------------------------ the packet's half */

void output_text_add_time(const struct output_text_writer *w,
			  const struct timespec *ts)
{
	struct tm tm;

	if (localtime_r(&ts->tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strbuf_printf(w->out, "%02d:%02d:%02d.%03ld ", tm.tm_hour, tm.tm_min,
		      tm.tm_sec, ts->tv_nsec / 1000000);
}

void output_text_add_endpoint(const struct output_text_writer *w,
			      const struct ipaddr *addr, bool has_port,
			      uint16_t port)
{
	char text[IPADDR_TEXT_MAX];

	ipaddr_format(addr, text);
	if (!has_port)
		strbuf_puts(w->out, text);
	else if (addr->family == AF_INET6)
		strbuf_printf(w->out, "[%s]:%u", text, port);
	else
		strbuf_printf(w->out, "%s:%u", text, port);
}

/* What an ICMP message is, for the types that people meet. */
static const char *icmp_name(uint8_t proto, uint8_t type)
{
	static const struct {
		uint8_t proto, type;
		const char *name;
	} names[] = {
		{IPPROTO_ICMP, 0, "echo-reply"},
		{IPPROTO_ICMP, 3, "unreachable"},
		{IPPROTO_ICMP, 5, "redirect"},
		{IPPROTO_ICMP, 8, "echo-request"},
		{IPPROTO_ICMP, 11, "time-exceeded"},
		{IPPROTO_ICMPV6, 1, "unreachable"},
		{IPPROTO_ICMPV6, 2, "packet-too-big"},
		{IPPROTO_ICMPV6, 3, "time-exceeded"},
		{IPPROTO_ICMPV6, 128, "echo-request"},
		{IPPROTO_ICMPV6, 129, "echo-reply"},
		{IPPROTO_ICMPV6, 133, "router-solicit"},
		{IPPROTO_ICMPV6, 135, "neighbour-solicit"},
		{IPPROTO_ICMPV6, 136, "neighbour-advert"},
		{IPPROTO_ICMPV6, 143, "listener-report"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].proto == proto && names[i].type == type)
			return names[i].name;
	return NULL;
}

static void add_icmp(const struct output_text_writer *w, const struct packet *p,
		     uint8_t proto)
{
	const char *name = icmp_name(proto, p->icmp_type);

	if (proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6)
		return;
	if (name != NULL)
		strbuf_printf(w->out, " %s", name);
	else
		strbuf_printf(w->out, " type %u", p->icmp_type);
}

static void add_tuple(const struct output_text_writer *w, const struct tuple *t,
		      bool has_ports)
{
	bool ports = proto_has_ports(t->proto) && has_ports;
	char proto[8];

	proto_format(t->proto, proto, sizeof(proto));
	strbuf_printf(w->out, "%s%s ",
		      *proto >= '0' && *proto <= '9' ? "proto " : "", proto);
	output_text_add_endpoint(w, &t->saddr, ports, t->sport);
	strbuf_puts(w->out, " > ");
	output_text_add_endpoint(w, &t->daddr, ports, t->dport);
}

/* Only a first fragment has ports; an ICMP message has a type instead. */
static void add_flow(const struct output_text_writer *w, const struct event *e)
{
	add_tuple(w, &e->tuple, e->packet.has_ports);
	if (e->packet.fragment)
		strbuf_puts(w->out, " fragment");
	else
		add_icmp(w, &e->packet, e->tuple.proto);
}

/* ---------------------------------------------------------- who sent it */

/* A name out of passwd is as foreign as any other. */
static void add_uid(const struct output_text_writer *w, uid_t uid,
		    const char *user)
{
	strbuf_printf(w->out, "uid %u", uid);
	if (user == NULL)
		return;
	strbuf_puts(w->out, "(");
	text_add_word(w->out, user, strlen(user), TEXT_NAME_SPECIAL);
	strbuf_puts(w->out, ")");
}

/* Without a process the user is the one who opened the socket. */
static void add_packet_uid(const struct output_text_writer *w,
			   const struct event *e, const char *before)
{
	if (!e->has_packet_uid)
		return;
	strbuf_puts(w->out, before);
	add_uid(w, e->packet_uid, e->user);
}

/* Where the path is not the file that a person would find there. */
static const char *exe_mark(const struct process *p)
{
	switch (p->exe_kind) {
	case PROCESS_EXE_DELETED:
		return " (deleted)";
	case PROCESS_EXE_MEMFD:
		return " (memfd)";
	case PROCESS_EXE_FILE:
	case PROCESS_EXE_NONE:
		break;
	}
	return p->foreign_mntns ? " (not the file of that name here)" : "";
}

/* Does argv[0] say no more than exe does?  A login shell's has a dash. */
static bool is_named_by(const char *exe, const char *argv0, size_t len)
{
	const char *slash = strrchr(exe, '/');
	const char *base = slash == NULL ? exe : slash + 1;
	const char *dir = memrchr(argv0, '/', len);
	size_t skip = dir == NULL ? 0 : (size_t)(dir - argv0) + 1;

	if (skip == 0 && len > 0 && argv0[0] == '-')
		skip = 1;
	return len - skip == strlen(base) &&
	       memcmp(argv0 + skip, base, len - skip) == 0;
}

/* What it calls itself stays apart from what it is; a folder that both have is
 * not said again. */
static void add_alias(const struct output_text_writer *w, const char *exe,
		      const char *argv0, size_t len)
{
	const char *slash = exe == NULL ? NULL : strrchr(exe, '/');
	size_t dir = slash == NULL ? 0 : (size_t)(slash - exe) + 1;

	if (dir > 0 && len > dir && memcmp(argv0, exe, dir) == 0 &&
	    memchr(argv0 + dir, '/', len - dir) == NULL) {
		argv0 += dir;
		len -= dir;
	}
	strbuf_puts(w->out, " (as ");
	text_add_word(w->out, argv0, len, "()");
	strbuf_puts(w->out, ")");
}

static void add_args(const struct output_text_writer *w, const char *exe,
		     const char *args, size_t len)
{
	const char *end = args + len, *arg = args;

	while (arg <= end) {
		const char *nul = memchr(arg, '\0', (size_t)(end - arg));
		size_t n = (size_t)((nul == NULL ? end : nul) - arg);

		if (arg != args) {
			strbuf_puts(w->out, " ");
			text_add_word(w->out, arg, n, "");
		} else if (exe == NULL || !is_named_by(exe, arg, n)) {
			add_alias(w, exe, arg, n);
		}
		arg += n + 1;
	}
}

/* A program that writes its title over its arguments leaves NULs behind. */
static size_t without_padding(const char *args, size_t len)
{
	size_t n = len;

	while (n > 0 && args[n - 1] == '\0')
		n--;
	return len - n > 1 ? n : len;
}

static void add_command(const struct output_text_writer *w,
			const struct process *p)
{
	if (p->exe == NULL && p->args == NULL)
		return;
	strbuf_puts(w->out, " ");
	if (p->exe != NULL)
		text_add_word(w->out, p->exe, strlen(p->exe), "()");
	else
		strbuf_puts(w->out, "?");
	strbuf_puts(w->out, exe_mark(p));
	if (p->args != NULL && p->args_len > 0)
		add_args(w, p->exe, p->args,
			 without_padding(p->args, p->args_len));
	if (p->args_truncated)
		strbuf_puts(w->out, "...");
}

/* The effective uid first: with its rights the packet was sent. */
static void add_process(const struct output_text_writer *w,
			const struct event *e)
{
	const struct process *p = &e->process;

	output_text_begin_colour(w, OUTPUT_TEXT_BOLD);
	text_add_process(w->out, p->comm, p->pid, p->tid);
	output_text_end_colour(w, OUTPUT_TEXT_BOLD);
	if (!e->alive)
		strbuf_puts(w->out, " (dead)");
	if (p->has_owner) {
		strbuf_puts(w->out, " ");
		add_uid(w, p->euid, e->user);
		if (p->has_creds && p->uid != p->euid)
			strbuf_printf(w->out, " real uid %u", p->uid);
	}
	add_command(w, p);
}

/* Who has a socket may have many names; here they are only the other side of an
 * error. */
void output_text_add_about(const struct output_text_writer *w,
			   const struct event *e)
{
	const struct event_about *about = &e->about;

	strbuf_puts(w->out, "about ");
	add_tuple(w, &about->tuple, about->has_ports);
	for (size_t i = 0; i < about->nholders; i++) {
		const struct event_process *p = &about->holders[i];

		strbuf_puts(w->out, i > 0 ? ", " : ", socket of ");
		text_add_process(w->out, p->comm, p->pid, p->tid);
	}
	if (about->nholders > 0 && about->nholders_total > about->nholders)
		strbuf_printf(w->out, " (+%zu more)",
			      about->nholders_total - about->nholders);
}

void output_text_add_holders(const struct output_text_writer *w,
			     const struct event *e, pid_t except)
{
	size_t total = e->nholders_total - (except != 0), shown = 0;

	for (size_t i = 0; i < e->nholders; i++) {
		const struct event_process *p = &e->holders[i];

		if (p->pid == except)
			continue;
		strbuf_puts(w->out, shown++ > 0 ? ", " : "");
		text_add_process(w->out, p->comm, p->pid, p->tid);
	}
	if (total > shown)
		strbuf_printf(w->out, shown > 0 ? " (+%zu more)" : "%zu more",
			      total - shown);
}

/* Their inodes are for the verbose line; here the number says enough. */
static void add_twins(const struct output_text_writer *w, const struct event *e)
{
	size_t n = e->ntwins_total > e->ntwins ? e->ntwins_total : e->ntwins;

	if (e->direction == EVENT_INGRESS)
		strbuf_printf(w->out, "to one or all of %zu sockets", n);
	else
		strbuf_printf(w->out, "%zu sockets fit", n);
	if (e->nholders > 0) {
		strbuf_puts(w->out, ", held by ");
		output_text_add_holders(w, e, 0);
	}
	add_packet_uid(w, e, ", opened by ");
}

static void add_creator(const struct output_text_writer *w,
			const struct event *e)
{
	strbuf_puts(w->out, "sender gone, socket opened by ");
	if (e->has_creator)
		text_add_process(w->out, e->creator.comm, e->creator.pid,
				 e->creator.tid);
	add_packet_uid(w, e, e->has_creator ? ", " : "");
}

/* Whose socket it answers for is told apart: that one did not send it. */
static void add_kernel(const struct output_text_writer *w,
		       const struct event *e)
{
	strbuf_puts(w->out,
		    e->direction == EVENT_INGRESS ? "to the kernel" : "kernel");
	if (e->kernel_kind != NULL) {
		strbuf_printf(w->out, " (%s", e->kernel_kind);
		strbuf_puts(w->out, e->about.known ? " " : "");
		if (e->about.known)
			output_text_add_about(w, e);
		strbuf_puts(w->out, ")");
	}
	if (e->nholders == 0)
		return;
	strbuf_puts(w->out, e->has_socket && e->socket.listening
				    ? ", listener "
				    : ", socket of ");
	output_text_add_holders(w, e, 0);
}

static void add_unknown(const struct output_text_writer *w,
			const struct event *e)
{
	const char *reason = sockowner_reason_text(e->reason);

	if (e->direction == EVENT_INGRESS)
		strbuf_puts(w->out, "to ");
	strbuf_printf(w->out, "unknown%s%s", reason != NULL ? ": " : "",
		      reason != NULL ? reason : "");
	if ((e->reason == SOCKOWNER_REASON_ORPHANED ||
	     e->reason == SOCKOWNER_REASON_NO_WITNESS) &&
	    e->nholders_total > 0) {
		strbuf_puts(w->out, ", held by ");
		output_text_add_holders(w, e, 0);
	}
	add_packet_uid(w, e, ", opened by ");
}

/* It was found, and ended before anything could be read. */
static void add_lost_process(const struct output_text_writer *w,
			     const struct event *e)
{
	if (e->nholders > 0)
		output_text_add_holders(w, e, 0);
	strbuf_puts(w->out, e->nholders > 0 ? " (dead)" : "process gone");
}

/* Each grade in words of its own: none may look like a better one.  What comes
 * in was not sent by who is named. */
static void add_subject(const struct output_text_writer *w,
			const struct event *e)
{
	bool in = e->direction == EVENT_INGRESS;

	switch (e->grade) {
	case SOCKOWNER_PROVED:
	case SOCKOWNER_HOLDER:
		strbuf_puts(w->out, in ? "to " : "");
		if (e->has_process)
			add_process(w, e);
		else
			add_lost_process(w, e);
		break;
	case SOCKOWNER_SHARED:
		strbuf_puts(w->out,
			    in ? "to a socket shared by " : "shared by ");
		output_text_add_holders(w, e, 0);
		add_packet_uid(w, e, ", opened by ");
		break;
	case SOCKOWNER_TWINS:
		add_twins(w, e);
		break;
	case SOCKOWNER_CREATOR:
		add_creator(w, e);
		break;
	case SOCKOWNER_UID_ONLY:
		add_packet_uid(w, e, "");
		strbuf_puts(w->out, e->has_packet_uid ? ", socket gone"
						      : "socket gone");
		break;
	case SOCKOWNER_KERNEL:
		add_kernel(w, e);
		break;
	case SOCKOWNER_UNKNOWN:
		add_unknown(w, e);
		break;
	}
}

void output_text_add_head(const struct output_text_writer *w,
			  const struct event *e)
{
	output_text_add_time(w, &e->time);
	add_flow(w, e);
	strbuf_puts(w->out, "  ");
	add_subject(w, e);
}
