/* SPDX-License-Identifier: ISC */
/* What the library does, shown on real commands, step by step. */

#define _GNU_SOURCE

#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "memory.h"
#include "spawnio.h"

#define PAIRS			150
#define SECONDS_FOR_PAIRS	2
#define SECONDS_FOR_MEMORY	3
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

static double
in_seconds(unsigned seconds)
{
	return measure_clock() + seconds * 1e6;
}

static bool
measure_size(size_t size, struct measure_row *row)
{
	struct measure_plan plan = {
		.command = "exit 0",
		.pairs = PAIRS,
	};
	struct memory memory;
	char label[32];
	int result;

	if (memory_hold(&memory, size, in_seconds(SECONDS_FOR_MEMORY)) == -1)
		return false;
	plan.deadline = in_seconds(SECONDS_FOR_PAIRS);
	result = measure(&plan, row);
	memory_release(&memory);
	if (result == -1)
		return false;
	memory_size(memory.size, label, sizeof(label));
	measure_print(stdout, label, row);
	return true;
}

/* At no memory to speak of, and at 1 GiB; the engine that was used. */
static bool
measure_engine(struct measure_row *row)
{
	bool done;

	measure_print_head(stdout);
	done = measure_size(0, row) && measure_size((size_t)1 << 30, row);
	if (done)
		printf("engine of spopen: %s (%s)\n", row->engine, row->reason);
	return done;
}

/* Root's engine is the cautious one, and not all that there is to show. */
static bool
time_blocked(void)
{
	struct measure_row row;

	if (!measure_engine(&row))
		return false;
	if (geteuid() != 0 || strcmp(row.engine, "vfork") != 0 ||
	    spawnio_set_engine(SPAWNIO_ENGINE_AVFORK) == -1)
		return true;
	printf("\nA root program that gives up rights right after a launch "
	    "could still write to\nmemory that its child runs on. One that "
	    "never does so can ask for avfork:\n\n");
	return measure_engine(&row);
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
