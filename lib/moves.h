/* SPDX-License-Identifier: ISC */
/* Descriptors that get other numbers in the child, one after the other. */

#ifndef SPIO_MOVES_H
#define SPIO_MOVES_H

#include "child.h"

/* Is fd the to of one of them? */
int spio_moves_overwrite(const struct fd_move *move, int moves, int fd);

/* A copy of fd, with FD_CLOEXEC, that no move overwrites; or -1 and errno. */
int spio_moves_copy(const struct fd_move *move, int moves, int fd);

#endif
