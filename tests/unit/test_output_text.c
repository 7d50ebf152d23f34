/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_output_text: what a person reads for each grade, and forging attempts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"
#include "sample.h"

#define HEAD   "09:41:03.512 udp 192.168.1.7:40112 > 192.168.1.1:53  "
#define INDENT "             "

static struct event e;
static struct output_options opt;
static char mem[OUTPUT_RECORD_MAX];

static int set_up(void **state)
{
	(void)state;
	opt = (struct output_options){.colour = false};
	sample_event(&e);
	return 0;
}

static const char *text(void)
{
	struct strbuf sb;

	strbuf_init(&sb, mem, sizeof(mem));
	assert_int_equal(output_text.format(&e, &opt, &sb), 0);
	assert_int_equal(strlen(mem), sb.len);
	return mem;
}

/* The n-th line, from 0, without its line feed; "" behind the last. */
static const char *line(int n)
{
	static char copy[4096];
	const char *p = text();

	while (n-- > 0 && *p != '\0')
		p = strchr(p, '\n') + 1;
	snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(p, "\n"), p);
	return copy;
}

static void assert_begins(const char *s, const char *prefix)
{
	char begin[256];

	snprintf(begin, sizeof(begin), "%.*s", (int)strlen(prefix), s);
	assert_string_equal(begin, prefix);
}

/* The first line behind the packet. */
static const char *subject(void)
{
	const char *head = line(0);

	assert_begins(head, HEAD);
	return head + strlen(HEAD);
}

static const char *second(void)
{
	const char *l = line(1);

	assert_begins(l, INDENT);
	return l + strlen(INDENT);
}

static void reset(enum sockowner_grade grade, enum sockowner_reason reason)
{
	sample_packet(&e);
	e.grade = grade;
	e.reason = reason;
}

/* ------------------------------------------------------------- each grade */

static void test_proved(void **state)
{
	(void)state;
	assert_string_equal(
		text(),
		"09:41:03.512 udp 192.168.1.7:40112 > 192.168.1.1:53  "
		"curl[4711] uid 1000(apollo) /usr/bin/curl -s "
		"https://example.org\n"
		"             from bash[4690] < sshd[4688] < systemd[1]   "
		"asks A example.org   proved, held 61 us, released\n");
}

static void test_holder(void **state)
{
	(void)state;
	e.grade = SOCKOWNER_HOLDER;
	e.reason = SOCKOWNER_REASON_NO_WITNESS;
	e.nquestions = 0;
	e.lineage.n = 0;
	assert_string_equal(second(), "holder, held 61 us, released");
	e.reason = SOCKOWNER_REASON_NOT_PERMITTED;
	assert_string_equal(second(), "holder (not permitted), held 61 us, "
				      "released");
}

static void test_shared(void **state)
{
	(void)state;
	reset(SOCKOWNER_SHARED, SOCKOWNER_REASON_MANY_HOLDERS);
	sample_holder(&e, "nginx", 1);
	sample_holder(&e, "my (x)", 2);
	assert_string_equal(subject(), "shared by nginx[1], \"my (x)\"[2], "
				       "opened by uid 1000(apollo)");
	assert_string_equal(second(), "shared, held 61 us, released");
	e.nholders_total = 5;
	e.has_packet_uid = false;
	assert_string_equal(subject(), "shared by nginx[1], \"my (x)\"[2] "
				       "(+3 more)");
}

static void test_twins(void **state)
{
	(void)state;
	reset(SOCKOWNER_TWINS, SOCKOWNER_REASON_MANY_SOCKETS);
	e.ntwins = e.ntwins_total = 2;
	assert_string_equal(subject(), "2 sockets fit, opened by uid "
				       "1000(apollo)");
	assert_string_equal(second(), "twins, held 61 us, released");
	e.ntwins_total = 40;
	sample_holder(&e, "a", 1);
	sample_holder(&e, "b", 2);
	assert_string_equal(subject(), "40 sockets fit, held by a[1], b[2], "
				       "opened by uid 1000(apollo)");
}

