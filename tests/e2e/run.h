/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run: what the harness's own files share. */
#ifndef E2E_RUN_H
#define E2E_RUN_H

#include "harness.h"

/* All that the last test started: descriptors, buffers, events. */
void trap_forget_all(void);

/* Reads what is there and keeps it terminated; false: the end, fd closed and
 * -1. */
bool text_read(struct text *t, int *fd);

#endif
