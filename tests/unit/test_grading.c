/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_grading: what is said of a packet, whatever happens while it is looked
 * for: each race at each step. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenes.h"
#include "util.h"
#include "world.h"

#define TURNS	  60
#define TESTS_MAX 256

/* ------------------------------------------------------------- the table */

struct scene {
	const char *name;
	void (*begins)(void);
	struct happening script[WORLD_SCRIPT];
	enum sockowner_grade grade;
	enum sockowner_reason reason;
	enum sockowner_method method;
	enum who named;
};

/* What is told in the end. */
#define TELL(grade, reason, method, who)              \
	SOCKOWNER_##grade, SOCKOWNER_REASON_##reason, \
		SOCKOWNER_METHOD_##method, who
#define HOLDER	    TELL(HOLDER, NO_WITNESS, SWEEP, SENDER)
#define PROVED	    TELL(PROVED, NONE, CONNECT, SENDER)
#define WITNESSED   TELL(PROVED, NONE, WITNESS, SENDER)
#define SHARED	    TELL(SHARED, MANY_HOLDERS, SWEEP, NOBODY)
#define TWINS	    TELL(TWINS, MANY_SOCKETS, NONE, NOBODY)
#define UID_ONLY    TELL(UID_ONLY, NO_SOCKET, NONE, NOBODY)
#define OWNERLESS   TELL(UID_ONLY, NO_SOCKET, SOCKET, NOBODY)
#define CHANGED	    TELL(UNKNOWN, CHANGED, SWEEP, NOBODY)
#define NOT_QUEUED  TELL(UNKNOWN, NOT_QUEUED, SWEEP, NOBODY)
#define NOT_ALLOWED TELL(UNKNOWN, NOT_PERMITTED, SWEEP, NOBODY)
#define LATE	    TELL(UNKNOWN, TIME, SWEEP, NOBODY)
#define RIVALS	    TELL(UNKNOWN, MANY_SOCKETS, SWEEP, NOBODY)
#define UNASKED(r)  TELL(UNKNOWN, r, NONE, NOBODY)
#define MOVED_ON    TELL(UNKNOWN, CHANGED, CONNECT, NOBODY)

/* The steps, as the calls come: WORLD_TRACE=1 shows them.
 *
 * LOOKUP 1 finds the socket, SWEPT 1 the sender, SWEPT 2 OTHER; LOOKUP 2,
 * IDENTITY 2 and LINK 1 look again; LOOKUP 3 weighs all datagrams of that port;
 * FACTS 1 proves that what is told of the process is of one program. */
static const struct scene finding[] = {
	{"nothing happens", datagram, {}, HOLDER},
	{"a connected socket", connected_datagram, {}, HOLDER},
	{"an IPv6 socket", mapped_datagram, {}, HOLDER},
	{"another user's packet", other_users_datagram, {}, UNASKED(OTHER_UID)},
	{"the kernel's",
	 kernels_datagram,
	 {},
	 TELL(KERNEL, NONE, NONE, NOBODY)},
	{"a tunnel's", tunnels_datagram, {}, TELL(KERNEL, NONE, SWEEP, NOBODY)},
	{"closed", datagram, {BEFORE(LOOKUP, 1, GOES)}, UID_ONLY},
	{"its state is left",
	 datagram,
	 {BEFORE(LOOKUP, 1, ORPHANED)},
	 UID_ONLY},
	{"another's on that port",
	 datagram,
	 {BEFORE(LOOKUP, 1, REPLACED)},
	 NOT_QUEUED},
	{"a twin", datagram, {BEFORE(LOOKUP, 1, DOUBLED)}, HOLDER},
	{"a twin that sends",
	 datagram,
	 {BEFORE(LOOKUP, 1, DOUBLED_FULL)},
	 TWINS},
	{"nothing in its queue",
	 datagram,
	 {BEFORE(LOOKUP, 1, EMPTIED)},
	 NOT_QUEUED},
	{"something unknown in its queue",
	 datagram,
	 {BEFORE(LOOKUP, 1, FILLED)},
	 NOT_QUEUED},
	{"a raw socket sends",
	 datagram,
	 {BEFORE(LOOKUP, 1, RAW_BESIDE)},
	 HOLDER},
	{"sock_diag has no room",
	 datagram,
	 {BEFORE(LOOKUP, 1, REFUSED)},
	 UNASKED(SYSTEM)},
	{"a dump is torn", datagram, {BEFORE(LOOKUP, 1, INTERRUPTED)}, HOLDER},
	{"all dumps are", datagram, {BEFORE(LOOKUP, 1, TORN)}, UNASKED(SYSTEM)},
	{"guardian is first", datagram, {BEFORE(LOOKUP, 1, EXPIRES)}, LATE},
};

