/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_options: what is understood, and the one line for what is not. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options_kit.h"
#include "options_table.h"
#include "util.h"

static bool have_netns;

static void assert_target(size_t i, const char *text)
{
	char buf[256];

	assert_true(i < o.ntargets);
	target_format(&o.targets[i], buf, sizeof(buf));
	assert_string_equal(buf, text);
}

#define TARGETS(...)                                              \
	do {                                                      \
		const char *const list_[] = {__VA_ARGS__};        \
		assert_int_equal(o.ntargets, ARRAY_SIZE(list_));  \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(list_); i_++) \
			assert_target(i_, list_[i_]);             \
	} while (0)

static int teardown(void **state)
{
	(void)state;
	options_free(&o);
	return 0;
}

static void test_defaults(void **state)
{
	(void)state;
	GOOD("any");
	TARGETS("any");
	assert_int_equal(o.mode, OPTIONS_RUN);
	assert_false(o.new_only);
	assert_null(o.exec);
	assert_int_equal(o.exec_time_us, 10 * UTIL_SEC);
	assert_int_equal(o.hold_us, 500 * UTIL_MS);
	assert_false(o.has_rate);
	assert_int_equal(o.rate, 0);
	assert_int_equal(o.count, 0);
	assert_int_equal(o.for_us, 0);
	assert_int_equal(o.noutputs, 0);
	assert_int_equal(o.level, LOG_NORMAL);
	assert_false(o.has_queue);
	assert_false(o.packets || o.hold_all || o.input || o.forward);
}

static void test_examples(void **state)
{
	(void)state;
	GOOD("-u", "192.168.1.1:53", "-e", "pstree -p -H");
	TARGETS("udp 192.168.1.1:53");
	assert_string_equal(o.exec, "pstree -p -H");
	assert_int_equal(o.rate, 20);
	assert_false(o.has_rate);
	GOOD("-t", "-c", "192.168.1.1", "-e", "ps -o comm=");
	TARGETS("tcp 192.168.1.1");
	assert_true(o.new_only);
	GOOD("-1", "-t", "169.254.169.254:80");
	TARGETS("tcp 169.254.169.254:80");
	assert_int_equal(o.count, 1);
	GOOD("-o", "json", "-u", ":53", "-t", "10.0.0.0/8:443-8443",
	     "[2001:db8::1]:80");
	TARGETS("udp :53", "tcp 10.0.0.0/8:443-8443", "tcp [2001:db8::1]:80");
	assert_int_equal(o.noutputs, 1);
	assert_string_equal(o.outputs[0], "json");
}

static void test_old_spelling(void **state)
{
	(void)state;
	GOOD("-u", "-i", "192.168.1.1", "-p", "53", "-e", "pstree -p -H");
	TARGETS("udp 192.168.1.1:53");
	assert_string_equal(o.exec, "pstree -p -H");
	GOOD("-t", "-c", "-i", "192.168.1.1", "-e", "ps -o comm=");
	TARGETS("tcp 192.168.1.1");
	assert_true(o.new_only);
	GOOD("-v", "-t", "-c", "-i", "192.168.1.1", "-p", "80", "-s", "300",
	     "-n", "5", "-e", "x");
	TARGETS("tcp 192.168.1.1:80");
	assert_int_equal(o.level, LOG_VERBOSE);
	assert_int_equal(o.hold_us, 300 * UTIL_MS);
	assert_true(o.has_rate);
	assert_int_equal(o.rate, 5);
	/* It took its options in any order. */
	GOOD("-i", "192.168.1.1", "-p", "53", "-u");
	TARGETS("udp 192.168.1.1:53");
	GOOD("-p", "53", "-i", "192.168.1.1", "-u");
	TARGETS("udp 192.168.1.1:53");
	GOOD("-p", "53", "-u", "-i", "192.168.1.1");
	TARGETS("udp 192.168.1.1:53");
	GOOD("-i", "192.168.1.1", "-t", "-p", "80");
	TARGETS("tcp 192.168.1.1:80");
	GOOD("-e", "x", "-i", "192.168.1.1", "-s", "1", "-t");
	TARGETS("tcp 192.168.1.1");
}

