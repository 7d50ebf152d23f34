/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_target: what may be asked for, and at which byte what may not. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto.h"
#include "target.h"
#include "util.h"

#define LABEL_63 \
	"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static struct target t;
static struct target_error err;
static char text[256];

static const char *formatted(void)
{
	target_format(&t, text, sizeof(text));
	return text;
}

/* What is written back is what was understood. */
static const struct {
	const char *in;
	int proto;
	const char *out;
} good[] = {
	{"any", PROTO_ANY, "any"},
	{"any", IPPROTO_TCP, "tcp any"},
	{"any:53", PROTO_ANY, ":53"},
	{":53", IPPROTO_UDP, "udp :53"},
	{":1-65535", IPPROTO_UDP, "udp :1-65535"},
	{"192.168.1.1", PROTO_ANY, "192.168.1.1"},
	{"192.168.1.1:53", IPPROTO_UDP, "udp 192.168.1.1:53"},
	{"192.168.1.1/32", 47, "47 192.168.1.1"},
	{"10.1.2.3/8", IPPROTO_TCP, "tcp 10.0.0.0/8"},
	{"10.0.0.0/8:443-8443", IPPROTO_TCP, "tcp 10.0.0.0/8:443-8443"},
	{"10.0.0.1:7-7", IPPROTO_TCP, "tcp 10.0.0.1:7"},
	{"0.0.0.0/0", PROTO_ANY, "0.0.0.0/0"},
	{"1.2.3.4:00080", IPPROTO_TCP, "tcp 1.2.3.4:80"},
	{"::", PROTO_ANY, "::"},
	{"::1", PROTO_ANY, "::1"},
	{"2001:db8::1:80", IPPROTO_TCP, "tcp 2001:db8::1:80"},
	{"2001:db8::1", PROTO_ANY, "2001:db8::1"},
	{"1:2:3:4:5:6:7:8", PROTO_ANY, "1:2:3:4:5:6:7:8"},
	{"2001:db8:ffff::/33", PROTO_ANY, "2001:db8:8000::/33"},
	{"2001:db8::/32:443", IPPROTO_TCP, "tcp [2001:db8::]/32:443"},
	{"[2001:db8::1]", PROTO_ANY, "2001:db8::1"},
	{"[2001:db8::1]:80", IPPROTO_TCP, "tcp [2001:db8::1]:80"},
	{"[2001:db8::1]/64:80-81", IPPROTO_TCP, "tcp [2001:db8::]/64:80-81"},
	{"[::]/0", PROTO_ANY, "::/0"},
	{"::ffff:1.2.3.4", PROTO_ANY, "1.2.3.4"},
	{"[::ffff:1.2.3.4]/120:5", PROTO_ANY, "1.2.3.0/24:5"},
	{"::ffff:0:0/95", PROTO_ANY, "::fffe:0:0/95"},
	{"localhost", PROTO_ANY, "localhost"},
	{"example.org:80", IPPROTO_TCP, "tcp example.org:80"},
	{"Example.ORG.", PROTO_ANY, "Example.ORG."},
	{"a-b.c_d.e1:1-2", IPPROTO_SCTP, "sctp a-b.c_d.e1:1-2"},
	{"7zip", PROTO_ANY, "7zip"},
	{"1.pool.ntp.org", PROTO_ANY, "1.pool.ntp.org"},
	{"0x7f.example", PROTO_ANY, "0x7f.example"},
	{"0xfeg", PROTO_ANY, "0xfeg"},
	{"xn--nxasmq6b", PROTO_ANY, "xn--nxasmq6b"},
	{"anything", PROTO_ANY, "anything"},
	{LABEL_63 ".x", PROTO_ANY, LABEL_63 ".x"},
	{"10.0.0.1", IPPROTO_ICMP, "icmp 10.0.0.1"},
	{"::ffff:10.0.0.1", IPPROTO_ICMP, "icmp 10.0.0.1"},
	{"::1", IPPROTO_ICMPV6, "icmp6 ::1"},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		memset(&t, 0xff, sizeof(t));
		assert_int_equal(
			target_parse(good[i].in, good[i].proto, &t, &err), 0);
		assert_int_equal(t.proto, good[i].proto);
		assert_string_equal(formatted(), good[i].out);
	}
}

