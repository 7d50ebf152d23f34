/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_kit: policies, senders and packets for the tests of a policy. */
#include "policy_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto.h"

uint64_t kit_ino(const char *path)
{
	uint64_t ino = 5381;

	while (*path)
		ino = 33 * ino + (unsigned char)*path++;
	return ino;
}

void kit_open(struct kit *k, const char *text)
{
	memset(k, 0, sizeof(*k));
	if (policy_parse(text, strlen(text), &k->p, &k->notes))
		fail_msg("%u:%u: %s", k->notes.list[0].line,
			 k->notes.list[0].column, k->notes.list[0].text);
	assert_int_equal(policy_files_make(k->p, &k->files), 0);
	for (size_t i = 0; i < k->files->n; i++) {
		k->files->list[i].now.dev = 1;
		k->files->list[i].now.ino = kit_ino(k->p->files[i]);
	}
	policy_files_index(k->files);
	kit_proved(k, "/bin/a");
	kit_send(k, "tcp", "10.0.0.1", 443);
}

void kit_close(struct kit *k)
{
	policy_files_close(k->files);
	policy_close(k->p);
}

void kit_add(struct kit *k, const char *exe)
{
	assert_in_range(k->s.nprocesses, 0, KIT_PROCESSES - 1);
	k->ps[k->s.nprocesses++] = (struct policy_process){
		.exe = {.dev = 1, .ino = kit_ino(exe), .nlink = 1, .path = exe},
		.has_uid = true,
		.uid = 1000,
		.gid = 1000,
		.cgroup = "/",
	};
}

void kit_proved(struct kit *k, const char *exe)
{
	kit_none(k, SOCKOWNER_PROVED);
	kit_add(k, exe);
}

void kit_none(struct kit *k, enum sockowner_grade grade)
{
	k->s = (struct policy_subject){
		.grade = grade,
		.processes = k->ps,
		.complete = true,
		.has_packet_ids = true,
		.packet_uid = 1000,
		.packet_gid = 1000,
	};
}

void kit_send(struct kit *k, const char *proto, const char *to, uint16_t port)
{
	static const char from[] = "192.168.0.9";

	k->o = (struct policy_object){
		.has_ports = port != 0, .sport = 40000, .port = port};
	assert_int_equal(proto_parse(proto, strlen(proto), &k->o.proto), 0);
	assert_int_equal(ipaddr_parse(to, strlen(to), &k->o.to), 0);
	assert_int_equal(ipaddr_parse(from, strlen(from), &k->o.from), 0);
}

const char *kit_judge(struct kit *k)
{
	const struct policy_result *r = &k->r;
	char line[24] = "default", log[24] = "", no[24] = "";

	policy_evaluate(k->p, k->files, &k->s, &k->o, &k->r);
	assert_int_equal(r->is_default, !r->line || r->line == k->p->def_line);
	if (r->line)
		snprintf(line, sizeof(line), "%u", r->line);
	if (r->log)
		snprintf(log, sizeof(log), " log %u", r->log_line);
	if (r->doubted)
		snprintf(no, sizeof(no), " no %s", policy_ask_name(r->missing));
	snprintf(k->text, sizeof(k->text), "%s %s%s%s",
		 policy_verdict_name(r->verdict), line, log, no);
	return k->text;
}
