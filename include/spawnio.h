/* SPDX-License-Identifier: ISC */
/* libspawnio: popen(3), pclose(3) and system(3) whose caller need not wait. */

#ifndef SPAWNIO_H
#define SPAWNIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
# define SPAWNIO_API	__attribute__((__visibility__("default")))
# define SPAWNIO_CHECK	__attribute__((__warn_unused_result__))
#else
# define SPAWNIO_API
# define SPAWNIO_CHECK
#endif

#if defined(__GNUC__) && __GNUC__ >= 11 && !defined(__clang__)
# define SPAWNIO_CLOSED_BY(f)	__attribute__((__malloc__(f, 1)))
#else
# define SPAWNIO_CLOSED_BY(f)
#endif

/* Close stream, wait for its command; its wait(2) status, or -1 and errno. */
SPAWNIO_API int spclose(FILE *stream);

/* Run command through /bin/sh with a stream to its output ("r") or from its
 * input ("w"), or both ("r+"); "e": close-on-exec.  NULL and errno if not. */
SPAWNIO_API FILE *spopen(const char *command, const char *type)
    SPAWNIO_CLOSED_BY(spclose) SPAWNIO_CHECK;

/* Run command through /bin/sh and wait; its wait(2) status, or -1 and errno.
 * For NULL: non-zero if there is a shell. */
SPAWNIO_API int ssystem(const char *command);

/* How a child is made: libspawnio(7), ENGINES. */
enum spawnio_engine {
	SPAWNIO_ENGINE_AUTO,		/* let the gate choose */
	SPAWNIO_ENGINE_AVFORK,		/* shared memory, caller goes on */
	SPAWNIO_ENGINE_VFORK,		/* shared memory, caller suspended */
	SPAWNIO_ENGINE_FORK,		/* a copy of the memory */
	SPAWNIO_ENGINE_POSIX_SPAWN	/* the C library's */
};

/* Which commands /bin/sh runs: libspawnio(7), DIRECT EXECUTION. */
enum spawnio_shell {
	SPAWNIO_SHELL_AUTO = 0x100,	/* those that need a shell */
	SPAWNIO_SHELL_ALWAYS = 0x200	/* all */
};

/* Set the engine of this process, an enum spawnio_engine, from the next launch
 * on; or'ed with an enum spawnio_shell, also which commands the shell runs.
 * 0, or -1 and errno. */
SPAWNIO_API int spawnio_set_engine(int engine);

/* Name the engine of the next spopen(), and, in *reason if reason is not NULL,
 * why it is that one.  Both strings are constant. */
SPAWNIO_API const char *spawnio_engine(const char **reason);

/* Wait until no launch is in flight, at most timeout milliseconds, without
 * limit if negative; 0, or -1 and ETIMEDOUT.  Call it before setuid(2) and
 * whatever else takes rights away from this process. */
SPAWNIO_API int spawnio_quiesce(int timeout);

/* A child of avfork(), for which it is to be zeroed, or of spawnio_start().  It
 * stays where it is until spawnio_child_await() or spawnio_child_wait() has
 * returned 0. */
struct spawnio_child {
	/* What the caller of avfork() asks for. */
	size_t stack_size;	/* bytes; there may be more; 0: 28 KiB */
	int flags;		/* SPAWNIO_CHILD_* */

	/* Filled in before fn runs: the caller's signals that were blocked,
	 * signal n as bit n - 1. */
	uint64_t mask;

	/* Filled in when the call returns. */
	pid_t pid;
	int pidfd;		/* or -1 */
	int fd[3];		/* the caller's ends of pipes, or -1 */
	int shared;		/* not 0 if the child has the caller's memory */

	/* The library's own. */
	int reserved_failure[2];
	int reserved_report;
	int reserved_block;
	uint32_t reserved_generation;
	pid_t reserved_parent;
	void *reserved_stack;
	size_t reserved_size;
	void *reserved[4];
};

/* A pidfd, close-on-exec, which spawnio_child_wait() closes. */
#define SPAWNIO_CHILD_PIDFD	1

/* Run fn(arg) in a child, in the caller's memory on a stack of its own, while
 * the caller goes on: avfork(3) says what fn may do.  The child's pid, or -1
 * and errno. */
SPAWNIO_API pid_t avfork(int (*fn)(void *arg), void *arg,
    struct spawnio_child *child);

/* Wait until the child has executed a program or ended, at most timeout
 * milliseconds, without limit if negative.  0, and in *error, if error is not
 * NULL, the errno of what kept it from that, or 0; or -1 and errno. */
SPAWNIO_API int spawnio_child_await(struct spawnio_child *child, int timeout,
    int *error);

/* Wait until the child has ended, with the same timeout, and let go of it.  0,
 * and its wait(2) status in *status if status is not NULL; or -1 and errno. */
SPAWNIO_API int spawnio_child_wait(struct spawnio_child *child, int timeout,
    int *status);

/* Send the child SIGTERM, and SIGKILL if it has not ended grace milliseconds
 * later; to its process group, if it leads one.  Then as above. */
SPAWNIO_API int spawnio_child_stop(struct spawnio_child *child, int grace,
    int *status);

/* The child behind a stream, as long as that is open: its pid, or -1 and
 * errno; a pidfd, close-on-exec, for the caller to close, or -1 and errno; and
 * as the functions above, but spclose() still tells the status. */
SPAWNIO_API pid_t spawnio_stream_pid(FILE *stream);
SPAWNIO_API int spawnio_stream_pidfd(FILE *stream);
SPAWNIO_API int spawnio_stream_await(FILE *stream, int timeout, int *error);
SPAWNIO_API int spawnio_stream_wait(FILE *stream, int timeout, int *status);
SPAWNIO_API int spawnio_stream_stop(FILE *stream, int grace);

#ifdef __cplusplus
}
#endif

#endif
