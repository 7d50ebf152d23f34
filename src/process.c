/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process: who a pid is: what proves it, what dies with it, and the rest. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "script.h"
#include "util.h"

#define READ_TRIES  3
#define DESCENT_MAX 1024
#define DELETED	    " (deleted)"
#define NS_PER_SEC  1000000000LL

/* The text of a link, or NULL.  Too long for the pool: overflow is set. */
static char *read_link(int dirfd, const char *name, struct strpool *pool)
{
	size_t room;
	char *text = strpool_room(pool, &room);
	ssize_t len = -ENAMETOOLONG;

	if (text)
		len = procfs_readlink(dirfd, name, text, room + 1);
	if (len == -ENAMETOOLONG)
		pool->overflow = true;
	if (len < 0 || !strpool_commit(pool, (size_t)len))
		return NULL;
	return text;
}

/* argv as the process shows it; only the last argument's NUL is taken off. */
static const char *read_args(int dirfd, struct strpool *pool, size_t *args_len,
			     bool *truncated)
{
	size_t room;
	char *text = strpool_room(pool, &room);
	ssize_t len;

	*args_len = 0;
	*truncated = false;
	if (!text) {
		pool->overflow = true;
		return NULL;
	}
	if (room > PROCESS_ARGS_MAX)
		room = PROCESS_ARGS_MAX;
	len = procfs_read(dirfd, "cmdline", text, room + 1, truncated);
	if (*truncated && room < PROCESS_ARGS_MAX)
		pool->overflow = true;
	if (len <= 0)
		return NULL;
	if (!*truncated && text[len - 1] == '\0')
		len--;
	*args_len = (size_t)len;
	return strpool_commit(pool, (size_t)len);
}

/* The kernel's " (deleted)" says that the name was removed; only a link count
 * of 0 tells it from a file that is really called so. */
static enum process_exe_kind judge_exe(char *exe, const struct procfs_image *im)
{
	const size_t suffix = sizeof(DELETED) - 1;
	bool memfd;
	size_t len;

	if (!exe)
		return PROCESS_EXE_NONE;
	if (im->exe_nlink || !im->exe_ino)
		return PROCESS_EXE_FILE;
	memfd = !strncmp(exe, "/memfd:", 7);
	len = strlen(exe);
	if (len > suffix && !strcmp(exe + len - suffix, DELETED))
		exe[len - suffix] = '\0';
	return memfd ? PROCESS_EXE_MEMFD : PROCESS_EXE_DELETED;
}

/* The owner of the directory itself is the effective uid and gid, whatever the
 * dumpable flag says (task_dump_owner in fs/proc/base.c), and reading status
 * takes ten times as long. */
static void read_owner(int dirfd, struct process *p)
{
	struct stat st;

	if (fstat(dirfd, &st) < 0)
		return;
	p->has_owner = true;
	p->euid = st.st_uid;
	p->egid = st.st_gid;
}

static void read_creds(int dirfd, struct process *p)
{
	struct procfs_status st;

	if (procfs_read_status(dirfd, &st))
		return;
	p->has_creds = true;
	p->uid = st.uid;
	p->gid = st.gid;
	p->nspid = st.nspid;
	p->cap_eff = st.cap_eff;
	p->no_new_privs = st.no_new_privs;
	p->seccomp = st.seccomp;
}

/* Lines are "HIERARCHY:CONTROLLERS:PATH"; v2's is "0::PATH". */
static const char *read_cgroup(int dirfd, struct strpool *pool)
{
	char text[8192], *line = text, *end;
	const char *path = NULL;

	if (procfs_read(dirfd, "cgroup", text, sizeof(text), NULL) < 0)
		return NULL;
	for (; (end = strchr(line, '\n')); line = end + 1) {
		const char *colon = strchr(line, ':');

		*end = '\0';
		if (colon)
			colon = strchr(colon + 1, ':');
		if (!colon)
			continue;
		if (!strncmp(line, "0::", 3))
			return strpool_add_text(pool, line + 3);
		if (!path)
			path = colon + 1;
	}
	return path ? strpool_add_text(pool, path) : NULL;
}

/* "mnt:[4026531841]" behind ns/mnt; 0: not known. */
static uint64_t read_ns(int dirfd, const char *path)
{
	char link[48];
	ssize_t len = procfs_readlink(dirfd, path, link, sizeof(link));
	const char *num = len > 0 ? strstr(link, ":[") : NULL;
	uint64_t inode;

	if (!num || link[len - 1] != ']')
		return 0;
	num += 2;
	if (util_parse_uint(num, (size_t)(link + len - 1 - num), UINT64_MAX,
			    &inode))
		return 0;
	return inode;
}

