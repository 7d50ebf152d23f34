/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world_trap: stands for the queue, the verdicts, the witness and the outputs:
 * the world's packets in, what is told of them out. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "nfqueue.h"
#include "output.h"
#include "procfs.h"
#include "trap.h"
#include "users.h"
#include "util.h"
#include "verdict.h"
#include "witness.h"
#include "world.h"

/* -------------------------------------------------------------- the queue */

const struct nfqueue_features *__wrap_nfqueue_features(const struct nfqueue *q);
int __wrap_nfqueue_last_id(const struct nfqueue *q, uint32_t *id);
enum nfqueue_message __wrap_nfqueue_receive(struct nfqueue *q, void *buf,
					    size_t size,
					    struct nfqueue_packet *pkt,
					    int *error);

const struct nfqueue_features *__wrap_nfqueue_features(const struct nfqueue *q)
{
	static const struct nfqueue_features features = {.uid_gid = true};

	(void)q;
	return &features;
}

int __wrap_nfqueue_last_id(const struct nfqueue *q, uint32_t *id)
{
	(void)q;
	(void)id;
	return -ENOENT;
}

static enum nfqueue_message receive(void *buf, struct nfqueue_packet *pkt)
{
	const struct world_packet *p = &world.packets[world.nreceived];

	if (world.nreceived == world.npackets)
		return NFQUEUE_NONE;
	world.nreceived++;
	memcpy(buf, p->bytes, p->len);
	*pkt = (struct nfqueue_packet){
		.id = p->id,
		.hook = p->hook,
		.hw_protocol = ETH_P_IP,
		.outdev = p->ifindex,
		.has_uid = p->has_uid,
		.uid = p->uid,
		.payload = buf,
		.payload_len = p->len,
		.len = p->len,
	};
	return NFQUEUE_PACKET;
}

enum nfqueue_message __wrap_nfqueue_receive(struct nfqueue *q, void *buf,
					    size_t size,
					    struct nfqueue_packet *pkt,
					    int *error)
{
	enum nfqueue_message m;

	(void)q;
	(void)size;
	(void)error;
	world_enter(RECEIVE);
	m = receive(buf, pkt);
	world_leave(RECEIVE);
	return m;
}

/* ------------------------------------------------------------ the verdicts */

int __wrap_verdict_hold(struct verdict *v, uint32_t id, uint64_t now_us);
int __wrap_verdict_give(struct verdict *v, uint32_t id, uint32_t nf_verdict,
			uint64_t *held_us);
void __wrap_verdict_pass(struct verdict *v, uint32_t id);
void __wrap_verdict_flush(struct verdict *v);
bool __wrap_verdict_is_held(struct verdict *v, uint32_t id);
void __wrap_verdict_touch(struct verdict *v, uint64_t now_us);
void __wrap_verdict_read_stats(struct verdict *v, struct verdict_stats *st);

int __wrap_verdict_hold(struct verdict *v, uint32_t id, uint64_t now_us)
{
	(void)v;
	(void)id;
	(void)now_us;
	world.passed = 0;
	return 0;
}

int __wrap_verdict_give(struct verdict *v, uint32_t id, uint32_t nf_verdict,
			uint64_t *held_us)
{
	(void)v;
	(void)id;
	(void)nf_verdict;
	*held_us = 0;
	world_release(id);
	return world.expired ? -EALREADY : 0;
}

void __wrap_verdict_pass(struct verdict *v, uint32_t id)
{
	(void)v;
	(void)id;
	world.passed++;
}

void __wrap_verdict_flush(struct verdict *v)
{
	(void)v;
	world.passed = 0;
}

bool __wrap_verdict_is_held(struct verdict *v, uint32_t id)
{
	(void)v;
	(void)id;
	return !world.expired;
}

void __wrap_verdict_touch(struct verdict *v, uint64_t now_us)
{
	(void)v;
	(void)now_us;
}

void __wrap_verdict_read_stats(struct verdict *v, struct verdict_stats *st)
{
	(void)v;
	*st = (struct verdict_stats){0};
}

/* ------------------------------------------------------------- the witness */

bool __wrap_witness_sees_packets(const struct witness *w);
void __wrap_witness_read(struct witness *w);
void __wrap_witness_forget(struct witness *w, uint64_t drained_us);
bool __wrap_witness_find(struct witness *w, const struct packet *p,
			 uint64_t received_us, bool has_uid, uint32_t uid,
			 struct witness_record *r);
bool __wrap_witness_find_connect(struct witness *w, uint64_t cookie,
				 const struct packet *p,
				 struct witness_record *r);
