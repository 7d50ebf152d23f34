/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_target: a target's text; what is understood is written and read again
 * as the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto.h"
#include "target.h"

static const int protos[] = {PROTO_ANY, 1, 6, 17, 33, 47, 58, 132, 136};

static void check_again(const struct target *t)
{
	struct target plain = *t, again;
	struct target_error err;
	char text[512];

	plain.proto = PROTO_ANY; /* its name is no part of a target's text */
	target_format(&plain, text, sizeof(text));
	FUZZ_CHECK(target_parse(text, t->proto, &again, &err) == 0);
	FUZZ_CHECK(strcmp(again.host, t->host) == 0);
	FUZZ_CHECK(again.nnets == t->nnets);
	FUZZ_CHECK(again.port_low == t->port_low);
	FUZZ_CHECK(again.port_high == t->port_high);
	if (t->nnets) {
		FUZZ_CHECK(again.nets[0].prefix == t->nets[0].prefix);
		FUZZ_CHECK(ipaddr_equal(&again.nets[0].addr, &t->nets[0].addr));
	}
}

static void check(const char *text, int proto)
{
	struct packet p = {.tuple.proto = 17, .has_ports = true};
	struct target_error err = {0};
	struct target t;
	int number;

	proto_parse(text, strlen(text), &number);
	if (target_parse(text, proto, &t, &err) == 0) {
		FUZZ_CHECK(t.port_low <= t.port_high);
		FUZZ_CHECK(!t.port_low == !t.port_high);
		FUZZ_CHECK(!t.nnets || !t.host[0]);
		target_match(&t, &p);
		check_again(&t);
	} else {
		FUZZ_CHECK(err.msg && err.pos <= strlen(text));
	}
	t = (struct target){.proto = proto};
	if (target_parse_address(text, &t, &err))
		FUZZ_CHECK(err.pos <= strlen(text));
	if (target_parse_ports(text, &t, &err))
		FUZZ_CHECK(err.pos <= strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (text)
		check(text,
		      protos[data[0] % (sizeof(protos) / sizeof(protos[0]))]);
	free(text);
	return 0;
}
