/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "measure.h"

/* Enough for quartiles. */
#define DRAWS	200

double
measure_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
ascending(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

void
measure_sort(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), ascending);
}

double
measure_quantile(const double *sorted, size_t n, double share)
{
	size_t rank = (size_t)((double)n * share);

	if ((double)rank < (double)n * share)
		rank++;
	return sorted[rank > 0 ? rank - 1 : 0];
}

void
measure_print(const struct record *r, double value, double low, double high,
    size_t n)
{
	printf("%s,%s,%s,%s,%s,%.6g,%.6g,%.6g,%zu\n", r->experiment, r->at,
	    r->way, r->over, r->unit, value, low, high, n);
	fflush(stdout);
}

void
measure_print_median(const struct record *record, double *values, size_t n)
{
	measure_sort(values, n);
	measure_print(record, measure_quantile(values, n, 0.5),
	    measure_quantile(values, n, 0.25),
	    measure_quantile(values, n, 0.75), n);
}

static double
p99(double *values, size_t n)
{
	measure_sort(values, n);
	return measure_quantile(values, n, 0.99);
}

/* The same numbers each time: Knuth's, of which the upper half is good. */
static size_t
draw(uint64_t *state, size_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(*state >> 33) % below;
}

void
measure_print_p99(const struct record *record, const double *values,
    const double *others, size_t n)
{
	double *one = calloc(2 * n, sizeof(*one)), *other;
	double ratio[DRAWS], value = 0;
	uint64_t state = 1;
	size_t i, k, pair;

	if (one == NULL)
		err(1, "%zu pairs", n);
	other = one + n;
	/* The first sample is the pairs themselves. */
	for (i = 0; i <= DRAWS; i++) {
		for (k = 0; k < n; k++) {
			pair = i == 0 ? k : draw(&state, n);
			one[k] = values[pair];
			other[k] = others[pair];
		}
		if (i == 0)
			value = p99(one, n) / p99(other, n);
		else
			ratio[i - 1] = p99(one, n) / p99(other, n);
	}
	free(one);
	measure_sort(ratio, DRAWS);
	measure_print(record, value, measure_quantile(ratio, DRAWS, 0.25),
	    measure_quantile(ratio, DRAWS, 0.75), n);
}
