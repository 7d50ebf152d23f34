/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_stat: the text files of /proc/PID, whose names anybody may choose. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct procfs_status status;
	struct procfs_stat st;
	uint64_t args[6];
	long nr;

	if (!text)
		return 0;
	/* As procfs_read() leaves it: terminated, the NUL not counted. */
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (procfs_parse_stat(text, size, &st) == 0)
		FUZZ_CHECK(memchr(st.comm, '\0', sizeof(st.comm)));
	procfs_parse_status(text, size, &status);
	procfs_parse_syscall(text, size, &nr, args);
	procfs_parse_socket_link(text, size);
	free(text);
	return 0;
}
