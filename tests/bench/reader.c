/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reader: the process that reads the queue: accept-only, ptrap-ng, or a peer.
 */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "nfqueue.h"
#include "ruleset.h"
#include "target.h"
#include "util.h"

#define START_US   (20 * UTIL_SEC)
#define STOP_US	   (5 * UTIL_SEC)
#define STEP_NS	   2000000L
#define ARGS_MAX   24
#define PEER_QUEUE 777
#define BATCH	   64 /* messages at once */

#define OPENSNITCH     "opensnitchd"
#define OPENSNITCH_ETC "/etc/opensnitchd"

static volatile sig_atomic_t stopped;

static void on_term(int sig)
{
	(void)sig;
	stopped = 1;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
}

/* ---------------------------------------------------------- the floor, peers
 */

static void run_command(const char *const *args)
{
	extern char **environ;
	posix_spawn_file_actions_t fa;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, args[0], &fa, NULL, (char *const *)args,
			 environ) == 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	posix_spawn_file_actions_destroy(&fa);
}

/* SIGTERM comes only while ppoll() waits. */
static void accept_loop(struct nfqueue *q, const struct bench_reader *r)
{
	alignas(16) static char buf[NFQUEUE_BUF_SIZE];
	struct pollfd pfd = {.fd = nfqueue_fd(q), .events = POLLIN};
	struct nfqueue_packet pkt;
	enum nfqueue_message m;
	sigset_t none;
	int error;

	sigemptyset(&none);
	while (!stopped) {
		if (ppoll(&pfd, 1, NULL, &none) < 0)
			continue;
		do {
			m = nfqueue_receive(q, buf, sizeof(buf), &pkt, &error);
			if (m != NFQUEUE_PACKET)
				continue;
			if (r->what == BENCH_COMMAND)
				run_command(r->args);
			nfqueue_verdict(q, pkt.id, NF_ACCEPT);
		} while (m != NFQUEUE_NONE);
	}
}

static void format_target(const struct bench_target *t, char *text, size_t size)
{
	snprintf(text, size, "%s:%u", t->address != NULL ? t->address : "",
		 t->port);
}

/* As many messages as there are with one call, and one verdict for all of them:
 * what there would be to win by either. */
static void accept_batches(struct nfqueue *q)
{
	alignas(16) static char bufs[BATCH][NFQUEUE_BUF_SIZE];
	struct pollfd pfd = {.fd = nfqueue_fd(q), .events = POLLIN};
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct nfqueue_packet pkt;
	sigset_t none;
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){bufs[i], sizeof(bufs[i])};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	sigemptyset(&none);
	while (!stopped) {
		if (ppoll(&pfd, 1, NULL, &none) < 0)
			continue;
		n = recvmmsg(nfqueue_fd(q), msgs, BATCH, MSG_DONTWAIT, NULL);
		while (n > 0 && nfqueue_parse(bufs[n - 1], msgs[n - 1].msg_len,
					      &pkt) < 0)
			n--;
		if (n > 0)
			nfqueue_verdict_batch(q, pkt.id, NF_ACCEPT);
	}
}

/* The same rule as ptrap-ng's own. */
static int install(const struct bench_target *t, uint16_t queue,
		   struct ruleset **rs)
{
	static struct target target;
	struct ruleset_error rerr;
	struct target_error terr;
	char text[64];
	int err;

	format_target(t, text, sizeof(text));
	err = target_parse(text, t->protocol, &target, &terr);
	if (err < 0)
		return err;
	return ruleset_install(rs,
			       &(struct ruleset_config){
				       .targets = &target,
				       .ntargets = 1,
				       .queue_num = queue,
				       .new_only = t->new_only,
				       .bypass = true,
			       },
			       &rerr);
}

