/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_netns: which namespaces can have sent that, in a /proc of the test's
 * own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tree.h"

#include "netns.h"
#include "netns_route.h"
#include "nl.h"
#include "util.h"

/* Pids that are nobody's; a namespace is a file of its own here. */
#define PID   5000000
#define LINK  7
#define PEER  3
#define NSIDS 40 /* NSIDS + i is what ours calls the one of PID + i */

/* ---------------------------------------------------------- what it stands on
 */

static struct tree tree;
static struct netns *netns;

#define SPACES 4
static struct {
	int local;    /* has the address, or -errno */
	bool closed;  /* to us */
	bool watched; /* the program can be attached */
} spaces[SPACES];
static unsigned nentered, nasked;
static struct netns_link device, there; /* and its other end */
static int forwards6;

/* Which one a socket is of: the first that was entered has the first, ... */
struct nl {
	unsigned number;
};

static struct nl nls[2 + 4 * SPACES];
static unsigned nnls;

int nl_open(struct nl **nl, int bus)
{
	(void)bus;
	*nl = &nls[0];
	return 0;
}

int nl_open_fd(struct nl **nl, int fd)
{
	*nl = &nls[++nnls];
	(*nl)->number = (unsigned)fd;
	return 0;
}

void nl_close(struct nl *nl)
{
	(void)nl;
}

struct mnl_socket *nl_socket(struct nl *nl)
{
	(void)nl;
	return NULL;
}

int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	static int fd = -1;

	(void)nl;
	if (fd < 0)
		fd = eventfd(0, EFD_CLOEXEC);
	return fd;
}

int netns_route_watch_links(struct nl *nl)
{
	(void)nl;
	return 0;
}

void netns_route_drain(struct nl *nl)
{
	(void)nl;
}

int netns_route_is_local(struct nl *nl, const struct ipaddr *a)
{
	(void)a;
	nasked++;
	return spaces[nl->number].local;
}

int netns_route_read_link(struct nl *nl, uint32_t ifindex,
			  struct netns_link *link)
{
	(void)nl;
	*link = ifindex == LINK ? device : there;
	return ifindex == LINK || ifindex == PEER ? 0 : -ENODEV;
}

int netns_route_forwards6(struct nl *nl)
{
	(void)nl;
	return forwards6;
}

