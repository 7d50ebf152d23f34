/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf_child: programs brought into the kernel by a child that goes again. */
#include "bpf_child.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD_SECONDS 10

/* What the child says: 0 and descriptors, or an error. */
struct message {
	int err;
	size_t n;
};

union control {
	struct cmsghdr align;
	char mem[CMSG_SPACE(BPF_CHILD_FDS_MAX * sizeof(int))];
};

static int send_fds(int to, struct message m, const int *fds)
{
	union control c = {0};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg = &c.align;

	if (m.err == 0) {
		msg.msg_control = c.mem;
		msg.msg_controllen = CMSG_SPACE(m.n * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(m.n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, m.n * sizeof(int));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive_fds(int from, int *fds, size_t max)
{
	union control c = {0};
	struct message m = {0};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = c.mem,
			     .msg_controllen = sizeof(c.mem)};
	struct cmsghdr *cmsg;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != sizeof(m))
		return -EIO;
	if (m.err != 0)
		return m.err;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg == NULL || m.n > max ||
	    cmsg->cmsg_len != CMSG_LEN(m.n * sizeof(int)))
		return -EIO;
	memcpy(fds, CMSG_DATA(cmsg), m.n * sizeof(int));
	return 0;
}

/* The caller says what went wrong, in one line. */
static int say_nothing(enum libbpf_print_level level, const char *fmt,
		       va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

static void run_child(int to, bpf_child_load load, const void *cfg)
{
	int fds[BPF_CHILD_FDS_MAX];
	struct message m = {0};

	libbpf_set_print(say_nothing);
	m.err = load(cfg, fds, &m.n);
	_exit(send_fds(to, m, fds) < 0);
}

/* The start must not hang on it, whatever the kernel is at. */
static void limit_time(int fd)
{
	struct timeval tv = {.tv_sec = LOAD_SECONDS};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* It has done its work, or never will; one that the kernel does not let go is
 * not waited for. */
static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	for (int i = 0; i < 1000 && waitpid(pid, NULL, WNOHANG) == 0; i++)
		poll(NULL, 0, 1);
}

static int run_once(bpf_child_load load, const void *cfg, int *fds, size_t max)
{
	int pair[2], err;
	pid_t pid;

	for (size_t i = 0; i < max; i++)
		fds[i] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run_child(pair[1], load, cfg);
	err = pid < 0 ? -errno : 0;
	close(pair[1]);
	limit_time(pair[0]);
	if (err == 0)
		err = receive_fds(pair[0], fds, max);
	close(pair[0]);
	if (pid > 0)
		end_child(pid);
	return err;
}

int bpf_child_run(bpf_child_load load, const void *cfg, int *fds, size_t max)
{
	int err = run_once(load, cfg, fds, max);

	return err == -EIO ? run_once(load, cfg, fds, max) : err;
}