/* Ticks after boot to time since 1970; 0 for what cannot be. */
int64_t process_start_ns(uint64_t ticks)
{
	long hz = sysconf(_SC_CLK_TCK);
	struct timespec real, boot;
	int64_t sec, ns;

	if (hz <= 0)
		hz = 100;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &real);
	sec = real.tv_sec - boot.tv_sec + (int64_t)(ticks / (uint64_t)hz);
	ns = real.tv_nsec - boot.tv_nsec +
	     (int64_t)(ticks % (uint64_t)hz) * (NS_PER_SEC / hz);
	if (__builtin_mul_overflow(sec, NS_PER_SEC, &sec) ||
	    __builtin_add_overflow(sec, ns, &ns))
		return 0;
	return ns;
}

/* What can be read of exe is all the better; stat must be there. */
static int read_image(int dirfd, struct procfs_stat *st,
		      struct procfs_image *im)
{
	int rc = procfs_read_stat(dirfd, st);

	if (rc)
		return rc;
	procfs_stat_exe(dirfd, im);
	im->arg_start = st->arg_start;
	im->startstack = st->startstack;
	return 0;
}

static bool same_image(const struct procfs_image *a,
		       const struct procfs_image *b)
{
	return a->exe_dev == b->exe_dev && a->exe_ino == b->exe_ino &&
	       a->arg_start == b->arg_start && a->startstack == b->startstack;
}

/* One reading of what `before` was or will be again: the stat line comes last,
 * with the proof that all is one image's.  -EAGAIN: it is not. */
static int read_once(int dirfd, const struct procfs_image *before,
		     struct strpool *pool, struct process *p)
{
	char *exe = read_link(dirfd, "exe", pool);
	struct procfs_stat st;
	int rc;

	p->args = read_args(dirfd, pool, &p->args_len, &p->args_truncated);
	read_owner(dirfd, p);
	rc = read_image(dirfd, &st, &p->image);
	p->exe_kind = judge_exe(exe, &p->image);
	p->exe = exe;
	/* The directory of a process that is gone is root's. */
	if (rc) {
		p->has_owner = false;
		return rc;
	}
	memcpy(p->comm, st.comm, sizeof(p->comm));
	p->ppid = st.ppid;
	p->starttime = st.starttime;
	p->start_ns = process_start_ns(st.starttime);
	if (procfs_is_mid_exec(&st, &p->image))
		return -EAGAIN;
	return !before || same_image(before, &p->image) ? 0 : -EAGAIN;
}

void process_init(struct process *p, pid_t pid, pid_t tid)
{
	*p = (struct process){
		.pid = pid,
		.tid = tid,
		.exe_kind = PROCESS_EXE_NONE,
		.no_new_privs = -1,
		.seccomp = -1,
		.loginuid = UINT32_MAX,
		.sessionid = UINT32_MAX,
	};
}

int process_read(int dirfd, pid_t pid, pid_t tid, struct strpool *pool,
		 struct process *p)
{
	const struct strpool start = *pool;
	struct procfs_image before;
	struct procfs_stat st;
	int rc = -EAGAIN;

	for (int i = 0; i < READ_TRIES && rc == -EAGAIN; i++) {
		*pool = start;
		process_init(p, pid, tid);
		rc = read_image(dirfd, &st, &before);
		if (!rc && procfs_is_mid_exec(&st, &before))
			rc = -EAGAIN;
		if (!rc)
			rc = read_once(dirfd, &before, pool, p);
	}
	return rc;
}

int process_read_image(int dirfd, pid_t pid, pid_t tid,
		       const struct procfs_image *image, struct strpool *pool,
		       struct process *p)
{
	int rc;

	process_init(p, pid, tid);
	rc = read_once(dirfd, image, pool, p);
	return rc;
}

/*
 * Does the path lead to that file here?  In the cache only: the path is the
 * process's choice, and might lead to a file system that never answers.  A file
 * that is being executed is in the cache, with all above it.
 */
static bool is_our_file(const char *path, const struct procfs_image *im)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_CACHED | RESOLVE_NO_SYMLINKS,
	};
	struct statx stx;
	bool same;
	long fd;

	if (path[0] != '/')
		return false;
	fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd < 0)
		return false;
	same = !statx((int)fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		      STATX_INO, &stx) &&
	       stx.stx_ino == im->exe_ino &&
	       makedev(stx.stx_dev_major, stx.stx_dev_minor) == im->exe_dev;
	close((int)fd);
	return same;
}

