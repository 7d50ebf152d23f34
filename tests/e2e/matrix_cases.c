/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix_cases: the protocols, the cases, and the best that can be known of
 * each. */
#include "matrix.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
#define EXPERIMENTAL 253 /* RFC 3692 */

const struct matrix_proto_row matrix_protos[MATRIX_PROTOS] = {
	[MATRIX_TCP] = {"tcp", SOCK_STREAM, IPPROTO_TCP, IPPROTO_TCP, true},
	[MATRIX_UDP] = {"udp", SOCK_DGRAM, IPPROTO_UDP, IPPROTO_UDP, false},
	[MATRIX_UDPLITE] = {"udplite", SOCK_DGRAM, IPPROTO_UDPLITE,
			    IPPROTO_UDPLITE, false},
	[MATRIX_SCTP] = {"sctp", SOCK_STREAM, IPPROTO_SCTP, IPPROTO_SCTP, true},
	[MATRIX_DCCP] = {"dccp", SOCK_DCCP, IPPROTO_DCCP, IPPROTO_DCCP, true},
	[MATRIX_ICMP] = {"icmp", SOCK_DGRAM, IPPROTO_ICMP, IPPROTO_ICMPV6,
			 false},
	[MATRIX_RAW] = {"raw", SOCK_RAW, EXPERIMENTAL, EXPERIMENTAL, false},
};

#define NO                 \
	{                  \
		NULL, NULL \
	}
#define BOTH(x)      \
	{            \
		x, x \
	}