static int read_queue(const struct bench_reader *r,
		      const struct bench_target *t)
{
	struct nfqueue_config cfg = {.pick = true, .fail_open = true};
	struct ruleset *rs = NULL;
	struct nfqueue *q = NULL;
	int err = nfqueue_open(&q, &cfg);

	if (err == 0)
		err = install(t, nfqueue_num(q), &rs);
	if (err == 0 && r->what == BENCH_BATCH)
		accept_batches(q);
	else if (err == 0)
		accept_loop(q, r);
	ruleset_close(rs);
	nfqueue_close(q);
	return err;
}

/* It binds the queue long before anybody of it reads there, and drops what
 * comes meanwhile after a second each. */
static bool is_serving(const char *log)
{
	FILE *f = fopen(log, "re");
	char line[256];
	bool serves = false;

	while (f != NULL && !serves && fgets(line, sizeof(line), f) != NULL)
		serves = strstr(line, "Running on netfilter queue") != NULL;
	if (f != NULL)
		fclose(f);
	return serves;
}

static int write_file(const char *folder, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	if (f == NULL)
		return -errno;
	fputs(text, f);
	return fclose(f) != 0 ? -EIO : 0;
}

/* As fast as it can be without its window: who sends is looked for in /proc,
 * and a rule lets all of them pass, so that nobody is asked.  It reads its
 * settings from one place only; there ours stand, for it alone. */
static int settle_opensnitch(const char *folder)
{
	static const char config[] =
		"{\"Server\":{\"Address\":\"unix:///none.sock\"},"
		"\"DefaultAction\":\"allow\",\"DefaultDuration\":\"once\","
		"\"InterceptUnknown\":true,\"ProcMonitorMethod\":\"proc\","
		"\"LogLevel\":1,\"Firewall\":\"nftables\","
		"\"Stats\":{\"MaxEvents\":1,\"MaxStats\":1}}";
	static const char rule[] =
		"{\"name\":\"all\",\"enabled\":true,\"precedence\":true,"
		"\"action\":\"allow\",\"duration\":\"always\",\"operator\":"
		"{\"type\":\"simple\",\"operand\":\"true\",\"data\":\"\","
		"\"list\":[]}}";
	static const char firewall[] = "{\"SystemRules\":[]}";
	int err = write_file(folder, "default-config.json", config);

	if (err == 0)
		err = write_file(folder, "system-fw.json", firewall);
	if (err == 0)
		err = write_file(folder, "all.json", rule);
	if (err == 0 &&
	    (unshare(CLONE_NEWNS) < 0 ||
	     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	     mount(folder, OPENSNITCH_ETC, NULL, MS_BIND, NULL) < 0))
		err = -errno;
	return err;
}

/* It is not to touch the host: our rule, and a namespace that goes with it. */
static int host_opensnitch(const struct bench_config *cfg,
			   const struct bench_target *t)
{
	uint64_t end = util_now_us() + START_US;
	struct ruleset *rs = NULL;
	char socket[256], log[256], rules[256], queue[8];
	pid_t pid;
	int err;

	snprintf(socket, sizeof(socket), "unix://%s/none.sock", cfg->tmp);
	snprintf(log, sizeof(log), "%s/opensnitchd.log", cfg->tmp);
	snprintf(queue, sizeof(queue), "%u", PEER_QUEUE);
	snprintf(rules, sizeof(rules), "%s/opensnitch", cfg->tmp);
	if (mkdir(rules, 0700) < 0 && errno != EEXIST)
		return -errno;
	err = settle_opensnitch(rules);
	if (err < 0)
		return err;
	unlink(log);
	pid = fork();
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		/* What it says before it opens its log. */
		freopen("/dev/null", "w", stdout);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp(OPENSNITCH, OPENSNITCH, "-process-monitor-method",
		       "proc", "-queue-num", queue, "-rules-path", rules,
		       "-ui-socket", socket, "-log-file", log, (char *)NULL);
		_exit(127);
	}
	while (!is_serving(log) && util_now_us() < end &&
	       waitpid(pid, NULL, WNOHANG) == 0)
		nap();
	err = is_serving(log) ? install(t, PEER_QUEUE, &rs) : -ETIMEDOUT;
	if (err == 0) {
		sigset_t none;

		sigemptyset(&none);
		while (!stopped)
			sigsuspend(&none);
	}
	ruleset_close(rs);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return err;
}