static const struct scene sweeping[] = {
	{"it exits unseen",
	 datagram,
	 {BEFORE(SWEPT, 1, EXITS, SENDER)},
	 NOT_QUEUED},
	{"it closes unseen",
	 datagram,
	 {BEFORE(SWEPT, 1, CLOSES, SENDER)},
	 NOT_QUEUED},
	{"its fd moves unseen",
	 datagram,
	 {BEFORE(SWEPT, 1, MOVES, SENDER)},
	 HOLDER},
	{"mid-exec when seen",
	 datagram,
	 {BEFORE(SWEPT, 1, BEGINS_EXEC, SENDER),
	  AFTER(SWEPT, 1, ENDS_EXEC, SENDER)},
	 CHANGED},
	{"it exits", datagram, {AFTER(SWEPT, 1, EXITS, SENDER)}, NOT_QUEUED},
	{"it execs", datagram, {AFTER(SWEPT, 1, EXECS, SENDER)}, CHANGED},
	{"it closes", datagram, {AFTER(SWEPT, 1, CLOSES, SENDER)}, NOT_QUEUED},
	{"its fd moves", datagram, {AFTER(SWEPT, 1, MOVES, SENDER)}, CHANGED},
	{"its pid is used again",
	 datagram,
	 {AFTER(SWEPT, 1, PID_REUSED, SENDER)},
	 NOT_QUEUED},
	{"it exits, and has given it away",
	 datagram,
	 {AFTER(SWEPT, 1, GETS_IT, OTHER), AFTER(SWEPT, 1, EXITS, SENDER)},
	 SHARED},
	{"exited and given away while seen as one",
	 datagram,
	 {AFTER(SWEPT, 2, GETS_IT, OTHER), AFTER(SWEPT, 2, EXITS, SENDER)},
	 CHANGED},
	{"it is closed to us",
	 hidden_datagram,
	 {},
	 TELL(UNKNOWN, NO_HOLDER, SWEEP, NOBODY)},
	{"it closes to us",
	 datagram,
	 {AFTER(SWEPT, 1, HIDES, SENDER)},
	 CHANGED},
	{"another one is closed to us",
	 datagram,
	 {BEFORE(SWEPT, 1, HIDES, OTHER)},
	 TELL(HOLDER, BLIND_SPOT, SWEEP, SENDER)},
	{"a child is born with it",
	 datagram,
	 {AFTER(SWEPT, 1, FORKS, SENDER)},
	 SHARED},
	{"a child is born behind the sweep",
	 datagram,
	 {AFTER(SWEPT, 2, FORKS, SENDER)},
	 SHARED},
	{"another one gets it",
	 datagram,
	 {AFTER(SWEPT, 1, GETS_IT, OTHER)},
	 SHARED},
	/* Who had it when the packet was sent is found. */
	{"one that was passed gets it",
	 datagram,
	 {AFTER(SWEPT, 2, GETS_IT, OTHER)},
	 HOLDER},
	{"somebody is born", datagram, {AFTER(SWEPT, 1, BORN)}, HOLDER},
	{"people are born all the time",
	 datagram,
	 {BEFORE(SWEPT, 1, UNSETTLED)},
	 HOLDER},
	{"the sweep fails",
	 datagram,
	 {BEFORE(SWEPT, 2, SWEEP_FAILS)},
	 UNASKED(SYSTEM)},
	{"its time is spent",
	 datagram,
	 {BEFORE(SWEPT, 2, TIME_PASSES)},
	 UNASKED(TIME)},
	{"guardian is first", datagram, {BEFORE(SWEPT, 2, EXPIRES)}, LATE},
	{"no permission", unprivileged, {}, NOT_ALLOWED},
	{"in a user namespace", in_namespace, {}, NOT_ALLOWED},
};

