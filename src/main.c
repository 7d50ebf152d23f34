/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main: sets everything up, from the outputs to the rules, and takes it down
 * again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "check.h"
#include "fditer_load.h"
#include "log.h"
#include "loop.h"
#include "nat.h"
#include "options.h"
#include "policy_open.h"
#include "procfs.h"
#include "ssh_session.h"
#include "util.h"

#define EXIT_CAUGHT  0
#define EXIT_NOTHING 1
#define EXIT_USAGE   2
#define EXIT_SYSTEM  3

/* How long the end may wait for a slow reader. */
#define FLUSH_US	(150 * UTIL_MS)
#define SURVEY_US	100000
#define SUMMARY_MAX	8192
#define DESCRIPTORS_MAX 8192

/* Everything that is open, in the order of opening. */
struct program {
	struct options opt;
	struct sink *messages;
	struct output *outputs[OPTIONS_OUTPUTS_MAX];
	size_t noutputs;
	struct users *users;
	int proc_rootfd;
	struct sockowner *sockowner;
	struct nat nat;	 /* who rewrites what is sent from here */
	bool behind_nat; /* look at what local DNAT makes of it, too */
	struct conntrack *conntrack; /* NULL: not asked for */
	struct witness *witness;     /* NULL, and why */
	int witness_err;
	struct netns_helper *helper;
	struct netns *netns; /* NULL without --forward */
	struct dns_stub *stubs;
	struct link_table *links;
	struct nfqueue *queue;
	struct verdict *verdict;
	struct hook_pool *hook;
	struct trap *trap;
	struct ruleset *ruleset;
	struct stages stages; /* --stats */
};

/* ----------------------------------------------------------- the process */

/* Descriptors 0-2 exist, so that nothing we open becomes standard output; what
 * else we inherited is not for our commands. */
static void tidy_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* Each packet that waits keeps some open; commands inherit the limit, and would
 * not like the highest there is. */
static void raise_descriptor_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur >= DESCRIPTORS_MAX)
		return;
	rl.rlim_cur =
		rl.rlim_max < DESCRIPTORS_MAX ? rl.rlim_max : DESCRIPTORS_MAX;
	setrlimit(RLIMIT_NOFILE, &rl);
}

/* A page fault on a hanging disk would hold packets.  Where there is a limit on
 * locked memory MCL_FUTURE would make allocations fail instead: then better
 * not.  A big mapping, locked only as it is touched, shows it. */
