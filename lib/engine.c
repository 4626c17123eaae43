/* SPDX-License-Identifier: ISC */
/* The three engines of our own, over one child: they differ in whose memory
 * and whose stack it has, and in whether the caller waits. */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawnio/how.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "gate.h"
#include "moves.h"
#include "pool.h"
#include "sys.h"

/* The caller's stack may be a thread's smallest; tools that write below the
 * child's stack pointer took up to 5 KiB of it (proot).  On s390x there are
 * none of these, and each caller's frame has 160 bytes more. */
#ifdef __s390x__
# define OWN_STACK	7168
#else
# define OWN_STACK	8192
#endif

struct room {
	char *next;
	char *end;
};

static void *
take(struct room *room, size_t size, size_t align)
{
	size_t pad = -(uintptr_t)room->next % align;
	char *p = room->next + pad;

	if ((size_t)(room->end - room->next) < pad ||
	    (size_t)(room->end - p) < size)
		return NULL;
	room->next = p + size;
	return p;
}

/* In line for the strings of the environment, of which there are many. */
static inline const char *
copy_string(struct room *room, const char *from)
{
	size_t size = strlen(from) + 1;
	char *to = room->next;

	if ((size_t)(room->end - to) < size)
		return NULL;
	room->next = to + size;
	return memcpy(to, from, size);
}

static const char *const *
copy_strings(struct room *room, const char *const *from)
{
	size_t i, n;
	const char **to;

	for (n = 0; from[n] != NULL; n++)
		;
	to = take(room, (n + 1) * sizeof(*to), sizeof(*to));
	for (i = 0; to != NULL && i < n && from[i] != NULL; i++) {
		to[i] = copy_string(room, from[i]);
		if (to[i] == NULL)
			return NULL;
	}
	if (to != NULL)
		to[i] = NULL;
	return to;
}

/* NULL if there is nothing, too. */
static const void *
copy_array(struct room *room, const void *from, size_t n, size_t size)
{
	void *to = n <= SPIO_BLOCK_ROOM / size ?
	    take(room, n * size, sizeof(uint64_t)) : NULL;

	return to != NULL && n > 0 ? memcpy(to, from, n * size) : to;
}

static int
copy_direct(struct room *room, struct direct *direct)
{
	struct redirect *copy;
	int i;

	if (direct->argv == NULL)
		return 1;
	direct->argv = copy_strings(room, direct->argv);
	direct->assigns = copy_strings(room, direct->assigns);
	copy = take(room, direct->redirects * sizeof(*copy), sizeof(char *));
	if (direct->argv == NULL || direct->assigns == NULL || copy == NULL)
		return 0;
	for (i = 0; i < direct->redirects; i++) {
		copy[i] = direct->redirect[i];
		if (copy[i].file != NULL &&
		    (copy[i].file = copy_string(room, copy[i].file)) == NULL)
			return 0;
	}
	direct->redirect = copy;
	return 1;
}

/* A string that may be NULL; 0 if it does not fit. */
static int
copy_optional(struct room *room, const char **string)
{
	if (*string == NULL)
		return 1;
	*string = copy_string(room, *string);
	return *string != NULL;
}

static int
copy_how(struct room *room, const struct spawnio_how **how)
{
	struct spawnio_how *copy;

	if (*how == NULL)
		return 1;
	copy = take(room, sizeof(*copy), sizeof(uint64_t));
	if (copy == NULL)
		return 0;
	*copy = **how;
	*how = copy;
	copy->rlimits = copy_array(room, copy->rlimits, copy->rlimit_count,
	    sizeof(*copy->rlimits));
	copy->groups = copy_array(room, copy->groups, copy->group_count,
	    sizeof(*copy->groups));
	return copy->rlimits != NULL && copy->groups != NULL &&
	    copy_optional(room, &copy->cwd);
}

/* All that the child will read, while the caller may change its own. */
static struct plan *
copy_plan(const struct block *block, const struct plan *plan)
{
	struct room room = { block->data, block->data + block->data_size };
	struct plan *copy = take(&room, sizeof(*copy), sizeof(uint64_t));

	*copy = *plan;
	copy->lock = NULL;	/* the caller does not wait: it lets go */
	if (plan->fn != NULL)
		return copy;
	copy->argv = copy_strings(&room, plan->argv);
	copy->envp = copy_strings(&room, plan->envp);
	copy->move = copy_array(&room, plan->move, (size_t)plan->moves,
	    sizeof(*plan->move));
	copy->ends = copy_array(&room, plan->ends, plan->end_count,
	    sizeof(*plan->ends));
	if (copy->argv == NULL || copy->envp == NULL || copy->move == NULL ||
	    copy->ends == NULL || !copy_direct(&room, &copy->direct) ||
	    !copy_how(&room, &copy->how) || (copy->how != NULL &&
	    !(copy_optional(&room, &copy->file) &&
	    copy_optional(&room, &copy->path))))
		return NULL;
	return copy;
}

