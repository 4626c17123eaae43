/* SPDX-License-Identifier: ISC */
/* Kernels that are older, and sandboxes: whichever of the newer system calls
 * they refuse, and with which of two errors, the functions do what they do
 * elsewhere, and the engine is the next that is left. */

#include "shorthand.h"

#include <sys/syscall.h>

#ifdef SPIO_NATIVE
# include <spawnio/child.h>
#endif

/* Not by its name in all C libraries' headers. */
#ifndef P_PIDFD
# define P_PIDFD	3
#endif

#define VFORK		0x00004000	/* CLONE_VFORK */

/* What comes together comes from one kernel. */
enum group { CLONE3, CLOSE_RANGE, PIDFD, FACCESSAT2, STATX, GROUPS };

/* The kernel's own answer, then a kernel's that is too old and a filter's: the
 * nth of a group is the nth digit, the lowest first, of a test's number. */
static const int answers[] = { 0, ENOSYS, EPERM };

#define ANSWERS		3
#define COMBINATIONS	(3 * 3 * 3 * 3 * 3)

/* By its first argument, if that has one of the flags. */
static const struct newer {
	enum group group;
	long call;
	unsigned int flags;
	int old;		/* what a kernel says that is too old */
} newer[] = {
	{ CLONE3, SYS_clone3, 0, ENOSYS },
#ifdef SYS_close_range
	{ CLOSE_RANGE, SYS_close_range, 0, ENOSYS },
#endif
	{ PIDFD, SYS_pidfd_open, 0, ENOSYS },
	{ PIDFD, SYS_pidfd_send_signal, 0, ENOSYS },
	{ PIDFD, SYS_waitid, P_PIDFD & ~P_PID, EINVAL },
#ifdef SYS_faccessat2
	{ FACCESSAT2, SYS_faccessat2, 0, ENOSYS },
#endif
	{ STATX, SYS_statx, 0, ENOSYS },
};

/* The answers of this test's kernel. */
static int answer[GROUPS];

static void
use_kernel(int number)
{
	size_t i;

	for (i = 0; i < GROUPS; i++, number /= ANSWERS)
		answer[i] = answers[number % ANSWERS];
	for (i = 0; i < COUNT(newer); i++)
		if (answer[newer[i].group] != 0)
			refuse(newer[i].call, newer[i].flags,
			    answer[newer[i].group] == ENOSYS ? newer[i].old :
			    answer[newer[i].group]);
}

static bool
libc_makes_children(void)
{
	return engine_is("posix_spawn");
}

/* --- the functions --- */

static int
descriptor_of_commands(void)
{
	int fd = fcntl(0, F_DUPFD, 3);

	ck_assert_int_ge(fd, 3);
	return fd;
}

/* What is told of the child behind a stream that has nothing to do. */
static void
use_stream(FILE *stream)
{
	int refused = answer[PIDFD], fd = spawnio_stream_pidfd(stream), status;

	ck_assert_int_gt(spawnio_stream_pid(stream), 0);
	if (refused == 0)
		ck_assert_int_eq(close(fd), 0);
	else
		assert_error(spawnio_stream_pidfd(stream), -1, refused);
	assert_error(spawnio_stream_wait(stream, 0, &status), -1, ETIMEDOUT);
	errno = 12345;
	ck_assert_int_eq(spawnio_stream_stop(stream, FAR), 0);
	ck_assert_int_eq(spawnio_stream_wait(stream, FAR, &status), 0);
	ck_assert_int_eq(errno, 12345);
	assert_killed(status, SIGTERM);
}

/* Did a later command hold the end of the first, that would not end.  A shell
 * has the filters as well, and some vfork() by clone(2): none shall need to. */
static void
use_streams(void)
{
	FILE *first = open_command("w", "exec cat >/dev/null");
	FILE *second = open_command("r+", "read x; echo got $x; exit 4");
	FILE *third = open_command("r", "exec sleep 1000");

	assert_exit(close_command(first), 0);
	ck_assert_int_ge(fputs("5\n", second), 0);
	ck_assert_int_eq(fflush(second), 0);
	ck_assert_str_eq(rest_of(second), "got 5\n");
	assert_exit(close_command(second), 4);
	use_stream(third);
	assert_killed(close_command(third), SIGTERM);
}

static void
use_system(void)
{
	assert_exit(run_command("exit 6"), 6);
}

/* posix_spawn(3) cannot close what it does not know. */
static struct spawnio_how
closing(struct spawnio_how how)
{
	if (!libc_makes_children())
		how.flags |= SPAWNIO_CLOSE_OTHERS;
	return how;
}

static void
use_run(void)
{
	int fd = descriptor_of_commands();
	struct spawnio_how how = closing(shell("test -e /proc/self/fd/%d", fd));

	assert_exit(ran(&how), libc_makes_children() ? 0 : 1);
	close(fd);
}

