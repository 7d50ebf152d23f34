/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns: the question in a DNS query. */
#ifndef DNS_H
#define DNS_H

#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX 1024	/* 255 on the wire, \DDD escaped, terminated */

struct dns_question {
	char name[DNS_NAME_MAX];	/* presentation form, no final dot; "." */
	uint16_t type;
};

/* The first question of a query (QR 0, opcode 0); bytes other than printable
 * ASCII come out as \DDD, dots and backslashes within labels escaped (RFC
 * 4343).  -EBADMSG: not a well-formed query. */
int dns_parse_query(const void *bytes, size_t len, struct dns_question *q);

/*
 * The same of a message in a TCP stream, where its length stands before it, as
 * far as the segment has it: what follows the question may be cut off.  *used is
 * where the next message begins (len, if not in this segment).  Stricter, since
 * a segment may begin anywhere in the stream: one question and no answer (RFC
 * 9619).
 */
int dns_parse_stream(const void *bytes, size_t len, struct dns_question *q,
		     size_t *used);

/* "A", "AAAA", ... or "TYPE65280" (RFC 3597) in buf (at least 10 bytes; the
 * number also stands for a name that does not fit). */
const char *dns_type_format(uint16_t type, char *buf, size_t size);

#endif
