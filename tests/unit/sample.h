/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sample: events to format, as trap would make them. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "event.h"

/* curl asks for example.org: grade proved, 2026-11-21T09:41:03.512345Z. */
void sample_event(struct event *e);

/* The same packet without an answer yet; to be filled in. */
void sample_packet(struct event *e);

void sample_address(struct event *e, const char *src, const char *dst);
void sample_args(struct event *e, const void *args, size_t len);
void sample_holder(struct event *e, const char *comm, pid_t pid);
void sample_ancestor(struct event *e, const char *comm, pid_t pid);
void sample_question(struct event *e, const char *name, uint16_t type);

#endif
