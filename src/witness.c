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
#include <unistd.h>

#include "util.h"
#include "witness_load.h"
#include "witness_table.h"

/* A record is written before its packet is queued, but stands behind one that
 * another processor is writing just now. */
#define PATIENCE_US 3

/* As many as one reading takes. */
#define BATCH_MAX 4096

struct witness {
	int fds[WITNESS_FDS];
	struct ring_buffer *ring;
	const volatile struct witness_lost *lost; /* the kernel's, */
	unsigned batch;	 /* records taken at this reading */
	void *lost_page; /* in this page */
	size_t lost_size;
	struct witness_table *table;
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
		return "this kernel is older than 6.4, or has no BTF";
	case EBUSY:
		return "too many programs at that hook";
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
	} else if (type == WITNESS_PACKET && len >= sizeof(r)) {
		memcpy(&r, mem, sizeof(r));
		witness_table_add(w->table, &r);
		w->stats.packets++;
	}
	/* Others write on: the loop has more to do. */
	return ++w->batch < BATCH_MAX ? 0 : -EAGAIN;
}

void witness_read(struct witness *w)
{
	w->batch = 0;
	ring_buffer__consume(w->ring);
}

static int map_lost(struct witness *w)
{
	void *mem;

	w->lost_size = (size_t)sysconf(_SC_PAGESIZE);
	mem = mmap(NULL, w->lost_size, PROT_READ, MAP_SHARED,
		   w->fds[WITNESS_FD_LOST], 0);
	if (mem == MAP_FAILED)
		return -errno;
	w->lost = w->lost_page = mem;
	return 0;
}

static int open_ring(struct witness *w)
{
	w->ring =
		ring_buffer__new(w->fds[WITNESS_FD_RING], take_record, w, NULL);
	return w->ring == NULL ? -errno : 0;
}

int witness_open(struct witness **out, const struct witness_config *cfg)
{
	struct witness *w = calloc(1, sizeof(*w));
	int err;

	if (w == NULL)
		return -ENOMEM;
	err = witness_load(cfg, w->fds);
	if (err == 0)
		err = witness_table_open(&w->table);
	if (err == 0)
		err = map_lost(w);
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
	if (w->lost_page != NULL)
		munmap(w->lost_page, w->lost_size);
	for (size_t i = 0; i < WITNESS_FDS; i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	witness_table_close(w->table);
	free(w);
}

int witness_fd(const struct witness *w)
{
	return ring_buffer__epoll_fd(w->ring);
}

bool witness_find(struct witness *w, const struct packet *p,
		  uint64_t received_us, bool has_uid, uint32_t uid,
		  struct witness_record *r)
{
	uint64_t until = 0;

	do {
		witness_read(w);
		if (witness_table_find(w->table, p, received_us, has_uid, uid,
				       w->lost->last_ns, r))
			return true;
		if (until == 0)
			until = util_now_us() + PATIENCE_US;
	} while (util_now_us() < until);
	return false;
}

void witness_forget(struct witness *w, uint64_t drained_us)
{
	witness_table_forget(w->table, drained_us);
}

const struct witness_facts *witness_facts(const struct witness *w,
					  const struct witness_image *im)
{
	return witness_table_facts(w->table, im);
}

const struct witness_stats *witness_stats(struct witness *w)
{

	w->stats.lost = w->lost->packets + witness_table_lost(w->table);
	w->stats.doubted = witness_table_doubted(w->table);
	return &w->stats;
}
