/* SPDX-License-Identifier: ISC */
/* A child that has been started, and its end. */

#ifndef SPIO_REAP_H
#define SPIO_REAP_H

#include <stdint.h>
#include <sys/types.h>

struct kid {
	pid_t pid;		/* 0: it came to nothing, as if exit(127) */
	int pidfd;		/* or -1 */
	pid_t parent;		/* who may ask for its status; 0: anybody, but
				 * not the pidfd for one that was lost */
	dev_t pidfd_dev;	/* by spio_reap_need_pidfd(): which file */
	ino_t pidfd_ino;
	int block;		/* of the pool, or -1; and its generation */
	uint32_t generation;
};

/* Will children that end leave no status behind for wait(2)? */
int spio_reap_leaves_nothing(void);

/* Wait until the child can be reaped, or until end, as of spio_deadline(); 0
 * then.  A cancellation point. */
int spio_reap_await(const struct kid *kid, long long end);

/* Sleep, where a filter forbids poll(2) or it tells too early: 1 ms, in later
 * tries up to 8, but not beyond end. */
void spio_reap_pause(long long end, int tries);

/* Wait for the child, reap it, store its wait(2) status, let go of what the
 * kid owns; 0, or an errno: ECHILD if nobody can tell the status. */
int spio_reap(struct kid *kid, int *status);

/* The status of a child that has ended, which stays to be reaped; the same. */
int spio_reap_look(const struct kid *kid, int *status);

/* Is it there to be reaped, now or later? */
int spio_reap_is_child(const struct kid *kid);

/* Send the child a signal, or none if sig is 0; 0 if it has not been reaped. */
int spio_reap_signal(const struct kid *kid, int sig);

/* Open a pidfd, if there is none and the kernel has them. */
void spio_reap_open_pidfd(struct kid *kid);

/* Close the pidfd if this kernel knows no PIDFD_GET_INFO (Linux 6.13), and so
 * cannot tell a lost status. */
void spio_reap_need_pidfd(struct kid *kid);

/* After that, and before each use: forget the pidfd if its number is another
 * file's, as the caller, who does not know of it, has closed it. */
void spio_reap_check_pidfd(struct kid *kid);

#endif
