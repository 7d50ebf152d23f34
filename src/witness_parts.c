/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_parts: what every kind of witness consists of. */
#include "witness_parts.h"

#include <errno.h>
#include <sys/stat.h>

#define RING_KIB     1024U
#define RING_KIB_MIN 64U

static int inode_of(const char *path, uint32_t *ino)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*ino = (uint32_t)st.st_ino;
	return 0;
}

int witness_read_namespaces(uint32_t *pid_ns, uint32_t *net_ns)
{
	int err = inode_of("/proc/self/ns/pid", pid_ns);

	return err == 0 ? inode_of("/proc/self/ns/net", net_ns) : err;
}

uint32_t witness_ring_bytes(uint32_t kib)
{
	uint32_t size = RING_KIB_MIN;

	while (size < (kib > 0 ? kib : RING_KIB))
		size *= 2;
	return size * 1024;
}
