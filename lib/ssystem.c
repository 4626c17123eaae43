/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawnio.h>
#include <string.h>
#ifdef HAVE_SYS_SINGLE_THREADED_H
# include <sys/single_threaded.h>
#endif

#include "calls.h"
#include "launch.h"
#include "lock.h"
#include "state.h"
#include "trace.h"

/* SIGINT and SIGQUIT are ignored while any thread waits: the first saves what
 * they were, the last restores it.  Not wiped in a forked child: there, as in
 * glibc, they stay ignored, but its commands start as they should. */
static int waiting;
static struct sigaction old_int, old_quit;

/* One thread's wait: what it owns, and what it undoes. */
struct wait {
	struct kid kid;
	sigset_t mask;
	struct trace *trace;
};

static uint64_t
default_if(int sig, const struct sigaction *old)
{
	return old->sa_handler == SIG_IGN ? 0 : (uint64_t)1 << (sig - 1);
}

/* Ignore, count, block; the signals that the command gets back by default. */
static uint64_t
enter(sigset_t *mask)
{
	struct lock *lock = &spio_state()->dispositions;
	uint32_t token = spio_lock_take(lock);
	struct sigaction ignore;
	sigset_t chld;
	uint64_t defaults;

	if (waiting == 0) {
		memset(&ignore, 0, sizeof(ignore));
		ignore.sa_handler = SIG_IGN;
		sigaction(SIGINT, &ignore, &old_int);
		sigaction(SIGQUIT, &ignore, &old_quit);
	}
	waiting++;
	defaults = default_if(SIGINT, &old_int) |
	    default_if(SIGQUIT, &old_quit);
	spio_lock_drop(lock, token);

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &chld, mask);
	return defaults;
}

static void
leave(const sigset_t *mask)
{
	struct lock *lock = &spio_state()->dispositions;
	uint32_t token = spio_lock_take(lock);

	if (--waiting == 0) {
		sigaction(SIGINT, &old_int, NULL);
		sigaction(SIGQUIT, &old_quit, NULL);
	}
	spio_lock_drop(lock, token);
	pthread_sigmask(SIG_SETMASK, mask, NULL);
}

static void
abandon(void *arg)
{
	struct wait *wait = arg;
	int err, status = -1;

	spio_reap_signal(&wait->kid, SIGKILL);
	err = spio_reap(&wait->kid, &status);
	leave(&wait->mask);
	spio_trace_end(wait->trace, err, status);
}

/* The one place where the thread may be cancelled.  It does not reap, so that
 * nothing is killed that has been. */
static void
wait_cancellably(struct wait *wait, int cancel)
{
	pthread_cleanup_push(abandon, wait);
	pthread_setcancelstate(cancel, NULL);
	spio_reap_await(&wait->kid, -1);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
}

/* Without other threads nobody else waits for the command, but for handlers
 * that wait for any child. */
static int
has_threads(void)
{
#ifdef HAVE_SYS_SINGLE_THREADED_H
	return !__libc_single_threaded;
#else
	return 1;
#endif
}

/* 0 or an errno. */
static int
start(struct wait *wait, const char *command)
{
	struct launch launch;
	struct failure failure = { 0, 0 };
	int err;

	memset(&launch, 0, sizeof(launch));
	launch.plan.defaults = enter(&wait->mask);
	launch.mask = &wait->mask;
	launch.plan.failure = &failure;
	launch.trace = wait->trace;
	launch.synchronous = 1;
	launch.want_pidfd = has_threads() || spio_reap_leaves_nothing();
	err = spio_launch(&launch, command);
	if (err != 0)
		leave(&wait->mask);
	wait->kid = launch.kid;
	return err;
}

/* 0 or an errno. */
static int
await(struct wait *wait, int *status, int cancel)
{
	int err;

	wait_cancellably(wait, cancel);
	err = spio_reap(&wait->kid, status);
	leave(&wait->mask);
	spio_trace_return(wait->trace);
	spio_trace_end(wait->trace, err, *status);
	return err;
}

/* The shim goes on to libc, and traces what that does. */
static void
give_up(struct trace *trace, enum flavour flavour, int err)
{
	if (flavour == SPIO_OWN)
		spio_trace_fail(trace, err);
	else
		spio_trace_drop(trace);
}

int
spio_system(const char *command, enum flavour flavour, int *result)
{
	int saved = errno, err, made, status = -1, cancel;
	struct wait wait;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	wait.trace = spio_trace_begin("system", command);
	err = start(&wait, command);
	made = err == 0;
	if (made && flavour == SPIO_LIBC)
		wait.kid.parent = 0;
	if (made)
		err = await(&wait, &status, cancel);
	else
		give_up(wait.trace, flavour, err);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	*result = err != 0 ? -1 : status;
	return made;
}

int
ssystem(const char *command)
{
	int result;

	spio_system(command != NULL ? command : "exit 0", SPIO_OWN, &result);
	return command != NULL ? result : result == 0;
}
