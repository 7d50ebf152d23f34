/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fditer_load: the iterator over open sockets, brought into the kernel. */
#ifndef FDITER_LOAD_H
#define FDITER_LOAD_H

/*
 * A descriptor of its link, close-on-exec: the iterator is gone with the last
 * one, it is nowhere pinned.  Linux 5.8 or later with BTF, CAP_BPF and
 * CAP_PERFMON.  -EOPNOTSUPP: not built in; -EPERM; any other error of loading.
 */
int fditer_load(void);

/* What an error of it means; static. */
const char *fditer_reason(int err);

#endif
