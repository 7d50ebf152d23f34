/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options: the command line, from one table. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "options_table.h"
#include "proto.h"
#include "strbuf.h"
#include "util.h"

#define LONG_VAL    256 /* getopt's value of the table's first option */
#define HELP_COLUMN 30
#define HELP_WIDTH  79

/* The table as getopt_long wants it. */
struct getopt_form {
	char letters[2 + 2 * OPTIONS_TABLE_MAX + 1];
	struct option longs[OPTIONS_TABLE_MAX];
};

static void make_getopt_form(struct getopt_form *f)
{
	/* Targets in their place among the options; a missing argument told
	 * from an unknown option. */
	char *letter = stpcpy(f->letters, "-:");
	size_t n = 0;

	for (const struct options_spec *s = options_table; s->name; s++, n++) {
		f->longs[n] = (struct option){
			.name = s->name,
			.has_arg = s->arg ? required_argument : no_argument,
			.val = LONG_VAL + (int)n,
		};
		if (s->letter)
			*letter++ = s->letter;
		if (s->letter && s->arg)
			*letter++ = ':';
	}
	*letter = '\0';
	f->longs[n] = (struct option){0};
}

/* NULL: getopt's value is none of the table's. */
static const struct options_spec *find_spec(int val)
{
	size_t n = 0;

	for (const struct options_spec *s = options_table; s->name; s++, n++)
		if (val == LONG_VAL + (int)n || (s->letter && val == s->letter))
			return s;
	return NULL;
}

static void spell(char *buf, size_t size, const struct options_spec *s,
		  bool letter)
{
	if (letter && s->letter)
		snprintf(buf, size, "-%c", s->letter);
	else
		snprintf(buf, size, "--%s", s->name);
}

/* '?': getopt found no option, or an argument for one that takes none. */
static int refuse_option(const char *word, int val)
{
	const char letter[] = {'-', (char)val, '\0'};

	if (val >= LONG_VAL)
		return options_complain("option", word, NULL,
					"takes no argument");
	return options_complain("option", val ? letter : word, NULL,
				"unknown (--help lists them)");
}

static int read_option(struct options_parse *p, int val, const char *arg)
{
	const struct options_spec *s = find_spec(val);

	if (!s)
		return -EINVAL;
	p->spec = s;
	spell(p->said, sizeof(p->said), s, val < LONG_VAL);
	p->given[s - options_table] = true;
	if (s->arg && !arg) {
		log_error("option %s: its argument %s is missing", p->said,
			  s->arg);
		return -EINVAL;
	}
	return s->set(p, arg);
}

static int read_all(struct options_parse *p, int argc, char *argv[])
{
	struct getopt_form f;
	int val, err = 0;

	make_getopt_form(&f);
	optind = 0; /* glibc: begin anew */
	while (!err &&
	       (val = getopt_long(argc, argv, f.letters, f.longs, NULL)) >= 0) {
		if (val == 1)
			err = options_set_target(p, optarg);
		else if (val == '?')
			err = refuse_option(argv[optind - 1], optopt);
		else if (val == ':')
			err = read_option(p, optopt, NULL);
		else
			err = read_option(p, val, optarg);
	}
	/* What follows "--" is targets. */
	while (!err && optind < argc)
		err = options_set_target(p, argv[optind++]);
	return err;
}

static bool given(const struct options_parse *p, const char *name, char *buf,
		  size_t size)
{
	for (const struct options_spec *s = options_table; s->name; s++)
		if (strcmp(s->name, name) == 0) {
			spell(buf, size, s, true);
			return p->given[s - options_table];
		}
	return false;
}

static int check_conflicts(const struct options_parse *p)
{
	/* clang-format off */
	static const struct {
		const char *a, *b;
		bool needed; /* a is nothing without b */
	} pairs[] = {
		{"quiet", "verbose", false},
		{"once", "count", false},
		{"print-rules", "check", false},
		{"exec-time", "exec", true},
		{"enforce", "check", true},
	};
	/* clang-format on */
	char a[32], b[32];

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		bool has_a = given(p, pairs[i].a, a, sizeof(a));
		bool has_b = given(p, pairs[i].b, b, sizeof(b));

		if (!has_a || has_b == pairs[i].needed)
			continue;
		if (pairs[i].needed)
			log_error("option %s: useless without %s", a, b);
		else
			log_error("options %s and %s exclude each other", a, b);
		return -EINVAL;
	}
	return 0;
}

static int check_targets(struct options_parse *p)
{
	const struct options *o = p->o;

	if (!o->ntargets && o->nnames &&
	    !(o->mode == OPTIONS_RUN && o->has_queue))
		options_imply_targets(p);
	if (o->ntargets || o->mode == OPTIONS_CHECK ||
	    (o->mode == OPTIONS_RUN && o->has_queue))
		return options_end_targets(p);
	log_error("no target; for example -u 192.168.1.1:53 "
		  "(--help shows more)");
	return -EINVAL;
}

static int resolve(struct target *t)
{
	char text[TARGET_NETS_MAX * (IPADDR_TEXT_MAX + 4)];
	char host[TARGET_HOST_MAX];
	int err;

	if (!t->host[0])
		return 0;
	memcpy(host, t->host, sizeof(host));
	err = target_resolve(t);
	if (err)
		return options_complain("target", host, NULL,
					gai_strerror(err));
	target_format(t, text, sizeof(text));
	log_info("target \"%s\" is %s", host, text);
	return 0;
}

