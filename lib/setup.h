/* SPDX-License-Identifier: ISC */
/* What the child does for a struct spawnio_how, for child.c alone.  A step
 * returns 0, or an errno negated.
 *
 * The files have been opened by the parent, which has a number for each that
 * no earlier move overwrites. */

#ifndef SPIO_SETUP_H
#define SPIO_SETUP_H

#include <errno.h>
#include <fcntl.h>
#include <spawnio/how.h>
#include <stddef.h>

#include "child.h"
#include "sys.h"

/* dup3(n, n) is an error and dup2(n, n) keeps FD_CLOEXEC: a descriptor that is
 * where it belongs has its flag cleared instead. */
static int
move_fds(const struct plan *plan)
{
	const struct fd_move *move = plan->move;
	int i, r = 0;

	for (i = 0; i < plan->moves && r >= 0; i++, move++)
		r = move->from == move->to ?
		    child_fcntl(move->to, F_SETFD, 0) :
		    child_dup3(move->from, move->to, 0);
	return r;
}

static int
asks(const struct plan *plan, int flag)
{
	return plan->how->flags & flag;
}

static int
own_session(const struct plan *plan)
{
	return asks(plan, SPAWNIO_SETSID) ? child_setsid() : 0;
}

static int
join_group(const struct plan *plan)
{
	return asks(plan, SPAWNIO_SETPGROUP) ?
	    child_setpgid(0, plan->how->pgroup) : 0;
}

static int
take_terminal(const struct plan *plan)
{
	return asks(plan, SPAWNIO_SETCTTY) ?
	    child_setctty(plan->how->ctty) : 0;
}

static int
enter_fd(const struct plan *plan)
{
	return asks(plan, SPAWNIO_SETCWDFD) ?
	    child_fchdir(plan->how->cwd_fd) : 0;
}

static int
enter(const struct plan *plan)
{
	return plan->how->cwd != NULL ? child_chdir(plan->how->cwd) : 0;
}

/* The lowest from fd on that stays open, or -1. */
static int
next_kept(const struct plan *plan, int fd)
{
	int i, next = plan->report >= fd ? plan->report : -1;

	for (i = 0; i < plan->moves; i++)
		if (plan->move[i].to >= fd &&
		    (next == -1 || plan->move[i].to < next))
			next = plan->move[i].to;
	return next;
}

static int
number_of(const char *name)
{
	int n = 0;

	if (*name < '0' || *name > '9')
		return -1;
	for (; *name >= '0' && *name <= '9'; name++)
		n = n * 10 + (*name - '0');
	return n;
}

