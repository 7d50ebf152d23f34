/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_nfqueue: one message of the queue, with all its attributes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "nfqueue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *msg = malloc(size ? size : 1);
	struct nfqueue_packet pkt;

	if (!msg)
		return 0;
	if (size)
		memcpy(msg, data, size);
	if (nfqueue_parse(msg, size, &pkt) == 0 && pkt.payload) {
		FUZZ_CHECK(pkt.payload >= msg && pkt.payload <= msg + size);
		FUZZ_CHECK(pkt.payload_len <=
			   size - (size_t)(pkt.payload - msg));
	}
	free(msg);
	return 0;
}
