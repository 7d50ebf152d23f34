/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets, forwarded ones too, with addresses that are somebody else's. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"
#include "spaces.h"

#define VICTIM4 "10.5.0.2"
#define FORGER4 "10.5.0.3"
#define NOBODY4 "10.5.0.99"
#define B4	"10.2.0.2"
#define HOLE	"10.2.9.9"
#define PORT	4711

/* How long a lie may take to be one: what was sent before the witness came may
 * be on its way for as long. */
#define TRIES 100

/* What is sent, by a raw socket or (mac) by a packet socket. */
struct forgery {
	const char *from, *to; /* NULL: HOLE */
	uint16_t port;	       /* to send to */
	uint8_t proto;	       /* UDP, or TCP: a SYN, or if not a segment */
	bool syn;
	uint8_t mac[ETH_ALEN];
	bool packet;
};

struct fake {
	struct iphdr ip;
	union {
		struct udphdr udp;
		struct tcphdr tcp;
	};
} __attribute__((packed));

static uint16_t checksum(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static const char *target_of(const struct forgery *f)
{
	return f->to ? f->to : HOLE;
}

static size_t make_fake(const struct forgery *f, uint32_t seq, struct fake *p)
{
	size_t len = sizeof(p->ip) + (f->proto == IPPROTO_TCP ? sizeof(p->tcp)
							      : sizeof(p->udp));

	memset(p, 0, sizeof(*p));
	p->ip = (struct iphdr){.version = 4,
			       .ihl = 5,
			       .ttl = 64,
			       .tot_len = htons((uint16_t)len),
			       .protocol = f->proto,
			       .saddr = inet_addr(f->from),
			       .daddr = inet_addr(target_of(f))};
	p->ip.check = checksum(&p->ip, sizeof(p->ip));
	if (f->proto == IPPROTO_UDP) {
		p->udp.source = htons(PORT);
		p->udp.dest = htons(f->port);
		p->udp.len = htons(sizeof(p->udp));
		return len;
	}
	p->tcp.source = htons(PORT);
	p->tcp.dest = htons(f->port);
	p->tcp.seq = htonl(seq);
	p->tcp.doff = 5;
	p->tcp.syn = f->syn;
	p->tcp.ack = !f->syn;
	return len;
}

static int send_fake(const struct forgery *f, const struct fake *p, size_t len)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = (int)if_nametoindex("eth0"),
				 .sll_halen = ETH_ALEN};
	ssize_t n;
	int fd;

	if (!f->packet)
		return send_raw_packet(p, len, target_of(f));
	fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	memcpy(ll.sll_addr, f->mac, ETH_ALEN);
	n = sendto(fd, p, len, 0, (void *)&ll, sizeof(ll));
	close(fd);
	return n < 0 ? errno : 0;
}

/* Again at each sender_go: a new attempt to connect each time. */
static void forge(struct stage *st, const void *arg)
{
	struct report r = {0};
	struct fake p;
	uint32_t seq = 1;
	size_t len;

	do {
		len = make_fake(arg, seq++, &p);
		r.err = send_fake(arg, &p, len);
		stage_report(st, &r);
	} while (stage_wait(st));
}

static void hardware_address(const char *dev, uint8_t mac[ETH_ALEN])
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ifr), 0);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
}

/* ------------------------------------------------------------ in our namespace
 */

/* In the name of one who sends elsewhere, by the same port. */
static void datagram_from_here(void **state)
{
	const struct forgery f = {.from = ADDR_CLIENT,
				  .to = ADDR_RESOLVER,
				  .port = 53,
				  .proto = IPPROTO_UDP};
	const struct send_arg other =
		SEND_UDP(ADDR_RESOLVER, 54, .from = ADDR_CLIENT, .sport = PORT);
	struct trap_run *t =
		trap_start("-s", "25000", "-u", ADDR_RESOLVER ":53", NULL);
	struct sender *s;

	(void)state;
	trap_freeze(t);
	sender_run(send_one, &other, NULL);
	assert_int_equal(sender_run(forge, &f, &s).err, 0);
	trap_thaw_with(t, 1);
	expect_none_wrong(t, s->pid);
}

/* The victim waits in connect(2), and sends its SYN once more now and then: of
 * the next few packets one is not its own. */
