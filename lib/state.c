/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "atfork.h"
#include "state.h"

/* Linux 4.14; newer than some libc headers. */
#if !defined(MADV_WIPEONFORK) && defined(SPIO_NATIVE)
# define MADV_WIPEONFORK	18
#endif

static _Atomic(struct state *) made;

/* Where the kernel cannot wipe at fork(2), libc does; a clone(2) that goes by
 * neither would inherit a lock that nobody lets go of. */
static struct state fallback;

void
spio_state_forked(void)
{
	struct state *state = atomic_load(&made);

	if (state == &fallback)
		memset(&fallback, 0, sizeof(fallback));
	else if (state != NULL)
		atomic_store(&state->process, 0);
}

static size_t
pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static size_t
head_size(void)
{
	return pages(sizeof(struct state));
}

static size_t
block_size(void)
{
	return pages(1) + pages(SPIO_BLOCK_ROOM);
}

static size_t
whole_size(void)
{
	return head_size() + SPIO_BLOCKS * block_size();
}

static struct state *
map(void)
{
#ifdef MADV_WIPEONFORK
	size_t size = whole_size();
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, size, MADV_WIPEONFORK) == 0 &&
	    mprotect(p, head_size(), PROT_READ | PROT_WRITE) == 0)
		return p;
	munmap(p, size);
#endif
	return NULL;
}

struct state *
spio_state(void)
{
	struct state *state = atomic_load(&made), *first = NULL;
	int saved;

	if (state != NULL)
		return state;
	saved = errno;
	state = map();
	if (state == NULL)
		state = &fallback;
	errno = saved;
	if (atomic_compare_exchange_strong(&made, &first, state)) {
		if (state == &fallback)
			spio_atfork_wipe();
		return state;
	}
	if (state != &fallback)
		munmap(state, whole_size());
	return first;
}

pid_t
spio_state_process(void)
{
	struct state *state = spio_state();
	pid_t process = atomic_load(&state->process);

	if (process == 0) {
		process = getpid();
		atomic_store(&state->process, process);
	}
	return process;
}

struct state *
spio_state_made(void)
{
	return atomic_load(&made);
}

char *
spio_state_pool(size_t *size)
{
	struct state *state = spio_state();

	*size = block_size();
	return state == &fallback ? NULL : (char *)state + head_size();
}
