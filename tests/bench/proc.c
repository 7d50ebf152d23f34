/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proc: what a process takes of memory and time. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static long read_field(const char *path, const char *field)
{
	size_t len = strlen(field);
	FILE *f = fopen(path, "re");
	char line[256];
	long value = 0;

	if (f == NULL)
		return 0;
	while (value == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	fclose(f);
	return value;
}

long bench_read_status(pid_t pid, const char *field)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return read_field(path, field);
}

/* Calls for each entry of a folder of /proc; the sum of what it says. */
static double sum_entries(const char *folder, double (*of)(const char *path))
{
	DIR *d = opendir(folder);
	struct dirent *e;
	double sum = 0;
	char path[512];

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		sum += of(path);
	}
	closedir(d);
	return sum;
}

/* A map may be open twice; each one counts once by its id, but ours is. */
static double maps_of(const char *path)
{
	return read_field(path, "map_id") != 0
		       ? (double)read_field(path, "memlock") / 1024
		       : 0;
}

long bench_read_maps_kib(pid_t pid)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "/proc/%d/fdinfo", pid);
	return (long)sum_entries(folder, maps_of);
}

/* Nanoseconds on a processor, wherever the clock's ticks are. */
static double cpu_of(const char *task)
{
	double ns = 0;
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/schedstat", task);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%lf", &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

double bench_read_cpu_ns(pid_t pid)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "/proc/%d/task", pid);
	return sum_entries(folder, cpu_of);
}
