/* SPDX-License-Identifier: ISC */
/* A process that answers the system calls of the process under test: it holds
 * an exec until it is told to let go, or makes a call fail. */

#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <sys/syscall.h>

#include <stdatomic.h>
#include <stddef.h>

/* What everybody calls where longs have 32 bits, and elsewhere.  With the first
 * libc's fstat() is statx(2), if that is there. */
#ifdef SYS_mmap2
# define SV_MMAP	SYS_mmap2
# define SV_FCNTL	SYS_fcntl64
# define SV_FSTAT	SYS_fstat64
# define SV_GETRESUID	SYS_getresuid32
# define SV_GETRESGID	SYS_getresgid32
# define SV_SETRESUID	SYS_setresuid32
# define SV_SETRESGID	SYS_setresgid32
# define SV_FSTAT_IS_STATX	1
#else
# define SV_MMAP	SYS_mmap
# define SV_FCNTL	SYS_fcntl
# define SV_FSTAT	SYS_fstat
# define SV_GETRESUID	SYS_getresuid
# define SV_GETRESGID	SYS_getresgid
# define SV_SETRESUID	SYS_setresuid
# define SV_SETRESGID	SYS_setresgid
# define SV_FSTAT_IS_STATX	0
#endif

#define SV_ERRNOS	8

/* A call that may fail, and how its manual page says that it may. */
struct sv_call {
	long nr;
	int err[SV_ERRNOS + 1];	/* up to the first 0 */
};

/* Which of the process's two kinds of callers. */
enum sv_half {
	SV_NEITHER,
	SV_PARENT,		/* the process itself, any thread */
	SV_CHILD		/* a child of it that has not exec'ed */
};

/* What fails: the nth call; also all later ones of the same number; also all
 * later ones, each with its errno in the same place, or its last. */
enum sv_extent {
	SV_ONCE,
	SV_SAME,
	SV_ALL
};

/* Shared between the two: the process under test writes the first two parts,
 * the supervisor the last. */
struct supervisor {
	/* The process under test, and which execs of its children wait. */
	atomic_int pid;
	atomic_int hold;	/* at most so many at once wait for sv_go() */
	atomic_int delay;	/* the others for so many milliseconds */
	atomic_int let;		/* so many of those that wait may go */

	/* The fault: nth call of that half fails with its which-th errno. */
	atomic_int half;
	atomic_int nth;
	atomic_int which;
	atomic_int extent;

	atomic_int held;	/* waiting for sv_go(), */
	atomic_int last;	/* and which of them came last */
	atomic_int passed;	/* execs that were let go, ever */
	atomic_ulong file;	/* the last exec's file name, where it lies */
	atomic_int seen;	/* calls of that half */
	atomic_int failed;	/* calls that were made to fail */
	atomic_int err;		/* what with; 0: which is past the last */
	atomic_ullong given[3];	/* all that they failed with, a bit for each */
	atomic_long nr;		/* the first of them */
};

/* Does the kernel let us?  Tried in a child. */
int sv_works(void);

/* How many times as long all may take, as for Check's own limits. */
unsigned int sv_slowness(void);

/* Supervise this process and all that it makes: its execs, and calls.  NULL if
 * that cannot be.  For good: a filter cannot be removed.  To be called before
 * there is a second thread. */
struct supervisor *sv_start(const struct sv_call *calls, size_t n);

/* From now on this is the process under test.  Holding and arming imply it. */
void	 sv_watch(struct supervisor *sv);

/* Hold the next execs of children of this process, at most most. */
void	 sv_hold(struct supervisor *sv, int most);

/* Wait until n execs are held. */
void	 sv_wait(struct supervisor *sv, int n);

/* Let the one go that has been held longest. */
void	 sv_go_one(struct supervisor *sv);

/* Let the held ones go, and hold no more. */
void	 sv_go(struct supervisor *sv);

/* Arm the fault for this process; the caller has set which and extent. */
void	 sv_arm(struct supervisor *sv, enum sv_half half, int nth);
void	 sv_disarm(struct supervisor *sv);

/* Has a call been made to fail with it since? */
int	 sv_gave(struct supervisor *sv, int err);

#endif