static void test_creator(void **state)
{
	(void)state;
	reset(SOCKOWNER_CREATOR, SOCKOWNER_REASON_NO_HOLDER);
	e.has_creator = true;
	strcpy(e.creator.comm, "bash");
	e.creator.pid = 77;
	assert_string_equal(subject(), "sender gone, socket opened by "
				       "bash[77], uid 1000(apollo)");
	assert_string_equal(second(),
			    "creator (no holder), held 61 us, released");
	e.has_creator = false;
	assert_string_equal(subject(), "sender gone, socket opened by uid "
				       "1000(apollo)");
}

static void test_uid_only(void **state)
{
	(void)state;
	reset(SOCKOWNER_UID_ONLY, SOCKOWNER_REASON_NO_SOCKET);
	assert_string_equal(subject(), "uid 1000(apollo), socket gone");
	assert_string_equal(second(), "uid-only, held 61 us, released");
	e.user = NULL;
	assert_string_equal(subject(), "uid 1000, socket gone");
	e.has_packet_uid = false;
	assert_string_equal(subject(), "socket gone");
}

static void test_kernel(void **state)
{
	(void)state;
	reset(SOCKOWNER_KERNEL, SOCKOWNER_REASON_NONE);
	assert_string_equal(subject(), "kernel");
	e.kernel_kind = "rst";
	assert_string_equal(subject(), "kernel (rst)");
	assert_string_equal(second(), "kernel, held 61 us, released");
	e.kernel_kind = "syn-ack";
	sample_holder(&e, "nginx", 10);
	assert_string_equal(subject(), "kernel (syn-ack), socket of nginx[10]");
	e.has_socket = e.socket.listening = true;
	assert_string_equal(subject(), "kernel (syn-ack), listener nginx[10]");
}

static void test_unknown(void **state)
{
	(void)state;
	reset(SOCKOWNER_UNKNOWN, SOCKOWNER_REASON_NO_HOLDER);
	assert_string_equal(subject(), "unknown: no holder, opened by uid "
				       "1000(apollo)");
	assert_string_equal(second(), "unknown, held 61 us, released");
	e.has_packet_uid = false;
	e.reason = SOCKOWNER_REASON_NONE;
	assert_string_equal(subject(), "unknown");
}

/* What comes in was sent by nobody here. */
static void test_incoming(void **state)
{
	(void)state;
	e.direction = EVENT_INGRESS;
	assert_begins(subject(),
		      "to curl[4711] uid 1000(apollo) /usr/bin/curl");
	assert_non_null(strstr(second(), ", released, incoming"));
	reset(SOCKOWNER_SHARED, SOCKOWNER_REASON_MANY_HOLDERS);
	e.direction = EVENT_INGRESS;
	sample_holder(&e, "a", 1);
	assert_begins(subject(), "to a socket shared by a[1], opened");
	reset(SOCKOWNER_TWINS, SOCKOWNER_REASON_MANY_SOCKETS);
	e.direction = EVENT_INGRESS;
	e.ntwins = e.ntwins_total = 2;
	assert_begins(subject(), "to one or all of 2 sockets");
	reset(SOCKOWNER_KERNEL, SOCKOWNER_REASON_NONE);
	e.direction = EVENT_INGRESS;
	assert_begins(subject(), "to the kernel");
	reset(SOCKOWNER_UNKNOWN, SOCKOWNER_REASON_NO_SOCKET);
	e.direction = EVENT_INGRESS;
	assert_begins(subject(), "to unknown: no socket");
}

/* Who has the only socket that fits is not put forward. */
static void test_orphaned(void **state)
{
	(void)state;
	reset(SOCKOWNER_UNKNOWN, SOCKOWNER_REASON_ORPHANED);
	e.direction = EVENT_FORWARD;
	e.has_packet_uid = false;
	sample_holder(&e, "a", 1);
	assert_string_equal(subject(),
			    "unknown: the socket that fits may not have sent "
			    "it, held by a[1]");
	e.reason = SOCKOWNER_REASON_NO_WITNESS;
	assert_string_equal(
		subject(),
		"unknown: the send itself was not seen, held by a[1]");
}

