/* SPDX-License-Identifier: ISC */
/* The open streams: FILE* to child, and the descriptors that a new child must
 * close. */

#ifndef SPIO_STREAM_H
#define SPIO_STREAM_H

#include <stdio.h>

#include "child.h"
#include "reap.h"
#include "trace.h"

struct stream {
	struct open_end end;	/* in the list, too, unless close-on-exec */
	struct stream *next;	/* in its bucket */
	FILE *file;
	struct kid kid;
	struct failure failure;	/* the child writes here until it executes */
	int told;		/* or nobody will */
	int cloexec;
	struct trace *trace;	/* or NULL */
};

/* Is any stream open?  No lock, no look at the streams. */
int spio_stream_any(void);

/* Note which file the stream's descriptor is, if the kernel tells. */
void spio_stream_identify(struct stream *stream);

/* With the launch lock held: add a stream; 0 or an errno, and then it is not
 * added.  Those that it shows to have been closed by fclose() are taken out and
 * chained by next before *closed. */
int spio_stream_insert(struct stream *stream, struct stream **closed);

/* With the launch lock held: take a stream out. */
void spio_stream_delete(struct stream *stream);

/* The n places of the descriptors that a child must close.  To be read with the
 * launch lock held, or in a copy of the memory: every stream that is not
 * close-on-exec is there at any time. */
const struct open_end *spio_stream_ends(size_t *n);

/* Take the stream behind file out of the table and set its FD_CLOEXEC, so that
 * no child inherits what nobody would close in it; NULL if it is not ours. */
struct stream *spio_stream_remove(FILE *file);

/* The stream behind file, or NULL if it is not ours. */
struct stream *spio_stream_find(FILE *file);

/* Let go of streams that are in no table, chained by next, and that nobody will
 * wait for. */
void spio_stream_free(struct stream *stream);

/* Is the descriptor still the file that it was when the stream was opened?
 * Yes if the kernel cannot tell.  The child has its own way to ask. */
int spio_stream_same_file(const struct open_end *end);

#endif
