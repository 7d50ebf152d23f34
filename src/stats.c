/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats: what happened, counted; and the summary at the end. */
#include "stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "util.h"

/* Held times: 32 buckets for each power of two, up to 2^40 us (12 days). */
#define SUB_BITS 5
#define SUBS	 (1U << SUB_BITS)
#define MAX_BITS 40
#define BUCKETS	 ((MAX_BITS - SUB_BITS + 1) * SUBS)

/* Programs told apart; more of them are counted together. */
#define PROGRAMS 1024
#define TOP	 10
#define EXE_KEPT 48 /* of a longer path the end */

#define COLUMNS	   80
#define NAME_WIDTH 18 /* 15 in quotes */
#define EXE_WIDTH  (COLUMNS - 12 - NAME_WIDTH)

struct program {
	uint64_t key; /* of comm and the whole path */
	uint64_t events;
	char comm[64], exe[EXE_KEPT];
	bool exe_cut;
};

struct stats_tables {
	uint64_t held[BUCKETS], nheld;
	struct program programs[PROGRAMS]; /* hashed, open addressing */
	size_t nprograms;
	uint64_t process_events; /* with a process, */
	uint64_t other_events;	 /* of which the table had no room for these */
};

int stats_open(struct stats_tables **t)
{
	*t = calloc(1, sizeof(**t));
	return *t == NULL ? -ENOMEM : 0;
}

void stats_close(struct stats_tables *t)
{
	free(t);
}

/* -------------------------------------------------------------- held times */

static size_t bucket_of(uint64_t us)
{
	unsigned bits;

	if (us < SUBS)
		return us;
	if (us >> MAX_BITS != 0)
		return BUCKETS - 1;
	bits = 63 - (unsigned)__builtin_clzll(us);
	return ((size_t)(bits - SUB_BITS + 1) << SUB_BITS) +
	       (us >> (bits - SUB_BITS)) - SUBS;
}

/* The middle of what a bucket stands for. */
static uint64_t bucket_us(size_t i)
{
	unsigned shift;

	if (i < SUBS)
		return i;
	shift = (unsigned)(i >> SUB_BITS) - 1;
	return ((uint64_t)(SUBS + i % SUBS) << shift) + ((1ULL << shift) >> 1);
}

uint64_t stats_held_at(const struct stats_tables *t, unsigned permille)
{
	uint64_t rank = (t->nheld * permille + 999) / 1000, seen = 0;

	if (t->nheld == 0)
		return 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		seen += t->held[i];
		if (seen >= rank && seen > 0)
			return bucket_us(i);
	}
	return bucket_us(BUCKETS - 1);
}

/* --------------------------------------------------------------- programs */

static uint64_t program_key(const struct process *p)
{
	const char *exe = p->exe != NULL ? p->exe : "";
	uint64_t parts[2] = {
		util_hash(p->comm, strlen(p->comm)),
		util_hash(exe, strlen(exe)),
	};
	uint64_t key = util_hash(parts, sizeof(parts));

	return key != 0 ? key : 1; /* 0 is a free place */
}

static void set_names(struct program *g, const struct process *p)
{
	const char *exe = p->exe != NULL ? p->exe : "";
	size_t len = strlen(exe);

	g->exe_cut = len >= sizeof(g->exe);
	if (g->exe_cut) {
		exe += len - (sizeof(g->exe) - 1);
		if (strchr(exe, '/') != NULL)
			exe = strchr(exe, '/');
	}
	memcpy(g->comm, p->comm, sizeof(g->comm));
	memcpy(g->exe, exe, strlen(exe) + 1);
}

/* NULL: no room.  A quarter stays free, so that a search ends soon. */
static struct program *find_program(struct stats_tables *t,
				    const struct process *p)
{
	uint64_t key = program_key(p);
	size_t i = key % PROGRAMS;

	while (t->programs[i].key != 0 && t->programs[i].key != key)
		i = (i + 1) % PROGRAMS;
	if (t->programs[i].key == key)
		return &t->programs[i];
	if (t->nprograms == PROGRAMS / 4 * 3)
		return NULL;
	t->nprograms++;
	t->programs[i].key = key;
	set_names(&t->programs[i], p);
	return &t->programs[i];
}