static const struct scene iterating[] = {
	{"nothing happens", by_iterator, {}, HOLDER},
	{"needs no permission", by_iterator_only, {}, HOLDER},
	{"it is closed to us",
	 by_iterator,
	 {BEFORE(SWEPT, 1, HIDES, SENDER)},
	 NOT_ALLOWED},
	{"another one is",
	 by_iterator,
	 {BEFORE(SWEPT, 1, HIDES, OTHER)},
	 HOLDER},
	{"another one that has it is",
	 by_iterator,
	 {BEFORE(SWEPT, 1, HIDES, OTHER), BEFORE(SWEPT, 1, GETS_IT, OTHER)},
	 SHARED},
	{"fails at the start",
	 by_iterator,
	 {BEFORE(LOOKUP, 1, ITERATOR_FAILS)},
	 HOLDER},
	{"fails half-way",
	 by_iterator,
	 {AFTER(SWEPT, 1, ITERATOR_FAILS)},
	 HOLDER},
	{"fails half-way, and who was seen exits",
	 by_iterator,
	 {AFTER(SWEPT, 1, ITERATOR_FAILS), AFTER(SWEPT, 1, EXITS, SENDER)},
	 NOT_QUEUED},
	{"fails, and /proc is closed",
	 by_iterator_only,
	 {AFTER(SWEPT, 1, ITERATOR_FAILS)},
	 NOT_ALLOWED},
};

static const struct scene looking_again[] = {
	{"closed", datagram, {BEFORE(LOOKUP, 2, GOES)}, NOT_QUEUED},
	{"another's on that port",
	 datagram,
	 {BEFORE(LOOKUP, 2, REPLACED)},
	 NOT_QUEUED},
	{"the same inode, another cookie",
	 datagram,
	 {BEFORE(LOOKUP, 2, REINCARNATED)},
	 NOT_QUEUED},
	{"a twin", datagram, {BEFORE(LOOKUP, 2, DOUBLED)}, HOLDER},
	{"a twin that sends",
	 datagram,
	 {BEFORE(LOOKUP, 2, DOUBLED_FULL)},
	 NOT_QUEUED},
	{"nothing in its queue",
	 datagram,
	 {BEFORE(LOOKUP, 2, EMPTIED)},
	 NOT_QUEUED},
	{"sock_diag has no room",
	 datagram,
	 {BEFORE(LOOKUP, 2, REFUSED)},
	 CHANGED},
	{"a dump is torn", datagram, {BEFORE(LOOKUP, 2, INTERRUPTED)}, HOLDER},
	{"it exits", datagram, {AFTER(LOOKUP, 2, EXITS, SENDER)}, NOT_QUEUED},
	{"it execs", datagram, {AFTER(LOOKUP, 2, EXECS, SENDER)}, CHANGED},
	{"it closes",
	 datagram,
	 {AFTER(IDENTITY, 2, CLOSES, SENDER)},
	 NOT_QUEUED},
	{"its fd moves",
	 datagram,
	 {AFTER(IDENTITY, 2, MOVES, SENDER)},
	 CHANGED},
	{"its pid is used again",
	 datagram,
	 {AFTER(IDENTITY, 2, PID_REUSED, SENDER)},
	 NOT_QUEUED},
	{"a tunnel's socket is opened",
	 tunnels_datagram,
	 {BEFORE(LOOKUP, 2, REINCARNATED)},
	 NOT_QUEUED},
	{"a tunnel's socket is somebody's",
	 tunnels_datagram,
	 {BEFORE(SWEPT, 1, GETS_IT, OTHER)},
	 NOT_QUEUED},
	{"a tunnel's, and people are born all the time",
	 tunnels_datagram,
	 {BEFORE(SWEPT, 1, UNSETTLED)},
	 NOT_QUEUED},
	{"a tunnel's, but for who is closed to us",
	 tunnels_datagram,
	 {BEFORE(SWEPT, 1, HIDES, OTHER)},
	 NOT_QUEUED},
};

