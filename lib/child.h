/* SPDX-License-Identifier: ISC */
/* The child's half of a launch. */

#ifndef SPIO_CHILD_H
#define SPIO_CHILD_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct spawnio_how;
struct stream;

/* An open stream's descriptor, to be closed in a new child.  The file's
 * identity is there because fclose() may have closed the descriptor, and
 * something else may have got its number. */
struct open_end {
	struct stream *stream;	/* NULL: closed since */
	uint64_t ino;		/* 0: not known */
	uint32_t dev;		/* all bits that Linux has for one */
	int fd;
};

struct fd_move {
	int from;
	int to;
};

/* A redirection of the command's own: fd becomes file, opened with flags, or,
 * if that is NULL, what from is, or is closed if from is -1. */
struct redirect {
	const char *file;
	int fd;
	int flags;
	int from;
};

#define SPIO_REDIRECTS	6

/* What the command is without a shell; argv is NULL if it needs one. */
struct direct {
	const char *const *argv;
	const char *const *assigns;	/* NAME=value, before the others */
	const struct redirect *redirect;
	int redirects;
};

/* Held by whose token is in it; 0 is free.  It is free, too, if the token is
 * that of one who lent it to a copy of the memory, and the copy has put it in
 * the word that it shares. */
struct lock {
	_Atomic uint32_t owner;
	_Atomic uint32_t waiters;
	_Atomic uint32_t lent;
	_Atomic(_Atomic uint32_t *) copied;
	_Atomic uintptr_t thread;	/* who took it and has not dropped it */
	_Atomic uint32_t forking;	/* token of one who forks meanwhile */
};

/* What kept the child from executing, and at which step: child.c has those of a
 * struct spawnio_how, in their order. */
enum step {
	SPIO_STEP_SETSID, SPIO_STEP_SETPGID, SPIO_STEP_SETCTTY,
	SPIO_STEP_FCHDIR, SPIO_STEP_CHDIR, SPIO_STEP_DUP, SPIO_STEP_CLOSE,
	SPIO_STEP_NICE, SPIO_STEP_RLIMIT, SPIO_STEP_UMASK, SPIO_STEP_SETGROUPS,
	SPIO_STEP_SETGID, SPIO_STEP_SETUID, SPIO_STEP_NO_NEW_PRIVS,
	SPIO_STEP_DEATH_SIGNAL, SPIO_STEP_BEFORE_EXEC,
	SPIO_STEPS_OF_HOW,
	SPIO_STEP_EXEC = SPIO_STEPS_OF_HOW, SPIO_STEP_POSIX_SPAWN
};

struct failure {
	int error;		/* an errno, or 0 */
	int step;
};

/* What the child is to do, in this order.  It lies in a block of the pool, or
 * on the stack of a caller who is suspended, or of whose stack the child has a
 * copy; all it points to lives as long. */
struct plan {
	/* Streams of earlier popens and places without one, by rising
	 * descriptor number, then the lock under which they were listed, if the
	 * child is the one to let go of it. */
	const struct open_end *ends;
	size_t end_count;
	int new_end;		/* of them, the one with FD_CLOEXEC yet */
	struct lock *lock;
	uint32_t token;

	/* Where a copy of the memory says that it is one, by that token; or
	 * NULL. */
	_Atomic uint32_t *copied;

	/* Signals to be SIG_DFL, bit n - 1 for signal n; and whether those
	 * with a handler are among them. */
	uint64_t defaults;
	int reset_handlers;

	/* If it is not NULL, then this is all.  What it returns is the exit
	 * status, or, below 0, an errno. */
	int (*fn)(void *);
	void *arg;

	/* What a caller asked for by a struct spawnio_how, or NULL, and who
	 * that is.  No from is one of the earlier tos. */
	const struct spawnio_how *how;
	pid_t parent;
	pid_t caller;		/* the thread, if there is a death signal */
	const struct fd_move *move;
	int moves;

	/* To be set, unless it is the one that the child was born with. */
	int set_mask;
	uint64_t mask;

	/* Tried first; then this, for which path is searched. */
	struct direct direct;
	const char *file;
	const char *path;	/* or NULL: the system's default */
	const char *const *argv;
	const char *const *envp;

	/* Back to the parent: where it shares the memory and, unless it is a
	 * copy that it gets, by a pipe as well. */
	volatile int shared;
	struct failure *failure;
	int report;		/* or -1 */
};

_Noreturn void spio_child_main(void *plan);

/* NULL, or in a few words what in the environment wants the shell for every
 * command. */
const char *spio_child_objection(const char *const *envp);

/* Is NAME=value one that must not be without the shell's knowing? */
int spio_child_heeds(const char *string);

#endif
