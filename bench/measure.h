/* SPDX-License-Identifier: ISC */
/* A clock, the middle of many values, and lines that are written of them. */

#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>

/* Microseconds, monotonic. */
double measure_clock(void);

void measure_sort(double *values, size_t n);

/* The smallest of n sorted values that at least this share of them does not
 * exceed. */
double measure_quantile(const double *sorted, size_t n, double share);

/* What one line is about; over is what way is compared with, or "". */
struct record {
	const char *experiment, *at, *way, *over, *unit;
};

/* Print a line: a value, between which others half of all are, and how many
 * there were. */
void measure_print(const struct record *record, double value, double low,
    double high, size_t n);

/* Median and quartiles of n values, which are sorted. */
void measure_print_median(const struct record *record, double *values,
    size_t n);

/* The 99th percentile of values over that of others, and the quartiles of what
 * it is in samples drawn from these pairs. */
void measure_print_p99(const struct record *record, const double *values,
    const double *others, size_t n);

#endif
