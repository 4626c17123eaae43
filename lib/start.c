/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "how.h"
#include "wait.h"

/* 0 or an errno. */
static int
start(struct request *request, struct spawnio_child *child)
{
	struct launch launch;
	int err = spio_how_open(request);

	if (err != 0)
		return err;
	memset(&launch, 0, sizeof(launch));
	launch.plan.failure = spio_wait_failure(child);
	launch.want_pidfd = launch.need_pidfd = 1;
	launch.want_report = 1;
	err = spio_how_launch(request, &launch);
	if (err != 0)
		return err;
	spio_reap_open_pidfd(&launch.kid);
	spio_wait_remember(child, &launch);
	memcpy(child->fd, request->parent, sizeof(child->fd));
	return 0;
}

int
spawnio_start(const struct spawnio_how *how, struct spawnio_child *child)
{
	int saved = errno, cancel, err = EINVAL;
	struct request request;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (child != NULL) {
		memset(child, 0, sizeof(*child));
		child->pidfd = child->fd[0] = child->fd[1] = child->fd[2] = -1;
		err = spio_how_read(&request, how, SPIO_MAY_PIPE);
	}
	if (err == 0)
		err = start(&request, child);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : 0;
}
