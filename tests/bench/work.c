/* SPDX-License-Identifier: GPL-2.0-or-later */
/* work: what the rows of the table do and time. */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "util.h"

#define WARM_UP	    20 /* connections of a round that do not count */
#define FAILED_MAX  10 /* each may take seconds */
#define IN_FLIGHT   64
#define SOCKETS_MAX 1000
#define BURST	    64 /* datagrams; then those before must be through */
#define BULK_BUF    (256 << 10)
#define POLL_MS	    5000

static int listener = -1;
static uint16_t listener_port;

int bench_open_work(uint16_t *port)
{
	listener = bench_listen(&listener_port);
	*port = listener_port;
	return listener < 0 ? listener : 0;
}

static struct sockaddr_in loopback(uint32_t offset, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + offset),
	};
}

static unsigned count_of(const struct bench_config *cfg,
			 const struct bench_row *row)
{
	return row->count != 0 ? row->count : cfg->count;
}

/* ------------------------------------------------------------ one connection
 */

static void wait_a_while(unsigned us)
{
	struct timespec ts = {.tv_sec = us / 1000000,
			      .tv_nsec = (long)(us % 1000000) * 1000};

	if (us > 0)
		nanosleep(&ts, NULL);
}

static int measure_connects(const struct bench_config *cfg,
			    const struct bench_row *row, bool new_process,
			    struct bench_series *s)
{
	unsigned n = count_of(cfg, row), warm = n > 100 ? WARM_UP : 2;
	size_t from = s->count;

	for (unsigned i = 0; i < n + warm; i++) {
		int64_t t = bench_connect(listener, listener_port, new_process);

		wait_a_while(cfg->pause_us);
		s->units++;
		if (t < 0 && ++s->failed > FAILED_MAX)
			return (int)t;
		if (t >= 0 && i >= warm && bench_note(s, (uint64_t)t) < 0)
			return -ENOMEM;
	}
	bench_end_round(s, from);
	return 0;
}

int bench_measure_new(const struct bench_config *cfg,
		      const struct bench_row *row, struct bench_series *s)
{
	return measure_connects(cfg, row, true, s);
}

int bench_measure_same(const struct bench_config *cfg,
		       const struct bench_row *row, struct bench_series *s)
{
	return measure_connects(cfg, row, false, s);
}

/* ------------------------------------------------- as many as there can be */

static int note_round(struct bench_series *s, uint64_t ns, uint64_t units)
{
	size_t from = s->count;

	if (bench_note(s, ns / (units > 0 ? units : 1)) < 0)
		return -ENOMEM;
	bench_end_round(s, from);
	s->units += units;
	return 0;
}

static int begin_connect(const struct sockaddr_in *to)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -errno;
	}
	return fd;
}

static bool is_connected(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = ETIMEDOUT;

	return poll(&pfd, 1, POLL_MS) == 1 &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	       error == 0;
}

/* One after the other, as most programs do. */
int bench_measure_rate(const struct bench_config *cfg,
		       const struct bench_row *row, struct bench_series *s)
{
	unsigned n = count_of(cfg, row);
	uint64_t start = bench_now_ns();

	for (unsigned i = 0; i < n; i++)
		if (bench_connect(listener, listener_port, false) < 0)
			s->failed++;
	return note_round(s, bench_now_ns() - start, n);
}

/* The oldest of those in flight first: then there is room for one more. */
int bench_measure_async(const struct bench_config *cfg,
			const struct bench_row *row, struct bench_series *s)
{
	const struct sockaddr_in to = loopback(0, listener_port);
	unsigned n = count_of(cfg, row);
	int fds[IN_FLIGHT];
	uint64_t start = bench_now_ns();

	for (unsigned i = 0; i < n + IN_FLIGHT; i++) {
		int *fd = &fds[i % IN_FLIGHT];

		if (i >= IN_FLIGHT) {
			if (*fd < 0 || !is_connected(*fd))
				s->failed++;
			if (*fd >= 0)
				close(*fd);
			bench_accept_all(listener);
		}
		if (i < n)
			*fd = begin_connect(&to);
	}
	return note_round(s, bench_now_ns() - start, n);
}

