/* SPDX-License-Identifier: ISC */
/* How long a launch blocks its caller while other processes want the CPUs. */

#include <err.h>
#include <stddef.h>

#include "contest.h"
#include "load.h"
#include "peers.h"

#define PER_CPU	2
#define TURNS	5000

static const struct command command = { "exit 0", NULL };

enum { POPEN, SPOPEN, WAYS };

static const struct way ways[WAYS] = {
	[POPEN] = {
		.name = "popen", .at = "busy",
		.once = peer_once, .peer = &peer_popen, .command = &command,
	},
	[SPOPEN] = {
		.name = "spopen", .at = "busy",
		.once = peer_once, .peer = &peer_spopen, .command = &command,
	},
};

int
main(int argc, char **argv)
{
	struct contest contest = {
		.name = "load", .ways = ways, .nways = WAYS, .turns = TURNS,
	};
	struct load load;
	int result, complete;

	if (argc != 2)
		errx(2, "usage: loaded seconds");
	contest.seconds = contest_seconds(argv[1]);
	load_start(&load, PER_CPU);
	complete = load.count == PER_CPU * load.cpus;
	result = contest_run(&contest);
	load_stop(&load);
	if (result == -1)
		return 1;
	contest_print(&contest, POPEN, BLOCKED);
	contest_print(&contest, SPOPEN, BLOCKED);
	contest_print_ratio(&contest, SPOPEN, POPEN, BLOCKED);
	contest_print_p99(&contest, SPOPEN, POPEN, BLOCKED);
	contest_print_quantiles(&contest, POPEN, BLOCKED);
	contest_print_quantiles(&contest, SPOPEN, BLOCKED);
	return complete ? 0 : 1;
}
