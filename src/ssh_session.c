/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ssh_session: the connection that the user sits on, which must not be trapped.
 */
#include "ssh_session.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "util.h"

/* The next word of *text. */
static size_t next_word(const char **text, const char **word)
{
	size_t len;

	*text += strspn(*text, " ");
	*word = *text;
	len = strcspn(*text, " ");
	*text += len;
	return len;
}

static int read_end(const char **text, struct ipaddr *a, uint16_t *port)
{
	const char *word, *scope;
	size_t len = next_word(text, &word);
	uint64_t n;

	/* A link-local address has its interface behind it. */
	scope = memchr(word, '%', len);
	if (ipaddr_parse(word, scope != NULL ? (size_t)(scope - word) : len,
			 a) < 0)
		return -EINVAL;
	*a = ipaddr_unmap(a);
	len = next_word(text, &word);
	if (util_parse_uint(word, len, UINT16_MAX, &n) < 0)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

int ssh_session_read(const char *text, struct tuple *t)
{
	if (text == NULL)
		return -ENOENT;
	memset(t, 0, sizeof(*t));
	if (read_end(&text, &t->daddr, &t->dport) < 0 ||
	    read_end(&text, &t->saddr, &t->sport) < 0 ||
	    t->saddr.family != t->daddr.family)
		return -EINVAL;
	t->family = t->saddr.family;
	t->proto = IPPROTO_TCP;
	return 0;
}

bool ssh_session_is_target(const struct tuple *t, const struct target *targets,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < targets[i].nnets; k++) {
			const struct ipnet *net = &targets[i].nets[k];

			if (net->prefix == 8 * ipaddr_len(&net->addr) &&
			    ipnet_contains(net, &t->daddr))
				return true;
		}
	return false;
}
