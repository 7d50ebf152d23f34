/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ruleset_count: the rules match, and count, what they should, no more. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ruleset_kit.h"
#include "util.h"

static int connect_tcp(const char *to, uint16_t port, int *fd)
{
	struct sockaddr_storage ss;
	socklen_t len = kit_address(to, port, &ss);

	*fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(*fd >= 0);
	return connect(*fd, (struct sockaddr *)&ss, len) < 0 ? errno : 0;
}

/* A whole connection: data, and the end from both sides. */
static void talk(int listener, const char *to, uint16_t port)
{
	int fd, peer;
	char byte;

	assert_int_equal(connect_tcp(to, port, &fd), 0);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(peer, &byte, 1), 1);
	close(fd);
	assert_int_equal(read(peer, &byte, 1), 0);
	close(peer);
}

static bool arrives(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&p, 1, 1000) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

/* How many connections conntrack of this namespace has; 0 without conntrack. */
static unsigned tracked(void)
{
	FILE *f = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
	unsigned n = 0;

	if (!f)
		return 0;
	assert_int_equal(fscanf(f, "%u", &n), 1);
	fclose(f);
	return n;
}

/* ---------------------------------------------------------- what is counted */

static void test_counters_count_matches_only(void **state)
{
	static const struct {
		const char *to;
		uint16_t port;
		int target; /* -1: none */
	} sends[] = {
		{"127.0.0.1", 53, 0},	 {"127.0.0.1", 53, 0},
		{"127.0.0.1", 52, -1},	 {"127.0.0.1", 54, -1},
		{"127.0.0.2", 53, -1},	 {"127.0.0.1", 99, -1},
		{"127.0.0.1", 100, 1},	 {"127.0.0.1", 200, 1},
		{"127.0.0.1", 201, -1},	 {"127.0.1.1", 150, -1},
		{"127.1.255.1", 9, -1},	 {"127.2.0.1", 9, 2},
		{"127.3.255.1", 9, 2},	 {"127.4.0.1", 9, -1},
		{"127.0.0.1", 65535, 3}, {"127.0.0.1", 65534, -1},
		{"127.7.0.3", 53, 6},	 {"127.7.0.4", 53, -1},
	};
	struct target targets[] = {
		kit_parse("127.0.0.1:53", IPPROTO_UDP),
		kit_parse("127.0.0.0/24:100-200", IPPROTO_UDP),
		kit_parse("127.2.0.0/15", IPPROTO_UDP),
		kit_parse(":65535", PROTO_ANY),
		kit_parse("127.0.0.1:53", IPPROTO_TCP),
		kit_parse("any", 253),
		kit_make_host(64, 0),
	};
	struct ruleset_config cfg = {.targets = targets,
				     .ntargets = ARRAY_SIZE(targets),
				     .queue_num = KIT_QUEUE,
				     .bypass = true};
	uint64_t expected[ARRAY_SIZE(targets)] = {0}, sum = 0, total;
	uint64_t counts[ARRAY_SIZE(targets)];
	struct ruleset *rs = kit_install(&cfg);
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sends); i++) {
		assert_int_equal(kit_send_udp(sends[i].to, sends[i].port), 0);
		if (sends[i].target >= 0)
			expected[sends[i].target]++;
	}
	assert_int_equal(connect_tcp("127.0.0.1", 53, &fd), ECONNREFUSED);
	close(fd);
	expected[4]++;
	assert_int_equal(connect_tcp("127.7.0.3", 53, &fd), ECONNREFUSED);
	close(fd);
	expected[6]++;
	assert_int_equal(kit_send("127.0.0.1", 0, SOCK_RAW, 253), 0);
	expected[5]++;
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		assert_int_equal(counts[i], expected[i]);
		sum += expected[i];
	}
	assert_int_equal(total, sum);
	assert_int_equal(tracked(), 0);
	ruleset_close(rs);
}

static void test_ipv6_is_counted(void **state)
{
	struct target targets[] = {
		kit_parse("[::1]:53", IPPROTO_UDP),
		kit_parse("::/1", IPPROTO_TCP),
		kit_parse("8000::/1", PROTO_ANY),
		kit_parse("::/0", 253),
	};
	struct ruleset_config cfg = {.targets = targets,
				     .ntargets = ARRAY_SIZE(targets),
				     .queue_num = KIT_QUEUE,
				     .bypass = true};
	uint64_t total, counts[ARRAY_SIZE(targets)];
	struct ruleset *rs = kit_install(&cfg);
	int err = kit_send_udp("::1", 53), fd;

	(void)state;
	kit_need(!err, "no IPv6");
	assert_int_equal(kit_send_udp("::1", 54), 0);
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(connect_tcp("::1", 53, &fd), ECONNREFUSED);
	close(fd);
	assert_int_equal(kit_send("::1", 0, SOCK_RAW, 253), 0);
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 2); /* the SYN, and the RST in answer */
	assert_int_equal(counts[2], 0);
	assert_int_equal(counts[3], 1);
	ruleset_close(rs);
}

static void test_icmp_is_counted(void **state)
{
	struct target t = kit_parse("127.0.0.0/8", IPPROTO_ICMP);
	struct ruleset_config cfg = {.targets = &t,
				     .ntargets = 1,
				     .queue_num = KIT_QUEUE,
				     .bypass = true};
	struct ruleset *rs = kit_install(&cfg);
	int err = kit_send("127.0.0.1", 0, SOCK_RAW, IPPROTO_ICMP);

	(void)state;
	assert_int_equal(err, 0);
	assert_true(kit_count(rs) >= 1);
	ruleset_close(rs);
}

