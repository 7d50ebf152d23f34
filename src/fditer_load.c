/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fditer_load: the iterator over open sockets, brought into the kernel. */
#include "fditer_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "bpf_child.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "fditer.skel.h"
#pragma GCC diagnostic pop

/* In the child, which is about to end: nothing is freed. */
static int load(const void *cfg, int *fds, size_t *n)
{
	struct fditer_bpf *skel = fditer_bpf__open();
	struct bpf_link *link;
	int err;

	(void)cfg;
	if (skel == NULL)
		return -errno;
	err = fditer_bpf__load(skel);
	if (err < 0)
		return err;
	link = bpf_program__attach_iter(skel->progs.fditer, NULL);
	if (link == NULL)
		return -errno;
	fds[0] = bpf_link__fd(link);
	*n = 1;
	return 0;
}

int fditer_load(void)
{
	int fd, err = bpf_child_run(load, NULL, &fd, 1);

	return err < 0 ? err : fd;
}

const char *fditer_reason(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "CAP_BPF and CAP_PERFMON are needed";
	case EINVAL:
	case ESRCH:
	case ENOENT:
		return "this kernel is older than 5.8, or has no BTF";
	case EXDEV:
		return "/proc is another pid namespace's";
	}
	return strerror(-err);
}