static void lock_memory(void)
{
	const size_t big = 256 << 20;
	void *p;

	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		return;
	p = mmap(NULL, big, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		munlockall();
	else
		munmap(p, big);
}

/* Blocked in every thread: the loop reads them. */
static void block_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* ------------------------------------------------------------------ opening */

static int fail(int err, const char *what, const char *hint)
{
	log_error("%s: %s%s%s", what, strerror(-err), hint != NULL ? "; " : "",
		  hint != NULL ? hint : "");
	return err;
}

static int fail_output(int err, const char *spec)
{
	char what[256];

	snprintf(what, sizeof(what), "output %s", spec);
	return fail(err, what, err == -ENXIO ? "nobody reads that FIFO" : NULL);
}

static int open_outputs(struct program *p)
{
	static const char *const standard[] = {"text"};
	const struct options *o = &p->opt;
	const char *const *specs =
		o->noutputs > 0 ? (const char *const *)o->outputs : standard;
	size_t n = o->noutputs > 0 ? o->noutputs : 1;

	for (size_t i = 0; i < n; i++) {
		int err = output_open(&p->outputs[i], specs[i],
				      o->level == LOG_VERBOSE);

		if (err < 0)
			return fail_output(err, specs[i]);
		p->noutputs++;
	}
	return 0;
}

/* Without it all goes through /proc. */
static void open_iterator(struct program *p)
{
	const struct options *o = &p->opt;
	int fd, err;

	if (o->sweep == OPTIONS_SWEEP_PROC ||
	    (o->sweep == OPTIONS_SWEEP_BEST && o->no_witness))
		return;
	fd = fditer_load();
	err = fd < 0 ? fd : sockowner_use_iterator(p->sockowner, fd);
	if (err < 0 && o->sweep == OPTIONS_SWEEP_BPF)
		log_warnx("sweeps go through /proc: %s", fditer_reason(err));
	else if (err < 0)
		log_debug("sweeps go through /proc: %s", fditer_reason(err));
}

static int open_lookups(struct program *p)
{
	int err;

	err = users_open(&p->users, "/etc/passwd");
	if (err < 0 && err != -ENOENT)
		return fail(err, "/etc/passwd", NULL);
	p->proc_rootfd = err = procfs_open_root("/proc");
	if (err < 0)
		return fail(err, "/proc", NULL);
	err = sockowner_open(&p->sockowner, "/proc");
	if (err < 0)
		return fail(err, "cannot ask for sockets (sock_diag)", NULL);
	open_iterator(p);
	/* Now, while no packet is held: a tenth of a second at the start is
	 * less than a sweep of as much for the first packet of each old socket.
	 * Later, between packets, it would be in the way of these. */
	sockowner_survey(p->sockowner, SURVEY_US);
	if (dns_stub_open(&p->stubs, p->proc_rootfd) < 0)
		p->stubs = NULL;
	if (link_open(&p->links) < 0)
		p->links = NULL;
	return 0;
}

static void explain_features(const struct program *p)
{
	const struct nfqueue_features *f = nfqueue_features(p->queue);

	if (!f->fail_open)
		log_warnx("this kernel has no fail-open for queues: "
			  "a full queue drops packets");
	if (!f->rcvbuf_forced)
		log_warnx("no permission for a big receive buffer: "
			  "about 256 small packets fit");
	if (!f->uid_gid)
		log_debug("packets do not tell their socket's creator");
}

static int open_queue(struct program *p)
{
	const struct options *o = &p->opt;
	struct nfqueue_config cfg = {
		.num = o->queue,
		.pick = !o->has_queue,
		.fail_open = true,
	};
	char what[64] = "cannot bind a queue (NFQUEUE)";
	int err = nfqueue_open(&p->queue, &cfg);

	if (o->has_queue)
		snprintf(what, sizeof(what), "queue %u", o->queue);
	if (err == -EBUSY)
		return fail(err, what, "another program has it");
	if (err == -EPERM)
		return fail(err, what, "CAP_NET_ADMIN is needed (run as root)");
	if (err < 0)
		return fail(err, what,
			    err == -EOPNOTSUPP ? "this kernel has no NFQUEUE"
					       : NULL);
	explain_features(p);
	if (p->witness != NULL)
		witness_watch_queue(p->witness, nfqueue_num(p->queue));
	err = verdict_open(&p->verdict, p->queue, o->hold_us);
	return err < 0 ? fail(err, "cannot start the guardian", NULL) : 0;
}

static int open_hook(struct program *p)
{
	struct hook_config cfg = {
		.command = p->opt.exec,
		.time_us = p->opt.exec_time_us,
	};
	int err;

	if (p->opt.exec == NULL)
		return 0;
	err = hook_open(&p->hook, &cfg);
	return err < 0 ? fail(err, "cannot prepare commands", NULL) : 0;
}

static bool is_behind_nat(const struct options *o, const struct nat *nat)
{
	return o->nat == OPTIONS_NAT_ALWAYS ||
	       (o->nat == OPTIONS_NAT_AUTO && nat->output);
}

/* Who changes addresses as we start; who asks for none gets none. */
static void look_for_nat(struct program *p)
{
	int err;

	if (p->opt.nat == OPTIONS_NAT_NEVER)
		return;
	err = nat_detect(&p->nat);
	if (err < 0)
		log_debug("nf_tables does not tell of NAT: %s", strerror(-err));
	p->behind_nat = is_behind_nat(&p->opt, &p->nat);
	if (p->behind_nat)
		log_debug("packets are looked at behind local DNAT, too");
	if (!p->behind_nat && !p->nat.postrouting)
		return;
	err = conntrack_open(&p->conntrack);
	if (err < 0)
		log_debug("what NAT makes of packets is not told: %s",
			  err == -EOPNOTSUPP ? "not built in" : strerror(-err));
}

/* Before the rules, so that no packet is queued that it has not seen.  Without
 * it senders that die or hand over their socket are not told for sure; who asks
 * for one kind gets that or nothing. */
static int open_witness(struct program *p)
{
	const struct options *o = &p->opt;
	struct witness_config cfg = {
		.kind = o->witness,
		.targets = o->targets,
		.ntargets = o->ntargets,
		.new_only = o->new_only,
		.nat = p->behind_nat,
		.forward = o->forward,
		.ring_kib = o->witness_ring_kib,
	};

	char what[64];

	if (o->no_witness)
		return 0;
	p->witness_err = witness_open(&p->witness, &cfg);
	if (p->witness_err == 0 || o->witness == WITNESS_AUTO)
		return 0;
	snprintf(what, sizeof(what), "no witness of the kind %s",
		 witness_kind_name(o->witness));
	return fail(p->witness_err, what, witness_reason(p->witness_err));
}

/* After the witness, whose program it attaches. */
static int open_netns(struct program *p)
{
	struct netns_config cfg = {
		.proc_rootfd = p->proc_rootfd,
		.helper = p->helper,
		.sockowner = p->sockowner,
		.prog_fd =
			p->witness != NULL ? witness_program(p->witness) : -1,
	};
	int err;

	if (p->helper == NULL)
		return 0;
	err = netns_open(&p->netns, &cfg);
	return err < 0 ? fail(err, "other network namespaces", NULL) : 0;
}

/* Before the first packet. */
static void measure(struct program *p)
{
	if (!p->opt.stats)
		return;
	sockowner_measure(p->sockowner);
	verdict_measure(p->verdict, stages_at(&p->stages, STAGES_VERDICT));
	for (size_t i = 0; i < p->noutputs; i++)
		output_measure(p->outputs[i],
			       stages_at(&p->stages, STAGES_OUTPUT));
}

static int open_trap(struct program *p)
{
	const struct options *o = &p->opt;
	struct trap_config cfg = {
		.queue = p->queue,
		.verdict = p->verdict,
		.sockowner = p->sockowner,
		.witness = p->witness,
		.hook = p->hook,
		.stubs = p->stubs,
		.netns = p->netns,
		.links = p->links,
		.conntrack = p->conntrack,
		.nat = p->behind_nat,
		.users = p->users,
		.outputs = p->outputs,
		.noutputs = p->noutputs,
		.stages = o->stats ? &p->stages : NULL,
		.targets = o->has_queue ? o->targets : NULL,
		.ntargets = o->has_queue ? o->ntargets : 0,
		.names = o->names,
		.nnames = o->nnames,
		.proc_rootfd = p->proc_rootfd,
		.hold_us = o->hold_us,
		.rate = o->rate,
		.count = o->count,
		.new_only = o->new_only,
		.packets = o->packets,
		.hold_all = o->hold_all,
		.answers = o->input || o->level == LOG_VERBOSE,
	};
	int err = trap_open(&p->trap, &cfg);

	return err < 0 ? fail(err, "cannot start", NULL) : 0;
}

static void fill_rules(const struct options *o, uint16_t queue, bool nat,
		       struct ruleset_config *cfg)
{
	*cfg = (struct ruleset_config){
		.targets = o->targets,
		.ntargets = o->ntargets,
		.queue_num = queue,
		.new_only = o->new_only,
		.bypass = true,
		.input = o->input,
		.forward = o->forward,
		.nat = nat,
	};
	cfg->exempt_ssh =
		ssh_session_read(getenv("SSH_CONNECTION"), &cfg->ssh) == 0 &&
		!ssh_session_is_target(&cfg->ssh, o->targets, o->ntargets);
}

static int install_rules(struct program *p)
{
	struct ruleset_config cfg;
	struct ruleset_error why = {0};
	char what[192];
	int err;

	if (p->opt.has_queue)
		return 0;
	fill_rules(&p->opt, nfqueue_num(p->queue), p->behind_nat, &cfg);
	err = ruleset_install(&p->ruleset, &cfg, &why);
	if (err == 0)
		return 0;
	snprintf(what, sizeof(what), "cannot install the rules (%s)",
		 why.what != NULL ? why.what : "nf_tables");
	return fail(err, what,
		    err == -EPERM ? "CAP_NET_ADMIN is needed" : NULL);
}

static void say_ready(const struct program *p)
{
	const struct options *o = &p->opt;
	char mem[2048], one[512];
	struct strbuf sb;

	strbuf_init(&sb, mem, sizeof(mem));
	for (size_t i = 0; i < o->ntargets; i++) {
		target_format(&o->targets[i], one, sizeof(one));
		strbuf_printf(&sb, "%s%s", i > 0 ? ", " : "", one);
	}
	if (o->ntargets == 0)
		strbuf_puts(&sb, "all packets");
	for (size_t i = 0; i < o->nnames; i++) {
		dns_pattern_format(&o->names[i], one, sizeof(one));
		strbuf_printf(&sb, "%s%s", i > 0 ? ", " : " for ", one);
	}
	if (p->witness != NULL)
		log_debug("the witness is of the kind %s",
			  witness_kind_name(witness_kind(p->witness)));
	if (p->witness != NULL && !witness_sees_packets(p->witness))
		log_info("the witness sees who opens and connects a socket, "
			 "not who sends (%s)",
			 witness_kind_name(witness_kind(p->witness)));
	if (p->witness_err < 0)
		log_info("no witness in the kernel: %s",
			 witness_reason(p->witness_err));
	if (o->has_queue)
		log_info("watching %s of queue %u", mem, o->queue);
	else
		log_info("watching %s (table %s)", mem,
			 ruleset_name(p->ruleset));
	if (p->ruleset != NULL && !ruleset_has_owner(p->ruleset))
		log_warnx("before Linux 5.12 a kill -9 leaves the rules: "
			  "nft delete table inet %s",
			  ruleset_name(p->ruleset));
}

static int open_all(struct program *p)
{
	int err = open_outputs(p);

	if (err == 0)
		err = open_lookups(p);
	if (err == 0)
		look_for_nat(p);
	/* Before the queue: its loader would have that open as well. */
	if (err == 0)
		err = open_witness(p);
	if (err == 0)
		err = open_netns(p);
	if (err == 0)
		err = open_queue(p);
	if (err == 0)
		err = open_hook(p);
	if (err == 0) {
		measure(p);
		err = open_trap(p);
	}
	if (err == 0)
		err = install_rules(p);
	return err;
}

/* ------------------------------------------------------------------ the end */

static void say_summary(struct program *p, uint64_t output_lost)
{
	struct stats *st = trap_stats(p->trap);
	struct verdict_stats vs;
	char mem[SUMMARY_MAX];
	struct strbuf sb;

	verdict_read_stats(p->verdict, &vs);
	nfqueue_read_drops(p->queue, &st->queue_dropped, &st->user_dropped);
	st->output_lost += output_lost;
	strbuf_init(&sb, mem, sizeof(mem));
	stats_format(st, trap_tables(p->trap), &sb);
	if (p->opt.level != LOG_QUIET)
		log_plain("%s", mem);
}

static uint64_t close_outputs(struct program *p)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < p->noutputs; i++) {
		struct sink_stats st = {0};

		output_close(p->outputs[i], FLUSH_US, &st);
		if (st.error != 0 && st.error != EPIPE)
			log_warn(st.error, "%" PRIu64 " events not written",
				 st.lost);
		lost += st.lost;
	}
	p->noutputs = 0;
	return lost;
}