int netns_route_read_id(struct nl *nl, int ns_fd, int32_t *nsid)
{
	char link[64], path[128];
	ssize_t n;
	int pid;

	(void)nl;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", ns_fd);
	n = readlink(link, path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	assert_int_equal(sscanf(path + strlen(tree.path), "/%d/", &pid), 1);
	*nsid = NSIDS + pid - PID;
	return 0;
}

static int helper_fd = -1;

pid_t netns_helper_pid(const struct netns_helper *h)
{
	(void)h;
	return 1;
}

int netns_helper_fd(const struct netns_helper *h)
{
	(void)h;
	if (helper_fd < 0)
		helper_fd = eventfd(0, EFD_CLOEXEC);
	return helper_fd;
}

bool netns_helper_is_lost(const struct netns_helper *h)
{
	(void)h;
	return false;
}

int netns_helper_enter(struct netns_helper *h, int ns_fd,
		       struct netns_sockets *s)
{
	unsigned i = nentered++;

	(void)h, (void)ns_fd;
	if (spaces[i].closed)
		return -EPERM;
	s->route = (int)i;
	s->diag = -1;
	return 0;
}

int netns_helper_attach(struct netns_helper *h, int ns_fd, int prog_fd,
			int links[NETNS_HELPER_LINKS])
{
	(void)h, (void)ns_fd, (void)prog_fd;
	links[0] = links[1] = -1;
	return spaces[nentered].watched ? 2 : -EBUSY;
}

int sockowner_add_net(struct sockowner *so, uint64_t net, int diag,
		      const int tables[4])
{
	(void)so, (void)net, (void)diag, (void)tables;
	return 0;
}

void sockowner_remove_net(struct sockowner *so, uint64_t net)
{
	(void)so, (void)net;
}

/* -------------------------------------------------------------------- a world
 */

static int set_up(void **state)
{
	(void)state;
	memset(spaces, 0, sizeof(spaces));
	for (int i = 0; i < SPACES; i++)
		spaces[i].watched = true;
	device = there = (struct netns_link){.nsid = -1};
	forwards6 = 0;
	nentered = nnls = nasked = 0;
	tree_open(&tree);
	tree_text(&tree, "self/ns/net", "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	netns_close(netns);
	netns = NULL;
	tree_close(&tree);
	return 0;
}

/* Processes in n namespaces of their own. */
static void begin(int n)
{
	struct netns_config cfg = {.proc_rootfd = tree.fd, .prog_fd = 3};
	char name[64];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%d/ns/net", PID + i);
		tree_text(&tree, name, "");
	}
	assert_int_equal(netns_open(&netns, &cfg), 0);
	assert_int_equal(netns_stats(netns)->known, n);
}

/* Of a number: an address of its own each, so that nothing is known of it. */
static struct netns_origin find(uint8_t number)
{
	struct ipaddr a = {.family = AF_INET, .bytes = {10, 0, 0, number}};
	struct netns_origin o;

	netns_find_origin(netns, &a, LINK, &o);
	return o;
}

/* A bridge: whoever has the address. */
static void test_shared(void **state)
{
	struct netns_origin o;

	(void)state;
	begin(3);
	spaces[1].local = 1;
	o = find(1);
	assert_int_equal(o.n, 1);
	assert_true(o.sure && o.shared && o.watched && !o.outside);
	assert_int_equal(o.device, 0);
	spaces[2].local = 1;
	o = find(2);
	assert_int_equal(o.n, 2);
	/* Who has it is asked once a second. */
	nasked = 0;
	find(2);
	assert_int_equal(nasked, 0);
}

/* A veth straight into one: no other one counts. */
static void test_straight(void **state)
{
	struct netns_origin o;

	(void)state;
	begin(2);
	spaces[0].local = spaces[1].local = 1;
	for (int i = 0; i < 2; i++) {
		device = (struct netns_link){.kind = NETNS_LINK_PEER,
					     .nsid = NSIDS + i,
					     .peer = PEER};
		netns_close(netns);
		nentered = nnls = 0;
		begin(2);
		o = find(1);
		assert_int_equal(o.n, 1);
		assert_true(o.sure && !o.shared);
		assert_int_equal(o.device, PEER);
	}
}

/* As long as that one lets nobody send through it with its address. */
static void test_let_through(void **state)
{
	const struct ipaddr six = {.family = AF_INET6, .bytes = {0xfd}};
	struct netns_origin o;

	(void)state;
	spaces[0].watched = false;
	spaces[0].local = 1;
	begin(1);
	device = (struct netns_link){
		.kind = NETNS_LINK_PEER, .nsid = NSIDS, .peer = PEER};
	assert_false(find(1).shared);
	there.port = true;
	assert_true(find(1).shared);
	there.port = false;
	forwards6 = 1;
	assert_false(find(1).shared);
	netns_find_origin(netns, &six, LINK, &o);
	assert_true(o.shared);
	forwards6 = 0;
	netns_find_origin(netns, &six, LINK, &o);
	assert_false(o.shared);
	/* Not known. */
	forwards6 = -ETIMEDOUT;
	netns_find_origin(netns, &six, LINK, &o);
	assert_true(o.shared);
}

/* Through it, from one behind it. */
static void test_behind(void **state)
{
	struct netns_origin o;

	(void)state;
	begin(1);
	device = (struct netns_link){.kind = NETNS_LINK_PEER, .nsid = NSIDS};
	o = find(1);
	assert_int_equal(o.n, 0);
	assert_true(o.shared && o.sure);
}

static void test_outside(void **state)
{
	struct netns_origin o;

	(void)state;
	begin(1);
	spaces[0].local = 1;
	device.kind = NETNS_LINK_OUTSIDE;
	o = find(1);
	assert_true(o.outside);
	assert_int_equal(o.n, 0);
}

/* One that does not answer may have the address, too; it is asked again. */
static void test_no_answer(void **state)
{
	struct netns_origin o;

	(void)state;
	begin(2);
	spaces[0].local = 1;
	spaces[1].local = -ENOBUFS;
	o = find(1);
	assert_int_equal(o.n, 1);
	assert_false(o.sure);
	spaces[1].local = 1;
	o = find(1);
	assert_int_equal(o.n, 2);
	assert_true(o.sure);
}

/* Nor does the one at the other end of a veth. */
static void test_no_answer_there(void **state)
{
	struct netns_origin o;

	(void)state;
	begin(1);
	device = (struct netns_link){.kind = NETNS_LINK_PEER, .nsid = NSIDS};
	find(1);
	spaces[0].local = -ETIMEDOUT;
	o = find(1);
	assert_int_equal(o.n, 0);
	assert_false(o.sure);
}

static void test_closed(void **state)
{
	(void)state;
	spaces[0].closed = true;
	spaces[1].watched = false;
	begin(2);
	assert_false(find(1).sure);
	assert_int_equal(netns_stats(netns)->closed, 1);
	assert_int_equal(netns_stats(netns)->crowded, 0);
	assert_false(netns_watches_all(netns, UINT64_MAX));
}

static void test_unwatched(void **state)
{
	uint64_t before = util_now_us();

	(void)state;
	begin(2);
	assert_true(netns_watches_all(netns, util_now_us()));
	assert_false(netns_watches_all(netns, before - 1));
	tear_down(state);
	set_up(state);
	spaces[1].watched = false;
	spaces[0].local = spaces[1].local = 1;
	begin(2);
	assert_false(find(1).watched);
	assert_false(netns_watches_all(netns, util_now_us()));
	assert_int_equal(netns_stats(netns)->unwatched, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_straight, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_let_through, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_outside, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_no_answer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_no_answer_there, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unwatched, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