/* Only proved and holder ever put a process forward. */
static void test_no_wrong_name(void **state)
{
	(void)state;
	for (int g = SOCKOWNER_SHARED; g <= SOCKOWNER_UNKNOWN; g++) {
		sample_event(&e);
		e.grade = (enum sockowner_grade)g;
		e.nholders = e.nholders_total = 0;
		e.has_process = false;
		e.lineage.n = 0;
		assert_null(strstr(text(), "curl"));
	}
}

/* ------------------------------------------------------------ the process */

static void test_process_state(void **state)
{
	(void)state;
	e.alive = false;
	e.process.tid = 4712;
	e.process.uid = 1001;
	e.process.exe_kind = PROCESS_EXE_DELETED;
	assert_string_equal(subject(),
			    "curl[4711/4712] (dead) uid 1000(apollo) real uid "
			    "1001 /usr/bin/curl (deleted) -s "
			    "https://example.org");
	e.process.exe_kind = PROCESS_EXE_MEMFD;
	assert_non_null(strstr(subject(), "/usr/bin/curl (memfd) -s"));
	e.process.exe_kind = PROCESS_EXE_FILE;
	e.process.foreign_mntns = true;
	assert_non_null(
		strstr(subject(), " (not the file of that name here) -s"));
	e.process.has_owner = e.process.has_creds = false;
	assert_null(strstr(subject(), "uid"));
}

static void test_process_not_read(void **state)
{
	(void)state;
	e.has_process = false;
	assert_string_equal(subject(), "curl[4711] (dead)");
	e.nholders = 0;
	assert_string_equal(subject(), "process gone");
}

#define ARGS(text) set_args(text, sizeof(text) - 1)

static const char *set_args(const char *args, size_t len)
{
	const char *s;

	sample_args(&e, args, len);
	s = subject();
	assert_begins(s, "curl[4711] uid 1000(apollo) ");
	return s + 28;
}

static void test_command(void **state)
{
	(void)state;
	assert_string_equal(ARGS("curl"), "/usr/bin/curl");
	assert_string_equal(ARGS("/opt/curl\0x"), "/usr/bin/curl x");
	assert_string_equal(ARGS("/usr/bin/c\0x"), "/usr/bin/curl (as c) x");
	assert_string_equal(ARGS("/usr/bin/x/c"),
			    "/usr/bin/curl (as /usr/bin/x/c)");
	assert_string_equal(ARGS("/usr/bin/"), "/usr/bin/curl (as /usr/bin/)");
	assert_string_equal(ARGS("/bin/c"), "/usr/bin/curl (as /bin/c)");
	assert_string_equal(ARGS("-curl"), "/usr/bin/curl");
	assert_string_equal(ARGS("ash\0-c\0a b\0\0c"),
			    "/usr/bin/curl (as ash) -c \"a b\" \"\" c");
	assert_string_equal(ARGS("curl\0x\0"), "/usr/bin/curl x \"\"");
	/* a title written over the arguments, and NULs behind it */
	assert_string_equal(ARGS("curl: busy\0\0\0\0\0"),
			    "/usr/bin/curl (as \"curl: busy\")");
	assert_string_equal(ARGS("cur"), "/usr/bin/curl (as cur)");
	assert_string_equal(ARGS("curly"), "/usr/bin/curl (as curly)");
	assert_string_equal(ARGS("\0x"), "/usr/bin/curl (as \"\") x");
	assert_string_equal(ARGS("-"), "/usr/bin/curl (as -)");
	assert_string_equal(ARGS("/"), "/usr/bin/curl (as /)");
	assert_string_equal(ARGS(""), "/usr/bin/curl");
	e.process.args_truncated = true;
	assert_string_equal(ARGS("curl\0abc"), "/usr/bin/curl abc...");
	e.process.args_truncated = false;
	/* without an executable argv[0] is a claim and no more */
	e.process.exe = NULL;
	assert_string_equal(ARGS("/usr/bin/curl\0x"), "? (as /usr/bin/curl) x");
	e.process.args = NULL;
	assert_string_equal(subject(), "curl[4711] uid 1000(apollo)");
}

