/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target: what the user wants to catch, from text to addresses and ports. */
#include "target.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "proto.h"
#include "strbuf.h"
#include "util.h"

#define LABEL_MAX    63
#define MAPPED_SHIFT 96 /* an IPv4 prefix within ::ffff:0:0/96 */

/* A piece of the text; positions of errors count from its start. */
struct piece {
	const char *text;
	size_t pos, end;
};

static int fail(struct target_error *err, size_t pos, const char *msg)
{
	*err = (struct target_error){.pos = pos, .msg = msg};
	return -EINVAL;
}

/* The first c in the piece, or its end. */
static size_t find(struct piece in, char c)
{
	while (in.pos < in.end && in.text[in.pos] != c)
		in.pos++;
	return in.pos;
}

static bool at(struct piece in, char c)
{
	return in.pos < in.end && in.text[in.pos] == c;
}

/* A decimal number of all the piece. */
static int parse_number(struct piece in, uint64_t max, const char *not_one,
			const char *too_large, unsigned *number,
			struct target_error *err)
{
	uint64_t value;
	size_t bad = in.pos;

	switch (util_parse_uint(in.text + in.pos, in.end - in.pos, max,
				&value)) {
	case 0:
		*number = (unsigned)value;
		return 0;
	case -ERANGE:
		return fail(err, in.pos, too_large);
	}
	while (bad < in.end && isdigit((unsigned char)in.text[bad]))
		bad++;
	return fail(err, bad, not_one);
}

static int parse_port(struct piece in, uint16_t *port, struct target_error *err)
{
	unsigned number = 0;

	if (in.pos == in.end)
		return fail(err, in.pos, "port missing");
	if (parse_number(in, UINT16_MAX, "not a port number",
			 "port above 65535", &number, err))
		return -EINVAL;
	if (!number)
		return fail(err, in.pos, "port 0");
	*port = (uint16_t)number;
	return 0;
}

/* PORT or LOW-HIGH */
static int parse_ports(struct piece in, struct target *t,
		       struct target_error *err)
{
	struct piece low = {in.text, in.pos, find(in, '-')};
	struct piece high = {in.text, low.end + 1, in.end};

	if (t->proto != PROTO_ANY && !proto_has_ports(t->proto))
		return fail(err, in.pos, "this protocol has no ports");
	if (parse_port(low, &t->port_low, err))
		return -EINVAL;
	t->port_high = t->port_low;
	if (low.end == in.end)
		return 0;
	if (parse_port(high, &t->port_high, err))
		return -EINVAL;
	if (t->port_high < t->port_low)
		return fail(err, high.pos, "range ends before it begins");
	return 0;
}

/* Why inet_pton() did not take it; every way out of here is an error. */
static int fail_ipv4(struct piece in, struct target_error *err)
{
	for (int n = 0; n < 4; n++) {
		struct piece part = {in.text, in.pos, find(in, '.')};
		unsigned number;

		if (part.pos == part.end)
			return fail(err, part.pos,
				    "an IPv4 address has four numbers");
		if (parse_number(part, 255, "not an address",
				 "number above 255", &number, err))
			return -EINVAL;
		if (part.end - part.pos > 1 && at(part, '0'))
			return fail(err, part.pos, "number begins with 0");
		if (n < 3 && part.end == in.end)
			return fail(err, in.end,
				    "an IPv4 address has four numbers");
		in.pos = part.end + (n < 3);
	}
	if (in.pos < in.end)
		return fail(err, in.pos, "an IPv4 address has four numbers");
	return fail(err, in.pos, "not a whole address");
}

/* Up to four hexadecimal digits are fine. */
static int fail_group(struct piece in, struct target_error *err)
{
	for (size_t i = in.pos; i < in.end; i++) {
		if (in.text[i] == '%')
			return fail(err, i, "no interface here");
		if (!isxdigit((unsigned char)in.text[i]))
			return fail(err, i, "not an IPv6 address");
		if (i - in.pos == 4)
			return fail(err, i, "more than four digits");
	}
	return 0;
}

