/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns: the question in a DNS query, and in one over TCP. */
#include "dns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "strbuf.h"
#include "util.h"

#define HEADER_LEN  12
#define PREFIX_LEN  2	   /* a message's length, over TCP */
#define FLAGS_QUERY 0xf800 /* QR and opcode, all zero in a query */
#define LABEL_MAX   63
#define WIRE_MAX    255 /* a name with its length bytes */

static const struct {
	uint16_t type;
	const char *name;
} types[] = {
	{1, "A"},	 {2, "NS"},	     {5, "CNAME"},  {6, "SOA"},
	{12, "PTR"},	 {13, "HINFO"},	     {15, "MX"},    {16, "TXT"},
	{17, "RP"},	 {18, "AFSDB"},	     {24, "SIG"},   {25, "KEY"},
	{28, "AAAA"},	 {29, "LOC"},	     {33, "SRV"},   {35, "NAPTR"},
	{37, "CERT"},	 {39, "DNAME"},	     {41, "OPT"},   {43, "DS"},
	{44, "SSHFP"},	 {45, "IPSECKEY"},   {46, "RRSIG"}, {47, "NSEC"},
	{48, "DNSKEY"},	 {49, "DHCID"},	     {50, "NSEC3"}, {51, "NSEC3PARAM"},
	{52, "TLSA"},	 {53, "SMIMEA"},     {55, "HIP"},   {59, "CDS"},
	{60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"}, {63, "ZONEMD"},
	{64, "SVCB"},	 {65, "HTTPS"},	     {99, "SPF"},   {249, "TKEY"},
	{250, "TSIG"},	 {251, "IXFR"},	     {252, "AXFR"}, {255, "ANY"},
	{256, "URI"},	 {257, "CAA"},
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void add_label(struct strbuf *sb, const uint8_t *label, size_t len)
{
	if (sb->len)
		strbuf_puts(sb, ".");
	for (size_t i = 0; i < len; i++) {
		if (label[i] == '.' || label[i] == '\\')
			strbuf_printf(sb, "\\%c", label[i]);
		else if (label[i] > ' ' && label[i] < 0x7f)
			strbuf_add(sb, &label[i], 1);
		else
			strbuf_printf(sb, "\\%03u", label[i]);
	}
}

/* Returns how many bytes the name takes, or -EBADMSG.  Nothing stands before
 * the first question that a compression pointer could name: none is followed.
 */
static ssize_t parse_name(const uint8_t *p, size_t len, struct strbuf *sb)
{
	size_t at = 0;

	if (len > WIRE_MAX)
		len = WIRE_MAX;
	while (at < len && p[at]) {
		size_t label = p[at++];

		if (label > LABEL_MAX || label > len - at)
			return -EBADMSG;
		add_label(sb, p + at, label);
		at += label;
	}
	if (at == len)
		return -EBADMSG;
	if (at == 0)
		strbuf_puts(sb, ".");
	return (ssize_t)at + 1;
}

int dns_parse_query(const void *bytes, size_t len, struct dns_question *q)
{
	const uint8_t *p = bytes;
	struct strbuf sb;
	ssize_t name_len;

	if (len < HEADER_LEN || (get16(p + 2) & FLAGS_QUERY) || !get16(p + 4))
		return -EBADMSG;
	p += HEADER_LEN;
	len -= HEADER_LEN;
	strbuf_init(&sb, q->name, sizeof(q->name));
	name_len = parse_name(p, len, &sb);
	/* Behind the name stand type and class. */
	if (name_len < 0 || len - (size_t)name_len < 4 || sb.truncated)
		return -EBADMSG;
	q->type = get16(p + name_len);
	return 0;
}

int dns_parse_stream(const void *bytes, size_t len, struct dns_question *q,
		     size_t *used)
{
	const uint8_t *p = bytes;
	size_t message;

	if (len < PREFIX_LEN + HEADER_LEN)
		return -EBADMSG;
	message = get16(p);
	p += PREFIX_LEN;
	len -= PREFIX_LEN;
	if (get16(p + 4) != 1 || get16(p + 6) != 0)
		return -EBADMSG;
	if (message < len)
		len = message;
	*used = PREFIX_LEN + len;
	return dns_parse_query(p, len, q);
}

const char *dns_type_format(uint16_t type, char *buf, size_t size)
{
	snprintf(buf, size, "TYPE%u", type);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type && strlen(types[i].name) < size)
			strcpy(buf, types[i].name);
	return buf;
}