/* ------------------------------------------------------------- the packet */

static void test_addresses(void **state)
{
	(void)state;
	sample_address(&e, "2001:db8::1", "fe80::2");
	e.tuple.proto = IPPROTO_TCP;
	assert_begins(line(0), "09:41:03.512 tcp [2001:db8::1]:40112 > "
			       "[fe80::2]:53  curl");
	e.packet.has_ports = false;
	e.packet.fragment = true;
	assert_begins(line(0),
		      "09:41:03.512 tcp 2001:db8::1 > fe80::2 fragment  "
		      "curl");
}

static void test_icmp(void **state)
{
	(void)state;
	e.tuple.proto = IPPROTO_ICMP;
	e.packet.icmp_type = 8;
	assert_begins(line(0), "09:41:03.512 icmp 192.168.1.7 > 192.168.1.1 "
			       "echo-request  curl");
	e.packet.icmp_type = 13;
	assert_non_null(strstr(line(0), "192.168.1.1 type 13  curl"));
	e.tuple.proto = IPPROTO_ICMPV6;
	e.packet.icmp_type = 128;
	assert_non_null(strstr(line(0), " icmp6 "));
	assert_non_null(strstr(line(0), " echo-request  "));
	e.tuple.proto = 47;
	assert_begins(line(0) + 13, "proto 47 192.168.1.7 > 192.168.1.1  curl");
}

static void test_questions(void **state)
{
	(void)state;
	e.lineage.n = 0;
	sample_question(&e, "example.org", 28);
	assert_string_equal(second(), "asks A AAAA example.org   proved, held "
				      "61 us, released");
	sample_question(&e, "b.example", 28);
	assert_string_equal(second(), "asks A AAAA example.org, AAAA b.example"
				      "   proved, held 61 us, released");
	e.nquestions = 0;
	sample_question(&e, "a\\032\\\\b.example", 65280);
	assert_begins(second(), "asks TYPE65280 a\\032\\\\b.example   ");
	e.nquestions = 0;
	sample_question(&e, "a, A b", 1);
	assert_begins(second(), "asks A \"a, A b\"   ");
	e.nquestions = 0;
	sample_question(&e, ".", 2);
	assert_begins(second(), "asks NS .   ");
	e.is_stub = ipaddr_parse("::1", 3, &e.stub) == 0;
	assert_begins(second(), "asks NS .   asks for others: try -u [::1]:53 "
				"  proved");
}

static void test_verdict(void **state)
{
	(void)state;
	e.lineage.n = e.nquestions = 0;
	e.held_us = 500200;
	e.expired = true;
	e.packets = 3;
	e.suppressed = 12;
	e.direction = EVENT_INGRESS;
	assert_string_equal(second(),
			    "proved, held 500 ms (the limit), released, "
			    "incoming   3 packets   12 more not told (-n)");
	e.action = EVENT_DROPPED;
	e.direction = EVENT_FORWARD;
	assert_non_null(strstr(second(), ", dropped, forwarded"));
}

static void test_lineage(void **state)
{
	char comm[16];

	(void)state;
	e.lineage.n = e.nquestions = 0;
	for (int i = 1; i <= 7; i++) {
		snprintf(comm, sizeof(comm), "p%d", i);
		sample_ancestor(&e, comm, i);
	}
	strcpy(e.lineage.list[6].comm, "p12345678"); /* 60 columns in all */
	assert_begins(second(), "from p1[1] < p2[2] < p3[3] < p4[4] < p5[5] < "
				"p6[6] < p12345678[7]   ");
	strcpy(e.lineage.list[6].comm, "p123456789");
	assert_begins(second(), "from p1[1] < p2[2] < p3[3] < p4[4] < p5[5] < "
				"... < p123456789[7]   ");
	sample_ancestor(&e, "last", 8);
	assert_begins(second(), "from p1[1] < p2[2] < p3[3] < p4[4] < p5[5] < "
				"... < last[8]   ");
	opt.verbose = true;
	assert_string_equal(second(),
			    "from p1[1] < p2[2] < p3[3] < p4[4] < p5[5] < "
			    "p6[6] < p123456789[7] < last[8]");
	assert_begins(line(2), INDENT "proved, held");
}

