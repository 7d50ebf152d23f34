/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ruleset_kit: what the tests of rulesets share: a network namespace each, the
 * text of nft, a kernel that lacks this and that, packets on the loopback. */
#ifndef RULESET_KIT_H
#define RULESET_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "proto.h"
#include "ruleset.h"

#define KIT_QUEUE    40000
#define KIT_NAME     "ptrap-ng-40000"
#define KIT_TEXT_MAX (1 << 20)

/* The setup of each test: a new network namespace with lo up, a kernel without
 * faults. */
int kit_enter(void **state);

/* Skips the test that runs, with the reason, where has is false. */
void kit_need(bool has, const char *what);
void kit_need_netns(void);
void kit_need_nft(void);	/* and what nft needs */
bool kit_has_nft(void);

/* What the kernel lacks; put between the modules and it by the linker. */
struct kit_kernel {
	bool no_owner;	/* before 5.12 */
	bool no_native; /* without nft_queue */
	bool no_xt;	/* without nft_compat or xt_NFQUEUE */
	bool no_answer; /* the table is made, but its acks are lost */
	unsigned again; /* so many times EAGAIN */
};
extern struct kit_kernel kit_kernel;

/* udp 127.0.0.1:53, with bypass. */
extern struct ruleset_config kit_config;

/* These fail the test where they cannot do what they say. */
struct target kit_parse(const char *text, int proto);
/* A name's addresses, descending.  127.7.0.3 is one of the first family. */
struct target kit_make_host(size_t n4, size_t n6);
struct ruleset *kit_install(const struct ruleset_config *cfg);
void kit_assert_refused(const struct ruleset_config *cfg, int expected,
			const char *what);
uint64_t kit_count(struct ruleset *rs);
bool kit_has_table(const char *name);

/* What ruleset_print prints; valid until the next one. */
const char *kit_print(const struct ruleset_config *cfg, enum ruleset_queue kind,
		      bool owner);
/* Does nft list it byte for byte? */
void kit_assert_listed(const struct ruleset *rs,
		       const struct ruleset_config *cfg);
void kit_check_listing(const struct ruleset_config *cfg);
/* A file of nft/ without its comments. */
void kit_read_nft_file(const char *name, char *text, size_t size);
/* Replaces old by new, which is not longer, everywhere. */
void kit_replace(char *text, const char *old, const char *new);

socklen_t kit_address(const char *text, uint16_t port,
		      struct sockaddr_storage *ss);
/* Bound, and listening if it is of SOCK_STREAM. */
int kit_open_socket(const char *at, uint16_t port, int type);
/* One packet of a socket of its own: an echo request, should it be for ICMP.
 * 0 or errno. */
int kit_send(const char *to, uint16_t port, int type, int protocol);
int kit_send_udp(const char *to, uint16_t port);

#endif