static const struct scene weighing[] = {
	{"another one of the socket's",
	 datagram,
	 {BEFORE(SWEPT, 2, FOLLOWED)},
	 HOLDER},
	{"another one at last", datagram, {AFTER(LINK, 1, FOLLOWED)}, HOLDER},
	{"one of a socket that is gone",
	 datagram,
	 {BEFORE(SWEPT, 2, CROWDED)},
	 NOT_QUEUED},
	{"one of a socket that is gone, at last",
	 datagram,
	 {AFTER(LINK, 1, CROWDED)},
	 NOT_QUEUED},
	{"one of another socket",
	 datagram,
	 {AFTER(LINK, 1, RIVALLED)},
	 NOT_QUEUED},
	{"closed", datagram, {AFTER(LINK, 1, GOES)}, NOT_QUEUED},
	{"the same inode, another cookie",
	 datagram,
	 {AFTER(LINK, 1, REINCARNATED)},
	 NOT_QUEUED},
	{"something unknown in its queue",
	 datagram,
	 {AFTER(LINK, 1, FILLED)},
	 NOT_QUEUED},
};

static const struct scene describing[] = {
	{"it exits", datagram, {AFTER(LOOKUP, 3, EXITS, SENDER)}, CHANGED},
	{"it execs", datagram, {AFTER(LOOKUP, 3, EXECS, SENDER)}, CHANGED},
	{"it execs while it is described",
	 datagram,
	 {AFTER(LINK, 2, EXECS, SENDER)},
	 CHANGED},
	{"it is in an exec",
	 datagram,
	 {AFTER(LINK, 2, BEGINS_EXEC, SENDER)},
	 CHANGED},
	{"its pid is used again",
	 datagram,
	 {BEFORE(FACTS, 1, PID_REUSED, SENDER)},
	 CHANGED},
	{"it exits at the last reading",
	 datagram,
	 {AFTER(FACTS, 1, EXITS, SENDER)},
	 CHANGED},
	{"it exits when all is read",
	 datagram,
	 {BEFORE(LINK, 3, EXITS, SENDER)},
	 HOLDER},
	{"it execs when all is read",
	 datagram,
	 {BEFORE(LINK, 3, EXECS, SENDER)},
	 HOLDER},
	{"the guardian lets it go",
	 datagram,
	 {AFTER(LOOKUP, 3, EXPIRES)},
	 HOLDER},
};

/* THREADS 1 is OTHER's, 2 the sender's, who is found by that; IN_CALL 1 proves
 * that it is the same program. */
