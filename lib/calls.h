/* SPDX-License-Identifier: ISC */
/* The three calls, as the library's functions and the shim's both need them:
 * errno is set as for the caller, and untouched on success. */

#ifndef SPIO_CALLS_H
#define SPIO_CALLS_H

#include <stdio.h>

/* Whose words hold where ours and libc's differ: libc has types of its own, and
 * knows no status that somebody else has waited for. */
enum flavour { SPIO_OWN, SPIO_LIBC };

/* NULL and errno if not.  What libc might still do is traced by the shim. */
FILE *spio_open(const char *command, const char *type, enum flavour flavour);

/* If file is a stream of ours, close it, with *result for the caller; or 0. */
int spio_close(FILE *file, int *result);

/* Run command, which is not NULL, with *result for the caller; 0 and errno if
 * it came to no child. */
int spio_system(const char *command, enum flavour flavour, int *result);

#endif