static void test_old_targets(void **state)
{
	(void)state;
	GOOD("-p", "53");
	TARGETS(":53");
	GOOD("-u", "-p", "53-55");
	TARGETS("udp :53-55");
	GOOD("-i", "any", "-p", "53");
	TARGETS(":53");
	GOOD("-i", "2001:db8::1", "-p", "53");
	TARGETS("[2001:db8::1]:53");
	GOOD("-i", "10.0.0.0/8");
	TARGETS("10.0.0.0/8");
	GOOD("-i", "1.0.0.1", "-i", "1.0.0.2");
	TARGETS("1.0.0.1", "1.0.0.2");
	GOOD("-t", "-i", "1.0.0.1", "-p", "1", "-u", "-i", "1.0.0.2", "-p",
	     "2");
	TARGETS("tcp 1.0.0.1:1", "udp 1.0.0.2:2");
	GOOD("-p", "1", "-i", "1.0.0.1", "-p", "2", "-i", "1.0.0.2");
	TARGETS("1.0.0.1:1", "1.0.0.2:2");
	GOOD("-p", "1", "-p", "2");
	TARGETS(":1", ":2");
	/* Both spellings together. */
	GOOD("-t", "-i", "1.0.0.1", "1.0.0.2:2", "-p", "1");
	TARGETS("tcp 1.0.0.1:1", "tcp 1.0.0.2:2");
	/* The same port or address twice is no reason to lose one. */
	GOOD("-i", "1.0.0.1", "-p", "1", "-i", "1.0.0.1", "-p", "1");
	TARGETS("1.0.0.1:1", "1.0.0.1:1");
}

static void test_order(void **state)
{
	(void)state;
	GOOD(":1", "-u", ":2", ":3", "-t", ":4", "--proto", "any", ":5");
	TARGETS(":1", "udp :2", "udp :3", "tcp :4", ":5");
	GOOD("--proto=icmp", "1.1.1.1", "--proto=icmp6", "::1", "--proto=253",
	     "any", "--proto=sctp", ":6");
	TARGETS("icmp 1.1.1.1", "icmp6 ::1", "253 any", "sctp :6");
	/* Other options between them change nothing. */
	GOOD("-u", "-c", "-s", "7", ":1", "-e", "x", ":2", "--packets");
	TARGETS("udp :1", "udp :2");
	assert_int_equal(o.hold_us, 7 * UTIL_MS);
	assert_true(o.packets);
}

static void test_dashes(void **state)
{
	(void)state;
	GOOD("-u", "--", ":1", ":2");
	TARGETS("udp :1", "udp :2");
	GOOD(":1", "--", "any");
	TARGETS(":1", "any");
	GOOD("-uc", ":1");
	TARGETS("udp :1");
	assert_true(o.new_only);
	GOOD("-cs20", ":1");
	assert_int_equal(o.hold_us, 20 * UTIL_MS);
	/* Whatever the environment says. */
	setenv("POSIXLY_CORRECT", "1", 1);
	GOOD(":1", "-u", ":2");
	TARGETS(":1", "udp :2");
	unsetenv("POSIXLY_CORRECT");
}

static void test_long_names(void **state)
{
	(void)state;
	GOOD("--udp", "--address", "1.0.0.1", "--port=53", "--new", "--exec",
	     "x y", "--hold", "60000", "--rate=0", "--count", "3", "--quiet");
	TARGETS("udp 1.0.0.1:53");
	assert_true(o.new_only);
	assert_string_equal(o.exec, "x y");
	assert_int_equal(o.hold_us, 60 * UTIL_SEC);
	assert_true(o.has_rate);
	assert_int_equal(o.rate, 0);
	assert_int_equal(o.count, 3);
	assert_int_equal(o.level, LOG_QUIET);
	GOOD("--tcp", ":1", "--once", "--verbose", "--packets", "--hold-all",
	     "--in", "--forward", "--exec=x", "--exec-time", "1", "--stats");
	assert_int_equal(o.count, 1);
	assert_int_equal(o.level, LOG_VERBOSE);
	assert_true(o.packets && o.hold_all && o.input && o.forward);
	assert_true(o.stats);
	assert_int_equal(o.exec_time_us, UTIL_MS);
}