/* A file that holds one number, UINT32_MAX where there is none. */
static uint32_t read_id(int dirfd, const char *name)
{
	char text[16];
	ssize_t len = procfs_read(dirfd, name, text, sizeof(text), NULL);
	uint64_t id;

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len <= 0 || util_parse_uint(text, (size_t)len, UINT32_MAX, &id))
		return UINT32_MAX;
	return (uint32_t)id;
}

/* The security module's label; the kernel ends it with NUL or line feed, or
 * says EINVAL where no module has any. */
static const char *read_label(int dirfd, struct strpool *pool)
{
	char text[1024];
	ssize_t len =
		procfs_read(dirfd, "attr/current", text, sizeof(text), NULL);

	while (len > 0 && (text[len - 1] == '\0' || text[len - 1] == '\n'))
		len--;
	return len > 0 ? strpool_add(pool, text, (size_t)len) : NULL;
}

static const char *pool_text(struct strpool *pool, const char *text)
{
	return text ? strpool_add_text(pool, text) : NULL;
}

static void derive_cgroup(struct strpool *pool, struct process *p)
{
	char buf[512];

	p->unit = pool_text(pool, process_unit_of(p->cgroup, buf, sizeof(buf)));
	p->container = pool_text(
		pool, process_container_of(p->cgroup, buf, sizeof(buf)));
}

static void derive_script(struct process *p)
{
	p->script = process_script_of(p->exe, p->args, p->args_len);
	/* The last of what was kept may have been cut. */
	if (p->script && p->args_truncated &&
	    p->script + strlen(p->script) == p->args + p->args_len)
		p->script = NULL;
}

void process_derive(struct process *p, struct strpool *pool)
{
	if (p->cgroup)
		derive_cgroup(pool, p);
	if (p->exe && p->args)
		derive_script(p);
}

/* What is open says more than arguments do. */
static void find_script(int dirfd, struct strpool *pool, struct process *p)
{
	char path[4096];

	if (p->exe == NULL || !process_is_interpreter(p->exe) ||
	    !script_find_open(dirfd, p->exe, p->script, path, sizeof(path)))
		return;
	p->script = strpool_add_text(pool, path);
	p->script_open = p->script != NULL;
}

static const char *read_tty(int tty_nr, struct strpool *pool)
{
	char tty[32];

	return pool_text(pool, process_tty_of(tty_nr, tty, sizeof(tty)));
}

int process_read_rest(int rootfd, int dirfd, struct strpool *pool,
		      struct process *p)
{
	uint64_t our_mnt = read_ns(rootfd, "self/ns/mnt");
	struct procfs_image now;
	struct procfs_stat st;
	int rc;

	p->cwd = read_link(dirfd, "cwd", pool);
	read_creds(dirfd, p);
	p->cgroup = read_cgroup(dirfd, pool);
	p->loginuid = read_id(dirfd, "loginuid");
	p->sessionid = read_id(dirfd, "sessionid");
	p->label = read_label(dirfd, pool);
	p->ns_mnt = read_ns(dirfd, "ns/mnt");
	p->ns_pid = read_ns(dirfd, "ns/pid");
	p->ns_net = read_ns(dirfd, "ns/net");
	p->ns_user = read_ns(dirfd, "ns/user");
	/* Of a process that is gone only the file can tell. */
	if (p->exe && p->exe_kind == PROCESS_EXE_FILE &&
	    (!p->ns_mnt || p->ns_mnt != our_mnt))
		p->foreign_mntns = !is_our_file(p->exe, &p->image);
	process_derive(p, pool);
	find_script(dirfd, pool, p);
	p->has_rest = true;
	rc = read_image(dirfd, &st, &now);
	if (rc)
		return rc;
	p->tty = read_tty(st.tty_nr, pool);
	/* These may come with the program: another one's are not this one's.
	 */
	if (!same_image(&now, &p->image)) {
		p->label = NULL;
		p->has_creds = false;
		p->script_open = false;
		p->script = NULL;
		if (p->exe && p->args)
			derive_script(p);
	}
	return 0;
}

/* Does the child still name that parent? */
static int check_child(int childfd, pid_t ppid)
{
	struct procfs_stat now;
	int rc = childfd < 0 ? -ESRCH : procfs_read_stat(childfd, &now);

	return rc ? rc : now.ppid == ppid ? 0 : -ESTALE;
}