static void close_all(struct program *p)
{
	ruleset_close(p->ruleset);
	trap_close(p->trap);
	hook_close(p->hook);
	verdict_close(p->verdict);
	netns_close(p->netns);
	netns_helper_close(p->helper);
	witness_close(p->witness);
	nfqueue_close(p->queue);
	conntrack_close(p->conntrack);
	link_close(p->links);
	dns_stub_close(p->stubs);
	sockowner_close(p->sockowner);
	if (p->proc_rootfd >= 0)
		close(p->proc_rootfd);
	users_close(p->users);
	close_outputs(p);
	log_set_sink(NULL);
	sink_close(p->messages, FLUSH_US, NULL);
}

static int run(struct program *p)
{
	struct loop_config cfg = {
		.trap = p->trap,
		.queue = p->queue,
		.verdict = p->verdict,
		.ruleset = p->ruleset,
		.hook = p->hook,
		.links = p->links,
		.witness = p->witness,
		.netns = p->netns,
		.outputs = p->outputs,
		.noutputs = p->noutputs,
		.until_us =
			p->opt.for_us != 0 ? util_now_us() + p->opt.for_us : 0,
	};
	int err, status;

	say_ready(p);
	err = loop_run(&cfg);
	ruleset_close(p->ruleset);
	p->ruleset = NULL;
	if (err < 0)
		fail(err, "the loop ended", NULL);
	trap_tell_stages(p->trap);
	say_summary(p, close_outputs(p));
	status = trap_stats(p->trap)->events > 0 ? EXIT_CAUGHT : EXIT_NOTHING;
	return err < 0 ? EXIT_SYSTEM : status;
}

