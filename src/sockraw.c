/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockraw: /proc/net/icmp, icmp6, raw and raw6: sockets without sock_diag. */
#include "sockraw.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

/* A line of raw6 has about 190 bytes. */
#define LINE_ROOM 512

static const struct {
	const char *path;
	uint8_t family;
	bool raw;
} tables[SOCKRAW_TABLES] = {
	[SOCKRAW_ICMP] = {"net/icmp", AF_INET, false},
	[SOCKRAW_ICMP6] = {"net/icmp6", AF_INET6, false},
	[SOCKRAW_RAW] = {"net/raw", AF_INET, true},
	[SOCKRAW_RAW6] = {"net/raw6", AF_INET6, true},
};

void sockraw_open(struct sockraw *sr, int rootfd)
{
	for (size_t i = 0; i < SOCKRAW_TABLES; i++)
		sr->fds[i] =
			openat(rootfd, tables[i].path, O_RDONLY | O_CLOEXEC);
}

void sockraw_close(struct sockraw *sr)
{
	for (size_t i = 0; i < SOCKRAW_TABLES; i++) {
		if (sr->fds[i] >= 0)
			close(sr->fds[i]);
		sr->fds[i] = -1;
	}
}

/* ------------------------------------------------------------------- a line */

/* What is left of the line; a field that does not parse leaves nothing. */
struct text {
	const char *p, *end;
	bool bad;
};

static void skip_blanks(struct text *t)
{
	while (t->p < t->end && *t->p == ' ')
		t->p++;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* All of them have a fixed width. */
static uint32_t take_hex(struct text *t, int digits)
{
	uint32_t value = 0;
	int n = 0;

	while (n < digits && t->p < t->end && hex_digit(*t->p) >= 0) {
		value = value << 4 | (uint32_t)hex_digit(*t->p++);
		n++;
	}
	if (n < digits)
		t->bad = true;
	return value;
}

static void take_char(struct text *t, char c)
{
	if (t->p < t->end && *t->p == c)
		t->p++;
	else
		t->bad = true;
}

static uint64_t take_number(struct text *t, uint64_t max)
{
	const char *digits;
	uint64_t value = 0;

	skip_blanks(t);
	digits = t->p;
	while (t->p < t->end && *t->p >= '0' && *t->p <= '9')
		t->p++;
	if (util_parse_uint(digits, (size_t)(t->p - digits), max, &value))
		t->bad = true;
	return value;
}

static void skip_field(struct text *t)
{
	skip_blanks(t);
	if (t->p == t->end)
		t->bad = true;
	while (t->p < t->end && *t->p != ' ')
		t->p++;
}

/* Four bytes at a time, as the machine reads them as a number. */
static struct ipaddr take_addr(struct text *t, uint8_t family)
{
	uint32_t words[4] = {0};
	size_t n = family == AF_INET ? 1 : 4;
	struct ipaddr a;

	skip_blanks(t);
	for (size_t i = 0; i < n; i++)
		words[i] = take_hex(t, 8);
	a = ipaddr_from_bytes(family, words);
	return ipaddr_unmap(&a);
}

static uint16_t take_port(struct text *t)
{
	take_char(t, ':');
	return (uint16_t)take_hex(t, 4);
}

static bool is_heading(const char *line, size_t len)
{
	while (len > 0 && *line == ' ') {
		line++;
		len--;
	}
	return len >= 2 && memcmp(line, "sl", 2) == 0;
}

/* "  sl: ADDR:PORT ADDR:PORT ST TX:RX TR:WHEN RETRNSMT UID TIMEOUT INODE ...",
 * see raw_sock_seq_show and ip6_dgram_sock_seq_show. */
int sockraw_parse(const char *line, size_t len, uint8_t family,
		  struct sockdiag_row *row)
{
	struct text t = {line, line + len, false};

	*row = (struct sockdiag_row){.family = family};
	if (is_heading(line, len))
		return -ENOMSG;
	take_number(&t, UINT32_MAX);
	take_char(&t, ':');
	row->local = take_addr(&t, family);
	row->local_port = take_port(&t);
	row->remote = take_addr(&t, family);
	row->remote_port = take_port(&t);
	skip_blanks(&t);
	row->state = (uint8_t)take_hex(&t, 2);
	take_char(&t, ' ');
	row->wqueue = take_hex(&t, 8);
	take_char(&t, ':');
	row->rqueue = take_hex(&t, 8);
	take_char(&t, ' ');
	skip_field(&t); /* timer */
	skip_field(&t); /* retransmits */
	row->uid = (uint32_t)take_number(&t, UINT32_MAX);
	take_number(&t, UINT32_MAX); /* timeout */
	take_char(&t, ' ');
	row->inode = take_number(&t, UINT64_MAX);
	take_char(&t, ' '); /* else the number may have been cut */
	return t.bad ? -EBADMSG : 0;
}

/* ------------------------------------------------------------------ a table */

/* What was read and is not parsed yet. */
struct page {
	char text[4096 + LINE_ROOM];
	size_t len;
	off_t at;
};

/* All whole lines; -EBADMSG. */
static int take_lines(struct page *pg, enum sockraw_table table,
		      struct sockdiag_row *rows, size_t max, size_t *n)
{
	const char *p = pg->text, *nl;
	struct sockdiag_row row;
	int err;

	while ((nl = memchr(p, '\n', pg->len - (size_t)(p - pg->text)))) {
		err = sockraw_parse(p, (size_t)(nl - p), tables[table].family,
				    &row);
		if (err < 0 && err != -ENOMSG)
			return err;
		row.raw = tables[table].raw;
		if (err == 0 && *n < max)
			rows[*n] = row;
		*n += err == 0;
		p = nl + 1;
	}
	pg->len -= (size_t)(p - pg->text);
	memmove(pg->text, p, pg->len);
	return pg->len < LINE_ROOM ? 0 : -EBADMSG;
}

int sockraw_read(const struct sockraw *sr, enum sockraw_table table,
		 struct sockdiag_row *rows, size_t max)
{
	struct page pg = {.len = 0};
	size_t n = 0;
	int err;

	if (sr->fds[table] < 0)
		return -EOPNOTSUPP;
	for (;;) {
		ssize_t got = pread(sr->fds[table], pg.text + pg.len,
				    sizeof(pg.text) - pg.len, pg.at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return pg.len == 0 ? (int)n : -EBADMSG;
		pg.at += got;
		pg.len += (size_t)got;
		err = take_lines(&pg, table, rows, max, &n);
		if (err < 0)
			return err;
	}
}