static void test_modes(void **state)
{
	(void)state;
	GOOD("--print-rules", ":1");
	assert_int_equal(o.mode, OPTIONS_PRINT_RULES);
	GOOD("--print-rules", ":1", "-Q", "3");
	assert_int_equal(o.mode, OPTIONS_PRINT_RULES);
	assert_int_equal(o.queue, 3);
	GOOD("--check", ":1");
	assert_int_equal(o.mode, OPTIONS_CHECK);
	GOOD("--check");
	assert_int_equal(o.mode, OPTIONS_CHECK);
	assert_int_equal(o.ntargets, 0);
	assert_null(o.enforce);
	GOOD("--check", "--enforce", "some/file");
	assert_int_equal(o.mode, OPTIONS_CHECK);
	assert_string_equal(o.enforce, "some/file");
	GOOD("-V");
	assert_int_equal(o.mode, OPTIONS_VERSION);
	GOOD("--help", "--nonsense", "no:such:target");
	assert_int_equal(o.mode, OPTIONS_HELP);
	GOOD("-t", "-h");
	assert_int_equal(o.mode, OPTIONS_HELP);
}

static void test_witness_ring(void **state)
{
	(void)state;
	GOOD(":1");
	assert_int_equal(o.witness_ring_kib, 0);
	GOOD("--witness-ring", "64", ":1");
	assert_int_equal(o.witness_ring_kib, 64);
	GOOD("--witness-ring=65536", ":1");
	assert_int_equal(o.witness_ring_kib, 65536);
	BAD("option --witness-ring \"63\": must be 64 to 65536 KiB",
	    "--witness-ring", "63", ":1");
	BAD("option --witness-ring \"65537\": must be 64 to 65536 KiB",
	    "--witness-ring", "65537", ":1");
	BAD("option --witness-ring \"1M\": not a number (at \"M\")",
	    "--witness-ring", "1M", ":1");
	BAD("option --witness-ring \"\": not a number", "--witness-ring", "",
	    ":1");
}

static void test_queue(void **state)
{
	(void)state;
	GOOD("-Q", "7");
	assert_true(o.has_queue);
	assert_int_equal(o.queue, 7);
	assert_int_equal(o.ntargets, 0);
	GOOD("--queue=0", "-u", ":53");
	assert_true(o.has_queue);
	assert_int_equal(o.queue, 0);
	TARGETS("udp :53");
	GOOD("-Q65535");
	assert_int_equal(o.queue, 65535);
	BAD("option -Q \"65536\": must be 0 to 65535", "-Q", "65536");
	BAD("option -Q \"-1\": not a number", "-Q", "-1");
}

static void test_sweep(void **state)
{
	(void)state;
	GOOD(":53");
	assert_int_equal(o.sweep, OPTIONS_SWEEP_BEST);
	GOOD("--sweep", "proc", ":53");
	assert_int_equal(o.sweep, OPTIONS_SWEEP_PROC);
	GOOD("--sweep=bpf", ":53");
	assert_int_equal(o.sweep, OPTIONS_SWEEP_BPF);
	BAD("option --sweep \"procs\": must be bpf or proc", ":53", "--sweep",
	    "procs");
}

static void test_nat(void **state)
{
	(void)state;
	GOOD(":53");
	assert_int_equal(o.nat, OPTIONS_NAT_AUTO);
	GOOD("--nat", "always", ":53");
	assert_int_equal(o.nat, OPTIONS_NAT_ALWAYS);
	GOOD("--nat=never", ":53");
	assert_int_equal(o.nat, OPTIONS_NAT_NEVER);
	GOOD("--nat", "auto", ":53");
	assert_int_equal(o.nat, OPTIONS_NAT_AUTO);
	BAD("option --nat \"yes\": must be auto, always or never", ":53",
	    "--nat", "yes");
}

