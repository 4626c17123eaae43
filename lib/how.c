/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "how.h"
#include "moves.h"
#include "pool.h"

/* All that a program must have had, and more than any will. */
#define LEAST_SIZE	offsetof(struct spawnio_how, cwd)
#define MOST_SIZE	4096

#define ALL_FLAGS	(SPAWNIO_NO_NEW_PRIVS * 2 - 1)
#define ID_FLAGS	(SPAWNIO_SETUID | SPAWNIO_SETGID | SPAWNIO_SETGROUPS)

/* From the highest nice value to the lowest. */
#define MOST_NICE	40

/* A size that is not ours is another version's: what that does not know stays
 * zero here, and what we do not know must be zero there. */
static int
copy_how(struct spawnio_how *to, const struct spawnio_how *from)
{
	size_t size = from->size, known = sizeof(*to), i;

	if (size < LEAST_SIZE)
		return EINVAL;
	if (size > MOST_SIZE)
		return E2BIG;
	memcpy(to, from, size < known ? size : known);
	for (i = known; i < size; i++)
		if (((const char *)from)[i] != 0)
			return E2BIG;
	return 0;
}

static int
check_io(const struct spawnio_io *io, int most, int may)
{
	if ((int)io->kind < SPAWNIO_DEFAULT || (int)io->kind > most)
		return EINVAL;
	if (io->kind == SPAWNIO_PIPE && !(may & SPIO_MAY_PIPE))
		return EINVAL;
	if (io->kind == SPAWNIO_FILE && io->path == NULL)
		return EINVAL;
	if (io->kind == SPAWNIO_FD && fcntl(io->fd, F_GETFD) == -1)
		return EBADF;
	return 0;
}

static int
check_move(const struct spawnio_move *move)
{
	if (move->to < 0)
		return EINVAL;
	return fcntl(move->from, F_GETFD) == -1 ? EBADF : 0;
}

static int
check_descriptors(const struct spawnio_how *how, int may)
{
	size_t i;
	int err = check_io(&how->in, SPAWNIO_FILE, may);

	if (err == 0)
		err = check_io(&how->out, SPAWNIO_FILE, may);
	if (err == 0)
		err = check_io(&how->err, SPAWNIO_MERGE, may);
	if (err == 0 && how->flags & SPAWNIO_SETCGROUP &&
	    fcntl(how->cgroup_fd, F_GETFD) == -1)
		err = EBADF;
	if (err == 0 && how->move_count > 0 && how->moves == NULL)
		err = EINVAL;
	for (i = 0; err == 0 && i < how->move_count; i++)
		err = check_move(&how->moves[i]);
	return err;
}

static int
check_program(const struct spawnio_how *how)
{
	if ((how->command == NULL) == (how->argv == NULL))
		return EINVAL;
	if (how->argv != NULL && how->argv[0] == NULL)
		return EINVAL;
	return how->file != NULL && how->argv == NULL ? EINVAL : 0;
}

static int
check_process(const struct spawnio_how *how, int may)
{
	int flags = how->flags;

	if ((flags & ~ALL_FLAGS) != 0 ||
	    (flags & SPAWNIO_SETSID && flags & SPAWNIO_SETPGROUP) ||
	    (flags & SPAWNIO_SETCTTY && !(flags & SPAWNIO_SETSID)))
		return EINVAL;
	if ((how->rlimit_count > 0 && how->rlimits == NULL) ||
	    (how->group_count > 0 && how->groups == NULL) ||
	    how->group_count > INT_MAX)		/* the kernel's; it cuts off */
		return EINVAL;
	if ((flags & SPAWNIO_SETUID && how->uid == (uid_t)-1) ||
	    (flags & SPAWNIO_SETGID && how->gid == (gid_t)-1))
		return EINVAL;
	if (how->death_signal < 0 || how->death_signal > 64)
		return EINVAL;
	if (how->timeout < 0 || how->grace < 0 ||
	    (how->timeout > 0 && !(may & SPIO_MAY_WAIT)))
		return EINVAL;
	return 0;
}

/* Asked before anything is opened, which might get that number. */
static int
own_output(void)
{
	return fcntl(STDOUT_FILENO, F_GETFD) == -1 ? -1 : STDOUT_FILENO;
}

static int
clamp(int value, int most)
{
	return value > most ? most : value < -most ? -most : value;
}

/* Small rather than fast. */
__attribute__((__cold__)) int
spio_how_read(struct request *request, const struct spawnio_how *how, int may)
{
	struct spawnio_how *own = &request->how;
	int err;

	memset(request, 0, sizeof(*request));
	request->parent[0] = request->parent[1] = request->parent[2] = -1;
	err = how == NULL ? EINVAL : copy_how(own, how);
	request->failed = own->failed;
	if (own->failed != NULL)
		*own->failed = NULL;
	if (err != 0)
		return err;
	request->output = own->err.kind == SPAWNIO_MERGE ? own_output() : -1;
	err = check_program(own);
	if (err == 0)
		err = check_process(own, may);
	if (err == 0)
		err = check_descriptors(own, may);
	own->nice = clamp(own->nice, MOST_NICE);
	if (own->timeout > 0 &&
	    !(own->flags & (SPAWNIO_SETSID | SPAWNIO_SETPGROUP))) {
		own->flags |= SPAWNIO_SETPGROUP;
		own->pgroup = 0;	/* one of its own */
	}
	return err;
}

