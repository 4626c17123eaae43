/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "how.h"
#include "lock.h"
#include "stop.h"
#include "wait.h"

/* 0 or an errno. */
static int
start(struct request *request, struct launch *launch, struct failure *failure)
{
	int err = spio_how_open(request);

	launch->plan.failure = failure;
	launch->want_pidfd = 1;
	return err != 0 ? err : spio_how_launch(request, launch);
}

static void
abandon(void *arg)
{
	struct kid *kid = arg;
	int status;

	spio_stop_signal(kid, SIGKILL);
	spio_reap(kid, &status);
}

/* The one place where the thread may be cancelled; 0 if end came first. */
static int
await_cancellably(struct kid *kid, long long end, int cancel)
{
	int ended;

	pthread_cleanup_push(abandon, kid);
	pthread_setcancelstate(cancel, NULL);
	ended = spio_reap_await(kid, end);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
	return ended;
}

/* 0 or an errno. */
static int
run(struct request *request, int *status, int cancel)
{
	struct failure failure = { 0, 0 };
	struct launch launch;
	int limit = request->how.timeout, err, ended;
	long long end = spio_deadline(limit > 0 ? limit : -1);

	memset(&launch, 0, sizeof(launch));
	launch.await_exec = 1;
	err = start(request, &launch, &failure);
	if (err != 0)
		return err;
	ended = await_cancellably(&launch.kid, end, cancel);
	if (!ended)
		spio_stop(&launch.kid, request->how.grace);
	err = spio_reap(&launch.kid, status);
	return ended ? err : ETIMEDOUT;
}

int
spawnio_run(const struct spawnio_how *how)
{
	int saved = errno, status = -1, cancel, err;
	struct request request;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	err = spio_how_read(&request, how, SPIO_MAY_WAIT);
	if (err == 0)
		err = run(&request, &status, cancel);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : status;
}
