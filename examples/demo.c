/* SPDX-License-Identifier: ISC */
/* What the library does, shown on real commands, step by step. */

#define _GNU_SOURCE

#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contest.h"
#include "measure.h"
#include "memory.h"
#include "peers.h"
#include "spawnio.h"

#define PAIRS			150
#define SECONDS_FOR_PAIRS	2
#define SECONDS_IN_ALL		60

static void
print_status(const char *command, int status)
{
	if (status == -1)
		warn("%s", command);
	else if (WIFSIGNALED(status))
		printf("%s: killed by signal %d, %s\n", command,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		printf("%s: exit status %d\n", command, WEXITSTATUS(status));
}

/* Print all that command writes; the number of lines, its status. */
static size_t
print_output(const char *command, int *status)
{
	char line[1024];
	size_t lines = 0;
	FILE *stream;

	*status = -1;
	if ((stream = spopen(command, "r")) == NULL) {
		warn("%s", command);
		return 0;
	}
	while (fgets(line, sizeof(line), stream) != NULL) {
		fputs(line, stdout);
		lines++;
	}
	*status = spclose(stream);
	print_status(command, *status);
	return lines;
}

static bool
read_output(void)
{
	int status;
	size_t lines;

	lines = print_output("ls -l /usr/bin | sort -n -k 5 | tail -n 3",
	    &status);
	return lines == 3 && status == 0;
}

/* The command counts what arrives: its exit status says if all of it did. */
static bool
write_input(void)
{
	static const char command[] = "sort | uniq -c | sort -rn |"
	    " awk '{ print; n += $1 } END { exit n != 5000 }'";
	int status;
	FILE *stream;

	if ((stream = spopen(command, "w")) == NULL) {
		warn("%s", command);
		return false;
	}
	for (unsigned i = 1; i <= 5000; i++)
		fprintf(stream, "%u\n", i * i % 10);
	status = spclose(stream);
	print_status("sort | uniq -c | sort -rn", status);
	return status == 0;
}

/* The shutdown is the end of file for the command, which answers after it. */
static bool
converse(FILE *stream)
{
	char answer[128];

	for (unsigned i = 1; i <= 1000; i++)
		fprintf(stream, "%u\n", i);
	if (fflush(stream) == EOF || shutdown(fileno(stream), SHUT_WR) == -1) {
		warn("two-way stream");
		return false;
	}
	if (fgets(answer, sizeof(answer), stream) == NULL)
		return false;
	fputs(answer, stdout);
	return strcmp(answer, "1000 numbers, sum 500500\n") == 0;
}

static bool
two_way(void)
{
	static const char command[] =
	    "awk '{ sum += $1 } END { print NR \" numbers, sum \" sum }'";
	bool right;
	int status;
	FILE *stream;

	if ((stream = spopen(command, "r+")) == NULL) {
		warn("%s", command);
		return false;
	}
	right = converse(stream);
	status = spclose(stream);
	print_status("awk", status);
	return right && status == 0;
}

static bool
run_and_wait(void)
{
	int exited, killed;

	exited = ssystem("exit 3");
	print_status("exit 3", exited);
	killed = ssystem("kill -KILL $$");
	print_status("kill -KILL $$", killed);
	return WIFEXITED(exited) && WEXITSTATUS(exited) == 3 &&
	    WIFSIGNALED(killed) && WTERMSIG(killed) == SIGKILL;
}

static bool
no_such_command(void)
{
	int status;
	size_t lines;

	lines = print_output("no-such-command 2>&1", &status);
	return lines > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127;
}

static int
hold(const struct way *way)
{
	return memory_hold(way->size);
}

static void
print_measured(const struct contest *contest)
{
	const size_t n = contest->n;
	double us[2][PAIRS], ratio[PAIRS];

	for (size_t i = 0; i < n; i++) {
		us[0][i] = contest_value(contest, 0, BLOCKED, i);
		us[1][i] = contest_value(contest, 1, BLOCKED, i);
		ratio[i] = us[1][i] / us[0][i];
	}
	measure_sort(us[0], n);
	measure_sort(us[1], n);
	measure_sort(ratio, n);
	printf("%9zu %6zu %9.1f %9.1f %12.3f  half in %.3f to %.3f\n",
	    contest->ways[0].size >> 20, n, measure_quantile(us[0], n, 0.5),
	    measure_quantile(us[1], n, 0.5), measure_quantile(ratio, n, 0.5),
	    measure_quantile(ratio, n, 0.25),
	    measure_quantile(ratio, n, 0.75));
}

/* Both in one process, in turns. */
static bool
measure_size(size_t size)
{
	static const struct command command = { "exit 0", NULL };
	struct way ways[2] = {
		{ .name = "popen", .peer = &peer_popen },
		{ .name = "spopen", .peer = &peer_spopen },
	};
	struct contest contest = {
		.name = "blocked", .ways = ways, .nways = 2, .turns = PAIRS,
		.seconds = SECONDS_FOR_PAIRS,
	};
	bool done;

	for (size_t i = 0; i < 2; i++) {
		ways[i].prepare = hold;
		ways[i].once = peer_once;
		ways[i].command = &command;
		ways[i].size = memory_affordable(size);
	}
	done = contest_run(&contest) == 0;
	if (done)
		print_measured(&contest);
	free(contest.values);
	return done;
}

/* At no memory to speak of, and at 1 GiB. */
static bool
measure_engine(void)
{
	const char *engine, *reason;
	bool done;

	printf("%9s %6s %9s %9s %12s\n", "resident", "", "popen", "spopen",
	    "");
	printf("%9s %6s %9s %9s %12s\n", "MiB", "pairs", "us", "us",
	    "ratio by pair");
	done = measure_size(0) && measure_size((size_t)1 << 30);
	engine = spawnio_engine(&reason);
	if (done)
		printf("engine of spopen: %s (%s)\n", engine, reason);
	return done;
}

/* Root's engine is the cautious one, and not all that there is to show. */
static bool
time_blocked(void)
{
	if (!measure_engine())
		return false;
	if (geteuid() != 0 || strcmp(spawnio_engine(NULL), "vfork") != 0 ||
	    spawnio_set_engine(SPAWNIO_ENGINE_AVFORK) == -1)
		return true;
	printf("\nA root program that gives up rights right after a launch "
	    "could still write to\nmemory that its child runs on. One that "
	    "never does so can ask for avfork:\n\n");
	return measure_engine();
}

static const struct step {
	const char *heading;
	bool (*run)(void);
} steps[] = {
	{ "spopen \"r\": the largest files of /usr/bin", read_output },
	{ "spopen \"w\": last digits of 5000 squares, counted", write_input },
	{ "spopen \"r+\": numbers there, their sum back", two_way },
	{ "ssystem: how a command ended", run_and_wait },
	{ "spopen: a command that is not there", no_such_command },
	{ "Time that a launch of \"exit 0\" blocks its caller", time_blocked },
};

int
main(void)
{
	size_t failed = 0;

	/* The commands write there too, each in its turn. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(SECONDS_IN_ALL);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		printf("%s== %s\n", i > 0 ? "\n" : "", steps[i].heading);
		if (!steps[i].run()) {
			printf("FAILED: this step did not do what it says\n");
			failed++;
		}
	}
	return failed > 0 || fflush(stdout) == EOF;
}
