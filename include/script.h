/* SPDX-License-Identifier: GPL-2.0-or-later */
/* script: the file that an interpreter has open as its program. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Arguments are a process's own words; an open file is more.  A shell keeps its
 * script open as long as it runs (bash at 255), others while they read it.  dirfd is an open /proc/PID, exe its program, arg what the arguments
 * say the script is (NULL: nothing).  False: no open file is known to be it.
 * The path is the kernel's, without its " (deleted)".  Nothing here waits for a
 * file system.
 */
bool script_find_open(int dirfd, const char *exe, const char *arg, char *path,
		      size_t size);

#endif