static void test_time(void **state)
{
	(void)state;
	GOOD(":1", "--for", "90");
	assert_int_equal(o.for_us, 90 * UTIL_SEC);
	GOOD(":1", "--for", "90s");
	assert_int_equal(o.for_us, 90 * UTIL_SEC);
	GOOD(":1", "--for", "250ms");
	assert_int_equal(o.for_us, 250 * UTIL_MS);
	GOOD(":1", "--for=5m");
	assert_int_equal(o.for_us, 300 * UTIL_SEC);
	GOOD(":1", "--for", "1000000000h");
	assert_int_equal(o.for_us, 3600 * 1000000000ULL * UTIL_SEC);
	BAD("option --for \"0s\": must be 1 to 1000000000", ":1", "--for",
	    "0s");
	BAD("option --for \"1000000001\": must be 1 to 1000000000", ":1",
	    "--for", "1000000001");
	BAD("option --for \"5d\": not a unit: ms, s, m or h (at \"d\")", ":1",
	    "--for", "5d");
	BAD("option --for \"5 s\": not a unit: ms, s, m or h (at \" s\")", ":1",
	    "--for", "5 s");
	BAD("option --for \"s\": not a number", ":1", "--for", "s");
	BAD("option --for \"\": not a number", ":1", "--for", "");
	BAD("option --for \"99999999999999999999999999\": "
	    "must be 1 to 1000000000",
	    ":1", "--for", "99999999999999999999999999");
}

static void test_numbers(void **state)
{
	(void)state;
	GOOD(":1", "-s", "1", "-C", "9223372036854775807", "-n", "1000000");
	assert_int_equal(o.count, INT64_MAX);
	assert_int_equal(o.rate, 1000000);
	GOOD(":1", "-e", "x", "--exec-time", "3600000", "-n", "0");
	assert_int_equal(o.exec_time_us, 3600 * UTIL_SEC);
	assert_int_equal(o.rate, 0);
	BAD("option -s \"0\": must be 1 to 60000 milliseconds", ":1", "-s",
	    "0");
	BAD("option --hold \"60001\": must be 1 to 60000 milliseconds", ":1",
	    "--hold", "60001");
	BAD("option -s \"5x\": not a number (at \"x\")", ":1", "-s", "5x");
	BAD("option -s \"+5\": not a number", ":1", "-s", "+5");
	BAD("option -s \"0x10\": not a number (at \"x10\")", ":1", "-s",
	    "0x10");
	BAD("option -s \" 5\": not a number", ":1", "-s", " 5");
	BAD("option -n \"1000001\": must be 0 (no cap) to 1000000", ":1", "-n",
	    "1000001");
	BAD("option -n \"1e3\": not a number (at \"e3\")", ":1", "-n", "1e3");
	BAD("option -C \"0\": must be at least 1", ":1", "-C", "0");
	BAD("option -C \"9223372036854775808\": must be at least 1", ":1", "-C",
	    "9223372036854775808");
	BAD("option --exec-time \"0\": must be 1 to 3600000 milliseconds", ":1",
	    "-e", "x", "--exec-time", "0");
}

static void test_outputs(void **state)
{
	(void)state;
	GOOD(":1", "-o", "text", "-o", "json:/tmp/a", "--output=json:/b:c");
	assert_int_equal(o.noutputs, 3);
	assert_string_equal(o.outputs[0], "text");
	assert_string_equal(o.outputs[1], "json:/tmp/a");
	assert_string_equal(o.outputs[2], "json:/b:c");
	GOOD(":1", "-o", "text:-");
	BAD("option -o \"jsn\": no such format: text or json", ":1", "-o",
	    "jsn");
	BAD("option -o \"\": no such format: text or json", ":1", "-o", "");
	BAD("option -o \"jsonl\": no such format: text or json", ":1", "-o",
	    "jsonl");
	BAD("option -o \":/tmp/a\": no such format: text or json", ":1", "-o",
	    ":/tmp/a");
	BAD("option -o \"text:\": file name missing (at its end)", ":1", "-o",
	    "text:");
	BAD("option -o \"journal\": not in this version: text or json", ":1",
	    "-o", "journal");
	BAD("option -o \"syslog\": not in this version: text or json", ":1",
	    "-o", "syslog");
	BAD("option --output \"pcapng:/x\": not in this version: text or json",
	    ":1", "--output", "pcapng:/x");
	BAD("option -o \"json:-\": a second output to the same place", ":1",
	    "-o", "text", "-o", "json:-");
	GOOD(":1", "-otext:1", "-otext:2", "-otext:3", "-otext:4", "-otext:5",
	     "-otext:6", "-otext:7", "-otext:8");
	BAD("option -o \"text:9\": more than eight outputs", ":1", "-otext:1",
	    "-otext:2", "-otext:3", "-otext:4", "-otext:5", "-otext:6",
	    "-otext:7", "-otext:8", "-otext:9");
}

