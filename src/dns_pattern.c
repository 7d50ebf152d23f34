/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_pattern: the names that a user looks for. */
#include "dns_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LABEL_MAX 63

/* Not tolower() and its like: a locale may know more letters. */
static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return c;
}

static bool is_name_char(char c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

static const char *why_not(char c)
{
	if ((unsigned char)c >= 0x80)
		return "not ASCII; write an international name as its "
		       "punycode (xn--...)";
	if (c == '*')
		return "* stands for subdomains only, as in *.example.org";
	return "not in a name: letters, digits, - and _";
}

/* The place of the first mistake, and *why; len where there is none. */
static size_t find_mistake(const char *name, size_t len, const char **why)
{
	size_t label = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && name[i] != '.') {
			*why = why_not(name[i]);
			if (!is_name_char(name[i]))
				return i;
			*why = "label above 63 characters";
			if (i - label == LABEL_MAX)
				return i;
			continue;
		}
		*why = len == 0 ? "name missing" : "empty label";
		if (i == label)
			return i;
		label = i + 1;
	}
	*why = "name above 253 characters";
	if (len >= DNS_PATTERN_MAX)
		return DNS_PATTERN_MAX - 1;
	*why = NULL;
	return len;
}

int dns_pattern_parse(const char *text, struct dns_pattern *p, size_t *pos,
		      const char **why)
{
	const char *name = text;
	size_t len, at;

	memset(p, 0, sizeof(*p));
	p->below = strncmp(name, "*.", 2) == 0;
	if (p->below)
		name += 2;
	len = strlen(name);
	if (len > 0 && name[len - 1] == '.')
		len--;
	at = find_mistake(name, len, why);
	if (*why != NULL) {
		*pos = (size_t)(name - text) + at;
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++)
		p->name[i] = lower(name[i]);
	p->len = len;
	return 0;
}

/* A dot before that place, and not one within a label, which is escaped. */
static bool is_after_dot(const char *name, size_t at)
{
	size_t escapes = 0;

	if (at == 0 || name[at - 1] != '.')
		return false;
	while (at >= 2 + escapes && name[at - 2 - escapes] == '\\')
		escapes++;
	return escapes % 2 == 0;
}

/* Nothing in a pattern is ever escaped, so its own part compares as text. */
bool dns_pattern_match(const struct dns_pattern *p, const char *name)
{
	size_t len = strlen(name), at;

	if (len < p->len || (len == p->len && p->below))
		return false;
	at = len - p->len;
	for (size_t i = 0; i < p->len; i++)
		if (lower(name[at + i]) != p->name[i])
			return false;
	return at == 0 || is_after_dot(name, at);
}

const char *dns_pattern_format(const struct dns_pattern *p, char *buf,
			       size_t size)
{
	snprintf(buf, size, "%s%s", p->below ? "*." : "", p->name);
	return buf;
}
