/* SPDX-License-Identifier: ISC */
/* What the shim costs each program that is executed: pairs of the same exec,
 * without it and with it, by turns. */
#define _GNU_SOURCE

#include <err.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define PAIRS	1000

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Microseconds from before the exec to after the exit. */
static double
run(char **argv, char **envp)
{
	double start = now();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, argv[0], NULL, NULL, argv, envp) != 0 ||
	    waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "cannot run %s", argv[0]);
	return now() - start;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double *of)
{
	qsort(of, PAIRS, sizeof(*of), compare);
	return of[PAIRS / 2];
}

int
main(int argc, char **argv)
{
	static double without[PAIRS], with[PAIRS], ratio[PAIRS];
	char *none[] = { NULL }, *shim[] = { NULL, NULL };
	double a, b;
	int i;

	if (argc < 3)
		errx(1, "usage: preload shim program [argument]...");
	if (asprintf(&shim[0], "LD_PRELOAD=%s", argv[1]) == -1)
		err(1, NULL);
	for (i = 0; i < PAIRS; i++) {
		if (i % 2 == 0)
			without[i] = run(argv + 2, none);
		with[i] = run(argv + 2, shim);
		if (i % 2 != 0)
			without[i] = run(argv + 2, none);
		ratio[i] = with[i] / without[i];
	}
	a = median(without);
	b = median(with);
	printf("%s, %d pairs, medians: %.0f us without the shim, %.0f us with "
	    "it: %.0f us more; ratio of a pair %.2f\n", argv[2], PAIRS, a, b,
	    b - a, median(ratio));
	return 0;
}
