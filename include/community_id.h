/* SPDX-License-Identifier: GPL-2.0-or-later */
/* community_id: the Community ID v1 flow hash, shared with Zeek and Suricata. */
#ifndef COMMUNITY_ID_H
#define COMMUNITY_ID_H

#include <stddef.h>

#include "packet.h"

#define COMMUNITY_ID_MAX 32		/* "1:" and 28 characters of base64 */

/*
 * Seed 0.  Returns buf (COMMUNITY_ID_MAX bytes): empty where the packet lacks
 * what the ID is made of (a later fragment, ports or ICMP type cut off).
 */
const char *community_id_format(const struct packet *p, char *buf,
				size_t size);

#endif
