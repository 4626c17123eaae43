/* SPDX-License-Identifier: ISC */
/* The engine that is libc's: where there is none of ours, and for those who
 * need what libc or an interposer does at an exec.
 *
 * Nothing of ours runs in its child, which so cannot let go of a lock, and none
 * is held across an exec.  So between the listing of the streams and the child
 * another thread may open one that is not in the list.  It is still
 * close-on-exec then, and stays so until every posix_spawn that was begun
 * before it is over: tickets. */
#define _GNU_SOURCE

#include <errno.h>
#include <spawn.h>
#include <spawnio/how.h>
#include <unistd.h>

#include "engine.h"
#include "lock.h"
#include "moves.h"
#include "state.h"

static int
add_actions(posix_spawn_file_actions_t *actions, const struct plan *plan)
{
	const struct open_end *end;
	size_t n;
	int i, err = 0;

	for (n = 0; err == 0 && n < plan->end_count; n++) {
		end = &plan->ends[n];
		if (end->stream != NULL &&
		    !spio_moves_overwrite(plan->move, plan->moves, end->fd) &&
		    spio_stream_same_file(end))
			err = posix_spawn_file_actions_addclose(actions,
			    end->fd);
	}
	for (i = 0; err == 0 && i < plan->moves; i++)
		err = posix_spawn_file_actions_adddup2(actions,
		    plan->move[i].from, plan->move[i].to);
	return err;
}

/* What libc has a word for. */
static int
has_words(const struct plan *plan)
{
	const struct spawnio_how *how = plan->how;

	if (plan->fn != NULL)
		return 0;
	return how == NULL || ((how->flags & ~(SPAWNIO_ASYNC | SPAWNIO_SETSID |
	    SPAWNIO_SETPGROUP)) == 0 && how->cwd == NULL && how->nice == 0 &&
	    how->rlimit_count == 0 && how->death_signal == 0 &&
	    how->before_exec == NULL);
}

static int
set_group(posix_spawnattr_t *attr, const struct spawnio_how *how, short *flags)
{
	if (how == NULL)
		return 0;
	if (how->flags & SPAWNIO_SETSID)
#ifdef POSIX_SPAWN_SETSID
		*flags |= POSIX_SPAWN_SETSID;
#else
		return ENOTSUP;
#endif
	if (!(how->flags & SPAWNIO_SETPGROUP))
		return 0;
	*flags |= POSIX_SPAWN_SETPGROUP;
	return posix_spawnattr_setpgroup(attr, how->pgroup);
}

static int
set_attributes(posix_spawnattr_t *attr, const struct launch *launch)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t defaults;
	int sig, err;

	sigemptyset(&defaults);
	for (sig = 1; sig <= 64; sig++)
		if (launch->plan.defaults >> (sig - 1) & 1)
			sigaddset(&defaults, sig);
	err = set_group(attr, launch->plan.how, &flags);
	if (err == 0)
		err = posix_spawnattr_setflags(attr, flags);
	if (err == 0)
		err = posix_spawnattr_setsigmask(attr, launch->mask);
	if (err == 0)
		err = posix_spawnattr_setsigdefault(attr, &defaults);
	return err;
}

static void
begin(struct launch *launch)
{
	if (launch->plan.lock == NULL)
		return;
	launch->ticket = atomic_fetch_add(&spio_state()->begun, 1);
	launch->ticketed = 1;
	spio_lock_drop(launch->plan.lock, launch->plan.token);
}

/* posix_spawn() has one errno for both: clone's are the call's, any other is
 * the exec's, as POSIX.1-2024 and glibc 2.41 have it for system(). */
static int
sort_out(struct launch *launch, int err)
{
	if (err == 0 || err == EAGAIN || err == ENOMEM)
		return err;
	launch->kid.pid = 0;
	launch->exec_error = err;
	launch->plan.failure->error = err;
	launch->plan.failure->step = SPIO_STEP_POSIX_SPAWN;
	return 0;
}

int
spio_engine_posix_spawn(struct launch *launch)
{
	const struct plan *plan = &launch->plan;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int err;

	if (!has_words(plan))
		return ENOTSUP;
	launch->told = 1;
	err = posix_spawn_file_actions_init(&actions);
	if (err != 0)
		return err;
	err = posix_spawnattr_init(&attr);
	if (err != 0)
		goto no_attr;
	err = add_actions(&actions, plan);
	if (err == 0)
		err = set_attributes(&attr, launch);
	if (err == 0) {
		begin(launch);
		err = sort_out(launch, posix_spawnp(&launch->kid.pid,
		    plan->file, &actions, &attr, (char *const *)plan->argv,
		    (char *const *)plan->envp));
	} else if (err != ENOTSUP)
		launch->call = "posix_spawn";	/* libc's, of an action */
	posix_spawnattr_destroy(&attr);
no_attr:
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

void
spio_posix_spawn_settle(struct launch *launch)
{
	struct state *state = spio_state();
	uint32_t over;

	while ((int32_t)((over = atomic_load(&state->over)) -
	    launch->ticket) < 0)
		spio_futex_wait(&state->over, over, SPIO_PATIENCE_MS);
	if (!launch->ticketed)
		return;
	atomic_store(&state->over, launch->ticket + 1);
	spio_futex_wake(&state->over);
}