/* Returns the exit status. */
static int reader_main(const struct bench_config *cfg,
		       const struct bench_reader *r,
		       const struct bench_target *t)
{
	struct sigaction sa = {.sa_handler = on_term};
	sigset_t term;
	int err;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &sa, NULL);
	err = r->what == BENCH_OPENSNITCH ? host_opensnitch(cfg, t)
					  : read_queue(r, t);
	if (err < 0)
		fprintf(stderr, "%s: %s\n", r->name, strerror(-err));
	return err < 0 ? 1 : 0;
}

static void ptrap_exec(const struct bench_config *cfg,
		       const struct bench_reader *r,
		       const struct bench_target *t, const char *json)
{
	const char *args[ARGS_MAX] = {cfg->ptrap, "-q", "-n", "0"};
	char text[64], output[256];
	size_t n = 4;

	format_target(t, text, sizeof(text));
	snprintf(output, sizeof(output), "json:%s", json);
	for (size_t i = 0; r->args != NULL && r->args[i] != NULL; i++)
		args[n++] = r->args[i];
	args[n++] = "-o";
	args[n++] = output;
	args[n++] = t->protocol == IPPROTO_TCP ? "-t" : "-u";
	if (t->new_only)
		args[n++] = "-c";
	args[n] = text;
	execv(cfg->ptrap, (char *const *)args);
	fprintf(stderr, "%s: %s\n", cfg->ptrap, strerror(errno));
}

/* ------------------------------------------------------------- start and end
 */

const char *bench_why_not(const struct bench_reader *r)
{
	const char *name = r->what == BENCH_COMMAND ? r->args[0] : OPENSNITCH;
	const char *const folders[] = {"/usr/bin", "/bin", "/usr/sbin",
				       "/sbin"};
	char path[128];

	if (r->what != BENCH_COMMAND && r->what != BENCH_OPENSNITCH)
		return NULL;
	if (r->what == BENCH_OPENSNITCH && access(OPENSNITCH_ETC, X_OK) < 0)
		return "no " OPENSNITCH_ETC;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return NULL;
	}
	return "not installed";
}

/* The rules of a namespace that is ours alone: some, or none. */
static int wait_rules(pid_t pid, bool some, uint64_t within_us)
{
	uint64_t end = util_now_us() + within_us;

	while (util_now_us() < end) {
		int n = bench_count_rules();

		if (n < 0)
			return n;
		if ((n > 0) == some)
			return 0;
		if (some && waitpid(pid, NULL, WNOHANG) == pid)
			return -ECHILD;
		nap();
	}
	return -ETIMEDOUT;
}

pid_t bench_start(const struct bench_config *cfg, const struct bench_reader *r,
		  const struct bench_target *target, const char *json)
{
	pid_t parent = getpid();
	pid_t pid;
	int err;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		if (r->what != BENCH_PTRAP)
			_exit(reader_main(cfg, r, target));
		ptrap_exec(cfg, r, target, json);
		_exit(127);
	}
	err = wait_rules(pid, true, START_US);
	if (err == 0)
		return pid;
	fprintf(stderr, "%s did not come up: %s\n", r->name,
		err == -ECHILD ? "it ended" : strerror(-err));
	if (err != -ECHILD)
		bench_stop(pid);
	return err;
}

int bench_stop(pid_t pid)
{
	uint64_t end = util_now_us() + STOP_US;
	pid_t ended = 0;

	kill(pid, SIGTERM);
	while (ended == 0 && util_now_us() < end) {
		ended = waitpid(pid, NULL, WNOHANG);
		if (ended == 0)
			nap();
	}
	if (ended != pid) {
		fprintf(stderr, "the queue's reader ignores SIGTERM\n");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return wait_rules(pid, false, STOP_US);
}
