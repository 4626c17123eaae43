/* SPDX-License-Identifier: ISC */
/* avfork(3), sentence by sentence. */

#include "fixture.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

static const char *engine;

static bool
engine_is(const char *name)
{
	return strcmp(engine, name) == 0;
}

/* --- without an engine of ours --- */

static int
never_run(void *arg)
{
	(void)arg;
	return 0;
}

START_TEST(engine_of_libc_is_enotsup)
{
	struct spawnio_child child;

	memset(&child, 0, sizeof(child));
	assert_error(avfork(never_run, NULL, &child), -1, ENOTSUP);
	assert_error(wait(NULL), -1, ECHILD);
}
END_TEST

#ifdef SPIO_NATIVE

#include <spawnio/child.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define IN_FLIGHT	16	/* libspawnio(7): at the same time */
#define SMALLEST	((size_t)28 * 1024)
#define FAR		20000	/* milliseconds: longer than any test */
#define SPARE		2048	/* for the frames above fn and the last one */

/* What fn gets: in memory that is also shared with a copy of this process, so
 * that a test can tell what it has done with every engine. */
struct task {
	struct spawnio_child child;
	atomic_int seen;	/* fn was here */
	atomic_int gate;	/* fn waits for it */
	int result;
	uint64_t mask;
	const char *file;
	char *const *argv;
	pid_t parent;		/* whose end fn waits for */
	void *place;		/* the first frame, of a stack used down */
	size_t depth;		/* to so many bytes below */
	int fd;
};