static void test_bad_options(void **state)
{
	(void)state;
	BAD("option \"-x\": unknown (--help lists them)", "-x", ":1");
	BAD("option \"-x\": unknown (--help lists them)", "-ux", ":1");
	BAD("option \"--bogus\": unknown (--help lists them)", "--bogus");
	BAD("option \"--bogus=5\": unknown (--help lists them)", ":1",
	    "--bogus=5");
	/* Of --hold and --hold-all neither. */
	BAD("option \"--hol\": unknown (--help lists them)", "--hol");
	BAD("option \"--once=3\": takes no argument", "--once=3", ":1");
	BAD("option -e: its argument CMD is missing", ":1", "-e");
	BAD("option --hold: its argument MS is missing", ":1", "--hold");
	BAD("option -e \"\": no command", ":1", "-e", "");
	BAD("option -e \" \\t\": no command", ":1", "-e", " \t");
	BAD("option --exec \"b\": a second command", ":1", "-e", "a", "--exec",
	    "b");
	BAD("option --proto \"tcpp\": no such protocol: tcp, udp, udplite, "
	    "sctp, dccp, icmp, icmp6, a number to 255, or any",
	    "--proto", "tcpp", ":1");
}

static void test_bad_targets(void **state)
{
	(void)state;
	BAD("target \"192.168.1.1:99999\": port above 65535 (at \"99999\")",
	    "-u", "192.168.1.1:99999");
	BEGINS("target \"\": ", "");
	BEGINS("target \"-u\": ", "--", "-u");
	BEGINS("option -i \"1.2.3.4:3\": ", "-i", "1.2.3.4:3");
	assert_non_null(strstr(said, " (at \":3\")\n"));
	BEGINS("option -p \"53x\": ", "-p", "53x");
	assert_non_null(strstr(said, " (at \"x\")\n"));
	BEGINS("target \"1.2.3.4:\": ", "1.2.3.4:");
	assert_non_null(strstr(said, " (at its end)\n"));
	BEGINS("option -i \"\": ", "-i", "");
	BEGINS("option -p \"\": ", "-p", "");
	/* A protocol that comes after the port has its say too. */
	BEGINS("option -p \"3\": ", "--proto", "icmp", "-i", "1.2.3.4", "-p",
	       "3");
	BEGINS("option -p \"3\": ", "-i", "1.2.3.4", "-p", "3", "--proto",
	       "icmp");
	BEGINS("option -p \"3\": ", "-p", "3", "--proto", "icmp", "-i",
	       "1.2.3.4");
	BEGINS("option -i \"1.2.3.4\": ", "-i", "1.2.3.4", "--proto", "icmp6");
}

/* Text that would make a second line, or a terminal do something. */
static void test_hostile_text(void **state)
{
	static char big[100000];

	(void)state;
	assert_int_equal(PARSE("a\nptrap-ng: all is well"), -EINVAL);
	assert_one_line();
	assert_non_null(strstr(said, "\"a\\nptrap-ng: all is well\""));
	assert_int_equal(PARSE("--x\033[2J\n"), -EINVAL);
	assert_one_line();
	assert_null(strchr(said, '\033'));
	assert_int_equal(PARSE("-\xff"), -EINVAL);
	assert_one_line();
	assert_non_null(strcasestr(said, "\\xff"));
	/* The reason is said, however long the text. */
	memset(big, '7', sizeof(big) - 1);
	assert_int_equal(PARSE(":1", "-s", big), -EINVAL);
	assert_one_line();
	assert_non_null(strstr(said, "7...\": must be 1 to 60000"));
	memcpy(big, "1.2.3.4:", 8);
	assert_int_equal(PARSE(big), -EINVAL);
	assert_one_line();
	assert_non_null(strstr(said, "\"1.2.3.4:777"));
	assert_non_null(strstr(said, "7...\": port"));
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(PARSE(":1", "-o", big), -EINVAL);
	assert_one_line();
	assert_non_null(strstr(said, "no such format"));
	memset(big, '-', sizeof(big) - 1);
	assert_int_equal(PARSE(big), -EINVAL);
	assert_one_line();
	assert_non_null(strstr(said, "unknown (--help"));
}

