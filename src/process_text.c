/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process_text: unit, container, script and tty, read out of what /proc says.
 */
#include <stdio.h>
#include <string.h>

#include "process.h"
#include "util.h"

#define CONTAINER_ID_LEN 64

/* A part of a text between two separators. */
struct piece {
	const char *text;
	size_t len;
};

static bool has_suffix(struct piece p, const char *suffix)
{
	size_t len = strlen(suffix);

	return p.len > len && !memcmp(p.text + p.len - len, suffix, len);
}

static bool has_prefix(struct piece p, const char *prefix)
{
	size_t len = strlen(prefix);

	return p.len > len && !memcmp(p.text, prefix, len);
}

static bool is_piece(struct piece p, const char *text)
{
	return p.len == strlen(text) && !memcmp(p.text, text, p.len);
}

/* The next component of a path; false at its end. */
static bool next_component(const char **path, struct piece *p)
{
	while (**path == '/')
		(*path)++;
	p->text = *path;
	p->len = strcspn(*path, "/");
	*path += p->len;
	return p->len > 0;
}

static const char *put(char *buf, size_t size, const char *a, size_t alen,
		       const char *b, size_t blen)
{
	if (alen + blen >= size)
		return NULL;
	memcpy(buf, a, alen);
	if (blen)
		memcpy(buf + alen, b, blen);
	buf[alen + blen] = '\0';
	return buf;
}

static bool is_unit(struct piece p)
{
	static const char *const suffixes[] = {".service", ".scope", ".socket",
					       ".mount", ".swap"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (has_suffix(p, suffixes[i]))
			return true;
	return false;
}

/* The first component that is not a slice, if it is a unit.  systemd puts '_'
 * before a name that the kernel would take for a file of its own. */
static bool next_unit(const char **path, struct piece *p)
{
	while (next_component(path, p))
		if (!has_suffix(*p, ".slice") && !is_piece(*p, ".."))
			break;
	if (p->len && p->text[0] == '_') {
		p->text++;
		p->len--;
	}
	return is_unit(*p);
}

const char *process_unit_of(const char *cgroup, char *buf, size_t size)
{
	struct piece unit, user;

	if (!next_unit(&cgroup, &unit))
		return NULL;
	if (!has_prefix(unit, "user@") || !next_unit(&cgroup, &user))
		return put(buf, size, unit.text, unit.len, NULL, 0);
	if (!put(buf, size, unit.text, unit.len, "/", 1))
		return NULL;
	if (!put(buf + unit.len + 1, size - unit.len - 1, user.text, user.len,
		 NULL, 0))
		return NULL;
	return buf;
}

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

/* "docker-ID.scope", "cri-containerd-ID.scope", "ID"; not "...-conmon-ID", the
 * process that watches the container from outside. */
static const char *container_id(struct piece p)
{
	const char *id;

	if (has_suffix(p, ".scope"))
		p.len -= strlen(".scope");
	if (p.len < CONTAINER_ID_LEN)
		return NULL;
	id = p.text + p.len - CONTAINER_ID_LEN;
	if (!is_hex(id, CONTAINER_ID_LEN))
		return NULL;
	p.len -= CONTAINER_ID_LEN;
	if (p.len == 0)
		return id;
	if (id[-1] != '-' && id[-1] != ':')
		return NULL;
	if (is_piece(p, "conmon-") || has_suffix(p, "-conmon-"))
		return NULL;
	return id;
}

const char *process_container_of(const char *cgroup, char *buf, size_t size)
{
	struct piece p, before = {"", 0};

	for (; next_component(&cgroup, &p); before = p) {
		const char *id = container_id(p);

		if (id)
			return put(buf, size, id, CONTAINER_ID_LEN, NULL, 0);
		if (is_piece(before, "lxc") || is_piece(before, "lxc.payload"))
			return put(buf, size, p.text, p.len, NULL, 0);
		if (has_prefix(p, "lxc.payload."))
			return put(buf, size, p.text + 12, p.len - 12, NULL, 0);
	}
	return NULL;
}

/*
 * The options of an interpreter, as far as they matter for where its script is.
 * A long option that is not listed may take the next word, so that the script
 * behind it is not known.  Lists have blanks round each word.
 */
struct interpreter {
	const char *name;
	bool shell;	      /* "+x" is an option too */
	bool attached;	      /* a letter's argument may be in its own word */
	const char *code;     /* letters after which there is no script */
	const char *with_arg; /* letters that take an argument */
	const char *long_alone;
	const char *long_with_arg;
};

#define BASH_ALONE                                                      \
	" --login --norc --noprofile --noediting --posix --restricted " \
	"--verbose "
#define NODE_ALONE                                                   \
	" --inspect --inspect-brk --no-warnings --trace-warnings "   \
	"--no-deprecation --trace-deprecation --enable-source-maps " \
	"--expose-gc --preserve-symlinks --watch --experimental-vm-modules "
#define NODE_WITH_ARG \
	" --require --import --loader --experimental-loader --conditions "

static const struct interpreter interpreters[] = {
	{"sh", true, false, "cs", "oO", BASH_ALONE, " --rcfile --init-file "},
	{"bash", true, false, "cs", "oO", BASH_ALONE, " --rcfile --init-file "},
	{"dash", true, false, "cs", "o", "", ""},
	{"ash", true, false, "cs", "o", "", ""},
	{"zsh", true, true, "cs", "o", "", ""},
	{"ksh", true, true, "cs", "o", "", ""},
	{"mksh", true, true, "cs", "o", "", ""},
	{"python", false, true, "cm", "WX", "", " --check-hash-based-pycs "},
	{"pypy", false, true, "cm", "WX", "", ""},
	{"perl", false, true, "eE", "IMm", "", ""},
	{"ruby", false, true, "e", "CEIr", " --jit --yjit --verbose ", ""},
	{"node", false, true, "ep", "rC", NODE_ALONE, NODE_WITH_ARG},
	{"nodejs", false, true, "ep", "rC", NODE_ALONE, NODE_WITH_ARG},
	{"php", false, true, "rBRFEafsS", "cdzt", "", ""},
	{"lua", false, true, "e", "l", "", ""},
};

/* "python3.11" is python: behind the name only a version. */
static const struct interpreter *find_interpreter(const char *exe)
{
	const char *slash = strrchr(exe, '/');
	const char *name = slash ? slash + 1 : exe;

	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++) {
		size_t len = strlen(interpreters[i].name);

		if (!strncmp(name, interpreters[i].name, len) &&
		    !name[len + strspn(name + len, "0123456789.-")])
			return &interpreters[i];
	}
	return NULL;
}

