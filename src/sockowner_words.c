/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_words: grades, reasons and methods as people read them. */
#include "sockowner.h"

#include <stddef.h>

const char *sockowner_grade_name(enum sockowner_grade grade)
{
	static const char *const names[] = {
		[SOCKOWNER_PROVED] = "proved",
		[SOCKOWNER_HOLDER] = "holder",
		[SOCKOWNER_SHARED] = "shared",
		[SOCKOWNER_TWINS] = "twins",
		[SOCKOWNER_CREATOR] = "creator",
		[SOCKOWNER_UID_ONLY] = "uid-only",
		[SOCKOWNER_KERNEL] = "kernel",
		[SOCKOWNER_UNKNOWN] = "unknown",
	};

	return names[grade];
}

const char *sockowner_reason_text(enum sockowner_reason reason)
{
	static const char *const texts[] = {
		[SOCKOWNER_REASON_NONE] = NULL,
		[SOCKOWNER_REASON_NO_WITNESS] = "the send itself was not seen",
		[SOCKOWNER_REASON_BLIND_SPOT] =
			"the send itself was not seen, "
			"and some processes are closed to us",
		[SOCKOWNER_REASON_NO_SOCKET] = "no socket",
		[SOCKOWNER_REASON_NO_HOLDER] = "no holder",
		[SOCKOWNER_REASON_RING] = "an io_uring may have it",
		[SOCKOWNER_REASON_NOT_QUEUED] =
			"the socket found did not send it",
		[SOCKOWNER_REASON_OTHER_UID] =
			"the socket found is another user's",
		[SOCKOWNER_REASON_MANY_HOLDERS] = "several processes hold it",
		[SOCKOWNER_REASON_MANY_SOCKETS] = "several sockets fit",
		[SOCKOWNER_REASON_NOT_PERMITTED] = "not permitted",
		[SOCKOWNER_REASON_TIME] = "time spent",
		[SOCKOWNER_REASON_CHANGED] = "changed while looking",
		[SOCKOWNER_REASON_NO_NET] =
			"from no network namespace that is known",
		[SOCKOWNER_REASON_MANY_NETS] =
			"several network namespaces have that address",
		[SOCKOWNER_REASON_ORPHANED] =
			"the socket that fits may not have sent it",
		[SOCKOWNER_REASON_PROTOCOL] = "no look-up for that protocol",
		[SOCKOWNER_REASON_REWRITTEN] = "NAT has rewritten the packet",
		[SOCKOWNER_REASON_SYSTEM] = "a system call failed",
	};

	return texts[reason];
}

const char *sockowner_method_name(enum sockowner_method method)
{
	static const char *const names[] = {
		[SOCKOWNER_METHOD_NONE] = NULL,
		[SOCKOWNER_METHOD_WITNESS] = "witness",
		[SOCKOWNER_METHOD_CONNECT] = "connect",
		[SOCKOWNER_METHOD_SWEEP] = "sweep",
		[SOCKOWNER_METHOD_SOCKET] = "socket",
	};

	return names[method];
}
