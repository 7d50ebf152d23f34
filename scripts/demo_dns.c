// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two ends of the demonstration of scripts/run: a resolver that gives
 * every name the same address, and a client that asks once and ends.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_HEADER 12
#define DNS_MAX	   512

/* Where the question that follows the header ends; 0 if it does not. */
static size_t question_end(const uint8_t *msg, size_t len)
{
	size_t at = DNS_HEADER;

	while (at < len && msg[at] != 0)
		at += msg[at] + 1U;
	return at + 5 <= len ? at + 5 : 0; /* the root, type, class */
}

static void __attribute__((noreturn)) serve(int fd)
{
	/* The same name, A, IN, for 60 s, four bytes: 192.0.2.53. */
	static const uint8_t answer[] =
		"\xc0\x0c\0\1\0\1\0\0\0\74\0\4\xc0\0\2\65";
	enum { ANSWER_LEN = sizeof(answer) - 1 };
	uint8_t msg[DNS_MAX + ANSWER_LEN];
	struct sockaddr_in from;

	puts("ready");
	fflush(stdout);
	for (;;) {
		socklen_t flen = sizeof(from);
		ssize_t n = recvfrom(fd, msg, DNS_MAX, 0,
				     (struct sockaddr *)&from, &flen);
		size_t end = n > 0 ? question_end(msg, (size_t)n) : 0;

		if (end == 0)
			continue;
		/* An answer, no error; one question, one record. */
		memcpy(msg + 2, "\x85\x80\0\1\0\1\0\0\0", 10);
		memcpy(msg + end, answer, ANSWER_LEN);
		sendto(fd, msg, end + ANSWER_LEN, 0, (struct sockaddr *)&from,
		       flen);
	}
}

/* One question for the name's A record, in MSG; returns its length. */
static size_t make_query(uint8_t msg[DNS_MAX], const char *name)
{
	static const uint8_t head[DNS_HEADER] = {0x4e, 0x47, 1, 0, 0, 1};
	size_t len = DNS_HEADER;

	memcpy(msg, head, sizeof(head));
	while (*name) {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > 63 || len + n + 6 > DNS_MAX)
			errx(1, "not a name: %s", name);
		msg[len++] = (uint8_t)n;
		memcpy(msg + len, name, n);
		len += n;
		name += name[n] ? n + 1 : n;
	}
	memcpy(msg + len, "\0\0\1\0\1", 5);
	return len + 5;
}

static int ask(int fd, const char *name)
{
	const struct timeval limit = {.tv_sec = 5};
	uint8_t msg[DNS_MAX];
	char text[INET_ADDRSTRLEN];
	size_t len = make_query(msg, name);
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (send(fd, msg, len, 0) < 0)
		err(1, "send");
	n = recv(fd, msg, sizeof(msg), 0);
	if (n < 0)
		err(1, "no answer");
	if ((size_t)n < len + 16)
		errx(1, "an answer without an address");
	inet_ntop(AF_INET, msg + n - 4, text, sizeof(text));
	printf("%s has address %s\n", name, text);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53)};
	bool server = argc == 3 && strcmp(argv[1], "serve") == 0;
	bool client = argc == 4 && strcmp(argv[1], "ask") == 0;
	int fd;

	if (!(server || client) ||
	    inet_pton(AF_INET, argv[2], &sa.sin_addr) != 1)
		errx(2, "usage: demo_dns serve ADDR | demo_dns ask ADDR NAME");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket");
	if ((server ? bind : connect)(fd, (struct sockaddr *)&sa, sizeof(sa)))
		err(1, "%s", argv[2]);
	if (server)
		serve(fd);
	return ask(fd, argv[3]);
}
