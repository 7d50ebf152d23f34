/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook_kit: what the tests of commands share: an event, a pool that runs them
 * for it, and a wait for their end as the program's loop does it. */
#ifndef HOOK_KIT_H
#define HOOK_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "hook.h"
#include "util.h"

#define PATIENCE_US (20 * UTIL_SEC)

extern const char json[]; /* what start() gives a command to read */

extern struct event ev;
extern struct hook_pool *pool;
extern struct hook *handle; /* the ended one whose output is looked at */
extern struct event_hook result;

/* Those of each test.  Whatever it did: nobody is left, and no descriptor. */
int setup(void **state);
int teardown(void **state);

/* These fail the test where they cannot do what they say. */
void open_pool(const char *command, uint64_t time_us);
/* What hook_start returns. */
int start(uint64_t token);
/* Waits as the program's loop does; returns how often it woke. */
unsigned wait_end(uint64_t *token);
/* One command from start to end, at most time_us. */
void run_for(const char *command, uint64_t time_us);
void run(const char *command);

/* The output is this, and all of it. */
void assert_output(const char *expected);
/* The number that it begins with. */
pid_t output_pid(void);

/* Until commands have left nobody: a death that only the deadline finds. */
void wait_no_descendants(void);

#endif