static void attempt_from_here(void **state)
{
	const struct forgery f = {.from = ADDR_CLIENT,
				  .to = ADDR_RESOLVER,
				  .port = 80,
				  .proto = IPPROTO_TCP,
				  .syn = true};
	const struct send_arg a =
		SEND_TCP(ADDR_RESOLVER, 80, .from = ADDR_CLIENT, .sport = PORT);
	struct sender *v, *s;
	struct trap_run *t;
	json_t *e = NULL;

	(void)state;
	server_busy(ADDR_RESOLVER, 80);
	t = trap_start("--packets", "-t", ADDR_RESOLVER ":80", NULL);
	v = sender_start(send_one, &a);
	expect_sender(trap_event(t), v->pid, 0, "proved");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sender_run(forge, &f, &s).err, 0);
		for (int k = 0; k < 3; k++) {
			e = trap_event(t);
			if (event_int(e, "process.pid") != v->pid)
				break;
		}
		expect_not_wrong(e, s->pid);
		if (e2e_has_witness())
			expect_sender(e, s->pid, 0, "proved");
	}
	trap_stop(t, SIGTERM);
}

/* ---------------------------------------------------------------------
 * forwarded
 */

static struct space b = {.name = "b", .own4 = B4};
static struct space victim = {.name = "s0", .own4 = VICTIM4, .bridge = "br0"};
static struct space forger = {.name = "s1", .own4 = FORGER4, .bridge = "br0"};

static void open_hole(void)
{
	if (!space_open(&b) || run_command(NULL, "ip", "route", "add", HOLE,
					   "via", B4, "dev", "vb", NULL))
		SKIP("no veth, or no ip(8)");
}

/* Two on one bridge. */
static void open_both(void)
{
	open_hole();
	if (!space_bridge("br0", "169.254.1.1"))
		SKIP("no bridge");
	assert_true(space_open(&victim) && space_open(&forger));
}

/* The next event, where the flow may have been told already: forged anew until
 * it comes. */
static json_t *forged_event(struct trap_run *t, struct sender *s)
{
	json_t *e = trap_next_event(t, 100);

	for (int i = 0; !e && i < TRIES; i++) {
		sender_go(s);
		sender_report(s);
		e = trap_next_event(t, 100);
	}
	assert_non_null(e);
	return e;
}

/* Who has those addresses may be listed, but is not named. */
static void expect_no_victim(const json_t *e, pid_t pid)
{
	expect_grade(e, "unknown");
	expect_nobody(e);
	assert_true(pid == 0 || event_lists_pid(e, "ptrap.holders", pid));
}

static void victim_sends(struct trap_run *t, uint8_t proto, pid_t *pid)
{
	static const struct send_arg u = SEND_UDP(
		HOLE, 9, .sport = PORT, .from = VICTIM4, .connected = true);
	static const struct send_arg c =
		SEND_TCP(HOLE, 80, .sport = PORT, .from = VICTIM4);
	bool tcp = proto == IPPROTO_TCP;
	struct sender *s;
	json_t *e;

	space_run(&victim, tcp ? begin_connect : send_one, tcp ? &c : &u, &s);
	*pid = s->pid;
	e = trap_event(t);
	if (spaces_are_seen())
		expect_sender(e, s->pid, 0, "proved");
	else
		expect_no_victim(e, s->pid);
}

static void expect_forged(struct trap_run *t, const struct forgery *f,
			  pid_t victim_pid)
{
	bool seen = spaces_are_seen() && !f->packet;
	struct sender *s;
	json_t *e;

	assert_int_equal(space_run(&forger, forge, f, &s).err, 0);
	/* Without a witness it looks like another one of the flow that has had
	 * its event, which names nobody. */
	if (!spaces_are_seen()) {
		sender_end(s);
		return;
	}
	e = trap_event(t);
	if (seen)
		expect_sender(e, s->pid, 0, "proved");
	else
		expect_no_victim(e, victim_pid);
	sender_end(s);
}

static void on_a_bridge(void **state, uint8_t proto)
{
	struct forgery raw = {.from = VICTIM4,
			      .port = proto == IPPROTO_TCP ? 80 : 9,
			      .proto = proto,
			      .syn = true};
	struct forgery packet = raw;
	struct trap_run *t;
	pid_t pid;

	(void)state;
	open_both();
	packet.packet = true;
	hardware_address("br0", packet.mac);
	t = trap_start("--forward", HOLE, NULL);
	victim_sends(t, proto, &pid);
	expect_forged(t, &raw, pid);
	expect_forged(t, &packet, pid);
	trap_stop(t, SIGTERM);
	for (json_t *e; (e = trap_next_event(t, 0));)
		expect_not_wrong(e, spaces_are_seen() ? pid : 0);
}

