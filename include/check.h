/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: what this kernel lets the program do (--check). */
#ifndef CHECK_H
#define CHECK_H

/* Tries queue and rules in a network namespace of its own, where that can be
 * made, and prints a line for each thing. Returns the exit status: 0 it works,
 * 3 it does not. */
int check_run(void);

#endif
