/* SPDX-License-Identifier: ISC */
/* How long a launch blocks its caller, at several amounts of resident memory.
 * README.md beside this. */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "measure.h"
#include "memory.h"
#include "peers.h"
#include "spawnio.h"

#define SIZES	4
#define PEERS	6
#define TURNS	2000

/* fork() at gigabytes takes longer than all others together. */
#define FORK_EVERY	8

static char *const argv_of_shell[] = {
	(char *)"/bin/sh", (char *)"-c", (char *)"exit 0", NULL
};
static const struct command command = { "exit 0", argv_of_shell };

static const struct peer *const peers[] = {
	&peer_popen, &peer_spopen, &peer_posix_spawn, &peer_vfork, &peer_fork,
#ifdef SPIO_NATIVE
	&peer_clone,
#endif
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Their places in each size's ways. */
enum { POPEN, SPOPEN };

static int
hold(const struct way *way)
{
	return memory_hold(way->size);
}

static size_t
add_size(struct way *ways, unsigned place, size_t size, const char *label)
{
	size_t n;

	for (n = 0; n < COUNT(peers); n++)
		ways[n] = (struct way){
			.name = peers[n]->name, .at = label, .place = place,
			.every = peers[n] == &peer_fork ? FORK_EVERY : 1,
			.prepare = hold, .once = peer_once,
			.peer = peers[n], .command = &command, .size = size,
		};
	return n;
}

/* Of popen() at no memory; and of each its growth. */
static void
print_sizes(const struct contest *contest)
{
	size_t largest = (SIZES - 1) * COUNT(peers);

	for (size_t i = 0; i < contest->nways; i++) {
		contest_print(contest, i, BLOCKED);
		contest_print_ratio(contest, i, POPEN, BLOCKED);
	}
	for (size_t i = 0; i < COUNT(peers); i++)
		contest_print_ratio(contest, largest + i, i, BLOCKED);
}

/* In steps of four up to most. */
static size_t
add_sizes(struct way *ways, size_t most)
{
	static char labels[SIZES][24];
	size_t n = 0;

	for (unsigned i = 0; i < SIZES; i++) {
		size_t size = i == 0 ? 0 : most >> 2 * (SIZES - 1 - i);

		snprintf(labels[i], sizeof(labels[i]), "%zu", size >> 20);
		n += add_size(ways + n, i, size, labels[i]);
	}
	return n;
}

static int
run_sizes(double seconds, size_t wanted)
{
	struct way ways[SIZES * PEERS];
	struct contest contest = {
		.name = "resident", .ways = ways, .turns = TURNS,
		.seconds = seconds,
	};
	/* All sizes are held at once. */
	size_t most = memory_affordable(wanted / 16 * 21) / 21 * 16;

	if (most < wanted)
		warnx("%zu MiB resident, not %zu: it is half of what is free",
		    most >> 20, wanted >> 20);
	contest.nways = add_sizes(ways, most);
	if (contest_run(&contest) == -1)
		return 1;
	print_sizes(&contest);
	free(contest.values);
	return 0;
}

#ifdef SPIO_NATIVE
/* Root's engine: libspawnio(7). */
static int
take_vfork(const struct way *way)
{
	if (spawnio_set_engine(SPAWNIO_ENGINE_VFORK) == -1) {
		warn("%s", way->name);
		return -1;
	}
	return 0;
}
#endif

/* Each pair in a process without the others. */
static int
run_pair(const char *name, int (*prepare)(const struct way *),
    const struct peer *one, const struct peer *other, double seconds)
{
	struct way ways[] = {
		{ .name = one->name, .peer = one },
		{ .name = other->name, .peer = other },
	};
	struct contest contest = {
		.name = name, .ways = ways, .nways = 2, .turns = TURNS,
		.seconds = seconds,
	};

	for (size_t i = 0; i < 2; i++) {
		ways[i].at = "0";
		ways[i].prepare = prepare;
		ways[i].once = peer_once;
		ways[i].command = &command;
	}
	if (contest_run(&contest) == -1)
		return 1;
	contest_print(&contest, 0, BLOCKED);
	contest_print(&contest, 1, BLOCKED);
	contest_print_ratio(&contest, 0, 1, BLOCKED);
	free(contest.values);
	return 0;
}

int
main(int argc, char **argv)
{
	double seconds;
	int missed;

	if (argc != 3)
		errx(2, "usage: blocked seconds MiB");
	seconds = contest_seconds(argv[1]);
	missed = run_pair("return", NULL, &peer_spopen, &peer_popen,
	    seconds / 12);
#ifdef SPIO_NATIVE
	missed |= run_pair("return", NULL, &peer_spopen, &peer_clone,
	    seconds / 12);
	missed |= run_pair("return", NULL, &peer_spopen, &peer_clone_calls,
	    seconds / 12);
	missed |= run_pair("return", NULL, &peer_clone, &peer_popen,
	    seconds / 12);
	missed |= run_pair("vfork", take_vfork, &peer_spopen, &peer_popen,
	    seconds / 12);
#endif
	return run_sizes(seconds * 7 / 12,
	    (size_t)strtoull(argv[2], NULL, 10) << 20) | missed;
}