/* The caller's own errno, with the call that set it. */
static int
note(struct request *request, const char *call)
{
	if (request->failed != NULL)
		*request->failed = call;
	return errno;
}

static void
close_own(struct request *request)
{
	while (request->owned > 0)
		close(request->own[--request->owned]);
	free(request->own);
	free(request->move);
	request->own = NULL;
	request->move = NULL;
}

static void
close_parent(struct request *request)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (request->parent[i] >= 0)
			close(request->parent[i]);
		request->parent[i] = -1;
	}
}

void
spio_how_close(struct request *request)
{
	close_own(request);
	close_parent(request);
}

static int
own_file(struct request *request, const char *path, int flags, mode_t mode,
    int *fd)
{
	*fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
	if (*fd == -1)
		return note(request, "open");
	request->own[request->owned++] = *fd;
	return 0;
}

static int
own_pipe(struct request *request, int to, int *fd)
{
	int ends[2], writes = to != STDIN_FILENO;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return note(request, "pipe2");
	*fd = request->own[request->owned++] = ends[writes];
	request->parent[to] = ends[!writes];
	return 0;
}

/* A number is given once. */
static int
add_move(struct request *request, int from, int to)
{
	if (spio_moves_overwrite(request->move, request->moves, to))
		return EINVAL;
	request->move[request->moves].from = from;
	request->move[request->moves++].to = to;
	return 0;
}

/* What the child's standard output will have been, or -1. */
static int
output_of(const struct request *request)
{
	int i;

	for (i = 0; i < request->moves; i++)
		if (request->move[i].to == STDOUT_FILENO)
			return request->move[i].from;
	return request->output;
}

/* The standard descriptor to; 0 or an errno. */
static int
open_io(struct request *request, const struct spawnio_io *io, int to)
{
	int fd = io->fd, err = 0;

	if (io->kind == SPAWNIO_DEFAULT || io->kind == SPAWNIO_INHERIT)
		return 0;
	if (io->kind == SPAWNIO_NULL)
		err = own_file(request, "/dev/null", O_RDWR, 0, &fd);
	else if (io->kind == SPAWNIO_FILE)
		err = own_file(request, io->path, io->flags, io->mode, &fd);
	else if (io->kind == SPAWNIO_PIPE)
		err = own_pipe(request, to, &fd);
	else if (io->kind == SPAWNIO_MERGE)
		err = (fd = output_of(request)) == -1 ? EBADF : 0;
	return err == 0 ? add_move(request, fd, to) : err;
}

/* The end of an earlier stream, maybe: under its number the child closes it. */
static int
may_be_stream(const struct fd_move *move)
{
	return move->from != move->to && spio_stream_any() &&
	    !(fcntl(move->from, F_GETFD) & FD_CLOEXEC);
}

/* As all moves are to be at once, none may overwrite what a later one moves. */
static int
untangle(struct request *request)
{
	struct fd_move *move = request->move;
	int i, fd;

	for (i = 0; i < request->moves; i++) {
		if (!spio_moves_overwrite(move, i, move[i].from) &&
		    !may_be_stream(&move[i]))
			continue;
		fd = spio_moves_copy(move, request->moves, move[i].from);
		if (fd == -1)
			return note(request, "fcntl");
		request->own[request->owned++] = move[i].from = fd;
	}
	return 0;
}

static int
open_all(struct request *request)
{
	const struct spawnio_how *how = &request->how;
	size_t i;
	int err;

	err = open_io(request, &how->in, STDIN_FILENO);
	if (err == 0)
		err = open_io(request, &how->out, STDOUT_FILENO);
	for (i = 0; err == 0 && i < how->move_count; i++)
		err = add_move(request, how->moves[i].from, how->moves[i].to);
	if (err == 0)
		err = open_io(request, &how->err, STDERR_FILENO);
	return err == 0 ? untangle(request) : err;
}

int
spio_how_open(struct request *request)
{
	size_t n = request->how.move_count + 3;
	int err;

	request->move = calloc(n, sizeof(*request->move));
	request->own = calloc(n, 2 * sizeof(*request->own));
	err = request->move == NULL || request->own == NULL ? ENOMEM :
	    open_all(request);
	if (err != 0)
		spio_how_close(request);
	return err;
}

/* Is there anything that can fail in the child, or be found missing there?  Or
 * a stack that somebody must unmap? */
