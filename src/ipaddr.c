/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipaddr: one type for IPv4 and IPv6 addresses, and networks of them. */
#include "ipaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static size_t family_len(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

size_t ipaddr_len(const struct ipaddr *a)
{
	return family_len(a->family);
}

struct ipaddr ipaddr_from_bytes(uint8_t family, const void *bytes)
{
	struct ipaddr a = {0};
	size_t len = family_len(family);

	if (len) {
		a.family = family;
		memcpy(a.bytes, bytes, len);
	}
	return a;
}

int ipaddr_parse(const char *text, size_t len, struct ipaddr *a)
{
	char copy[IPADDR_TEXT_MAX];
	uint8_t family, bytes[16];

	/* inet_pton would stop at a NUL and call the rest fine. */
	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	family = strchr(copy, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, copy, bytes) != 1)
		return -EINVAL;
	*a = ipaddr_from_bytes(family, bytes);
	return 0;
}

const char *ipaddr_format(const struct ipaddr *a, char *buf)
{
	if (!inet_ntop(a->family, a->bytes, buf, IPADDR_TEXT_MAX))
		buf[0] = '\0';
	return buf;
}

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, ipaddr_len(a)) == 0;
}

bool ipaddr_is_any(const struct ipaddr *a)
{
	static const uint8_t zero[16];

	return ipaddr_len(a) && memcmp(a->bytes, zero, ipaddr_len(a)) == 0;
}

bool ipaddr_is_link_local(const struct ipaddr *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->family == AF_INET6 && a->bytes[0] == 0xfe &&
	       (a->bytes[1] & 0xc0) == 0x80;
}

struct ipaddr ipaddr_unmap(const struct ipaddr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == AF_INET6 &&
	    memcmp(a->bytes, mapped, sizeof(mapped)) == 0)
		return ipaddr_from_bytes(AF_INET, a->bytes + sizeof(mapped));
	return *a;
}

int ipaddr_from_sockaddr(const struct sockaddr *sa, struct ipaddr *a,
			 uint16_t *port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&in, sa, sizeof(in));
		*a = ipaddr_from_bytes(AF_INET, &in.sin_addr);
		*port = ntohs(in.sin_port);
		return 0;
	case AF_INET6:
		memcpy(&in6, sa, sizeof(in6));
		*a = ipaddr_from_bytes(AF_INET6, &in6.sin6_addr);
		*port = ntohs(in6.sin6_port);
		return 0;
	}
	return -EAFNOSUPPORT;
}

socklen_t ipaddr_to_sockaddr(const struct ipaddr *a, uint16_t port,
			     uint32_t scope_id, struct sockaddr_storage *ss)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_scope_id = scope_id};

	memset(ss, 0, sizeof(*ss));
	switch (a->family) {
	case AF_INET:
		memcpy(&in.sin_addr, a->bytes, 4);
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	case AF_INET6:
		memcpy(&in6.sin6_addr, a->bytes, 16);
		memcpy(ss, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

int ipnet_make(const struct ipaddr *a, unsigned prefix, struct ipnet *net)
{
	uint8_t mask[16] = {0};

	if (!ipaddr_len(a))
		return -EAFNOSUPPORT;
	if (prefix > 8 * ipaddr_len(a))
		return -ERANGE;
	net->addr = *a;
	net->prefix = (uint8_t)prefix;
	ipnet_mask(net, mask);
	for (size_t i = 0; i < ipaddr_len(a); i++)
		net->addr.bytes[i] &= mask[i];
	return 0;
}

bool ipnet_contains(const struct ipnet *net, const struct ipaddr *a)
{
	const uint8_t *x = net->addr.bytes, *y = a->bytes;
	size_t whole = net->prefix / 8;
	unsigned rest = net->prefix % 8;

	if (!ipaddr_len(a) || a->family != net->addr.family ||
	    memcmp(x, y, whole) != 0)
		return false;
	return !rest || !((x[whole] ^ y[whole]) >> (8 - rest));
}

void ipnet_mask(const struct ipnet *net, uint8_t *mask)
{
	unsigned left = net->prefix;

	for (size_t i = 0; i < ipaddr_len(&net->addr); i++) {
		unsigned bits = left < 8 ? left : 8;

		mask[i] = (uint8_t)(0xff00U >> bits);
		left -= bits;
	}
}
