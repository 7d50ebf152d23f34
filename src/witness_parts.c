/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_parts: what every kind of witness consists of. */
#include "witness_parts.h"

#include <errno.h>
#include <sys/stat.h>

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