static struct task *
new_task(void)
{
	struct task *task = mmap(NULL, sizeof(*task), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(task, MAP_FAILED);
	return task;
}

static void
free_task(struct task *task)
{
	munmap(task, sizeof(*task));
}

/* Does the caller go on while fn runs? */
static bool
goes_on(void)
{
	return !engine_is("vfork");
}

static void
start(struct task *task, int (*fn)(void *))
{
	pid_t pid;

	errno = 0;
	pid = avfork(fn, task, &task->child);
	ck_assert_msg(pid > 0, "avfork: %s", strerror(errno));
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(pid, task->child.pid);
}

static int
end(struct task *task)
{
	int status;

	errno = 0;
	ck_assert_msg(spawnio_child_wait(&task->child, -1, &status) == 0,
	    "spawnio_child_wait: %s", strerror(errno));
	ck_assert_int_eq(errno, 0);
	return status;
}

/* The error that fn returned, when it has left. */
static int
error_of(struct task *task)
{
	int error = -1;

	errno = 0;
	ck_assert_int_eq(spawnio_child_await(&task->child, -1, &error), 0);
	ck_assert_int_eq(errno, 0);
	return error;
}

/* --- what fn does --- */

SPAWNIO_IN_CHILD static int
note(void *arg)
{
	struct task *task = arg;

	atomic_store(&task->seen, child_getpid());
	return task->result;
}

SPAWNIO_IN_CHILD static int
note_mask(void *arg)
{
	struct task *task = arg;

	child_sigprocmask(SIG_SETMASK, NULL, &task->mask);
	return 0;
}

/* Before it makes any call. */
SPAWNIO_IN_CHILD static int
note_given_mask(void *arg)
{
	struct task *task = arg;

	task->mask = task->child.mask;
	return 0;
}

SPAWNIO_IN_CHILD static void
pause_a_little(void)
{
	const struct timespec moment = { 0, 1000000 };

	child_nanosleep(&moment, NULL);
}

SPAWNIO_IN_CHILD static int
wait_for_gate(void *arg)
{
	struct task *task = arg;

	atomic_store(&task->seen, 1);
	while (atomic_load(&task->gate) == 0)
		pause_a_little();
	return task->result;
}

SPAWNIO_IN_CHILD static int
execute(void *arg)
{
	static char *const nothing[] = { NULL };
	struct task *task = arg;

	child_setmask(task->child.mask);
	return child_execve(task->file, task->argv, nothing);
}

/* Tell what is in memory that the caller has left. */
SPAWNIO_IN_CHILD static int
outlive(void *arg)
{
	struct task *task = arg;
	int i;

	for (i = 0; i < FAR && child_getppid() == task->parent; i++)
		pause_a_little();
	return i == FAR ? -ETIMEDOUT :
	    (int)child_write(task->fd, task->place, 6);
}

SPAWNIO_IN_CHILD static int
die(void *arg)
{
	(void)arg;
	child_kill(child_getpid(), SIGKILL);
	return 0;
}

/* Write to the stack down to depth bytes below its top, less than a page at a
 * time.  A sanitizer makes a frame wider than its variables. */
SPAWNIO_IN_CHILD __attribute__((__noinline__)) static int
dig(struct task *task)
{
	volatile char hole[512];

	hole[0] = 1;
	if ((size_t)((char *)task->place -
	    (char *)__builtin_frame_address(0)) + SPARE >= task->depth)
		return 0;
	return dig(task) + hole[0] - 1;
}

/* Execute in the innermost of frames that are never left. */
SPAWNIO_IN_CHILD __attribute__((__noinline__)) static int
execute_in(int frames, struct task *task)
{
	volatile char mark[64];

	mark[frames] = 1;
	return (frames > 0 ? execute_in(frames - 1, task) : execute(task)) +
	    mark[frames] - 1;
}

SPAWNIO_IN_CHILD static int
execute_far_below(void *arg)
{
	return execute_in(20, arg);
}

SPAWNIO_IN_CHILD static int
fill_stack(void *arg)
{
	volatile char room[6000];
	size_t i;

	(void)arg;
	for (i = 0; i < sizeof(room); i++)
		room[i] = 1;
	return room[i / 2] - 1;
}

SPAWNIO_IN_CHILD static int
dig_down(void *arg)
{
	struct task *task = arg;

	task->place = __builtin_frame_address(0);
	return dig(task);
}

SPAWNIO_IN_CHILD static int
close_everything(void *arg)
{
	(void)arg;
	child_close_range(0, ~0u, 0);
	return -EDOM;
}

SPAWNIO_IN_CHILD static int
look_at_descriptor(void *arg)
{
	struct task *task = arg;

	return child_fcntl(task->fd, F_GETFD, 0);
}

SPAWNIO_IN_CHILD static int
raise_usr1(void *arg)
{
	struct task *task = arg;

	child_setmask(0);
	child_kill(child_getpid(), SIGUSR1);
	atomic_store(&task->seen, 1);
	return 0;
}

/* --- tests --- */

START_TEST(fn_runs_in_a_child)
{
	struct task *task = new_task();

	task->result = 5;
	start(task, note);
	assert_exit(end(task), 5);
	ck_assert_int_ne(atomic_load(&task->seen), getpid());
	ck_assert_int_gt(atomic_load(&task->seen), 0);
	free_task(task);
}
END_TEST

START_TEST(pid_is_that_of_the_child)
{
	struct task *task = new_task();
	pid_t pid;

	start(task, note);
	pid = task->child.pid;
	end(task);
	ck_assert_int_eq(atomic_load(&task->seen), pid);
	free_task(task);
}
END_TEST

static int plain;

SPAWNIO_IN_CHILD static int
write_plain(void *arg)
{
	*(int *)arg = 7;
	return 0;
}

START_TEST(shared_tells_whose_memory_it_is)
{
	struct spawnio_child child;

	memset(&child, 0, sizeof(child));
	plain = 0;
	ck_assert_int_gt(avfork(write_plain, &plain, &child), 0);
	ck_assert_int_eq(spawnio_child_await(&child, -1, NULL), 0);
	ck_assert_int_eq(plain, child.shared ? 7 : 0);
	if (!emulated())
		ck_assert_int_eq(child.shared != 0, !engine_is("fork"));
	ck_assert_int_eq(spawnio_child_wait(&child, -1, NULL), 0);
}
END_TEST

START_TEST(no_pipes_are_made)
{
	struct task *task = new_task();

	start(task, note);
	for (int fd = 0; fd < 3; fd++)
		ck_assert_int_eq(task->child.fd[fd], -1);
	end(task);
	free_task(task);
}
END_TEST

START_TEST(low_8_bits_of_the_status_count)
{
	struct task *task = new_task();

	task->result = 0x305;
	start(task, note);
	assert_exit(end(task), 5);
	free_task(task);
}
END_TEST

START_TEST(negative_result_is_an_errno)
{
	struct task *task = new_task();

	task->result = -EDOM;
	start(task, note);
	ck_assert_int_eq(error_of(task), EDOM);
	ck_assert_int_eq(error_of(task), EDOM);
	assert_exit(end(task), 127);
	free_task(task);
}
END_TEST

START_TEST(errno_of_an_exec_is_told)
{
	static const struct {
		const char *file;
		int error;
	} files[] = {
		{ "/nosuch", ENOENT }, { "/", EACCES },
		{ "/dev/null/a", ENOTDIR }
	};
	static char *const argv[] = { (char *)"x", NULL };
	struct task *task = new_task();

	task->file = files[_i].file;
	task->argv = argv;
	start(task, execute);
	ck_assert_int_eq(error_of(task), files[_i].error);
	assert_exit(end(task), 127);
	free_task(task);
}
END_TEST

START_TEST(error_is_0_after_an_exec)
{
	static char *const argv[] = {
		(char *)"sh", (char *)"-c", (char *)"exit 3", NULL
	};
	struct task *task = new_task();

	task->file = "/bin/sh";
	task->argv = argv;
	start(task, execute);
	ck_assert_int_eq(error_of(task), 0);
	assert_exit(end(task), 3);
	free_task(task);
}
END_TEST

START_TEST(error_is_0_after_a_death)
{
	struct task *task = new_task();

	start(task, die);
	ck_assert_int_eq(error_of(task), 0);
	assert_killed(end(task), SIGKILL);
	free_task(task);
}
END_TEST

START_TEST(error_may_be_null)
{
	struct task *task = new_task();

	task->result = -EDOM;
	start(task, note);
	ck_assert_int_eq(spawnio_child_await(&task->child, -1, NULL), 0);
	assert_exit(end(task), 127);
	free_task(task);
}
END_TEST

START_TEST(wait_needs_no_await)
{
	struct task *task = new_task();

	task->result = -EDOM;
	start(task, note);
	assert_exit(end(task), 127);
	free_task(task);
}
END_TEST

START_TEST(await_ends_with_the_exec)
{
	static char *const argv[] = {
		(char *)"sh", (char *)"-c", (char *)"read x", NULL
	};
	struct channel gate = to_commands();
	struct task *task = new_task();
	char *line[] = { argv[0], argv[1], NULL, NULL };
	char text[64];

	snprintf(text, sizeof(text), "read x <&%d", gate.theirs);
	line[2] = text;
	task->file = "/bin/sh";
	task->argv = line;
	start(task, execute);
	ck_assert_int_eq(error_of(task), 0);
	ck_assert_int_eq(waitpid(task->child.pid, NULL, WNOHANG), 0);
	release(gate);
	assert_exit(end(task), 0);
	close_channel(gate);
	free_task(task);
}
END_TEST

START_TEST(caller_goes_on)
{
	struct task *task = new_task();

	start(task, wait_for_gate);
	assert_error(spawnio_child_await(&task->child, 0, NULL), -1,
	    ETIMEDOUT);
	assert_error(spawnio_child_await(&task->child, 20, NULL), -1,
	    ETIMEDOUT);
	atomic_store(&task->gate, 1);
	ck_assert_int_eq(error_of(task), 0);
	assert_exit(end(task), 0);
	free_task(task);
}
END_TEST

static void
do_nothing(int signo)
{
	(void)signo;
}

static void *
interrupt(void *arg)
{
	const struct timespec moment = { 0, 5000000 };
	struct task *task = arg;

	for (int i = 0; i < 10; i++) {
		nanosleep(&moment, NULL);
		kill(getpid(), SIGUSR1);
	}
	atomic_store(&task->gate, 1);
	return NULL;
}

START_TEST(signals_do_not_interrupt_await)
{
	struct task *task = new_task();
	pthread_t thread;

	on_signal(SIGUSR1, do_nothing, 0);
	start(task, wait_for_gate);
	ck_assert_int_eq(pthread_create(&thread, NULL, interrupt, task), 0);
	ck_assert_int_eq(error_of(task), 0);
	ck_assert_int_eq(atomic_load(&task->gate), 1);
	pthread_join(thread, NULL);
	assert_exit(end(task), 0);
	free_task(task);
}
END_TEST

START_TEST(vfork_suspends_the_caller)
{
	struct task *task = new_task();
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, interrupt, task), 0);
	on_signal(SIGUSR1, do_nothing, 0);
	start(task, wait_for_gate);
	ck_assert_int_eq(atomic_load(&task->gate), 1);
	ck_assert_int_eq(spawnio_child_await(&task->child, 0, NULL), 0);
	pthread_join(thread, NULL);
	assert_exit(end(task), 0);
	free_task(task);
}
END_TEST

