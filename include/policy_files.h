/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_files: what a policy's paths mean at a time: devices, inodes, digests. */
#ifndef POLICY_FILES_H
#define POLICY_FILES_H

#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy_note.h"
#include "policy_rule.h"

#define POLICY_PAST_MAX 4

/*
 * A file that a path means, or meant: statx's device (as by makedev) and inode.
 * It is held open by O_PATH, so that its inode number cannot be given to another
 * file while it is here: that file would have its rights.
 */
struct policy_image {
	uint64_t dev, ino;		/* ino 0: there is none */
	uint64_t size;
	struct statx_timestamp ctime;	/* changes with the contents */
	int fd;
	bool has_digest;
	uint8_t digest[POLICY_DIGEST_LEN];
};

struct policy_file {
	struct policy_image now;
	struct policy_image past[POLICY_PAST_MAX];	/* the newest first */
	size_t npast;
	int error;			/* why now is none: -errno */
	bool wants_digest;
	uint64_t path_hash, real_hash;	/* of the path; without its links */
};

/* In short, so that a verdict looks at one line of the cache for eight rules. */
struct policy_mark {
	uint32_t same;			/* the first path that means this file now;
					 * POLICY_NONE: there is no file */
	bool has_past;
};

/* By the index of the path in its policy. */
struct policy_files {
	const struct policy *policy;	/* borrowed */
	size_t n;
	struct policy_file *list;
	struct policy_mark *marks;
	uint32_t *buckets;		/* marks.same by device and inode */
	size_t nbuckets;		/* a power of two */
};

/* A set in which no path means anything, and the index of one that was filled by
 * hand: its list's now and past.  -ENOMEM. */
int policy_files_make(const struct policy *p, struct policy_files **files);
void policy_files_index(struct policy_files *files);

/*
 * Looks up all paths of p, which may block as long as a file system likes: for
 * the start, or a worker; make a new set then, and put it in the old one's place
 * in the thread that evaluates.  old (NULL: none) may be another policy's: what
 * its paths meant and do not mean any more is `past` here, and digests of files
 * that have not changed are taken over.  A path that leads nowhere is no error.
 * -ENOMEM, -EMFILE, -ENFILE: a descriptor for each is needed.
 */
int policy_files_open(const struct policy *p, const struct policy_files *old,
		      struct policy_files **files);
void policy_files_close(struct policy_files *files);	/* NULL is fine */

/*
 * Reads the files whose digest the policy asks for and that is not known, at some
 * hundred megabytes a second: on a worker, and never on a set that somebody
 * evaluates with.  A file that cannot be read, or changes meanwhile, stays
 * without.
 */
void policy_files_hash(struct policy_files *files);

/* The digest of what the path means now, from elsewhere. */
void policy_files_set_digest(struct policy_files *files, uint32_t index,
			     const uint8_t digest[POLICY_DIGEST_LEN]);

/* The mark's `same` of that file; POLICY_NONE: no path means it now. */
uint32_t policy_files_same(const struct policy_files *files, uint64_t dev,
			   uint64_t ino);

/* That file, if the path means or meant it; *past says which.  NULL: neither. */
const struct policy_image *policy_files_find(const struct policy_files *files,
					     uint32_t index, uint64_t dev,
					     uint64_t ino, bool *past);

/*
 * A process runs that file, by that path: does a path of the policy that reads the
 * same mean another file, so that it was replaced since it was looked up?
 */
bool policy_files_is_stale(const struct policy_files *files, const char *path,
			   uint64_t dev, uint64_t ino);

/* Warns of paths that mean nothing, and of scripts in the place of executables. */
void policy_files_warn(const struct policy_files *files,
		       struct policy_notes *notes);

#endif
