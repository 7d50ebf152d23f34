/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fditer_record: what the iterator in the kernel writes; read by both sides. */
#ifndef FDITER_RECORD_H
#define FDITER_RECORD_H

/* No header is included: the kernel's side has none to give. */

/* An open socket; or, with inode 0, an io_uring, or a sign of life after FDITER_QUIET files of
 * another kind: a read ends when it has some bytes to give, not before. */
struct fditer_record {
	uint64_t inode;
	uint32_t pid, tid; /* in the reader's pid namespace; 0: being reaped */
	uint32_t fd;	   /* in that thread's table */
	uint32_t ring;
};

#define FDITER_QUIET 32

#endif