bool __wrap_witness_find_creator(struct witness *w, uint64_t cookie,
				 const struct packet *p,
				 struct witness_record *r);
const struct witness_facts *
__wrap_witness_facts(const struct witness *w, const struct witness_image *im);
const char *__wrap_users_find(const struct users *u, uid_t uid);

bool __wrap_witness_sees_packets(const struct witness *w)
{
	(void)w;
	return world.sees_packets;
}

void __wrap_witness_read(struct witness *w)
{
	(void)w;
}

void __wrap_witness_forget(struct witness *w, uint64_t drained_us)
{
	(void)w;
	(void)drained_us;
}

/* A record is of the first packet, and given once. */
bool __wrap_witness_find(struct witness *w, const struct packet *p,
			 uint64_t received_us, bool has_uid, uint32_t uid,
			 struct witness_record *r)
{
	bool has = world.record.class != 0;

	(void)w;
	(void)p;
	(void)received_us;
	(void)has_uid;
	(void)uid;
	*r = world.record;
	world.record.class = 0;
	return has;
}

static bool find_by_cookie(const struct witness_record *has, uint64_t cookie,
			   struct witness_record *r)
{
	*r = *has;
	return has->class != 0 &&
	       (cookie == 0 ? world.creator_gone : cookie == has->cookie);
}

bool __wrap_witness_find_connect(struct witness *w, uint64_t cookie,
				 const struct packet *p,
				 struct witness_record *r)
{
	(void)w;
	(void)p;
	return find_by_cookie(&world.connect, cookie, r);
}

bool __wrap_witness_find_creator(struct witness *w, uint64_t cookie,
				 const struct packet *p,
				 struct witness_record *r)
{
	(void)w;
	(void)p;
	return find_by_cookie(&world.creator, cookie, r);
}

const struct witness_facts *__wrap_witness_facts(const struct witness *w,
						 const struct witness_image *im)
{
	(void)w;
	(void)im;
	return NULL;
}

const char *__wrap_users_find(const struct users *u, uid_t uid)
{
	(void)u;
	(void)uid;
	return NULL;
}

/* -------------------------------------------------------------- what is told
 */

int __wrap_output_write(struct output *o, const struct event *e);

/* Each sender's packets have a length or a sequence number of their own. */
static enum who sender_of(const struct event *e)
{
	for (size_t i = 0; i < world.npackets; i++) {
		const struct world_packet *p = &world.packets[i];

		if (p->len == e->packet.len && (e->tuple.proto != IPPROTO_TCP ||
						p->seq == e->packet.tcp_seq))
			return p->sender;
	}
	return NOBODY;
}

int __wrap_output_write(struct output *o, const struct event *e)
{
	struct world_told *t = &world.told[world.ntold];

	(void)o;
	assert_true(world.ntold < WORLD_TOLD);
	world.ntold++;
	*t = (struct world_told){
		.sender = sender_of(e),
		.grade = e->grade,
		.reason = e->reason,
		.method = e->method,
		.kernel_kind = e->kernel_kind,
		.nholders = e->nholders,
		.nholders_total = e->nholders_total,
		.ntwins_total = e->ntwins_total,
		.creator = e->has_creator ? e->creator.pid : 0,
		.expired = e->expired,
		.packets = e->packets,
	};
	if (!e->has_process)
		return 0;
	t->named = e->process.pid;
	t->tid = e->process.tid;
	t->image = (unsigned)e->process.image.exe_ino;
	return 0;
}

static void turn_until_over(struct trap *t, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++) {
		trap_turn(t);
		if (i > 2 && world.nreceived == world.npackets &&
		    trap_deadline(t) == UINT64_MAX)
			break;
	}
	trap_end(t);
}

void world_run(unsigned turns)
{
	struct output *output = (struct output *)&world;
	struct trap_config cfg = {
		.queue = (struct nfqueue *)&world,
		.verdict = (struct verdict *)&world,
		.witness = world.has_witness ? (struct witness *)&world : NULL,
		.outputs = &output,
		.noutputs = 1,
		.proc_rootfd = world_dirfd(NULL),
		.hold_us = UTIL_SEC / 2,
	};
	struct trap *t;

	assert_int_equal(sockowner_open(&cfg.sockowner, "/proc"), 0);
	if (world.has_iterator)
		assert_int_equal(
			sockowner_use_iterator(cfg.sockowner,
					       open("/dev/null", O_RDONLY)),
			0);
	assert_int_equal(trap_open(&t, &cfg), 0);
	world_listen();
	turn_until_over(t, turns);
	world.listening = false;
	trap_close(t);
	sockowner_close(cfg.sockowner);
	close(cfg.proc_rootfd);
}
