/* SPDX-License-Identifier: ISC */
/* Processes that do nothing but use the CPU. */

#ifndef LOAD_H
#define LOAD_H

#include <sys/types.h>

struct load {
	pid_t *pids;
	unsigned count, cpus;
};

/* Start per_cpu of them for each CPU that this process may use: fewer, after a
 * message, if the system gives no more. */
void load_start(struct load *load, unsigned per_cpu);

void load_stop(struct load *load);

#endif
