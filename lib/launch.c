/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawnio/how.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "gate.h"
#include "launch.h"
#include "lock.h"
#include "state.h"
#ifdef SPIO_NATIVE
# include "parse.h"
# include "sys.h"
#endif

extern char **environ;

/* Linux allows one argument 32 pages, its NUL byte counted (MAX_ARG_STRLEN). */
static int
too_long(const char *command)
{
	size_t limit = 32 * (size_t)sysconf(_SC_PAGESIZE);

	return strnlen(command, limit) == limit;
}

static void
plan_shell(struct launch *launch, const char *command)
{
	launch->argv[0] = "sh";
	launch->argv[1] = "-c";
	launch->argv[2] = "--";
	launch->argv[3] = command;
	launch->argv[4] = NULL;
	launch->plan.file = SPIO_SHELL;
	launch->plan.argv = launch->argv;
}

/* One of them, delivered to a child before it has reset its handlers, would act
 * on our memory.  A sigset_t begins with the kernel's. */
void
spio_block_signals(sigset_t *old)
{
	sigset_t all;

#ifdef SPIO_NATIVE
	sigemptyset(old);
	memset(&all, 0xff, sizeof(all));
	child_sigprocmask(SIG_SETMASK, (uint64_t *)(void *)&all,
	    (uint64_t *)(void *)old);
#else
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
#endif
}

void
spio_restore_signals(const sigset_t *old)
{
#ifdef SPIO_NATIVE
	child_sigprocmask(SIG_SETMASK, (const uint64_t *)(const void *)old,
	    NULL);
#else
	pthread_sigmask(SIG_SETMASK, old, NULL);
#endif
}

static int
run_masked_engine(struct launch *launch, enum spawnio_engine engine)
{
	int err = SPIO_STEP_DOWN;

	if (engine == SPAWNIO_ENGINE_POSIX_SPAWN) {
		err = spio_engine_posix_spawn(launch);
		spio_trace_engine(launch->trace, engine, 1);
		return err;
	}
#ifdef SPIO_NATIVE
	if (engine != SPAWNIO_ENGINE_FORK && !launch->copy_memory) {
		err = spio_engine_vfork(launch);
		spio_trace_engine(launch->trace, SPAWNIO_ENGINE_VFORK,
		    launch->plan.shared);
	}
	if (err == SPIO_STEP_DOWN) {
		err = spio_engine_fork(launch);
		spio_trace_engine(launch->trace, SPAWNIO_ENGINE_FORK, 0);
	}
#endif
	return err;
}

static int
run_masked(struct launch *launch, enum spawnio_engine engine)
{
	const sigset_t *given = launch->mask;
	sigset_t mask;
	int err;

	spio_block_signals(&mask);
	if (given == NULL)
		launch->mask = &mask;
	launch->plan.set_mask = 1;	/* but fn does that itself */
	memcpy(&launch->plan.mask, launch->mask, sizeof(launch->plan.mask));
	/* Here, as avfork may have read the list before it stepped down. */
	if (launch->plan.lock != NULL)
		spio_lock_lend(launch->plan.lock, launch->plan.token);
	err = run_masked_engine(launch, engine);
	launch->mask = given;
	spio_restore_signals(&mask);
	return err;
}

#ifdef SPIO_NATIVE
static int
may_go_on(const struct launch *launch)
{
	return !launch->synchronous && !launch->await_exec &&
	    !launch->copy_memory;
}
#endif

static int
run_engine(struct launch *launch)
{
	enum spawnio_engine engine = launch->lent ?
	    SPAWNIO_ENGINE_FORK : spio_gate_engine();
	int err = SPIO_STEP_DOWN;

#ifdef SPIO_NATIVE
	if (engine == SPAWNIO_ENGINE_AVFORK && may_go_on(launch)) {
		err = spio_engine_avfork(launch);
		spio_trace_engine(launch->trace, engine, 0);
	}
#endif
	return err == SPIO_STEP_DOWN ? run_masked(launch, engine) : err;
}

/* spawnio_quiesce() waits for the engines that suspend their caller, too. */
static int
run_counted(struct launch *launch)
{
	struct state *state = spio_state();
	_Atomic uint32_t *callers =
	    &state->callers[atomic_load(&state->phase)];
	int err;

	atomic_fetch_add(callers, 1);
	err = run_engine(launch);
	if (atomic_fetch_sub(callers, 1) == 1 &&
	    atomic_load(&state->quiescing) != 0)
		spio_futex_wake(callers);
	return err;
}

/* The caller is suspended until the exec, and the child cannot reach the lock,
 * having a copy of the memory. */
static int
makes_a_copy(const struct launch *launch)
{
	enum spawnio_engine engine;

	if (!launch->await_exec)
		return 0;
	engine = spio_gate_engine();
	return engine == SPAWNIO_ENGINE_FORK ||
	    (engine != SPAWNIO_ENGINE_POSIX_SPAWN && launch->copy_memory);
}

