/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_policy: the text of a policy; what is understood is written and read
 * again as the same, and judges some packets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "policy.h"
#include "policy_format.h"
#include "policy_parse.h"

static void check_notes(const struct policy_notes *notes, size_t size)
{
	for (size_t i = 0; i < notes->n; i++) {
		const struct policy_note *n = &notes->list[i];

		FUZZ_CHECK(n->line >= 1 && n->line <= size + 1);
		FUZZ_CHECK(n->column >= 1 && n->column <= size + 1);
		for (const char *p = n->text; *p; p++)
			FUZZ_CHECK((unsigned char)*p >= ' ' && *p != 0x7f);
	}
}

static char *format(const struct policy *p, size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);

	FUZZ_CHECK(f && policy_format(p, f) == 0);
	fclose(f);
	return text;
}

static void check_again(const struct policy *p)
{
	struct policy_notes notes;
	struct policy *q = NULL;
	size_t size, again;
	char *once = format(p, &size), *twice;

	FUZZ_CHECK(policy_parse(once, size, &q, &notes) == 0);
	FUZZ_CHECK(q->nrules == p->nrules && q->nfiles == p->nfiles);
	twice = format(q, &again);
	FUZZ_CHECK(size == again && memcmp(once, twice, size) == 0);
	policy_close(q);
	free(once);
	free(twice);
}

/* With all of a sender known or nothing: what is not known lets nothing pass.
 */
static void judge(const struct policy *p, const struct policy_files *files,
		  enum sockowner_grade grade, bool known)
{
	static const char *const names[] = {"www.example.org"};
	struct policy_process ps = {.exe = {1, 1, 1, "/bin/a", false},
				    .has_uid = true,
				    .script_kind = POLICY_SCRIPT_SEEN,
				    .script = "/opt/x.py",
				    .cgroup = "/system.slice/a.service",
				    .unit = "a.service"};
	struct policy_process nobody = {0};
	struct policy_subject s = {.grade = grade,
				   .processes = known ? &ps : &nobody,
				   .nprocesses = 1,
				   .complete = true,
				   .has_packet_ids = known};
	struct policy_object o = {.proto = known ? 17 : -1,
				  .has_ports = known,
				  .port = 53,
				  .names = names,
				  .nnames = known};
	struct policy_result r;

	policy_evaluate(p, files, &s, &o, &r);
	FUZZ_CHECK(r.verdict != POLICY_LOG);
	FUZZ_CHECK(r.verdict != POLICY_ACCEPT || !r.doubted);
	FUZZ_CHECK(!r.is_default || r.verdict == p->def);
	policy_is_stale(files, &s);
}

static void check_verdicts(const struct policy *p)
{
	struct policy_files *files = NULL;

	FUZZ_CHECK(policy_files_make(p, &files) == 0);
	for (size_t i = 0; i < files->n; i++) {
		files->list[i].now.dev = 1;
		files->list[i].now.ino = i / 2 + 1;
	}
	policy_files_index(files);
	for (int g = SOCKOWNER_PROVED; g <= SOCKOWNER_UNKNOWN; g++) {
		judge(p, files, (enum sockowner_grade)g, true);
		judge(p, files, (enum sockowner_grade)g, false);
	}
	policy_files_close(files);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_notes notes;
	struct policy *p = NULL;
	int rc = policy_parse((const char *)data, size, &p, &notes);

	check_notes(&notes, size);
	FUZZ_CHECK((rc != 0) == (notes.nerrors != 0));
	if (rc)
		return 0;
	check_again(p);
	check_verdicts(p);
	policy_close(p);
	return 0;
}
