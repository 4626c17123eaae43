/* SPDX-License-Identifier: ISC */
/* The three engines of our own, over one child: they differ in whose memory
 * and whose stack it has, and in whether the caller waits. */

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "engine.h"
#include "gate.h"
#include "pool.h"
#include "sys.h"

/* The caller's stack may be a thread's smallest; tools that write below the
 * child's stack pointer took up to 5 KiB of it (proot). */
#define OWN_STACK	8192

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

static const char *
copy_string(struct room *room, const char *from)
{
	size_t size = strlen(from) + 1;
	char *to = take(room, size, 1);

	return to != NULL ? memcpy(to, from, size) : NULL;
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

static int
copy_ends(struct room *room, const struct open_end *from,
    const struct open_end **copy)
{
	struct open_end *first = NULL, **link = &first;

	for (; from != NULL; from = from->next) {
		*link = take(room, sizeof(**link), sizeof(uint64_t));
		if (*link == NULL)
			return 0;
		**link = *from;
		link = &(*link)->next;
	}
	*link = NULL;
	*copy = first;
	return 1;
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

/* All that the child will read, while the caller may change its own. */
static struct plan *
copy_plan(const struct block *block, const struct plan *plan)
{
	struct room room = { block->data, block->data + block->data_size };
	struct plan *copy = take(&room, sizeof(*copy), sizeof(uint64_t));

	*copy = *plan;
	copy->lock = NULL;	/* the caller does not wait: it lets go */
	copy->argv = copy_strings(&room, plan->argv);
	copy->envp = copy_strings(&room, plan->envp);
	if (copy->argv == NULL || copy->envp == NULL ||
	    !copy_ends(&room, plan->ends, &copy->ends) ||
	    !copy_direct(&room, &copy->direct))
		return NULL;
	return copy;
}

static int
is_refusal(long r)
{
	return r == -ENOSYS || r == -EPERM || r == -EINVAL;
}

/* clone3(2), which also resets the handlers.  Without a pidfd, if there is no
 * descriptor left: only a status that is lost would have needed it. */
static long
clone_new(struct launch *launch, struct plan *plan, struct clone3 *args)
{
	long r;

	args->flags |= SPIO_CLONE_CLEAR_SIGHAND;
	args->exit_signal = SIGCHLD;
	if (launch->want_pidfd) {
		args->flags |= SPIO_CLONE_PIDFD;
		args->pidfd = (uintptr_t)&launch->kid.pidfd;
	}
	r = spio_clone3(args, sizeof(*args), spio_child_main, plan);
	if (launch->want_pidfd && (r == -EMFILE || r == -ENFILE)) {
		args->flags &= ~(uint64_t)SPIO_CLONE_PIDFD;
		r = spio_clone3(args, sizeof(*args), spio_child_main, plan);
	}
	if (is_refusal(r))
		spio_gate_refuse(SPIO_NO_CLONE3);
	return r;
}

/* clone3 or else clone, that with exactly the flags of a vfork() or a fork():
 * seccomp filters know those, and valgrind ends the program at any others. */
static long
clone_any(struct launch *launch, uint64_t flags, char *stack, size_t size)
{
	struct plan *plan = &launch->plan;
	struct clone3 args;
	long r;

	if (!spio_gate_refused(SPIO_NO_CLONE3)) {
		memset(&args, 0, sizeof(args));
		args.flags = flags;
		args.stack = (uintptr_t)stack;
		args.stack_size = size;
		r = clone_new(launch, plan, &args);
		if (!is_refusal(r))
			return r;
	}
	plan->reset_handlers = 1;
	return spio_clone(flags | SIGCHLD, stack + size, spio_child_main, plan);
}

/* The block may be another launch's as soon as clone3 has returned. */
int
spio_engine_avfork(struct launch *launch)
{
	struct block block;
	struct clone3 args;
	struct plan *plan;
	long pid = SPIO_STEP_DOWN;

	if (!spio_pool_claim(&block))
		return SPIO_STEP_DOWN;
	plan = copy_plan(&block, &launch->plan);
	if (plan != NULL) {
		memset(&args, 0, sizeof(args));
		args.flags = SPIO_CLONE_VM | SPIO_CLONE_CHILD_CLEARTID;
		args.child_tid = (uintptr_t)block.word;
		args.stack = (uintptr_t)block.stack;
		args.stack_size = block.stack_size;
		pid = clone_new(launch, plan, &args);
	}
	if (pid > 0) {
		launch->kid.pid = (pid_t)pid;
		launch->kid.block = block.number;
		launch->kid.generation = block.generation;
		return 0;
	}
	spio_pool_release(block.number, block.generation);
	if (plan == NULL || is_refusal(pid))
		return SPIO_STEP_DOWN;
	return (int)-pid;
}

int
spio_engine_vfork(struct launch *launch)
{
	char stack[OWN_STACK] __attribute__((__aligned__(16)));
	long pid = clone_any(launch, SPIO_CLONE_VM | SPIO_CLONE_VFORK, stack,
	    sizeof(stack));

	/* In a new time namespace before Linux 6.1, for one. */
	if (pid == -EINVAL) {
		spio_gate_refuse(SPIO_NO_VFORK);
		return SPIO_STEP_DOWN;
	}
	if (pid < 0)
		return (int)-pid;
	launch->kid.pid = (pid_t)pid;
	/* An emulator may have forked: then the status alone can tell. */
	if (launch->plan.shared)
		launch->exec_error = launch->plan.error;
	return 0;
}

int
spio_engine_fork(struct launch *launch)
{
	char stack[OWN_STACK] __attribute__((__aligned__(16)));
	long pid = clone_any(launch, 0, stack, sizeof(stack));

	if (pid < 0)
		return (int)-pid;
	launch->kid.pid = (pid_t)pid;
	return 0;
}