bool process_is_interpreter(const char *exe)
{
	return find_interpreter(exe) != NULL;
}

static bool is_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p++)
		if (p > list && p[-1] == ' ' && p[len] == ' ')
			return true;
	return false;
}

enum word {
	WORD_ALONE,    /* an option; the next word is the next */
	WORD_WITH_ARG, /* and the next word is its argument */
	WORD_NO_SCRIPT,
};

static enum word classify_long(const struct interpreter *in, const char *word)
{
	static const char *const code[] = {
		"--eval=", "--print=", "--run=", "--file="};

	if (is_listed(in->long_with_arg, word))
		return WORD_WITH_ARG;
	if (is_listed(in->long_alone, word))
		return WORD_ALONE;
	if (!strchr(word, '='))
		return WORD_NO_SCRIPT;
	for (size_t i = 0; i < ARRAY_SIZE(code); i++)
		if (!strncmp(word, code[i], strlen(code[i])))
			return WORD_NO_SCRIPT;
	return WORD_ALONE;
}

static enum word classify_letters(const struct interpreter *in,
				  const char *letters)
{
	enum word kind = WORD_ALONE;

	for (const char *p = letters; *p; p++) {
		if (strchr(in->code, *p))
			return WORD_NO_SCRIPT;
		if (!strchr(in->with_arg, *p))
			continue;
		if (in->attached && p[1])
			return WORD_ALONE;
		if (kind == WORD_WITH_ARG) /* two arguments */
			return WORD_NO_SCRIPT;
		kind = WORD_WITH_ARG;
	}
	return kind;
}

static enum word classify(const struct interpreter *in, const char *word)
{
	if (word[0] == '-' && word[1] == '-')
		return classify_long(in, word);
	if (!strcmp(word, "-")) /* standard input */
		return WORD_NO_SCRIPT;
	return classify_letters(in, word + 1);
}

const char *process_script_of(const char *exe, const char *args, size_t len)
{
	const struct interpreter *in = find_interpreter(exe);
	const char *end = args + len, *word = args;
	bool skip = true; /* argv[0] */

	if (!in)
		return NULL;
	for (; word < end; word += strlen(word) + 1) {
		enum word kind;

		if (skip) {
			skip = false;
			continue;
		}
		if (word[0] != '-' && !(in->shell && word[0] == '+'))
			return *word ? word : NULL;
		if (!strcmp(word, "--")) {
			word += 3;
			return word < end && *word ? word : NULL;
		}
		kind = classify(in, word);
		if (kind == WORD_NO_SCRIPT)
			return NULL;
		skip = kind == WORD_WITH_ARG;
	}
	return NULL;
}

/* Majors of Documentation/admin-guide/devices.txt; the kernel's encoding has
 * the minor's upper bits above the major. */
const char *process_tty_of(int tty_nr, char *buf, size_t size)
{
	unsigned nr = (unsigned)tty_nr;
	unsigned major = nr >> 8 & 0xfff;
	unsigned minor = (nr & 0xff) | (nr >> 12 & 0xfff00);

	if (!nr)
		return NULL;
	if (major >= 136 && major <= 143)
		snprintf(buf, size, "pts/%u", (major - 136) * 256 + minor);
	else if (major == 4 && minor < 64)
		snprintf(buf, size, "tty%u", minor);
	else if (major == 4)
		snprintf(buf, size, "ttyS%u", minor - 64);
	else
		snprintf(buf, size, "%u:%u", major, minor);
	return buf;
}
