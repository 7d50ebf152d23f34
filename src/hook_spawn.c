/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook_spawn: one command started on an event, with all that it may see. */
#include "hook_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto.h"
#include "util.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* 6.3 */
#endif

#define ENV_VARS 12
#define ENV_MEM	 (PATH_MAX + 1024)

/* The PTRAP_* variables of one command, appended to the pool's own. */
struct env {
	char **list;
	size_t n;
	char mem[ENV_MEM];
	size_t used;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static char dumb_terminal[] = "TERM=dumb";

static int copy_environ(struct hook_spawn *s)
{
	size_t n = 0;

	while (environ && environ[n])
		n++;
	s->envp = calloc(n + 1 + ENV_VARS + 1, sizeof(*s->envp));
	if (!s->envp)
		return -ENOMEM;
	/* `pstree -H` does nothing without one, and cron has none. */
	if (!getenv("TERM"))
		s->envp[s->nenv++] = dumb_terminal;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "PTRAP_", 6) != 0)
			s->envp[s->nenv++] = environ[i];
	return 0;
}

/* A group of its own, no signal blocked or ignored. */
static int make_attr(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int err;

	sigfillset(&all);
	sigemptyset(&none);
	err = posix_spawnattr_init(attr);
	if (!err)
		err = posix_spawnattr_setflags(
			attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
				      POSIX_SPAWN_SETSIGMASK);
	if (!err)
		err = posix_spawnattr_setpgroup(attr, 0);
	if (!err)
		err = posix_spawnattr_setsigdefault(attr, &all);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	return -err;
}

int hook_spawn_init(struct hook_spawn *s, const char *command)
{
	int err;

	*s = (struct hook_spawn){0};
	if (asprintf(&s->script, "%s \"$@\"", command) < 0)
		return -ENOMEM;
	err = copy_environ(s);
	if (!err)
		err = make_attr(&s->attr);
	if (err) {
		free(s->script);
		free(s->envp);
	}
	return err;
}

void hook_spawn_fini(struct hook_spawn *s)
{
	posix_spawnattr_destroy(&s->attr);
	free(s->script);
	free(s->envp);
}

/* The JSON line as a file that nobody can change and nobody has to feed. */
static int make_stdin(const char *json, size_t len)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("ptrap-event", flags | MFD_NOEXEC_SEAL);
	int err = 0;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("ptrap-event", flags);
	if (fd < 0)
		return -errno;
	while (len > 0 && !err) {
		ssize_t n = write(fd, json, len);

		if (n > 0) {
			json += n;
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			err = n ? -errno : -EIO;
		}
	}
	if (!err && (lseek(fd, 0, SEEK_SET) < 0 ||
		     fcntl(fd, F_ADD_SEALS,
			   F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
				   F_SEAL_SEAL) < 0))
		err = -errno;
	if (err)
		close_fd(&fd);
	return err ? err : fd;
}

/* Our end does not block; theirs must. */
static int make_pipe(int *ours, int *theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ours = fds[0];
	*theirs = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void __attribute__((format(printf, 2, 3)))
env_add(struct env *env, const char *fmt, ...)
{
	size_t room = sizeof(env->mem) - env->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(env->mem + env->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return;
	env->list[env->n++] = env->mem + env->used;
	env->used += (size_t)n + 1;
	env->list[env->n] = NULL;
}

static void env_add_tuple(struct env *env, const struct event *e)
{
	const struct tuple *t = &e->tuple;
	char addr[IPADDR_TEXT_MAX], proto[16];

	env_add(env, "PTRAP_PROTO=%s",
		proto_format(t->proto, proto, sizeof(proto)));
	env_add(env, "PTRAP_SRC=%s", ipaddr_format(&t->saddr, addr));
	env_add(env, "PTRAP_DST=%s", ipaddr_format(&t->daddr, addr));
	if (proto_has_ports(t->proto) && e->packet.has_ports) {
		env_add(env, "PTRAP_SPORT=%u", t->sport);
		env_add(env, "PTRAP_DPORT=%u", t->dport);
	} else {
		env_add(env, "PTRAP_SPORT=");
		env_add(env, "PTRAP_DPORT=");
	}
}

static void env_fill(struct env *env, const struct event *e)
{
	const struct process *proc = &e->process;

	env_add(env, "PTRAP_PID=%d", proc->pid);
	if (proc->tid > 0)
		env_add(env, "PTRAP_TID=%d", proc->tid);
	else
		env_add(env, "PTRAP_TID=");
	env_add(env, "PTRAP_COMM=%s", proc->comm);
	env_add(env, "PTRAP_EXE=%s", proc->exe ? proc->exe : "");
	if (proc->has_owner)
		env_add(env, "PTRAP_UID=%u", proc->euid);
	else
		env_add(env, "PTRAP_UID=");
	env_add_tuple(env, e);
	env_add(env, "PTRAP_GRADE=%s", sockowner_grade_name(e->grade));
	env_add(env, "PTRAP_ALIVE=%d", e->alive);
}

static int make_actions(posix_spawn_file_actions_t *fa, int in, int out)
{
	int err = posix_spawn_file_actions_adddup2(fa, in, 0);

	if (!err)
		err = posix_spawn_file_actions_adddup2(fa, out, 1);
	if (!err)
		err = posix_spawn_file_actions_adddup2(fa, out, 2);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(fa, 3);
	return err;
}

static int spawn(const struct hook_spawn *s, const struct event *e, int in,
		 int out, pid_t *pid)
{
	struct env env = {.list = s->envp, .n = s->nenv};
	char sh[] = "sh", c[] = "-c", num[16];
	char *argv[] = {sh, c, s->script, sh, num, NULL};
	posix_spawn_file_actions_t fa;
	int err;

	snprintf(num, sizeof(num), "%d", e->process.pid);
	env_fill(&env, e);
	err = posix_spawn_file_actions_init(&fa);
	if (err)
		return -err;
	err = make_actions(&fa, in, out);
	if (!err)
		err = posix_spawn(pid, "/bin/sh", &fa, &s->attr, argv, s->envp);
	posix_spawn_file_actions_destroy(&fa);
	return -err;
}

int hook_spawn_start(const struct hook_spawn *s, const struct event *e,
		     const char *json, size_t json_len, pid_t *pid, int *outfd)
{
	/* First, so that the pipe is never descriptor 0, which the child's
	 * first dup2 would overwrite. */
	int in = make_stdin(json, json_len), out = -1, err;

	if (in < 0)
		return in;
	*outfd = -1;
	err = make_pipe(outfd, &out);
	if (!err)
		err = spawn(s, e, in, out, pid);
	close_fd(&in);
	close_fd(&out);
	if (err)
		close_fd(outfd);
	return err;
}
