/* SPDX-License-Identifier: ISC */
/* What a trace tells, in a table. */

#ifndef SUMMARY_H
#define SUMMARY_H

#include <stdio.h>

/* Of all lines from here to the end of the trace; 0, or -1 and errno. */
int summary_print(FILE *trace, FILE *out);

#endif
