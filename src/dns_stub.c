/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_stub: does a process that asks DNS questions answer them, too? */
#include "dns_stub.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "sockdiag.h"
#include "util.h"

#define KEPT_US	    UTIL_SEC
#define SOCKETS_MAX 64
/* Servers open their sockets first; one may have thousands of others. */
#define FDS_MAX 1024

struct dns_stub {
	struct sockdiag *sd;
	int rootfd;
	uint64_t kept_until;
	struct sockdiag_row rows[SOCKETS_MAX]; /* who serves at the port */
	size_t nrows;
	pid_t pid; /* the process last looked at, with these; 0: none */
	uint64_t starttime;
	bool found;
	struct ipaddr addr;
};

int dns_stub_open(struct dns_stub **out, int proc_rootfd)
{
	struct dns_stub *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return -ENOMEM;
	s->rootfd = proc_rootfd;
	err = sockdiag_open(&s->sd);
	if (err < 0) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void dns_stub_close(struct dns_stub *s)
{
	if (s == NULL)
		return;
	sockdiag_close(s->sd);
	free(s);
}

/* A client that sends from port 53 has a peer, or is told apart by who calls.
 */
static bool is_serving(const struct sockdiag_row *row)
{
	return row->inode != 0 && row->remote_port == 0;
}

static void list_sockets(struct dns_stub *s)
{
	int n = sockdiag_list_port(s->sd, IPPROTO_UDP, DNS_STUB_PORT, s->rows,
				   SOCKETS_MAX);
	size_t kept = 0;

	if (n < 0)
		n = 0;
	if (n > SOCKETS_MAX)
		n = SOCKETS_MAX;
	for (int i = 0; i < n; i++)
		if (is_serving(&s->rows[i]))
			s->rows[kept++] = s->rows[i];
	s->nrows = kept;
}

static struct ipaddr loopback(uint8_t family)
{
	static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};

	return ipaddr_from_bytes(family, family == AF_INET6 ? v6 : v4);
}

static bool is_loopback(const struct ipaddr *a)
{
	struct ipaddr six = loopback(AF_INET6);

	return a->family == AF_INET ? a->bytes[0] == 127
				    : ipaddr_equal(a, &six);
}

/* The better one to ask: on loopback, of IPv4, with the lower number. */
static bool is_better(const struct ipaddr *a, const struct ipaddr *b)
{
	if (is_loopback(a) != is_loopback(b))
		return is_loopback(a);
	if (a->family != b->family)
		return a->family == AF_INET;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) < 0;
}

static void add_socket(struct dns_stub *s, const struct sockdiag_row *row)
{
	struct ipaddr a = row->local;

	if (ipaddr_is_any(&a))
		a = loopback(row->family == AF_INET6 && row->v6only ? AF_INET6
								    : AF_INET);
	if (!s->found || is_better(&a, &s->addr))
		s->addr = a;
	s->found = true;
}

static void look_at_fd(struct dns_stub *s, int dirfd, uint64_t fd)
{
	char name[32], link[64];
	uint64_t inode;
	ssize_t n;

	snprintf(name, sizeof(name), "fd/%llu", (unsigned long long)fd);
	n = procfs_readlink(dirfd, name, link, sizeof(link));
	inode = n > 0 ? procfs_parse_socket_link(link, (size_t)n) : 0;
	for (size_t i = 0; inode != 0 && i < s->nrows; i++)
		if (s->rows[i].inode == inode)
			add_socket(s, &s->rows[i]);
}

static void look_at_fds(struct dns_stub *s, int dirfd)
{
	DIR *dir = procfs_opendir(dirfd, "fd");
	uint64_t fd;

	if (dir == NULL)
		return;
	for (int i = 0; i < FDS_MAX && procfs_next_number(dir, &fd) == 1; i++)
		look_at_fd(s, dirfd, fd);
	closedir(dir);
}

static void look_at_process(struct dns_stub *s, pid_t pid, uint64_t starttime)
{
	int dirfd = procfs_open_pid(s->rootfd, pid);
	struct procfs_stat st;

	if (dirfd < 0)
		return;
	if (procfs_read_stat(dirfd, &st) == 0 && st.starttime == starttime)
		look_at_fds(s, dirfd);
	close(dirfd);
}

bool dns_stub_find(struct dns_stub *s, pid_t pid, uint64_t starttime,
		   struct ipaddr *addr)
{
	uint64_t now = util_now_us();

	if (now >= s->kept_until) {
		list_sockets(s);
		s->kept_until = now + KEPT_US;
		s->pid = 0;
	}
	if (s->pid != pid || s->starttime != starttime) {
		s->found = false;
		s->pid = pid;
		s->starttime = starttime;
		if (s->nrows > 0)
			look_at_process(s, pid, starttime);
	}
	*addr = s->addr;
	return s->found;
}
