/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch_witness: a catch whose sender was seen as it sent. */
#include "catch_witness.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util.h"
#include "witness_table.h"

#define NS_PER_TICK 10000000ULL /* USER_HZ is 100 */

/* include/linux/exportfs.h; include/linux/kdev_t.h */
#define FILEID_KERNFS	0xfe
#define CGROUP_ROOT_ID	1
#define KERNEL_MAJOR(d) ((d) >> 20)
#define KERNEL_MINOR(d) ((d)&0xfffff)

/* -------------------------------------------------------------- the answer */

static void make_holder(const struct witness_record *r,
			struct sockowner_holder *h)
{
	const struct witness_image *im = &r->image;

	*h = (struct sockowner_holder){
		.pid = (pid_t)r->pid,
		.tid = (pid_t)r->tid,
		.fd_tid = (pid_t)r->tid,
		.has_image = true,
		.fd = -1,
		.starttime = im->start_ns / NS_PER_TICK,
		.image = {.exe_dev = makedev(KERNEL_MAJOR(im->exe_dev),
					     KERNEL_MINOR(im->exe_dev)),
			  .exe_ino = im->exe_ino,
			  .arg_start = im->arg_start,
			  .startstack = im->start_stack},
		.dirfd = -1,
	};
}

static void set_socket(struct sockowner_answer *a,
		       const struct witness_record *r)
{
	a->has_socket = r->inode != 0;
	a->socket = (struct sockowner_socket){
		.inode = r->inode,
		.cookie = r->cookie,
		.cgroup_id = r->cgroup,
		.uid = r->sock_uid,
	};
}

bool catch_take_record(struct catch *c, const struct witness_record *r)
{
	struct sockowner_answer *a = &c->answer;

	switch ((enum witness_class)r->class) {
	case WITNESS_SENDER:
		/* In a pid namespace that is none of ours. */
		if (r->pid == 0)
			return false;
		a->grade = SOCKOWNER_PROVED;
		make_holder(r, &a->holders[0]);
		a->nholders =
			1; /* of those who have it open nothing is known */
		break;
	case WITNESS_KERNEL:
		if (c->event.has_packet_uid)
			return false;
		a->grade = SOCKOWNER_KERNEL;
		break;
	case WITNESS_OTHER:
		return false;
	}
	a->reason = SOCKOWNER_REASON_NONE;
	a->method = SOCKOWNER_METHOD_WITNESS;
	a->resolve_us = util_now_us() - c->received_us;
	set_socket(a, r);
	c->has_record = true;
	c->record = *r;
	return true;
}

bool catch_record_tuple(const struct witness_record *r, struct tuple *own)
{
	const struct witness_ends *e = &r->own;

	if (!r->has_own || (e->family != AF_INET && e->family != AF_INET6))
		return false;
	*own = (struct tuple){
		.saddr = ipaddr_from_bytes((uint8_t)e->family, e->saddr),
		.daddr = ipaddr_from_bytes((uint8_t)e->family, e->daddr),
		.sport = e->sport,
		.dport = e->dport,
		.family = (uint8_t)e->family,
		.proto = e->proto,
	};
	return true;
}

void catch_take_connect(struct catch *c, const struct sockowner_answer *found,
			const struct witness_record *r)
{
	struct sockowner_answer *a = &c->answer;

	a->grade = SOCKOWNER_PROVED;
	a->reason = SOCKOWNER_REASON_NONE;
	a->method = SOCKOWNER_METHOD_WITNESS;
	a->resolve_us = util_now_us() - c->received_us;
	a->has_socket = found->has_socket;
	a->socket = found->socket;
	make_holder(r, &a->holders[0]);
	a->nholders = 1;
	c->has_record = c->by_socket = true;
	c->record = *r;
}

void catch_set_creator(struct catch *c, const struct witness *w,
		       const struct witness_record *r)
{
	char buf[WITNESS_PATH_MAX + WITNESS_NAME_MAX + 4];
	const struct witness_facts *f = witness_facts(w, &r->image);
	const char *exe =
		f != NULL ? witness_facts_exe(f, buf, sizeof(buf)) : NULL;
	struct event *e = &c->event;

	e->has_creator = true;
	e->creator = (struct event_process){
		.pid = (pid_t)r->pid,
		.tid = (pid_t)r->tid,
		.starttime = r->image.start_ns / NS_PER_TICK,
		.exe = exe != NULL ? strpool_add_text(&e->pool, exe) : NULL,
		.has_uid = true,
		.uid = r->euid,
	};
	memcpy(e->creator.comm, r->comm, sizeof(r->comm));
}