static const struct {
	const char *in;
	size_t pos;
	const char *msg;
} bad[] = {
	{"", 0, "empty target"},
	/* ports */
	{":", 1, "port missing"},
	{":0", 1, "port 0"},
	{":65536", 1, "port above 65535"},
	{":99999999999999999999999", 1, "port above 65535"},
	{":53x", 3, "not a port number"},
	{": 53", 1, "not a port number"},
	{":+53", 1, "not a port number"},
	{":http", 1, "not a port number"},
	{":-5", 1, "port missing"},
	{":5-", 3, "port missing"},
	{":0-5", 1, "port 0"},
	{":5-4", 3, "range ends before it begins"},
	{":5-70000", 3, "port above 65535"},
	{":5-6-7", 4, "not a port number"},
	{"1.2.3.4:", 8, "port missing"},
	{"1.2.3.4:80:90", 10, "not a port number"},
	{"example.org:80/24", 14, "not a port number"},
	/* IPv4 */
	{"192.168.1.1.5", 11, "an IPv4 address has four numbers"},
	{"300.1.1.1", 0, "number above 255"},
	{"1.1.1.256:53", 6, "number above 255"},
	{"192.168.1", 9, "an IPv4 address has four numbers"},
	{"192.168.1:53", 9, "an IPv4 address has four numbers"},
	{"192.168.1/24", 9, "an IPv4 address has four numbers"},
	{"1.2.3.4.", 7, "an IPv4 address has four numbers"},
	{"1..2.3", 2, "an IPv4 address has four numbers"},
	{"010.0.0.1", 0, "number begins with 0"},
	{"1.2.3.4-9", 7, "not an address"},
	{"1.2.3.4x", 7, "not an address"},
	{"2130706433", 0, "number above 255"},
	{"0x7f000001", 1, "not an address"},
	{"0x7f.0.0.1", 1, "not an address"},
	{"0x7f.1", 1, "not an address"},
	{"0x", 1, "not an address"},
	{"1.2.3.4/", 8, "prefix missing"},
	{"1.2.3.4/:53", 8, "prefix missing"},
	{"1.2.3.4/33", 8, "prefix above 32"},
	{"1.2.3.4/-1", 8, "not a prefix"},
	{"1.2.3.4/2x", 9, "not a prefix"},
	{"1.2.3.4/8/9", 9, "not a prefix"},
	{"1.2.3.4/255.0.0.0", 11, "not a prefix"},
	{"/8", 0, "address missing"},
	/* IPv6 */
	{"[::1", 4, "] missing"},
	{"[", 1, "] missing"},
	{"[]", 1, "not an IPv6 address"},
	{"[1.2.3.4]:80", 1, "not an IPv6 address"},
	{"[example.org]", 1, "not an IPv6 address"},
	{"[::1]x", 5, "only :PORT may follow"},
	{"[::1]80", 5, "only :PORT may follow"},
	{"[::1]:", 6, "port missing"},
	{"[::1/64]:80", 4, "prefix goes behind ]"},
	{"[::1]/129", 6, "prefix above 128"},
	{"[::1]/", 6, "prefix missing"},
	{"[::ffff:1.2.3.4]/129", 17, "prefix above 128"},
	{"::1/129", 4, "prefix above 128"},
	{"::1::2", 4, "a second ::"},
	{":::", 2, "a second ::"},
	{"12345::", 4, "more than four digits"},
	{"1:2:3:4:5:6:7:8:9", 16, "more than eight groups"},
	{"1:2:3:4:5:6:7", 13, "not a whole address"},
	{"::g", 2, "not an IPv6 address"},
	{"fe80::1%eth0", 7, "no interface here"},
	{"::256.1.1.1", 2, "number above 255"},
	{"::1.2.3.4.5", 9, "an IPv4 address has four numbers"},
	/* host names */
	{"-x", 0, "label begins with -"},
	{"x-.org", 1, "label ends with -"},
	{"a..b", 2, "empty label in host name"},
	{".a", 0, "empty label in host name"},
	{"a..", 2, "empty label in host name"},
	{"a b", 1, "not a host name"},
	{"a;reboot", 1, "not a host name"},
	{"$(id)", 0, "not a host name"},
	{"a\nb", 1, "not a host name"},
	{"ex\xc3\xa4mple", 2, "not a host name"},
	{"a\x1b[31m", 1, "not a host name"},
	{"@", 0, "not a host name"},
	{"a/8", 1, "a host name has no prefix"},
	{"any/8", 3, "a host name has no prefix"},
	{"foo.5", 4, "last label is a number"},
	{"foo.0x5.", 4, "last label is a number"},
	{"x" LABEL_63, 63, "label above 63 characters"},
	{LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, 253,
	 "host name above 253 characters"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct target_error){.pos = 4711};
		assert_int_equal(target_parse(bad[i].in, PROTO_ANY, &t, &err),
				 -EINVAL);
		assert_string_equal(err.msg, bad[i].msg);
		assert_int_equal(err.pos, bad[i].pos);
	}
}

