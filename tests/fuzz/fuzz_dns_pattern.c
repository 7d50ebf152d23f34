/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_dns_pattern: a pattern's text and a name's bytes; both ways of comparing
 * them, as text and label by label, must agree. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dns_pattern.h"
#include "fuzz.h"

#define HEADER_LEN 12
#define LABELS_MAX 128

struct labels {
	const char *start[LABELS_MAX];
	size_t len[LABELS_MAX];
	size_t n;
};

static void split_wire(const uint8_t *wire, struct labels *l)
{
	for (l->n = 0; *wire; wire += *wire + 1) {
		l->start[l->n] = (const char *)wire + 1;
		l->len[l->n++] = *wire;
	}
}

static void split_text(const char *text, struct labels *l)
{
	for (l->n = 0; *text; text += *text == '.') {
		l->start[l->n] = text;
		l->len[l->n] = strcspn(text, ".");
		text += l->len[l->n++];
	}
}

static bool labels_match(const struct labels *pattern,
			 const struct labels *name, bool below)
{
	size_t more = name->n - pattern->n;

	if (name->n < pattern->n || (below && !more))
		return false;
	for (size_t i = 0; i < pattern->n; i++) {
		if (pattern->len[i] != name->len[more + i])
			return false;
		for (size_t j = 0; j < pattern->len[i]; j++)
			if (tolower(pattern->start[i][j] & 0xff) !=
			    tolower(name->start[more + i][j] & 0xff))
				return false;
	}
	return true;
}

static void check_name(const struct dns_pattern *p, const uint8_t *wire,
		       size_t len)
{
	uint8_t msg[HEADER_LEN + 512] = {0, 0, 1, 0, 0, 1};
	struct labels pattern, name;
	struct dns_question q;

	if (len > 512)
		return;
	memcpy(msg + HEADER_LEN, wire, len);
	if (dns_parse_query(msg, HEADER_LEN + len, &q))
		return;
	split_wire(msg + HEADER_LEN, &name);
	split_text(p->name, &pattern);
	FUZZ_CHECK(dns_pattern_match(p, q.name) ==
		   labels_match(&pattern, &name, p->below));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	struct dns_pattern p, again;
	const char *why = NULL, *text = (const char *)data;
	char buf[DNS_PATTERN_MAX + 2];
	size_t pos = 0;

	if (!nul)
		return 0;
	if (dns_pattern_parse(text, &p, &pos, &why)) {
		FUZZ_CHECK(why && pos <= strlen(text));
		return 0;
	}
	FUZZ_CHECK(!why && p.len && p.len < DNS_PATTERN_MAX);
	FUZZ_CHECK(strlen(p.name) == p.len);
	dns_pattern_format(&p, buf, sizeof(buf));
	FUZZ_CHECK(dns_pattern_parse(buf, &again, &pos, &why) == 0);
	FUZZ_CHECK(memcmp(&p, &again, sizeof(p)) == 0);
	check_name(&p, nul + 1, size - (size_t)(nul + 1 - data));
	return 0;
}