/* --------------------------------------------------------- further packets */

static bool is_socket(uint64_t inode, uint64_t cookie,
		      const struct witness_record *r)
{
	return inode == r->inode &&
	       (cookie == 0 || r->cookie == 0 || cookie == r->cookie);
}

int catch_has_record(const struct catch *c, const struct witness_record *r)
{
	const struct witness_record *own = &c->record;

	if (!c->has_record || own->inode == 0 || r->inode == 0)
		return -1;
	if (!is_socket(own->inode, own->cookie, r))
		return 0;
	return r->class == WITNESS_OTHER ||
	       (r->class == own->class && r->pid == own->pid &&
		memcmp(&r->image, &own->image, sizeof(r->image)) == 0);
}

/* exe is not compared: not every file system says the same to all. */
static bool is_flow_holder(const struct flow *f, const struct witness_record *r)
{
	struct sockowner_holder h;

	make_holder(r, &h);
	return f->has_holder && f->holder.pid == h.pid &&
	       f->holder.starttime == h.starttime &&
	       f->holder.image.arg_start == h.image.arg_start &&
	       f->holder.image.startstack == h.image.startstack;
}

bool catch_flow_has_connect(const struct flow *f,
			    const struct witness_record *r)
{
	return is_flow_holder(f, r);
}

int catch_flow_has_record(const struct flow *f, const struct witness_record *r)
{
	if (f->inode == 0 || r->inode == 0)
		return -1;
	if (!is_socket(f->inode, f->cookie, r))
		return 0;
	switch ((enum witness_class)r->class) {
	case WITNESS_SENDER:
		return is_flow_holder(f, r);
	case WITNESS_KERNEL:
		return f->grade == SOCKOWNER_KERNEL;
	case WITNESS_OTHER:
		/* Of a datagram nothing says that the sender is the same. */
		return f->tuple.proto == IPPROTO_TCP ? 1 : -1;
	}
	return -1;
}

/* ------------------------------------------------ the process, as it sent */

static void set_args(struct process *p, const struct witness_facts *f,
		     struct strpool *pool)
{
	const char *args = witness_facts_args(f);
	size_t len = f->args_len;

	p->args_truncated = f->args_truncated != 0;
	if (!p->args_truncated && len > 0 && args[len - 1] == '\0')
		len--;
	if (len == 0)
		return;
	p->args = strpool_add(pool, args, len);
	p->args_len = p->args != NULL ? len : 0;
}

static void set_exe(struct process *p, const struct witness_facts *f,
		    struct strpool *pool)
{
	char buf[WITNESS_PATH_MAX + WITNESS_NAME_MAX + 4];
	const char *exe = witness_facts_exe(f, buf, sizeof(buf));

	p->exe_kind = PROCESS_EXE_NONE;
	if (exe == NULL)
		return;
	p->exe = strpool_add_text(pool, exe);
	p->exe_kind = PROCESS_EXE_FILE;
	p->image.exe_nlink = f->exe_nlink;
	if (f->exe_nlink == 0)
		p->exe_kind = strncmp(exe, "/memfd:", 7) == 0
				      ? PROCESS_EXE_MEMFD
				      : PROCESS_EXE_DELETED;
}

/* What may change without another image is each record's own. */
static void set_changing(struct process *p, const struct witness_record *r)
{
	memset(p->comm, 0, sizeof(p->comm));
	memcpy(p->comm, r->comm, sizeof(r->comm));
	p->has_owner = true;
	p->euid = r->euid;
	p->egid = r->egid;
}

static void set_image(struct process *p, const struct sockowner_holder *h)
{
	p->starttime = h->starttime;
	p->start_ns = process_start_ns(h->starttime);
	p->image = (struct procfs_image){
		.exe_dev = h->image.exe_dev,
		.exe_ino = h->image.exe_ino,
		.exe_nlink = 1,
		.arg_start = h->image.arg_start,
		.startstack = h->image.startstack,
	};
}

static void set_ancestors(struct process_lineage *l,
			  const struct witness_facts *f)
{
	memset(l, 0, sizeof(*l));
	for (uint32_t i = 0; i < f->nparents; i++) {
		struct process_ancestor *a = &l->list[l->n++];

		a->pid = (pid_t)f->parents[i].pid;
		memcpy(a->comm, f->parents[i].comm, sizeof(f->parents[i].comm));
	}
	l->complete = f->parents_end != 0;
	if (!l->complete)
		l->reason = "an ancestor has ended";
}