/* Each prefix of a text is either fine or refused within its bounds. */
static void test_positions_are_inside(void **state)
{
	char copy[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good) + ARRAY_SIZE(bad); i++) {
		const char *in = i < ARRAY_SIZE(good)
					 ? good[i].in
					 : bad[i - ARRAY_SIZE(good)].in;

		for (size_t n = 0; n <= strlen(in); n++) {
			snprintf(copy, sizeof(copy), "%.*s", (int)n, in);
			if (target_parse(copy, IPPROTO_TCP, &t, &err) == 0)
				continue;
			assert_in_range(err.pos, 0, n);
			assert_non_null(err.msg);
		}
	}
}

static void test_protocols(void **state)
{
	static const int without[] = {IPPROTO_ICMP, IPPROTO_ICMPV6, 47, 0, 255};
	static const int with[] = {PROTO_ANY, 6, 17, 33, 132, 136};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
		assert_int_equal(target_parse(":53", without[i], &t, &err),
				 -EINVAL);
		assert_string_equal(err.msg, "this protocol has no ports");
		assert_int_equal(err.pos, 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(with); i++)
		assert_int_equal(target_parse(":53", with[i], &t, &err), 0);
	assert_int_equal(target_parse("[::1]", IPPROTO_ICMP, &t, &err),
			 -EINVAL);
	assert_int_equal(err.pos, 1);
	assert_int_equal(target_parse("10.0.0.1", IPPROTO_ICMPV6, &t, &err),
			 -EINVAL);
	assert_int_equal(
		target_parse("::ffff:10.0.0.1", IPPROTO_ICMPV6, &t, &err),
		-EINVAL);
}

static void test_old_spelling(void **state)
{
	(void)state;
	t = (struct target){.proto = IPPROTO_UDP};
	assert_int_equal(target_parse_address("192.168.1.1", &t, &err), 0);
	assert_string_equal(formatted(), "udp 192.168.1.1");
	assert_int_equal(target_parse_ports("53", &t, &err), 0);
	assert_string_equal(formatted(), "udp 192.168.1.1:53");
	assert_int_equal(target_parse_address("example.org", &t, &err), 0);
	assert_string_equal(formatted(), "udp example.org:53");
	assert_int_equal(target_parse_address("2001:db8::/32", &t, &err), 0);
	assert_int_equal(target_parse_ports("1-2", &t, &err), 0);
	assert_string_equal(formatted(), "udp [2001:db8::]/32:1-2");
	assert_int_equal(target_parse_address(NULL, &t, &err), 0);
	assert_string_equal(formatted(), "udp :1-2");
	assert_int_equal(target_parse_ports(NULL, &t, &err), 0);
	assert_string_equal(formatted(), "udp any");
}

