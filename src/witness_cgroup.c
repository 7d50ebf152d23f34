/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_cgroup: the programs that see sockets opened, connected and closed.
 */
#include "witness_cgroup.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto.h"
#include "util.h"
#include "witness_parts.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "witness_cgroup.skel.h"
#pragma GCC diagnostic pop

#define CGROUP_ROOT_INO 1 /* of the hierarchy's own root */

/* The first cgroup v2 mount, open; -ENODEV: there is none. */
static int open_root(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *m;
	int fd = -ENODEV;

	if (mounts == NULL)
		return -errno;
	while (fd < 0 && (m = getmntent(mounts)) != NULL) {
		if (strcmp(m->mnt_type, "cgroup2") != 0)
			continue;
		fd = open(m->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	endmntent(mounts);
	return fd;
}

bool witness_cgroup_is_whole(void)
{
	int fd = open_root();
	struct stat st;
	bool whole;

	if (fd < 0)
		return false;
	whole = fstat(fd, &st) == 0 && st.st_ino == CGROUP_ROOT_INO;
	close(fd);
	return whole;
}

static void want(uint8_t *wanted, size_t n, const struct witness_config *cfg)
{
	for (size_t i = 0; i < cfg->ntargets; i++) {
		if (cfg->targets[i].proto == PROTO_ANY)
			memset(wanted, 1, n);
		else
			wanted[cfg->targets[i].proto] = 1;
	}
	if (cfg->ntargets == 0)
		memset(wanted, 1, n);
}

static int configure(struct witness_cgroup_bpf *skel,
		     const struct witness_config *cfg)
{
	uint32_t pid_ns, net_ns;
	int err = witness_read_namespaces(&pid_ns, &net_ns);

	if (err < 0)
		return err;
	skel->rodata->our_pid_ns = pid_ns;
	skel->rodata->our_net_ns = net_ns;
	skel->rodata->ring_size = witness_ring_bytes(cfg->ring_kib);
	skel->rodata->all_nets = cfg->forward;
	want(skel->rodata->wanted, sizeof(skel->rodata->wanted), cfg);
	return bpf_map__set_max_entries(skel->maps.ring,
					witness_ring_bytes(cfg->ring_kib));
}

/* All at the root, beside others' programs.  Where one is that wants none
 * beside it, that is EPERM (kernel/bpf/cgroup.c, __cgroup_bpf_attach). */
static int attach(const struct witness_cgroup_bpf *skel, int *links)
{
	const struct {
		const struct bpf_program *prog;
		enum bpf_attach_type type;
	} list[] = {
		{skel->progs.witness_create, BPF_CGROUP_INET_SOCK_CREATE},
		{skel->progs.witness_release, BPF_CGROUP_INET_SOCK_RELEASE},
		{skel->progs.witness_connect4, BPF_CGROUP_INET4_CONNECT},
		{skel->progs.witness_connect6, BPF_CGROUP_INET6_CONNECT},
	};
	int root = open_root();

	if (root < 0)
		return root;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		links[i] = bpf_link_create(bpf_program__fd(list[i].prog), root,
					   list[i].type, NULL);
		if (links[i] < 0)
			return errno == EPERM ? -EBUSY : -errno;
	}
	return ARRAY_SIZE(list);
}

int witness_cgroup_load(const void *data, int *fds, size_t *n)
{
	struct witness_cgroup_bpf *skel = witness_cgroup_bpf__open();
	int err;

	if (skel == NULL)
		return -errno;
	err = configure(skel, data);
	if (err == 0)
		err = witness_cgroup_bpf__load(skel);
	if (err < 0)
		return err;
	fds[WITNESS_FD_RING] = bpf_map__fd(skel->maps.ring);
	fds[WITNESS_FD_TOLD] = bpf_map__fd(skel->maps.told);
	fds[WITNESS_FD_SHARED] = bpf_map__fd(skel->maps.data);
	fds[WITNESS_FD_PROG] = bpf_program__fd(skel->progs.witness_create);
	err = attach(skel, &fds[WITNESS_FD_LINKS]);
	if (err < 0)
		return err;
	*n = WITNESS_FD_LINKS + (size_t)err;
	return 0;
}
