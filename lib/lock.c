/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "state.h"

/* Where there is no futex, or a filter that forbids it. */
static const struct timespec a_little = { 0, 100000 };

#ifdef SYS_futex

/* Neither is FUTEX_PRIVATE: the kernel's wake at the end of a child is not. */
#define WAIT	0
#define WAKE	1

void
spio_futex_wait(_Atomic uint32_t *word, uint32_t value, int ms)
{
	long time[2] = { ms / 1000, ms % 1000 * 1000000L };
	int saved = errno;

	if (syscall(SYS_futex, word, WAIT, value, time, NULL, 0) == -1 &&
	    (errno == ENOSYS || errno == EPERM))
		nanosleep(&a_little, NULL);
	errno = saved;
}

static void
wake(_Atomic uint32_t *word, int waiters)
{
	int saved = errno;

	syscall(SYS_futex, word, WAKE, waiters, NULL, NULL, 0);
	errno = saved;
}

#else

void
spio_futex_wait(_Atomic uint32_t *word, uint32_t value, int ms)
{
	int saved = errno;

	if (ms > 0 && atomic_load(word) == value)
		nanosleep(&a_little, NULL);
	errno = saved;
}

static void
wake(_Atomic uint32_t *word, int waiters)
{
	(void)word;
	(void)waiters;
}

#endif

void
spio_futex_wake(_Atomic uint32_t *word)
{
	wake(word, INT_MAX);
}

static long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

long long
spio_deadline(int timeout)
{
	return timeout < 0 ? -1 : now_ms() + timeout;
}

int
spio_left(long long end)
{
	long long left = end < 0 ? SPIO_PATIENCE_MS : end - now_ms();

	return left < 0 ? 0 :
	    left < SPIO_PATIENCE_MS ? (int)left : SPIO_PATIENCE_MS;
}

int
spio_futex_wait_until(_Atomic uint32_t *word, uint32_t value, long long end)
{
	int left = spio_left(end);

	if (left > 0)
		spio_futex_wait(word, value, left);
	return left > 0;
}

static uint32_t
new_token(void)
{
	uint32_t token;

	do
		token = atomic_fetch_add(&spio_state()->token, 1) + 1;
	while (token == 0);
	return token;
}

/* Is it lent to a child that has got its copy?  Then it is anybody's. */
static int
is_given_back(struct lock *lock, uint32_t owner)
{
	return atomic_load(&lock->lent) == owner &&
	    atomic_load(atomic_load(&lock->copied)) == owner;
}

static void
wait_for_change(struct lock *lock, uint32_t owner, int ms)
{
	_Atomic uint32_t *word = &lock->owner;
	uint32_t value = owner;

	atomic_fetch_add(&lock->waiters, 1);
	if (atomic_load(&lock->lent) == owner) {
		word = atomic_load(&lock->copied);
		value = atomic_load(word);
	}
	if (word == &lock->owner || value != owner)
		spio_futex_wait(word, value, ms);
	atomic_fetch_sub(&lock->waiters, 1);
}

static uintptr_t
this_thread(void)
{
	return (uintptr_t)pthread_self();
}

int
spio_lock_is_mine(struct lock *lock)
{
	return atomic_load(&lock->owner) != 0 &&
	    atomic_load(&lock->thread) == this_thread();
}

/* Who has been waited for, and until when. */
struct forker {
	uint32_t token;
	long long end;
};

static int
is_forfeited(struct lock *lock, uint32_t owner, struct forker *forker)
{
	if (atomic_load(&lock->forking) != owner)
		return 0;
	if (forker->token != owner)
		forker->end = spio_deadline(SPIO_FORK_PATIENCE_MS);
	forker->token = owner;
	return spio_lock_is_mine(lock) || spio_left(forker->end) == 0;
}

uint32_t
spio_lock_take_until(struct lock *lock, long long end)
{
	struct forker forker = { 0, 0 };
	uint32_t token = new_token(), owner = 0;
	int left;

	while (!atomic_compare_exchange_strong(&lock->owner, &owner, token)) {
		if (is_given_back(lock, owner) ||
		    is_forfeited(lock, owner, &forker)) {
			if (atomic_compare_exchange_strong(&lock->owner,
			    &owner, token))
				break;
		} else if ((left = spio_left(end)) > 0)
			wait_for_change(lock, owner, left);
		else
			return 0;
		owner = 0;
	}
	atomic_store(&lock->thread, this_thread());
	return token;
}

uint32_t
spio_lock_take(struct lock *lock)
{
	return spio_lock_take_until(lock, -1);
}

void
spio_lock_lend(struct lock *lock, uint32_t token)
{
	atomic_store(&lock->owner, token);
}

/* The word is no part of the lock, whose memory a copy does not share, and
 * stays for good. */
static _Atomic uint32_t *
shared_word(struct lock *lock)
{
	_Atomic uint32_t *word = atomic_load(&lock->copied);
	int saved = errno;
	void *p;

	if (word != NULL)
		return word;
	p = mmap(NULL, sizeof(*word), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	errno = saved;
	if (p == MAP_FAILED)
		return NULL;
	atomic_store(&lock->copied, p);
	return p;
}

/* With a new token, those who wait for the old one look again, and then wait
 * for the word. */
_Atomic uint32_t *
spio_lock_lend_copy(struct lock *lock, uint32_t *token)
{
	_Atomic uint32_t *word = shared_word(lock);

	if (word == NULL)
		return NULL;
	*token = new_token();
	atomic_store(&lock->lent, *token);
	atomic_store(&lock->owner, *token);
	if (atomic_load(&lock->waiters) != 0)
		spio_futex_wake(&lock->owner);
	return word;
}

void
spio_lock_drop(struct lock *lock, uint32_t token)
{
	uint32_t owner = token, lent = token;
	uintptr_t thread = this_thread();

	if (token == 0)
		return;
	atomic_compare_exchange_strong(&lock->thread, &thread, 0);
	atomic_compare_exchange_strong(&lock->owner, &owner, 0);

	/* Even where the child has let go: it may have died before its wake. */
	if (atomic_load(&lock->waiters) != 0)
		wake(&lock->owner, 1);
	if (atomic_compare_exchange_strong(&lock->lent, &lent, 0)) {
		atomic_store(atomic_load(&lock->copied), token);
		spio_futex_wake(atomic_load(&lock->copied));
	}
}
