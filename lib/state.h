/* SPDX-License-Identifier: ISC */
/* What the threads of a process share about launches in flight, and a forked
 * child must not inherit: one mapping with MADV_WIPEONFORK (Linux 4.14), in
 * which all-zero is the state of a process that has launched nothing. */

#ifndef SPIO_STATE_H
#define SPIO_STATE_H

#include <stddef.h>

#include "child.h"

#define SPIO_BLOCKS	16
#define SPIO_BLOCK_ROOM	((size_t)60 * 1024)

struct state {
	struct lock launch;		/* snapshot of the streams, clone */
	struct lock dispositions;	/* what ssystem() counts and saves */
	_Atomic uint32_t token;		/* the lock token given out last */

	/* posix_spawn launches that close streams: begun, and over. */
	_Atomic uint32_t begun;
	_Atomic uint32_t over;

	/* Callers within a launch, counted by the phase in which it began;
	 * 1 while a thread waits for one of the counts to be 0. */
	_Atomic uint32_t callers[2];
	_Atomic uint32_t phase;
	_Atomic uint32_t quiescing;

	_Atomic pid_t process;		/* 0: nobody has asked */
	_Atomic uint32_t gate;		/* gate.c's decision, 0: none yet */

	/* Per block: 0, or the generation of the launch that has it.  The
	 * kernel writes the 0 when the child leaves the shared memory. */
	_Atomic uint32_t word[SPIO_BLOCKS];
	_Atomic unsigned char opened[SPIO_BLOCKS];	/* not PROT_NONE */
};

/* The state of this process, made at the first call; never NULL. */
struct state *spio_state(void);

/* The memory of the pool behind it, SPIO_BLOCKS blocks of size bytes, all of
 * it PROT_NONE: each a guard page and at least SPIO_BLOCK_ROOM more.  NULL if
 * there was none to be had, or it cannot be wiped at a fork. */
char *spio_state_pool(size_t *size);

/* getpid(), for less. */
pid_t spio_state_process(void);

/* The state if it has been made, NULL otherwise. */
struct state *spio_state_made(void);

/* In the child of a fork(2): wipe what the kernel has not wiped. */
void spio_state_forked(void);

#endif