static int fail_ipv6(struct piece in, struct target_error *err)
{
	struct piece group = in;
	size_t groups = 0;
	bool gap = false;

	if (find(in, ':') == in.end)
		return fail(err, in.pos, "not an IPv6 address");
	for (; group.pos < in.end; group.pos = group.end + 1) {
		group.end = in.end;
		group.end = find(group, ':');
		if (groups && group.pos == group.end) {
			if (gap)
				return fail(err, group.end, "a second ::");
			gap = true;
		}
		if (find(group, '.') < group.end)
			return fail_ipv4(group, err);
		if (fail_group(group, err))
			return -EINVAL;
		if (++groups > 8U + gap)
			return fail(err, group.pos, "more than eight groups");
	}
	return fail(err, in.end, "not a whole address");
}

/* prefix is what stands behind the slash, or NULL for one host. */
static int set_net(struct ipaddr addr, const struct piece *prefix,
		   struct target *t, struct target_error *err)
{
	unsigned longest = 8 * (unsigned)ipaddr_len(&addr);
	struct ipaddr plain = ipaddr_unmap(&addr);
	unsigned len = longest;

	if (prefix && prefix->pos == prefix->end)
		return fail(err, prefix->pos, "prefix missing");
	if (prefix &&
	    parse_number(*prefix, longest, "not a prefix",
			 longest == 32 ? "prefix above 32" : "prefix above 128",
			 &len, err))
		return -EINVAL;
	/* Packets to ::ffff:a.b.c.d leave as IPv4. */
	if (plain.family != addr.family && len >= MAPPED_SHIFT) {
		addr = plain;
		len -= MAPPED_SHIFT;
	}
	t->nnets = 1;
	return ipnet_make(&addr, len, &t->nets[0]);
}

static int parse_net(struct piece in, const struct piece *prefix,
		     uint8_t family, struct target *t, struct target_error *err)
{
	struct ipaddr a;

	if (ipaddr_parse(in.text + in.pos, in.end - in.pos, &a) ||
	    a.family != family)
		return family == AF_INET ? fail_ipv4(in, err)
					 : fail_ipv6(in, err);
	if (set_net(a, prefix, t, err))
		return -EINVAL;
	family = t->nets[0].addr.family;
	if (t->proto == IPPROTO_ICMP && family == AF_INET6)
		return fail(err, in.pos, "icmp is for IPv4, icmp6 for IPv6");
	if (t->proto == IPPROTO_ICMPV6 && family == AF_INET)
		return fail(err, in.pos, "icmp6 is for IPv6, icmp for IPv4");
	return 0;
}

/* Letters, digits, hyphens and (as many have them) underscores. */
static int check_label(struct piece in, struct target_error *err)
{
	if (in.pos == in.end)
		return fail(err, in.pos, "empty label in host name");
	for (size_t i = in.pos; i < in.end; i++) {
		unsigned char c = (unsigned char)in.text[i];

		/* Not isalnum(): a locale may know more letters. */
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !isdigit(c) &&
		    c != '-' && c != '_')
			return fail(err, i, "not a host name");
	}
	if (in.end - in.pos > LABEL_MAX)
		return fail(err, in.pos + LABEL_MAX,
			    "label above 63 characters");
	if (at(in, '-'))
		return fail(err, in.pos, "label begins with -");
	if (in.text[in.end - 1] == '-')
		return fail(err, in.end - 1, "label ends with -");
	return 0;
}

/* A resolver would read 192.168.1 or 0x7f.1 as an address, and 10.0.0.1-9 is
 * meant as one: no top-level domain begins with a digit. */
static bool is_numeric(struct piece last, struct piece name)
{
	const char *p = last.text + last.pos;
	size_t len = last.end - last.pos;

	if (!isdigit((unsigned char)p[0]))
		return false;
	if (last.pos > name.pos || strspn(p, "0123456789") >= len)
		return true;
	return p[0] == '0' && (p[1] | 0x20) == 'x' &&
	       strspn(p + 2, "0123456789abcdefABCDEF") >= len - 2;
}

static int parse_host(struct piece in, struct target *t,
		      struct target_error *err)
{
	struct piece name = in, label = in;
	int e = 0;

