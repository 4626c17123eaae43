/* SPDX-License-Identifier: ISC */
/* What the files of t/stress share, in a section for each file. */

#ifndef STRESS_H
#define STRESS_H

#include "fixture.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "spawnio/how.h"

#define SKIPPED		77
#define PLAYERS		16
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* --- stress.c: the program --- */

/* What the numbers begin with that the threads draw. */
extern uint64_t seed;

/* Process ids are few here. */
extern bool scarce;

/* What has been done so far. */
struct tally {
	atomic_uint launches, signals, forks, cancels, changes, switches, stops,
	    kills, deaths, plugins, static_plugins, departures, refusals;
};
extern struct tally tally;

/* A plug-in has the shared library, or a library of its own in it. */
enum plugin_kind { PLUGIN_SHARED, PLUGIN_STATIC };

/* Where the programs are, and the plug-ins. */
extern char own_path[PATH_MAX], parrot[PATH_MAX], plugin_path[2][PATH_MAX];

/* Or was an engine asked for, which is to be tried and no other? */
bool gate_chooses(void);

/* --- stress-workers.c: the threads --- */

/* One thread.  All but the players disturb. */
struct worker {
	pthread_t thread;
	const char *name;
	void (*turn)(void);
	int number;
	uint64_t random;
	unsigned launches;
	sigset_t mask;
	const char *_Atomic doing;
	atomic_uint turns;
	atomic_bool reads_environ;
	atomic_bool finished;
	unsigned turns_seen;	/* by the watch, and when */
	time_t seen;
};

/* All of them, how many they are, and the one that this thread is. */
extern struct worker cast[PLAYERS + 16];
extern size_t workers;
extern _Thread_local struct worker *me;

/* One more, whose thread is yet to be made. */
struct worker *engage(const char *name, void (*turn)(void));

/* A number below n; and whether it is 0. */
unsigned draw(unsigned n);
bool once_in(unsigned n);

/* What is called next: no call changes errno if it is successful. */
void calling(const char *name);
void called(void);

/* Write to the standard error. */
void say(const char *format, ...) FIXTURE_PRINTF(1, 2);

/* Who is where: as they say, and as the kernel does. */
void say_states(void);

/* Say what this thread has found, and with which seed, and abort. */
__attribute__((__noreturn__)) FIXTURE_PRINTF(1, 2)
void wrong(const char *format, ...);

/* --- stress-storm.c: who takes part --- */

/* All take turns, the players so many, for so many seconds at most. */
void blow(int count, int seconds);

/* Take one of the players' turns: false if there is none, or no time. */
bool turn_is_left(void);

/* Every thread has had one. */
void check_turns(void);

/* --- stress-environ.c: the environment --- */

/* The value of SPAWNIO_STRESS, which children are to find. */
extern char setting[64];

/* Called once, first: the environment as it is is the one to change. */
void keep_environ(void);

/* The environment does not change between the two. */
void begin_reading(void);
void end_reading(void);

/* A turn: it changes. */
void change_environ(void);

/* --- stress-orders.c: what is launched --- */

/* A command, also as arguments, and what it is to say and to exit with. */
struct order {
	char jobs[8];
	char token[32];
	char setting[64];
	unsigned code;
	char digits[8];
	char command[PATH_MAX + 128];
	char *argv[5];
};

/* So many forms of a command, the first, take no shell. */
#define DIRECT_FORMS	4

/* A form; and one of a command that is to be ended: never beside a shell, after
 * whose end it would go on. */
unsigned draw_form(void);
unsigned draw_nap(void);

/* The jobs are those of t/parrot.c. */
void write_order(struct order *order, const char *jobs, unsigned form);

/* The same, and the environment stays until the launch is made or refused. */
void place_order(struct order *order, const char *jobs, unsigned form);

/* The launch is made.  The command's bytes are the caller's again. */
void forget_order(struct order *order);

/* No launch was made: process ids may have run out, and then there is to be
 * nothing. */
void refused(void);

/* Ask for the command, or for the same as arguments. */
void choose_how(struct spawnio_how *how, struct order *order);

/* And for more, which must change nothing; plain: what posix_spawn can do. */
void prepare(struct spawnio_how *how, struct order *order, bool plain);

/* Place an order, and launch it: NULL if that was refused. */
FILE *open_stream(struct order *order, const char *jobs, const char *type);

/* Launch what was ordered, with pipes: false if that was refused. */
bool start_child(struct spawnio_how *how, struct order *order,
    struct spawnio_child *child);

/* Close it: the status must be the order's, what was said as expected. */
void close_stream(const struct order *order, FILE *stream, const char *said,
    const char *expected);

/* The child's status, when it has ended. */
int end_of(struct spawnio_child *child);

/* The same for a status that is known. */
void check_status(const struct order *order, int status, const char *said,
    const char *expected);

/* No more children have died of it than were killed. */
bool was_killed(int status);

/* Read all there is, or what there is room for. */
void read_text(int fd, char *text, size_t size);

/* --- stress-players.c: the calls --- */

/* A player's turn, if one is left. */
void play(void);

/* --- stress-disturbances.c: those who disturb --- */

/* Handle signals, in this process only: elsewhere the handler aborts. */
void catch_signals(void);

/* Their actions are still those. */
void check_dispositions(void);

/* fork(2), and the handler may run in the child. */
pid_t fork_self(void);

/* Loaded, unless the handle is NULL. */
struct plugin {
	void *handle;
	FILE *(*open)(const char *command, const char *type);
	int (*close)(FILE *stream);
};
void open_plugin(struct plugin *plugin, enum plugin_kind kind);

/* Turns: a signal for a player, a fork that launches, a call that is cancelled,
 * another engine, a child that is stopped, a plug-in that launches. */
void drum(void);
void fork_one(void);
void cancel_one(void);
void switch_engine(void);
void bully(void);
void load_plugin(void);

/* --- stress-departures.c: processes that leave --- */

/* A turn: another process of this program leaves. */
void leave_one(void);

/* What that process does: in which way, and after how many microseconds. */
__attribute__((__noreturn__))
void leave(const char *how, const char *after);

/* --- stress-belongings.c: what is left --- */

/* What this process has, in bytes and in numbers, and what was unloaded. */
struct belongings {
	long heap, all, maps, plugins;
	int descriptors;
};
struct belongings take_stock(void);

/* It has no child, thread or launch, and hardly more than before. */
void check_belongings(const struct belongings *before);

/* --- stress-few-pids.c: the same where process ids are few --- */

/* Run this program there: 1 if it failed. */
int storm_with_few_pids(void);

#endif
