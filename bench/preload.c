/* SPDX-License-Identifier: ISC */
/* What the shim costs each program that is executed: the same exec with the
 * shim preloaded, with a library that is empty, and with none. */

#define _GNU_SOURCE

#include <sys/wait.h>

#include <err.h>
#include <spawn.h>
#include <stdio.h>

#include "contest.h"
#include "measure.h"

#define TURNS	3000

enum { SHIM, EMPTY, NONE, WAYS };

/* The environment of each way. */
static char *environments[WAYS][2];
static char *program[2];

static int
once(const struct way *way, double *us)
{
	double start = measure_clock();
	pid_t pid;
	int status;

	if (posix_spawn(&pid, program[0], NULL, NULL, program,
	    environments[way->size]) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0) {
		warnx("cannot run %s", program[0]);
		return -1;
	}
	us[BLOCKED] = us[WHOLE] = measure_clock() - start;
	return 0;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {
		[SHIM] = "shim", [EMPTY] = "empty library", [NONE] = "nothing"
	};
	struct way ways[WAYS];
	struct contest contest = {
		.name = "preload", .ways = ways, .nways = WAYS, .turns = TURNS,
	};

	if (argc != 5)
		errx(2, "usage: preload seconds shim empty-library program");
	contest.seconds = contest_seconds(argv[1]);
	program[0] = argv[4];
	for (unsigned i = 0; i < WAYS; i++) {
		ways[i] = (struct way){
			.name = names[i], .at = program[0], .once = once,
			.size = i,
		};
		if (i != NONE && asprintf(&environments[i][0],
		    "LD_PRELOAD=%s", argv[2 + i]) == -1)
			err(1, NULL);
	}
	if (contest_run(&contest) == -1)
		return 1;
	for (size_t i = 0; i < WAYS; i++)
		contest_print(&contest, i, WHOLE);
	contest_print_ratio(&contest, SHIM, EMPTY, WHOLE);
	contest_print_ratio(&contest, SHIM, NONE, WHOLE);
	return 0;
}
