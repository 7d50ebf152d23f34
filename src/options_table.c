/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_table: each option, what it does with its argument, its help line. */
#include "options_table.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "options.h"
#include "proto.h"
#include "util.h"

#define HOLD_MS_MAX  60000
#define RING_KIB_MIN 64
#define RING_KIB_MAX 65536
#define EXEC_MS_MAX  3600000
#define RATE_MAX     1000000
#define TIME_MAX     1000000000 /* in any unit */
#define DNS_PORT     53
#define QUOTE_MAX    200 /* bytes of a text that are said again */

static const char *dots(const char *text)
{
	return strlen(text) > QUOTE_MAX ? "..." : "";
}

int options_complain(const char *what, const char *text, const char *at,
		     const char *why)
{
	const char *end = dots(text);

	if (!at || at == text)
		log_error("%s \"%.*s%s\": %s", what, QUOTE_MAX, text, end, why);
	else if (*at)
		log_error("%s \"%.*s%s\": %s (at \"%.*s%s\")", what, QUOTE_MAX,
			  text, end, why, QUOTE_MAX, at, dots(at));
	else
		log_error("%s \"%.*s%s\": %s (at its end)", what, QUOTE_MAX,
			  text, end, why);
	return -EINVAL;
}

static int refuse(const struct options_parse *p, const char *arg,
		  const char *at, const char *why)
{
	char what[sizeof(p->said) + 8];

	snprintf(what, sizeof(what), "option %s", p->said);
	return options_complain(what, arg, at, why);
}

/* A decimal number of len bytes; limits is said when it is outside of them. */
static int parse_number(const struct options_parse *p, const char *arg,
			size_t len, uint64_t min, uint64_t max,
			const char *limits, uint64_t *value)
{
	size_t digits = strspn(arg, "0123456789");
	int err;

	if (digits < len)
		return refuse(p, arg, arg + digits, "not a number");
	err = util_parse_uint(arg, len, max, value);
	if (err == -EINVAL)
		return refuse(p, arg, NULL, "not a number");
	if (err || *value < min)
		return refuse(p, arg, NULL, limits);
	return 0;
}

static int set_flag(struct options_parse *p, const char *arg)
{
	(void)arg;
	*(bool *)((char *)p->o + p->spec->value) = true;
	return 0;
}

/* What -t, -u and --proto say must have a target: -t -u :53 means neither. */
static int change_proto(struct options_parse *p, int proto)
{
	if (p->proto_said[0]) {
		log_error("option %s: no target between it and %s",
			  p->proto_said, p->said);
		return -EINVAL;
	}
	p->proto = proto;
	snprintf(p->proto_said, sizeof(p->proto_said), "%s", p->said);
	return 0;
}

static int set_known_proto(struct options_parse *p, const char *arg)
{
	(void)arg;
	return change_proto(p, p->spec->value);
}

static int set_proto(struct options_parse *p, const char *arg)
{
	int proto;

	if (proto_parse(arg, strlen(arg), &proto))
		return refuse(p, arg, NULL,
			      "no such protocol: tcp, udp, udplite, sctp, "
			      "dccp, icmp, icmp6, a number to 255, or any");
	return change_proto(p, proto);
}

static struct target *next_target(struct options_parse *p)
{
	struct target *t = &p->o->targets[p->o->ntargets++];

	*t = (struct target){.proto = p->proto};
	return t;
}

static void use_proto(struct options_parse *p)
{
	if (p->proto_said[0])
		p->proto_used = true;
	p->proto_said[0] = '\0';
}

int options_set_target(struct options_parse *p, const char *text)
{
	struct target_error err = {0};

	if (target_parse(text, p->proto, next_target(p), &err))
		return options_complain("target", text, text + err.pos,
					err.msg);
	use_proto(p);
	return 0;
}

static void imply_target(struct options_parse *p, int proto)
{
	struct target *t = next_target(p);

	t->proto = proto;
	t->port_low = t->port_high = DNS_PORT;
}

void options_imply_targets(struct options_parse *p)
{
	int said = p->proto_said[0] ? p->proto : PROTO_ANY;

	if (said == PROTO_ANY || said == IPPROTO_UDP)
		imply_target(p, IPPROTO_UDP);
	if (said == PROTO_ANY || said == IPPROTO_TCP)
		imply_target(p, IPPROTO_TCP);
	if (p->o->ntargets)
		use_proto(p);
}

/* The target that -i and -p describe; a part that it has already begins
 * another one. */
static struct target *old_target(struct options_parse *p, bool begin)
{
	if (!p->old || begin) {
		if (p->port && !p->address)
			p->bare_port = p->port;
		p->old = next_target(p);
		p->address = p->port = NULL;
	}
	p->old->proto = p->proto;
	use_proto(p);
	return p->old;
}