	/* One final dot makes a name absolute. */
	if (name.end - name.pos > 1 && name.text[name.end - 1] == '.')
		name.end--;
	for (size_t pos = name.pos; !e && pos <= name.end;
	     pos = label.end + 1) {
		label.pos = pos;
		label.end = name.end;
		label.end = find(label, '.');
		e = check_label(label, err);
	}
	if (!e && is_numeric(label, name))
		e = isdigit((unsigned char)name.text[name.pos])
			    ? fail_ipv4(name, err)
			    : fail(err, label.pos, "last label is a number");
	if (!e && in.end - in.pos >= TARGET_HOST_MAX)
		e = fail(err, in.pos + TARGET_HOST_MAX - 1,
			 "host name above 253 characters");
	if (e)
		return e;
	memcpy(t->host, in.text + in.pos, in.end - in.pos);
	t->host[in.end - in.pos] = '\0';
	return 0;
}

static bool looks_ipv4(struct piece in)
{
	return strspn(in.text + in.pos, "0123456789.") >= in.end - in.pos;
}

/* ADDR, ADDR/LEN, HOST or any, without brackets and ports */
static int parse_where(struct piece in, bool ipv6, struct target *t,
		       struct target_error *err)
{
	struct piece addr = {in.text, in.pos, find(in, '/')};
	struct piece len = {in.text, addr.end + 1, in.end};
	const struct piece *prefix = addr.end < in.end ? &len : NULL;

	if (addr.pos == addr.end)
		return fail(err, in.pos, "address missing");
	if (ipv6 || looks_ipv4(addr))
		return parse_net(addr, prefix, ipv6 ? AF_INET6 : AF_INET, t,
				 err);
	if (!prefix && in.end - in.pos == 3 &&
	    memcmp(in.text + in.pos, "any", 3) == 0)
		return 0;
	if (parse_host(addr, t, err))
		return -EINVAL;
	return prefix ? fail(err, addr.end, "a host name has no prefix") : 0;
}

/* [V6] or [V6]/LEN; in->pos moves behind it. */
static int parse_brackets(struct piece *in, struct target *t,
			  struct target_error *err)
{
	struct piece inner = {in->text, in->pos + 1, find(*in, ']')};
	struct piece rest = {in->text, inner.end + 1, in->end};
	struct piece len = {in->text, rest.pos + 1, find(rest, ':')};
	bool prefix = at(rest, '/');

	if (inner.end == in->end)
		return fail(err, in->end, "] missing");
	if (find(inner, '/') < inner.end)
		return fail(err, find(inner, '/'), "prefix goes behind ]");
	in->pos = prefix ? len.end : rest.pos;
	return parse_net(inner, prefix ? &len : NULL, AF_INET6, t, err);
}

/* Two colons that no HOST:PORT could have. */
static bool looks_ipv6(struct piece in)
{
	size_t colons = 0;

	in.end = find(in, '/');
	for (size_t i = in.pos; i < in.end; i++) {
		colons += in.text[i] == ':';
		if (i > in.pos && in.text[i] == ':' && in.text[i - 1] == ':')
			return true;
	}
	return colons > 2;
}

/* The part before the ports; in->pos moves behind it. */
static int parse_address(struct piece *in, struct target *t,
			 struct target_error *err)
{
	struct piece where = *in;
	bool ipv6 = looks_ipv6(*in);

	if (at(*in, '['))
		return parse_brackets(in, t, err);
	if (ipv6) /* its own colons end with the slash */
		where.pos = find(*in, '/');
	where.end = find(where, ':');
	where.pos = in->pos;
	in->pos = where.end;
	return parse_where(where, ipv6, t, err);
}

int target_parse(const char *text, int proto, struct target *t,
		 struct target_error *err)
{
	struct piece in = {text, 0, strlen(text)};

	*t = (struct target){.proto = proto};
	if (in.pos == in.end)
		return fail(err, 0, "empty target");
	if ((!at(in, ':') || looks_ipv6(in)) && parse_address(&in, t, err))
		return -EINVAL;
	if (in.pos == in.end)
		return 0;
	if (!at(in, ':'))
		return fail(err, in.pos, "only :PORT may follow");
	in.pos++;
	return parse_ports(in, t, err);
}