void stats_add_event(struct stats_tables *t, const struct event *e)
{
	struct program *g;

	if (e->kind != EVENT_PACKET)
		return;
	t->held[bucket_of(e->held_us)]++;
	t->nheld++;
	if (!e->has_process)
		return;
	t->process_events++;
	g = find_program(t, &e->process);
	if (g != NULL)
		g->events++;
	else
		t->other_events++;
}

/* Ten walks through the table, once: no sorted copy is needed. */
static const struct program *next_most(const struct stats_tables *t,
				       const struct program *before)
{
	const struct program *most = NULL;

	for (size_t i = 0; i < PROGRAMS; i++) {
		const struct program *g = &t->programs[i];

		/* Equal ones come in the order of their places. */
		if (before != NULL &&
		    (g->events > before->events ||
		     (g->events == before->events && g <= before)))
			continue;
		if (g->events > (most != NULL ? most->events : 0))
			most = g;
	}
	return most;
}

/* ------------------------------------------------------------ the summary */

/* A word that takes width columns at most, of a text that was cut or not. */
static void add_short_word(struct strbuf *out, const char *text, size_t width,
			   bool cut)
{
	char mem[4 * sizeof(((struct program *)NULL)->comm) + 3];
	struct strbuf sb;

	if (cut) {
		strbuf_puts(out, "...");
		width -= 3;
	}
	strbuf_init(&sb, mem, sizeof(mem));
	text_add_word(&sb, text, strlen(text), "");
	if (sb.len <= width) {
		strbuf_puts(out, sb.mem);
		return;
	}
	strbuf_add(out, sb.mem, strbuf_utf8_span(sb.mem, width - 3));
	strbuf_puts(out, "...");
}

static void add_program(struct strbuf *out, const struct program *g)
{
	size_t begin;

	strbuf_printf(out, "%8" PRIu64 "  ", g->events);
	begin = out->len;
	add_short_word(out, g->comm, NAME_WIDTH, false);
	if (g->exe[0] != '\0') {
		while (out->len < begin + NAME_WIDTH && !out->truncated)
			strbuf_puts(out, " ");
		strbuf_puts(out, "  ");
		add_short_word(out, g->exe, EXE_WIDTH, g->exe_cut);
	}
	strbuf_puts(out, "\n");
}

static void add_programs(struct strbuf *out, const struct stats_tables *t)
{
	const struct program *g = NULL;
	uint64_t rest = t->process_events;

	for (int i = 0; i < TOP; i++) {
		g = next_most(t, g);
		if (g == NULL)
			break;
		add_program(out, g);
		rest -= g->events;
	}
	if (rest > 0)
		strbuf_printf(out, "%8" PRIu64 "  of other programs\n", rest);
}

/* Events without one program; the table has the others. */
static void add_grades(struct strbuf *out, const struct stats *s,
		       const struct stats_tables *t)
{
	static const char *const words[] = {
		[SOCKOWNER_SHARED] = "of sockets that several processes share",
		[SOCKOWNER_TWINS] = "that fit several sockets",
		[SOCKOWNER_CREATOR] = "of senders gone, the socket's opener "
				      "known",
		[SOCKOWNER_UID_ONLY] = "of senders gone, only the user known",
		[SOCKOWNER_KERNEL] = "of the kernel itself",
		[SOCKOWNER_UNKNOWN] = "whose sender was not found",
	};
	uint64_t named =
		s->by_grade[SOCKOWNER_PROVED] + s->by_grade[SOCKOWNER_HOLDER];

	if (named > t->process_events)
		strbuf_printf(out, "%8" PRIu64 "  of senders that ended\n",
			      named - t->process_events);
	for (size_t i = SOCKOWNER_SHARED; i < ARRAY_SIZE(words); i++)
		if (s->by_grade[i] != 0)
			strbuf_printf(out, "%8" PRIu64 "  %s\n", s->by_grade[i],
				      words[i]);
}

struct item {
	uint64_t count;
	const char *words;
};

static bool any(const struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].count != 0)
			return true;
	return false;
}

