/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output: events in a format, into a sink. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

static const struct output_format *const formats[] = {
	&output_text,
	&output_json,
};

struct output {
	const struct output_format *format;
	struct output_options opt;
	struct sink *sink;
	uint64_t unformatted; /* records lost before the sink */
	struct stage *stage;  /* NULL: not measured */
};

/* One record at a time is made, whatever the number of outputs. */
static char record[OUTPUT_RECORD_MAX];

static struct {
	bool read;
	char name[256], id[64];
} host;

const struct output_format *output_find_format(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (strlen(formats[i]->name) == len &&
		    memcmp(formats[i]->name, name, len) == 0)
			return formats[i];
	return NULL;
}

/* The first line of a small file; what cannot be read is empty. */
static void read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static void read_host(struct output_options *opt)
{
	if (!host.read) {
		if (gethostname(host.name, sizeof(host.name) - 1) < 0)
			host.name[0] = '\0';
		read_line("/etc/machine-id", host.id, sizeof(host.id));
		host.read = true;
	}
	opt->host_name = host.name[0] != '\0' ? host.name : NULL;
	opt->host_id = host.id[0] != '\0' ? host.id : NULL;
}

static bool wants_colour(const struct output_format *format,
			 const struct sink *sink)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	return format == &output_text && sink_is_tty(sink) &&
	       (no_colour == NULL || *no_colour == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

int output_open(struct output **o, const char *spec, bool verbose)
{
	size_t len = strcspn(spec, ":");
	const char *path = spec[len] == ':' ? spec + len + 1 : "-";
	const struct output_format *format = output_find_format(spec, len);
	int err;

	*o = NULL;
	if (format == NULL)
		return -EINVAL;
	*o = calloc(1, sizeof(**o));
	if (*o == NULL)
		return -ENOMEM;
	err = sink_open_file(&(*o)->sink, path);
	if (err < 0) {
		free(*o);
		*o = NULL;
		return err;
	}
	/* Now, not with the first packet held: it reads a file. */
	tzset();
	(*o)->format = format;
	(*o)->opt.verbose = verbose;
	(*o)->opt.colour = wants_colour(format, (*o)->sink);
	read_host(&(*o)->opt);
	return 0;
}

int output_write(struct output *o, const struct event *e)
{
	uint64_t start = stage_start(o->stage);
	struct strbuf sb;
	int err;

	strbuf_init(&sb, record, sizeof(record));
	err = o->format->format(e, &o->opt, &sb);
	if (err < 0)
		o->unformatted++;
	else
		err = sink_write(o->sink, sb.mem, sb.len);
	stage_end(o->stage, start);
	return err;
}

void output_measure(struct output *o, struct stage *stage)
{
	o->stage = stage;
}

int output_closed_fd(const struct output *o)
{
	return sink_closed_fd(o->sink);
}

void output_close(struct output *o, uint64_t timeout_us, struct sink_stats *st)
{
	if (o == NULL)
		return;
	sink_close(o->sink, timeout_us, st);
	if (st != NULL)
		st->lost += o->unformatted;
	free(o);
}

int output_json_line(const struct event *e, struct strbuf *out)
{
	struct output_options opt = {.verbose = false};

	read_host(&opt);
	return output_json.format(e, &opt, out);
}
