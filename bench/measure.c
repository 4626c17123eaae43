/* SPDX-License-Identifier: ISC */
/* popen() and spopen() take turns, so that whatever else the machine does
 * falls on both alike: their ratio holds where their times do not. */

#define _GNU_SOURCE

#include <err.h>
#include <stdlib.h>
#include <time.h>

#include "measure.h"
#include "spawnio.h"

enum { POPEN, SPOPEN, WAYS };

static const struct way {
	FILE *(*open)(const char *, const char *);
	int (*close)(FILE *);
} ways[WAYS] = {
	[POPEN] = { popen, pclose },
	[SPOPEN] = { spopen, spclose },
};

/* The first launch of each kind pays for what is set up once. */
#define WARM_UP_PAIRS	3

double
measure_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* Returns the time blocked.  Only the opening is timed: reading and closing
 * wait for the command, however it was started. */
static double
one_launch(const struct way *way, const char *command, int *status)
{
	char buf[4096];
	double start, end;
	FILE *stream;

	*status = -1;
	start = measure_clock();
	stream = way->open(command, "r");
	end = measure_clock();
	if (stream == NULL)
		return 0;
	while (fread(buf, 1, sizeof(buf), stream) > 0)
		;
	*status = way->close(stream);
	return end - start;
}

/* Who goes first alternates from turn to turn: the second one may find the
 * machine warm, or still busy with the first. */
static int
one_pair(const char *command, size_t turn, double us[WAYS])
{
	int status[WAYS];

	for (size_t i = 0; i < WAYS; i++) {
		size_t way = (turn + i) % WAYS;

		us[way] = one_launch(&ways[way], command, &status[way]);
		if (status[way] == -1) {
			warn("%s", way == POPEN ? "popen" : "spopen");
			return -1;
		}
	}
	if (status[POPEN] != status[SPOPEN]) {
		warnx("%s: status %#x by popen, %#x by spopen", command,
		    (unsigned)status[POPEN], (unsigned)status[SPOPEN]);
		return -1;
	}
	return 0;
}

static int
ascending(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* The smallest value that at least this share of all sorted values reaches. */
static double
quantile(const double *sorted, size_t n, unsigned percent)
{
	return sorted[(n * percent + 99) / 100 - 1];
}

static void
summarize(double *us, size_t n, struct measure_times *times)
{
	qsort(us, n, sizeof(*us), ascending);
	times->min = us[0];
	times->median = quantile(us, n, 50);
	times->p99 = quantile(us, n, 99);
}

static int
take_samples(const struct measure_plan *plan, double *samples,
    struct measure_row *row)
{
	double *times[WAYS] = { samples, samples + plan->pairs };
	double *ratio = samples + 2 * plan->pairs;
	double us[WAYS];
	size_t n;

	for (n = 0; n < WARM_UP_PAIRS; n++)
		if (one_pair(plan->command, n, us) == -1)
			return -1;
	for (n = 0; n < plan->pairs && measure_clock() < plan->deadline; n++) {
		if (one_pair(plan->command, n, us) == -1)
			return -1;
		times[POPEN][n] = us[POPEN];
		times[SPOPEN][n] = us[SPOPEN];
		ratio[n] = us[SPOPEN] / us[POPEN];
	}
	if (n == 0) {
		warnx("no time left to measure");
		return -1;
	}
	row->pairs = n;
	row->engine = spawnio_engine(&row->reason);
	summarize(times[POPEN], n, &row->popen);
	summarize(times[SPOPEN], n, &row->spopen);
	qsort(ratio, n, sizeof(*ratio), ascending);
	row->low = quantile(ratio, n, 25);
	row->middle = quantile(ratio, n, 50);
	row->high = quantile(ratio, n, 75);
	return 0;
}

int
measure(const struct measure_plan *plan, struct measure_row *row)
{
	double *samples;
	int result;

	samples = calloc(plan->pairs, (WAYS + 1) * sizeof(*samples));
	if (samples == NULL) {
		warn("%zu pairs", plan->pairs);
		return -1;
	}
	result = take_samples(plan, samples, row);
	free(samples);
	return result;
}

void
measure_print_head(FILE *out)
{
	fprintf(out, "%-18s %-12s %6s %9s %9s %9s\n", "resident",
	    "blocked in", "pairs", "min us", "median us", "p99 us");
}

void
measure_print(FILE *out, const char *label, const struct measure_row *row)
{
	const struct measure_times *p = &row->popen, *s = &row->spopen;

	fprintf(out, "%-18s %-12s %6zu %9.1f %9.1f %9.1f\n", label,
	    "popen", row->pairs, p->min, p->median, p->p99);
	fprintf(out, "%-18s %-12s %6zu %9.1f %9.1f %9.1f\n", "",
	    "spopen", row->pairs, s->min, s->median, s->p99);
	fprintf(out, "%-18s %-12s %6s %9.3f %9.3f %9.3f\n", "",
	    "spopen/popen", "", s->min / p->min, s->median / p->median,
	    s->p99 / p->p99);
	fprintf(out, "%-18s %-12s %6s %9s %9.3f  half in %.3f to %.3f\n", "",
	    "by pair", "", "", row->middle, row->low, row->high);
	if (row->pairs < 100)
		fprintf(out, "%-18s p99 of fewer than 100 pairs is the "
		    "largest\n", "");
}
