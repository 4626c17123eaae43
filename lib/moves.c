/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <fcntl.h>
#include <unistd.h>

#include "moves.h"

int
spio_moves_overwrite(const struct fd_move *move, int moves, int fd)
{
	int i;

	for (i = 0; i < moves; i++)
		if (move[i].to == fd)
			return 1;
	return 0;
}

int
spio_moves_beside(const struct fd_move *move, int moves, int fd)
{
	int copy = fd, least;

	while (copy != -1 && spio_moves_overwrite(move, moves, copy)) {
		least = copy == fd ? 0 : copy + 1;
		if (copy != fd)
			close(copy);
		copy = fcntl(fd, F_DUPFD_CLOEXEC, least);
	}
	return copy;
}
