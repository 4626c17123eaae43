/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lock.h"
#include "pool.h"

int
spio_pool_exists(void)
{
	size_t size;

	return spio_state_pool(&size) != NULL;
}

/* Not in the state: a forked child goes on counting, so that no stream that it
 * has inherited names a launch of its own. */
static uint32_t
new_generation(void)
{
	static _Atomic uint32_t last;
	uint32_t generation;

	do
		generation = atomic_fetch_add(&last, 1) + 1;
	while (generation == 0);
	return generation;
}

/* A block is made accessible when it is first used, all but its guard. */
static int
open_block(struct state *state, int number, char *start, size_t size)
{
	int saved = errno;

	if (atomic_load(&state->opened[number]))
		return 1;
	if (mprotect(start, size, PROT_READ | PROT_WRITE) != 0) {
		errno = saved;
		return 0;
	}
	atomic_store(&state->opened[number], 1);
	return 1;
}

int
spio_pool_claim(struct block *block)
{
	struct state *state = spio_state();
	uint32_t generation = new_generation(), none;
	size_t size, guard = (size_t)sysconf(_SC_PAGESIZE);
	char *pool = spio_state_pool(&size);
	int i;

	for (i = 0; i < SPIO_BLOCKS; i++) {
		none = 0;
		if (atomic_load(&state->word[i]) == 0 &&
		    atomic_compare_exchange_strong(&state->word[i], &none,
		    generation))
			break;
	}
	if (i == SPIO_BLOCKS)
		return 0;
	block->number = i;
	block->generation = generation;
	block->word = &state->word[i];
	block->stack = pool + i * size + guard;
	block->stack_size = SPIO_STACK_SIZE;
	block->data = block->stack + SPIO_STACK_SIZE;
	block->data_size = size - guard - SPIO_STACK_SIZE;
	if (open_block(state, i, block->stack, size - guard))
		return 1;
	spio_pool_release(i, generation);
	return 0;
}

void
spio_pool_release(int number, uint32_t generation)
{
	_Atomic uint32_t *word = &spio_state()->word[number];

	if (atomic_compare_exchange_strong(word, &generation, 0))
		spio_futex_wake(word);
}

int
spio_pool_holds(int number, uint32_t generation)
{
	return number >= 0 && generation != 0 &&
	    atomic_load(&spio_state()->word[number]) == generation;
}

int
spio_pool_await(int number, uint32_t generation, long long end)
{
	_Atomic uint32_t *word;
	int waited = 0;

	if (number < 0)
		return 1;
	word = &spio_state()->word[number];
	for (; spio_pool_holds(number, generation); waited = 1)
		if (!spio_futex_wait_until(word, generation, end))
			return 0;
	/* The kernel has woken one of those who waited. */
	if (waited)
		spio_futex_wake(word);
	return 1;
}
