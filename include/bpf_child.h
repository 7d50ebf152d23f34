/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf_child: programs brought into the kernel by a child that goes again. */
#ifndef BPF_CHILD_H
#define BPF_CHILD_H

#include <stddef.h>

#define BPF_CHILD_FDS_MAX 16

/* In the child, which is about to end: nothing has to be freed.  Fills in some
 * descriptors and their number, at most as many as were asked for; 0 or an
 * error.  libbpf prints nothing there. */
typedef int (*bpf_child_load)(const void *cfg, int *fds, size_t *n);

/*
 * Loading reads all types of the kernel, ten megabytes that nobody needs
 * afterwards: a child does it, and hands over what is to stay.  fds[max], of
 * which those that load did not fill in are -1; close-on-exec.  An error is
 * load's, or the child's: -EIO if it came to no end within ten seconds, twice.
 */
int bpf_child_run(bpf_child_load load, const void *cfg, int *fds, size_t max);

#endif
