/* SPDX-License-Identifier: ISC */
/* Resident memory, for a process that is to be large. */

#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* What of wanted bytes may be had: half of what is available at most. */
size_t memory_affordable(size_t wanted);

/* Make so much resident, until the end of the process; 0, or -1 after a
 * message. */
int memory_hold(size_t size);

#endif
