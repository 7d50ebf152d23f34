/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proc: what a process takes of memory and time. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Sums what of(path) says of each child's folder. */
static double sum_children(pid_t pid, double (*of)(const char *path))
{
	char path[64];
	double sum = 0;
	int child;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fscanf(f, "%d", &child) == 1) {
		snprintf(path, sizeof(path), "/proc/%d", child);
		sum += of(path);
	}
	fclose(f);
	return sum;
}

static double rss_of(const char *process)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/status", process);
	return (double)read_field(path, "VmRSS");
}

long bench_read_rss_kib(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return (long)(rss_of(path) + sum_children(pid, rss_of));
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

static double cpu_of_all(const char *process)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/task", process);
	return sum_entries(folder, cpu_of);
}

/* Of children that it has waited for; in ticks. */
static double cpu_of_ended(pid_t pid)
{
	unsigned long user, system;
	char path[64];
	double ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	/* The reader's name has no blank: fields 16 and 17. */
	if (fscanf(f,
		   "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%*s %lu %lu",
		   &user, &system) == 2)
		ns = (double)(user + system) * 1e9 /
		     (double)sysconf(_SC_CLK_TCK);
	fclose(f);
	return ns;
}

double bench_read_cpu_ns(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return cpu_of_all(path) + sum_children(pid, cpu_of_all) +
	       cpu_of_ended(pid);
}