/* As linux_dirent64 is. */
struct entry {
	uint64_t ino;
	int64_t next;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Where the kernel has no close_range(2), it lists those that are open. */
static int
close_listed(const struct plan *plan)
{
	uint64_t room[64];
	const struct entry *entry;
	int folder, fd, r, at;

	folder = child_open("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
	if (folder < 0)
		return folder;
	while ((r = sys_getdents(folder, room, sizeof(room))) > 0)
		for (at = 0; at < r; at += entry->size) {
			entry = (const void *)((const char *)room + at);
			fd = number_of(entry->name);
			if (fd > 2 && fd != folder &&
			    next_kept(plan, fd) != fd)
				child_close(fd);
		}
	child_close(folder);
	return r;
}

static int
close_others(const struct plan *plan)
{
	unsigned int last;
	int fd = 3, next, r;

	if (!asks(plan, SPAWNIO_CLOSE_OTHERS))
		return 0;
	do {
		next = next_kept(plan, fd);
		last = next == -1 ? ~0u : (unsigned int)next - 1;
		r = next == fd ? 0 :
		    child_close_range((unsigned int)fd, last, 0);
		fd = next + 1;
	} while (r == 0 && next != -1);
	return r == 0 ? 0 : close_listed(plan);
}

static int
be_nice(const struct plan *plan)
{
	int now;

	if (plan->how->nice == 0)
		return 0;
	now = sys_getpriority();
	if (now < 0)
		return now;
	return child_setpriority(0, 0, 20 - now + plan->how->nice);
}

static int
set_limits(const struct plan *plan)
{
	const struct spawnio_rlimit *limit = plan->how->rlimits;
	size_t i;
	int r = 0;

	for (i = 0; i < plan->how->rlimit_count && r >= 0; i++)
		r = child_prlimit(0, limit[i].resource, &limit[i].limit, NULL);
	return r;
}

static int
set_umask(const struct plan *plan)
{
	if (asks(plan, SPAWNIO_SETUMASK))
		child_umask(plan->how->umask);
	return 0;
}

/* Groups first, as long as the user may; all three of each id. */
static int
set_groups(const struct plan *plan)
{
	return asks(plan, SPAWNIO_SETGROUPS) ?
	    child_setgroups(plan->how->group_count, plan->how->groups) : 0;
}

static int
set_gid(const struct plan *plan)
{
	gid_t id = plan->how->gid;

	return asks(plan, SPAWNIO_SETGID) ? child_setresgid(id, id, id) : 0;
}

static int
set_uid(const struct plan *plan)
{
	uid_t id = plan->how->uid;

	return asks(plan, SPAWNIO_SETUID) ? child_setresuid(id, id, id) : 0;
}

/* PR_SET_NO_NEW_PRIVS. */
static int
gain_nothing(const struct plan *plan)
{
	return asks(plan, SPAWNIO_NO_NEW_PRIVS) ?
	    child_prctl(38, 1, 0, 0, 0) : 0;
}

/* Who tries a lock that a thread owns is told so, by ESRCH, from before those
 * whose parent it is get their signal; tgkill(2) finds it for longer, and a
 * process's first one as long as there are others.  FUTEX_TRYLOCK_PI, private;
 * what else it says, or a filter, is no end. */
static int
has_ended(pid_t thread)
{
	uint32_t word = (uint32_t)thread;

	return child_syscall(SYS_futex, (long)&word, 8 | 128, 0, 0, 0, 0) ==
	    -ESRCH;
}

/* PR_SET_PDEATHSIG, which a change of ids undoes.  Should the parent have ended
 * before, or the thread of it that is meant, nobody would send it; in a new pid
 * namespace the parent is 0. */
static int
follow(const struct plan *plan)
{
	int r, parent;

	if (plan->how->death_signal == 0)
		return 0;
	r = child_prctl(1, (unsigned long)plan->how->death_signal, 0, 0, 0);
	parent = child_getppid();
	if (r >= 0 && parent != 0 &&
	    (parent != plan->parent || has_ended(plan->caller)))
		r = -ESRCH;
	return r;
}

static int
ask_caller(const struct plan *plan)
{
	int r = 0;

	if (plan->how->before_exec != NULL)
		r = plan->how->before_exec(plan->how->arg);
	if (r > 0)
		child_exit(r);
	return r;
}

/* Which step failed, in *step. */
static int
set_up(const struct plan *plan, int *step)
{
	static int (*const take[])(const struct plan *) = {
		[SPIO_STEP_SETSID] = own_session,
		[SPIO_STEP_SETPGID] = join_group,
		[SPIO_STEP_SETCTTY] = take_terminal,
		[SPIO_STEP_FCHDIR] = enter_fd,
		[SPIO_STEP_CHDIR] = enter,
		[SPIO_STEP_DUP] = move_fds,
		[SPIO_STEP_CLOSE] = close_others,
		[SPIO_STEP_NICE] = be_nice,
		[SPIO_STEP_RLIMIT] = set_limits,
		[SPIO_STEP_UMASK] = set_umask,
		[SPIO_STEP_SETGROUPS] = set_groups,
		[SPIO_STEP_SETGID] = set_gid,
		[SPIO_STEP_SETUID] = set_uid,
		[SPIO_STEP_NO_NEW_PRIVS] = gain_nothing,
		[SPIO_STEP_DEATH_SIGNAL] = follow,
		[SPIO_STEP_BEFORE_EXEC] = ask_caller
	};
	int r = 0;

	for (*step = 0; *step < SPIO_STEPS_OF_HOW; ++*step) {
		r = take[*step](plan);
		if (r < 0)
			break;
	}
	return r;
}

#endif
