/* SPDX-License-Identifier: ISC */
/* What one more launch costs a process that has many streams open, or many
 * descriptors. */

#define _GNU_SOURCE

#include <sys/resource.h>

#include <err.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contest.h"
#include "measure.h"
#include "peers.h"
#include "spawnio.h"

#define STREAMS		500
#define DESCRIPTORS	10000
#define SPARE		50
#define TURNS		2000
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static char *const argv_of_shell[] = {
	(char *)"/bin/sh", (char *)"-c", (char *)"exit 0", NULL
};
static const struct command command = { "exit 0", argv_of_shell };

static int
raise_limit(rlim_t least)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_max < least) {
		warnx("no %ju descriptors to be had", (uintmax_t)least);
		return -1;
	}
	if (limit.rlim_cur < least) {
		limit.rlim_cur = least;
		return setrlimit(RLIMIT_NOFILE, &limit);
	}
	return 0;
}

/* The bare clone has one stack for all: its command has to be executed before
 * the next.  It is waited for with the process. */
static int
open_stream(const struct way *way)
{
	struct launch launch = { .stream = NULL };
	struct pollfd output = { .events = POLLIN };

	if (way->peer->start(&launch, way->command) == -1)
		return -1;
	output.fd = launch.stream != NULL ? fileno(launch.stream) : launch.fd;
	return poll(&output, 1, -1) == 1 ? 0 : -1;
}

static int
open_streams(const struct way *way)
{
	if (raise_limit(way->size + SPARE) == -1)
		return -1;
	for (size_t i = 0; i < way->size; i++)
		if (open_stream(way) == -1) {
			warn("%s: stream %zu", way->name, i);
			return -1;
		}
	return 0;
}

static int
open_descriptors(const struct way *way)
{
	if (raise_limit(way->size + SPARE) == -1)
		return -1;
	for (size_t i = 0; i < way->size; i++)
		if (open("/dev/null", O_RDONLY) == -1) {
			warn("descriptor %zu", i);
			return -1;
		}
	return 0;
}

enum { NONE, FULL };
enum { POPEN };	/* the first of the peers */

/* Peers by turns, each in a process that has none and in one that has size. */
static int
run(struct contest *contest, const struct peer *const *peers, size_t npeers,
    int (*prepare)(const struct way *), size_t size)
{
	static struct way ways[6];
	static char at[24];

	snprintf(at, sizeof(at), "%zu", size);
	for (size_t i = 0; i < 2 * npeers; i++)
		ways[i] = (struct way){
			.name = peers[i / 2]->name, .place = (unsigned)i,
			.at = i % 2 == NONE ? "0" : at,
			.prepare = i % 2 == NONE ? NULL : prepare,
			.once = peer_once, .peer = peers[i / 2],
			.command = &command, .size = size,
		};
	contest->ways = ways;
	contest->nways = 2 * npeers;
	contest->turns = TURNS;
	if (contest_run(contest) == -1)
		return 1;
	for (size_t i = 0; i < contest->nways; i++) {
		contest_print(contest, i, BLOCKED);
		contest_print(contest, i, WHOLE);
	}
	for (size_t i = FULL; i < contest->nways; i += 2) {
		contest_print_ratio(contest, i, i - 1, BLOCKED);
		contest_print_ratio(contest, i, i - 1, WHOLE);
	}
	return 0;
}

/* In turn i. */
static double
growth(const struct contest *contest, size_t peer, enum span span, size_t i)
{
	return contest_value(contest, 2 * peer + FULL, span, i) /
	    contest_value(contest, 2 * peer + NONE, span, i);
}

/* How much more a peer grows than popen. */
static void
print_growth(const struct contest *contest, size_t peer, enum span span)
{
	double *ratio = calloc(contest->n, sizeof(*ratio));
	struct record record = {
		contest->name, contest->ways[FULL].at, NULL, "popen's growth",
		span == BLOCKED ? "ratio blocked" : "ratio"
	};
	char name[40];

	if (ratio == NULL)
		err(1, "%zu turns", contest->n);
	snprintf(name, sizeof(name), "%s's growth",
	    contest->ways[2 * peer].name);
	record.way = name;
	for (size_t i = 0; i < contest->n; i++)
		ratio[i] = growth(contest, peer, span, i) /
		    growth(contest, POPEN, span, i);
	measure_print_median(&record, ratio, contest->n);
	free(ratio);
}

int
main(int argc, char **argv)
{
	static const struct peer *const peers[] = {
		[POPEN] = &peer_popen, &peer_spopen,
#ifdef SPIO_NATIVE
		&peer_clone,
#endif
	};
	struct contest streams = { .name = "streams" };
	struct contest descriptors = { .name = "descriptors" };
	int missed;

	if (argc != 2)
		errx(2, "usage: crowd seconds");
	streams.seconds = descriptors.seconds = contest_seconds(argv[1]) / 2;
	missed = run(&streams, peers, COUNT(peers), open_streams, STREAMS);
	if (run(&descriptors, peers, COUNT(peers), open_descriptors,
	    DESCRIPTORS) != 0)
		return 1;
	for (size_t i = POPEN + 1; i < COUNT(peers); i++) {
		print_growth(&descriptors, i, BLOCKED);
		print_growth(&descriptors, i, WHOLE);
	}
	return missed;
}