static void test_odd_lineage(void **state)
{
	struct process_ancestor *a = e.lineage.list;

	(void)state;
	memset(a[0].comm, 'x', sizeof(a[0].comm) - 1);
	assert_begins(second() + 5 + 63, "[4690] < ... < systemd[1]   ");
	e.lineage.n = 2;
	assert_begins(second() + 5 + 63, "[4690] < sshd[4688]   ");
	strcpy(a[0].comm, "p1");
	e.lineage.n = 1;
	e.lineage.complete = false;
	e.lineage.reason = "parent gone";
	assert_begins(second(), "from p1[4690] (parent gone)   ");
}

static void test_others(void **state)
{
	(void)state;
	e.lineage.n = e.nquestions = 0;
	sample_holder(&e, "bash", 4690);
	e.nholders_total = 3;
	e.has_creator = true;
	strcpy(e.creator.comm, "bash");
	e.creator.pid = 4690;
	assert_string_equal(second(), "also held by bash[4690] (+1 more)   "
				      "opened by bash[4690]   proved, held "
				      "61 us, released");
	e.creator.pid = 4711;
	assert_null(strstr(second(), "opened by"));
	/* how many is known, not who */
	e.nholders = 0;
	assert_begins(second(), "also held by 2 more   proved");
}

static void test_verbose(void **state)
{
	(void)state;
	opt.verbose = true;
	strcpy(e.ifname, "eth0");
	e.mark = 7;
	e.process.container = "c\n0ffee";
	e.lineage.n = 0;
	assert_string_equal(
		strchr(text(), '\n') + 1, INDENT
		"asks A example.org   proved, held 61 us, released\n" INDENT
		"event 17   looked up in 24 us by witness   "
		"exe on 8:1 inode 1234\n" INDENT
		"cgroup /user.slice/session-3.scope   "
		"unit session-3.scope\n" INDENT
		"container \"c\\n0ffee\"   cwd /home/apollo   "
		"tty pts/0   loginuid 1000\n" INDENT
		"session 3   socket inode 30041   cookie 4   "
		"socket uid 1000\n" INDENT "interface eth0   mark 7\n");
	e.process.loginuid = UINT32_MAX;
	assert_null(strstr(text(), "loginuid"));
}

/* Lines are broken between parts only; a long part stands alone. */
static void test_verbose_wrapped(void **state)
{
	static char cwd[300];
	struct strbuf sb;
	size_t whole;

	(void)state;
	opt.verbose = true;
	memset(cwd, 'd', sizeof(cwd) - 1);
	e.process.cwd = cwd;
	text();
	for (const char *p = mem; *p != '\0'; p = strchr(p, '\n') + 1)
		assert_true(p == mem || strncmp(p, INDENT "cwd ", 17) == 0 ||
			    strcspn(p, "\n") <= 80);
	assert_non_null(strstr(mem, "\n" INDENT "cwd ddd"));
	assert_non_null(strstr(mem, "ddd\n" INDENT "tty "));
	whole = strlen(mem);
	for (size_t size = 1; size <= whole; size++) {
		strbuf_init(&sb, mem, size);
		assert_int_equal(output_text.format(&e, &opt, &sb), -EMSGSIZE);
		assert_int_equal(strlen(mem), sb.len);
	}
	e.grade = SOCKOWNER_HOLDER;
	e.reason = SOCKOWNER_REASON_NO_WITNESS;
	assert_non_null(strstr(text(), "reason: the send itself was not seen"));
}

