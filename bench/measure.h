/* SPDX-License-Identifier: ISC */
/* How long a caller is blocked in popen() and in spopen(), pair by pair. */

#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>
#include <stdio.h>

struct measure_plan {
	const char *command;
	size_t pairs;		/* at most; at least 1 */
	double deadline;	/* of measure_clock(): fewer pairs if reached */
};

struct measure_times {		/* microseconds */
	double min, median, p99;
};

struct measure_row {
	size_t pairs;		/* what there was time for */
	const char *engine, *reason;
	struct measure_times popen, spopen;
	double low, middle, high;	/* quartiles of spopen/popen by pair */
};

/* Microseconds, monotonic. */
double measure_clock(void);

/* Carry out plan; 0, or -1 after a message if there is no result. */
int measure(const struct measure_plan *plan, struct measure_row *row);

void measure_print_head(FILE *out);
void measure_print(FILE *out, const char *label, const struct measure_row *row);

#endif
