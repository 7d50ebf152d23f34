/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_warn: lines of a policy that mean more, or less, than they seem to. */
#include "policy_warn.h"

#include <string.h>

#include "util.h"

#define OBJECT_ASKS                                         \
	(POLICY_BIT(POLICY_ASKS) - 1 - POLICY_ASKS_SENDER - \
	 POLICY_BIT(POLICY_ASK_DIRECTION) - POLICY_BIT(POLICY_ASK_PROTO))

/* Behind the name there may be a version: python3.11, ld-2.36.so. */
static const char *const interpreters[] = {
	/* shells */
	"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh",
	"fish", "rbash", "pwsh", "busybox", "toybox",
	/* languages */
	"python", "pypy", "perl", "ruby", "jruby", "irb", "node", "nodejs",
	"deno", "bun", "php", "php-cgi", "php-fpm", "lua", "luajit", "java",
	"dotnet", "mono", "tclsh", "wish", "expect", "awk", "gawk", "mawk",
	"original-awk", "Rscript", "R", "julia", "guile", "racket", "sbcl",
	"clisp", "erl", "beam.smp", "escript", "elixir", "ghci", "runghc",
	"ocaml", "groovy", "scala", "kotlin", "gjs", "qjs", "swipl", "octave",
	"emacs", "vim", "nvim", "m4", "make",
	/* what runs any other program in its own process */
	"ld.so", "ld-linux.so", "ld-linux-x86-64.so", "ld-linux-aarch64.so",
	"ld-linux-armhf.so", "ld-musl-x86_64.so", "ld", "gdb", "valgrind",
	"wine", "wine64", "qemu-x86_64", "qemu-aarch64", "qemu-i386",
	"qemu-arm"};

bool policy_is_interpreter(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++) {
		size_t len = strlen(interpreters[i]);

		if (strncmp(name, interpreters[i], len) != 0)
			continue;
		if (!name[len + strspn(name + len, "0123456789.-")] ||
		    !strcmp(name + len + strspn(name + len, "0123456789.-"),
			    "so"))
			return true;
	}
	return false;
}

/* The line that leaves this one nothing, or 0. */
static unsigned find_shadow(const struct policy_warner *w,
			    const struct policy_rule *r)
{
	unsigned line = 0;

	if (r->who != POLICY_ANYONE)
		return w->decided[r->who];
	for (size_t i = 0; i < ARRAY_SIZE(w->decided); i++) {
		if (!w->decided[i])
			return 0;
		line = w->decided[i];
	}
	return line;
}

static void note_decided(struct policy_warner *w, const struct policy_rule *r)
{
	if (r->verdict == POLICY_LOG || r->asks)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(w->decided); i++)
		if (!w->decided[i] && (r->who == POLICY_ANYONE || r->who == i))
			w->decided[i] = r->line;
}

static struct policy_warning warn_accept(const struct policy *p,
					 const struct policy_rule *r)
{
	bool script = policy_rule_asks(r, POLICY_ASK_SCRIPT);
	struct policy_warning w = {.ask = POLICY_ASKS};

	if (policy_rule_asks(r, POLICY_ASK_EXE) && !script &&
	    policy_is_interpreter(p->files[r->exe])) {
		w.why = "runs whatever it is given; name a script, if it has "
			"one";
		w.ask = POLICY_ASK_EXE;
		w.text = p->files[r->exe];
	} else if (script && !p->trust.script) {
		w.why = "counts only with 'trust script', as a process says "
			"itself which script it runs";
		w.ask = POLICY_ASK_SCRIPT;
		w.text = r->script;
	} else if ((r->who == POLICY_UNKNOWN || r->who == POLICY_ANYONE) &&
		   !(r->asks & OBJECT_ASKS)) {
		w.why = "whoever is not known may send anywhere";
	}
	return w;
}

struct policy_warning policy_warn(struct policy_warner *w,
				  const struct policy *p,
				  const struct policy_rule *r)
{
	unsigned shadow = find_shadow(w, r);

	note_decided(w, r);
	if (shadow)
		return (struct policy_warning){
			.why = "never reached: an earlier line decides all of "
			       "these",
			.ask = POLICY_ASKS,
		};
	if (r->verdict == POLICY_ACCEPT)
		return warn_accept(p, r);
	return (struct policy_warning){.ask = POLICY_ASKS};
}