static const struct scene connects[] = {
	{"it does not wait", connecting, {}, HOLDER},
	{"it waits", waiting, {}, PROVED},
	{"closed", connecting, {BEFORE(LOOKUP, 1, GOES)}, UID_ONLY},
	{"somebody listens there", listened, {}, UID_ONLY},
	{"its state is left",
	 connecting,
	 {BEFORE(LOOKUP, 1, ORPHANED)},
	 OWNERLESS},
	{"TIME_WAIT", connecting, {BEFORE(LOOKUP, 1, TIME_WAITS)}, OWNERLESS},
	{"its state is left when it is looked at again",
	 connecting,
	 {BEFORE(LOOKUP, 2, ORPHANED)},
	 CHANGED},
	{"sent again", connecting, {BEFORE(SWEPT, 2, SENT_AGAIN)}, HOLDER},
	{"another attempt before",
	 connecting,
	 {BEFORE(LOOKUP, 1, RIVALLED)},
	 RIVALS},
	{"another attempt meanwhile",
	 connecting,
	 {AFTER(SWEPT, 1, RIVALLED)},
	 CHANGED},
	{"another attempt at last",
	 connecting,
	 {AFTER(LINK, 1, RIVALLED)},
	 RIVALS},
	{"it begins to wait",
	 connecting,
	 {AFTER(SWEPT, 1, CONNECTS, SENDER)},
	 PROVED},
	{"it returns unseen",
	 waiting,
	 {BEFORE(THREADS, 1, RETURNS, SENDER)},
	 HOLDER},
	{"it returns", waiting, {AFTER(THREADS, 2, RETURNS, SENDER)}, MOVED_ON},
	{"it exits",
	 waiting,
	 {AFTER(THREADS, 2, EXITS, SENDER)},
	 TELL(UNKNOWN, CHANGED, SWEEP, NOBODY)},
	{"it execs", waiting, {AFTER(THREADS, 2, EXECS, SENDER)}, MOVED_ON},
	{"its pid is used again",
	 waiting,
	 {AFTER(THREADS, 2, PID_REUSED, SENDER)},
	 TELL(UNKNOWN, CHANGED, SWEEP, NOBODY)},
	{"it execs while it is described",
	 waiting,
	 {AFTER(LINK, 1, EXECS, SENDER)},
	 MOVED_ON},
	{"it exits when all is read",
	 waiting,
	 {AFTER(IN_CALL, 1, EXITS, SENDER)},
	 PROVED},
	{"another attempt while it waits",
	 waiting,
	 {AFTER(THREADS, 2, RIVALLED)},
	 TELL(UNKNOWN, MANY_SOCKETS, CONNECT, NOBODY)},
	{"its parent has it", waiting_child, {}, SHARED},
	{"its child has it", waiting_parent, {}, SHARED},
	{"found by a sweep", waiting_unseen, {}, PROVED},
	{"and another one has it",
	 waiting_unseen,
	 {BEFORE(SWEPT, 1, GETS_IT, OTHER)},
	 SHARED},
	{"and another one waits for it",
	 waiting_unseen,
	 {BEFORE(SWEPT, 1, GETS_IT, OTHER), BEFORE(SWEPT, 1, CONNECTS, OTHER)},
	 SHARED},
	{"it returns after the sweep",
	 waiting_unseen,
	 {AFTER(LOOKUP, 2, RETURNS, SENDER)},
	 HOLDER},
	{"it execs after the sweep",
	 waiting_unseen,
	 {AFTER(THREADS, 2, EXECS, SENDER)},
	 CHANGED},
	{"its connection stands, and a thread connects",
	 acknowledging,
	 {BEFORE(LOOKUP, 1, CONNECTS, SENDER)},
	 HOLDER},
};

/* LOOKUP 1 asks for a listener, 2 for the connection, 3 is the second look. */
static const struct scene connections[] = {
	{"data", data, {}, HOLDER},
	{"an ACK", acknowledging, {}, HOLDER},
	{"a device's", device_data, {}, HOLDER},
	{"forged by a raw socket",
	 data,
	 {BEFORE(LOOKUP, 2, EMPTIED)},
	 TELL(UNKNOWN, NOT_QUEUED, NONE, NOBODY)},
	{"acknowledged meanwhile", data, {BEFORE(LOOKUP, 3, EMPTIED)}, CHANGED},
	{"closed", data, {BEFORE(LOOKUP, 2, GOES)}, UID_ONLY},
	{"its state is left", data, {BEFORE(LOOKUP, 2, ORPHANED)}, OWNERLESS},
	{"the same inode, another cookie",
	 data,
	 {BEFORE(LOOKUP, 3, REINCARNATED)},
	 CHANGED},
	{"it passes it on, and ends",
	 data,
	 {AFTER(SWEPT, 2, GETS_IT, OTHER), AFTER(SWEPT, 2, EXITS, SENDER)},
	 CHANGED},
};