int target_parse_address(const char *text, struct target *t,
			 struct target_error *err)
{
	struct piece in = {text, 0, text ? strlen(text) : 0};

	t->host[0] = '\0';
	t->nnets = 0;
	if (!text)
		return 0;
	if (in.pos == in.end)
		return fail(err, 0, "address missing");
	if (parse_address(&in, t, err))
		return -EINVAL;
	if (in.pos < in.end)
		return fail(err, in.pos, "no port here");
	return 0;
}

int target_parse_ports(const char *text, struct target *t,
		       struct target_error *err)
{
	struct piece in = {text, 0, text ? strlen(text) : 0};

	t->port_low = t->port_high = 0;
	return text ? parse_ports(in, t, err) : 0;
}

static int wanted_family(int proto)
{
	return proto == IPPROTO_ICMP	 ? AF_INET
	       : proto == IPPROTO_ICMPV6 ? AF_INET6
					 : AF_UNSPEC;
}

/* Adds one address, once; false where there is no room for it. */
static bool add_address(struct target *t, const struct ipaddr *a)
{
	for (size_t i = 0; i < t->nnets; i++)
		if (ipaddr_equal(&t->nets[i].addr, a))
			return true;
	if (t->nnets == TARGET_NETS_MAX)
		return false;
	return ipnet_make(a, 8 * (unsigned)ipaddr_len(a),
			  &t->nets[t->nnets++]) == 0;
}

int target_resolve(struct target *t)
{
	struct addrinfo hints = {.ai_family = wanted_family(t->proto),
				 .ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;
	bool room = true;
	int err;

	if (!t->host[0])
		return 0;
	err = getaddrinfo(t->host, NULL, &hints, &list);
	if (err)
		return err;
	for (struct addrinfo *ai = list; ai && room; ai = ai->ai_next) {
		struct ipaddr a;
		uint16_t port;

		if (ipaddr_from_sockaddr(ai->ai_addr, &a, &port) == 0) {
			a = ipaddr_unmap(&a);
			room = add_address(t, &a);
		}
	}
	freeaddrinfo(list);
	if (!room || !t->nnets) {
		t->nnets = 0;
		return room ? EAI_NONAME : EAI_OVERFLOW;
	}
	t->host[0] = '\0';
	return 0;
}

static void format_net(struct strbuf *sb, const struct ipnet *net, bool ports)
{
	bool brackets = ports && net->addr.family == AF_INET6;
	char addr[IPADDR_TEXT_MAX];

	strbuf_printf(sb, brackets ? "[%s]" : "%s",
		      ipaddr_format(&net->addr, addr));
	if (net->prefix < 8 * ipaddr_len(&net->addr))
		strbuf_printf(sb, "/%u", net->prefix);
}

void target_format(const struct target *t, char *buf, size_t size)
{
	bool ports = t->port_low != 0;
	struct strbuf sb;
	char proto[8];

	strbuf_init(&sb, buf, size);
	if (t->proto != PROTO_ANY)
		strbuf_printf(&sb, "%s ",
			      proto_format(t->proto, proto, sizeof(proto)));
	strbuf_puts(&sb, t->host);
	for (size_t i = 0; i < t->nnets; i++) {
		strbuf_puts(&sb, i ? "," : "");
		format_net(&sb, &t->nets[i], ports);
	}
	if (!ports && !t->nnets && !t->host[0])
		strbuf_puts(&sb, "any");
	if (ports)
		strbuf_printf(&sb, ":%u", t->port_low);
	if (t->port_high != t->port_low)
		strbuf_printf(&sb, "-%u", t->port_high);
}

bool target_match(const struct target *t, const struct packet *p)
{
	bool fits = !t->nnets && !t->host[0];

	if (t->proto != PROTO_ANY && t->proto != p->tuple.proto)
		return false;
	if (t->port_low && (!p->has_ports || p->tuple.dport < t->port_low ||
			    p->tuple.dport > t->port_high))
		return false;
	for (size_t i = 0; !fits && i < t->nnets; i++)
		fits = ipnet_contains(&t->nets[i], &p->tuple.daddr);
	return fits;
}
