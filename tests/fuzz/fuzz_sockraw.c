/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_sockraw: a line of /proc/net/raw or raw6; no buffer is terminated. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sockraw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockdiag_row row;
	char *line = malloc(size ? size : 1);

	if (!line)
		return 0;
	if (size)
		memcpy(line, data, size);
	if (sockraw_parse(line, size, AF_INET, &row) == 0)
		FUZZ_CHECK(row.local.family == AF_INET);
	if (sockraw_parse(line, size, AF_INET6, &row) == 0)
		FUZZ_CHECK(row.family == AF_INET6);
	free(line);
	return 0;
}
