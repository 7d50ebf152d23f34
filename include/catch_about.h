/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch_about: the flow that a caught ICMP error is about, and whose that is. */
#ifndef CATCH_ABOUT_H
#define CATCH_ABOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "catch.h"

/* p is the packet with its bytes still there.  Where it quotes another one, the
 * event gets its flow. */
void catch_set_about(struct catch *c, const struct packet *p);

/*
 * The question for the flow's local socket, once the error's own packet is gone.
 * What we send is about a packet that came to us, what comes is about one of
 * ours.  False: nothing to ask (no error, not ours, a process is named that made
 * it up).
 */
bool catch_ask_about(const struct catch *c, struct sockowner_query *q);

/* The answer: who has that socket open is told as that, never as the sender. */
void catch_take_about(struct catch *c, const struct sockowner_answer *a);

/* For the flow to remember.  False: it is about nothing. */
bool catch_hash_about(const struct catch *c, uint64_t *hash);

#endif
