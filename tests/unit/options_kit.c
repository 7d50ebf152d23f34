/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_kit: a command line read, and what was said about it. */
#include "options_kit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARGS_MAX 16

struct options o;
char said[SAID_MAX];

/* Puts standard error into `said` while options_parse runs. */
int parse_list(const char *const *args)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC), saved = dup(2);
	char name[] = "ptrap-ng", *argv[ARGS_MAX + 2] = {name};
	int argc = 1, err;
	ssize_t n;

	assert_true(fd >= 0 && saved >= 0);
	for (; args[argc - 1]; argc++) /* nobody writes to them */
		memcpy((void *)&argv[argc], (const void *)&args[argc - 1],
		       sizeof(argv[argc]));
	options_free(&o);
	dup2(fd, 2);
	err = options_parse(&o, argc, argv);
	dup2(saved, 2);
	close(saved);
	n = pread(fd, said, sizeof(said) - 1, 0);
	close(fd);
	assert_true(n >= 0);
	said[n] = '\0';
	return err;
}

void assert_one_line(void)
{
	assert_memory_equal(said, "ptrap-ng: ", 10);
	assert_non_null(strchr(said, '\n'));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}
