/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "pool.h"
#include "reap.h"
#include "state.h"

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

int
spio_reap_leaves_nothing(void)
{
	struct sigaction act;

	return sigaction(SIGCHLD, NULL, &act) == 0 &&
	    (act.sa_handler == SIG_IGN || act.sa_flags & SA_NOCLDWAIT);
}

static int
wait_id(idtype_t type, int id, siginfo_t *info, int options)
{
	int r;

	do
		r = waitid(type, (id_t)id, info, options);
	while (r == -1 && errno == EINTR);
	return r == 0 ? 0 : errno;
}

/* What an old kernel and filters say to a pidfd here, and to nothing else; and
 * what there is to say of one that the caller has closed. */
static int
is_refusal(int err)
{
	return err == EINVAL || err == ENOSYS || err == EPERM || err == EBADF;
}

/* A forked copy of its parent may have another child of that number. */
static int
wait_for(const struct kid *kid, siginfo_t *info, int options)
{
	int err = ENOSYS;

	if (kid->parent != 0 && kid->parent != spio_state_process())
		return ECHILD;
	if (kid->pidfd >= 0)
		err = wait_id(ID_PIDFD, kid->pidfd, info, options);
	if (is_refusal(err))
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

	if (kid->pidfd < 0 || kid->parent != spio_state_process())
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

/* The pidfd tells too early, or a filter forbids to ask. */
static int
does_not_wait(int polled)
{
	return polled > 0 || (polled < 0 && errno != EINTR);
}

void
spio_reap_pause(long long end, int tries)
{
	int ms = 1 << (tries < 3 ? tries : 3), left = spio_left(end);
	const struct timespec pause = { 0, (ms < left ? ms : left) * 1000000L };

	nanosleep(&pause, NULL);
}

int
spio_reap_await(const struct kid *kid, long long end)
{
	struct pollfd pidfd = { .fd = kid->pidfd, .events = POLLIN };
	int options = WEXITED | WNOWAIT | (end < 0 ? 0 : WNOHANG);
	int mute = kid->pidfd < 0, tries;
	siginfo_t info;
	int err, polled;

	if (kid->pid == 0)
		return 1;
	for (tries = 0;; tries++) {
		info.si_pid = 0;
		err = wait_for(kid, &info, options);
		if (is_refusal(err) ? end < 0 && mute :
		    err != 0 || info.si_pid != 0)
			return 1;
		if (spio_left(end) == 0)
			return 0;
		if (mute) {
			spio_reap_pause(end, tries);
			continue;
		}
		polled = poll(&pidfd, 1, spio_left(end));
		if (is_refusal(err) && polled > 0)
			return 1;
		mute = does_not_wait(polled);
	}
}

/* A filter may know what libc's system() needs, and not waitid(2). */
static int
wait_otherwise(pid_t pid, int *status)
{
	int told;
	pid_t r;

	do
		r = waitpid(pid, &told, 0);
	while (r == -1 && errno == EINTR);
	if (r == -1)
		return errno;
	*status = told;
	return 0;
}

static int
take_status(const struct kid *kid, int options, int *status)
{
	siginfo_t info;
	int err;

	if (kid->pid == 0) {
		*status = 127 << 8;
		return 0;
	}
	err = wait_for(kid, &info, WEXITED | options);
	if (err == 0)
		*status = wait_status(&info);
	else if (is_refusal(err) && (options & WNOWAIT) == 0)
		err = wait_otherwise(kid->pid, status);
	return err == ECHILD ? lost_status(kid, status) : err;
}

int
spio_reap_look(const struct kid *kid, int *status)
{
	return take_status(kid, WNOWAIT, status);
}

int
spio_reap(struct kid *kid, int *status)
{
	int err = take_status(kid, 0, status);

	/* Otherwise the child may still be there. */
	if (kid->block >= 0 && (err == 0 || err == ECHILD))
		spio_pool_release(kid->block, kid->generation);
	if (kid->pidfd >= 0)
		close(kid->pidfd);
	kid->pidfd = -1;
	return err;
}

int
spio_reap_is_child(const struct kid *kid)
{
	siginfo_t info;
	int err = wait_for(kid, &info, WEXITED | WNOWAIT | WNOHANG);

	return err == 0 || is_refusal(err);
}

/* A filter may know clone3(2) and not this call: then there is the number,
 * which is the child's until it is reaped.  Not after ESRCH: it has been. */
int
spio_reap_signal(const struct kid *kid, int sig)
{
	if (kid->pid == 0)
		return -1;
#ifdef SYS_pidfd_send_signal
	if (kid->pidfd >= 0 && syscall(SYS_pidfd_send_signal, kid->pidfd,
	    sig, NULL, 0) == 0)
		return 0;
	if (kid->pidfd >= 0 && errno != ENOSYS && errno != EPERM)
		return -1;
#endif
	return kill(kid->pid, sig);
}

void
spio_reap_open_pidfd(struct kid *kid)
{
#ifdef SYS_pidfd_open
	if (kid->pidfd < 0) {
		kid->pidfd = (int)syscall(SYS_pidfd_open, kid->pid, 0);
		kid->parent = getpid();
	}
#endif
}

void
spio_reap_need_pidfd(struct kid *kid)
{
	struct pidfd_info info = { .mask = INFO_EXIT };
	struct stat st;

	if (kid->pidfd < 0)
		return;
	if (ioctl(kid->pidfd, GET_INFO, &info) == 0 &&
	    fstat(kid->pidfd, &st) == 0) {
		kid->pidfd_dev = st.st_dev;
		kid->pidfd_ino = st.st_ino;
		return;
	}
	close(kid->pidfd);
	kid->pidfd = -1;
}

void
spio_reap_check_pidfd(struct kid *kid)
{
	struct stat st;
	int saved = errno;

	if (kid->pidfd >= 0 && fstat(kid->pidfd, &st) == 0 &&
	    (st.st_dev != kid->pidfd_dev || st.st_ino != kid->pidfd_ino))
		kid->pidfd = -1;
	errno = saved;
}
