/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_open: a policy from its file, with what is wrong or odd in it said. */
#include "policy_open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "policy_note.h"
#include "policy_parse.h"
#include "text.h"

#define EXIT_USAGE 2
#define PATH_SHOWN 4096

static void say_note(const char *path, const struct policy_note *note)
{
	char where[PATH_SHOWN + 32];

	if (note->line)
		snprintf(where, sizeof(where), "%s:%u:%u", path, note->line,
			 note->column);
	else
		snprintf(where, sizeof(where), "%s", path);
	if (note->warning)
		log_warnx("%s: warning: %s", where, note->text);
	else
		log_error("%s: %s", where, note->text);
}

/* There may be more than a person reads at once. */
static void say_notes(const char *path, const struct policy_notes *notes)
{
	size_t all = notes->nerrors + notes->nwarnings;

	for (size_t i = 0; i < notes->n; i++)
		say_note(path, &notes->list[i]);
	if (all <= notes->n)
		return;
	if (notes->nerrors)
		log_error("%s: %zu more like these", path, all - notes->n);
	else
		log_warnx("%s: %zu more warnings", path, all - notes->n);
}

static int open_files(const char *path, const struct policy *p,
		      struct policy_files **files, struct policy_notes *notes)
{
	int err = policy_files_open(p, NULL, files);

	if (err < 0)
		log_error("%s: its %zu paths cannot be held open: %s", path,
			  p->nfiles, strerror(-err));
	else
		policy_files_warn(*files, notes);
	return err;
}

int policy_open(const char *path, struct policy **p,
		struct policy_files **files, size_t *warnings)
{
	struct policy_notes notes = {0};
	int err;

	*p = NULL;
	*files = NULL;
	err = policy_parse_file(path, p, &notes);
	if (err < 0 && err != -EINVAL)
		log_error("%s: %s", path, strerror(-err));
	if (err == 0) {
		err = open_files(path, *p, files, &notes);
		if (err < 0)
			policy_close(*p);
	}
	say_notes(path, &notes);
	*warnings = notes.nwarnings;
	return err;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

int policy_check(const char *path)
{
	struct policy *p;
	struct policy_files *files;
	char shown[PATH_SHOWN];
	struct strbuf sb;
	size_t warnings;

	if (policy_open(path, &p, &files, &warnings) < 0)
		return EXIT_USAGE;
	strbuf_init(&sb, shown, sizeof(shown));
	text_add_word(&sb, path, strlen(path), "");
	printf("%s: %zu rule%s, %zu path%s, default %s; %zu warning%s\n", shown,
	       p->nrules, plural(p->nrules), p->nfiles, plural(p->nfiles),
	       policy_verdict_name(p->def), warnings, plural(warnings));
	policy_files_close(files);
	policy_close(p);
	return fflush(stdout) != 0 ? EXIT_USAGE : 0;
}