/* First of all: it inherits whatever is open. */
static void open_helper(struct program *p)
{
	int err = p->opt.forward ? netns_helper_open(&p->helper) : 0;

	if (err < 0)
		log_warn(-err, "no helper for other network namespaces: "
			       "who sends there will not be known");
}

static int hunt(struct program *p)
{
	int fd, status = EXIT_SYSTEM;

	open_helper(p);
	raise_descriptor_limit();
	block_signals();
	lock_memory();
	if (open_all(p) == 0) {
		/* From here on a blocked terminal must not hold packets. */
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd >= 0 && sink_open(&p->messages, fd) == 0)
			log_set_sink(p->messages);
		status = run(p);
	}
	close_all(p);
	return status;
}

/* --------------------------------------------------------- the other modes */

/* The number stands for the one that would be drawn. */
static int print_rules(const struct options *o)
{
	static char mem[1 << 20];
	struct ruleset_config cfg;
	struct strbuf sb;
	struct nat nat = {0};

	if (o->nat == OPTIONS_NAT_AUTO)
		nat_detect(&nat);
	fill_rules(o, o->has_queue ? o->queue : 32769, is_behind_nat(o, &nat),
		   &cfg);
	strbuf_init(&sb, mem, sizeof(mem));
	/* With a queue of one's own they are for a table that stays. */
	ruleset_print(&cfg, RULESET_QUEUE_NATIVE, !o->has_queue, &sb);
	if (sb.truncated) {
		log_error("too many targets to print");
		return EXIT_USAGE;
	}
	return fputs(mem, stdout) < 0 || fflush(stdout) != 0 ? EXIT_SYSTEM : 0;
}

