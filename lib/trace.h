/* SPDX-License-Identifier: ISC */
/* SPAWNIO_TRACE: a line for each call, when it ends.  Nothing here touches
 * errno or fails; a NULL trace, of a call that is not traced, is let pass. */

#ifndef SPIO_TRACE_H
#define SPIO_TRACE_H

#include <spawnio.h>
#include <stdatomic.h>
#include <stddef.h>

struct trace;

enum { SPIO_TRACE_UNREAD, SPIO_TRACE_OFF, SPIO_TRACE_ON };
extern _Atomic int spio_trace_state;

/* With a copy of command; NULL if there is no memory. */
struct trace *spio_trace_new(const char *call, const char *command);

static inline struct trace *
spio_trace_begin(const char *call, const char *command)
{
	if (atomic_load_explicit(&spio_trace_state, memory_order_acquire) ==
	    SPIO_TRACE_OFF)
		return NULL;
	return spio_trace_new(call, command);
}

/* As below, of a call that is traced. */
void spio_trace_set_engine(struct trace *trace, enum spawnio_engine engine,
    int after_exec);
void spio_trace_set_return(struct trace *trace);
void spio_trace_finish(struct trace *trace, int err, int status);

/* This engine has been tried, and has returned; if that tells so, after the
 * exec. */
static inline void
spio_trace_engine(struct trace *trace, enum spawnio_engine engine,
    int after_exec)
{
	if (trace != NULL)
		spio_trace_set_engine(trace, engine, after_exec);
}

/* The caller goes on. */
static inline void
spio_trace_return(struct trace *trace)
{
	if (trace != NULL)
		spio_trace_set_return(trace);
}

/* These three end a trace, the first two with its line: the command has ended,
 * with status unless err says why that cannot be told; there was no command. */
static inline void
spio_trace_end(struct trace *trace, int err, int status)
{
	if (trace != NULL)
		spio_trace_finish(trace, err, status);
}

void spio_trace_fail(struct trace *trace, int err);
void spio_trace_drop(struct trace *trace);

/* What libc did in our place, as one call, its result unknown if err is 0. */
void spio_trace_libc(struct trace *trace, int err);

#endif
