/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <spawnio.h>
#include <string.h>

#include "pool.h"
#include "wait.h"

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
	launch.plan.failure = spio_wait_failure(child);
	launch.want_pidfd = launch.need_pidfd =
	    child->flags & SPAWNIO_CHILD_PIDFD;
	launch.want_report = 1;
	launch.stack_size = child->stack_size < SPIO_STACK_SIZE ?
	    SPIO_STACK_SIZE : child->stack_size;
	launch.plan.failure->error = 0;
	spio_block_signals(&mask);
	memcpy(&child->mask, &mask, sizeof(child->mask));
	err = spio_launch_plan(&launch);
	spio_restore_signals(&mask);
	if (err != 0)
		return err;
	if (launch.want_pidfd)
		spio_reap_open_pidfd(&launch.kid);
	child->fd[0] = child->fd[1] = child->fd[2] = -1;
	spio_wait_remember(child, &launch);
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