/* A port that came first was read under an earlier protocol. */
static int check_old(struct options_parse *p)
{
	struct target_error err = {0};

	if (p->port && target_parse_ports(p->port, p->old, &err))
		return options_complain("option -p", p->port, p->port + err.pos,
					err.msg);
	if (p->address && target_parse_address(p->address, p->old, &err))
		return options_complain("option -i", p->address,
					p->address + err.pos, err.msg);
	return 0;
}

static int set_address(struct options_parse *p, const char *arg)
{
	old_target(p, p->address != NULL);
	p->address = arg;
	p->any_address = true;
	return check_old(p);
}

static int set_port(struct options_parse *p, const char *arg)
{
	old_target(p, p->port != NULL);
	p->port = arg;
	return check_old(p);
}

int options_end_targets(struct options_parse *p)
{
	const char *bare = p->port && !p->address ? p->port : p->bare_port;

	/* "-i ADDR -p 53 -p 80" would watch port 80 of the whole world. */
	if (bare && p->any_address)
		return options_complain("option -p", bare, NULL,
					"has no -i of its own; write it "
					"ADDR:PORT, or :PORT for any address");
	if (!p->proto_said[0])
		return 0;
	/* The old ptrap took its options in any order. */
	if (p->old && p->o->ntargets == 1 && !p->proto_used) {
		p->old->proto = p->proto;
		return check_old(p);
	}
	log_error("option %s: no target follows; it goes before its targets",
		  p->proto_said);
	return -EINVAL;
}

static int set_name(struct options_parse *p, const char *arg)
{
	const char *why = NULL;
	size_t pos = 0;

	if (dns_pattern_parse(arg, &p->o->names[p->o->nnames], &pos, &why))
		return refuse(p, arg, arg + pos, why);
	p->o->nnames++;
	return 0;
}

static int set_exec(struct options_parse *p, const char *arg)
{
	if (p->o->exec)
		return refuse(p, arg, NULL, "a second command");
	if (!arg[strspn(arg, " \t\n")])
		return refuse(p, arg, NULL, "no command");
	p->o->exec = arg;
	return 0;
}

static int set_exec_time(struct options_parse *p, const char *arg)
{
	uint64_t ms = 0;
	int err = parse_number(p, arg, strlen(arg), 1, EXEC_MS_MAX,
			       "must be 1 to 3600000 milliseconds", &ms);

	p->o->exec_time_us = ms * UTIL_MS;
	return err;
}

static int set_hold(struct options_parse *p, const char *arg)
{
	uint64_t ms = 0;
	int err = parse_number(p, arg, strlen(arg), 1, HOLD_MS_MAX,
			       "must be 1 to 60000 milliseconds", &ms);

	p->o->hold_us = ms * UTIL_MS;
	return err;
}

static int set_rate(struct options_parse *p, const char *arg)
{
	uint64_t n = 0;
	int err = parse_number(p, arg, strlen(arg), 0, RATE_MAX,
			       "must be 0 (no cap) to 1000000", &n);

	p->o->has_rate = true;
	p->o->rate = (unsigned)n;
	return err;
}

static int set_once(struct options_parse *p, const char *arg)
{
	(void)arg;
	p->o->count = 1;
	return 0;
}

static int set_count(struct options_parse *p, const char *arg)
{
	return parse_number(p, arg, strlen(arg), 1, INT64_MAX,
			    "must be at least 1", &p->o->count);
}

static int set_for(struct options_parse *p, const char *arg)
{
	static const struct {
		const char *unit;
		uint64_t us;
	} units[] = {
		{"", UTIL_SEC},	      {"ms", UTIL_MS},	      {"s", UTIL_SEC},
		{"m", 60 * UTIL_SEC}, {"h", 3600 * UTIL_SEC},
	};
	size_t digits = strspn(arg, "0123456789");
	uint64_t n = 0;
	int err;

	err = parse_number(p, arg, digits, 1, TIME_MAX,
			   "must be 1 to 1000000000", &n);
	for (size_t i = 0; !err && i < ARRAY_SIZE(units); i++)
		if (strcmp(arg + digits, units[i].unit) == 0) {
			p->o->for_us = n * units[i].us;
			return 0;
		}
	return err ? err
		   : refuse(p, arg, arg + digits, "not a unit: ms, s, m or h");
}

