/* SPDX-License-Identifier: ISC */
/* A launch: what is to be started, and what came of it.  It lies on the stack
 * of the caller, who touches nothing else once the child runs. */

#ifndef SPIO_LAUNCH_H
#define SPIO_LAUNCH_H

#include <signal.h>

#include "child.h"
#include "reap.h"
#include "stream.h"
#include "trace.h"

#define SPIO_SHELL	"/bin/sh"

struct launch {
	/* Filled in by the caller. */
	struct plan plan;	/* what is not filled in from a command */
	struct stream *stream;	/* to be entered before the child; or NULL */
	struct trace *trace;	/* or NULL */
	const sigset_t *mask;	/* the child's; NULL: the caller's own */
	int synchronous;	/* the caller waits anyway: never avfork */
	int await_exec;		/* nor here: a failed exec is the call's */
	int copy_memory;	/* fork alone: the child changes its ids */
	int close_streams;	/* those of earlier popens, as for stream */
	int want_pidfd;
	int need_pidfd;		/* it is the caller's: not without */
	int want_report;	/* of failure, where memory is not shared */
	size_t stack_size;	/* at least; 0: our own needs are known */

	/* Filled in by the launch. */
	int lent;		/* fork alone: the lock, to the child */
	const char *argv[5];
	uint32_t ticket;	/* posix_spawn.c: those before it are waited */
	int ticketed;		/* for, and it is one of them */
	struct kid kid;
	int exec_error;		/* an errno, where the engine can tell */
	const char *call;	/* that failed before the clone; or NULL */
	int told;		/* plan.failure is filled in, or will be */
	int left;		/* a copy of the memory, with the report in */

	/* To be unmapped when the child has left the memory, and the pipe that
	 * tells of its failure, open until it has; or NULL and -1. */
	char *stack;
	size_t stack_mapped;
	int report;
};

/* Start command in a shell; 0, or an errno and then there is no child.  The
 * stream is then in the table, the earlier ones are not in the child.  To a
 * synchronous caller a failed exec is a child with status 127. */
int spio_launch(struct launch *launch, const char *command);

/* Start what the plan has already: fn, or file with argv; 0 or an errno. */
int spio_launch_plan(struct launch *launch);

/* Wait until the child has told of its failure by the pipe, or has executed or
 * ended; 0 if end came first.  The pipe's own end may not come: a process that
 * another thread has forked meanwhile may keep it. */
int spio_launch_await_report(int report, const struct kid *kid, long long end);

/* Read what it has told, if anything, and close the pipe. */
void spio_launch_read_report(int report, struct failure *failure);

/* Block all signals, libc's own too where it can be done, and undo it. */
void spio_block_signals(sigset_t *old);
void spio_restore_signals(const sigset_t *old);

#endif
