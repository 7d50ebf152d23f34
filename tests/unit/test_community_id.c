/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_community_id: the values that other tools publish for the same flows. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "community_id.h"

/* The baseline of github.com/corelight/community-id-spec; for ICMP the "ports"
 * are type and code, and the last rows are of pycommunityid's own tests. */
static const struct {
	uint8_t proto;
	const char *saddr, *daddr;
	uint16_t sport, dport;
	const char *id;
} published[] = {
	{58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	{58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	{58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 0,
	 "1:zavyT/cezQr1fmImYCwYnMXbgck="},
	{58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 0,
	 "1:zavyT/cezQr1fmImYCwYnMXbgck="},
	{58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
	 "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
	{58, "3ffe:501:410:0:2c0:dfff:fe47:33e",
	 "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
	 "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
	{58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0,
	 "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	{58, "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 0,
	 "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	{58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0,
	 "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
	{58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0,
	 "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
	{1, "192.168.0.89", "192.168.0.1", 8, 0,
	 "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{1, "192.168.0.1", "192.168.0.89", 0, 0,
	 "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
	{6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a",
	 63943, 25, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	{6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887",
	 25, 63943, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	{132, "192.168.170.8", "192.168.170.56", 7, 7,
	 "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	{132, "192.168.170.56", "192.168.170.8", 7, 7,
	 "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	{6, "128.232.110.120", "66.35.250.204", 34855, 80,
	 "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{6, "66.35.250.204", "128.232.110.120", 80, 34855,
	 "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{17, "192.168.1.52", "8.8.8.8", 54585, 53,
	 "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	{17, "8.8.8.8", "192.168.1.52", 53, 54585,
	 "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	{46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
	{46, "10.1.12.2", "10.1.12.1", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
	{1, "192.168.0.89", "192.168.0.1", 20, 0,
	 "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="},
	{1, "192.168.0.89", "192.168.0.1", 20, 1,
	 "1:tz/fHIDUHs19NkixVVoOZywde+I="},
	{1, "192.168.0.1", "192.168.0.89", 0, 20,
	 "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{58, "3ffe:507:0:1:200:86ff:fe05:80da",
	 "3ffe:507:0:1:260:97ff:fe07:69ea", 3, 0,
	 "1:/OGBt9BN1ofenrmSPWYicpij2Vc="},
	{132, "192.168.170.56", "192.168.170.8", 80, 7,
	 "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="},
	{6, "10.0.0.1", "10.0.0.2", 10, 11569,
	 "1:SXBGMX1lBOwhhoDrZynfROxnhnM="},
	{46, "10.1.24.4", "10.1.12.1", 0, 0, "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4="},
};

/* The packet as it goes over the wire, parsed: the two modules together. */
static size_t build(uint8_t *bytes, size_t row)
{
	struct ipaddr s, d;
	const char *saddr = published[row].saddr, *daddr = published[row].daddr;
	uint16_t first = htons(published[row].sport);
	uint16_t second = htons(published[row].dport);
	uint8_t icmp[4] = {(uint8_t)published[row].sport,
			   (uint8_t)published[row].dport};
	uint8_t proto = published[row].proto;
	size_t at;

	assert_int_equal(ipaddr_parse(saddr, strlen(saddr), &s), 0);
	assert_int_equal(ipaddr_parse(daddr, strlen(daddr), &d), 0);
	memset(bytes, 0, 128);
	bytes[0] = s.family == AF_INET ? 0x45 : 0x60;
	bytes[s.family == AF_INET ? 9 : 6] = proto;
	at = s.family == AF_INET ? 12 : 8;
	memcpy(bytes + at, s.bytes, ipaddr_len(&s));
	memcpy(bytes + at + ipaddr_len(&s), d.bytes, ipaddr_len(&d));
	at += 2 * ipaddr_len(&s);
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		memcpy(bytes + at, icmp, 4);
	} else {
		memcpy(bytes + at, &first, 2);
		memcpy(bytes + at + 2, &second, 2);
	}
	return at;
}

static void test_published(void **state)
{
	char buf[COMMUNITY_ID_MAX];
	uint8_t bytes[128];
	struct packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		size_t at = build(bytes, i);

		assert_int_equal(packet_parse(&p, bytes, at + 20, 0), 0);
		assert_string_equal(community_id_format(&p, buf, sizeof(buf)),
				    published[i].id);
	}
}

/* No ID is better than one that joins with another flow's. */
static void test_not_enough(void **state)
{
	char buf[COMMUNITY_ID_MAX] = "#";
	struct packet p = {0};
	uint8_t bytes[128];

	(void)state;
	assert_string_equal(community_id_format(&p, buf, sizeof(buf)), "");
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		size_t at = build(bytes, i);
		uint8_t proto = published[i].proto;
		bool icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;

		if (proto == 46)
			continue;
		assert_int_equal(
			packet_parse(&p, bytes, at + (icmp ? 1 : 3), 0), 0);
		community_id_format(&p, buf, sizeof(buf));
		assert_string_equal(buf, "");
		if (bytes[0] == 0x45) {
			bytes[7] = 1; /* a later fragment */
			assert_int_equal(packet_parse(&p, bytes, at + 20, 0),
					 0);
			community_id_format(&p, buf, sizeof(buf));
			assert_string_equal(buf, "");
		}
	}
}

static void test_size(void **state)
{
	char buf[COMMUNITY_ID_MAX];
	uint8_t bytes[128];
	struct packet p;
	size_t at = build(bytes, 0);

	(void)state;
	assert_int_equal(packet_parse(&p, bytes, at + 20, 0), 0);
	memset(buf, '#', sizeof(buf));
	assert_string_equal(community_id_format(&p, buf, 30), "");
	assert_int_equal(buf[30], '#');
	assert_string_equal(community_id_format(&p, buf, 31), published[0].id);
	assert_int_equal(buf[31], '#');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_not_enough),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