/* "packets   12 received, 3 of them of flows already told", wrapped. */
static void add_items(struct strbuf *out, const char *label,
		      const struct item *items, size_t n)
{
	size_t begin = out->len;
	bool first = true;

	if (!any(items, n))
		return;
	strbuf_printf(out, "%-10s", label);
	for (size_t i = 0; i < n; i++) {
		char mem[COLUMNS];
		struct strbuf sb;

		if (items[i].count == 0)
			continue;
		strbuf_init(&sb, mem, sizeof(mem));
		strbuf_printf(&sb, "%" PRIu64 " %s", items[i].count,
			      items[i].words);
		if (!first && out->len - begin + 3 + sb.len > COLUMNS) {
			strbuf_puts(out, ",\n");
			begin = out->len;
			strbuf_printf(out, "%10s", "");
		} else if (!first) {
			strbuf_puts(out, ", ");
		}
		strbuf_puts(out, sb.mem);
		first = false;
	}
	strbuf_puts(out, "\n");
}

static void add_held(struct strbuf *out, const struct stats *s,
		     const struct stats_tables *t)
{
	if (t->nheld == 0)
		return;
	strbuf_printf(out, "%-10s", "held");
	text_add_duration(out, stats_held_at(t, 500));
	strbuf_puts(out, " (p50), ");
	text_add_duration(out, stats_held_at(t, 990));
	strbuf_puts(out, " (p99)");
	if (s->expired != 0)
		strbuf_printf(out, ", %" PRIu64 " to the limit", s->expired);
	strbuf_puts(out, "\n");
}

static void add_counters(struct strbuf *out, const struct stats *s,
			 const struct stats_tables *t)
{
	const struct item packets[] = {
		{s->packets, "received"},
		{s->repeated, "of them of flows already told"},
		{s->retransmits, "sent again while held"},
		{s->unmatched, "not asking for a --name"},
		{s->exempt, "our own"},
		{s->answers, "in answer to a client"},
		{s->malformed, "malformed"},
		{s->unwanted, "no target's"},
	};
	const struct item silent[] = {
		{s->rate_limited, "over the rate (-n)"},
		{s->crowded, "too many at once"},
	};
	const struct item lost[] = {
		{s->unseen, "passed unseen"},
		{s->queue_dropped, "dropped: queue full"},
		{s->user_dropped, "dropped: buffer full"},
		{s->gone, "dropped by the kernel while held"},
		{s->overruns, "time(s) the buffer ran over"},
		{s->ignored, "ignored: not from the kernel"},
	};
	const struct item commands[] = {
		{s->hooks, "run"},
		{s->hooks_skipped, "skipped"},
		{s->hooks_killed, "killed"},
	};
	const struct item witness[] = {
		{s->witness_lost, "records lost"},
		{s->witness_facts_lost, "processes not described"},
		{s->witness_doubted, "packets in doubt"},
	};
	const struct item netns[] = {
		{s->netns_closed, "closed to us"},
		{s->netns_unwatched, "without the witness"},
		{s->netns_crowded, "time(s) too many to know"},
	};
	const struct item output[] = {{s->output_lost, "lost"}};

	add_items(out, "packets", packets, ARRAY_SIZE(packets));
	add_held(out, s, t);
	add_items(out, "not told", silent, ARRAY_SIZE(silent));
	add_items(out, "lost", lost, ARRAY_SIZE(lost));
	add_items(out, "witness", witness, ARRAY_SIZE(witness));
	add_items(out, "netns", netns, ARRAY_SIZE(netns));
	add_items(out, "commands", commands, ARRAY_SIZE(commands));
	add_items(out, "output", output, ARRAY_SIZE(output));
}

void stats_format(const struct stats *s, const struct stats_tables *t,
		  struct strbuf *out)
{
	if (s->events == 0)
		strbuf_puts(out, "nothing was caught\n");
	else
		strbuf_printf(out, "%" PRIu64 " event%s%s:\n", s->events,
			      s->events == 1 ? "" : "s",
			      t->process_events > 0 ? ", by program" : "");
	add_programs(out, t);
	add_grades(out, s, t);
	add_counters(out, s, t);
}
