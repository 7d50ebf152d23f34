/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns_helper: a process of ours that enters other network namespaces. */
#include "netns_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "witness_hook.h"

/* It answers in microseconds, on a busy machine in tens of milliseconds;
 * packets may be held meanwhile. */
#define PATIENCE_SEC 1

#define FDS_MAX	  8
#define SOCKET_FD 3 /* in the helper */

enum op { OP_ENTER, OP_ATTACH };

/* Descriptors come along: of a question the namespace, and the program; of an
 * answer those of which a bit is set. */
struct question {
	uint32_t op, number;
};

struct answer {
	uint32_t number;
	int32_t result;
	uint32_t present;
};

struct netns_helper {
	int fd, pidfd; /* pidfd -1: before Linux 5.3 */
	pid_t pid;
	uint32_t number; /* of the last question */
	bool lost;
};

/* ------------------------------------------------------------- descriptors */

union control {
	struct cmsghdr align;
	char mem[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

static int send_message(int to, void *mem, size_t len, const int *fds, size_t n)
{
	union control c = {0};
	struct iovec iov = {mem, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg = &c.align;

	if (n > 0) {
		msg.msg_control = c.mem;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void close_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* How many descriptors came along, or -errno; -EPIPE: the end. */
static int receive_message(int from, void *mem, size_t len, int fds[FDS_MAX])
{
	union control c = {0};
	struct iovec iov = {mem, len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = c.mem,
			     .msg_controllen = sizeof(c.mem)};
	struct cmsghdr *cmsg;
	size_t n = 0;
	ssize_t got;

	do
		got = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS) {
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
	}
	if (got == (ssize_t)len)
		return (int)n;
	close_fds(fds, n);
	return got == 0 ? -EPIPE : -EBADMSG;
}

/* --------------------------------------------------------------- the helper */

static int make_sockets(int fds[FDS_MAX])
{
	static const char *const tables[NETNS_HELPER_TABLES] = {
		"/proc/self/net/icmp", "/proc/self/net/icmp6",
		"/proc/self/net/raw", "/proc/self/net/raw6"};

	fds[0] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fds[0] < 0)
		return -errno;
	fds[1] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fds[1] < 0)
		return -errno;
	for (size_t i = 0; i < NETNS_HELPER_TABLES; i++)
		fds[2 + i] = open(tables[i], O_RDONLY | O_CLOEXEC);
	return 0;
}

static int work(const struct question *q, const int *given, size_t ngiven,
		int fds[FDS_MAX])
{
	if (ngiven == 0 || setns(given[0], CLONE_NEWNET) < 0)
		return ngiven == 0 ? -EINVAL : -errno;
	switch ((enum op)q->op) {
	case OP_ENTER:
		return make_sockets(fds);
	case OP_ATTACH:
		return ngiven == 2 ? witness_hook_attach(given[1], false, fds)
				   : -EINVAL;
	}
	return -EINVAL;
}

static int answer(const struct question *q, int result, const int fds[FDS_MAX])
{
	struct answer a = {.number = q->number, .result = result};
	int list[FDS_MAX];
	size_t n = 0;

	for (unsigned i = 0; result >= 0 && i < FDS_MAX; i++) {
		if (fds[i] < 0)
			continue;
		a.present |= 1U << i;
		list[n++] = fds[i];
	}
	return send_message(SOCKET_FD, &a, sizeof(a), list, n);
}

/* Without its own namespace it would keep another one alive. */
static void serve(int home)
{
	int fds[FDS_MAX], given[FDS_MAX], n, err;
	struct question q;

	for (;;) {
		n = receive_message(SOCKET_FD, &q, sizeof(q), given);
		if (n < 0)
			return;
		for (size_t i = 0; i < FDS_MAX; i++)
			fds[i] = -1;
		err = work(&q, given, (size_t)n, fds);
		if (setns(home, CLONE_NEWNET) < 0)
			return;
		err = answer(&q, err, fds);
		close_fds(fds, FDS_MAX);
		close_fds(given, (size_t)n);
		if (err < 0)
			return;
	}
}

/* What ends the program at the terminal ends it through us. */
static void run_helper(int fd, pid_t parent)
{
	sigset_t set;
	int home;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || (fd != SOCKET_FD && dup2(fd, SOCKET_FD) < 0))
		_exit(1);
	close_range(SOCKET_FD + 1, ~0U, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home >= 0)
		serve(home);
	_exit(0);
}

/* -------------------------------------------------------------------- ours */

int netns_helper_open(struct netns_helper **out)
{
	struct netns_helper *h = calloc(1, sizeof(*h));
	const struct timeval patience = {.tv_sec = PATIENCE_SEC};
	pid_t parent = getpid();
	int pair[2], err;

	if (h == NULL)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		err = -errno;
		free(h);
		return err;
	}
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	h->fd = pair[0];
	h->pid = fork();
	err = h->pid < 0 ? -errno : 0;
	if (h->pid == 0)
		run_helper(pair[1], parent);
	close(pair[1]);
	if (err < 0) {
		close(h->fd);
		free(h);
		return err;
	}
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	*out = h;
	return 0;
}

