/* SPDX-License-Identifier: ISC */
/* What a stream tells of the child behind it. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawnio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "pool.h"
#include "stop.h"
#include "stream.h"

/* NULL and errno if it is not ours. */
static struct stream *
find(FILE *file)
{
	struct stream *stream = file != NULL ? spio_stream_find(file) : NULL;

	if (stream == NULL)
		errno = EINVAL;
	else
		spio_reap_check_pidfd(&stream->kid);
	return stream;
}

/* A pidfd of our own, or -1 and errno. */
static int
open_pidfd(const struct kid *kid)
{
	struct kid own = *kid;

	if (kid->pidfd >= 0)
		return fcntl(kid->pidfd, F_DUPFD_CLOEXEC, 0);
	if (!spio_reap_is_child(kid)) {
		errno = ECHILD;
		return -1;
	}
	spio_reap_open_pidfd(&own);
	return own.pidfd;
}

pid_t
spawnio_stream_pid(FILE *file)
{
	struct stream *stream = find(file);

	return stream != NULL ? stream->kid.pid : -1;
}

int
spawnio_stream_pidfd(FILE *file)
{
	struct stream *stream;
	int saved = errno, cancel, fd = -1;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	stream = find(file);
	if (stream != NULL)
		fd = open_pidfd(&stream->kid);
	if (fd >= 0)
		errno = saved;
	pthread_setcancelstate(cancel, NULL);
	return fd;
}

static int
await(const struct stream *stream, int timeout, int *error)
{
	if (!stream->told)
		return ENOTSUP;
	if (!spio_pool_await(stream->kid.block, stream->kid.generation,
	    spio_deadline(timeout)))
		return ETIMEDOUT;
	if (error != NULL)
		*error = stream->failure.error;
	return 0;
}

/* The status stays where it is, for spclose(). */
static int
wait_for(const struct stream *stream, int timeout, int *status)
{
	struct kid kid = stream->kid;
	int err = ETIMEDOUT, told = -1;

	kid.pidfd = open_pidfd(&stream->kid);
	if (spio_reap_await(&kid, spio_deadline(timeout)))
		err = spio_reap_look(&stream->kid, &told);
	if (kid.pidfd >= 0)
		close(kid.pidfd);
	if (err == 0 && status != NULL)
		*status = told;
	return err;
}

static int
stop(const struct stream *stream, int grace)
{
	struct kid kid = stream->kid;

	kid.pidfd = open_pidfd(&stream->kid);
	if (kid.pidfd < 0 && errno == ECHILD)
		return ECHILD;
	spio_stop(&kid, grace);
	if (kid.pidfd >= 0)
		close(kid.pidfd);
	return 0;
}

/* What the caller gets of an errno, with cancellation off until here. */
static int
leave(int err, int saved, int cancel)
{
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : 0;
}

int
spawnio_stream_await(FILE *file, int timeout, int *error)
{
	struct stream *stream;
	int saved = errno, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	stream = find(file);
	return leave(stream == NULL ? EINVAL :
	    await(stream, timeout, error), saved, cancel);
}

int
spawnio_stream_wait(FILE *file, int timeout, int *status)
{
	struct stream *stream;
	int saved = errno, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	stream = find(file);
	return leave(stream == NULL ? EINVAL :
	    wait_for(stream, timeout, status), saved, cancel);
}

int
spawnio_stream_stop(FILE *file, int grace)
{
	struct stream *stream;
	int saved = errno, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	stream = find(file);
	return leave(stream == NULL ? EINVAL : stop(stream, grace), saved,
	    cancel);
}
