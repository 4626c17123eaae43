/* SPDX-License-Identifier: ISC */
/* A fork(2) of the process, by whatever part of it. */

#ifndef SPIO_ATFORK_H
#define SPIO_ATFORK_H

/* A forked child finds its descriptors and the list of streams as they were at
 * one moment, if the library is never unloaded; and from now on, in any case,
 * the state wiped. */
void spio_atfork_wipe(void);

#endif
