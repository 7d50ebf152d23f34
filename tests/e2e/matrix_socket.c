/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix_socket: one packet of each protocol, in the way the case wants it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "matrix.h"
#include "sender.h"

#define SOL_DCCP	     269
#define DCCP_SOCKOPT_SERVICE 2

int matrix_socket(enum matrix_proto p, int family)
{
	const struct matrix_proto_row *row = &matrix_protos[p];
	uint32_t service = htonl(42);
	int fd = socket(family, row->type,
			family == AF_INET6 ? row->proto6 : row->proto);

	if (fd >= 0 && p == MATRIX_DCCP)
		setsockopt(fd, SOL_DCCP, DCCP_SOCKOPT_SERVICE, &service,
			   sizeof(service));
	return fd;
}

int matrix_bind(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = make_address(addr, port, &ss);

	return bind(fd, (void *)&ss, len) ? errno : 0;
}

static bool has_ports(enum matrix_proto p)
{
	return p != MATRIX_ICMP && p != MATRIX_RAW;
}

static socklen_t target_of(enum matrix_proto p, const char *addr,
			   struct sockaddr_storage *ss)
{
	return make_address(addr, has_ports(p) ? MATRIX_PORT : 0, ss);
}

/* What a ping socket wants; the others do not mind. */
static size_t payload(int fd, uint8_t buf[16])
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	memset(buf, 0, 16);
	getsockname(fd, (void *)&ss, &len);
	buf[0] = ss.ss_family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	return 16;
}

int matrix_send(enum matrix_proto p, int fd, const char *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = addr ? target_of(p, addr, &ss) : 0;
	uint8_t buf[16];
	size_t n = payload(fd, buf);
	int r;

	if (addr && matrix_protos[p].stream) {
		r = connect(fd, (void *)&ss, len);
		return r && errno != EINPROGRESS ? errno : 0;
	}
	r = (int)sendto(fd, buf, n, MSG_NOSIGNAL, addr ? (void *)&ss : NULL,
			len);
	return r < 0 ? errno : 0;
}

/* ---------------------------------------------------------------- io_uring */

struct ring {
	int fd;
	uint8_t *mem; /* both queues */
	struct io_uring_sqe *sqe;
	struct io_uring_params params;
};

static int ring_open(struct ring *r)
{
	size_t size;

	r->params = (struct io_uring_params){0};
	r->fd = (int)syscall(SYS_io_uring_setup, 1, &r->params);
	if (r->fd < 0)
		return errno;
	if (!(r->params.features & IORING_FEAT_SINGLE_MMAP))
		return EOPNOTSUPP;
	size = r->params.sq_off.array + r->params.sq_entries * sizeof(uint32_t);
	if (size < r->params.cq_off.cqes +
			   r->params.cq_entries * sizeof(struct io_uring_cqe))
		size = r->params.cq_off.cqes +
		       r->params.cq_entries * sizeof(struct io_uring_cqe);
	r->mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqe = mmap(NULL, r->params.sq_entries * sizeof(*r->sqe),
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
		      IORING_OFF_SQES);
	return r->mem == MAP_FAILED || (void *)r->sqe == MAP_FAILED ? errno : 0;
}

/* The one entry that it has; wait: for its end. */
static int ring_submit(struct ring *r, bool wait)
{
	uint32_t *tail = (void *)(r->mem + r->params.sq_off.tail);
	uint32_t *array = (void *)(r->mem + r->params.sq_off.array);
	const struct io_uring_cqe *cqe =
		(void *)(r->mem + r->params.cq_off.cqes);

	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, wait ? 1 : 0,
		    wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0) != 1)
		return errno;
	return wait && cqe->res < 0 ? -cqe->res : 0;
}

int matrix_send_uring(enum matrix_proto p, int fd, const char *addr)
{
	static struct sockaddr_storage ss; /* read later, perhaps */
	static struct msghdr msg;
	static struct iovec iov;
	static uint8_t buf[16];
	socklen_t len = target_of(p, addr, &ss);
	struct ring r;
	int err = ring_open(&r);

	if (err)
		return err;
	if (syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_FILES, &fd, 1))
		return errno;
	iov = (struct iovec){buf, payload(fd, buf)};
	close(fd);
	memset(r.sqe, 0, sizeof(*r.sqe));
	r.sqe->flags = IOSQE_FIXED_FILE;
	if (matrix_protos[p].stream) {
		r.sqe->opcode = IORING_OP_CONNECT;
		r.sqe->addr = (uintptr_t)&ss;
		r.sqe->off = len;
		return ring_submit(&r, false);
	}
	msg = (struct msghdr){.msg_name = &ss,
			      .msg_namelen = len,
			      .msg_iov = &iov,
			      .msg_iovlen = 1};
	r.sqe->opcode = IORING_OP_SENDMSG;
	r.sqe->addr = (uintptr_t)&msg;
	r.sqe->len = 1;
	return ring_submit(&r, true);
}

/* --------------------------------------------------------------- the truth */

static size_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size);

	if (fd >= 0)
		close(fd);
	return n < 0 ? 0 : (size_t)n;
}

void matrix_tell_truth(struct truth *t, int fd)
{
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", t->exe, sizeof(t->exe) - 1);

	t->exe[n < 0 ? 0 : n] = '\0';
	t->args_len = read_text("/proc/self/cmdline", t->args, sizeof(t->args));
	t->pid = getpid();
	t->tid = gettid();
	t->inode = fd >= 0 && !fstat(fd, &st) ? st.st_ino : 0;
}
