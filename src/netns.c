/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns: the other network namespaces of this machine, and which one sent that.
 */
#include "netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netns_route.h"
#include "nl.h"
#include "procfs.h"
#include "util.h"

/* Between two lists at least, whatever happens. */
#define GAP_US (50 * UTIL_MS)
/* Nothing tells of a process that leaves its namespace (setns): until the next
 * list it is kept. */
#define PERIOD_US (2 * UTIL_SEC)
/* Addresses may come and go; netns.h says what that means. */
#define OWNERS_US UTIL_SEC

#define LINKS_MAX  64
#define OWNERS_MAX 256
#define EVENTS_MAX 16

enum slot { SLOT_LINKS = NETNS_MAX, SLOT_HELPER };

struct space {
	uint64_t id; /* 0: not in use */
	uint32_t inode;
	int ns_fd;
	int pidfd;     /* of a process in it; -1: it has ended */
	pid_t pid;     /* that was in it when last seen, */
	uint64_t seen; /* at that list */
	struct nl *nl; /* NULL: it is closed to us */
	int32_t nsid;  /* -1: not known, or none */
	int links[NETNS_HELPER_LINKS];
	uint64_t watched_us; /* 0: the program is not there */
};

struct known_link {
	uint32_t ifindex; /* 0: not in use */
	struct netns_link link;
};

/* Who has an address: a bit for each namespace. */
struct owners {
	struct ipaddr addr;
	uint64_t until_us, generation;
	uint64_t mask[NETNS_MAX / 64];
};

struct netns {
	struct netns_config cfg;
	uint32_t own_inode;
	int epoll_fd;
	struct nl *nl, *watch; /* of our own namespace */
	bool blind;
	uint64_t last_id;
	uint64_t generation; /* counts what came and went */
	DIR *dir;	     /* NULL: no list is being made */
	uint64_t list, listed;
	bool due;
	uint64_t started_us;
	bool crowded; /* the last list had more than there is room for */
	bool crowding;
	unsigned nclosed;
	struct netns_stats stats;
	struct known_link links[LINKS_MAX];
	struct owners owners[OWNERS_MAX];
	struct space spaces[NETNS_MAX];
};

/* ---------------------------------------------------------- one comes or goes
 */