static void test_no_target(void **state)
{
#define NO_TARGET                                   \
	"no target; for example -u 192.168.1.1:53 " \
	"(--help shows more)"
	const char *const nothing[] = {NULL};

	(void)state;
	assert_int_equal(parse_list(nothing), -EINVAL);
	assert_string_equal(said, "ptrap-ng: " NO_TARGET "\n");
	BAD(NO_TARGET, "-u");
	BAD(NO_TARGET, "-e", "x");
	BAD(NO_TARGET, "--print-rules");
	BAD(NO_TARGET, "--print-rules", "-Q", "3");
	BAD(NO_TARGET, "--");
}

/* What would quietly watch more, or other, than was meant. */
static void test_lost_parts(void **state)
{
#define FOLLOWS ": no target follows; it goes before its targets"
#define OWN                                                   \
	"has no -i of its own; write it ADDR:PORT, or :PORT " \
	"for any address"
	(void)state;
	BAD("option -t: no target between it and -u", "-t", "-u", ":53");
	BAD("option -u: no target between it and --proto", "-u", "--proto",
	    "udp", ":53");
	BAD("option -u" FOLLOWS, ":53", "-u");
	BAD("option --udp" FOLLOWS, "-t", ":53", "--udp");
	BAD("option -u" FOLLOWS, "-Q", "3", "-u");
	BAD("option -u" FOLLOWS, "-i", "1.0.0.1", "-i", "1.0.0.2", "-u");
	BAD("option -u" FOLLOWS, "-i", "1.0.0.1", ":1", "-u");
	BAD("option -u" FOLLOWS, "-t", "-i", "1.0.0.1", "-u");
	BAD("option -p \"80\": " OWN, "-i", "1.0.0.1", "-p", "53", "-p", "80");
	BAD("option -p \"80\": " OWN, "-p", "80", "-p", "53", "-i", "1.0.0.1");
}

static void test_conflicts(void **state)
{
	(void)state;
	BAD("options -q and -v exclude each other", "-v", "-q", ":1");
	BAD("options -1 and -C exclude each other", "-C", "3", "--once", ":1");
	BAD("options --print-rules and --check exclude each other",
	    "--print-rules", "--check", ":1");
	BAD("option --exec-time: useless without -e", "--exec-time", "5", ":1");
	BAD("option --enforce: useless without --check", "--enforce", "f",
	    ":1");
	BAD("option --enforce \"g\": a second policy", "--check", "--enforce",
	    "f", "--enforce", "g");
	BAD("option --enforce \"\": file name missing", "--check", "--enforce",
	    "");
}

static void test_host_names(void **state)
{
	(void)state;
	assert_int_equal(PARSE("-u", "localhost:53"), 0);
	assert_one_line();
	assert_memory_equal(said, "ptrap-ng: target \"localhost\" is udp ", 36);
	assert_int_equal(o.ntargets, 1);
	assert_true(o.targets[0].nnets > 0);
	assert_int_equal(o.targets[0].port_low, 53);
	GOOD("-q", "localhost");
	assert_int_equal(PARSE("--check", "localhost"), 0);
	assert_one_line();
	assert_int_equal(PARSE("--print-rules", "-i", "localhost"), 0);
	assert_one_line();
	/* Asked last: the other mistake comes first, and nothing is asked. */
	BAD("options -1 and -C exclude each other", "localhost", "-1", "-C1");
	GOOD("localhost", "-h");
}

static void test_host_name_fails(void **state)
{
	(void)state;
	if (!have_netns) {
		printf("# skip: no permission for a network namespace\n");
		skip();
	}
	BEGINS("target \"no-such-host.invalid\": ", "-u",
	       "no-such-host.invalid:53");
}

