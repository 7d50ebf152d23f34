/* SPDX-License-Identifier: GPL-2.0-or-later */
/* herd: idle processes with open descriptors, which a naive sweep must read. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define FDS_WANTED 1000000

/* Never returns.  The end of ready closes when the descriptors are there. */
static void herd_main(pid_t parent, int ready, unsigned fds)
{
	int sock;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (unsigned i = 1; i < fds; i++)
		if (dup(sock) < 0)
			_exit(1);
	close(ready);
	for (;;)
		pause();
}

static void raise_nofile(unsigned fds)
{
	struct rlimit rl;
	rlim_t hard;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur >= fds + 64)
		return;
	hard = rl.rlim_max;
	rl.rlim_cur = fds + 64;
	if (rl.rlim_max < rl.rlim_cur)
		rl.rlim_max = rl.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &rl) == 0)
		return;
	rl.rlim_cur = rl.rlim_max = hard;
	setrlimit(RLIMIT_NOFILE, &rl);
}

/* Root may raise its own limit, but not everywhere. */
unsigned bench_herd_most(void)
{
	struct rlimit rl;

	raise_nofile(FDS_WANTED);
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur < 128)
		return 0;
	return rl.rlim_cur > FDS_WANTED ? FDS_WANTED
					: (unsigned)rl.rlim_cur - 64;
}

int bench_herd_start(pid_t *pids, unsigned processes, unsigned fds)
{
	pid_t parent = getpid();
	int ready[2];
	char byte;

	if (!processes)
		return 0;
	raise_nofile(fds);
	if (pipe(ready) < 0)
		return -errno;
	for (unsigned i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			herd_main(parent, ready[1], fds);
		if (pids[i] < 0) {
			int err = -errno;

			close(ready[0]);
			close(ready[1]);
			bench_herd_stop(pids, i);
			return err;
		}
	}
	close(ready[1]);
	while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
	/* One that could not open its descriptors is dead by now. */
	if (waitpid(-1, NULL, WNOHANG) > 0) {
		bench_herd_stop(pids, processes);
		return -EMFILE;
	}
	return 0;
}

void bench_herd_stop(const pid_t *pids, unsigned processes)
{
	for (unsigned i = 0; i < processes; i++)
		kill(pids[i], SIGKILL);
	for (unsigned i = 0; i < processes; i++)
		waitpid(pids[i], NULL, 0);
}