static int watch_fd(struct netns *n, int fd, uint32_t slot)
{
	struct epoll_event ev = {.events = EPOLLIN, .data = {.u32 = slot}};

	return epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

/* Its end is the namespace's, if nobody else is in it. */
static void follow(struct netns *n, struct space *s, pid_t pid)
{
	if (s->pidfd >= 0)
		return;
	s->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (s->pidfd < 0 ||
	    watch_fd(n, s->pidfd, (uint32_t)(s - n->spaces)) < 0)
		n->due = true;
}

static void drop_pidfd(struct space *s)
{
	if (s->pidfd >= 0)
		close(s->pidfd);
	s->pidfd = -1;
}

static void forget(struct netns *n, struct space *s)
{
	sockowner_remove_net(n->cfg.sockowner, s->id);
	if (s->nl == NULL)
		n->nclosed--;
	nl_close(s->nl);
	for (size_t i = 0; i < NETNS_HELPER_LINKS; i++)
		if (s->links[i] >= 0)
			close(s->links[i]);
	drop_pidfd(s);
	close(s->ns_fd);
	s->id = 0;
	n->generation++;
	n->stats.known--;
}

static void attach(struct netns *n, struct space *s)
{
	if (n->cfg.prog_fd < 0)
		return;
	if (netns_helper_attach(n->cfg.helper, s->ns_fd, n->cfg.prog_fd,
				s->links) > 0)
		s->watched_us = util_now_us();
	else
		n->stats.unwatched++;
}

/* The program first: once the namespace can be asked for, what it sends has
 * been seen. */
static int enter(struct netns *n, struct space *s)
{
	struct netns_sockets made;
	int err;

	attach(n, s);
	err = netns_helper_enter(n->cfg.helper, s->ns_fd, &made);
	if (err < 0)
		return err;
	err = nl_open_fd(&s->nl, made.route);
	if (err == 0)
		return sockowner_add_net(n->cfg.sockowner, s->id, made.diag,
					 made.tables);
	close(made.diag);
	for (size_t i = 0; i < NETNS_HELPER_TABLES; i++)
		if (made.tables[i] >= 0)
			close(made.tables[i]);
	return err;
}

static struct space *room(struct netns *n)
{
	for (size_t i = 0; i < NETNS_MAX; i++)
		if (n->spaces[i].id == 0)
			return &n->spaces[i];
	return NULL;
}

/* The number may be another process's by now: what is open is looked at. */
static int open_space(struct netns *n, pid_t pid, uint32_t *inode)
{
	char name[32];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%d/ns/net", pid);
	fd = openat(n->cfg.proc_rootfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_ino != n->own_inode) {
		*inode = (uint32_t)st.st_ino;
		return fd;
	}
	close(fd);
	return -ESRCH;
}

static void add(struct netns *n, pid_t pid)
{
	struct space *s = room(n);
	uint32_t inode = 0;
	int fd;

	if (s == NULL) {
		n->crowding = true;
		return;
	}
	fd = open_space(n, pid, &inode);
	if (fd < 0)
		return;
	*s = (struct space){
		.id = ++n->last_id,
		.inode = inode,
		.ns_fd = fd,
		.pidfd = -1,
		.pid = pid,
		.seen = n->list,
		.nsid = -1,
		.links = {-1, -1},
	};
	n->stats.known++;
	n->generation++;
	if (enter(n, s) < 0) {
		nl_close(s->nl);
		s->nl = NULL;
		n->nclosed++;
		n->stats.closed++;
	}
	follow(n, s, pid);
}

/* ------------------------------------------------------------------ the list
 */

static struct space *find_inode(struct netns *n, uint64_t inode)
{
	for (size_t i = 0; i < NETNS_MAX; i++)
		if (n->spaces[i].id != 0 && n->spaces[i].inode == inode)
			return &n->spaces[i];
	return NULL;
}

static void look_at(struct netns *n, pid_t pid)
{
	struct space *s;
	struct stat st;
	char name[32];

	if (pid == netns_helper_pid(n->cfg.helper))
		return;
	snprintf(name, sizeof(name), "%d/ns/net", pid);
	if (fstatat(n->cfg.proc_rootfd, name, &st, 0) < 0 ||
	    st.st_ino == n->own_inode)
		return;
	s = find_inode(n, st.st_ino);
	if (s == NULL) {
		add(n, pid);
		return;
	}
	s->seen = n->list;
	s->pid = pid;
	follow(n, s, pid);
}

static void end_list(struct netns *n)
{
	closedir(n->dir);
	n->dir = NULL;
	for (size_t i = 0; i < NETNS_MAX; i++)
		if (n->spaces[i].id != 0 && n->spaces[i].seen != n->list)
			forget(n, &n->spaces[i]);
	n->crowded = n->crowding;
	n->stats.crowded += n->crowding;
	n->listed = n->list;
}

static void begin_list(struct netns *n)
{
	n->due = n->crowding = false;
	n->started_us = util_now_us();
	n->dir = procfs_opendir(n->cfg.proc_rootfd, ".");
	if (n->dir != NULL)
		n->list++;
}

static void go_on(struct netns *n, uint64_t until_us)
{
	uint64_t pid;

	do {
		if (procfs_next_number(n->dir, &pid) <= 0) {
			end_list(n);
			return;
		}
		look_at(n, (pid_t)pid);
	} while (util_now_us() < until_us);
}

/* ------------------------------------------------------------------ the step
 */

static void take_event(struct netns *n, uint32_t slot)
{
	if (slot == SLOT_HELPER) {
		n->blind = true;
		epoll_ctl(n->epoll_fd, EPOLL_CTL_DEL,
			  netns_helper_fd(n->cfg.helper), NULL);
		return;
	}
	n->due = true;
	if (slot < NETNS_MAX) {
		drop_pidfd(&n->spaces[slot]);
		return;
	}
	netns_route_drain(n->watch);
	memset(n->links, 0, sizeof(n->links));
}

static void take_events(struct netns *n)
{
	struct epoll_event events[EVENTS_MAX];
	int got = epoll_wait(n->epoll_fd, events, EVENTS_MAX, 0);

	for (int i = 0; i < got; i++)
		take_event(n, events[i].data.u32);
}

/* When the next list is due. */
static uint64_t next_list(const struct netns *n)
{
	if (n->due)
		return n->started_us + GAP_US;
	return n->stats.known > 0 ? n->started_us + PERIOD_US : UINT64_MAX;
}

void netns_step(struct netns *n, uint64_t until_us)
{
	take_events(n);
	if (n->dir == NULL && util_now_us() >= next_list(n))
		begin_list(n);
	if (n->dir != NULL)
		go_on(n, until_us);
}

uint64_t netns_deadline(const struct netns *n)
{
	return n->dir != NULL ? 0 : next_list(n);
}

int netns_fd(const struct netns *n)
{
	return n->epoll_fd;
}

bool netns_is_blind(const struct netns *n)
{
	return n->blind || netns_helper_is_lost(n->cfg.helper);
}

uint64_t netns_refresh(struct netns *n)
{
	if (netns_is_blind(n))
		return 0;
	n->due = true;
	return n->list + 1;
}

uint64_t netns_listed(const struct netns *n)
{
	return n->listed;
}

const struct netns_stats *netns_stats(const struct netns *n)
{
	return &n->stats;
}

/* ---------------------------------------------------------------- the origin
 */

static const struct netns_link *find_link(struct netns *n, uint32_t ifindex)
{
	static const struct netns_link none = {.nsid = -1};
	struct known_link *l = &n->links[ifindex % LINKS_MAX];

	if (ifindex == 0)
		return &none;
	if (l->ifindex == ifindex)
		return &l->link;
	if (netns_route_read_link(n->nl, ifindex, &l->link) < 0) {
		l->ifindex = 0;
		return &none;
	}
	l->ifindex = ifindex;
	return &l->link;
}

/* A number stays as long as its namespace, which stays as long as it is open
 * here. */
static struct space *find_nsid(struct netns *n, int32_t nsid)
{
	struct space *found = NULL;

	for (size_t i = 0; i < NETNS_MAX && found == NULL; i++)
		if (n->spaces[i].id != 0 && n->spaces[i].nsid == nsid)
			found = &n->spaces[i];
	for (size_t i = 0; i < NETNS_MAX && found == NULL; i++) {
		struct space *s = &n->spaces[i];

		if (s->id == 0 || s->nsid >= 0 ||
		    netns_route_read_id(n->nl, s->ns_fd, &s->nsid) < 0)
			continue;
		if (s->nsid == nsid)
			found = s;
	}
	return found;
}

/* 1 yes, 0 no, -errno. */
static int is_local(const struct space *s, const struct ipaddr *a)
{
	return s->id != 0 && s->nl != NULL ? netns_route_is_local(s->nl, a) : 0;
}

static const struct owners *find_owners(struct netns *n, const struct ipaddr *a)
{
	struct owners *o = &n->owners[util_hash(a, sizeof(*a)) % OWNERS_MAX];
	uint64_t now = util_now_us();

	if (ipaddr_equal(&o->addr, a) && now < o->until_us &&
	    o->generation == n->generation + n->listed)
		return o;
	*o = (struct owners){.addr = *a,
			     .generation = n->generation + n->listed,
			     .until_us = now + OWNERS_US};
	for (size_t i = 0; i < NETNS_MAX; i++) {
		int local = is_local(&n->spaces[i], a);

		if (local == 1)
			o->mask[i / 64] |= 1ULL << i % 64;
		/* Asked again at once. */
		if (local < 0)
			o->until_us = 0;
	}
	return o;
}

static void add_origin(struct netns_origin *o, const struct space *s)
{
	if (o->n == NETNS_ORIGIN_MAX) {
		o->sure = false;
		return;
	}
	o->list[o->n].id = s->id;
	o->list[o->n].inode = s->inode;
	o->n++;
	o->watched = o->watched && s->watched_us != 0;
	if (s->watched_us > o->watched_us)
		o->watched_us = s->watched_us;
}

static void add_owners(struct netns *n, const struct ipaddr *saddr,
		       struct netns_origin *o)
{
	const struct owners *owners = find_owners(n, saddr);

	o->shared = true;
	o->sure = !n->crowded && n->nclosed == 0 && owners->until_us != 0;
	for (size_t i = 0; i < NETNS_MAX; i++)
		if ((owners->mask[i / 64] >> i % 64 & 1) != 0)
			add_origin(o, &n->spaces[i]);
}

/* Can another one send through it with its own address?  By a bridge there, and
 * by IPv6, which forwards from whatever address (ip6_forward); IPv4 takes none
 * of its own from elsewhere (fib_validate_source). */
static bool lets_through(const struct space *s, uint32_t dev,
			 const struct ipaddr *saddr)
{
	struct netns_link link;

	if (netns_route_read_link(s->nl, dev, &link) < 0 || link.port)
		return true;
	return saddr->family == AF_INET6 && netns_route_forwards6(s->nl) != 0;
}

void netns_find_origin(struct netns *n, const struct ipaddr *saddr,
		       uint32_t indev, struct netns_origin *o)
{
	const struct netns_link *link = find_link(n, indev);
	const struct space *via;
	int local;

	*o = (struct netns_origin){.watched = true, .sure = true};
	o->outside = link->kind == NETNS_LINK_OUTSIDE;
	if (o->outside)
		return;
	if (link->kind == NETNS_LINK_OTHER) {
		add_owners(n, saddr, o);
		return;
	}
	via = find_nsid(n, link->nsid);
	if (via == NULL)
		return;
	local = is_local(via, saddr);
	if (local == 1) {
		add_origin(o, via);
		o->device = link->peer;
		/* Where it is watched that would be seen. */
		o->shared = !o->watched && lets_through(via, link->peer, saddr);
		return;
	}
	/* It forwards for one behind it. */
	add_owners(n, saddr, o);
	o->sure = o->sure && local == 0;
}

bool netns_watches_all(const struct netns *n, uint64_t since_us)
{
	if (n->crowded || n->nclosed > 0 || netns_is_blind(n))
		return false;
	for (size_t i = 0; i < NETNS_MAX; i++) {
		const struct space *s = &n->spaces[i];

		if (s->id != 0 &&
		    (s->watched_us == 0 || s->watched_us > since_us))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------- open and close */

static int open_own(struct netns *n)
{
	struct stat st;
	int err;

	if (fstatat(n->cfg.proc_rootfd, "self/ns/net", &st, 0) < 0)
		return -errno;
	n->own_inode = (uint32_t)st.st_ino;
	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll_fd < 0)
		return -errno;
	err = nl_open(&n->nl, NETLINK_ROUTE);
	if (err == 0)
		err = nl_open(&n->watch, NETLINK_ROUTE);
	if (err == 0)
		err = netns_route_watch_links(n->watch);
	if (err == 0)
		err = watch_fd(n, mnl_socket_get_fd(nl_socket(n->watch)),
			       SLOT_LINKS);
	if (err == 0)
		err = watch_fd(n, netns_helper_fd(n->cfg.helper), SLOT_HELPER);
	return err;
}

int netns_open(struct netns **out, const struct netns_config *cfg)
{
	struct netns *n = calloc(1, sizeof(*n));
	int err;

	if (n == NULL)
		return -ENOMEM;
	n->cfg = *cfg;
	n->epoll_fd = -1;
	err = open_own(n);
	if (err < 0) {
		netns_close(n);
		return err;
	}
	begin_list(n);
	while (n->dir != NULL)
		go_on(n, UINT64_MAX);
	*out = n;
	return 0;
}

void netns_close(struct netns *n)
{
	if (n == NULL)
		return;
	if (n->dir != NULL)
		closedir(n->dir);
	for (size_t i = 0; i < NETNS_MAX; i++)
		if (n->spaces[i].id != 0)
			forget(n, &n->spaces[i]);
	nl_close(n->nl);
	nl_close(n->watch);
	if (n->epoll_fd >= 0)
		close(n->epoll_fd);
	free(n);
}