static int
needs_answer(const struct spawnio_how *how)
{
	if (how->stack_size > SPIO_STACK_SIZE)
		return 1;
	if (how->flags & SPAWNIO_ASYNC)
		return 0;
	return how->argv != NULL || how->cwd != NULL || how->nice < 0 ||
	    how->move_count > 0 || how->rlimit_count > 0 ||
	    how->death_signal != 0 || how->before_exec != NULL ||
	    (how->flags & SPAWNIO_SETPGROUP && how->pgroup != 0) ||
	    how->flags & (SPAWNIO_CLOSE_OTHERS | SPAWNIO_SETCTTY |
	    SPAWNIO_SETCWDFD | ID_FLAGS);
}

static uint64_t
bits_of(const sigset_t *set)
{
	uint64_t bits = 0;
	int sig;

	for (sig = 1; set != NULL && sig <= 64; sig++)
		if (sigismember(set, sig) == 1)
			bits |= (uint64_t)1 << (sig - 1);
	return bits;
}

static const char *
file_of(const struct spawnio_how *how)
{
	return how->file != NULL ? how->file : how->argv[0];
}

/* The child joins each element of PATH to the name: 4 KiB of its stack. */
static int
searches(const struct spawnio_how *how)
{
	return how->argv != NULL && strchr(file_of(how), '/') == NULL;
}

static void
plan(const struct request *request, struct launch *launch)
{
	const struct spawnio_how *how = &request->how;
	struct plan *p = &launch->plan;

	launch->await_exec = launch->await_exec || needs_answer(how);
	launch->want_report = launch->want_report || launch->await_exec;
	launch->copy_memory = (how->flags & ID_FLAGS) != 0;
	launch->close_streams = 1;
	if (how->before_exec != NULL || searches(how))
		launch->stack_size = how->stack_size < SPIO_STACK_SIZE ?
		    SPIO_STACK_SIZE : how->stack_size;
	p->how = how;
	p->parent = getpid();
	if (how->death_signal != 0)
		p->caller = (pid_t)syscall(SYS_gettid);
	p->move = request->move;
	p->moves = request->moves;
	p->defaults = bits_of(how->defaults);
	p->set_mask = 1;
	p->mask = bits_of(launch->mask);
	p->envp = (const char *const *)how->envp;
	if (how->argv == NULL)
		return;
	p->argv = (const char *const *)how->argv;
	p->file = file_of(how);
	p->path = getenv("PATH");
}

static const char *
name_of(const struct failure *failure)
{
	static const char *const names[] = {
		[SPIO_STEP_SETSID] = "setsid",
		[SPIO_STEP_SETPGID] = "setpgid",
		[SPIO_STEP_SETCTTY] = "ioctl",
		[SPIO_STEP_FCHDIR] = "fchdir",
		[SPIO_STEP_CHDIR] = "chdir",
		[SPIO_STEP_DUP] = "dup3",
		[SPIO_STEP_CLOSE] = "close_range",
		[SPIO_STEP_NICE] = "setpriority",
		[SPIO_STEP_RLIMIT] = "prlimit",
		[SPIO_STEP_UMASK] = "umask",
		[SPIO_STEP_SETGROUPS] = "setgroups",
		[SPIO_STEP_SETGID] = "setresgid",
		[SPIO_STEP_SETUID] = "setresuid",
		[SPIO_STEP_NO_NEW_PRIVS] = "prctl",
		[SPIO_STEP_DEATH_SIGNAL] = "prctl",
		[SPIO_STEP_BEFORE_EXEC] = "before_exec",
		[SPIO_STEP_EXEC] = "execve",
		[SPIO_STEP_POSIX_SPAWN] = "posix_spawn"
	};

	return names[failure->step];
}

/* Who has not waited may want to signal the group, or to put the next child in
 * it, before the child has made it: as shells do, both do it.  If the child was
 * faster, this fails. */
static void
join_group(const struct spawnio_how *how, const struct launch *launch)
{
	if (how->flags & SPAWNIO_SETPGROUP && !launch->await_exec)
		setpgid(launch->kid.pid, how->pgroup);
}

/* ENOTSUP and E2BIG are ours, unless they are the child's. */
static const char *
which_failed(const struct launch *launch, int err)
{
	if (launch->exec_error != 0)
		return name_of(launch->plan.failure);
	if (launch->call != NULL)
		return launch->call;
	return err != ENOTSUP && err != E2BIG ? "clone" : NULL;
}

/* Small rather than fast. */
__attribute__((__cold__)) int
spio_how_launch(struct request *request, struct launch *launch)
{
	const struct spawnio_how *how = &request->how;
	sigset_t mask;
	int err;

	spio_block_signals(&mask);
	launch->mask = how->mask != NULL ? how->mask : &mask;
	plan(request, launch);
	err = how->command != NULL ? spio_launch(launch, how->command) :
	    spio_launch_plan(launch);
	spio_restore_signals(&mask);
	launch->mask = NULL;
	if (err == 0)
		join_group(how, launch);
	if (err != 0 && request->failed != NULL)
		*request->failed = which_failed(launch, err);
	close_own(request);
	if (err != 0)
		close_parent(request);
	return err;
}
