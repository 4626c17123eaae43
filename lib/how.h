/* SPDX-License-Identifier: ISC */
/* A struct spawnio_how on its way to a plan: read, then adjusted by the
 * function that was called, then opened, then planned, then closed. */

#ifndef SPIO_HOW_H
#define SPIO_HOW_H

#include <spawnio/how.h>

#include "launch.h"

/* What a function can do that not all can: take the caller's end of a pipe,
 * wait. */
#define SPIO_MAY_PIPE	1
#define SPIO_MAY_WAIT	2

struct request {
	struct spawnio_how how;		/* of this version's size */
	const char **failed;
	int output;		/* the caller's own, or -1 if it is closed */
	struct fd_move *move;
	int moves;
	int *own;		/* descriptors, the child's, to be closed */
	int owned;
	int parent[3];		/* the caller's ends of pipes, or -1 */
};

/* 0 or an errno; nothing is open then, and *how->failed is NULL. */
int spio_how_read(struct request *request, const struct spawnio_how *how,
    int may);

/* Open files and pipes; 0 or an errno, and then all is closed again. */
int spio_how_open(struct request *request);

/* Close all that is open, and the caller's ends with it. */
void spio_how_close(struct request *request);

/* Start the child that the launch, zeroed but for what the caller adds, is to
 * have; 0 or an errno.  The child's descriptors are closed in either case, and
 * the caller's ends if it fails. */
int spio_how_launch(struct request *request, struct launch *launch);

#endif