/* -c sees one packet of a TCP connection, and needs no conntrack for it. */
static void test_new_tcp_is_its_syn(void **state)
{
	struct target t = kit_parse(":80", IPPROTO_TCP);
	struct ruleset_config cfg = {.targets = &t,
				     .ntargets = 1,
				     .queue_num = KIT_QUEUE,
				     .bypass = true};
	int listener;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ruleset *rs;

		cfg.new_only = i == 1;
		rs = kit_install(&cfg);
		listener = kit_open_socket("127.0.0.1", 80, SOCK_STREAM);
		talk(listener, "127.0.0.1", 80);
		if (cfg.new_only)
			assert_int_equal(kit_count(rs), 1);
		else
			assert_true(kit_count(rs) >= 4);
		assert_int_equal(tracked(), 0);
		close(listener);
		ruleset_close(rs);
	}
}

static void test_new_udp_is_until_the_answer(void **state)
{
	struct target t = kit_parse("127.0.0.1:53", PROTO_ANY);
	struct ruleset_config cfg = {.targets = &t,
				     .ntargets = 1,
				     .queue_num = KIT_QUEUE,
				     .new_only = true,
				     .bypass = true};
	struct ruleset *rs = kit_install(&cfg);
	int server = kit_open_socket("127.0.0.1", 53, SOCK_DGRAM);
	int client = kit_open_socket("127.0.0.1", 4000, SOCK_DGRAM);
	struct sockaddr_storage ss;
	socklen_t len = kit_address("127.0.0.1", 53, &ss);

	(void)state;
	assert_int_equal(connect(client, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(send(client, "x", 1, 0), 1);
	assert_int_equal(send(client, "x", 1, 0), 1);
	assert_int_equal(kit_count(rs), 2);
	assert_true(tracked() >= 1);
	len = kit_address("127.0.0.1", 4000, &ss);
	assert_int_equal(sendto(server, "y", 1, 0, (struct sockaddr *)&ss, len),
			 1);
	assert_true(arrives(client));
	assert_int_equal(send(client, "x", 1, 0), 1);
	assert_int_equal(kit_count(rs), 2);
	close(client);
	close(server);
	ruleset_close(rs);
}

static void test_bypass_lets_pass_and_nothing_else(void **state)
{
	struct target t = kit_parse("127.0.0.1:53", IPPROTO_UDP);
	struct ruleset_config cfg = {.targets = &t,
				     .ntargets = 1,
				     .queue_num = KIT_QUEUE,
				     .bypass = true};
	struct ruleset *rs = kit_install(&cfg);
	int server = kit_open_socket("127.0.0.1", 53, SOCK_DGRAM);
	char byte;

	(void)state;
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_true(arrives(server));
	ruleset_close(rs);

	cfg.bypass = false;
	rs = kit_install(&cfg);
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(kit_count(rs), 1);
	ruleset_close(rs);

	/* Of these two only the second arrives. */
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_true(arrives(server));
	assert_int_equal(recv(server, &byte, 1, MSG_DONTWAIT), -1);
	close(server);
}

/* The user's own connection passes, both ways, and no other one. */
static void test_ssh_session_is_exempt(void **state)
{
	struct target targets[] = {kit_parse("127.0.0.1", IPPROTO_TCP),
				   kit_parse("127.0.0.2", IPPROTO_TCP)};
	struct ruleset_config cfg = {.targets = targets,
				     .ntargets = ARRAY_SIZE(targets),
				     .queue_num = KIT_QUEUE,
				     .bypass = true,
				     .input = true,
				     .exempt_ssh = true};
	int listener, user, sshd, stranger, other;
	uint64_t total, counts[ARRAY_SIZE(targets)];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct ruleset *rs;

	(void)state;
	kit_need_netns();
	listener = kit_open_socket("127.0.0.2", 22, SOCK_STREAM);
	assert_int_equal(connect_tcp("127.0.0.2", 22, &user), 0);
	sshd = accept4(listener, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC);
	assert_int_equal(connect_tcp("127.0.0.2", 22, &stranger), 0);
	other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(sshd >= 0 && other >= 0);
	cfg.ssh.saddr = targets[1].nets[0].addr;
	cfg.ssh.sport = 22;
	ipaddr_from_sockaddr((struct sockaddr *)&ss, &cfg.ssh.daddr,
			     &cfg.ssh.dport);
	rs = kit_install(&cfg);

	/* Both ends are here: the way into the user's end is not exempt, nor is
	 * the way out of it. */
	assert_int_equal(write(sshd, "x", 1), 1);
	assert_true(arrives(user));
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(counts[0], 1);
	assert_int_equal(write(other, "x", 1), 1);
	assert_true(arrives(stranger));
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(counts[0], 3);
	ruleset_close(rs);

	rs = kit_install(&cfg);
	assert_int_equal(write(user, "x", 1), 1);
	assert_true(arrives(sshd));
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(counts[1], 1);
	assert_int_equal(write(stranger, "x", 1), 1);
	assert_true(arrives(other));
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(counts[1], 3);
	ruleset_close(rs);
	close(listener);
	close(user);
	close(sshd);
	close(stranger);
	close(other);
}

#define TEST(function) cmocka_unit_test_setup(function, kit_enter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counters_count_matches_only),
		TEST(test_ipv6_is_counted),
		TEST(test_icmp_is_counted),
		TEST(test_new_tcp_is_its_syn),
		TEST(test_new_udp_is_until_the_answer),
		TEST(test_bypass_lets_pass_and_nothing_else),
		TEST(test_ssh_session_is_exempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