/* LOOKUP 1 to 4 find the socket, 5 to 8 look again, 9 to 12 weigh. */
static const struct scene raws[] = {
	{"nothing happens", raw, {}, HOLDER},
	{"the kernel tells of none", raw_without_diag, {}, UNASKED(PROTOCOL)},
	{"another one sends", raw, {BEFORE(LOOKUP, 1, RAW_BESIDE)}, TWINS},
	{"another one sends when looked at twice",
	 raw,
	 {BEFORE(LOOKUP, 3, RAW_BESIDE)},
	 TWINS},
	{"another one instead when looked at twice",
	 raw,
	 {BEFORE(LOOKUP, 3, REINCARNATED)},
	 TELL(UNKNOWN, CHANGED, NONE, NOBODY)},
	{"another one instead",
	 raw,
	 {BEFORE(LOOKUP, 5, REINCARNATED)},
	 NOT_QUEUED},
	{"another one sends at last",
	 raw,
	 {BEFORE(LOOKUP, 9, RAW_BESIDE)},
	 NOT_QUEUED},
	{"something unknown in its queue",
	 raw,
	 {BEFORE(LOOKUP, 9, FILLED)},
	 NOT_QUEUED},
	{"closed", raw, {BEFORE(LOOKUP, 1, GOES)}, UID_ONLY},
};

static const struct scene witnessed[] = {
	{"seen", seen, {}, WITNESSED},
	{"seen, and closed", seen, {BEFORE(RECEIVE, 1, GOES)}, WITNESSED},
	{"seen, and gone",
	 seen,
	 {BEFORE(RECEIVE, 1, EXITS, SENDER)},
	 WITNESSED},
	{"seen, and another program",
	 seen,
	 {BEFORE(RECEIVE, 1, EXECS, SENDER)},
	 WITNESSED},
	{"the kernel's, with a user's uid", seen_kernels, {}, HOLDER},
	{"by somebody outside of our pids", seen_from_afar, {}, HOLDER},
	{"with another socket of its addresses",
	 seen_forged_from_afar,
	 {},
	 TELL(UNKNOWN, NOT_QUEUED, SWEEP, NOBODY)},
	{"its connect was seen", seen_connecting, {}, WITNESSED},
	{"and another one has its addresses",
	 seen_connecting,
	 {BEFORE(LOOKUP, 1, REPLACED)},
	 TELL(UNKNOWN, NOT_QUEUED, NONE, NOBODY)},
	{"and another attempt comes",
	 seen_connecting,
	 {AFTER(LOOKUP, 1, RIVALLED)},
	 TELL(UNKNOWN, MANY_SOCKETS, WITNESS, NOBODY)},
	{"and it was closed",
	 seen_connecting,
	 {BEFORE(LOOKUP, 1, GOES)},
	 UID_ONLY},
	{"the peer connects as well", seen_connected, {}, HOLDER},
	{"closed, by the one who connected", seen_closing, {}, WITNESSED},
	{"closed, and opened by another user", seen_anothers, {}, UID_ONLY},
	{"its socket was seen opened", seen_opening, {}, HOLDER},
	{"opened, and closed",
	 seen_opened,
	 {},
	 TELL(CREATOR, NO_SOCKET, NONE, NOBODY)},
};

