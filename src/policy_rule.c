/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_rule: the shape of a policy: its lines as rules, and what they name.
 */
#include "policy_rule.h"

#include <stdlib.h>

void policy_close(struct policy *p)
{
	if (!p)
		return;
	free(p->rules);
	free(p->files);
	free(p->ranges);
	free(p->nets);
	free(p->names);
	free(p->text);
	free(p);
}

const char *policy_verdict_name(enum policy_verdict verdict)
{
	static const char *const names[] = {
		[POLICY_ACCEPT] = "accept",
		[POLICY_DROP] = "drop",
		[POLICY_REJECT] = "reject",
		[POLICY_LOG] = "log",
	};

	return names[verdict];
}

const char *policy_who_name(enum policy_who who)
{
	static const char *const names[] = {
		[POLICY_PROCESS] = "",
		[POLICY_UNKNOWN] = "unknown",
		[POLICY_KERNEL] = "kernel",
		[POLICY_ANYONE] = "anyone",
	};

	return names[who];
}

const char *policy_direction_name(enum policy_direction direction)
{
	static const char *const names[] = {
		[POLICY_OUT] = "out",
		[POLICY_IN] = "in",
		[POLICY_FORWARD] = "forward",
	};

	return names[direction];
}

const char *policy_ask_name(enum policy_ask ask)
{
	static const char *const names[POLICY_ASKS] = {
		[POLICY_ASK_PROTO] = "proto",
		[POLICY_ASK_DIRECTION] = "",
		[POLICY_ASK_PORT] = "port",
		[POLICY_ASK_SPORT] = "sport",
		[POLICY_ASK_EXE] = "exe",
		[POLICY_ASK_UID] = "uid",
		[POLICY_ASK_GID] = "gid",
		[POLICY_ASK_TO] = "to",
		[POLICY_ASK_FROM] = "from",
		[POLICY_ASK_PARENT] = "parent",
		[POLICY_ASK_SCRIPT] = "script",
		[POLICY_ASK_SHA256] = "sha256",
		[POLICY_ASK_UNIT] = "unit",
		[POLICY_ASK_CGROUP] = "cgroup",
		[POLICY_ASK_CONTAINER] = "container",
		[POLICY_ASK_NAME] = "name",
	};

	return names[ask];
}

bool policy_rule_asks(const struct policy_rule *r, enum policy_ask ask)
{
	return r->asks & POLICY_BIT(ask);
}
