/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop: the program's one loop: waits for the queue, signals, commands,
 * readers. */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

/* How often the rules' counters are held against what was received. */
#define LOSS_PERIOD_US (10 * UTIL_SEC)
#define EVENTS_MAX     16

/* What a readable descriptor is; an output's number comes on top. */
enum slot {
	SLOT_QUEUE,
	SLOT_SIGNAL,
	SLOT_HOOK,
	SLOT_LINK,
	SLOT_WITNESS,
	SLOT_NETNS,
	SLOT_OUTPUT
};

struct loop {
	const struct loop_config *cfg;
	int epoll_fd, signal_fd;
	size_t nclosed; /* outputs without a reader */
	uint64_t loss_check_us;
	bool ending;
};

static int watch(struct loop *l, int fd, unsigned slot)
{
	struct epoll_event ev = {.events = EPOLLIN, .data = {.u32 = slot}};

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int watch_all(struct loop *l)
{
	const struct loop_config *cfg = l->cfg;
	int err = watch(l, nfqueue_fd(cfg->queue), SLOT_QUEUE);

	if (err == 0)
		err = watch(l, l->signal_fd, SLOT_SIGNAL);
	if (err == 0 && cfg->hook != NULL)
		err = watch(l, hook_fd(cfg->hook), SLOT_HOOK);
	if (err == 0 && cfg->links != NULL)
		err = watch(l, link_fd(cfg->links), SLOT_LINK);
	if (err == 0 && cfg->witness != NULL)
		err = watch(l, witness_fd(cfg->witness), SLOT_WITNESS);
	if (err == 0 && cfg->netns != NULL)
		err = watch(l, netns_fd(cfg->netns), SLOT_NETNS);
	for (unsigned i = 0; err == 0 && i < cfg->noutputs; i++)
		err = watch(l, output_closed_fd(cfg->outputs[i]),
			    SLOT_OUTPUT + i);
	return err;
}

static int open_loop(struct loop *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->signal_fd < 0 || l->epoll_fd < 0)
		return -errno;
	return watch_all(l);
}

static void close_loop(struct loop *l)
{
	if (l->signal_fd >= 0)
		close(l->signal_fd);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
}

/* With the last reader gone there is nobody to tell. */
static void lose_reader(struct loop *l, unsigned i)
{
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL,
		  output_closed_fd(l->cfg->outputs[i]), NULL);
	if (++l->nclosed == l->cfg->noutputs)
		l->ending = true;
}

static void take_signal(struct loop *l)
{
	struct signalfd_siginfo si;

	if (read(l->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	log_debug("ended by SIG%s", sigabbrev_np((int)si.ssi_signo));
	l->ending = true;
}

static void dispatch(struct loop *l, uint32_t slot)
{
	switch (slot) {
	case SLOT_QUEUE:
	case SLOT_HOOK:
	case SLOT_WITNESS:
	case SLOT_NETNS:
		break; /* the turn looks after them in any case */
	case SLOT_SIGNAL:
		take_signal(l);
		break;
	case SLOT_LINK:
		link_update(l->cfg->links);
		break;
	default: /* SLOT_OUTPUT and above */
		lose_reader(l, slot - SLOT_OUTPUT);
		break;
	}
}

/* The rules count what they queue; read first, drained after, so that what is
 * on its way is not taken for lost. */
static void check_loss(struct loop *l)
{
	uint64_t ruled;

	if (l->cfg->ruleset == NULL ||
	    ruleset_read_counters(l->cfg->ruleset, &ruled, NULL) < 0)
		return;
	trap_turn(l->cfg->trap);
	if (trap_is_drained(l->cfg->trap))
		trap_note_ruled(l->cfg->trap, ruled);
}

/* Until when poll may wait; trap's deadline, the run's end, the next check. */
static uint64_t next_wake(const struct loop *l)
{
	uint64_t next = trap_deadline(l->cfg->trap);

	if (l->cfg->until_us != 0 && l->cfg->until_us < next)
		next = l->cfg->until_us;
	return l->loss_check_us < next ? l->loss_check_us : next;
}

static int timeout_ms(uint64_t next)
{
	uint64_t now = util_now_us();

	if (next <= now)
		return 0;
	if (next - now > 60 * UTIL_SEC)
		return 60000;
	return (int)((next - now + UTIL_MS - 1) / UTIL_MS);
}

static int wait_and_work(struct loop *l)
{
	struct epoll_event events[EVENTS_MAX];
	int timeout = timeout_ms(next_wake(l)), n;

	if (timeout != 0)
		verdict_idle(l->cfg->verdict);
	n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, timeout);
	if (n < 0 && errno != EINTR)
		return -errno;
	verdict_touch(l->cfg->verdict, util_now_us());
	for (int i = 0; i < n; i++)
		dispatch(l, events[i].data.u32);
	trap_turn(l->cfg->trap);
	if (util_now_us() >= l->loss_check_us) {
		l->loss_check_us = util_now_us() + LOSS_PERIOD_US;
		check_loss(l);
	}
	return 0;
}

/* Rules first, so that the end is one; then what they had queued.  The chains
 * stay until main closes the ruleset: deleting them drops what is held. */
static void wind_up(struct loop *l)
{
	uint64_t ruled = 0;
	bool counted;

	trap_end(l->cfg->trap);
	counted = l->cfg->ruleset != NULL &&
		  ruleset_stop(l->cfg->ruleset) == 0 &&
		  ruleset_read_counters(l->cfg->ruleset, &ruled, NULL) == 0;
	trap_drain(l->cfg->trap);
	if (counted)
		trap_note_ruled(l->cfg->trap, ruled);
}

int loop_run(const struct loop_config *cfg)
{
	struct loop l = {
		.cfg = cfg,
		.epoll_fd = -1,
		.signal_fd = -1,
		.loss_check_us = util_now_us() + LOSS_PERIOD_US,
	};
	int err = open_loop(&l);

	while (err == 0 && !l.ending && !trap_is_over(cfg->trap) &&
	       (cfg->until_us == 0 || util_now_us() < cfg->until_us))
		err = wait_and_work(&l);
	wind_up(&l);
	close_loop(&l);
	return err;
}