/* Signals of libc's own, which sigfillset() leaves out, are among all. */
START_TEST(all_signals_are_blocked)
{
	const uint64_t unblockable = (uint64_t)1 << (SIGKILL - 1) |
	    (uint64_t)1 << (SIGSTOP - 1);
	struct task *task = new_task();

	start(task, note_mask);
	end(task);
	ck_assert_uint_eq(task->mask | unblockable, ~(uint64_t)0);
	free_task(task);
}
END_TEST

START_TEST(mask_is_the_callers)
{
	struct task *task = new_task();
	uint64_t before, after;

	block(SIGUSR2);
	child_sigprocmask(SIG_SETMASK, NULL, &before);
	start(task, note);
	child_sigprocmask(SIG_SETMASK, NULL, &after);
	end(task);
	ck_assert_uint_eq(task->child.mask, before);
	ck_assert_uint_eq(after, before);
	ck_assert_uint_ne(before & (uint64_t)1 << (SIGUSR2 - 1), 0);
	unblock(SIGUSR2);
	free_task(task);
}
END_TEST

START_TEST(mask_is_there_when_fn_begins)
{
	struct task *task = new_task();
	uint64_t own;

	block(SIGUSR2);
	child_sigprocmask(SIG_SETMASK, NULL, &own);
	start(task, note_given_mask);
	end(task);
	ck_assert_uint_eq(task->mask, own);
	unblock(SIGUSR2);
	free_task(task);
}
END_TEST

