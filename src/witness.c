/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness: who sent this very packet, seen from within the kernel as it was
 * sent. */
#include "witness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "util.h"
#include "witness_cgroup.h"
#include "witness_load.h"
#include "witness_parts.h"
#include "witness_sockets.h"
#include "witness_table.h"

/* A record is written before its packet is queued, but stands behind one that
 * is being written just now: by another processor, or by a process that has
 * lost its processor over it and must have it back. */
#define PATIENCE_US 5
#define SLEEPING_US 3000

#define NS_PER_US 1000ULL

/* What another namespace has sent comes here later, through its devices. */
#define FORWARD_US 200000

/* As many as one reading takes. */
#define BATCH_MAX 4096

struct witness {
	int fds[WITNESS_FDS];
	struct ring_buffer *ring;
	enum witness_kind kind;
	volatile struct witness_shared *shared; /* with the kernel, */
	size_t shared_size;			/* a page */
	unsigned batch;		    /* records taken at this reading */
	uint64_t taken;		    /* of all that were begun */
	uint64_t missed, missed_ns; /* runs that the kernel left out */
	struct witness_table *table;
	struct witness_sockets *sockets; /* NULL: it sees packets */
	bool whole;			 /* it sees all of them */
	uint32_t net_ns;		 /* ours */
	struct witness_table *foreign;	 /* the same of others, or NULL */
	struct witness_sockets *foreign_sockets;
	uint64_t drained_ns; /* the queue was empty then */
	struct witness_stats stats;
};

bool witness_is_built_in(void)
{
	return true;
}

const char *witness_reason(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "CAP_BPF and CAP_PERFMON are needed";
	case EINVAL:
	case ESRCH:
	case ENOENT:
		return "this kernel has no such programs, or no BTF";
	case EBUSY:
		return "other programs are in its place";
	case EIO:
		return "loading it took too long";
	case ENODEV:
		return "no cgroup v2 is mounted";
	}
	return strerror(-err);
}

/* ------------------------------------------------------------------- reading
 */

static void make_room(struct witness *w)
{
	struct witness_image im;
	int fd = w->fds[WITNESS_FD_TOLD];

	/* Told again when it sends again. */
	while (witness_table_evict(w->table, &im))
		bpf_map_delete_elem(fd, &im);
}

static void add_record(struct witness *w, const struct witness_record *r)
{
	bool ours = r->net_ns == w->net_ns;

	if (w->sockets != NULL && (ours || w->foreign_sockets != NULL))
		witness_sockets_add(ours ? w->sockets : w->foreign_sockets, r);
	else if (w->sockets == NULL && (ours || w->foreign != NULL))
		witness_table_add(ours ? w->table : w->foreign, r);
}

static int take_record(void *data, void *mem, size_t len)
{
	struct witness *w = data;
	struct witness_record r;
	uint32_t type = 0;

	if (len >= sizeof(type))
		memcpy(&type, mem, sizeof(type));
	if (type == WITNESS_FACTS) {
		if (witness_table_add_facts(w->table, mem, len) == 0)
			make_room(w);
	} else if (len >= sizeof(r)) {
		w->taken++;
		memcpy(&r, mem, sizeof(r));
		add_record(w, &r);
		w->stats.records++;
	}
	/* Others write on: the loop has more to do. */
	return ++w->batch < BATCH_MAX ? 0 : -EAGAIN;
}

void witness_read(struct witness *w)
{
	w->batch = 0;
	ring_buffer__consume(w->ring);
}

/* Takes over all records that were begun by now, or lost.  False: one of them
 * is still being written, and others may be hidden behind it. */
