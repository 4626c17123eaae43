/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lock.h"
#include "pool.h"
#include "stop.h"
#include "wait.h"

struct failure *
spio_wait_failure(struct spawnio_child *child)
{
	return (struct failure *)(void *)child->reserved_failure;
}

void
spio_wait_remember(struct spawnio_child *child, const struct launch *launch)
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

static struct kid
kid_of(const struct spawnio_child *child)
{
	const struct kid kid = {
		.pid = child->pid,
		.pidfd = child->pidfd,
		.parent = child->reserved_parent,
		.block = child->reserved_block,
		.generation = child->reserved_generation
	};

	return kid;
}

/* It has only a copy of the memory. */
static void
read_report(struct spawnio_child *child)
{
	spio_launch_read_report(child->reserved_report,
	    spio_wait_failure(child));
	child->reserved_report = -1;
}

/* 0 if end came first. */
static int
await_report(struct spawnio_child *child, long long end)
{
	const struct kid kid = kid_of(child);

	if (!spio_launch_await_report(child->reserved_report, &kid, end))
		return 0;
	read_report(child);
	return 1;
}

/* Wait until the child has left the memory; 0 if end came first. */
static int
await(struct spawnio_child *child, long long end)
{
	if (child->reserved_report >= 0 && !await_report(child, end))
		return 0;
	if (!spio_pool_await(child->reserved_block,
	    child->reserved_generation, end))
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
		*error = spio_wait_failure(child)->error;
	errno = left ? saved : ETIMEDOUT;
	return left ? 0 : -1;
}

/* The status is there when the child has left the memory, which the kernel may
 * not have said of one that was killed. */
static int
reap(struct spawnio_child *child, int *status)
{
	struct kid kid = kid_of(child);
	int told = -1, err = spio_reap(&kid, &told);

	if (child->reserved_report >= 0)
		read_report(child);
	await(child, spio_deadline(0));
	child->pid = 0;
	child->pidfd = -1;
	if (err == 0 && status != NULL)
		*status = told;
	return err;
}

int
spawnio_child_wait(struct spawnio_child *child, int timeout, int *status)
{
	int saved = errno, cancel, err = ETIMEDOUT;
	struct kid kid;

	if (!is_child(child))
		return -1;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	kid = kid_of(child);
	if (spio_reap_await(&kid, spio_deadline(timeout)))
		err = reap(child, status);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : 0;
}

int
spawnio_child_stop(struct spawnio_child *child, int grace, int *status)
{
	int saved = errno, cancel, err;
	struct kid kid;

	if (!is_child(child))
		return -1;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	kid = kid_of(child);
	spio_stop(&kid, grace);
	err = reap(child, status);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : 0;
}
