/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_grading_race: everything that can happen, before each single call that
 * is made for a packet: never a wrong name. */
#include <stdio.h>
#include <string.h>

#include "scenes.h"
#include "util.h"
#include "world.h"

#define TURNS 60

/* One that happens to a process may happen to either. */
struct named_deed {
	enum deed deed;
	const char *name;
	bool to_process;
};

#define TO(d)               \
	{                   \
		d, #d, true \
	}
#define DEED(d)              \
	{                    \
		d, #d, false \
	}

static const struct named_deed deeds[] = {
	DEED(NOTHING),	   TO(EXITS),	       TO(EXECS),
	TO(BEGINS_EXEC),   TO(CLOSES),	       TO(MOVES),
	TO(GETS_IT),	   TO(FORKS),	       TO(PID_REUSED),
	TO(HIDES),	   TO(CONNECTS),       TO(RETURNS),
	DEED(BORN),	   DEED(GOES),	       DEED(ORPHANED),
	DEED(TIME_WAITS),  DEED(REPLACED),     DEED(REINCARNATED),
	DEED(DOUBLED),	   DEED(DOUBLED_FULL), DEED(EMPTIED),
	DEED(FILLED),	   DEED(RAW_BESIDE),   DEED(SENT_AGAIN),
	DEED(RIVALLED),	   DEED(FOLLOWED),     DEED(CROWDED),
	DEED(EXPIRES),	   DEED(TIME_PASSES),  DEED(REFUSED),
	DEED(INTERRUPTED), DEED(TORN),	       DEED(ITERATOR_FAILS),
	DEED(SWEEP_FAILS), DEED(UNSETTLED),
};

/*
 * What the grade "holder" does not promise (README): the program is the one
 * that has the socket when it is looked at, and who else had it before and has
 * gone, or is closed to us, nobody knows.  A socket that shows the packet's
 * room in its queue, or a SYN's state, has a packet of its own on its way,
 * which is in our queue, too: RIVALLED is that.
 */
static bool is_beyond_holder(void)
{
	const struct world_process *p = world_process(SENDER);

	switch (world.any_deed) {
	case EXECS:
		return world.any_call <= world.first_call[IDENTITY];
	case REPLACED:
	case REINCARNATED:
		return world.any_call <= world.found_call;
	default:
		return world.shared &&
		       (p == NULL || p->hidden || p->inodes[0] == 0);
	}
}

static bool is_right(const struct world_told *t)
{
	if (t->named == 0)
		return true;
	if (t->grade == SOCKOWNER_HOLDER && is_beyond_holder())
		return true;
	return t->sender != NOBODY &&
	       t->named == WORLD_PID + (pid_t)t->sender &&
	       t->image == 10 * t->sender;
}

static unsigned runs, wrong;

static void complain(const struct scene_begin *b, const struct named_deed *d,
		     const struct world_told *t)
{
	if (++wrong > 50)
		return;
	printf("# %s, %s %d before call %d: ", b->name, d->name, world.any_who,
	       world.any_call);
	if (t == NULL)
		printf("nothing was told\n");
	else
		printf("%s, %d with image %u for a packet of %d's\n",
		       sockowner_grade_name(t->grade), t->named, t->image,
		       t->sender);
}

static void try(const struct scene_begin *b, const struct named_deed *d,
		enum who who, int call)
{
	b->begins();
	world.any_call = call;
	world.any_deed = d->deed;
	world.any_who = who;
	world_run(TURNS);
	runs++;
	for (size_t i = 0; i < world.ntold; i++)
		if (!is_right(&world.told[i]))
			complain(b, d, &world.told[i]);
	if (world.ntold == 0)
		complain(b, d, NULL);
}

/* As many calls as there are when nothing happens; what comes of it may make
 * more, and there it has happened already. */
static void try_all(const struct scene_begin *b)
{
	int calls;

	try(b, &deeds[0], NOBODY, 0);
	calls = world.total;
	for (size_t k = 1; k < ARRAY_SIZE(deeds); k++)
		for (int call = 1; call <= calls; call++) {
			try(b, &deeds[k], SENDER, call);
			if (deeds[k].to_process)
				try(b, &deeds[k], OTHER, call);
		}
}

static void test_one_thing(void **state)
{
	const struct scene_begin *b = *state;

	runs = wrong = 0;
	try_all(b);
	printf("# %s: %u runs\n", b->name, runs);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	struct CMUnitTest tests[16];

	world_keep_memory();
	for (size_t i = 0; i < scene_nbegins; i++)
		tests[i] = (struct CMUnitTest){
			.name = scene_begins[i].name,
			.test_func = test_one_thing,
			.initial_state = (void *)&scene_begins[i],
		};
	return _cmocka_run_group_tests("race", tests, scene_nbegins, NULL,
				       NULL);
}
