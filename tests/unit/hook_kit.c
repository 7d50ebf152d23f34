/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook_kit: what the tests of commands share. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "hook_kit.h"

const char json[] = "{\"event\":{\"sequence\":17}}\n";

struct event ev;
struct hook_pool *pool;
struct hook *handle;
struct event_hook result;

void open_pool(const char *command, uint64_t time_us)
{
	struct hook_config cfg = {.command = command, .time_us = time_us};

	assert_int_equal(hook_open(&pool, &cfg), 0);
	assert_true(hook_fd(pool) >= 0);
}

int start(uint64_t token)
{
	struct hook *h = NULL;
	int err = hook_start(pool, &ev, json, sizeof(json) - 1, token, &h);

	assert_true(err || h);
	return err;
}

unsigned wait_end(uint64_t *token)
{
	uint64_t begin = util_now_us();
	unsigned wakes = 0;

	while (!hook_next(pool, token, &result, &handle)) {
		struct pollfd pfd = {.fd = hook_fd(pool), .events = POLLIN};
		uint64_t now = util_now_us(), until = hook_deadline(pool);
		int ms = until <= now ? 0 : (int)((until - now) / UTIL_MS) + 1;

		assert_true(now - begin < PATIENCE_US);
		poll(&pfd, 1, until == UINT64_MAX ? 1000 : ms);
		hook_work(pool, util_now_us());
		wakes++;
	}
	assert_true(result.ran);
	assert_true(result.ended);
	assert_null(result.skipped);
	return wakes;
}

void run_for(const char *command, uint64_t time_us)
{
	uint64_t token = 0;

	open_pool(command, time_us);
	assert_int_equal(start(4242), 0);
	assert_int_equal(hook_running(pool), 1);
	wait_end(&token);
	assert_int_equal(token, 4242);
	assert_int_equal(hook_running(pool), 0);
}

void run(const char *command)
{
	run_for(command, PATIENCE_US);
	assert_false(result.killed);
}

void assert_output(const char *expected)
{
	char text[HOOK_OUTPUT_MAX + 1];

	memcpy(text, result.output, result.output_len);
	text[result.output_len] = '\0';
	assert_string_equal(text, expected);
	assert_false(result.output_truncated);
}

pid_t output_pid(void)
{
	char text[32] = "";
	size_t len = result.output_len < sizeof(text) - 1 ? result.output_len
							  : sizeof(text) - 1;

	memcpy(text, result.output, len);
	return (pid_t)atoi(text);
}

void wait_no_descendants(void)
{
	uint64_t begin = util_now_us();

	while (hook_any_descendants(pool)) {
		uint64_t now = util_now_us(), until = hook_deadline(pool);

		assert_true(now - begin < PATIENCE_US);
		assert_true(until != UINT64_MAX);
		poll(NULL, 0,
		     until > now ? (int)((until - now) / UTIL_MS) + 1 : 0);
		hook_work(pool, util_now_us());
	}
}

static struct ipaddr ipv4(uint8_t last)
{
	return ipaddr_from_bytes(AF_INET, (uint8_t[]){192, 0, 2, last});
}

int setup(void **state)
{
	(void)state;
	memset(&ev, 0, sizeof(ev));
	ev.tuple = (struct tuple){
		.saddr = ipv4(7),
		.daddr = ipv4(1),
		.sport = 40112,
		.dport = 53,
		.family = AF_INET,
		.proto = IPPROTO_UDP,
	};
	ev.packet.tuple = ev.tuple;
	ev.packet.has_ports = true;
	ev.grade = SOCKOWNER_HOLDER;
	ev.alive = true;
	ev.has_process = true;
	ev.process = (struct process){
		.pid = 4711,
		.tid = 4712,
		.comm = "curl",
		.exe = "/usr/bin/curl",
		.has_owner = true,
		.uid = 1001, /* a setuid program */
		.euid = 1000,
	};
	return 0;
}

int teardown(void **state)
{
	(void)state;
	hook_free(pool, handle);
	handle = NULL;
	hook_close(pool);
	pool = NULL;
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}