START_TEST(caught_signals_have_their_default_action)
{
	struct task *task = new_task();

	on_signal(SIGUSR1, do_nothing, 0);
	start(task, raise_usr1);
	assert_killed(end(task), SIGUSR1);
	ck_assert_int_eq(atomic_load(&task->seen), 0);
	free_task(task);
}
END_TEST

START_TEST(ignored_signals_stay_ignored)
{
	struct task *task = new_task();

	on_signal(SIGUSR1, SIG_IGN, 0);
	start(task, raise_usr1);
	assert_exit(end(task), 0);
	ck_assert_int_eq(atomic_load(&task->seen), 1);
	free_task(task);
}
END_TEST

/* --- the stack --- */

static size_t
mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t lines = 0;
	int c;

	ck_assert_ptr_nonnull(maps);
	while ((c = getc(maps)) != EOF)
		lines += c == '\n';
	fclose(maps);
	return lines;
}

START_TEST(stack_is_28_kib_at_least)
{
	struct task *task = new_task();

	task->depth = SMALLEST;
	start(task, dig_down);
	assert_exit(end(task), 0);
	free_task(task);
}
END_TEST

START_TEST(stack_has_the_size_that_was_asked_for)
{
	static const size_t sizes[] = {
		1, 29 * 1024, 100001, 1 << 20, 8 << 20
	};
	struct task *task = new_task();

	task->child.stack_size = sizes[_i];
	task->depth = sizes[_i];
	start(task, dig_down);
	assert_exit(end(task), 0);
	free_task(task);
}
END_TEST

START_TEST(page_below_the_stack_cannot_be_accessed)
{
	static const size_t sizes[] = { 0, 1 << 20 };
	const struct rlimit none = { 0, 0 };
	struct task *task = new_task();

	setrlimit(RLIMIT_CORE, &none);
	task->child.stack_size = sizes[_i];
	task->depth = (size_t)-1;
	start(task, dig_down);
	assert_killed(end(task), SIGSEGV);
	free_task(task);
}
END_TEST

/* To AddressSanitizer, its frames would be there for ever: none was left. */
START_TEST(stack_of_an_exec_serves_the_next)
{
	static char *const argv[] = { (char *)"true", NULL };
	struct task *task = new_task();

	task->file = "/bin/true";
	task->argv = argv;
	for (int i = 0; i < 20; i++) {
		memset(&task->child, 0, sizeof(task->child));
		start(task, i % 2 ? fill_stack : execute_far_below);
		assert_exit(end(task), 0);
	}
	free_task(task);
}
END_TEST

START_TEST(stack_is_given_back)
{
	struct task *task = new_task();
	size_t before = 0;

	for (int i = 0; i < 40; i++) {
		memset(&task->child, 0, sizeof(task->child));
		task->child.stack_size = (size_t)(1 + i % 4) << 20;
		start(task, note);
		if (i % 2)
			error_of(task);
		end(task);
		if (i == 7)
			before = mapped();
	}
	ck_assert_uint_le(mapped(), before + 4);
	free_task(task);
}
END_TEST