static void test_colour(void **state)
{
	(void)state;
	opt.colour = true;
	assert_non_null(strstr(text(), "  \033[1mcurl[4711]\033[0m uid"));
	assert_non_null(strstr(text(), "   \033[32mproved\033[0m, held"));
	e.grade = SOCKOWNER_HOLDER;
	assert_non_null(strstr(text(), "   holder, held"));
	reset(SOCKOWNER_TWINS, SOCKOWNER_REASON_MANY_SOCKETS);
	assert_non_null(strstr(text(), " \033[33mtwins\033[0m, held"));
	reset(SOCKOWNER_UNKNOWN, SOCKOWNER_REASON_TIME);
	assert_non_null(strstr(text(), " \033[31munknown\033[0m, held"));
}

/* ------------------------------------------------------------ the command */

static void set_hook(const char *output)
{
	e.wants_hook = true;
	e.hook = (struct event_hook){
		.ran = true,
		.ended = true,
		.duration_us = 3100,
		.output = output,
		.output_len = output != NULL ? strlen(output) : 0,
	};
}

static void test_hook_output(void **state)
{
	(void)state;
	set_hook("systemd(1)---curl(4711)\nsecond");
	assert_string_equal(line(2), "    systemd(1)---curl(4711)");
	assert_string_equal(line(3), "    second");
	assert_string_equal(line(4), "");
	e.hook.output_truncated = true;
	assert_string_equal(line(4), INDENT "the rest of the command's output "
					    "is cut off");
	e.wants_hook = false;
	assert_string_equal(line(2), "");
}

static void test_hook_state(void **state)
{
	(void)state;
	set_hook(NULL);
	assert_string_equal(line(2), "");
	e.hook.status = 1;
	assert_string_equal(line(2), INDENT "command exited 1");
	e.hook.killed = true;
	e.hook.status = 137;
	e.hook.duration_us = 10004000;
	assert_string_equal(line(2), INDENT "command killed after 10 s");
	e.hook = (struct event_hook){.ran = true};
	assert_string_equal(line(2), INDENT "command still runs");
	e.hook = (struct event_hook){.skipped = "too many commands run"};
	assert_string_equal(line(2),
			    INDENT "command skipped: too many commands run");
	e.hook = (struct event_hook){.ran = false};
	assert_string_equal(line(2), INDENT "command did not run");
}

static void test_late_hook(void **state)
{
	(void)state;
	set_hook("out\n");
	e.kind = EVENT_HOOK;
	e.hook.duration_us = 2100000;
	assert_string_equal(text(), "09:41:03.512 command for curl[4711] "
				    "exited 0 after 2100 ms\n"
				    "    out\n");
	e.process.comm[0] = '\0';
	e.hook.killed = true;
	opt.verbose = true;
	assert_string_equal(line(0), "09:41:03.512 event 17: command for pid "
				     "4711 killed after 2100 ms");
}

static void test_loss(void **state)
{
	(void)state;
	e.kind = EVENT_LOSS;
	e.lost = 12;
	assert_string_equal(text(), "09:41:03.512 12 packets passed unseen "
				    "(the rules counted more than were "
				    "received)\n");
	e.lost = 1;
	assert_begins(text(), "09:41:03.512 1 packet passed");
}

static void test_stages(void **state)
{
	const struct stages stages = {
		.list = {[STAGES_RECEIVE] = {3, 3600, 2000},
			 [STAGES_OUTPUT] = {2, 40000000, 30000000}},
	};

	(void)state;
	e.kind = EVENT_STAGES;
	e.stages = &stages;
	e.run_us = 20500;
	e.cpu_us = 1200;
	assert_string_equal(
		text(),
		"09:41:03.512 where 20 ms went (on processors 1200 us)\n"
		"             stage         times           mean        longest"
		"   in all\n"
		"             receive           3         1.2 us         2.0 us"
		"   3 us\n"
		"             output            2     20000.0 us     30000.0 us"
		"   40 ms\n");
}

/* ---------------------------------------------------------------- forging */