/* tcp, udp, udplite, sctp, dccp, icmp, raw */
const struct matrix_case_row matrix_cases[MATRIX_CASES] = {
	[MATRIX_PLAIN] = {"plain",
			  MATRIX_NET_PLAIN,
			  {BOTH("P"), BOTH("H"), BOTH("H"), BOTH("H"),
			   BOTH("H"), BOTH("H"), BOTH("H")}},
	[MATRIX_CONNECTED] = {"connected",
			      MATRIX_NET_PLAIN,
			      {BOTH("H"), BOTH("H"), BOTH("H"), BOTH("H"),
			       BOTH("H"), BOTH("H"), BOTH("H")}},
	[MATRIX_MAPPED] = {"v4-mapped",
			   MATRIX_NET_PLAIN,
			   {BOTH("P"), BOTH("H"), BOTH("H"), BOTH("H"),
			    BOTH("H"), NO, NO}},
	[MATRIX_DEVICE] = {"on a device",
			   MATRIX_NET_PLAIN,
			   {BOTH("P"), BOTH("H"), BOTH("H"), BOTH("H"),
			    BOTH("H"), BOTH("H"), BOTH("H")}},
	[MATRIX_REUSEPORT] = {"reuseport",
			      MATRIX_NET_PLAIN,
			      {BOTH("P"), BOTH("H"), BOTH("H"), NO, NO, NO,
			       NO}},
	/* Parent and child have it, and the parent's connect(2) may be the one
	 * that the child has joined. */
	[MATRIX_FORKED] = {"forked",
			   MATRIX_NET_PLAIN,
			   {{"S", "P"},
			    BOTH("S"),
			    BOTH("S"),
			    BOTH("S"),
			    BOTH("S"),
			    BOTH("S"),
			    BOTH("S")}},
	[MATRIX_PASSED] = {"passed",
			   MATRIX_NET_PLAIN,
			   {BOTH("P"), BOTH("H"), BOTH("H"), BOTH("H"),
			    BOTH("H"), BOTH("H"), BOTH("H")}},
	/* In nobody's table of files. */
	[MATRIX_IN_FLIGHT] = {"in flight",
			      MATRIX_NET_PLAIN,
			      {{"?", "P"},
			       BOTH("?"),
			       BOTH("?"),
			       BOTH("?"),
			       BOTH("?"),
			       BOTH("?"),
			       BOTH("?")}},
	/* By what the ring's fdinfo tells, where it does. */
	[MATRIX_IO_URING] = {"io_uring",
			     MATRIX_NET_PLAIN,
			     {{"H?", "P"},
			      BOTH("H?"),
			      BOTH("H?"),
			      BOTH("H?"),
			      BOTH("H?"),
			      BOTH("H?"),
			      BOTH("H?")}},
	[MATRIX_THREADS] = {"threads",
			    MATRIX_NET_PLAIN,
			    {BOTH("P"), BOTH("H"), BOTH("H"), BOTH("H"),
			     BOTH("H"), BOTH("H"), BOTH("H")}},
	[MATRIX_ACCEPTED] = {"accepted",
			     MATRIX_NET_PLAIN,
			     {BOTH("H"), NO, NO, BOTH("H"), BOTH("H"), NO, NO}},
	/* Nobody's. */
	[MATRIX_TIME_WAIT] = {"TIME_WAIT",
			      MATRIX_NET_PLAIN,
			      {BOTH("K"), NO, NO, NO, NO, NO, NO}},
	[MATRIX_DEAD] = {"dead",
			 MATRIX_NET_PLAIN,
			 {{"U", "P"},
			  {"U", "C"},
			  {"U", "C"},
			  BOTH("U"),
			  BOTH("U"),
			  BOTH("U"),
			  BOTH("U")}},
	/* Opened by the parent, which alone has it now. */
	[MATRIX_CHILD_GONE] = {"child gone",
			       MATRIX_NET_PLAIN,
			       {{"H", "P"},
				BOTH("H"),
				BOTH("H"),
				BOTH("H"),
				BOTH("H"),
				BOTH("H"),
				BOTH("H")}},
	[MATRIX_EXECED] = {"exec'ed",
			   MATRIX_NET_PLAIN,
			   {{"H", "P"},
			    BOTH("H"),
			    BOTH("H"),
			    BOTH("H"),
			    BOTH("H"),
			    BOTH("H"),
			    BOTH("H")}},
	/* The target is where it is sent to. */
	[MATRIX_NAT_FRONT] = {"NAT front",
			      MATRIX_NET_NAT,
			      {BOTH("P"), BOTH("H"), BOTH("H"), NO, NO, NO,
			       NO}},
	[MATRIX_NAT_FRONT_CONNECTED] = {"NAT front c",
					MATRIX_NET_NAT,
					{BOTH("H"), BOTH("H"), BOTH("H"), NO,
					 NO, NO, NO}},
	/* It is where that comes to. */
	[MATRIX_NAT_BACK] = {"NAT back",
			     MATRIX_NET_NAT,
			     {BOTH("P"), BOTH("H"), BOTH("H"), NO, NO, NO, NO}},
	[MATRIX_NAT_BACK_CONNECTED] = {"NAT back c",
				       MATRIX_NET_NAT,
				       {BOTH("H"), BOTH("H"), BOTH("H"), NO, NO,
					NO, NO}},
	/* A witness that is a function's entry sees what is sent from here
	   only. */
	[MATRIX_FORWARDED] = {"forwarded",
			      MATRIX_NET_FORWARD,
			      {BOTH("P"), BOTH("?"), BOTH("?"), NO, NO, NO,
			       NO}},
	[MATRIX_FORWARDED_CONNECTED] = {"forwarded c",
					MATRIX_NET_FORWARD,
					{BOTH("H"), BOTH("?"), BOTH("?"), NO,
					 NO, NO, NO}},
};

bool matrix_has_cell(enum matrix_case c, enum matrix_proto p, bool ipv6)
{
	return matrix_cases[c].expect[p].none && (c != MATRIX_MAPPED || ipv6);
}

bool matrix_blocks(enum matrix_case c, enum matrix_proto p)
{
	if (!matrix_protos[p].stream)
		return false;
	switch (c) {
	case MATRIX_PLAIN:
	case MATRIX_MAPPED:
	case MATRIX_DEVICE:
	case MATRIX_REUSEPORT:
	case MATRIX_FORKED:
	case MATRIX_PASSED:
	case MATRIX_THREADS:
	case MATRIX_NAT_FRONT:
	case MATRIX_NAT_BACK:
	case MATRIX_FORWARDED:
		return true;
	case MATRIX_CONNECTED:
	case MATRIX_IN_FLIGHT:
	case MATRIX_IO_URING:
	case MATRIX_ACCEPTED:
	case MATRIX_TIME_WAIT:
	case MATRIX_DEAD:
	case MATRIX_CHILD_GONE:
	case MATRIX_EXECED:
	case MATRIX_NAT_FRONT_CONNECTED:
	case MATRIX_NAT_BACK_CONNECTED:
	case MATRIX_FORWARDED_CONNECTED:
	case MATRIX_CASES:
		break;
	}
	return false;
}