static void test_usage(void **state)
{
	char *text = NULL, *line, *rest;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	options_print_usage(out);
	fclose(out);
	assert_non_null(strstr(text, "ptrap-ng -u 192.168.1.1:53 -e "
				     "\"pstree -p -H\"\n"));
	for (const struct options_spec *s = options_table; s->name; s++) {
		char expected[64];

		if (!s->help)
			continue;
		snprintf(expected, sizeof(expected), "  %c%c%c --%s%s%s",
			 s->letter ? '-' : ' ', s->letter ? s->letter : ' ',
			 s->letter ? ',' : ' ', s->name, s->arg ? " " : "",
			 s->arg ? s->arg : "");
		assert_non_null(strstr(text, expected));
	}
	for (line = text; *line; line = rest + 1) {
		rest = strchr(line, '\n');
		assert_non_null(rest);
		assert_true(rest - line <= 79);
		assert_true(rest == line || rest[-1] != ' ');
	}
	free(text);
}

static void assert_name(size_t i, const char *text)
{
	char buf[DNS_PATTERN_MAX + 2];

	assert_true(i < o.nnames);
	assert_string_equal(dns_pattern_format(&o.names[i], buf, sizeof(buf)),
			    text);
}

static void test_dns_names(void **state)
{
	(void)state;
	GOOD("--name", "evil.example");
	TARGETS("udp :53", "tcp :53");
	assert_name(0, "evil.example");
	GOOD("--name=*.Evil.example.", "--name", "a", "-t", ":54");
	TARGETS("tcp :54");
	assert_int_equal(o.nnames, 2);
	assert_name(0, "*.evil.example");
	assert_name(1, "a");
	GOOD("-u", "--name", "a");
	TARGETS("udp :53");
	GOOD("--name", "a", "--proto", "tcp");
	TARGETS("tcp :53");
	GOOD("--proto", "any", "--name", "a", "--print-rules", "-Q", "7");
	TARGETS("udp :53", "tcp :53");
	GOOD("--name", "a", "-Q", "7"); /* whatever the user's rules send */
	assert_int_equal(o.ntargets, 0);
	GOOD("-c", "-u", "--name", "a");
	assert_int_equal(PARSE("-c", "--name", "a"), 0);
	assert_one_line();
	assert_non_null(strstr(said, "over TCP"));
}

static void test_bad_dns_names(void **state)
{
	(void)state;
	BAD("option --name \"\": name missing", "--name", "");
	BAD("option --name \"a b\": not in a name: letters, digits, - and _ "
	    "(at \" b\")",
	    "--name", "a b");
	BAD("option --name \"b\xc3\xbc"
	    "cher.example\": not ASCII; write an international name as its "
	    "punycode (xn--...) (at \"\xc3\xbc"
	    "cher.example\")",
	    "--name",
	    "b\xc3\xbc"
	    "cher.example");
	BEGINS("option --name \"", "--name",
	       "a23456789b123456789c123456789d123456789e123456789f123456789g123"
	       "4");
	assert_non_null(strstr(said, "label above 63"));
	BAD("option --name: its argument PATTERN is missing", "--name");
	BAD("option --name: no target is UDP or TCP", "--name", "a", "--proto",
	    "icmp", "any");
	BEGINS("no target;", "--proto", "icmp", "--name", "a");
}

static void test_table(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct options_spec *s = options_table; s->name; s++, n++) {
		assert_non_null(s->set);
		for (const struct options_spec *r = options_table; r < s; r++) {
			assert_string_not_equal(r->name, s->name);
			assert_true(!s->letter || r->letter != s->letter);
		}
	}
	assert_true(n < OPTIONS_TABLE_MAX);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_teardown(t, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),	 TEST(test_examples),
		TEST(test_old_spelling), TEST(test_old_targets),
		TEST(test_order),	 TEST(test_dashes),
		TEST(test_long_names),	 TEST(test_modes),
		TEST(test_queue),	 TEST(test_sweep),
		TEST(test_nat),		 TEST(test_time),
		TEST(test_numbers),	 TEST(test_outputs),
		TEST(test_bad_options),	 TEST(test_bad_targets),
		TEST(test_hostile_text), TEST(test_no_target),
		TEST(test_lost_parts),	 TEST(test_conflicts),
		TEST(test_host_names),	 TEST(test_host_name_fails),
		TEST(test_usage),	 TEST(test_table),
		TEST(test_dns_names),	 TEST(test_bad_dns_names),
		TEST(test_witness_ring),
	};

	/* No name server is asked. */
	have_netns = unshare(CLONE_NEWNET) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