static int print_usage(void)
{
	options_print_usage(stdout);
	return fflush(stdout) != 0 ? EXIT_SYSTEM : 0;
}

/* What is built in, and what this kernel makes of it. */
static int print_version(void)
{
	char detail[128];

	unshare(CLONE_NEWNET); /* to try it where nothing is sent */
	printf("ptrap-ng " PTRAP_VERSION "\n"
	       "features: nfqueue, nftables, sock_diag, json%s%s\n",
	       conntrack_is_built_in() ? ", conntrack" : "",
	       witness_is_built_in() ? ", witness" : "");
	printf("witness: %s%s\n",
	       check_witness(detail, sizeof(detail)) ? "" : "none; ", detail);
	return fflush(stdout) != 0 ? EXIT_SYSTEM : 0;
}

/* Whoever writes a policy may check it, where and as whom they like: what the
 * kernel lets the program do is another question. */
static int run_check(const struct options *o)
{
	if (o->enforce == NULL)
		return check_run();
	raise_descriptor_limit();
	return policy_check(o->enforce);
}

static int run_mode(struct program *p)
{
	switch (p->opt.mode) {
	case OPTIONS_HELP:
		return print_usage();
	case OPTIONS_VERSION:
		return print_version();
	case OPTIONS_PRINT_RULES:
		return print_rules(&p->opt);
	case OPTIONS_CHECK:
		return run_check(&p->opt);
	case OPTIONS_RUN:
		break;
	}
	return hunt(p);
}

int main(int argc, char *argv[])
{
	struct program p = {.proc_rootfd = -1};
	int status = EXIT_USAGE;

	tidy_descriptors();
	if (options_parse(&p.opt, argc, argv) == 0)
		status = run_mode(&p);
	options_free(&p.opt);
	return status;
}