static bool read_all(struct witness *w)
{
	uint64_t begun = __atomic_load_n(&w->shared->begun, __ATOMIC_ACQUIRE);
	const struct timespec nap = {.tv_nsec = 20000};
	uint64_t since = 0, now = 0;

	do {
		witness_read(w);
		if (w->taken + __atomic_load_n(&w->shared->lost.packets,
					       __ATOMIC_ACQUIRE) >=
		    begun)
			return true;
		if (since != 0 && now >= since + PATIENCE_US)
			nanosleep(&nap, NULL);
		now = util_now_us();
		if (since == 0)
			since = now;
	} while (now < since + SLEEPING_US);
	return false;
}

static int map_shared(struct witness *w)
{
	void *mem;

	w->shared_size = (size_t)sysconf(_SC_PAGESIZE);
	mem = mmap(NULL, w->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   w->fds[WITNESS_FD_SHARED], 0);
	if (mem == MAP_FAILED)
		return -errno;
	w->shared = mem;
	return 0;
}

static int open_ring(struct witness *w)
{
	w->ring =
		ring_buffer__new(w->fds[WITNESS_FD_RING], take_record, w, NULL);
	return w->ring == NULL ? -errno : 0;
}

/* Apart: what others send may look like what is sent from here. */
static int open_foreign(struct witness *w)
{
	switch (w->kind) {
	case WITNESS_NETFILTER:
		return witness_table_open(&w->foreign);
	case WITNESS_CGROUP:
		return witness_sockets_open(&w->foreign_sockets);
	case WITNESS_TRACING:
	case WITNESS_AUTO:
		break;
	}
	return 0;
}

int witness_open(struct witness **out, const struct witness_config *cfg)
{
	struct witness *w = calloc(1, sizeof(*w));
	uint32_t pid_ns;
	int err;

	if (w == NULL)
		return -ENOMEM;
	err = witness_load(cfg, &w->kind, w->fds);
	if (err == 0)
		err = witness_table_open(&w->table);
	if (err == 0 && w->kind == WITNESS_CGROUP) {
		err = witness_sockets_open(&w->sockets);
		w->whole = witness_cgroup_is_whole();
	}
	if (err == 0 && cfg->forward)
		err = open_foreign(w);
	if (err == 0)
		err = witness_read_namespaces(&pid_ns, &w->net_ns);
	if (err == 0)
		err = map_shared(w);
	if (err == 0)
		err = open_ring(w);
	if (err < 0) {
		witness_close(w);
		return err;
	}
	*out = w;
	return 0;
}

void witness_close(struct witness *w)
{
	if (w == NULL)
		return;
	ring_buffer__free(w->ring);
	if (w->shared != NULL)
		munmap((void *)w->shared, w->shared_size);
	for (size_t i = 0; i < WITNESS_FDS; i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	witness_table_close(w->table);
	witness_sockets_close(w->sockets);
	witness_table_close(w->foreign);
	witness_sockets_close(w->foreign_sockets);
	free(w);
}

int witness_fd(const struct witness *w)
{
	return ring_buffer__epoll_fd(w->ring);
}

void witness_watch_queue(struct witness *w, uint16_t queue_num)
{
	w->shared->queue = queue_num;
	w->drained_ns = util_now_us() * NS_PER_US;
}

enum witness_kind witness_kind(const struct witness *w)
{
	return w->kind;
}

/* Where a program is running already, an interrupt's or another task's run of
 * it on the same processor is left out (recursion_misses, Linux 5.12): which
 * packet goes without a record nobody knows. */
static void note_missed(struct witness *w)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (w->kind != WITNESS_TRACING ||
	    bpf_obj_get_info_by_fd(w->fds[WITNESS_FD_PROG], &info, &len) < 0 ||
	    info.recursion_misses == w->missed)
		return;
	w->missed = info.recursion_misses;
	w->missed_ns = util_now_us() * NS_PER_US;
}

/* When a record was last lost; 0: never. */
static uint64_t lost_ns(struct witness *w)
{
	uint64_t lost = w->shared->lost.last_ns;

	note_missed(w);
	return lost > w->missed_ns ? lost : w->missed_ns;
}

