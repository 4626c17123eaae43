/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lock.h"
#include "state.h"

/* Linux 4.14; newer than some libc headers. */
#if !defined(MADV_WIPEONFORK) && defined(SPIO_NATIVE)
# define MADV_WIPEONFORK	18
#endif

static _Atomic(struct state *) made;

/* Where the kernel cannot wipe at fork(2), libc does; a clone(2) that goes by
 * neither would inherit a lock that nobody lets go of. */
static struct state fallback;

/* Many who launch may come first. */
#define FORK_PATIENCE_MS	(10 * SPIO_PATIENCE_MS)

/* The thread that forks with the launch lock in its hands, and its token. */
static _Atomic uintptr_t forker;
static uint32_t forkers_token;

static uintptr_t
this_thread(void)
{
	return (uintptr_t)pthread_self();
}

/* The kernel copies descriptors first, and then the memory, page by page.  A
 * stream that came or went meanwhile would be in one copy and not in the other:
 * a descriptor that no child would close, or half a list.  Whoever forks in a
 * signal handler may have the lock himself, and must do without. */
static void
before_fork(void)
{
	uint32_t token = spio_lock_take_until(&spio_state()->launch,
	    spio_deadline(FORK_PATIENCE_MS));

	if (token == 0)
		return;
	forkers_token = token;
	atomic_store(&forker, this_thread());
}

static void
after_fork(void)
{
	if (atomic_load(&forker) != this_thread())
		return;
	atomic_store(&forker, 0);
	spio_lock_drop(&spio_state()->launch, forkers_token);
}

static void
in_forked_child(void)
{
	atomic_store(&forker, 0);
	if (atomic_load(&made) == &fallback)
		memset(&fallback, 0, sizeof(fallback));
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
		pthread_atfork(before_fork, after_fork, in_forked_child);
		errno = saved;
		return state;
	}
	if (state != &fallback)
		munmap(state, whole_size());
	return first;
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