static int
is_refusal(long r)
{
	return r == -ENOSYS || r == -EPERM || r == -EINVAL;
}

static int
is_for_cgroup(const struct plan *plan)
{
	return plan->how != NULL && plan->how->flags & SPAWNIO_SETCGROUP;
}

/* clone3(2), which also resets the handlers.  The plan is the child's, and may
 * be in a block.  Without a pidfd, if there is no descriptor left: only a
 * status that is lost would have needed it, unless it is for the caller of
 * avfork(). */
static long
clone_new(struct launch *launch, struct plan *plan, struct clone3 *args)
{
	size_t size = SPIO_CLONE3_SIZE;
	long r;

	if (is_for_cgroup(&launch->plan)) {
		args->flags |= SPIO_CLONE_INTO_CGROUP;
		args->cgroup = (uint64_t)launch->plan.how->cgroup_fd;
		size = sizeof(*args);
	}
	args->flags |= SPIO_CLONE_CLEAR_SIGHAND;
	args->exit_signal = SIGCHLD;
	if (launch->want_pidfd) {
		args->flags |= SPIO_CLONE_PIDFD;
		args->pidfd = (uintptr_t)&launch->kid.pidfd;
	}
	r = spio_clone3(args, size, spio_child_main, plan);
	if (launch->want_pidfd && !launch->need_pidfd &&
	    (r == -EMFILE || r == -ENFILE)) {
		args->flags &= ~(uint64_t)SPIO_CLONE_PIDFD;
		r = spio_clone3(args, size, spio_child_main, plan);
	}
	if (is_refusal(r) && !is_for_cgroup(&launch->plan))
		spio_gate_refuse(SPIO_NO_CLONE3);
	return r;
}

/* clone3 or else clone, that with exactly the flags of a vfork() or a fork():
 * seccomp filters know those, and valgrind ends the program at any others.
 *
 * Who is to hear of a copy's exec cannot rely on the end of its pipe, which a
 * process that another thread forks at this moment may inherit.  The kernel
 * says it better, as it does to the caller of a vfork(); who must not hold a
 * lock meanwhile, unless the copy can say when it needs that no more. */
static long
clone_any(struct launch *launch, uint64_t flags, char *stack, size_t size)
{
	struct plan *plan = &launch->plan;
	struct clone3 args;
	long r;

	if (!spio_gate_refused(SPIO_NO_CLONE3)) {
		memset(&args, 0, sizeof(args));
		args.flags = flags;
		if (launch->await_exec &&
		    (plan->lock == NULL || plan->copied != NULL))
			args.flags |= SPIO_CLONE_VFORK;
		args.stack = (uintptr_t)stack;
		args.stack_size = size;
		r = clone_new(launch, plan, &args);
		launch->left = r > 0 && args.flags & SPIO_CLONE_VFORK;
		if (!is_refusal(r) && !(r == -E2BIG && is_for_cgroup(plan)))
			return r;
	}
	if (is_for_cgroup(plan))
		return -ENOTSUP;
	plan->reset_handlers = 1;
	return spio_clone(flags | SIGCHLD, stack + size, spio_child_main, plan);
}

static int
note(struct launch *launch, const char *call)
{
	launch->call = call;
	return errno;
}

/* A stack for fn, above a guard page; 0 or an errno. */
static int
map_stack(struct launch *launch)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (launch->stack_size + page - 1) / page * page + page;
	char *p;

	if (size <= launch->stack_size)
		return ENOMEM;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (p == MAP_FAILED)
		return note(launch, "mmap");
	launch->stack = p;
	launch->stack_mapped = size;
	return mprotect(p, page, PROT_NONE) == 0 ? 0 :
	    note(launch, "mprotect");
}

static void
unmap_stack(struct launch *launch)
{
	if (launch->stack != NULL)
		munmap(launch->stack, launch->stack_mapped);
	launch->stack = NULL;
}

/* The block's, or one that is mapped if fn wants more; 0 or an errno. */
static int
choose_stack(struct launch *launch, const struct block *block,
    struct clone3 *args)
{
	int err = 0;

	args->stack = (uintptr_t)block->stack;
	args->stack_size = block->stack_size;
	if (launch->stack_size > block->stack_size)
		err = map_stack(launch);
	if (launch->stack != NULL) {
		args->stack = (uintptr_t)launch->stack;
		args->stack_size = launch->stack_mapped;
	}
	return err;
}

