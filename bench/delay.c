/* SPDX-License-Identifier: ISC */
/* Threads that launch at the same time while each exec is slow to begin, as
 * from a file system that is far away: do they queue? */

#define _GNU_SOURCE

#include <err.h>
#include <pthread.h>
#include <stdlib.h>

#include "contest.h"
#include "measure.h"
#include "peers.h"
#include "spawnio.h"
#include "supervisor.h"

#define THREADS		8
#define DELAY_MS	100
#define TURNS		30

static struct command command = { NULL, NULL };

/* The delay is that of the one exec of a child of ours, be it the program or a
 * shell, which may take its time over the next. */
static int
slow_down(const struct way *way)
{
	struct supervisor *supervisor = sv_start(NULL, 0);

	if (supervisor == NULL) {
		warnx("%s: the kernel lets no exec be delayed", way->name);
		return -1;
	}
	atomic_store(&supervisor->delay, DELAY_MS);
	return 0;
}

static void *
open_and_close(void *arg)
{
	const struct way *way = arg;
	double us[SPANS];

	return peer_once(way, us) == 0 ? arg : NULL;
}

static void *
run_system(void *arg)
{
	return system(command.text) == 0 ? arg : NULL;
}

static void *
run_ssystem(void *arg)
{
	return ssystem(command.text) == 0 ? arg : NULL;
}

/* In delays, not microseconds. */
static int
in_threads(const struct way *way, double *delays, void *(*run)(void *))
{
	double start = measure_clock();
	pthread_t threads[THREADS];
	int result = 0;
	void *done;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run, (void *)way) != 0)
			errx(1, "%s: no thread", way->name);
	for (int i = 0; i < THREADS; i++)
		if (pthread_join(threads[i], &done) != 0 || done == NULL)
			result = -1;
	delays[BLOCKED] = delays[WHOLE] =
	    (measure_clock() - start) / (DELAY_MS * 1e3);
	return result;
}

static int
streams(const struct way *way, double *delays)
{
	return in_threads(way, delays, open_and_close);
}

static int
systems(const struct way *way, double *delays)
{
	return in_threads(way, delays, run_system);
}

static int
ssystems(const struct way *way, double *delays)
{
	return in_threads(way, delays, run_ssystem);
}

static const struct way ways[] = {
	{ .name = "popen", .once = streams, .peer = &peer_popen },
	{ .name = "spopen", .once = streams, .peer = &peer_spopen },
	{ .name = "system", .once = systems },
	{ .name = "ssystem", .once = ssystems },
};

#define WAYS	(sizeof(ways) / sizeof(ways[0]))

int
main(int argc, char **argv)
{
	struct way all[WAYS];
	struct contest contest = {
		.name = "delay", .unit = "delays", .ways = all,
		.nways = WAYS, .turns = TURNS,
	};

	if (argc != 3)
		errx(2, "usage: delay seconds program");
	command.text = argv[2];
	contest.seconds = contest_seconds(argv[1]);
	for (size_t i = 0; i < WAYS; i++) {
		all[i] = ways[i];
		all[i].at = "8 threads";
		all[i].prepare = slow_down;
		all[i].command = &command;
	}
	if (contest_run(&contest) == -1)
		return 1;
	for (size_t i = 0; i < WAYS; i++)
		contest_print(&contest, i, WHOLE);
	return 0;
}