/* output knows how; here a wrong one is told before anything is opened. */
static int check_format(const struct options_parse *p, const char *spec)
{
	static const struct {
		const char *name;
		bool built;
	} formats[] = {
		{"text", true},	   {"json", true},    {"journal", false},
		{"syslog", false}, {"pcapng", false},
	};
	size_t len = strcspn(spec, ":");

	if (spec[len] && !spec[len + 1])
		return refuse(p, spec, spec + len + 1, "file name missing");
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (strlen(formats[i].name) == len &&
		    memcmp(formats[i].name, spec, len) == 0)
			return formats[i].built ? 0
						: refuse(p, spec, NULL,
							 "not in this version: "
							 "text or json");
	return refuse(p, spec, NULL, "no such format: text or json");
}

static const char *output_file(const char *spec)
{
	const char *colon = strchr(spec, ':');

	return colon ? colon + 1 : "-";
}

static int set_output(struct options_parse *p, const char *arg)
{
	int err = check_format(p, arg);

	if (err)
		return err;
	if (p->o->noutputs == OPTIONS_OUTPUTS_MAX)
		return refuse(p, arg, NULL, "more than eight outputs");
	for (size_t i = 0; i < p->o->noutputs; i++)
		if (strcmp(output_file(p->o->outputs[i]), output_file(arg)) ==
		    0)
			return refuse(p, arg, NULL,
				      "a second output to the same place");
	p->o->outputs[p->o->noutputs++] = arg;
	return 0;
}

static int set_level(struct options_parse *p, const char *arg)
{
	(void)arg;
	p->o->level = (enum log_level)p->spec->value;
	return 0;
}

static int set_enforce(struct options_parse *p, const char *arg)
{
	if (p->o->enforce)
		return refuse(p, arg, NULL, "a second policy");
	if (!*arg)
		return refuse(p, arg, NULL, "file name missing");
	p->o->enforce = arg;
	return 0;
}

static int set_queue(struct options_parse *p, const char *arg)
{
	uint64_t n = 0;
	int err = parse_number(p, arg, strlen(arg), 0, UINT16_MAX,
			       "must be 0 to 65535", &n);

	p->o->has_queue = true;
	p->o->queue = (uint16_t)n;
	return err;
}

static int set_witness(struct options_parse *p, const char *arg)
{
	p->o->no_witness = strcmp(arg, "none") == 0;
	if (p->o->no_witness || witness_kind_parse(arg, &p->o->witness) == 0)
		return 0;
	return refuse(p, arg, NULL,
		      "no such witness: auto, netfilter, tracing, cgroup, "
		      "or none");
}

