/* SPDX-License-Identifier: ISC */
/* The blocks of memory in which asynchronous children run: a guard page, a
 * stack, and the data of the launch. */

#ifndef SPIO_POOL_H
#define SPIO_POOL_H

#include "state.h"

/* Our child uses some hundred bytes.  The rest is for avfork()'s, for tools
 * that write below its stack pointer (proot), and for a lazy binder that saves
 * vectors. */
#define SPIO_STACK_SIZE	((size_t)28 * 1024)

struct block {
	int number;
	uint32_t generation;
	_Atomic uint32_t *word;	/* for CLONE_CHILD_CLEARTID */
	char *stack;		/* the lowest address */
	size_t stack_size;
	char *data;		/* aligned as the stack's top */
	size_t data_size;
};

/* Is there a pool at all? */
int spio_pool_exists(void);

/* Get a free block of the pool, which is there; 1, or 0 if none is free: never
 * wait, never grow. */
int spio_pool_claim(struct block *block);

/* Give back a block in which no child was made, or whose child has been
 * reaped: not every kernel clears the word at an exec (gVisor only does at the
 * exit).  Nothing happens if another generation has it. */
void spio_pool_release(int number, uint32_t generation);

/* Is a child of this generation in the block?  In block -1 there is none. */
int spio_pool_holds(int number, uint32_t generation);

/* Wait until the child of this generation has left the block, or until end;
 * 0 then. */
int spio_pool_await(int number, uint32_t generation, long long end);

#endif
