/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: what this kernel lets the program do (--check). */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fditer_load.h"
#include "ipaddr.h"
#include "nfqueue.h"
#include "proto.h"
#include "ruleset.h"
#include "sockdiag.h"
#include "witness.h"

#define EXIT_SYSTEM 3

static bool say(bool ok, const char *what, const char *detail)
{
	printf("%-4s %-22s %s\n", ok ? "yes" : "no", what, detail);
	return ok;
}

static void check_flags(const struct nfqueue_features *f)
{
	say(f->fail_open, "fail-open", "a full queue lets packets pass");
	say(f->uid_gid, "uid and gid", "packets tell their socket's creator");
	say(f->gso, "GSO", "big packets arrive whole");
	say(f->conntrack, "conntrack attributes",
	    f->conntrack ? "NAT seen in the packet" : "NAT not seen");
	say(f->rcvbuf_forced, "big receive buffer",
	    f->rcvbuf_forced ? "" : "only about 256 small packets fit");
}

static bool check_rules(uint16_t num)
{
	struct target any = {.proto = PROTO_ANY};
	struct ruleset_config cfg = {.targets = &any,
				     .ntargets = 1,
				     .queue_num = num,
				     .bypass = true};
	struct ruleset_error err;
	struct ruleset *rs;
	int r = ruleset_install(&rs, &cfg, &err);

	if (r < 0)
		return say(false, "rules", strerror(-r));
	say(true, "rules",
	    ruleset_queue_kind(rs) == RULESET_QUEUE_NATIVE
		    ? "nftables, native queue expression"
		    : "nftables, xt NFQUEUE target");
	say(ruleset_has_owner(rs), "rules die with us",
	    ruleset_has_owner(rs) ? "owner flag"
				  : "before 5.12: kill -9 leaves them");
	ruleset_close(rs);
	return true;
}

static bool check_queue(void)
{
	struct nfqueue_config cfg = {.pick = true, .fail_open = true};
	struct nfqueue *q;
	int err = nfqueue_open(&q, &cfg);
	bool ok;

	if (err < 0)
		return say(false, "NFQUEUE",
			   err == -EPERM ? "needs CAP_NET_ADMIN"
					 : strerror(-err));
	say(true, "NFQUEUE", "");
	check_flags(nfqueue_features(q));
	ok = check_rules(nfqueue_num(q));
	nfqueue_close(q);
	return ok;
}

/* A look-up that finds nothing shows that it can be made. */
static bool check_sockdiag(uint8_t proto, const char *what)
{
	struct sockdiag_query q = {
		.proto = proto, .local_port = 1, .remote_port = 1};
	struct sockdiag_row row;
	struct sockdiag *sd;
	int err;

	ipaddr_parse("127.0.0.1", 9, &q.local);
	q.remote = q.local;
	err = sockdiag_open(&sd);
	if (err < 0)
		return say(false, what, strerror(-err));
	err = sockdiag_get(sd, &q, &row);
	sockdiag_close(sd);
	return say(err == 0 || err == -ENOENT, what,
		   err == 0 || err == -ENOENT ? "" : strerror(-err));
}

static bool check_proc(void)
{
	int fd = open("/proc/1/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return say(fd >= 0, "other users' /proc",
		   fd >= 0 ? "" : "needs CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH");
}

bool check_witness(char *text, size_t size)
{
	struct witness_config cfg = {0};
	struct witness *w;
	int err = witness_open(&w, &cfg);

	if (err < 0) {
		snprintf(text, size, "%s", witness_reason(err));
		return false;
	}
	snprintf(text, size, "%s: %s", witness_kind_name(witness_kind(w)),
		 witness_sees_packets(w) ? "dead senders are known, too"
					 : "who opened and connected a socket");
	witness_close(w);
	return true;
}

static void check_iterator(void)
{
	int fd = fditer_load();

	if (fd >= 0)
		close(fd);
	say(fd >= 0, "socket iterator",
	    fd >= 0 ? "sweeps are fast, nobody is closed to them"
		    : fditer_reason(fd));
}

static int check_all(void)
{
	bool own = unshare(CLONE_NEWNET) == 0, ok, seen;
	char detail[128];

	if (!own)
		printf("---  %-22s %s\n", "network namespace",
		       "none of its own: tried in this one");
	ok = check_queue();
	ok = check_sockdiag(IPPROTO_TCP, "sock_diag for TCP") && ok;
	ok = check_sockdiag(IPPROTO_UDP, "sock_diag for UDP") && ok;
	check_proc();
	seen = check_witness(detail, sizeof(detail));
	say(seen, "witness", detail);
	check_iterator();
	fflush(stdout);
	return ok ? 0 : EXIT_SYSTEM;
}

int check_run(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(check_all());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EXIT_SYSTEM;
	return WEXITSTATUS(status);
}