bool witness_find(struct witness *w, const struct packet *p,
		  uint64_t received_us, bool has_uid, uint32_t uid,
		  struct witness_record *r)
{
	return read_all(w) && witness_table_find(w->table, p, received_us,
						 has_uid, uid, lost_ns(w), r);
}

int witness_program(const struct witness *w)
{
	return w->foreign != NULL ? w->fds[WITNESS_FD_PROG] : -1;
}

bool witness_find_forwarded(struct witness *w, const struct packet *p,
			    uint64_t received_us, uint32_t net_ns,
			    struct witness_record *r)
{
	return w->foreign != NULL && read_all(w) &&
	       witness_table_find_in(w->foreign, net_ns, p, received_us,
				     lost_ns(w), r);
}

bool witness_sees_packets(const struct witness *w)
{
	return w->kind != WITNESS_CGROUP;
}

/* A closed socket is known by its addresses, if no other one had them since the
 * packet can have been sent. */
static uint64_t find_closed(struct witness *w, const struct packet *p)
{
	return w->whole ? witness_sockets_closed(w->sockets, &p->tuple,
						 w->drained_ns, lost_ns(w))
			: 0;
}

/* One that is there may have the addresses of another one that is gone. */
static bool is_alone(struct witness *w, uint64_t cookie, const struct packet *p)
{
	return !w->whole ||
	       witness_sockets_is_alone(w->sockets, cookie, &p->tuple,
					w->drained_ns, lost_ns(w));
}

bool witness_find_connect(struct witness *w, uint64_t cookie,
			  const struct packet *p, struct witness_record *r)
{
	if (w->sockets == NULL || !read_all(w))
		return false;
	if (cookie == 0)
		cookie = find_closed(w, p);
	else if (!is_alone(w, cookie, p))
		return false;
	return witness_sockets_connect(w->sockets, cookie, &p->tuple,
				       lost_ns(w), r) &&
	       r->class == WITNESS_SENDER;
}

bool witness_find_forwarded_connect(struct witness *w, uint64_t cookie,
				    const struct packet *p,
				    struct witness_record *r)
{
	struct witness_sockets *s = w->foreign_sockets;

	if (s == NULL || cookie == 0 || !read_all(w))
		return false;
	if (w->whole && !witness_sockets_is_alone(s, cookie, &p->tuple,
						  w->drained_ns, lost_ns(w)))
		return false;
	return witness_sockets_connect(s, cookie, &p->tuple, lost_ns(w), r) &&
	       r->class == WITNESS_SENDER;
}

bool witness_find_creator(struct witness *w, uint64_t cookie,
			  const struct packet *p, struct witness_record *r)
{
	if (w->sockets == NULL || !read_all(w))
		return false;
	if (cookie == 0)
		cookie = find_closed(w, p);
	return witness_sockets_creator(w->sockets, cookie, r) &&
	       r->class == WITNESS_SENDER;
}

void witness_forget(struct witness *w, uint64_t drained_us)
{
	w->drained_ns = drained_us * NS_PER_US;
	witness_table_forget(w->table, drained_us);
	if (w->foreign != NULL && drained_us > FORWARD_US)
		witness_table_forget(w->foreign, drained_us - FORWARD_US);
}

const struct witness_facts *witness_facts(const struct witness *w,
					  const struct witness_image *im)
{
	return witness_table_facts(w->table, im);
}

const struct witness_stats *witness_stats(struct witness *w)
{
	w->stats.lost = w->shared->lost.packets + w->missed +
			witness_table_lost(w->table);
	if (w->foreign != NULL)
		w->stats.lost += witness_table_lost(w->foreign);
	w->stats.facts_lost = w->shared->lost.facts;
	w->stats.doubted = witness_table_doubted(w->table);
	if (w->foreign != NULL)
		w->stats.doubted += witness_table_doubted(w->foreign);
	return &w->stats;
}