static void expect(const struct scene *s)
{
	const struct world_told *t = &world.told[0];
	const char *reason = sockowner_reason_text(t->reason);

	if (world.ntold == 0)
		fail_msg("%s: nothing was told", s->name);
	if (t->grade != s->grade || t->reason != s->reason ||
	    t->method != s->method || t->named != world_pid(s->named) ||
	    (s->named == SENDER && t->image != 10))
		fail_msg("%s: %s (%s) by %s, named %d, program %u", s->name,
			 sockowner_grade_name(t->grade),
			 reason != NULL ? reason : "",
			 sockowner_method_name(t->method), t->named, t->image);
}

static void play(const struct scene *s)
{
	s->begins();
	memcpy(world.script, s->script, sizeof(world.script));
	if (getenv("WORLD_TRACE") != NULL)
		printf("# %s\n", s->name);
	world_run(TURNS);
	expect(s);
}

/* ------------------------------------------- the flow that has had its event
 */

#define THEN(...) AFTER(FACTS, 3, __VA_ARGS__) /* all is read */

/* What happens then, before the next packet; is that one told as well? */
static const struct {
	struct happening script[WORLD_SCRIPT];
	size_t ntold;
	enum who named;
} nexts[] = {
	{{THEN(FOLLOWED)}, 1, NOBODY},
	{{THEN(FOLLOWED), THEN(FOLLOWED)}, 1, NOBODY},
	{{THEN(BORN), THEN(FOLLOWED)}, 1, NOBODY},
	{{THEN(GETS_IT, OTHER), THEN(EXITS, SENDER), THEN(FOLLOWED)}, 2, OTHER},
	{{THEN(GETS_IT, OTHER), THEN(CLOSES, SENDER), THEN(FOLLOWED)},
	 2,
	 OTHER},
	{{THEN(EXITS, SENDER), THEN(CROWDED)}, 2, NOBODY},
	{{THEN(RIVALLED)}, 2, OTHER},
	{{THEN(REINCARNATED), THEN(CROWDED)}, 2, NOBODY},
	{{THEN(CROWDED)}, 2, NOBODY},
};

static void test_next_packet(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++) {
		datagram();
		memcpy(world.script, nexts[i].script, sizeof(world.script));
		world_run(TURNS);
		assert_int_equal(world.told[0].named, world_pid(SENDER));
		if (world.ntold != nexts[i].ntold ||
		    world.told[1].named != (nexts[i].named != NOBODY
						    ? world_pid(nexts[i].named)
						    : 0))
			fail_msg("%zu: %zu told, named %d", i, world.ntold,
				 world.told[1].named);
	}
}

static void test_scene(void **state)
{
	play(*state);
}

static void add(struct CMUnitTest *tests, size_t *n, const char *step,
		const struct scene *scenes, size_t nscenes)
{
	static char names[TESTS_MAX][96];

	for (size_t i = 0; i < nscenes; i++, (*n)++) {
		assert_true(*n < TESTS_MAX);
		snprintf(names[*n], sizeof(names[0]), "%s: %s", step,
			 scenes[i].name);
		tests[*n] = (struct CMUnitTest){
			.name = names[*n],
			.test_func = test_scene,
			.initial_state = (void *)&scenes[i],
		};
	}
}

#define ADD(step, scenes) add(tests, &n, step, scenes, ARRAY_SIZE(scenes))

int main(void)
{
	static struct CMUnitTest tests[TESTS_MAX];
	size_t n = 0;

	world_keep_memory();
	ADD("finding", finding);
	ADD("sweeping", sweeping);
	ADD("iterating", iterating);
	ADD("looking again", looking_again);
	ADD("weighing", weighing);
	ADD("describing", describing);
	ADD("connect", connects);
	ADD("connection", connections);
	ADD("raw", raws);
	ADD("witness", witnessed);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_next_packet);
	return _cmocka_run_group_tests("grading", tests, n, NULL, NULL);
}