static void test_old_spelling_bad(void **state)
{
	static const struct {
		const char *address, *ports;
		size_t pos;
	} cases[] = {
		{"", NULL, 0},	       {"1.2.3.4:53", NULL, 7},
		{":53", NULL, 0},      {"a:", NULL, 1},
		{"[::1]:53", NULL, 5}, {"300.1.1.1", NULL, 0},
		{NULL, "", 0},	       {NULL, "0", 0},
		{NULL, "53x", 2},      {NULL, ":53", 0},
		{NULL, "65536", 0},    {NULL, "2-1", 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		t = (struct target){.proto = IPPROTO_TCP};
		assert_int_equal(
			cases[i].address
				? target_parse_address(cases[i].address, &t,
						       &err)
				: target_parse_ports(cases[i].ports, &t, &err),
			-EINVAL);
		assert_int_equal(err.pos, cases[i].pos);
	}
	t = (struct target){.proto = IPPROTO_ICMP};
	assert_int_equal(target_parse_ports("53", &t, &err), -EINVAL);
}

static struct packet packet(uint8_t proto, const char *daddr, uint16_t dport)
{
	struct packet p = {.tuple.proto = proto, .has_ports = dport != 0};

	assert_int_equal(ipaddr_parse(daddr, strlen(daddr), &p.tuple.daddr), 0);
	p.tuple.family = p.tuple.daddr.family;
	p.tuple.dport = dport;
	return p;
}

static bool matches(const char *in, int proto, struct packet p)
{
	assert_int_equal(target_parse(in, proto, &t, &err), 0);
	return target_match(&t, &p);
}

static void test_match(void **state)
{
	struct packet dns = packet(IPPROTO_UDP, "192.168.1.1", 53);
	struct packet web = packet(IPPROTO_TCP, "2001:db8::1", 443);
	struct packet ping = packet(IPPROTO_ICMP, "192.168.1.1", 0);

	(void)state;
	assert_true(matches("192.168.1.1:53", IPPROTO_UDP, dns));
	assert_true(matches("192.168.1.1:53", PROTO_ANY, dns));
	assert_true(matches("192.168.1.1", IPPROTO_UDP, dns));
	assert_true(matches("192.168.0.0/16:50-53", IPPROTO_UDP, dns));
	assert_true(matches(":53-60", IPPROTO_UDP, dns));
	assert_true(matches("any", PROTO_ANY, dns));
	assert_false(matches("192.168.1.1:53", IPPROTO_TCP, dns));
	assert_false(matches("192.168.1.2:53", IPPROTO_UDP, dns));
	assert_false(matches("192.168.1.1:54", IPPROTO_UDP, dns));
	assert_false(matches(":54-60", IPPROTO_UDP, dns));
	assert_false(matches(":50-52", IPPROTO_UDP, dns));
	assert_false(matches("::/0", IPPROTO_UDP, dns));
	assert_true(matches("[2001:db8::]/32:443", IPPROTO_TCP, web));
	assert_false(matches("0.0.0.0/0", IPPROTO_TCP, web));
	assert_true(matches("192.168.1.1", IPPROTO_ICMP, ping));
	assert_true(matches("any", PROTO_ANY, ping));
	assert_false(matches(":1-65535", PROTO_ANY, ping));
	/* an ICMP id is no port */
	ping.tuple.dport = 53;
	assert_false(matches(":53", PROTO_ANY, ping));
	/* a later fragment has none either */
	dns.has_ports = false;
	assert_false(matches(":53", IPPROTO_UDP, dns));
	/* a host that is not resolved is nowhere, not everywhere */
	dns.has_ports = true;
	assert_false(matches("localhost:53", IPPROTO_UDP, dns));
}

static void test_match_many(void **state)
{
	struct packet p = packet(IPPROTO_TCP, "10.0.0.2", 80);

	(void)state;
	assert_int_equal(target_parse("10.0.0.1:80", 6, &t, &err), 0);
	assert_false(target_match(&t, &p));
	t.nets[t.nnets++] = (struct ipnet){p.tuple.daddr, 32};
	assert_true(target_match(&t, &p));
	assert_string_equal(formatted(), "tcp 10.0.0.1,10.0.0.2:80");
	target_format(&t, text, 12);
	assert_string_equal(text, "tcp 10.0.0.");
}

static void test_resolve(void **state)
{
	struct packet p;

	(void)state;
	assert_int_equal(target_parse("10.0.0.1:80", 6, &t, &err), 0);
	assert_int_equal(target_resolve(&t), 0);
	assert_string_equal(formatted(), "tcp 10.0.0.1:80");
	assert_int_equal(target_parse("localhost:80", 6, &t, &err), 0);
	if (target_resolve(&t)) {
		printf("# skip: localhost has no address here\n");
		skip();
	}
	assert_string_equal(t.host, "");
	assert_in_range(t.nnets, 1, TARGET_NETS_MAX);
	for (size_t i = 0; i < t.nnets; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(
				ipaddr_equal(&t.nets[i].addr, &t.nets[j].addr));
	p = packet(IPPROTO_TCP, "127.0.0.1", 80);
	if (!target_match(&t, &p)) {
		p = packet(IPPROTO_TCP, "::1", 80);
		assert_true(target_match(&t, &p));
	}
}

static void test_resolve_family(void **state)
{
	static const int protos[] = {IPPROTO_ICMP, IPPROTO_ICMPV6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(target_parse("localhost", protos[i], &t, &err),
				 0);
		if (target_resolve(&t))
			continue;
		for (size_t n = 0; n < t.nnets; n++)
			assert_int_equal(t.nets[n].addr.family,
					 i ? AF_INET6 : AF_INET);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_positions_are_inside),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_old_spelling),
		cmocka_unit_test(test_old_spelling_bad),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_many),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_resolve_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