static bool is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x7f ||
		    (*s < ' ' && *s != '\n' && *s != '\t'))
			return false;
	return true;
}

static int count(const char *s, char c)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += *s == c;
	return n;
}

#define EVIL                                      \
	"x\n09:41:03.512 udp 1.1.1.1:1 > "        \
	"2.2.2.2:2  root[1]\033[2J\r\x9b\xe2\x80" \
	"\xae\xff\xc3"

/* Whatever a process calls itself: two lines (-v: more of them, indented), and
 * nothing that acts. */
static void test_forged_names(void **state)
{
	(void)state;
	strcpy(e.process.comm, EVIL);
	e.process.exe = EVIL;
	sample_args(&e, EVIL "\0" EVIL, 2 * sizeof(EVIL) - 1);
	e.user = EVIL;
	strcpy(e.lineage.list[0].comm, EVIL);
	sample_holder(&e, EVIL, 5);
	e.has_creator = true;
	strcpy(e.creator.comm, EVIL);
	snprintf(e.questions[0].name, DNS_NAME_MAX, "%s", EVIL);
	assert_int_equal(count(text(), '\n'), 2);
	assert_true(is_printable(mem));
	opt.verbose = true;
	e.process.cgroup = e.process.cwd = e.process.script = EVIL;
	e.process.unit = e.process.container = e.process.label = EVIL;
	e.process.tty = EVIL;
	assert_true(is_printable(text()));
	for (const char *p = mem; (p = strchr(p, '\n')) != NULL && *++p;)
		assert_begins(p, INDENT);
}

/* A line of output never begins where an event does. */
static void test_forged_output(void **state)
{
	(void)state;
	set_hook(EVIL "\n" EVIL "\n\n09:41");
	assert_true(is_printable(text()));
	assert_int_equal(count(mem, '\n'), 2 + 2 * 2 + 2);
	for (const char *p = mem; (p = strchr(p, '\n')) != NULL && *++p;)
		assert_true(*p == ' ' || *p == '\n');
}

/* A name can look like the rest of a line, but not outside its quotes. */
static void test_forged_shape(void **state)
{
	(void)state;
	strcpy(e.process.comm, "a[1] uid 0(r)");
	assert_begins(subject(), "\"a[1] uid 0(r)\"[4711] uid 1000");
	strcpy(e.process.comm, "a\"[1] \"b");
	assert_begins(subject(), "\"a\\\"[1] \\\"b\"[4711] uid 1000");
}

static void test_largest(void **state)
{
	static char output[65536];
	struct strbuf sb;

	(void)state;
	for (size_t i = 0; i < sizeof(output); i++)
		output[i] = i % 2 ? '\n' : '\x01';
	set_hook(NULL);
	e.hook.output = output;
	e.hook.output_len = sizeof(output);
	assert_int_equal(count(text(), '\n'), 2 + sizeof(output) / 2);
	strbuf_init(&sb, mem, 40);
	assert_int_equal(output_text.format(&e, &opt, &sb), -EMSGSIZE);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_proved),	  TEST(test_holder),
		TEST(test_shared),	  TEST(test_twins),
		TEST(test_creator),	  TEST(test_uid_only),
		TEST(test_kernel),	  TEST(test_unknown),
		TEST(test_incoming),	  TEST(test_no_wrong_name),
		TEST(test_orphaned),	  TEST(test_no_wrong_name),
		TEST(test_process_state), TEST(test_process_not_read),
		TEST(test_command),	  TEST(test_addresses),
		TEST(test_icmp),	  TEST(test_questions),
		TEST(test_verdict),	  TEST(test_lineage),
		TEST(test_odd_lineage),	  TEST(test_others),
		TEST(test_verbose),	  TEST(test_verbose_wrapped),
		TEST(test_colour),	  TEST(test_hook_output),
		TEST(test_hook_state),	  TEST(test_late_hook),
		TEST(test_loss),	  TEST(test_forged_names),
		TEST(test_stages),	  TEST(test_forged_output),
		TEST(test_forged_shape),  TEST(test_largest),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
