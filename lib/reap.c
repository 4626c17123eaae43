/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pool.h"
#include "reap.h"

/* linux/pidfd.h, of which libc's headers may have an older one.  A pidfd tells
 * the status of a child that was reaped by somebody else since Linux 6.15, and
 * knows the call since 6.13. */
struct pidfd_info {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t ids[11];
	int32_t exit_code;	/* a wait(2) status */
};

#define INFO_EXIT	((uint64_t)1 << 3)
#define GET_INFO	_IOWR(0xff, 11, struct pidfd_info)

/* waitid(2) says ECHILD a moment before the kernel has stored the status. */
#define LOST_TRIES	20

#define ID_PIDFD	((idtype_t)3)	/* P_PIDFD; Linux 5.4 */

static int
wait_id(idtype_t type, int id, siginfo_t *info, int options)
{
	int r;

	do
		r = waitid(type, (id_t)id, info, options);
	while (r == -1 && errno == EINTR);
	return r == 0 ? 0 : errno;
}

static int
wait_for(const struct kid *kid, siginfo_t *info, int options)
{
	int err = EINVAL;

	if (kid->pidfd >= 0)
		err = wait_id(ID_PIDFD, kid->pidfd, info, options);
	if (err == EINVAL)
		err = wait_id(P_PID, kid->pid, info, options);
	return err;
}

static int
wait_status(const siginfo_t *info)
{
	switch (info->si_code) {
	case CLD_EXITED:
		return (info->si_status & 0xff) << 8;
	case CLD_DUMPED:
		return info->si_status | 0x80;
	default:
		return info->si_status;
	}
}

/* To a forked copy of the parent it is no child, whatever its pidfd tells. */
static int
lost_status(const struct kid *kid, int *status)
{
	const struct timespec pause = { 0, 500000 };
	struct pidfd_info info;
	int i;

	if (kid->pidfd < 0 || kid->parent != getpid())
		return ECHILD;
	for (i = 0; i < LOST_TRIES; i++) {
		info.mask = INFO_EXIT;
		if (ioctl(kid->pidfd, GET_INFO, &info) == 0 &&
		    info.mask & INFO_EXIT) {
			*status = info.exit_code;
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return ECHILD;
}

void
spio_reap_await(const struct kid *kid)
{
	siginfo_t info;

	if (kid->pid != 0)
		wait_for(kid, &info, WEXITED | WNOWAIT);
}

int
spio_reap(struct kid *kid, int *status)
{
	siginfo_t info;
	int err;

	if (kid->pid == 0) {
		*status = 127 << 8;
		return 0;
	}
	err = wait_for(kid, &info, WEXITED);
	if (err == 0)
		*status = wait_status(&info);
	else if (err == ECHILD)
		err = lost_status(kid, status);
	if (kid->block >= 0)
		spio_pool_release(kid->block, kid->generation);
	if (kid->pidfd >= 0)
		close(kid->pidfd);
	kid->pidfd = -1;
	return err;
}

/* A filter may know clone3(2) and not this call: then there is the number,
 * which is the child's until it is reaped.  Not after ESRCH: it has been. */
void
spio_reap_kill(const struct kid *kid)
{
	if (kid->pid == 0)
		return;
#ifdef SYS_pidfd_send_signal
	if (kid->pidfd >= 0 && (syscall(SYS_pidfd_send_signal, kid->pidfd,
	    SIGKILL, NULL, 0) == 0 || (errno != ENOSYS && errno != EPERM)))
		return;
#endif
	kill(kid->pid, SIGKILL);
}

void
spio_reap_need_pidfd(struct kid *kid)
{
	struct pidfd_info info = { .mask = INFO_EXIT };

	if (kid->pidfd < 0 || ioctl(kid->pidfd, GET_INFO, &info) == 0)
		return;
	close(kid->pidfd);
	kid->pidfd = -1;
}
