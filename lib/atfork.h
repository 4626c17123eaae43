/* SPDX-License-Identifier: ISC */
/* A fork(2) of the process, by whatever part of it. */

#ifndef SPIO_ATFORK_H
#define SPIO_ATFORK_H

/* From now on a forked child finds its descriptors and the list of streams as
 * they were at one moment, and the state wiped, if libc must see to that. */
void spio_atfork_begin(int must_wipe);

#endif
