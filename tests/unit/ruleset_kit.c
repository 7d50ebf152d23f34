/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ruleset_kit: what the tests of rulesets share. */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */
#include <stdio.h>	/* before libnftnl/expr.h, which lacks it */

#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nl.h"
#include "ruleset_kit.h"
#include "util.h"

#define F_OWNER 0x2

static bool have_netns;
static char listed[KIT_TEXT_MAX], printed[KIT_TEXT_MAX];

static struct target dns;
struct ruleset_config kit_config = {
	.targets = &dns, .ntargets = 1, .queue_num = KIT_QUEUE, .bypass = true};

void kit_need(bool has, const char *what)
{
	if (has)
		return;
	printf("# skip: %s\n", what);
	skip();
}

void kit_need_netns(void)
{
	kit_need(have_netns, "no network namespace (root needed)");
}

bool kit_has_nft(void)
{
	return system("command -v nft >/dev/null") == 0;
}

void kit_need_nft(void)
{
	kit_need_netns();
	kit_need(kit_has_nft(), "no nft");
	kit_need(getprotobynumber(IPPROTO_TCP), "no /etc/protocols");
}

/* ---------------------------------------- a kernel that lacks this and that */

struct kit_kernel kit_kernel;

int __real_nl_batch(struct nl *nl, const void *batch, size_t len,
		    uint32_t first_seq, unsigned n, uint32_t *failed_seq);
int __wrap_nl_batch(struct nl *nl, const void *batch, size_t len,
		    uint32_t first_seq, unsigned n, uint32_t *failed_seq);

static int refuse_table(const struct nlmsghdr *nlh)
{
	struct nftnl_table *t = nftnl_table_alloc();
	int err = 0;

	assert_int_equal(nftnl_table_nlmsg_parse(nlh, t), 0);
	if (kit_kernel.no_owner &&
	    nftnl_table_get_u32(t, NFTNL_TABLE_FLAGS) & F_OWNER)
		err = -EINVAL;
	nftnl_table_free(t);
	return err;
}

static int refuse_expr(struct nftnl_expr *e, void *data)
{
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);

	if ((kit_kernel.no_native && !strcmp(name, "queue")) ||
	    (kit_kernel.no_xt && !strcmp(name, "target")))
		*(int *)data = -ENOENT;
	return 0;
}

static int refuse_rule(const struct nlmsghdr *nlh)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	int err = 0;

	assert_int_equal(nftnl_rule_nlmsg_parse(nlh, r), 0);
	nftnl_expr_foreach(r, refuse_expr, &err);
	nftnl_rule_free(r);
	return err;
}

int __wrap_nl_batch(struct nl *nl, const void *batch, size_t len,
		    uint32_t first_seq, unsigned n, uint32_t *failed_seq)
{
	const struct nlmsghdr *nlh = batch;
	bool creates = false;
	int err = 0, left = (int)len;

	if (kit_kernel.again && kit_kernel.again--) {
		*failed_seq = first_seq;
		return -EAGAIN;
	}
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		int type = nlh->nlmsg_type & 0xff;

		if (nlh->nlmsg_seq - first_seq >= n)
			continue;
		if (type == NFT_MSG_NEWTABLE)
			err = refuse_table(nlh);
		else if (type == NFT_MSG_NEWRULE)
			err = refuse_rule(nlh);
		creates |= type == NFT_MSG_NEWTABLE;
		if (!err)
			continue;
		*failed_seq = nlh->nlmsg_seq;
		return err;
	}
	err = __real_nl_batch(nl, batch, len, first_seq, n, failed_seq);
	return !err && creates && kit_kernel.no_answer ? -ETIMEDOUT : err;
}

/* -------------------------------------------------------- the text of nft's */

/* What a command says; its status is returned. */
static int run(const char *command, char *text, size_t size)
{
	FILE *f = popen(command, "re");
	size_t len;

	assert_non_null(f);
	len = fread(text, 1, size - 1, f);
	text[len] = '\0';
	return pclose(f);
}

void kit_replace(char *text, const char *old, const char *new)
{
	size_t olen = strlen(old), nlen = strlen(new);

	while ((text = strstr(text, old))) {
		memcpy(text, new, nlen);
		memmove(text + nlen, text + olen, strlen(text + olen) + 1);
	}
}

/* Takes out what differs between runs and between versions of nft. */
static void normalise(char *text)
{
	char *comment = strstr(text, " # progname ");
	char *end = comment ? strchr(comment, '\n') : NULL;

	if (end && strchr(text, '\n') == end)
		memmove(comment, end, strlen(end) + 1);
	kit_replace(text, "tcp flags & (syn | ack) == syn",
		    "tcp flags syn / syn,ack");
}

const char *kit_print(const struct ruleset_config *cfg, enum ruleset_queue kind,
		      bool owner)
{
	struct strbuf out;

	strbuf_init(&out, printed, sizeof(printed));
	ruleset_print(cfg, kind, owner, &out);
	assert_false(out.truncated);
	return printed;
}

/* nft prints nothing for an xt target whose plugin (iptables has it) is
 * missing, but all else, even the blank before it. */
static void drop_xt_queue(void)
{
	static const char *const words[] = {" bypass\n", "queue num 40000\n"};

	if (strstr(listed, "queue num"))
		return;
	printf("# nft has no xt plugins: all but the queue is compared\n");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		kit_replace(printed, words[i], "\n");
}

