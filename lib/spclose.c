/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <spawnio.h>
#include <stdlib.h>

#include "calls.h"
#include "stream.h"
#include "trace.h"

/* Data that could not be written is reported as glibc does: the command's own
 * failure says more. */
static int
finish(struct stream *stream, int *status)
{
	int flush_err = fclose(stream->file) == 0 ? 0 : errno, err;

	spio_reap_check_pidfd(&stream->kid);
	err = spio_reap(&stream->kid, status);
	spio_trace_end(stream->trace, err, *status);
	stream->trace = NULL;
	stream->next = NULL;
	spio_stream_free(stream);
	return err == 0 && *status == 0 ? flush_err : err;
}

int
spio_close(FILE *file, int *result)
{
	int saved = errno, err = 0, status = -1, cancel;
	struct stream *stream;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	stream = file == NULL ? NULL : spio_stream_remove(file);
	if (stream != NULL)
		err = finish(stream, &status);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	*result = err != 0 ? -1 : status;
	return stream != NULL;
}

int
spclose(FILE *file)
{
	int result;

	if (spio_close(file, &result))
		return result;
	errno = EINVAL;
	return -1;
}