/* Targets of any protocol carry TCP and UDP. */
static bool has_target_of(const struct options *o, int proto)
{
	for (size_t i = 0; i < o->ntargets; i++)
		if (o->targets[i].proto == PROTO_ANY ||
		    o->targets[i].proto == proto)
			return true;
	return false;
}

/* Names are looked for in vain where no question comes by. */
static int check_names(const struct options *o)
{
	bool tcp = has_target_of(o, IPPROTO_TCP);

	if (!o->nnames || !o->ntargets)
		return 0;
	if (!tcp && !has_target_of(o, IPPROTO_UDP)) {
		log_error("option --name: no target is UDP or TCP");
		return -EINVAL;
	}
	if (o->new_only && tcp)
		log_warnx("option -c: no name is seen over TCP, where the "
			  "question follows the SYN");
	return 0;
}

int options_parse(struct options *o, int argc, char *argv[])
{
	struct options_parse p = {.o = o, .proto = PROTO_ANY};
	int err;

	*o = (struct options){
		.level = LOG_NORMAL,
		.hold_us = OPTIONS_HOLD_MS * UTIL_MS,
		.exec_time_us = OPTIONS_EXEC_MS * UTIL_MS,
	};
	/* Each target and each name is an argument at least; a name alone
	 * implies two targets. */
	o->targets = calloc((size_t)argc + 1, sizeof(*o->targets));
	o->names = calloc((size_t)argc + 1, sizeof(*o->names));
	if (!o->targets || !o->names) {
		log_error("no memory for %d arguments", argc);
		return -ENOMEM;
	}
	err = read_all(&p, argc, argv);
	if (err)
		return err == OPTIONS_STOP ? 0 : err;
	err = check_conflicts(&p);
	if (!err)
		err = check_targets(&p);
	if (!o->has_rate)
		o->rate = o->exec ? OPTIONS_EXEC_RATE : 0;
	log_set_level(o->level);
	if (!err)
		err = check_names(o);
	for (size_t i = 0; !err && i < o->ntargets; i++)
		err = resolve(&o->targets[i]);
	return err;
}

void options_free(struct options *o)
{
	free(o->targets);
	free(o->names);
	o->targets = NULL;
	o->names = NULL;
	o->ntargets = o->nnames = 0;
}

/* clang-format off */
static const char usage_head[] =
"ptrap-ng tells which process sent a packet, while it still holds the packet.\n"
"\n"
"  Who asks that resolver?  Show the process with its ancestors:\n"
"      ptrap-ng -u 192.168.1.1:53 -e \"pstree -p -H\"\n"
"  Who opens TCP connections to that host?  Print the name:\n"
"      ptrap-ng -t -c 192.168.1.1 -e \"ps -o comm=\"\n"
"  Wait for the first catch, then exit:\n"
"      ptrap-ng -1 -t 169.254.169.254:80\n"
"  Who looks up that name, or one below it?\n"
"      ptrap-ng --name evil.example\n"
"  The old ptrap's spelling works as it is:\n"
"      ptrap-ng -u -i 192.168.1.1 -p 53 -e \"pstree -p -H\"\n"
"  Many targets at once, as JSON lines:\n"
"      ptrap-ng -o json -u :53 -t 10.0.0.0/8:443-8443 '[2001:db8::1]:80'\n"
"\n"
"Usage: ptrap-ng [OPTION]... TARGET...\n"
"\n"
"A TARGET is where packets go: ADDR, ADDR/LEN or HOST, each alone or with :PORT\n"
"or :LOW-HIGH behind it, [IPV6]:PORT, :PORT, or any.\n"
"-t, -u and --proto say which protocol the targets after them have; targets\n"
"before the first of these are of any protocol.  --name without a TARGET means\n"
"-u :53 -t :53.\n";

static const char usage_tail[] =
"\n"
"Exit status: 0 something was caught, 1 nothing was, 2 wrong usage, 3 the system\n"
"does not let it work.  More: man 8 ptrap-ng\n";
/* clang-format on */

/* Words as many as fit, from HELP_COLUMN on. */
static void print_help(FILE *out, int column, const char *help)
{
	while (*help) {
		int len = (int)strcspn(help, " ");

		if (column > HELP_COLUMN && column + 1 + len > HELP_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (column < HELP_COLUMN)
			column += fprintf(out, "%*s", HELP_COLUMN - column, "");
		else
			column += fprintf(out, " ");
		column += fprintf(out, "%.*s", len, help);
		help += len;
		help += strspn(help, " ");
	}
	fputc('\n', out);
}

static void print_option(FILE *out, const struct options_spec *s)
{
	char letter[8] = "    ";

	if (s->letter)
		snprintf(letter, sizeof(letter), "-%c, ", s->letter);
	print_help(out,
		   fprintf(out, "  %s--%s%s%s", letter, s->name,
			   s->arg ? " " : "", s->arg ? s->arg : ""),
		   s->help);
}

void options_print_usage(FILE *out)
{
	static const char *const titles[OPTIONS_GROUPS] = {
		[OPTIONS_TARGET] = "What to catch",
		[OPTIONS_COMMAND] = "The command, and the time it has",
		[OPTIONS_REPORT] = "What is told, and where",
		[OPTIONS_END] = "When to stop",
		[OPTIONS_POLICY] = "Who may send",
		[OPTIONS_SYSTEM] = "Rules and the system",
	};

	fputs(usage_head, out);
	for (enum options_group g = 0; g < OPTIONS_GROUPS; g++) {
		fprintf(out, "\n%s:\n", titles[g]);
		for (const struct options_spec *s = options_table; s->name; s++)
			if (s->group == g && s->help)
				print_option(out, s);
	}
	fputs(usage_tail, out);
}
