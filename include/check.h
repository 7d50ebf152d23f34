/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: what this kernel lets the program do (--check). */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Tries queue and rules in a network namespace of its own, where that can be
 * made, and prints a line for each thing. Returns the exit status: 0 it works,
 * 3 it does not. */
int check_run(void);

/* Tries to bring the witness into the kernel, for a moment, in the network
 * namespace that we are in.  True: text says which kind it is; false: why there
 * is none. */
bool check_witness(char *text, size_t size);

#endif