static void read_facts(struct event *e, const struct witness_facts *f)
{
	struct process *p = &e->process;

	p->ppid = f->nparents > 0 ? (pid_t)f->parents[0].pid : 0;
	set_exe(p, f, &e->pool);
	set_args(p, f, &e->pool);
	set_ancestors(&e->lineage, f);
}

void catch_read_testimony(struct catch *c, const struct witness *w,
			  const struct users *users)
{
	const struct sockowner_holder *h = &c->answer.holders[0];
	const struct witness_facts *f;
	struct event *e = &c->event;

	if (c->record.class != WITNESS_SENDER)
		return;
	f = witness_facts(w, &c->record.image);
	process_init(&e->process, h->pid, h->tid);
	set_image(&e->process, h);
	set_changing(&e->process, &c->record);
	if (f != NULL)
		read_facts(e, f);
	else
		e->lineage.reason = "the witness had no room";
	e->has_process = true;
	e->user = users_find(users, e->process.euid);
}

bool catch_testimony_descends(const struct catch *c, const struct witness *w,
			      pid_t pid)
{
	const struct witness_facts *f = witness_facts(w, &c->record.image);

	for (uint32_t i = 0; f != NULL && i < f->nparents; i++)
		if (f->parents[i].pid == (uint32_t)pid)
			return true;
	return c->record.pid == (uint32_t)pid;
}

/* --------------------------------------------------------------- the rest */

/* The kernel may say another device and inode to us than it has itself (overlay
 * and its like); then the path has to be the same. */
static bool is_exe(const struct process *now, const struct process *then)
{
	if (now->image.exe_dev == then->image.exe_dev)
		return now->image.exe_ino == then->image.exe_ino;
	return now->exe != NULL && then->exe != NULL &&
	       strcmp(now->exe, then->exe) == 0;
}

static bool is_same_image(const struct process *now, const struct process *then)
{
	return now->starttime == then->starttime &&
	       now->image.arg_start == then->image.arg_start &&
	       now->image.startstack == then->image.startstack &&
	       is_exe(now, then);
}

/* True: it lives, runs the same program, and all of it was read. */
static bool read_living(struct catch *c, int rootfd)
{
	struct event *e = &c->event;
	const struct strpool before = e->pool;
	const pid_t pid = e->process.pid;
	int dirfd = procfs_open_pid(rootfd, pid);
	struct process now;
	bool same;

	if (dirfd < 0)
		return false;
	same = process_read(dirfd, pid, e->process.tid, &e->pool, &now) == 0 &&
	       is_same_image(&now, &e->process) &&
	       process_read_rest(rootfd, dirfd, &e->pool, &now) == 0;
	close(dirfd);
	if (!same) {
		e->pool = before;
		return false;
	}
	now.ppid = e->process.ppid != 0 ? e->process.ppid : now.ppid;
	/* What it was called with then, if that was seen. */
	if (e->process.args != NULL) {
		now.args = e->process.args;
		now.args_len = e->process.args_len;
		now.args_truncated = e->process.args_truncated;
	}
	e->process = now;
	set_changing(&e->process, &c->record);
	return true;
}

