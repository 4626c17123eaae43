/* SPDX-License-Identifier: ISC */
/* How many commands are started and ended in a second: bursts of ours and of
 * posix_spawn() with a pipe, from one thread that keeps many in flight, and
 * from several that each wait for theirs. */

#define _GNU_SOURCE

#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "measure.h"
#include "peers.h"

#define BURST		64
#define IN_FLIGHT	16
#define MOST_THREADS	8
#define TURNS		2000

static char *argv_of_static[2];
static struct command command = { NULL, argv_of_static };

struct share {
	const struct peer *peer;
	size_t launches, in_flight;
	bool failed;
};

/* The oldest in flight is waited for before the next is started. */
static void *
launch_all(void *arg)
{
	struct share *share = arg;
	struct launch ring[IN_FLIGHT];
	size_t width = share->in_flight, i;

	for (i = 0; i < share->launches + width; i++) {
		struct launch *place = &ring[i % width];

		if (i >= width && share->peer->finish(place) != 0)
			share->failed = true;
		*place = (struct launch){ .fd = -1 };
		if (i < share->launches &&
		    share->peer->start(place, &command) == -1) {
			share->failed = true;
			break;
		}
	}
	return NULL;
}

/* Microseconds for each command; size is the number of threads, 0 for one with
 * many in flight. */
static int
burst(const struct way *way, double *us)
{
	size_t threads = way->size > 0 ? way->size : 1, i;
	double start = measure_clock();
	struct share shares[MOST_THREADS];
	pthread_t ids[MOST_THREADS];
	bool failed = false;

	for (i = 0; i < threads; i++)
		shares[i] = (struct share){
			way->peer, BURST / threads,
			way->size > 0 ? 1 : IN_FLIGHT, false
		};
	for (i = 1; i < threads; i++)
		if (pthread_create(&ids[i], NULL, launch_all, &shares[i]) != 0)
			errx(1, "no thread");
	launch_all(&shares[0]);
	for (i = 0; i < threads; i++) {
		if (i > 0)
			pthread_join(ids[i], NULL);
		failed = failed || shares[i].failed;
	}
	us[BLOCKED] = us[WHOLE] = (measure_clock() - start) / BURST;
	return failed ? -1 : 0;
}

/* The rate is what the time is not: posix_spawn's time over ours is our rate
 * over posix_spawn's. */
static int
run(size_t threads, double seconds)
{
	char at[24];
	struct way ways[] = {
		{ .name = "spopen", .peer = &peer_spopen },
		{ .name = "posix_spawn", .peer = &peer_posix_spawn },
	};
	struct contest contest = {
		.name = "rate", .ways = ways, .nways = 2, .turns = TURNS,
		.seconds = seconds,
	};

	snprintf(at, sizeof(at), "%zu", threads);
	for (size_t i = 0; i < 2; i++) {
		ways[i].at = threads > 0 ? at : "16 in flight";
		ways[i].once = burst;
		ways[i].size = threads;
	}
	if (contest_run(&contest) == -1)
		return 1;
	contest_print(&contest, 0, WHOLE);
	contest_print(&contest, 1, WHOLE);
	contest_print_ratio(&contest, 1, 0, WHOLE);
	free(contest.values);
	return 0;
}

int
main(int argc, char **argv)
{
	double seconds;
	int missed;

	if (argc != 3)
		errx(2, "usage: rate seconds program");
	seconds = contest_seconds(argv[1]) / 5;
	command.text = argv_of_static[0] = argv[2];
	missed = run(0, seconds);
	for (size_t threads = 1; threads <= MOST_THREADS; threads *= 2)
		missed |= run(threads, seconds);
	return missed;
}