static void udp_on_a_bridge(void **state)
{
	on_a_bridge(state, IPPROTO_UDP);
}

static void tcp_on_a_bridge(void **state)
{
	on_a_bridge(state, IPPROTO_TCP);
}

/* A segment of a connection that was begun before the program was. */
static void segment_on_a_bridge(void **state)
{
	struct forgery f = {.from = VICTIM4, .port = 80, .proto = IPPROTO_TCP};
	const struct send_arg c =
		SEND_TCP(HOLE, 80, .sport = PORT, .from = VICTIM4);
	struct sender *s, *connecting;
	struct trap_run *t;
	json_t *e;

	(void)state;
	open_both();
	space_run(&victim, begin_connect, &c, &connecting);
	t = trap_start("--forward", HOLE, NULL);
	assert_int_equal(space_run(&forger, forge, &f, &s).err, 0);
	do
		e = trap_event(t);
	while (event_int(e, "process.pid") == connecting->pid);
	if (spaces_are_seen())
		expect_sender(e, s->pid, 0, "proved");
	else
		expect_no_victim(e, 0);
	trap_stop(t, SIGTERM);
}

static struct sender *send_from_victim(struct trap_run *t)
{
	static const struct send_arg u =
		SEND_UDP(HOLE, 9, .sport = PORT, .from = VICTIM4);
	struct sender *s;

	space_run(&victim, send_one, &u, &s);
	expect_sender(trap_event(t), s->pid, 0, "proved");
	return s;
}

/* However often a lie comes between, the flow is told once, and the lie, too.
 */
static void told_once(void **state)
{
	struct forgery f = {.from = VICTIM4,
			    .port = 9,
			    .proto = IPPROTO_UDP,
			    .packet = true};
	struct sender *s, *forging;
	struct trap_run *t;

	(void)state;
	if (!spaces_are_seen())
		SKIP("no witness in other namespaces");
	open_both();
	hardware_address("br0", f.mac);
	t = trap_start("--forward", "-u", HOLE, NULL);
	s = send_from_victim(t);
	space_run(&forger, forge, &f, &forging);
	expect_no_victim(trap_event(t), s->pid);
	for (int i = 0; i < 3; i++) {
		sender_go(s);
		sender_report(s);
		sender_go(forging);
		sender_report(forging);
	}
	trap_expect_end(t);
}

/* An address that nobody has. */
static void nobodys_address(void **state)
{
	struct forgery f = {.from = NOBODY4, .port = 9, .proto = IPPROTO_UDP};
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	(void)state;
	open_both();
	t = trap_start("--forward", HOLE, NULL);
	space_run(&forger, forge, &f, &s);
	e = trap_event(t);
	if (spaces_are_seen())
		expect_sender(e, s->pid, 0, "proved");
	else
		expect_no_victim(e, 0);
	trap_expect_end(t);
}

/* By a packet socket in the victim's own namespace: no hook sees that. */
static void unseen_inside(void **state)
{
	struct space alone = {.name = "s0", .own4 = VICTIM4};
	struct forgery f = {.from = VICTIM4,
			    .port = 80,
			    .proto = IPPROTO_TCP,
			    .syn = true,
			    .packet = true};
	const struct send_arg c =
		SEND_TCP(HOLE, 80, .sport = PORT, .from = VICTIM4);
	struct sender *s, *forging;
	struct trap_run *t;
	json_t *e;

	(void)state;
	if (!spaces_are_seen())
		SKIP("no witness in other namespaces");
	open_hole();
	assert_true(space_open(&alone));
	hardware_address("vs0", f.mac);
	t = trap_start("--forward", HOLE, NULL);
	space_run(&alone, begin_connect, &c, &s);
	expect_sender(trap_event(t), s->pid, 0, "proved");
	space_run(&alone, forge, &f, &forging);
	e = forged_event(t, forging);
	expect_no_victim(e, s->pid);
	trap_stop(t, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(datagram_from_here),  e2e_test(attempt_from_here),
		e2e_test(udp_on_a_bridge),     e2e_test(tcp_on_a_bridge),
		e2e_test(segment_on_a_bridge), e2e_test(told_once),
		e2e_test(nobodys_address),     e2e_test(unseen_inside),
	};

	return e2e_main("forge", tests, sizeof(tests) / sizeof(tests[0]));
}