/* Who reaps all children (the commands') may have reaped it, and its number may
 * be another's by now. */
static void end_helper(struct netns_helper *h)
{
	if (h->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
}

void netns_helper_close(struct netns_helper *h)
{
	if (h == NULL)
		return;
	close(h->fd);
	end_helper(h);
	if (h->pidfd >= 0)
		close(h->pidfd);
	waitpid(h->pid, NULL, 0);
	free(h);
}

pid_t netns_helper_pid(const struct netns_helper *h)
{
	return h->pid;
}

int netns_helper_fd(const struct netns_helper *h)
{
	return h->fd;
}

bool netns_helper_is_lost(const struct netns_helper *h)
{
	return h->lost;
}

/* Of an answer that came too late nobody wants anything. */
static int receive_answer(struct netns_helper *h, struct answer *a,
			  int fds[FDS_MAX])
{
	int n = receive_message(h->fd, a, sizeof(*a), fds);

	while (n >= 0 && a->number != h->number) {
		close_fds(fds, (size_t)n);
		n = receive_message(h->fd, a, sizeof(*a), fds);
	}
	return n;
}

/* Once it has not answered it is not waited for again: what is on its way to it
 * or from it would keep a namespace alive. */
static void lose(struct netns_helper *h)
{
	h->lost = true;
	shutdown(h->fd, SHUT_RDWR);
	end_helper(h);
}

static int ask(struct netns_helper *h, enum op op, const int *given,
	       size_t ngiven, int fds[FDS_MAX])
{
	struct question q = {.op = op, .number = ++h->number};
	struct answer a = {0};
	int list[FDS_MAX], n, next = 0;

	for (size_t i = 0; i < FDS_MAX; i++)
		fds[i] = -1;
	n = h->lost ? -EPIPE
		    : send_message(h->fd, &q, sizeof(q), given, ngiven);
	if (n == 0)
		n = receive_answer(h, &a, list);
	if (n < 0) {
		if (!h->lost)
			lose(h);
		return -EPIPE;
	}
	for (unsigned i = 0; i < FDS_MAX; i++)
		if ((a.present >> i & 1) != 0 && next < n)
			fds[i] = list[next++];
	return a.result;
}

int netns_helper_enter(struct netns_helper *h, int ns_fd,
		       struct netns_sockets *s)
{
	int fds[FDS_MAX], err = ask(h, OP_ENTER, &ns_fd, 1, fds);

	if (err == 0 && (fds[0] < 0 || fds[1] < 0)) {
		close_fds(fds, FDS_MAX);
		return -EIO;
	}
	if (err < 0)
		return err;
	s->diag = fds[0];
	s->route = fds[1];
	memcpy(s->tables, fds + 2, sizeof(s->tables));
	return 0;
}

int netns_helper_attach(struct netns_helper *h, int ns_fd, int prog_fd,
			int links[NETNS_HELPER_LINKS])
{
	const int given[] = {ns_fd, prog_fd};
	int fds[FDS_MAX], n = ask(h, OP_ATTACH, given, 2, fds);

	memcpy(links, fds, NETNS_HELPER_LINKS * sizeof(int));
	return n;
}