/* Does nft list what we print, byte for byte? */
void kit_assert_listed(const struct ruleset *rs,
		       const struct ruleset_config *cfg)
{
	char command[64];

	snprintf(command, sizeof(command), "nft list table inet %s 2>/dev/null",
		 ruleset_name(rs));
	assert_int_equal(run(command, listed, sizeof(listed)), 0);
	normalise(listed);
	kit_print(cfg, ruleset_queue_kind(rs), ruleset_has_owner(rs));
	if (ruleset_queue_kind(rs) == RULESET_QUEUE_XT)
		drop_xt_queue();
	assert_string_equal(listed, printed);
}

void kit_read_nft_file(const char *name, char *text, size_t size)
{
	char path[4096], line[256];
	size_t len = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/nft/%s", SOURCE_ROOT, name);
	f = fopen(path, "re");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f) && len + sizeof(line) < size)
		if (line[0] != '#')
			len += (size_t)snprintf(text + len, size - len, "%s",
						line);
	fclose(f);
}

/* --------------------------------------------------------------- the tables */

bool kit_has_table(const char *name)
{
	char buf[256] __attribute__((aligned(8)));
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh;
	struct nl *nl;
	int err;

	assert_int_equal(nl_open(&nl, NETLINK_NETFILTER), 0);
	assert_non_null(t);
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, name);
	nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0,
				    nl_next_seq(nl));
	nftnl_table_nlmsg_build_payload(nlh, t);
	nftnl_table_free(t);
	err = nl_request(nl, nlh, NULL, NULL);
	nl_close(nl);
	assert_true(err == 0 || err == -ENOENT);
	return err == 0;
}

struct target kit_parse(const char *text, int proto)
{
	struct target_error err;
	struct target t;

	if (target_parse(text, proto, &t, &err))
		fail_msg("%s: %s", text, err.msg);
	return t;
}

struct ruleset *kit_install(const struct ruleset_config *cfg)
{
	struct ruleset_error error = {0};
	struct ruleset *rs = NULL;
	int err;

	kit_need_netns();
	err = ruleset_install(&rs, cfg, &error);
	kit_need(err != -EOPNOTSUPP, "no nf_tables or no NFQUEUE");
	if (err)
		fail_msg("%s: %s", error.what, strerror(-err));
	assert_true(kit_has_table(ruleset_name(rs)));
	return rs;
}

void kit_assert_refused(const struct ruleset_config *cfg, int expected,
			const char *what)
{
	struct ruleset_error error = {0};
	struct ruleset *rs = NULL;

	assert_int_equal(ruleset_install(&rs, cfg, &error), expected);
	assert_null(rs);
	assert_string_equal(error.what, what);
}

uint64_t kit_count(struct ruleset *rs)
{
	uint64_t total = 0;

	assert_int_equal(ruleset_read_counters(rs, &total, NULL), 0);
	return total;
}

void kit_check_listing(const struct ruleset_config *cfg)
{
	struct ruleset *rs = kit_install(cfg);

	kit_assert_listed(rs, cfg);
	ruleset_close(rs);
	assert_false(kit_has_table(KIT_NAME));
}

/* -------------------------------------------------------------- the packets */

socklen_t kit_address(const char *text, uint16_t port,
		      struct sockaddr_storage *ss)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	return ipaddr_to_sockaddr(&a, port, 0, ss);
}

int kit_open_socket(const char *at, uint16_t port, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = kit_address(at, port, &ss);
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* One datagram of a socket of its own; returns 0 or errno. */
int kit_send(const char *to, uint16_t port, int type, int protocol)
{
	static const char echo[8] = {8}; /* for ICMP: an echo request */
	struct sockaddr_storage ss;
	socklen_t len = kit_address(to, port, &ss);
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, protocol);
	int err = 0;

	assert_true(fd >= 0);
	if (sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&ss, len) < 0)
		err = errno;
	close(fd);
	return err;
}

int kit_send_udp(const char *to, uint16_t port)
{
	return kit_send(to, port, SOCK_DGRAM, 0);
}

/* A name's addresses, descending and each twice.  127.7.0.3 is the first. */
struct target kit_make_host(size_t n4, size_t n6)
{
	struct target t = kit_parse(":53", PROTO_ANY);
	struct ipnet v4 = kit_parse("127.0.0.1", PROTO_ANY).nets[0];
	struct ipnet v6 = kit_parse("2001:db8::1", PROTO_ANY).nets[0];

	for (size_t i = n4; i > 0; i--) {
		v4.addr.bytes[1] = (uint8_t)(i * 7);
		v4.addr.bytes[3] = (uint8_t)(i * 3);
		t.nets[t.nnets++] = v4;
	}
	for (size_t i = n6; i > 0; i--) {
		v6.addr.bytes[7] = (uint8_t)(i * 7);
		v6.addr.bytes[15] = (uint8_t)i;
		t.nets[t.nnets++] = v6;
	}
	return t;
}

/* A new network namespace, with lo up; the last test's goes. */
int kit_enter(void **state)
{
	struct ifreq ifr = {.ifr_name = "lo",
			    .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	(void)state;
	memset(&kit_kernel, 0, sizeof(kit_kernel));
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	dns = kit_parse("127.0.0.1:53", IPPROTO_UDP);
	have_netns = unshare(CLONE_NEWNET) == 0;
	if (!have_netns)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	have_netns = ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
	close(fd);
	return 0;
}
