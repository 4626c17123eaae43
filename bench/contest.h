/* SPDX-License-Identifier: ISC */
/* Ways to do the same take turns, so that whatever else the machine does falls
 * on all of them alike: their ratios hold where their times do not. */

#ifndef CONTEST_H
#define CONTEST_H

#include <stddef.h>

struct command;
struct peer;

/* From just before the call that starts a command to its return, and to the
 * command's status. */
enum span { BLOCKED, WHOLE, SPANS };

/* Ways at the same place share a process, which is made for the contest: what
 * is prepared there, and what a library does to its process, is no concern of
 * the others. */
struct way {
	const char *name, *at;
	unsigned place;
	unsigned every;		/* it takes part in each so-many-th turn */

	/* Called once, of the first way of the place; 0, or -1 after a
	 * message. */
	int (*prepare)(const struct way *way);

	/* Microseconds; 0, or -1 after a message. */
	int (*once)(const struct way *way, double *us);

	const struct peer *peer;
	const struct command *command;
	size_t size;		/* of what prepare() makes */
};

struct contest {
	const char *name;
	const struct way *ways;
	size_t nways;
	size_t turns;		/* at most, */
	double seconds;		/* and at most so long */
	const char *unit;	/* of the values, if not microseconds */

	double *values;		/* the result: see contest_value() */
	size_t n;		/* turns that there was time for */
};

/* 0, or -1 after a message.  Ends the program if a way hangs. */
int contest_run(struct contest *contest);

/* Print lines about it: the times of a way; its ratio to another by turn; the
 * ratio of their 99th percentiles; a hundred of its quantiles. */
void contest_print(const struct contest *contest, size_t way, enum span span);
void contest_print_ratio(const struct contest *contest, size_t way,
    size_t over, enum span span);
void contest_print_p99(const struct contest *contest, size_t way, size_t over,
    enum span span);
void contest_print_quantiles(const struct contest *contest, size_t way,
    enum span span);

/* A turn's microseconds; NAN if way took no part. */
double contest_value(const struct contest *contest, size_t way, enum span span,
    size_t turn);

/* A number of seconds as an argument is; exits if it is none. */
double contest_seconds(const char *argument);

#endif