static void
use_capture(void)
{
	struct spawnio_how how = closing(shell("read x; echo got $x; "
	    "echo bad >&2; exit 4"));
	struct spawnio_capture capture = { .input = "5\n", .input_size = 2 };

	errno = 12345;
	ck_assert_msg(spawnio_capture(&how, &capture) == 0,
	    "spawnio_capture: %s", strerror(errno));
	ck_assert_int_eq(errno, 12345);
	assert_exit(capture.status, 4);
	ck_assert_str_eq(capture.out, "got 5\n");
	ck_assert_str_eq(capture.err, "bad\n");
	free(capture.out);
	free(capture.err);
}

static void
use_child(void)
{
	static char *const sleeper[] = {
		(char *)"sleep", (char *)"1000", NULL
	};
	struct spawnio_how how = closing(program(sleeper));
	struct spawnio_child child;
	int status, error;

	begin(&how, &child);
	ck_assert_int_eq(spawnio_child_await(&child, FAR, &error), 0);
	ck_assert_int_eq(error, 0);
	assert_error(spawnio_child_wait(&child, 0, &status), -1, ETIMEDOUT);
	errno = 12345;
	ck_assert_int_eq(spawnio_child_stop(&child, FAR, &status), 0);
	ck_assert_int_eq(errno, 12345);
	assert_killed(status, SIGTERM);
}

#ifdef SPIO_NATIVE

SPAWNIO_IN_CHILD static int
be_nine(void *arg)
{
	(void)arg;
	return 9;
}

static void
use_avfork(void)
{
	struct spawnio_child child;

	if (libc_makes_children())
		return;
	memset(&child, 0, sizeof(child));
	errno = 12345;
	ck_assert_int_gt(avfork(be_nine, NULL, &child), 0);
	ck_assert_int_eq(errno, 12345);
	assert_exit(end(&child), 9);
}

#else

static void
use_avfork(void)
{
}

#endif

static void
use_all(void)
{
	use_streams();
	use_system();
	use_run();
	use_capture();
	use_child();
	use_avfork();
}

/* --- the engine --- */

/* What it would be elsewhere, or the next one that is not refused. */
static void
check_engine(bool no_vfork)
{
	bool no_clone3 = answer[CLONE3] != 0 || !clone3_is_there();
	const char *expected = engine, *word = NULL, *reason;

	if (no_clone3 && engine_is("avfork")) {
		expected = "vfork";
		word = "clone3";
	}
	if (no_clone3 && no_vfork && strcmp(expected, "vfork") == 0) {
		expected = "fork";
		word = "CLONE_VFORK";
	}
	ck_assert_str_eq(spawnio_engine(&reason), expected);
	ck_assert_msg(word != NULL ? strstr(reason, word) != NULL :
	    strstr(reason, "refused") == NULL, "the reason is '%s'", reason);
}

/* The C library may have no other way, or not for that error.  It says so, and
 * then the library has none.  What posix_spawn(3) says might be the exec's. */
static bool
libc_gives_up(void)
{
	FILE *stream;

	if (!libc_makes_children())
		return false;
	errno = 0;
	stream = spopen("exit 3", "r");
	if (stream != NULL) {
		assert_exit(spclose(stream), 3);
		return false;
	}
	ck_assert(errno == answer[CLONE3] || errno == EINVAL);
	assert_exit(ssystem("exit 3"), 127);
	return true;
}

/* On a 32-bit CPU a loader has fstat(2) by statx(2), and what a filter says to
 * that ends it. */
static bool
programs_start(void)
{
	int status = -1;
	pid_t pid;

	if (answer[STATX] != EPERM)
		return true;
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exec cat </dev/null",
		    (char *)NULL);
		_exit(126);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (status != 0)
		left_out("no program starts without statx(2): one of these");
	return status == 0;
}

START_TEST(newer_calls_refused)
{
	use_kernel(_i);
	if (!programs_start())
		return;
	if (answer[CLONE3] == EPERM && libc_gives_up())
		return;
	use_all();
	check_engine(false);
}
END_TEST

/* Only who may not make clone3() makes clone(), so of three answers to that
 * two are left. */
START_TEST(vfork_refused_too)
{
	use_kernel(_i / 2 * ANSWERS + 1 + _i % 2);
	if (!programs_start())
		return;
	refuse(SYS_clone, VFORK, EINVAL);
	if (libc_gives_up())
		return;
	use_all();
	check_engine(true);
}
END_TEST

int
main(void)
{
	Suite *suite;
	TCase *tcase;

	if (!may_refuse())
		return 77;
	find_engine();
	suite = suite_create("kernels");
	tcase = add_case(suite, "refused");
	tcase_add_loop_test(tcase, newer_calls_refused, 0, COMBINATIONS);
	tcase_add_loop_test(tcase, vfork_refused_too, 0,
	    COMBINATIONS / ANSWERS * (ANSWERS - 1));
	return run(suite);
}
