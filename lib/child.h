/* SPDX-License-Identifier: ISC */
/* The child's half of a launch. */

#ifndef SPIO_CHILD_H
#define SPIO_CHILD_H

#include <stdatomic.h>
#include <stdint.h>

/* An open stream's descriptor, to be closed in a new child.  The file's
 * identity is there because fclose() may have closed the descriptor, and
 * something else may have got its number. */
struct open_end {
	struct open_end *next;	/* by descriptor number, rising */
	uint64_t ino;
	uint32_t dev_major;
	uint32_t dev_minor;
	int fd;
};

struct fd_move {
	int from;
	int to;
};

/* Held by whose token is in it; 0 is free. */
struct lock {
	_Atomic uint32_t owner;
	_Atomic uint32_t waiters;
};

/* What the child is to do, in this order.  It lies in a block of the pool, or
 * on the stack of a caller who is suspended, or of whose stack the child has a
 * copy; all it points to lives as long. */
struct plan {
	/* Streams of earlier popens, then the lock under which they were
	 * listed, if the child is the one to let go of it. */
	const struct open_end *ends;
	struct lock *lock;
	uint32_t token;

	/* Signals to be SIG_DFL, bit n - 1 for signal n; and whether those
	 * with a handler are among them. */
	uint64_t defaults;
	int reset_handlers;

	struct fd_move move[2];
	int moves;

	/* To be set, unless it is the one that the child was born with. */
	int set_mask;
	uint64_t mask;

	const char *file;
	const char *const *argv;
	const char *const *envp;

	/* Back to the parent, where it shares the memory and still waits. */
	volatile int shared;
	volatile int error;	/* errno of what kept it from the exec */
};

_Noreturn void spio_child_main(void *plan);

#endif
