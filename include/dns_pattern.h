/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_pattern: the names that a user looks for. */
#ifndef DNS_PATTERN_H
#define DNS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "dns.h"

#define DNS_PATTERN_MAX 254 /* 253 characters, terminated */

struct dns_pattern {
	char name[DNS_PATTERN_MAX]; /* lower case, no final dot */
	size_t len;
	bool below; /* not the name itself */
};

/*
 * NAME: that name and all below it; *.NAME: only those below.  Case and a final
 * dot mean nothing.  Letters, digits, - and _ only.  -EINVAL with the place in
 * the text and why (static).
 */
int dns_pattern_parse(const char *text, struct dns_pattern *p, size_t *pos,
		      const char **why);

/* name is in presentation form, as dns_parse_query gives it. */
bool dns_pattern_match(const struct dns_pattern *p, const char *name);

/* As it would be typed; buf of DNS_PATTERN_MAX + 2 bytes holds each. */
const char *dns_pattern_format(const struct dns_pattern *p, char *buf,
			       size_t size);

#endif