static int
run_locked(struct launch *launch, uint32_t *token)
{
	struct lock *lock = &spio_state()->launch;

	launch->plan.ends = spio_stream_ends(&launch->plan.end_count);
	launch->plan.new_end = launch->stream != NULL ?
	    launch->stream->end.fd : -1;
	launch->lent = makes_a_copy(launch);
	if (launch->lent)
		launch->plan.copied = spio_lock_lend_copy(lock, token);
	launch->plan.lock = lock;
	launch->plan.token = *token;
	return run_counted(launch);
}

/* One hold of the lock over the list of streams and the clone: a stream that
 * is not close-on-exec is in the list of every child that might inherit it.
 * For that it is entered before the clone and loses its flag after. */
static int
run_listed(struct launch *launch)
{
	struct state *state = spio_state();
	uint32_t token = spio_lock_take(&state->launch);
	struct stream *closed = NULL;
	int err = 0;

	launch->ticket = atomic_load(&state->begun);
	if (launch->stream != NULL)
		err = spio_stream_insert(launch->stream, &closed);
	if (err == 0)
		err = run_locked(launch, &token);
	spio_lock_drop(&state->launch, token);
	spio_stream_free(closed);
	spio_posix_spawn_settle(launch);
	return err;
}

static void
withdraw(struct stream *stream)
{
	struct lock *lock = &spio_state()->launch;
	uint32_t token = spio_lock_take(lock);

	spio_stream_delete(stream);
	spio_lock_drop(lock, token);
}

/* Has the kernel forgotten that it was forked?  PF_FORKNOEXEC, among the flags
 * in the seventh field behind the name; before them, the parent, who is not us
 * if /proc counts otherwise. */
static int
has_executed(pid_t pid)
{
	char text[512], *at;
	long field[6];
	ssize_t n;
	int fd, i;

	snprintf(text, sizeof(text), "/proc/%ld/stat", (long)pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');
	if (at == NULL || strlen(at) < sizeof(") S "))
		return 0;
	at += sizeof(") S ") - 1;
	for (i = 0; i < 6; i++)
		field[i] = strtol(at, &at, 10);
	return field[0] == getpid() && (field[5] & 0x40) == 0;
}

int
spio_launch_await_report(int report, const struct kid *kid, long long end)
{
	struct pollfd pipe = { .fd = report, .events = POLLIN };
	int tries, ms, left, polled, mute;

	for (tries = 0;; tries++) {
		left = spio_left(end);
		ms = 10 << (tries < 4 ? tries : 4);
		polled = poll(&pipe, 1, ms < left ? ms : left);
		mute = polled < 0 && errno != EINTR;
		if (polled > 0 || spio_reap_await(kid, spio_deadline(0)) ||
		    has_executed(kid->pid))
			return 1;
		if (left == 0)
			return 0;
		if (mute)
			spio_reap_pause(end, tries);
	}
}

void
spio_launch_read_report(int report, struct failure *failure)
{
	struct failure told;

	fcntl(report, F_SETFL, O_NONBLOCK);
	if (read(report, &told, sizeof(told)) == (ssize_t)sizeof(told))
		*failure = told;
	close(report);
}

/* The copy of the memory has a pipe for it. */
static void
hear(struct launch *launch)
{
	if (!launch->left)
		spio_launch_await_report(launch->report, &launch->kid, -1);
	spio_launch_read_report(launch->report, launch->plan.failure);
	launch->report = -1;
	launch->told = 1;
	launch->exec_error = launch->plan.failure->error;
}

static const char *const *
environ_now(void)
{
	static const char *const nothing[] = { NULL };

	return environ != NULL ? (const char *const *)environ : nothing;
}

int
spio_launch_plan(struct launch *launch)
{
	int status, err;

	if (launch->plan.envp == NULL)
		launch->plan.envp = environ_now();
	launch->kid.pidfd = -1;
	launch->kid.block = -1;
	launch->report = -1;
	launch->plan.report = -1;
	err = launch->stream != NULL || launch->close_streams ?
	    run_listed(launch) : run_counted(launch);
	launch->kid.parent = spio_state_process();
	if (err == 0 && launch->await_exec && launch->report >= 0)
		hear(launch);
	if (err == 0 && launch->exec_error != 0 && !launch->synchronous) {
		spio_reap(&launch->kid, &status);
		err = launch->exec_error;
	}
	if (err != 0 && launch->stream != NULL)
		withdraw(launch->stream);
	return err;
}

int
spio_launch(struct launch *launch, const char *command)
{
#ifdef SPIO_NATIVE
	struct command parsed;
#endif

	if (too_long(command))
		return E2BIG;
	plan_shell(launch, command);
#ifdef SPIO_NATIVE
	if (!spio_gate_wants_shell()) {
		spio_parse(&parsed, command);
		launch->plan.direct = parsed.direct;
	}
#endif
	return spio_launch_plan(launch);
}
