/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_kit: a command line read, and what was said about it. */
#ifndef OPTIONS_KIT_H
#define OPTIONS_KIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "options.h"

#define SAID_MAX 8192

extern struct options o;
extern char said[SAID_MAX]; /* on standard error */

/* Up to a NULL, and without the program's name. */
int parse_list(const char *const *args);

#define PARSE(...) parse_list((const char *const[]){__VA_ARGS__, NULL})

/* Understood, without a word. */
#define GOOD(...)                                        \
	do {                                             \
		assert_int_equal(PARSE(__VA_ARGS__), 0); \
		assert_string_equal(said, "");           \
	} while (0)

/* `said` is one line, and the program's. */
void assert_one_line(void);

/* Refused with exactly this line. */
#define BAD(line, ...)                                             \
	do {                                                       \
		assert_int_equal(PARSE(__VA_ARGS__), -EINVAL);     \
		assert_string_equal(said, "ptrap-ng: " line "\n"); \
	} while (0)

/* The same where the reason is another module's. */
#define BEGINS(begin, ...)                                             \
	do {                                                           \
		const char begin_[] = "ptrap-ng: " begin;              \
		assert_int_equal(PARSE(__VA_ARGS__), -EINVAL);         \
		assert_one_line();                                     \
		assert_memory_equal(said, begin_, sizeof(begin_) - 1); \
	} while (0)

#endif
