/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_sockdiag: one netlink message as sock_diag might answer. */
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sockdiag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockdiag_query q = {.proto = 17};
	struct sockdiag_row row;
	struct nlmsghdr *nlh;

	/* A message's length is checked before any parser sees it. */
	if (size < sizeof(*nlh))
		return 0;
	nlh = malloc(size);
	if (!nlh)
		return 0;
	memcpy(nlh, data, size);
	if (nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > size)
		nlh->nlmsg_len = (uint32_t)size;
	if (sockdiag_parse(nlh, &row) == 0) {
		FUZZ_CHECK(ipaddr_len(&row.local) && ipaddr_len(&row.remote));
		q.local = row.local;
		q.remote = row.remote;
		q.local_port = row.local_port;
		q.remote_port = row.remote_port;
		sockdiag_row_fits(&row, &q);
	}
	free(nlh);
	return 0;
}
