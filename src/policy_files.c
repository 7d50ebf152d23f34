/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_files: what a policy's paths mean at a time: devices, inodes, digests.
 */
#include "policy_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util.h"

#define BLOCK_SIZE (64U << 10)

_Static_assert(POLICY_DIGEST_LEN == SHA256_DIGEST_SIZE, "it is SHA-256");

/* The way to a file that is held by O_PATH only. */
struct fd_path {
	char text[32];
};

static struct fd_path path_of(int fd)
{
	struct fd_path p;

	snprintf(p.text, sizeof(p.text), "/proc/self/fd/%d", fd);
	return p;
}

static int stat_image(struct policy_image *im)
{
	struct statx stx;

	if (statx(im->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	if (!S_ISREG(stx.stx_mode))
		return S_ISDIR(stx.stx_mode) ? -EISDIR : -EACCES;
	im->dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	im->ino = stx.stx_ino;
	im->size = stx.stx_size;
	im->ctime = stx.stx_ctime;
	return 0;
}

static bool same_file(const struct policy_image *a,
		      const struct policy_image *b)
{
	return a->ino && a->ino == b->ino && a->dev == b->dev;
}

static bool same_contents(const struct policy_image *a,
			  const struct policy_image *b)
{
	return same_file(a, b) && a->size == b->size &&
	       a->ctime.tv_sec == b->ctime.tv_sec &&
	       a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static void close_image(struct policy_image *im)
{
	if (im->fd >= 0)
		close(im->fd);
	*im = (struct policy_image){.fd = -1};
}

/* The real path tells who runs a file that the policy's path is a link to. */
static void hash_paths(const char *path, struct policy_file *f)
{
	char real[PATH_MAX];
	ssize_t len;

	f->path_hash = f->real_hash = util_hash(path, strlen(path));
	if (f->now.fd < 0)
		return;
	len = readlink(path_of(f->now.fd).text, real, sizeof(real));
	if (len > 0)
		f->real_hash = util_hash(real, (size_t)len);
}

static int look_up(const char *path, struct policy_file *f)
{
	int rc;

	f->now = (struct policy_image){.fd = open(path, O_PATH | O_CLOEXEC)};
	if (f->now.fd < 0) {
		f->error = -errno;
		rc = f->error == -EMFILE || f->error == -ENFILE ? f->error : 0;
	} else {
		f->error = stat_image(&f->now);
		if (f->error)
			close_image(&f->now);
		rc = 0;
	}
	hash_paths(path, f);
	return rc;
}

/* ---------------------------------------------------------------- the past */

static const struct policy_file *find_old(const struct policy_files *old,
					  const char *path, uint64_t hash)
{
	for (size_t i = 0; i < old->n; i++)
		if (old->list[i].path_hash == hash &&
		    !strcmp(old->policy->files[i], path))
			return &old->list[i];
	return NULL;
}

/* What the path meant, unless it means it again or there is no room. */
static int add_past(struct policy_file *f, const struct policy_image *im)
{
	struct policy_image *copy = &f->past[f->npast];

	if (!im->ino || same_file(im, &f->now) || f->npast == POLICY_PAST_MAX)
		return 0;
	*copy = *im;
	copy->fd = fcntl(im->fd, F_DUPFD_CLOEXEC, 0);
	if (copy->fd < 0)
		return -errno;
	f->npast++;
	return 0;
}

static int take_over(struct policy_file *f, const struct policy_file *old)
{
	int rc = add_past(f, &old->now);

	if (same_contents(&f->now, &old->now) && old->now.has_digest) {
		f->now.has_digest = true;
		memcpy(f->now.digest, old->now.digest, sizeof(f->now.digest));
	}
	for (size_t i = 0; !rc && i < old->npast; i++)
		rc = add_past(f, &old->past[i]);
	return rc;
}

/* --------------------------------------------------------------------- sets */

static int fill(struct policy_files *files, const struct policy_files *old)
{
	const struct policy *p = files->policy;
	int rc = 0;

	for (size_t i = 0; !rc && i < files->n; i++) {
		struct policy_file *f = &files->list[i];
		const char *path = p->files[i];
		const struct policy_file *before;

		rc = look_up(path, f);
		before = old ? find_old(old, path, f->path_hash) : NULL;
		if (!rc && before)
			rc = take_over(f, before);
	}
	for (size_t i = 0; !rc && i < p->nrules; i++)
		if (policy_rule_asks(&p->rules[i], POLICY_ASK_SHA256))
			files->list[p->rules[i].exe].wants_digest = true;
	return rc;
}

static size_t count_buckets(size_t n)
{
	size_t buckets = 8;

	while (buckets < 2 * n)
		buckets *= 2;
	return buckets;
}

int policy_files_make(const struct policy *p, struct policy_files **out)
{
	struct policy_files *files = calloc(1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	files->policy = p;
	files->n = p->nfiles;
	files->nbuckets = count_buckets(p->nfiles);
	/* One more: none of these is NULL when it is empty. */
	files->list = calloc(files->n + 1, sizeof(*files->list));
	files->marks = calloc(files->n + 1, sizeof(*files->marks));
	files->buckets = calloc(files->nbuckets, sizeof(*files->buckets));
	if (!files->list || !files->marks || !files->buckets) {
		files->n = 0;
		policy_files_close(files);
		return -ENOMEM;
	}
	for (size_t i = 0; i < files->n; i++)
		files->list[i].now.fd = -1;
	policy_files_index(files);
	*out = files;
	return 0;
}

int policy_files_open(const struct policy *p, const struct policy_files *old,
		      struct policy_files **out)
{
	struct policy_files *files;
	int rc = policy_files_make(p, &files);

	if (rc)
		return rc;
	rc = fill(files, old);
	if (rc) {
		policy_files_close(files);
		return rc;
	}
	policy_files_index(files);
	*out = files;
	return 0;
}

void policy_files_close(struct policy_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->n; i++) {
		struct policy_file *f = &files->list[i];

		close_image(&f->now);
		for (size_t j = 0; j < f->npast; j++)
			close_image(&f->past[j]);
	}
	free(files->list);
	free(files->marks);
	free(files->buckets);
	free(files);
}

/* ------------------------------------------------------------------ digests */

static int hash_fd(int fd, uint8_t digest[POLICY_DIGEST_LEN])
{
	uint8_t *block = malloc(BLOCK_SIZE);
	struct sha256_ctx sha;
	ssize_t n;

	if (!block)
		return -ENOMEM;
	sha256_init(&sha);
	do {
		n = read(fd, block, BLOCK_SIZE);
		if (n > 0)
			sha256_update(&sha, (size_t)n, block);
	} while (n > 0 || (n < 0 && errno == EINTR));
	free(block);
	if (n < 0)
		return -EIO;
	sha256_digest(&sha, POLICY_DIGEST_LEN, digest);
	return 0;
}

static void hash_image(struct policy_image *im)
{
	int fd = open(path_of(im->fd).text, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct policy_image after = *im;
	uint8_t digest[POLICY_DIGEST_LEN];

	if (fd < 0)
		return;
	if (!hash_fd(fd, digest) && !stat_image(&after) &&
	    same_contents(im, &after)) {
		im->has_digest = true;
		memcpy(im->digest, digest, sizeof(im->digest));
	}
	close(fd);
}

void policy_files_hash(struct policy_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		struct policy_file *f = &files->list[i];

		if (f->wants_digest && f->now.ino && !f->now.has_digest)
			hash_image(&f->now);
	}
}

void policy_files_set_digest(struct policy_files *files, uint32_t index,
			     const uint8_t digest[POLICY_DIGEST_LEN])
{
	struct policy_image *im = &files->list[index].now;

	im->has_digest = true;
	memcpy(im->digest, digest, sizeof(im->digest));
}

/* -------------------------------------------------------------------- index */

/* Where the file is in the table, or the empty place where it would be. */
static uint32_t *find_bucket(const struct policy_files *files, uint64_t dev,
			     uint64_t ino)
{
	uint64_t hash = (ino ^ dev << 32) * 0x9e3779b97f4a7c15;
	size_t i = hash >> 32 & (files->nbuckets - 1);

	for (;; i = (i + 1) & (files->nbuckets - 1)) {
		const struct policy_image *im;

		if (files->buckets[i] == POLICY_NONE)
			break;
		im = &files->list[files->buckets[i]].now;
		if (im->ino == ino && im->dev == dev)
			break;
	}
	return &files->buckets[i];
}

void policy_files_index(struct policy_files *files)
{
	for (size_t i = 0; i < files->nbuckets; i++)
		files->buckets[i] = POLICY_NONE;
	for (uint32_t i = 0; i < files->n; i++) {
		const struct policy_file *f = &files->list[i];
		uint32_t *bucket = find_bucket(files, f->now.dev, f->now.ino);

		files->marks[i] = (struct policy_mark){POLICY_NONE, f->npast};
		if (!f->now.ino)
			continue;
		if (*bucket == POLICY_NONE)
			*bucket = i;
		files->marks[i].same = *bucket;
	}
}

uint32_t policy_files_same(const struct policy_files *files, uint64_t dev,
			   uint64_t ino)
{
	return ino ? *find_bucket(files, dev, ino) : POLICY_NONE;
}

/* ---------------------------------------------------------------- questions */

const struct policy_image *policy_files_find(const struct policy_files *files,
					     uint32_t index, uint64_t dev,
					     uint64_t ino, bool *past)
{
	const struct policy_file *f = &files->list[index];

	*past = false;
	if (f->now.ino == ino && f->now.dev == dev)
		return &f->now;
	*past = true;
	for (size_t i = 0; i < f->npast; i++)
		if (f->past[i].ino == ino && f->past[i].dev == dev)
			return &f->past[i];
	return NULL;
}

bool policy_files_is_stale(const struct policy_files *files, const char *path,
			   uint64_t dev, uint64_t ino)
{
	uint64_t hash = util_hash(path, strlen(path));
	bool past;

	for (uint32_t i = 0; i < files->n; i++) {
		const struct policy_file *f = &files->list[i];

		if ((f->path_hash == hash || f->real_hash == hash) &&
		    !policy_files_find(files, i, dev, ino, &past))
			return true;
	}
	return false;
}

static const char *find_fault(const struct policy_file *f)
{
	char magic[2] = "";
	int fd;

	if (f->error == -ENOENT || f->error == -ENOTDIR)
		return "there is no such file, now";
	if (f->error == -EISDIR)
		return "is a directory";
	if (f->error)
		return "cannot be looked at";
	fd = open(path_of(f->now.fd).text, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return NULL;
	if (read(fd, magic, sizeof(magic)) != sizeof(magic))
		magic[0] = '\0';
	close(fd);
	return magic[0] == '#' && magic[1] == '!'
		       ? "is a script, and no process's exe; say 'exe "
			 "INTERPRETER script'"
		       : NULL;
}

void policy_files_warn(const struct policy_files *files,
		       struct policy_notes *notes)
{
	const struct policy *p = files->policy;

	for (uint32_t i = 0; i < files->n; i++) {
		const char *fault = find_fault(&files->list[i]);
		struct policy_note where = {.warning = true, .column = 1};

		for (size_t j = 0; fault && !where.line && j < p->nrules; j++)
			if (p->rules[j].exe == i || p->rules[j].parent == i)
				where.line = p->rules[j].line;
		if (fault)
			policy_note_add(notes, &where, fault, p->files[i],
					strlen(p->files[i]));
	}
}
