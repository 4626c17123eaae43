/* SPDX-License-Identifier: ISC */
/* A struct spawnio_child, which is the caller's. */

#ifndef SPIO_WAIT_H
#define SPIO_WAIT_H

#include <spawnio.h>

#include "launch.h"

/* Where the child writes what kept it from executing. */
struct failure *spio_wait_failure(struct spawnio_child *child);

/* Fill in what the launch has made. */
void spio_wait_remember(struct spawnio_child *child,
    const struct launch *launch);

#endif
