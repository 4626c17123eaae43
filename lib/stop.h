/* SPDX-License-Identifier: ISC */
/* Ending a child, and what it has started. */

#ifndef SPIO_STOP_H
#define SPIO_STOP_H

#include "reap.h"

/* Send a signal to the child; to its process group, if it leads one. */
void spio_stop_signal(const struct kid *kid, int sig);

/* SIGTERM, which a stopped process gets when it goes on. */
void spio_stop_ask(const struct kid *kid);

/* SIGTERM, SIGKILL if the child has not ended grace milliseconds later, and
 * SIGKILL to what is left of its group.  Then it can be reaped. */
void spio_stop(const struct kid *kid, int grace);

#endif
