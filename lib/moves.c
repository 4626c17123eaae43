/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
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
spio_moves_copy(const struct fd_move *move, int moves, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), least;

	while (copy != -1 && spio_moves_overwrite(move, moves, copy)) {
		least = copy + 1;
		close(copy);
		copy = fcntl(fd, F_DUPFD_CLOEXEC, least);
	}
	/* What the kernel says of a least that is beyond the limit. */
	if (copy == -1 && errno == EINVAL)
		errno = EMFILE;
	return copy;
}