/* The child's pid, or -errno, or 0 if another engine is to be tried. */
static long
clone_in(const struct block *block, struct launch *launch)
{
	struct plan *plan = copy_plan(block, &launch->plan);
	struct clone3 args;
	int err;
	long r;

	if (plan == NULL)
		return 0;
	memset(&args, 0, sizeof(args));
	args.flags = SPIO_CLONE_VM | SPIO_CLONE_CHILD_CLEARTID;
	args.child_tid = (uintptr_t)block->word;
	err = choose_stack(launch, block, &args);
	/* It is that already; but a race detector takes what was written here
	 * for ordered before the next claim, which the kernel will see to. */
	atomic_store(block->word, block->generation);
	r = err != 0 ? -err : clone_new(launch, plan, &args);
	if (r < 0)
		unmap_stack(launch);
	return is_refusal(r) || r == -E2BIG ? 0 : r;
}

/* The block may be another launch's as soon as clone3 has returned. */
int
spio_engine_avfork(struct launch *launch)
{
	struct block block;
	long pid;

	if (!spio_pool_claim(&block))
		return SPIO_STEP_DOWN;
	pid = clone_in(&block, launch);
	if (pid > 0) {
		launch->kid.pid = (pid_t)pid;
		launch->kid.block = block.number;
		launch->kid.generation = block.generation;
		launch->told = 1;
		return 0;
	}
	spio_pool_release(block.number, block.generation);
	return pid == 0 ? SPIO_STEP_DOWN : (int)-pid;
}

/* The end that the child writes to is one that its moves leave alone. */
static int
make_report(struct launch *launch, int report[2])
{
	const struct plan *plan = &launch->plan;
	int end, err = 0;

	if (pipe2(report, O_CLOEXEC) == -1)
		return note(launch, "pipe2");
	if (spio_moves_overwrite(plan->move, plan->moves, report[1])) {
		end = spio_moves_copy(plan->move, plan->moves, report[1]);
		err = end == -1 ? note(launch, "fcntl") : 0;
		close(report[1]);
		report[1] = end;
	}
	if (err != 0)
		close(report[0]);
	launch->plan.report = report[1];
	return err;
}

/* With a pipe should the child turn out to have a copy of the memory.  The
 * caller closes its end as soon as it can. */
static long
clone_reporting(struct launch *launch, uint64_t flags, char *stack, size_t size)
{
	int report[2];
	long r = -make_report(launch, report);

	if (r < 0)
		return r;
	r = clone_any(launch, flags, stack, size);
	close(report[1]);
	if (r > 0 && !launch->plan.shared)
		launch->report = report[0];
	else
		close(report[0]);
	return r;
}

static long
clone_on(struct launch *launch, uint64_t flags, char *stack, size_t size)
{
	return launch->want_report ?
	    clone_reporting(launch, flags, stack, size) :
	    clone_any(launch, flags, stack, size);
}

/* With a stack for what the caller wants to run. */
static long
clone_apart(struct launch *launch, uint64_t flags)
{
	long r = -map_stack(launch);

	if (r == 0)
		r = clone_on(launch, flags, launch->stack,
		    launch->stack_mapped);
	unmap_stack(launch);
	return r;
}

/* On the caller's own stack: he is suspended, or the child has a copy. */
static long
clone_here(struct launch *launch, uint64_t flags)
{
	char stack[OWN_STACK] __attribute__((__aligned__(16)));

	return clone_on(launch, flags, stack, sizeof(stack));
}

static long
clone_copied(struct launch *launch, uint64_t flags)
{
	return launch->stack_size > 0 ? clone_apart(launch, flags) :
	    clone_here(launch, flags);
}

int
spio_engine_vfork(struct launch *launch)
{
	long pid = clone_copied(launch, SPIO_CLONE_VM | SPIO_CLONE_VFORK);

	/* In a new time namespace before Linux 6.1, for one. */
	if (pid == -EINVAL) {
		spio_gate_refuse(SPIO_NO_VFORK);
		return SPIO_STEP_DOWN;
	}
	if (pid < 0)
		return (int)-pid;
	launch->kid.pid = (pid_t)pid;
	/* An emulator may have forked: then the status alone can tell. */
	launch->told = launch->plan.shared;
	if (launch->plan.shared && launch->plan.fn == NULL)
		launch->exec_error = launch->plan.failure->error;
	return 0;
}

int
spio_engine_fork(struct launch *launch)
{
	long pid = clone_copied(launch, 0);

	if (pid < 0)
		return (int)-pid;
	launch->kid.pid = (pid_t)pid;
	return 0;
}
