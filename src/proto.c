/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proto: names and numbers of the protocols above IP. */
#include "proto.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

static const struct proto {
	int number;
	bool has_ports;
	const char *name;
	const char *nft_name; /* NULL: nft has no word for it */
} protos[] = {
	{PROTO_ANY, false, "any", NULL},
	{IPPROTO_TCP, true, "tcp", "tcp"},
	{IPPROTO_UDP, true, "udp", "udp"},
	{IPPROTO_ICMP, false, "icmp", "icmp"},
	{IPPROTO_ICMPV6, false, "icmp6", "ipv6-icmp"},
	{IPPROTO_SCTP, true, "sctp", "sctp"},
	{IPPROTO_DCCP, true, "dccp", "dccp"},
	{IPPROTO_UDPLITE, true, "udplite", "udplite"},
};

static const struct proto *find(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (protos[i].number == number)
			return &protos[i];
	return NULL;
}

int proto_parse(const char *text, size_t len, int *proto)
{
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		const char *name = protos[i].name;

		if (strlen(name) == len && memcmp(name, text, len) == 0) {
			*proto = protos[i].number;
			return 0;
		}
	}
	if (util_parse_uint(text, len, UINT8_MAX, &number))
		return -EINVAL;
	*proto = (int)number;
	return 0;
}

const char *proto_name(int proto)
{
	const struct proto *p = find(proto);

	return p ? p->name : NULL;
}

const char *proto_format(int proto, char *buf, size_t size)
{
	const char *name = proto_name(proto);

	if (name)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%d", proto);
	return buf;
}

const char *proto_nft_name(int proto)
{
	const struct proto *p = find(proto);

	return p ? p->nft_name : NULL;
}

bool proto_has_ports(int proto)
{
	const struct proto *p = find(proto);

	return p && p->has_ports;
}

bool proto_is_connected(int proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP;
}
