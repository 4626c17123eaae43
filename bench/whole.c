/* SPDX-License-Identifier: ISC */
/* The whole of a call, from the start of a command to its status: libc's, ours,
 * what other libraries have, and the least that can be done without any. */

#define _GNU_SOURCE

#include <sys/wait.h>

#include <err.h>
#include <stdlib.h>

#include "contest.h"
#include "measure.h"
#include "peers.h"
#include "spawnio.h"

#define TURNS	3000
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static int
once(const struct way *way, double *us, int (*run)(const struct command *))
{
	double start = measure_clock();
	int status = run(way->command);

	us[BLOCKED] = us[WHOLE] = measure_clock() - start;
	if (status != 0)
		warnx("%s: status %#x", way->name, (unsigned)status);
	return status == 0 ? 0 : -1;
}

static int
run_system(const struct command *command)
{
	return system(command->text);
}

static int
run_ssystem(const struct command *command)
{
	return ssystem(command->text);
}

static int
run_vfork(const struct command *command)
{
	pid_t pid = peer_vfork_child(command, -1);
	int status;

	return pid != -1 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static int
system_once(const struct way *way, double *us)
{
	return once(way, us, run_system);
}

static int
ssystem_once(const struct way *way, double *us)
{
	return once(way, us, run_ssystem);
}

static int
vfork_once(const struct way *way, double *us)
{
	return once(way, us, run_vfork);
}

/* Each row: libc's, ours, bare, and others.  Those from LIBRARIES on have
 * threads or signal handlers, so each gets a process of its own. */
enum { LIBC, OURS, BARE, OTHERS, LIBRARIES = 5 };

static char *const argv_of_echo[] = { (char *)"/bin/echo", (char *)"hi", NULL };
static char *const argv_of_shell[] = {
	(char *)"/bin/sh", (char *)"-c", (char *)"/bin/echo hi; exit 0", NULL
};
static char *argv_of_static[2];
static const struct command simple = { "/bin/echo hi", argv_of_echo };
static const struct command shell = { "/bin/echo hi; exit 0", argv_of_shell };
static struct command small = { NULL, argv_of_static };

static const struct peer *const peers[] = {
	&peer_popen, &peer_spopen, &peer_vfork, &peer_posix_spawn, &peer_fork,
#ifdef HAVE_LIBPIPELINE
	&peer_libpipeline,
#endif
#ifdef HAVE_GSUBPROCESS
	&peer_gsubprocess,
#endif
#ifdef HAVE_LIBUV
	&peer_libuv,
#endif
};

struct row {
	const char *name;
	const struct command *command;
	size_t nways;		/* 0: all the peers */
	double share;		/* of the time */
};

static const struct row streams[] = {
	{ "stream simple", &simple, 0, 0.3 },
	{ "stream small", &small, 0, 0.15 },
	{ "stream shell", &shell, OTHERS, 0.15 },
};

static const struct row systems[] = {
	{ "system simple", &simple, OTHERS, 0.15 },
	{ "system small", &small, OTHERS, 0.1 },
	{ "system shell", &shell, OTHERS, 0.15 },
};

static int
run(const struct row *row, struct way *ways, double seconds)
{
	struct contest contest = {
		.name = row->name, .ways = ways, .nways = row->nways,
		.turns = TURNS, .seconds = seconds * row->share,
	};

	if (contest.nways == 0)
		contest.nways = COUNT(peers);
	for (unsigned i = 0; i < contest.nways; i++) {
		ways[i].at = "";
		ways[i].place = i < LIBRARIES ? 0 : i;
		ways[i].command = row->command;
	}
	if (contest_run(&contest) == -1)
		return 1;
	for (size_t i = 0; i < contest.nways; i++) {
		contest_print(&contest, i, WHOLE);
		contest_print_ratio(&contest, i, LIBC, WHOLE);
	}
	contest_print_ratio(&contest, OURS, BARE, WHOLE);
	free(contest.values);
	return 0;
}

static int
run_streams(double seconds)
{
	struct way ways[COUNT(peers)] = { { .name = NULL } };
	int missed = 0;

	for (size_t i = 0; i < COUNT(peers); i++) {
		ways[i].name = peers[i]->name;
		ways[i].once = peer_once;
		ways[i].peer = peers[i];
	}
	for (size_t i = 0; i < COUNT(streams); i++)
		missed |= run(&streams[i], ways, seconds);
	return missed;
}

static int
run_systems(double seconds)
{
	struct way ways[OTHERS] = {
		[LIBC] = { .name = "system", .once = system_once },
		[OURS] = { .name = "ssystem", .once = ssystem_once },
		[BARE] = { .name = "vfork+exec", .once = vfork_once },
	};
	int missed = 0;

	for (size_t i = 0; i < COUNT(systems); i++)
		missed |= run(&systems[i], ways, seconds);
	return missed;
}

int
main(int argc, char **argv)
{
	double seconds;

	if (argc != 3)
		errx(2, "usage: whole seconds program");
	seconds = contest_seconds(argv[1]);
	small.text = argv_of_static[0] = argv[2];
	return run_streams(seconds) | run_systems(seconds);
}
