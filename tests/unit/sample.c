/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sample: events to format, as trap would make them. */
#include "sample.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* 2026-11-21T09:41:03Z */
#define SAMPLE_TIME 1795254063

void sample_address(struct event *e, const char *src, const char *dst)
{
	struct tuple *t = &e->tuple;

	ipaddr_parse(src, strlen(src), &t->saddr);
	ipaddr_parse(dst, strlen(dst), &t->daddr);
	t->family = t->saddr.family;
	e->packet.tuple = *t;
}

void sample_args(struct event *e, const void *args, size_t len)
{
	e->process.args = strpool_add(&e->pool, args, len);
	e->process.args_len = len;
}

static void set_process(struct event_process *p, const char *comm, pid_t pid)
{
	snprintf(p->comm, sizeof(p->comm), "%s", comm);
	p->pid = pid;
}

void sample_holder(struct event *e, const char *comm, pid_t pid)
{
	set_process(&e->holders[e->nholders++], comm, pid);
	e->nholders_total++;
}

void sample_ancestor(struct event *e, const char *comm, pid_t pid)
{
	struct process_ancestor *a = &e->lineage.list[e->lineage.n++];

	snprintf(a->comm, sizeof(a->comm), "%s", comm);
	a->pid = pid;
}

void sample_question(struct event *e, const char *name, uint16_t type)
{
	struct dns_question *q = &e->questions[e->nquestions++];

	snprintf(q->name, sizeof(q->name), "%s", name);
	q->type = type;
}

void sample_packet(struct event *e)
{
	event_reset(e);
	e->sequence = 17;
	e->time = (struct timespec){SAMPLE_TIME, 512345678};
	e->tuple.proto = IPPROTO_UDP;
	e->tuple.sport = 40112;
	e->tuple.dport = 53;
	e->packet.has_ports = true;
	sample_address(e, "192.168.1.7", "192.168.1.1");
	e->packets = 1;
	e->held_us = 61;
	e->resolve_us = 24;
	e->has_packet_uid = true;
	e->packet_uid = 1000;
	e->user = "apollo";
}

static void fill_process(struct event *e)
{
	static const char args[] = "curl\0-s\0https://example.org";
	struct process *p = &e->process;

	e->has_process = true;
	p->pid = p->tid = 4711;
	p->ppid = 4690;
	strcpy(p->comm, "curl");
	p->exe = "/usr/bin/curl";
	p->start_ns = SAMPLE_TIME * 1000000000LL + 100000000;
	p->image.exe_dev = makedev(8, 1);
	p->image.exe_ino = 1234;
	p->image.exe_nlink = 1;
	p->has_owner = p->has_creds = true;
	p->uid = p->euid = p->gid = p->egid = 1000;
	p->cgroup = "/user.slice/session-3.scope";
	sample_args(e, args, sizeof(args) - 1);
}

static void fill_rest(struct event *e)
{
	struct process *p = &e->process;

	p->has_rest = true;
	p->cwd = "/home/apollo";
	p->unit = "session-3.scope";
	p->tty = "pts/0";
	p->loginuid = 1000;
	p->sessionid = 3;
	p->no_new_privs = 0;
	p->seccomp = 0;
	p->ns_net = 4026531840;
	sample_ancestor(e, "bash", 4690);
	sample_ancestor(e, "sshd", 4688);
	sample_ancestor(e, "systemd", 1);
	e->lineage.complete = true;
	e->lineage.parent_exe = "/usr/bin/bash";
	e->lineage.parent_args = "bash";
	e->lineage.parent_args_len = 4;
}

void sample_event(struct event *e)
{
	sample_packet(e);
	e->grade = SOCKOWNER_PROVED;
	e->method = SOCKOWNER_METHOD_WITNESS;
	e->alive = true;
	e->has_socket = true;
	e->socket.inode = 30041;
	e->socket.cookie = 4;
	fill_process(e);
	fill_rest(e);
	sample_holder(e, "curl", 4711);
	sample_question(e, "example.org", 1);
}
