/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_none: in place of the witness where it is not built in. */
#include <errno.h>

#include "witness.h"

int witness_open(struct witness **w, const struct witness_config *cfg)
{
	(void)w, (void)cfg;
	return -EOPNOTSUPP;
}

void witness_close(struct witness *w)
{
	(void)w;
}

bool witness_is_built_in(void)
{
	return false;
}

const char *witness_reason(int err)
{
	(void)err;
	return "it is not built in";
}

void witness_watch_queue(struct witness *w, uint16_t queue_num)
{
	(void)w, (void)queue_num;
}

enum witness_kind witness_kind(const struct witness *w)
{
	(void)w;
	return WITNESS_AUTO;
}

int witness_fd(const struct witness *w)
{
	(void)w;
	return -1;
}

void witness_read(struct witness *w)
{
	(void)w;
}

bool witness_find(struct witness *w, const struct packet *p,
		  uint64_t received_us, bool has_uid, uint32_t uid,
		  struct witness_record *r)
{
	(void)w, (void)p, (void)received_us, (void)has_uid, (void)uid, (void)r;
	return false;
}

int witness_program(const struct witness *w)
{
	(void)w;
	return -1;
}

bool witness_find_forwarded(struct witness *w, const struct packet *p,
			    uint64_t received_us, uint32_t net_ns,
			    struct witness_record *r)
{
	(void)w, (void)p, (void)received_us, (void)net_ns, (void)r;
	return false;
}

bool witness_find_forwarded_connect(struct witness *w, uint64_t cookie,
				    const struct packet *p,
				    struct witness_record *r)
{
	(void)w, (void)cookie, (void)p, (void)r;
	return false;
}

bool witness_sees_packets(const struct witness *w)
{
	(void)w;
	return false;
}

bool witness_find_connect(struct witness *w, uint64_t cookie,
			  const struct packet *p, struct witness_record *r)
{
	(void)w, (void)cookie, (void)p, (void)r;
	return false;
}

bool witness_find_creator(struct witness *w, uint64_t cookie,
			  const struct packet *p, struct witness_record *r)
{
	(void)w, (void)cookie, (void)p, (void)r;
	return false;
}

void witness_forget(struct witness *w, uint64_t drained_us)
{
	(void)w, (void)drained_us;
}

const struct witness_facts *witness_facts(const struct witness *w,
					  const struct witness_image *im)
{
	(void)w, (void)im;
	return NULL;
}

const struct witness_stats *witness_stats(struct witness *w)
{
	(void)w;
	return NULL;
}