/*
 * Opens the child's parent and reads its stat.  The number may have been used
 * again in between, but not by somebody older than the child; and as long as
 * the child names the same parent, that one was there all the time.  -ESTALE:
 * not the parent; -ESRCH: gone, or (with sure) the child that could tell is.
 */
static int open_parent(int rootfd, int childfd, const struct procfs_stat *child,
		       struct procfs_stat *parent, bool sure)
{
	int fd = procfs_open_pid(rootfd, child->ppid), rc;

	if (fd < 0)
		return fd;
	rc = procfs_read_stat(fd, parent);
	if (!rc && parent->starttime > child->starttime)
		rc = -ESTALE;
	if (!rc) {
		rc = check_child(childfd, child->ppid);
		if (rc == -ESRCH && !sure)
			rc = 0;
	}
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

static void add_ancestor(struct process_lineage *l, int dirfd,
			 const struct procfs_stat *st, struct strpool *pool)
{
	struct process_ancestor *a = &l->list[l->n++];
	struct procfs_image im;
	bool truncated;
	char *exe;

	a->pid = st->pid;
	memcpy(a->comm, st->comm, sizeof(a->comm));
	if (l->n > 1)
		return;
	procfs_stat_exe(dirfd, &im);
	exe = read_link(dirfd, "exe", pool);
	judge_exe(exe, &im);
	l->parent_exe = exe;
	l->parent_args =
		read_args(dirfd, pool, &l->parent_args_len, &truncated);
}

static const char *lineage_reason(int rc)
{
	if (rc == -ESRCH)
		return "an ancestor has ended";
	if (rc == -ESTALE)
		return "a parent changed meanwhile";
	if (rc == -EACCES || rc == -EPERM)
		return "not permitted";
	return "an ancestor cannot be read";
}

/* The process itself again, to ask for its parent later; -1 if it is gone. */
static int open_again(int rootfd, const struct process *p)
{
	struct procfs_stat st;
	int fd = procfs_open_pid(rootfd, p->pid);

	if (fd < 0)
		return -1;
	if (procfs_read_stat(fd, &st) == 0 && st.starttime == p->starttime)
		return fd;
	close(fd);
	return -1;
}

/* From the parent of the one behind childfd (closed here; -1: it is gone) up.
 */
static void read_above(int rootfd, int childfd, struct procfs_stat child,
		       struct strpool *pool, struct process_lineage *l)
{
	int fd = 0;

	while (child.ppid && l->n < PROCESS_ANCESTORS_MAX) {
		struct procfs_stat parent;

		fd = open_parent(rootfd, childfd, &child, &parent, false);
		if (fd < 0)
			break;
		add_ancestor(l, fd, &parent, pool);
		if (childfd >= 0)
			close(childfd);
		childfd = fd;
		child = parent;
	}
	if (childfd >= 0)
		close(childfd);
	l->complete = !child.ppid;
	if (!l->complete)
		l->reason = fd < 0 ? lineage_reason(fd) : "too many ancestors";
}

int process_read_lineage(int rootfd, const struct process *p,
			 struct strpool *pool, struct process_lineage *l)
{
	const struct procfs_stat child = {
		.pid = p->pid, .ppid = p->ppid, .starttime = p->starttime};

	memset(l, 0, sizeof(*l));
	read_above(rootfd, open_again(rootfd, p), child, pool, l);
	return 0;
}

int process_read_lineage_from(int rootfd, int dirfd, struct strpool *pool,
			      struct procfs_stat *st, struct process_lineage *l)
{
	int rc = procfs_read_stat(dirfd, st);

	if (rc)
		return rc;
	memset(l, 0, sizeof(*l));
	add_ancestor(l, dirfd, st, pool);
	read_above(rootfd, fcntl(dirfd, F_DUPFD_CLOEXEC, 0), *st, pool, l);
	return 0;
}

bool process_descends(int rootfd, pid_t pid, pid_t ancestor)
{
	struct procfs_stat st, parent;
	int fd = procfs_open_pid(rootfd, pid);
	bool found = pid == ancestor;

	if (fd < 0)
		return found;
	if (procfs_read_stat(fd, &st))
		st.ppid = 0;
	/* Each step leads to an older process: a bound for wrong trees only. */
	for (int i = 0; !found && st.ppid && i < DESCENT_MAX; i++) {
		int parentfd = open_parent(rootfd, fd, &st, &parent, true);

		if (parentfd < 0)
			break;
		found = st.ppid == ancestor;
		close(fd);
		fd = parentfd;
		st = parent;
	}
	close(fd);
	return found;
}
