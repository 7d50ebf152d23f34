/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spaces: network namespaces behind the test's own, which forwards for them. */
#include "spaces.h"

#include <fcntl.h>
#include <mntent.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define GATEWAY6 "fe80::1"

static int homes[2], nhomes;

const char *cgroup_dir(void)
{
	static char dir[256];
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	dir[0] = '\0';
	while (f && !dir[0] && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			snprintf(dir, sizeof(dir), "%s", m->mnt_dir);
	if (f)
		endmntent(f);
	return dir[0] && !access(dir, W_OK) ? dir : NULL;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		fd = -1;
	if (fd >= 0)
		close(fd);
}

static void set_forwarding(void)
{
	write_text("/proc/sys/net/ipv4/ip_forward", "1");
	write_text("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	/* Two may have one address. */
	write_text("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	write_text("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
}

/* One line of arguments for ip(8). */
static bool ip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool ip(const char *fmt, ...)
{
	char command[512] = "ip ";
	struct text out = {0};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command + 3, sizeof(command) - 3, fmt, ap);
	va_end(ap);
	if (!run_command(&out, "sh", "-c", command, NULL)) {
		text_free(&out);
		return true;
	}
	print_message("# %s: %s", command, out.mem);
	text_free(&out);
	return false;
}

void space_enter(const struct space *s)
{
	int home, fd;
	char path[64];

	assert_true(nhomes < 2);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", s->init->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(home >= 0 && fd >= 0);
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
	close(fd);
	homes[nhomes++] = home;
}

void space_leave(void)
{
	int home = homes[--nhomes];

	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
}

/* One that forwards itself has two. */
static const char *gateway(const struct space *s)
{
	return s->behind ? "169.254.2.1" : "169.254.1.1";
}

/* The first process of the pid namespace is there to be joined. */
static void live(struct stage *st, const void *arg)
{
	const struct space *s = arg;
	struct report r = {0};

	if (unshare(CLONE_NEWNET | (s->pids ? CLONE_NEWPID : 0)))
		_exit(88);
	if (s->pids) {
		r.n = fork();
		if (!r.n)
			for (;;)
				pause();
	}
	stage_report(st, &r);
	stage_wait(st);
	if (s->pids)
		kill((pid_t)r.n, SIGKILL);
}

static bool link_space(const struct space *s)
{
	bool ok = ip("link add v%s type veth peer name eth0 netns %d", s->name,
		     s->init->pid);

	if (ok && s->bridge)
		ok = ip("link set v%s master %s", s->name, s->bridge);
	else if (ok)
		ok = ip("addr add %s/32 dev v%s", gateway(s), s->name);
	ok = ok && ip("link set v%s up", s->name);
	if (ok && s->own6)
		ok = ip("addr add " GATEWAY6 "/64 dev v%s nodad", s->name);
	return ok;
}

static bool fill_space(const struct space *s)
{
	bool ok;

	space_enter(s);
	ok = ip("link set lo up") && ip("link set eth0 up") &&
	     ip("addr add %s/32 dev eth0", s->own4) &&
	     ip("route add %s dev eth0", gateway(s)) &&
	     ip("route add default via %s", gateway(s));
	if (ok && s->own6)
		ok = ip("addr add %s/128 dev eth0 nodad", s->own6) &&
		     ip("-6 route add default via " GATEWAY6 " dev eth0");
	space_leave();
	return ok;
}

static bool route_space(const struct space *s)
{
	const char *dev = s->bridge ? s->bridge : NULL;
	char own[IF_NAMESIZE];

	snprintf(own, sizeof(own), "v%s", s->name);
	dev = dev ? dev : own;
	ip("route append %s dev %s", s->own4, dev); /* two may have it */
	return !s->own6 || ip("-6 route add %s dev %s", s->own6, dev);
}

static pid_t *visited; /* shared with the visitor */

static void join_net(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		_exit(89);
	close(fd);
}

static void visit(struct stage *st, const void *arg)
{
	struct report r = {0};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	(void)arg;
	stage_wait(st);
	join_net(*visited);
	stage_report(st, &r);
	stage_wait(st);
	if (setns(home, CLONE_NEWNET))
		_exit(90);
	stage_report(st, &r);
	stage_wait(st);
}

struct sender *space_visitor(void)
{
	visited = mmap(NULL, sizeof(*visited), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(visited != MAP_FAILED);
	return sender_start(visit, NULL);
}

bool space_open(struct space *s)
{
	struct report r = sender_run(live, s, &s->init);

	s->inner = (pid_t)r.n;
	if (s->visitor) {
		*visited = s->init->pid;
		sender_go(s->visitor);
		sender_report(s->visitor);
	}
	set_forwarding();
	return link_space(s) && fill_space(s) && route_space(s);
}

bool space_open_behind(const struct space *near, struct space *far)
{
	bool ok;

	far->behind = true;
	space_enter(near);
	ok = space_open(far);
	space_leave();
	return ok && ip("route add %s via %s dev v%s", far->own4, near->own4,
			near->name);
}

void space_close(struct space *s)
{
	sender_end(s->init);
}

bool space_is_linked(void *space)
{
	const struct space *s = space;
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "v%s", s->name);
	return if_nametoindex(name) != 0;
}

bool space_bridge(const char *name, const char *addr4)
{
	return ip("link add %s type bridge", name) &&
	       ip("addr add %s/32 dev %s", addr4, name) &&
	       ip("link set %s up", name);
}

bool spaces_are_seen(void)
{
	static int seen = -1;
	struct text out = {0};
	const char *line;

	if (seen < 0) {
		run_command(&out, getenv("PTRAP"), "--check", NULL);
		line = text_find_line(&out, "yes  witness");
		seen = e2e_has_witness() && line &&
		       strstr(line, "netfilter:") != NULL;
		text_free(&out);
	}
	return seen;
}

/* ------------------------------------------------------------ who lives there
 */

struct job {
	const struct space *s;
	sender_fn fn;
	const void *arg;
};

static void join_cgroup(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", cgroup_dir(), name);
	mkdir(path, 0755);
	strcat(path, "/cgroup.procs");
	write_text(path, "0");
}

static void join(const struct space *s)
{
	char path[64];
	int fd;

	if (s->cgroup)
		join_cgroup(s->cgroup);
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", s->inner);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWPID))
		_exit(87);
	close(fd);
}

/* It tells its number here itself, before the child says anything. */
static void run_inside(struct stage *st, const void *arg)
{
	const struct job *j = arg;
	struct report r = {0};

	join(j->s);
	r.n = fork();
	if (!r.n) {
		if (stage_wait(st))
			j->fn(st, j->arg);
		_exit(0);
	}
	stage_report(st, &r);
	for (;;)
		pause();
}

struct report space_run(struct space *s, sender_fn fn, const void *arg,
			struct sender **sender)
{
	struct job j = {s, fn, arg};
	struct report r, inner;
	struct sender *started;

	space_enter(s);
	started = sender_start(s->pids ? run_inside : fn,
			       s->pids ? (const void *)&j : arg);
	space_leave();
	if (sender)
		*sender = started;
	r = sender_report(started);
	if (!s->pids) {
		r.n = r.pid;
		return r;
	}
	sender_go(started);
	inner = sender_report(started);
	inner.n = r.n;
	return inner;
}
