/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipaddr: one type for IPv4 and IPv6 addresses, and networks of them. */
#ifndef IPADDR_H
#define IPADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define IPADDR_TEXT_MAX INET6_ADDRSTRLEN

/* Bytes in network order; an IPv4 address is the first four and the rest is
 * zero, so two of them compare with memcmp. */
struct ipaddr {
	uint8_t family;		/* AF_INET, AF_INET6; AF_UNSPEC is "none" */
	uint8_t bytes[16];
};

struct ipnet {
	struct ipaddr addr;	/* host bits are zero */
	uint8_t prefix;		/* 0-32, 0-128 */
};

/* 4 or 16. */
size_t ipaddr_len(const struct ipaddr *a);

struct ipaddr ipaddr_from_bytes(uint8_t family, const void *bytes);

/* Numeric text of len bytes, no brackets, no scope.  -EINVAL: not one. */
int ipaddr_parse(const char *text, size_t len, struct ipaddr *a);

/* Returns buf (IPADDR_TEXT_MAX bytes). */
const char *ipaddr_format(const struct ipaddr *a, char *buf);

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);
bool ipaddr_is_any(const struct ipaddr *a);
bool ipaddr_is_link_local(const struct ipaddr *a);

/* ::ffff:a.b.c.d becomes a.b.c.d; every other address stays. */
struct ipaddr ipaddr_unmap(const struct ipaddr *a);

/* Port in host order.  Anything but AF_INET and AF_INET6 gives -EAFNOSUPPORT. */
int ipaddr_from_sockaddr(const struct sockaddr *sa, struct ipaddr *a,
			 uint16_t *port);
/* Returns the length to pass on with ss. */
socklen_t ipaddr_to_sockaddr(const struct ipaddr *a, uint16_t port,
			     uint32_t scope_id, struct sockaddr_storage *ss);

/* -ERANGE: prefix too long for the family.  Host bits are cleared. */
int ipnet_make(const struct ipaddr *a, unsigned prefix, struct ipnet *net);
bool ipnet_contains(const struct ipnet *net, const struct ipaddr *a);
/* The netmask, ipaddr_len() bytes. */
void ipnet_mask(const struct ipnet *net, uint8_t *mask);

#endif
