/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proto: names and numbers of the protocols above IP. */
#ifndef PROTO_H
#define PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_ANY (-1)

/* "tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmp6", "any" or a number
 * 0-255 (len bytes) into a protocol number or PROTO_ANY.  -EINVAL: neither. */
int proto_parse(const char *text, size_t len, int *proto);

/* The name as the command line, events and nft have it ("icmp6" for 58, but
 * see proto_nft_name), or NULL for a protocol known by number only. */
const char *proto_name(int proto);

/* The name, or the number as text in buf (at least 4 bytes). */
const char *proto_format(int proto, char *buf, size_t size);

/* nft says ipv6-icmp where we say icmp6; NULL as above. */
const char *proto_nft_name(int proto);

/* True where the header begins with a source and a destination port. */
bool proto_has_ports(int proto);

/* TCP, SCTP, DCCP: a socket for each connection. */
bool proto_is_connected(int proto);

#endif