/* The path below root of the cgroup with that number, or NULL. */
static const char *find_cgroup(const char *root, uint64_t id,
			       struct strpool *pool)
{
	union {
		struct file_handle h;
		char mem[sizeof(struct file_handle) + sizeof(id)];
	} u = {.h = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	int rootfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	char link[64], path[4096];
	size_t skip = strlen(root);
	ssize_t n;

	if (rootfd < 0)
		return NULL;
	memcpy(u.h.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(rootfd, &u.h, O_PATH | O_CLOEXEC);
	close(rootfd);
	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	close(fd);
	if (n < (ssize_t)skip || memcmp(path, root, skip) != 0)
		return NULL;
	path[n] = '\0';
	return strpool_add_text(pool, path[skip] != '\0' ? path + skip : "/");
}

/* By its number alone, as long as it is there. */
static const char *read_cgroup(uint64_t id, struct strpool *pool)
{
	const char *path;

	if (id == CGROUP_ROOT_ID)
		return "/";
	path = find_cgroup("/sys/fs/cgroup/unified", id, pool);
	return path != NULL ? path : find_cgroup("/sys/fs/cgroup", id, pool);
}

static void read_names(struct event *e, const struct witness_facts *f)
{
	char buf[WITNESS_PATH_MAX + WITNESS_NAME_MAX + 4], tty[32];
	struct process *p = &e->process;
	const char *text = witness_facts_cwd(f, buf, sizeof(buf));
	unsigned nr = (f->tty_minor & 0xff) | f->tty_major << 8 |
		      (f->tty_minor & ~0xffU) << 12;

	if (text != NULL)
		p->cwd = strpool_add_text(&e->pool, text);
	text = process_tty_of((int)nr, tty, sizeof(tty));
	if (text != NULL)
		p->tty = strpool_add_text(&e->pool, text);
}

static void read_dead(struct catch *c, const struct witness_facts *f,
		      int rootfd)
{
	struct event *e = &c->event;
	struct process *p = &e->process;
	struct stat st;

	p->has_creds = p->has_rest = true;
	p->uid = c->record.uid;
	p->gid = c->record.gid;
	p->nspid = (pid_t)f->nspid;
	p->cap_eff = f->cap_eff;
	p->no_new_privs = (int)f->no_new_privs;
	p->seccomp = (int)f->seccomp;
	p->loginuid = f->loginuid;
	p->sessionid = f->sessionid;
	p->ns_mnt = f->ns_mnt;
	p->ns_pid = f->ns_pid;
	p->ns_net = f->ns_net;
	p->ns_user = f->ns_user;
	p->foreign_mntns = fstatat(rootfd, "self/ns/mnt", &st, 0) == 0 &&
			   st.st_ino != f->ns_mnt;
	p->cgroup = read_cgroup(c->record.cgroup, &e->pool);
	read_names(e, f);
	process_derive(p, &e->pool);
}

/* Who is further up than the record goes: from /proc, where it is still the
 * same process. */
static int open_parent(const struct witness_parent *parent, int rootfd,
		       struct procfs_stat *st)
{
	int fd = procfs_open_pid(rootfd, (pid_t)parent->pid);

	if (fd < 0)
		return fd;
	if (procfs_read_stat(fd, st) == 0 &&
	    st->starttime == parent->start_ns / NS_PER_TICK)
		return fd;
	close(fd);
	return -ESRCH;
}

static void add_above(struct process_lineage *l,
		      const struct process_lineage *above, size_t from)
{
	for (size_t i = from; i < above->n && l->n < PROCESS_ANCESTORS_MAX; i++)
		l->list[l->n++] = above->list[i];
	l->complete = above->complete;
	l->reason = above->reason;
}

static void read_further(struct event *e, const struct witness_facts *f,
			 int rootfd)
{
	struct process_lineage above;
	struct procfs_stat st;
	struct process p = {0};
	int fd = open_parent(&f->parents[f->nparents - 1], rootfd, &st);

	if (fd < 0)
		return;
	close(fd);
	p.pid = st.pid;
	p.ppid = st.ppid;
	p.starttime = st.starttime;
	process_read_lineage(rootfd, &p, &e->pool, &above);
	add_above(&e->lineage, &above, 0);
}

/* Do they begin with those of the record? */
static bool has_ancestors(const struct process_lineage *l,
			  const struct witness_facts *f)
{
	for (uint32_t i = 0; i < f->nparents; i++)
		if (i >= l->n || l->list[i].pid != (pid_t)f->parents[i].pid)
			return false;
	return true;
}

/* The parent's exe and arguments, and who is further up. */
static void read_parent(struct event *e, const struct witness_facts *f,
			struct process_parents *parents, int rootfd)
{
	const struct witness_parent *first = &f->parents[0];
	const struct process_parent *now = process_parents_find(
		parents, util_now_us(), rootfd, (pid_t)first->pid);
	struct process_lineage above;
	bool same =
		now != NULL && now->starttime == first->start_ns / NS_PER_TICK;

	if (same) {
		process_parents_copy(&now->lineage, &e->pool, &above);
		e->lineage.parent_exe = above.parent_exe;
		e->lineage.parent_args = above.parent_args;
		e->lineage.parent_args_len = above.parent_args_len;
	}
	if (f->parents_end)
		return;
	if (same && has_ancestors(&above, f))
		add_above(&e->lineage, &above, f->nparents);
	else
		read_further(e, f, rootfd);
}

void catch_read_testimony_rest(struct catch *c, const struct witness *w,
			       struct process_parents *parents, int proc_rootfd)
{
	const struct witness_facts *f = witness_facts(w, &c->record.image);
	struct event *e = &c->event;

	if (!e->has_process || e->process.has_rest)
		return;
	e->alive = read_living(c, proc_rootfd);
	if (f == NULL) {
		if (e->alive)
			process_read_lineage(proc_rootfd, &e->process, &e->pool,
					     &e->lineage);
		return;
	}
	if (!e->alive)
		read_dead(c, f, proc_rootfd);
	if (f->nparents > 0)
		read_parent(e, f, parents, proc_rootfd);
}