START_TEST(stack_that_cannot_be_had_is_enomem)
{
	static const size_t sizes[] = { (size_t)-1, (size_t)-4096,
		SIZE_MAX / 8 * 7, SIZE_MAX / 4 * 3 };
	struct task *task = new_task();

	task->child.stack_size = sizes[_i];
	assert_error(avfork(note, task, &task->child), -1, ENOMEM);
	ck_assert_int_eq(atomic_load(&task->seen), 0);
	assert_error(wait(NULL), -1, ECHILD);
	free_task(task);
}
END_TEST

/* --- the process descriptor --- */

START_TEST(pidfd_on_request)
{
	struct pollfd poll_it = { .events = POLLIN };
	struct task *task = new_task();

	task->child.flags = SPAWNIO_CHILD_PIDFD;
	start(task, note);
	poll_it.fd = task->child.pidfd;
	if (poll_it.fd >= 0) {
		ck_assert_int_eq(fcntl(poll_it.fd, F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(poll(&poll_it, 1, 60000), 1);
	}
	ck_assert(poll_it.fd >= 0 || emulated());
	assert_exit(end(task), 0);
	ck_assert_int_eq(task->child.pidfd, -1);
	if (poll_it.fd >= 0)
		assert_error(fcntl(poll_it.fd, F_GETFD), -1, EBADF);
	free_task(task);
}
END_TEST

START_TEST(no_pidfd_without_request)
{
	struct task *task = new_task();

	start(task, note);
	ck_assert_int_eq(task->child.pidfd, -1);
	end(task);
	free_task(task);
}
END_TEST

START_TEST(pidfd_is_minus_1_if_the_kernel_has_none)
{
	struct task *task = new_task();

#ifdef SYS_pidfd_open
	refuse(SYS_pidfd_open, 0, ENOSYS);
#endif
	refuse(SYS_clone3, 0, ENOSYS);
	task->child.flags = SPAWNIO_CHILD_PIDFD;
	task->result = 3;
	start(task, note);
	ck_assert_int_eq(task->child.pidfd, -1);
	assert_exit(end(task), 3);
	free_task(task);
}
END_TEST

static struct rlimit
leave_no_descriptor(void)
{
	int fd = dup(0);
	struct rlimit limit, less;

	close(fd);
	spawnio_engine(NULL);	/* which wants one to look at /proc */
	getrlimit(RLIMIT_NOFILE, &limit);
	less = limit;
	less.rlim_cur = (rlim_t)fd;
	setrlimit(RLIMIT_NOFILE, &less);
	return limit;
}

START_TEST(no_descriptor_left_is_emfile)
{
	struct task *task = new_task();
	struct rlimit limit = leave_no_descriptor();

	task->child.flags = SPAWNIO_CHILD_PIDFD;
	assert_error(avfork(note, task, &task->child), -1, EMFILE);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_error(wait(NULL), -1, ECHILD);
	free_task(task);
}
END_TEST

/* The pipe that tells the result. */
START_TEST(engine_avfork_alone_needs_no_descriptor)
{
	struct task *task = new_task();
	struct rlimit limit = leave_no_descriptor();

	if (engine_is("avfork")) {
		start(task, note);
		end(task);
	} else
		assert_error(avfork(note, task, &task->child), -1, EMFILE);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_error(wait(NULL), -1, ECHILD);
	free_task(task);
}
END_TEST

START_TEST(status_that_was_lost)
{
	struct task *task = new_task();
	int status, error;

	task->result = 4;
	task->child.flags = SPAWNIO_CHILD_PIDFD;
	on_signal(SIGCHLD, SIG_IGN, 0);
	start(task, note);
	errno = 0;
	if (spawnio_child_wait(&task->child, -1, &status) == -1)
		status = -1;
	error = errno;
	if (status != -1 || (lost_status_is_found() && !emulated()))
		assert_exit(status, 4);
	else
		ck_assert_int_eq(error, ECHILD);
	on_signal(SIGCHLD, SIG_DFL, 0);
	free_task(task);
}
END_TEST

START_TEST(somebody_else_has_waited)
{
	struct task *task = new_task();

	start(task, note);
	ck_assert_int_eq(waitpid(-1, NULL, 0), task->child.pid);
	assert_error(spawnio_child_wait(&task->child, -1, NULL), -1, ECHILD);
	assert_error(spawnio_child_wait(&task->child, -1, NULL), -1, EINVAL);
	free_task(task);
}
END_TEST

/* --- errors --- */

START_TEST(what_is_not_valid)
{
	struct spawnio_child child;
	int error = 9;

	memset(&child, 0, sizeof(child));
	assert_error(avfork(NULL, NULL, &child), -1, EINVAL);
	assert_error(avfork(note, NULL, NULL), -1, EINVAL);
	assert_error(spawnio_child_await(&child, 0, &error), -1, EINVAL);
	assert_error(spawnio_child_await(NULL, 0, &error), -1, EINVAL);
	assert_error(spawnio_child_wait(&child, -1, NULL), -1, EINVAL);
	assert_error(spawnio_child_wait(NULL, -1, NULL), -1, EINVAL);
	child.flags = 2;
	assert_error(avfork(note, NULL, &child), -1, EINVAL);
	ck_assert_int_eq(error, 9);
	assert_error(wait(NULL), -1, ECHILD);
}
END_TEST

START_TEST(nothing_is_waited_for_twice)
{
	struct task *task = new_task();

	start(task, note);
	end(task);
	assert_error(spawnio_child_wait(&task->child, -1, NULL), -1, EINVAL);
	assert_error(spawnio_child_await(&task->child, 0, NULL), -1, EINVAL);
	free_task(task);
}
END_TEST

START_TEST(child_may_be_used_again)
{
	struct task *task = new_task();

	task->result = -EDOM;
	start(task, note);
	ck_assert_int_eq(error_of(task), EDOM);
	end(task);
	task->result = 3;
	start(task, note);
	ck_assert_int_eq(error_of(task), 0);
	assert_exit(end(task), 3);
	free_task(task);
}
END_TEST

START_TEST(no_child_is_eagain)
{
	struct task *task = new_task();
	size_t before;

	allow_no_children();
	assert_error(avfork(note, task, &task->child), -1, EAGAIN);
	before = mapped();
	/* A sanitizer maps some of its own, but less than these would be. */
	for (int i = 1; i <= 8; i++) {
		task->child.stack_size = (size_t)i << 20;
		assert_error(avfork(note, task, &task->child), -1, EAGAIN);
	}
	ck_assert_uint_lt(mapped(), before + 8);
	ck_assert_int_eq(atomic_load(&task->seen), 0);
	free_task(task);
}
END_TEST

START_TEST(fn_may_close_the_pipe_that_tells_its_result)
{
	struct spawnio_child child;
	int error = -1, status;

	memset(&child, 0, sizeof(child));
	ck_assert_int_gt(avfork(close_everything, NULL, &child), 0);
	ck_assert_int_eq(spawnio_child_await(&child, -1, &error), 0);
	ck_assert_int_eq(error, child.shared ? EDOM : 0);
	ck_assert_int_eq(spawnio_child_wait(&child, -1, &status), 0);
	assert_exit(status, 127);
}
END_TEST

/* --- what the child has --- */

START_TEST(streams_are_inherited)
{
	FILE *stream = open_command("w", "cat");
	struct task *task = new_task();

	task->fd = fileno(stream);
	start(task, look_at_descriptor);
	assert_exit(end(task), 0);
	assert_exit(close_command(stream), 0);
	free_task(task);
}
END_TEST

/* Those without close-on-exec, and no others. */
START_TEST(program_inherits_streams_without_e)
{
	FILE *without = open_command("w", "cat"), *with = open_command("we",
	    "cat");
	struct task *task = new_task();
	char text[96];
	char *argv[] = { (char *)"sh", (char *)"-c", text, NULL };

	snprintf(text, sizeof(text), "test -e /proc/self/fd/%d && "
	    "! test -e /proc/self/fd/%d", fileno(without), fileno(with));
	task->file = "/bin/sh";
	task->argv = argv;
	start(task, execute);
	assert_exit(end(task), 0);
	assert_exit(close_command(without), 0);
	assert_exit(close_command(with), 0);
	free_task(task);
}
END_TEST

static atomic_int handled;

static void
count_fork(void)
{
	atomic_fetch_add(&handled, 1);
}

START_TEST(fork_handlers_are_not_called)
{
	struct task *task = new_task();

	ck_assert_int_eq(pthread_atfork(count_fork, count_fork, count_fork),
	    0);
	start(task, note);
	end(task);
	ck_assert_int_eq(atomic_load(&handled), 0);
	free_task(task);
}
END_TEST

/* The caller ends, or executes a program. */
static void
leave_child_behind(void *arg)
{
	struct task *task = arg;
	char text[] = "right";

	task->place = text;
	task->parent = getpid();
	start(task, outlive);
	if (task->result == 1)
		execl("/bin/sh", "sh", "-c", ":", (char *)NULL);
	_exit(0);
}

START_TEST(child_keeps_the_memory)
{
	struct channel from = from_commands();
	struct task *task = new_task();
	char text[6] = "";

	task->fd = from.theirs;
	task->result = _i;
	in_child(leave_child_behind, task);
	close(from.theirs);
	ck_assert_int_eq(read(from.ours, text, sizeof(text)), sizeof(text));
	ck_assert_str_eq(text, "right");
	close(from.ours);
	free_task(task);
}
END_TEST

/* --- many --- */

START_TEST(more_than_may_be_in_flight)
{
	struct task *tasks[IN_FLIGHT + 4];

	for (size_t i = 0; i < COUNT(tasks); i++) {
		tasks[i] = new_task();
		tasks[i]->result = (int)i;
		start(tasks[i], i < IN_FLIGHT ? wait_for_gate : note);
		/* Those beyond are made by vfork: they have left by now. */
		if (i >= IN_FLIGHT && engine_is("avfork"))
			ck_assert_int_eq(spawnio_child_await(&tasks[i]->child,
			    0, NULL), 0);
	}
	for (size_t i = 0; i < COUNT(tasks); i++)
		atomic_store(&tasks[i]->gate, 1);
	for (size_t i = 0; i < COUNT(tasks); i++) {
		assert_exit(end(tasks[i]), (int)i);
		free_task(tasks[i]);
	}
}
END_TEST

START_TEST(quiesce_waits_for_fn)
{
	static const size_t sizes[] = { 0, 1 << 20 };
	struct task *task = new_task();

	task->child.stack_size = sizes[_i];
	start(task, wait_for_gate);
	assert_error(spawnio_quiesce(20), -1, ETIMEDOUT);
	atomic_store(&task->gate, 1);
	ck_assert_int_eq(spawnio_quiesce(-1), 0);
	end(task);
	free_task(task);
}
END_TEST

static void
exit_while_fn_runs(void *task)
{
	start(task, wait_for_gate);
	seek_no_leaks();
	exit(0);
}

static long
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* And no longer: it has ended before the gate is opened. */
START_TEST(exit_waits_a_second_for_fn)
{
	struct task *task = new_task();
	long begun = milliseconds();

	in_child(exit_while_fn_runs, task);
	ck_assert_int_ge(milliseconds() - begun, 1000);
	atomic_store(&task->gate, 1);
	free_task(task);
}
END_TEST

static void *
start_many(void *arg)
{
	static char *const argv[] = {
		(char *)"sh", (char *)"-c", (char *)"exit 3", NULL
	};
	struct task *task = new_task();
	intptr_t wrong = 0;

	(void)arg;
	for (int i = 0; i < 30; i++) {
		memset(task, 0, sizeof(*task));
		task->file = i % 3 ? "/nosuch" : "/bin/sh";
		task->argv = argv;
		task->child.stack_size = i % 2 ? 0 : 64 * 1024;
		task->child.flags = i % 5 ? 0 : SPAWNIO_CHILD_PIDFD;
		start(task, execute);
		wrong += error_of(task) != (i % 3 ? ENOENT : 0);
		wrong += end(task) != (i % 3 ? 127 : 3) << 8;
	}
	free_task(task);
	return (void *)wrong;
}

START_TEST(any_number_of_threads)
{
	in_threads(start_many, NULL);
}
END_TEST

static void *
start_when_cancelled(void *arg)
{
	struct task *task = arg;

	pthread_cancel(pthread_self());
	task->child.flags = SPAWNIO_CHILD_PIDFD;
	task->result = 3;
	if (avfork(note, task, &task->child) > 0)
		spawnio_child_wait(&task->child, -1, &task->result);
	pthread_testcancel();
	task->result = -1;
	return NULL;
}

START_TEST(no_cancellation_point)
{
	struct task *task = new_task();
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, start_when_cancelled,
	    task), 0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	assert_exit(task->result, 3);
	free_task(task);
}
END_TEST

/* --- the suite --- */

static void
add_results(TCase *tcase)
{
	tcase_add_test(tcase, fn_runs_in_a_child);
	tcase_add_test(tcase, pid_is_that_of_the_child);
	tcase_add_test(tcase, shared_tells_whose_memory_it_is);
	tcase_add_test(tcase, no_pipes_are_made);
	tcase_add_test(tcase, low_8_bits_of_the_status_count);
	tcase_add_test(tcase, negative_result_is_an_errno);
	tcase_add_loop_test(tcase, errno_of_an_exec_is_told, 0, 3);
	tcase_add_test(tcase, error_is_0_after_an_exec);
	tcase_add_test(tcase, error_is_0_after_a_death);
	tcase_add_test(tcase, error_may_be_null);
	tcase_add_test(tcase, wait_needs_no_await);
	tcase_add_test(tcase, await_ends_with_the_exec);
	if (goes_on()) {
		tcase_add_test(tcase, caller_goes_on);
		tcase_add_test(tcase, signals_do_not_interrupt_await);
	} else if (!emulated())
		tcase_add_test(tcase, vfork_suspends_the_caller);
}

static void
add_signals(TCase *tcase)
{
	if (emulated())
		left_out("emulator with signals of its own: "
		    "all_signals_are_blocked");
	else
		tcase_add_test(tcase, all_signals_are_blocked);
	tcase_add_test(tcase, mask_is_the_callers);
	tcase_add_test(tcase, mask_is_there_when_fn_begins);
	tcase_add_test(tcase, caught_signals_have_their_default_action);
	tcase_add_test(tcase, ignored_signals_stay_ignored);
}

static void
add_stack(TCase *tcase)
{
	tcase_add_test(tcase, stack_is_28_kib_at_least);
	tcase_add_loop_test(tcase, stack_has_the_size_that_was_asked_for, 0, 5);
	tcase_add_test(tcase, stack_of_an_exec_serves_the_next);
	tcase_add_loop_test(tcase, page_below_the_stack_cannot_be_accessed,
	    0, 2);
	tcase_add_test(tcase, stack_is_given_back);
	tcase_add_loop_test(tcase, stack_that_cannot_be_had_is_enomem, 0, 4);
}

static void
add_pidfd(TCase *tcase)
{
	tcase_add_test(tcase, pidfd_on_request);
	tcase_add_test(tcase, no_pidfd_without_request);
	if (may_refuse())
		tcase_add_test(tcase, pidfd_is_minus_1_if_the_kernel_has_none);
	else
		left_out("no seccomp: pidfd_is_minus_1_if_the_kernel_has_none");
	tcase_add_test(tcase, no_descriptor_left_is_emfile);
	tcase_add_test(tcase, engine_avfork_alone_needs_no_descriptor);
	tcase_add_test(tcase, status_that_was_lost);
	tcase_add_test(tcase, somebody_else_has_waited);
}

static void
add_errors(TCase *tcase)
{
	tcase_add_test(tcase, what_is_not_valid);
	tcase_add_test(tcase, nothing_is_waited_for_twice);
	tcase_add_test(tcase, child_may_be_used_again);
	if (geteuid() != 0)
		tcase_add_test(tcase, no_child_is_eagain);
	tcase_add_test(tcase, fn_may_close_the_pipe_that_tells_its_result);
}

static void
add_quiet(TCase *tcase)
{
	tcase_add_loop_test(tcase, quiesce_waits_for_fn, 0, 2);
	tcase_add_test(tcase, exit_waits_a_second_for_fn);
}

static void
add_many(TCase *tcase)
{
	tcase_add_test(tcase, streams_are_inherited);
	tcase_add_test(tcase, program_inherits_streams_without_e);
	tcase_add_test(tcase, fork_handlers_are_not_called);
	if (goes_on()) {
		tcase_add_loop_test(tcase, child_keeps_the_memory, 0, 2);
		tcase_add_test(tcase, more_than_may_be_in_flight);
	}
	if (MAY_CANCEL)
		tcase_add_test(tcase, no_cancellation_point);
	else
		left_out("sanitizer: no_cancellation_point");
	if (engine_is("avfork"))
		add_quiet(tcase);
	if (emulated())
		left_out("emulator, whose fork(2) hangs beside threads: "
		    "any_number_of_threads");
	else
		tcase_add_test(tcase, any_number_of_threads);
}

static void
add_all(Suite *suite)
{
	add_results(add_case(suite, "results"));
	add_signals(add_case(suite, "signals"));
	add_stack(add_case(suite, "stack"));
	add_pidfd(add_case(suite, "pidfd"));
	add_errors(add_case(suite, "errors"));
	add_many(add_case(suite, "many"));
}

#else

static void
add_all(Suite *suite)
{
	(void)suite;
}

#endif

int
main(void)
{
	Suite *suite = suite_create("avfork");

	engine = engine_of_tests();
	if (engine_is("posix_spawn"))
		tcase_add_test(add_case(suite, "refused"),
		    engine_of_libc_is_enotsup);
	else
		add_all(suite);
	return run(suite);
}
