/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event: what is told about one catch; made by trap, read by all outputs. */
#ifndef EVENT_H
#define EVENT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "dns.h"
#include "packet.h"
#include "process.h"
#include "sockowner.h"
#include "stages.h"
#include "strpool.h"

#define EVENT_QUESTIONS_MAX 8
#define EVENT_POOL_SIZE 32768
#define EVENT_ABOUT_MAX 4
#define EVENT_STUB_PORT 53

enum event_kind {
	EVENT_PACKET,		/* a packet was caught */
	EVENT_HOOK,		/* the late end of an earlier event's command */
	EVENT_LOSS,		/* packets passed unseen */
	EVENT_STAGES,		/* where the time went, at the end */
};

enum event_action { EVENT_RELEASED, EVENT_DROPPED, EVENT_REJECTED };
enum event_direction { EVENT_EGRESS, EVENT_INGRESS, EVENT_FORWARD };

/* A process that is in a list, not the answer. */
struct event_process {
	pid_t pid, tid;
	uint64_t starttime;
	char comm[64];
	const char *exe;	/* in the pool, or NULL */
	bool has_uid;
	uid_t uid;
};

/* The flow that an ICMP error is about, in the direction of the packet it quotes,
 * and who has its local socket open: never the error's sender. */
struct event_about {
	bool known;
	struct tuple tuple;
	bool has_ports;
	bool asked;		/* for the socket: grade and reason are there */
	enum sockowner_grade grade;
	enum sockowner_reason reason;
	struct event_process holders[EVENT_ABOUT_MAX];
	size_t nholders, nholders_total;
};

/* The user's command on this event. */
struct event_hook {
	bool ran;		/* it was started */
	bool ended;		/* status and duration are there */
	int status;		/* exit status, or 128 + signal */
	bool killed;		/* by us, at --exec-time */
	uint64_t duration_us;
	const char *output;	/* hook's, borrowed while it is written; or NULL */
	size_t output_len;
	bool output_truncated;
	const char *skipped;	/* static: why it did not run; NULL */
};

struct event {
	enum event_kind kind;
	uint64_t sequence;	/* counts from 1; a hook event has its packet's */
	struct timespec time;	/* CLOCK_REALTIME, when it was received; a hook
				 * event has its packet's, to find it by */
	enum event_action action;
	enum event_direction direction;

	struct tuple tuple;	/* the socket's, as far as it is known */
	struct packet packet;	/* its views are not valid any more */
	bool has_nat;		/* NAT changes it: */
	struct tuple wire;	/* as far as that is known to the packet's end */
	char ifname[IF_NAMESIZE];	/* "": not known */
	uint32_t mark;
	struct dns_question questions[EVENT_QUESTIONS_MAX];
	size_t nquestions;
	bool is_stub;		/* the process answers questions at port 53, too: */
	struct ipaddr stub;	/* there */
	uint64_t packets;	/* of the flow while held, retransmits too */

	enum sockowner_grade grade;
	enum sockowner_reason reason;
	const char *kernel_kind;	/* static: "rst", "syn-ack", ...; NULL */
	enum sockowner_method method;
	bool alive;		/* the process was there when last looked at */
	bool expired;		/* the hold limit came first */
	uint64_t held_us, resolve_us;
	bool has_packet_uid, has_packet_gid;
	uid_t packet_uid;
	gid_t packet_gid;
	bool has_socket;
	struct sockowner_socket socket;

	bool has_process;	/* for proved and holder only */
	struct process process;
	const char *user;	/* process.euid's name, or packet_uid's where
				 * no process is told; borrowed; NULL */
	struct process_lineage lineage;

	struct event_process holders[SOCKOWNER_HOLDERS_MAX];
	size_t nholders, nholders_total;
	struct sockowner_socket twins[SOCKOWNER_HOLDERS_MAX];
	size_t ntwins, ntwins_total;
	bool has_creator;
	struct event_process creator;

	struct event_about about;

	uint64_t suppressed;	/* events of this process not told (-n) before */
	uint64_t lost;		/* EVENT_LOSS: how many packets */
	const struct stages *stages;	/* EVENT_STAGES, with: */
	uint64_t run_us, cpu_us;	/* how long it ran, and on processors */
	bool wants_hook;	/* a command was asked for: hook is meaningful */
	struct event_hook hook;

	struct strpool pool;
	char pool_mem[EVENT_POOL_SIZE];
};

/* Makes it empty without touching all of its memory. */
void event_reset(struct event *e);

/* Which end has NAT changed? */
bool event_has_other_source(const struct event *e);
bool event_has_other_destination(const struct event *e);

/* Where to look for who asks the stub, as a target: "127.0.0.53:53". */
#define EVENT_STUB_MAX (IPADDR_TEXT_MAX + 8)
const char *event_stub_target(const struct event *e, char buf[EVENT_STUB_MAX]);

const char *event_action_name(enum event_action a);
const char *event_direction_name(enum event_direction d);

#endif
