/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <spawnio.h>

#include "lock.h"
#include "pool.h"

/* At exit, and when a plug-in with a static copy of the library is unloaded,
 * under whose children it must not happen.  A caller of popen() would have
 * waited for each of them. */
#define AT_EXIT_MS	1000

/* The callers of the present phase, not those who keep coming. */
static int
wait_phase(struct state *state, long long end)
{
	uint32_t phase = atomic_fetch_xor(&state->phase, 1), callers;

	while ((callers = atomic_load(&state->callers[phase])) != 0)
		if (!spio_futex_wait_until(&state->callers[phase], callers,
		    end))
			return 0;
	return 1;
}

/* Twice, since one who had read the phase before the last change of it may have
 * been counted after; and one thread at a time. */
static int
wait_callers(struct state *state, long long end)
{
	uint32_t nobody = 0;
	int done = 1, i;

	while (!atomic_compare_exchange_strong(&state->quiescing, &nobody, 1)) {
		if (!spio_futex_wait_until(&state->quiescing, nobody, end))
			return 0;
		nobody = 0;
	}
	for (i = 0; i < 2 && done; i++)
		done = wait_phase(state, end);
	atomic_store(&state->quiescing, 0);
	spio_futex_wake(&state->quiescing);
	return done;
}

static int
quiesce(struct state *state, int timeout)
{
	long long end = spio_deadline(timeout);
	int i;

	if (!wait_callers(state, end))
		return 0;
	for (i = 0; i < SPIO_BLOCKS; i++)
		if (!spio_pool_await(i, atomic_load(&state->word[i]), end))
			return 0;
	return 1;
}

int
spawnio_quiesce(int timeout)
{
	struct state *state = spio_state_made();

	if (state == NULL || quiesce(state, timeout))
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

static void at_exit(void) __attribute__((__destructor__));

static void
at_exit(void)
{
	struct state *state = spio_state_made();

	if (state != NULL)
		quiesce(state, AT_EXIT_MS);
}
