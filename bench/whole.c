/* SPDX-License-Identifier: ISC */
/* The whole of a call, from the start of a command to its status: libc's, ours,
 * and the least that can be done without either; by turns.  README.md beside
 * this. */
#define _GNU_SOURCE

#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <spawnio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TURNS		1500
#define WARM_UP		5
#define SECONDS		25.0	/* for each row, at most */
#define PROGRAM		"/bin/echo"

extern char **environ;

enum way { LIBC, OURS, BARE, WAYS };

static void
drain(FILE *stream)
{
	char buf[4096];

	while (fread(buf, 1, sizeof(buf), stream) > 0)
		;
}

static int
libc_stream(const char *command)
{
	FILE *stream = popen(command, "r");

	if (stream == NULL)
		err(1, "popen");
	drain(stream);
	return pclose(stream);
}

static int
our_stream(const char *command)
{
	FILE *stream = spopen(command, "r");

	if (stream == NULL)
		err(1, "spopen");
	drain(stream);
	return spclose(stream);
}

/* What the command does, without reading it. */
static pid_t
bare_child(int out)
{
	static char *const argv[] = { (char *)"echo", (char *)"hi", NULL };
	pid_t pid = vfork();

	if (pid == -1)
		err(1, "vfork");
	if (pid == 0) {
		if (out != -1)
			dup2(out, 1);
		execve(PROGRAM, argv, environ);
		_exit(127);
	}
	return pid;
}

static int
bare_stream(const char *command)
{
	char buf[4096];
	int ends[2], status;
	pid_t pid;

	(void)command;
	if (pipe2(ends, O_CLOEXEC) == -1)
		err(1, "pipe2");
	pid = bare_child(ends[1]);
	close(ends[1]);
	while (read(ends[0], buf, sizeof(buf)) > 0)
		;
	close(ends[0]);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int
bare_system(const char *command)
{
	pid_t pid = bare_child(-1);
	int status;

	(void)command;
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static const struct row {
	const char *name;
	const char *command;
	int (*way[WAYS])(const char *);
} rows[] = {
	{ "stream, no shell needed", PROGRAM " hi",
	    { libc_stream, our_stream, bare_stream } },
	{ "stream, shell needed", PROGRAM " hi; exit 0",
	    { libc_stream, our_stream, NULL } },
	{ "system, no shell needed", PROGRAM " hi",
	    { system, ssystem, bare_system } },
	{ "system, shell needed", PROGRAM " hi; exit 0",
	    { system, ssystem, NULL } },
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static double
time_of(const struct row *row, enum way way)
{
	double start = now();
	int status = row->way[way](row->command);

	if (status != 0)
		errx(1, "%s: status %#x", row->name, (unsigned)status);
	return now() - start;
}

static int
ascending(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

static void
print(const char *what, double *ratio, int n)
{
	if (n == 0) {
		fprintf(stderr, " %21s", "");
		return;
	}
	qsort(ratio, (size_t)n, sizeof(*ratio), ascending);
	fprintf(stderr, "  %s %.3f (%.2f-%.2f)", what, ratio[n / 2],
	    ratio[n / 4], ratio[n - 1 - n / 4]);
}

/* Who goes first changes from turn to turn. */
static void
measure(const struct row *row, int turns)
{
	static double to_libc[TURNS], to_bare[TURNS];
	double us[WAYS], end = now() + SECONDS * 1e6;
	int turn, i, n = 0, bare = 0;

	for (turn = -WARM_UP; turn < turns && now() < end; turn++) {
		for (i = 0; i < WAYS; i++) {
			enum way way = (enum way)((turn + WARM_UP + i) % WAYS);

			if (row->way[way] != NULL)
				us[way] = time_of(row, way);
		}
		if (turn < 0)
			continue;
		to_libc[n++] = us[OURS] / us[LIBC];
		if (row->way[BARE] != NULL)
			to_bare[bare++] = us[OURS] / us[BARE];
	}
	fprintf(stderr, "%-24s %5d", row->name, n);
	print("libc", to_libc, n);
	print("bare", to_bare, bare);
	fprintf(stderr, "\n");
}

/* The gate is more cautious for root. */
static void
become_nobody(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) == -1 ||
	    setresgid(65534, 65534, 65534) == -1 ||
	    setresuid(65534, 65534, 65534) == -1))
		err(1, "cannot become user 65534");
}

/* The commands of system() write to the standard output. */
int
main(int argc, char **argv)
{
	int turns = argc > 1 ? atoi(argv[1]) : TURNS;
	size_t i;

	if (argc > 2 || turns < 1 || turns > TURNS)
		errx(2, "usage: whole [TURNS]: at most %d", TURNS);
	if (freopen("/dev/null", "w", stdout) == NULL)
		err(1, "/dev/null");
	become_nobody();
	fprintf(stderr, "engine %s; medians by turn, and quartiles\n"
	    "%-24s %5s  ours/libc's %11s ours/bare\n", spawnio_engine(NULL),
	    "call", "turns", "");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		measure(&rows[i], turns);
	return 0;
}
