/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <spawnio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch.h"
#include "lock.h"
#include "pool.h"

/* A clone(2) that is not clone3(2) has given none. */
static void
need_pidfd(struct kid *kid)
{
#ifdef SYS_pidfd_open
	if (kid->pidfd < 0)
		kid->pidfd = (int)syscall(SYS_pidfd_open, kid->pid, 0);
	kid->parent = getpid();
#else
	(void)kid;
#endif
}

static void
remember(struct spawnio_child *child, const struct launch *launch)
{
	child->pid = launch->kid.pid;
	child->pidfd = launch->kid.pidfd;
	child->shared = launch->kid.block >= 0 || launch->plan.shared;
	child->reserved_report = launch->report;
	child->reserved_block = launch->kid.block;
	child->reserved_generation = launch->kid.generation;
	child->reserved_parent = launch->kid.parent;
	child->reserved_stack = launch->stack;
	child->reserved_size = launch->stack_mapped;
}

/* 0 or an errno. */
static int
start(int (*fn)(void *), void *arg, struct spawnio_child *child)
{
	struct launch launch;
	sigset_t mask;
	int err;

	memset(&launch, 0, sizeof(launch));
	launch.plan.fn = fn;
	launch.plan.arg = arg;
	launch.plan.fn_error = &child->reserved_error;
	launch.want_pidfd = child->flags & SPAWNIO_CHILD_PIDFD;
	launch.stack_size = child->stack_size < SPIO_STACK_SIZE ?
	    SPIO_STACK_SIZE : child->stack_size;
	child->reserved_error = 0;
	spio_block_signals(&mask);
	memcpy(&child->mask, &mask, sizeof(child->mask));
	err = spio_launch_fn(&launch);
	spio_restore_signals(&mask);
	if (err != 0)
		return err;
	if (launch.want_pidfd)
		need_pidfd(&launch.kid);
	remember(child, &launch);
	return 0;
}

pid_t
avfork(int (*fn)(void *), void *arg, struct spawnio_child *child)
{
	int saved = errno, err, cancel;

	if (fn == NULL || child == NULL ||
	    (child->flags & ~SPAWNIO_CHILD_PIDFD) != 0) {
		errno = EINVAL;
		return -1;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = start(fn, arg, child);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : child->pid;
}

/* It has only a copy of the memory.  The pipe ends when it has left that, and
 * has been told what fn returned before; 0 if end came first. */
static int
await_report(struct spawnio_child *child, long long end)
{
	struct pollfd pipe = { .fd = child->reserved_report, .events = POLLIN };
	int left, error;

	do {
		left = spio_left(end);
		if (poll(&pipe, 1, left) == 1) {
			if (read(pipe.fd, &error, sizeof(error)) ==
			    (ssize_t)sizeof(error))
				child->reserved_error = error;
			close(pipe.fd);
			child->reserved_report = -1;
			return 1;
		}
	} while (left > 0);
	return 0;
}

/* 0 if end came first. */
static int
await(struct spawnio_child *child, long long end)
{
	if (child->reserved_report >= 0 && !await_report(child, end))
		return 0;
	if (child->reserved_block >= 0 && !spio_pool_await(
	    child->reserved_block, child->reserved_generation, end))
		return 0;
	if (child->reserved_stack != NULL)
		munmap(child->reserved_stack, child->reserved_size);
	child->reserved_stack = NULL;
	return 1;
}

static int
is_child(const struct spawnio_child *child)
{
	if (child != NULL && child->pid > 0)
		return 1;
	errno = EINVAL;
	return 0;
}

int
spawnio_child_await(struct spawnio_child *child, int timeout, int *error)
{
	int saved = errno, cancel, left;

	if (!is_child(child))
		return -1;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	left = await(child, spio_deadline(timeout));
	pthread_setcancelstate(cancel, NULL);
	if (left && error != NULL)
		*error = child->reserved_error;
	errno = left ? saved : ETIMEDOUT;
	return left ? 0 : -1;
}

/* Its status is there when it has left the memory, which the kernel may not
 * have said of one that was killed. */
int
spawnio_child_wait(struct spawnio_child *child)
{
	int saved = errno, cancel, err, status = -1;
	struct kid kid;

	if (!is_child(child))
		return -1;
	kid.pid = child->pid;
	kid.pidfd = child->pidfd;
	kid.parent = child->reserved_parent;
	kid.block = child->reserved_block;
	kid.generation = child->reserved_generation;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = spio_reap(&kid, &status);
	await(child, spio_deadline(0));
	pthread_setcancelstate(cancel, NULL);
	child->pid = 0;
	child->pidfd = -1;
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : status;
}