/* ------------------------------------------------------------------ datagrams
 */

/* All of it has had its verdict. */
static void wait_sent(int fd)
{
	int left = 1;

	while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0)
		wait_a_while(20);
}

/* Many flows of a socket are to as many ports and addresses. */
static struct sockaddr_in nth_flow(const struct bench_row *row, unsigned i)
{
	unsigned flow = i % (row->flows > 0 ? row->flows : 1);

	return loopback(1 + flow / SOCKETS_MAX, row->target.port);
}

static int open_sockets(const struct bench_row *row, int *fds, unsigned *n)
{
	*n = row->flows < SOCKETS_MAX ? row->flows : SOCKETS_MAX;
	if (*n == 0)
		*n = 1;
	for (unsigned i = 0; i < *n; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fds[i] < 0)
			return -errno;
	}
	return 0;
}

static uint64_t send_all(const struct bench_row *row, const int *fds,
			 unsigned nfds, unsigned count)
{
	uint64_t failed = 0;

	for (unsigned i = 0; i < count; i++) {
		struct sockaddr_in to = nth_flow(row, i);
		ssize_t n = sendto(fds[i % nfds], "0123456789abcdef", 16, 0,
				   (struct sockaddr *)&to, sizeof(to));

		failed += n < 0;
		/* The last but one burst's end is through: never more than two
		 * of them wait. */
		if (i % BURST == BURST - 1 && i >= BURST)
			wait_sent(fds[(i - BURST) % nfds]);
	}
	for (unsigned i = 0; i < nfds; i++)
		wait_sent(fds[i]);
	return failed;
}

/* Nobody listens: errors come back and do not matter. */
int bench_measure_udp(const struct bench_config *cfg,
		      const struct bench_row *row, struct bench_series *s)
{
	unsigned count = count_of(cfg, row), n = 0;
	int fds[SOCKETS_MAX], err = open_sockets(row, fds, &n);
	uint64_t start = bench_now_ns();

	if (err == 0)
		s->failed += send_all(row, fds, n, count);
	if (err == 0)
		err = note_round(s, bench_now_ns() - start, count);
	for (unsigned i = 0; i < n && fds[i] >= 0; i++)
		close(fds[i]);
	return err;
}

/* ----------------------------------------------------------------------- bulk
 */

static void read_all(int fd)
{
	static char buf[BULK_BUF];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

static int accept_one(void)
{
	struct pollfd pfd = {.fd = listener, .events = POLLIN};

	if (poll(&pfd, 1, POLL_MS) != 1)
		return -ETIMEDOUT;
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

/* The other end is a process of its own, as it is in life. */
static int stream(unsigned mib, uint64_t *ns)
{
	const struct sockaddr_in to = loopback(0, listener_port);
	static char buf[BULK_BUF];
	uint64_t left = (uint64_t)mib << 20, start;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	pid_t pid;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	peer = accept_one();
	pid = peer < 0 ? -1 : fork();
	if (pid == 0) {
		close(fd);
		read_all(peer);
		_exit(0);
	}
	if (pid < 0)
		return -errno;
	close(peer);
	start = bench_now_ns();
	while (left > 0) {
		ssize_t n =
			write(fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n < 0)
			return -errno;
		left -= (uint64_t)n;
	}
	shutdown(fd, SHUT_WR);
	waitpid(pid, NULL, 0);
	*ns = bench_now_ns() - start;
	close(fd);
	return 0;
}

int bench_measure_bulk(const struct bench_config *cfg,
		       const struct bench_row *row, struct bench_series *s)
{
	unsigned mib = count_of(cfg, row);
	uint64_t ns = 0;
	int err = stream(mib, &ns);

	return err < 0 ? err : note_round(s, ns, mib);
}
