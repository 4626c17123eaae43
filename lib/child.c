/* SPDX-License-Identifier: ISC */
/* The child's half.  It runs in the parent's memory beside the parent's
 * threads, so it calls child.h and sys.h alone: libc would write our errno,
 * and the thread whose thread pointer it bears may have ended.
 *
 * Hazards, cited by number where the code meets them:
 *  1. A handler run in the child would act on the parent's memory.  Either the
 *     kernel has reset all of them at the clone, or all signals are blocked
 *     until they have been reset here.
 *  2. A child of another launch may still hold, for writing, the file that
 *     this one executes: ETXTBSY passes by itself. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include <sys/stat.h>

#include "child.h"
#include "direct.h"
#include "setup.h"
#include "sys.h"

static void
close_run(int first, int last)
{
	if (first < last && child_close_range((unsigned int)first,
	    (unsigned int)last, 0) == 0)
		return;
	for (; first <= last; first++)
		child_close(first);
}

/* Is it still the file that it was when the stream was opened?  Yes if the
 * kernel cannot tell. */
static int
still_ours(const struct open_end *end)
{
	struct kernel_stat st;

	if (end->ino == 0 || sys_fstat(end->fd, &st) != 0)
		return 1;
	return st.ino == end->ino && st.dev == end->dev;
}

/* The exec closes the parent's new end.  Where the kernel cannot tell, the
 * number of a stream that fclose() closed may have become that of the child's
 * own end. */
static int
is_own(int fd, const struct plan *plan)
{
	int i;

	if (fd == plan->new_end)
		return 1;
	for (i = 0; i < plan->moves; i++)
		if (plan->move[i].from == fd)
			return 1;
	return 0;
}

static void
close_ends(const struct plan *plan)
{
	const struct open_end *end;
	int first = 0, last = -1;	/* no run yet */
	size_t i;

	for (i = 0; i < plan->end_count; i++) {
		end = &plan->ends[i];
		if (end->stream == NULL || is_own(end->fd, plan) ||
		    !still_ours(end))
			continue;
		if (end->fd != last + 1) {
			close_run(first, last);
			first = end->fd;
		}
		last = end->fd;
	}
	close_run(first, last);
}

/* The parent may be suspended until the exec: the lock must not be.  Only the
 * caller's own memory is let go; a copy's lock says nothing to anybody. */
static void
let_go(struct lock *lock, uint32_t token)
{
	if (lock == NULL)
		return;
	if (atomic_compare_exchange_strong(&lock->owner, &token, 0) &&
	    atomic_load(&lock->waiters) != 0)
		sys_futex_wake(&lock->owner, 1);
}

/* From here on the streams may change: this process has its own descriptors and
 * its own list of them. */
static void
tell_copied(const struct plan *plan)
{
	if (plan->copied == NULL)
		return;
	atomic_store(plan->copied, plan->token);
	sys_futex_wake(plan->copied, INT_MAX);
}

/* Hazard 2: 0.1 ms, doubled up to 0.4 s in all. */
static int
execute(const struct plan *plan)
{
	struct timespec pause;
	long nsec;
	int r;

	pause.tv_sec = 0;
	for (nsec = 100000;; nsec *= 2) {
		r = sys_execvpe(plan->file, plan->argv, plan->envp, plan->path);
		if (r != -ETXTBSY || nsec > 250000000)
			return r;
		pause.tv_nsec = nsec;
		child_nanosleep(&pause, NULL);
	}
}

static _Noreturn void
give_up(const struct plan *plan, int step, int r)
{
	struct failure failure = { -r, step };

	*plan->failure = failure;
	if (plan->report >= 0)
		child_write(plan->report, &failure, sizeof(failure));
	child_exit(127);
}

static _Noreturn void
call(const struct plan *plan)
{
	int r = plan->fn(plan->arg);

	if (r < 0)
		give_up(plan, 0, r);
	child_exit(r);
}

_Noreturn void
spio_child_main(void *arg)
{
	struct plan *plan = arg;
	int step = SPIO_STEP_DUP, r;

	plan->shared = 1;
	tell_copied(plan);
	close_ends(plan);
	let_go(plan->lock, plan->token);
	/* Hazard 1. */
	child_sigdefault_set(plan->defaults);
	if (plan->reset_handlers)
		child_sigdefault_caught();
	if (plan->fn != NULL)
		call(plan);
	r = plan->how != NULL ? set_up(plan, &step) : move_fds(plan);
	if (r < 0)
		give_up(plan, step, r);
	if (plan->set_mask)
		plan->set_mask = child_sigprocmask(SIG_SETMASK, &plan->mask,
		    NULL) == 0;
	if (plan->direct.argv != NULL)
		execute_directly(plan);
	give_up(plan, SPIO_STEP_EXEC, execute(plan));
}

const char *
spio_child_objection(const char *const *envp)
{
	struct variables found;

	return objection(envp, NULL, &found);
}

int
spio_child_heeds(const char *string)
{
	return is_heeded(string) || is_in(string, kept);
}
