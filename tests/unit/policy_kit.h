/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_kit: policies, senders and packets for the tests of a policy. */
#ifndef POLICY_KIT_H
#define POLICY_KIT_H

#include "policy.h"
#include "policy_parse.h"

#define KIT_PROCESSES 4

/* A policy whose paths mean files that are not there: each path has an inode
 * of its own, kit_ino(). */
struct kit {
	struct policy *p;
	struct policy_notes notes;
	struct policy_files *files;
	struct policy_process ps[KIT_PROCESSES];
	struct policy_subject s;
	struct policy_object o;
	struct policy_result r;
	char text[128];
};

uint64_t kit_ino(const char *path);

/* The policy must be fine; senders and packet are as after kit_proved("/bin/a")
 * and kit_send("tcp", "10.0.0.1", 443). */
void kit_open(struct kit *k, const char *text);
void kit_close(struct kit *k);

/* The sender: a process of that file with uid and gid 1000 and nothing else
 * known but that it is in no unit. */
void kit_proved(struct kit *k, const char *exe);
/* One more who has the socket open. */
void kit_add(struct kit *k, const char *exe);
/* None, for that reason; a packet of uid and gid 1000. */
void kit_none(struct kit *k, enum sockowner_grade grade);

/* An outbound packet from 192.168.0.9:40000; port 0: it has none. */
void kit_send(struct kit *k, const char *proto, const char *to, uint16_t port);

/* "accept 1", with the line; "default" for 0; then " log LINE" and " no exe" if
 * that was not known. */
const char *kit_judge(struct kit *k);

#endif
