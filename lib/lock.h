/* SPDX-License-Identifier: ISC */
/* Locks that a child may let go of for its parent, and the futexes below.
 * All of it keeps errno. */

#ifndef SPIO_LOCK_H
#define SPIO_LOCK_H

#include "child.h"

/* No wait is without an end: should a wake ever be lost, with a child that was
 * killed at the wrong moment, its waiter looks again by itself. */
#define SPIO_PATIENCE_MS	100

/* With a fork(2): many who launch may come first. */
#define SPIO_FORK_PATIENCE_MS	(10 * SPIO_PATIENCE_MS)

/* Wait while *word is value, at most ms milliseconds; may return early. */
void spio_futex_wait(_Atomic uint32_t *word, uint32_t value, int ms);

/* When timeout milliseconds from now are over: never if it is negative; and for
 * how long to wait until then at a time, 0 when it is over. */
long long spio_deadline(int timeout);
int spio_left(long long end);

/* Wait while *word is value, may return early; 0 if end is over. */
int spio_futex_wait_until(_Atomic uint32_t *word, uint32_t value,
    long long end);

/* Wake all who wait for a change of *word. */
void spio_futex_wake(_Atomic uint32_t *word);

/* The token under which the caller then holds the lock; of the second function
 * 0 if end came first.  One who forks meanwhile loses it to his own thread at
 * once, and to others when they have waited for SPIO_FORK_PATIENCE_MS: his
 * fork may be waiting for them, in a handler that is not ours. */
uint32_t spio_lock_take(struct lock *lock);
uint32_t spio_lock_take_until(struct lock *lock, long long end);

/* Does this thread hold the lock?  Then it was interrupted by a signal. */
int spio_lock_is_mine(struct lock *lock);

/* Make what was written under the lock visible to its next holder, when it is
 * a child that will let go.  (The kernel's clone does; race detectors that do
 * not see the child are told here.) */
void spio_lock_lend(struct lock *lock, uint32_t token);

/* Let a child that will have a copy of the memory say when it has that: it
 * stores the token, which is new, in the word returned and wakes all who wait
 * for that.  NULL if there is no such word to be had. */
_Atomic uint32_t *spio_lock_lend_copy(struct lock *lock, uint32_t *token);

/* Let go of the lock, if token still holds it; 0 never does. */
void spio_lock_drop(struct lock *lock, uint32_t token);

#endif
