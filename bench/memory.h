/* SPDX-License-Identifier: ISC */
/* Resident memory, for a process that is to be large. */

#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

struct memory {
	void *start;
	size_t mapped, size;	/* size of it is resident */
};

/* Make wanted bytes resident: fewer, after a message, if that is more than half
 * of what is available, or takes until deadline of measure_clock().  0, or -1
 * after a message and nothing to release. */
int memory_hold(struct memory *memory, size_t wanted, double deadline);

void memory_release(struct memory *memory);

/* Write size into text, in the largest unit that it fills. */
void memory_size(size_t size, char *text, size_t room);

#endif
