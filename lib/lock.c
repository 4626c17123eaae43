/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "state.h"

#ifdef SYS_futex

/* Neither is FUTEX_PRIVATE: the kernel's wake at the end of a child is not. */
#define WAIT	0
#define WAKE	1

void
spio_futex_wait(_Atomic uint32_t *word, uint32_t value, int ms)
{
	long time[2] = { ms / 1000, ms % 1000 * 1000000L };
	int saved = errno;

	syscall(SYS_futex, word, WAIT, value, time, NULL, 0);
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
	struct timespec pause = { 0, 100000 };
	int saved = errno;

	if (ms > 0 && atomic_load(word) == value)
		nanosleep(&pause, NULL);
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

uint32_t
spio_lock_take(struct lock *lock)
{
	uint32_t token = new_token(), owner = 0;

	while (!atomic_compare_exchange_strong(&lock->owner, &owner, token)) {
		atomic_fetch_add(&lock->waiters, 1);
		spio_futex_wait(&lock->owner, owner, SPIO_PATIENCE_MS);
		atomic_fetch_sub(&lock->waiters, 1);
		owner = 0;
	}
	return token;
}

void
spio_lock_lend(struct lock *lock, uint32_t token)
{
	atomic_store(&lock->owner, token);
}

void
spio_lock_drop(struct lock *lock, uint32_t token)
{
	atomic_compare_exchange_strong(&lock->owner, &token, 0);

	/* Even where the child has let go: it may have died before its wake. */
	if (atomic_load(&lock->waiters) != 0)
		wake(&lock->owner, 1);
}