static int set_nat(struct options_parse *p, const char *arg)
{
	static const struct {
		const char *name;
		enum options_nat nat;
	} whens[] = {
		{"auto", OPTIONS_NAT_AUTO},
		{"always", OPTIONS_NAT_ALWAYS},
		{"never", OPTIONS_NAT_NEVER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(whens); i++)
		if (strcmp(arg, whens[i].name) == 0) {
			p->o->nat = whens[i].nat;
			return 0;
		}
	return refuse(p, arg, NULL, "must be auto, always or never");
}

static int set_sweep(struct options_parse *p, const char *arg)
{
	if (strcmp(arg, "bpf") == 0)
		p->o->sweep = OPTIONS_SWEEP_BPF;
	else if (strcmp(arg, "proc") == 0)
		p->o->sweep = OPTIONS_SWEEP_PROC;
	else
		return refuse(p, arg, NULL, "must be bpf or proc");
	return 0;
}

static int set_witness_ring(struct options_parse *p, const char *arg)
{
	uint64_t n = 0;
	int err = parse_number(p, arg, strlen(arg), RING_KIB_MIN, RING_KIB_MAX,
			       "must be 64 to 65536 KiB", &n);

	p->o->witness_ring_kib = (uint32_t)n;
	return err;
}

static int set_mode(struct options_parse *p, const char *arg)
{
	(void)arg;
	p->o->mode = (enum options_mode)p->spec->value;
	return p->o->mode == OPTIONS_VERSION || p->o->mode == OPTIONS_HELP
		       ? OPTIONS_STOP
		       : 0;
}

#define FLAG(member) set_flag, (int)offsetof(struct options, member)

/* clang-format off */
const struct options_spec options_table[] = {
	{"tcp", 't', NULL, OPTIONS_TARGET, set_known_proto, IPPROTO_TCP,
	 "the targets that follow are TCP"},
	{"udp", 'u', NULL, OPTIONS_TARGET, set_known_proto, IPPROTO_UDP,
	 "the targets that follow are UDP"},
	{"proto", 0, "NAME", OPTIONS_TARGET, set_proto, 0,
	 "the targets that follow are NAME: tcp, udp, udplite, sctp, dccp, "
	 "icmp, icmp6, a number, or any"},
	{"address", 'i', "ADDR", OPTIONS_TARGET, set_address, 0,
	 "a target the old way: its address"},
	{"port", 'p', "PORT", OPTIONS_TARGET, set_port, 0,
	 "and its port, before or after -i"},
	{"name", 0, "PATTERN", OPTIONS_TARGET, set_name, 0,
	 "only DNS questions for that name and all below it (*.NAME: only "
	 "those below); may be repeated"},
	{"new", 'c', NULL, OPTIONS_TARGET, FLAG(new_only),
	 "only the first packet of a connection or flow (targets other "
	 "than TCP switch connection tracking on)"},
	{"in", 0, NULL, OPTIONS_TARGET, FLAG(input),
	 "inbound packets to the targets too"},
	{"forward", 0, NULL, OPTIONS_TARGET, FLAG(forward),
	 "forwarded packets and their senders too"},
	{"nat", 0, "WHEN", OPTIONS_TARGET, set_nat, 0,
	 "packets that local DNAT sends to the targets too: auto (default: "
	 "where somebody may do so), always (switches connection tracking on) "
	 "or never"},

	{"exec", 'e', "CMD", OPTIONS_COMMAND, set_exec, 0,
	 "run CMD with the sender's pid as its last argument, while the "
	 "packet is held"},
	{"hold", 's', "MS", OPTIONS_COMMAND, set_hold, 0,
	 "release the packet after MS milliseconds at the latest, command or "
	 "no command (default 500)"},
	{"exec-time", 0, "MS", OPTIONS_COMMAND, set_exec_time, 0,
	 "kill the command after MS milliseconds (default 10000)"},
	{"rate", 'n', "N", OPTIONS_COMMAND, set_rate, 0,
	 "at most N commands and events a minute for one process; 0 is no cap "
	 "(default 20 with -e, else 0)"},

	{"output", 'o', "FORMAT[:FILE]", OPTIONS_REPORT, set_output, 0,
	 "text (default) or json, to FILE or standard output; may be repeated"},
	{"packets", 0, NULL, OPTIONS_REPORT, FLAG(packets),
	 "an event for every packet, not for every flow"},
	{"hold-all", 0, NULL, OPTIONS_REPORT, FLAG(hold_all),
	 "read all about the process before the packet is released"},
	{"stats", 0, NULL, OPTIONS_REPORT, FLAG(stats),
	 "at the end an event that tells where the time went"},
	{"quiet", 'q', NULL, OPTIONS_REPORT, set_level, LOG_QUIET,
	 "events and errors only"},
	{"verbose", 'v', NULL, OPTIONS_REPORT, set_level, LOG_VERBOSE,
	 "say more; servers' answers (SYN-ACK) make events too"},

	{"once", '1', NULL, OPTIONS_END, set_once, 0,
	 "stop after the first catch"},
	{"count", 'C', "N", OPTIONS_END, set_count, 0,
	 "stop after N events"},
	{"for", 0, "TIME", OPTIONS_END, set_for, 0,
	 "stop after TIME: 500ms, 90s (or 90), 5m, 2h"},

	{"enforce", 0, "FILE", OPTIONS_POLICY, set_enforce, 0,
	 "the policy in FILE, man 5 ptrap-ng.policy; so far only for --check, "
	 "which then checks that and nothing else"},

	{"queue", 'Q', "NUM", OPTIONS_SYSTEM, set_queue, 0,
	 "take packets from queue NUM and install no rule: your own ruleset "
	 "sends them"},
	{"witness", 0, "HOW", OPTIONS_SYSTEM, set_witness, 0,
	 "how the kernel is to see who sends: auto (default), netfilter, "
	 "tracing, cgroup, or none"},
	{"no-witness", 0, NULL, OPTIONS_SYSTEM, FLAG(no_witness), NULL},
	{"sweep", 0, "HOW", OPTIONS_SYSTEM, set_sweep, 0, NULL},
	{"witness-ring", 0, "KIB", OPTIONS_SYSTEM, set_witness_ring, 0,
	 "room for what the witness has seen and nobody has read yet, 64 to "
	 "65536 KiB (default 1024)"},
	{"print-rules", 0, NULL, OPTIONS_SYSTEM, set_mode, OPTIONS_PRINT_RULES,
	 "print the nftables rules that would be installed (with -Q: that your "
	 "ruleset needs), and exit"},
	{"check", 0, NULL, OPTIONS_SYSTEM, set_mode, OPTIONS_CHECK,
	 "check the arguments and what this kernel can do, and exit"},
	{"version", 'V', NULL, OPTIONS_SYSTEM, set_mode, OPTIONS_VERSION,
	 "print the version and what it was built with, and exit"},
	{"help", 'h', NULL, OPTIONS_SYSTEM, set_mode, OPTIONS_HELP,
	 "print this, and exit"},
	{0},
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(options_table) <= OPTIONS_TABLE_MAX,
	       "struct options_parse has a place for each");
