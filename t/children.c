/* SPDX-License-Identifier: ISC */
/* The end of a child: the time limit of spawnio_how(3), spawnio_child_wait(3),
 * and spawnio_stream_pid(3) for the child behind a stream. */

#include "shorthand.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <limits.h>
#include <poll.h>

#define SOON	50	/* milliseconds */
#define CALLS	5

static char *const nothing[] = { (char *)"true", NULL };
static char *const sleeper[] = { (char *)"sleep", (char *)"60", NULL };

/* A child that ends with 3 when it is released. */
static struct spawnio_how
waiting(struct channel to)
{
	return shell("read x </proc/self/fd/%d; exit 3", to.theirs);
}

/* Nobody has the other end of the channel any more: until then, it waits. */
static void
assert_all_gone(struct channel from)
{
	char rest[64];
	ssize_t n;

	close(from.theirs);
	while ((n = read(from.ours, rest, sizeof(rest))) > 0)
		;
	ck_assert_int_eq(n, 0);
	close(from.ours);
}

/* --- time limits --- */

START_TEST(child_in_time_has_its_status)
{
	struct spawnio_how how = shell("exit 3");

	how.timeout = FAR;
	assert_exit(ran(&how), 3);
	how.timeout = INT_MAX;
	how.grace = INT_MAX;
	assert_exit(ran(&how), 3);
	how = command("exit 4");
	how.timeout = FAR;
	assert_exit(ran(&how), 4);
}
END_TEST

START_TEST(child_gets_sigterm_when_the_time_is_over)
{
	struct spawnio_how how = program(sleeper);
	const char *failed = "unset";
	long begun = milliseconds();

	how.timeout = SOON;
	how.grace = FAR;
	how.failed = &failed;
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
	ck_assert_int_ge(milliseconds() - begun, SOON);
	ck_assert_int_lt(milliseconds() - begun, FAR);
	ck_assert_ptr_null(failed);
	assert_error(waitpid(-1, NULL, WNOHANG | __WALL), -1, ECHILD);
}
END_TEST

START_TEST(child_gets_sigkill_when_the_grace_is_over)
{
	static const int graces[] = { 0, 2 * SOON };
	struct spawnio_how how = program(sleeper);
	long begun = milliseconds();

	on_signal(SIGTERM, SIG_IGN, 0);
	how.timeout = SOON;
	how.grace = graces[_i];
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
	ck_assert_int_ge(milliseconds() - begun, SOON + graces[_i]);
	ck_assert_int_lt(milliseconds() - begun, FAR);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

/* Milliseconds: the more, the slower the machine is; the last is enough. */
static const int patience[] = { 100, 1000, 10000 };

/* The child is ready, and says so, before the time is over. */
static bool
ready_in_time(int timeout, const char *format)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell(format, from.theirs, from.theirs);
	struct pollfd ready = { .fd = from.ours, .events = POLLIN };
	bool early;

	how.timeout = timeout;
	how.grace = FAR;
	how.err.kind = SPAWNIO_NULL;	/* where shells tell of signals */
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
	early = poll(&ready, 1, 0) == 1 && ready.revents & POLLIN;
	assert_all_gone(from);
	return early;
}

static bool
ready_at_last(const char *format)
{
	for (size_t i = 0; i < COUNT(patience); i++)
		if (ready_in_time(patience[i], format))
			return true;
	return false;
}

START_TEST(child_may_end_by_itself_within_the_grace)
{
	ck_assert(ready_at_last("trap 'echo >/proc/self/fd/%d; exit 0' TERM; "
	    "while :; do sleep 0.01; done"));
}
END_TEST

START_TEST(what_the_child_has_started_ends_with_it)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("sleep 60 & sleep 60 & wait");
	long begun = milliseconds();

	how.timeout = SOON;
	how.grace = FAR;
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
	assert_all_gone(from);
	ck_assert_int_lt(milliseconds() - begun, FAR);
}
END_TEST

START_TEST(what_ignores_sigterm_ends_with_it)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("sleep 60 & sleep 60 & wait");

	on_signal(SIGTERM, SIG_IGN, 0);
	how.timeout = SOON;
	how.grace = SOON;
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
	assert_all_gone(from);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

/* The child ends by SIGTERM, what it has started does not. */
START_TEST(what_outlives_the_child_ends_with_it)
{
	ck_assert(ready_at_last("(trap '' TERM; echo >/proc/self/fd/%d; "
	    "exec sleep 60) & wait"));
}
END_TEST

/* The child by itself, which run() does not read. */
static struct process
process_of_run(struct spawnio_how how)
{
	char text[1024];
	int end[2];
	ssize_t n;

	ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = end[1] };
	assert_exit(ran(&how), 0);
	n = read(end[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	close(end[0]);
	close(end[1]);
	return process_of(text);
}

START_TEST(child_with_a_time_limit_has_a_group_of_its_own)
{
	struct spawnio_how how = tell_process();
	struct process p;

	ck_assert_int_eq(process_of_run(how).group, getpgid(0));
	how.timeout = FAR;
	p = process_of_run(how);
	ck_assert_int_eq(p.group, p.pid);
	ck_assert_int_eq(p.session, getsid(0));
	how.flags = SPAWNIO_SETSID;
	p = process_of_run(how);
	ck_assert_int_eq(p.group, p.pid);
	ck_assert_int_eq(p.session, p.pid);
}
END_TEST

/* The signals are the child's alone, then. */
START_TEST(child_with_a_time_limit_may_have_the_group_of_another)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child leader;

	how.flags = SPAWNIO_SETPGROUP;
	begin(&how, &leader);
	how = tell_process();
	how.flags = SPAWNIO_SETPGROUP;
	how.pgroup = leader.pid;
	how.timeout = FAR;
	ck_assert_int_eq(process_of_run(how).group, leader.pid);
	how.argv = sleeper;
	how.timeout = SOON;
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
	assert_error(spawnio_child_wait(&leader, 0, NULL), -1, ETIMEDOUT);
	release(to);
	assert_exit(end(&leader), 3);
	close_channel(to);
}
END_TEST

START_TEST(stopped_child_ends_when_the_time_is_over)
{
	struct spawnio_how how = shell("kill -STOP $$; exec sleep 60");

	how.timeout = SOON;
	how.grace = FAR;
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
}
END_TEST

/* --- spawnio_child_wait() --- */

START_TEST(wait_tells_the_status)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;

	int status;

	begin(&how, &child);
	assert_exit(end(&child), 3);
	begin(&how, &child);
	ck_assert_int_eq(spawnio_child_wait(&child, INT_MAX, &status), 0);
	assert_exit(status, 3);
	how = shell("kill -KILL $$");
	begin(&how, &child);
	ck_assert_int_eq(spawnio_child_wait(&child, INT_MIN, &status), 0);
	assert_killed(status, SIGKILL);
}
END_TEST

START_TEST(status_may_be_null)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;

	begin(&how, &child);
	errno = 0;
	ck_assert_int_eq(spawnio_child_wait(&child, -1, NULL), 0);
	ck_assert_int_eq(errno, 0);
	begin(&how, &child);
	errno = 0;
	ck_assert_int_eq(spawnio_child_stop(&child, -1, NULL), 0);
	ck_assert_int_eq(errno, 0);
}
END_TEST

START_TEST(wait_lasts_as_long_as_it_may)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child child;
	int status = 99;
	long begun;

	begin(&how, &child);
	assert_error(spawnio_child_wait(&child, 0, &status), -1, ETIMEDOUT);
	begun = milliseconds();
	assert_error(spawnio_child_wait(&child, SOON, &status), -1, ETIMEDOUT);
	ck_assert_int_ge(milliseconds() - begun, SOON);
	ck_assert_int_eq(status, 99);
	ck_assert_int_eq(kill(child.pid, 0), 0);
	release(to);
	begun = milliseconds();
	ck_assert_int_eq(spawnio_child_wait(&child, FAR, &status), 0);
	ck_assert_int_lt(milliseconds() - begun, FAR);
	assert_exit(status, 3);
	close_channel(to);
}
END_TEST

START_TEST(wait_takes_what_has_ended_at_once)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;
	siginfo_t info;
	int status;

	begin(&how, &child);
	ck_assert_int_eq(waitid(P_PID, (id_t)child.pid, &info,
	    WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(spawnio_child_wait(&child, 0, &status), 0);
	assert_exit(status, 3);
}
END_TEST

START_TEST(wait_lets_go_of_the_process_descriptor)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;
	int pidfd;

	begin(&how, &child);
	pidfd = child.pidfd;
	assert_exit(end(&child), 0);
	ck_assert_int_eq(child.pidfd, -1);
	assert_error(fcntl(pidfd, F_GETFD), -1, EBADF);
}
END_TEST

START_TEST(wait_does_without_a_process_descriptor_that_was_closed)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;

	begin(&how, &child);
	close(child.pidfd);
	assert_exit(end(&child), 0);
}
END_TEST

START_TEST(child_may_be_used_again)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;

	begin(&how, &child);
	assert_exit(end(&child), 3);
	for (int i = 0; i < CALLS; i++) {
		ck_assert_int_eq(spawnio_start(&how, &child), 0);
		assert_exit(end(&child), 3);
	}
}
END_TEST

START_TEST(nothing_is_let_go_of_twice)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;
	int unset = 99;

	begin(&how, &child);
	assert_exit(end(&child), 0);
	assert_error(spawnio_child_wait(&child, -1, &unset), -1, EINVAL);
	assert_error(spawnio_child_stop(&child, -1, &unset), -1, EINVAL);
	assert_error(spawnio_child_await(&child, -1, &unset), -1, EINVAL);
	ck_assert_int_eq(unset, 99);
}
END_TEST

START_TEST(no_child_is_not_valid)
{
	struct spawnio_child child, *volatile none = NULL;

	memset(&child, 0, sizeof(child));
	assert_error(spawnio_child_wait(&child, -1, NULL), -1, EINVAL);
	assert_error(spawnio_child_stop(&child, 0, NULL), -1, EINVAL);
	assert_error(spawnio_child_await(&child, -1, NULL), -1, EINVAL);
	assert_error(spawnio_child_wait(none, -1, NULL), -1, EINVAL);
	assert_error(spawnio_child_stop(none, 0, NULL), -1, EINVAL);
	assert_error(spawnio_child_await(none, -1, NULL), -1, EINVAL);
}
END_TEST

/* A process descriptor may still tell the status; then it is the right one. */
START_TEST(somebody_else_has_waited)
{
	struct spawnio_how how = shell("exit 4");
	struct spawnio_child child;
	int status, error;

	begin(&how, &child);
	ck_assert_int_eq(waitpid(child.pid, NULL, 0), child.pid);
	errno = 0;
	if (spawnio_child_wait(&child, -1, &status) == -1)
		status = -1;
	error = errno;
	if (status != -1 || (lost_status_is_found() && !emulated()))
		assert_exit(status, 4);
	else
		ck_assert_int_eq(error, ECHILD);
	assert_error(spawnio_child_wait(&child, -1, NULL), -1, EINVAL);
}
END_TEST

START_TEST(sigchld_is_ignored)
{
	struct spawnio_how how = shell("exit 4");
	struct spawnio_child child;
	int status, error;

	on_signal(SIGCHLD, SIG_IGN, 0);
	begin(&how, &child);
	errno = 0;
	if (_i == 0 ? spawnio_child_wait(&child, -1, &status) :
	    spawnio_child_stop(&child, FAR, &status))
		status = -1;
	error = errno;
	if (_i == 1 && WIFSIGNALED(status))
		assert_killed(status, SIGTERM);
	else if (status != -1 || (lost_status_is_found() && !emulated()))
		assert_exit(status, 4);
	else
		ck_assert_int_eq(error, ECHILD);
	assert_error(spawnio_child_stop(&child, -1, NULL), -1, EINVAL);
	on_signal(SIGCHLD, SIG_DFL, 0);
}
END_TEST

START_TEST(await_tells_that_nothing_kept_the_child)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child child;
	int error = -1;

	begin(&how, &child);
	for (int i = 0; i < 2; i++) {
		errno = 0;
		ck_assert_int_eq(spawnio_child_await(&child, 0, &error), 0);
		ck_assert_int_eq(error, 0);
		ck_assert_int_eq(spawnio_child_await(&child, -1, NULL), 0);
		ck_assert_int_eq(errno, 0);
	}
	release(to);
	assert_exit(end(&child), 3);
	close_channel(to);
}
END_TEST

START_TEST(signals_do_not_interrupt_wait)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child child;
	struct storm storm;

	begin(&how, &child);
	start_storm(&storm, to);
	assert_exit(end(&child), 3);
	join_storm(&storm);
	close_channel(to);
}
END_TEST

/* --- spawnio_child_stop() --- */

static int
stop(struct spawnio_child *child, int grace)
{
	int status;

	errno = 0;
	ck_assert_msg(spawnio_child_stop(child, grace, &status) == 0,
	    "spawnio_child_stop: %s", strerror(errno));
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(child->pidfd, -1);
	return status;
}

START_TEST(stop_sends_sigterm)
{
	static const int graces[] = { FAR, INT_MAX, -1, INT_MIN };
	struct spawnio_how how = program(sleeper);
	struct spawnio_child child;
	long begun = milliseconds();

	begin(&how, &child);
	assert_killed(stop(&child, graces[_i]), SIGTERM);
	ck_assert_int_lt(milliseconds() - begun, FAR);
}
END_TEST

START_TEST(stop_of_a_child_that_others_waited_for)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;
	int status = -1;

	begin(&how, &child);
	ck_assert_int_eq(waitpid(child.pid, NULL, 0), child.pid);
	if (child.pidfd >= 0) {
		close(child.pidfd);
		child.pidfd = -1;
	}
	assert_error(spawnio_child_stop(&child, FAR, &status), -1, ECHILD);
	ck_assert_int_eq(status, -1);
}
END_TEST

START_TEST(stop_sends_sigkill_after_the_grace)
{
	static const int graces[] = { 0, SOON };
	struct spawnio_how how = program(sleeper);
	struct spawnio_child child;
	long begun;

	on_signal(SIGTERM, SIG_IGN, 0);
	begin(&how, &child);
	begun = milliseconds();
	assert_killed(stop(&child, graces[_i]), SIGKILL);
	ck_assert_int_ge(milliseconds() - begun, graces[_i]);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

START_TEST(child_may_end_by_itself_after_stop)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("trap 'exit 7' TERM; "
	    "echo >/proc/self/fd/%d; while :; do sleep 0.01; done",
	    from.theirs);
	struct spawnio_child child;

	begin(&how, &child);
	await(from);
	assert_exit(stop(&child, FAR), 7);
	close_channel(from);
}
END_TEST

/* Until the storm is over, and without being interrupted by it. */
START_TEST(stop_waits_without_limit_if_grace_is_negative)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child child;
	struct storm storm;

	on_signal(SIGTERM, SIG_IGN, 0);
	begin(&how, &child);
	start_storm(&storm, to);
	assert_exit(stop(&child, -1), 3);
	join_storm(&storm);
	on_signal(SIGTERM, SIG_DFL, 0);
	close_channel(to);
}
END_TEST

START_TEST(stop_lets_a_stopped_child_go_on)
{
	struct spawnio_how how = shell("kill -STOP $$; exec sleep 60");
	struct spawnio_child child;
	siginfo_t info;

	begin(&how, &child);
	ck_assert_int_eq(waitid(P_PID, (id_t)child.pid, &info,
	    WSTOPPED | WNOWAIT), 0);
	assert_killed(stop(&child, -1), SIGTERM);
}
END_TEST

START_TEST(stop_of_what_has_ended_tells_the_status)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;
	siginfo_t info;

	begin(&how, &child);
	ck_assert_int_eq(waitid(P_PID, (id_t)child.pid, &info,
	    WEXITED | WNOWAIT), 0);
	assert_exit(stop(&child, 0), 3);
}
END_TEST

static const int leading[] = { SPAWNIO_SETPGROUP, SPAWNIO_SETSID };

/* The child waits for the other, so that there is no need to kill it. */
START_TEST(sigterm_goes_to_all_of_the_childs_group)
{
	struct channel from = from_commands();
	int fd = from.theirs;
	struct spawnio_how how = shell("(trap 'echo >/proc/self/fd/%d; exit 0' "
	    "TERM; echo >/proc/self/fd/%d; while :; do sleep 0.01; done) & "
	    "trap 'wait; exit 6' TERM; echo >/proc/self/fd/%d; wait", fd, fd,
	    fd);
	struct spawnio_child child;

	how.flags = leading[_i];
	how.err.kind = SPAWNIO_NULL;	/* where shells tell of signals */
	begin(&how, &child);
	await(from);
	await(from);
	assert_exit(stop(&child, -1), 6);
	await(from);
	close_channel(from);
}
END_TEST

START_TEST(sigkill_goes_to_all_of_the_childs_group)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("sleep 60 & echo >/proc/self/fd/%d; "
	    "wait; wait", from.theirs);
	struct spawnio_child child;

	on_signal(SIGTERM, SIG_IGN, 0);
	how.flags = leading[_i];
	begin(&how, &child);
	await(from);
	assert_killed(stop(&child, SOON), SIGKILL);
	assert_all_gone(from);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

/* By SIGTERM; and before that. */
START_TEST(sigkill_goes_to_the_group_though_the_child_has_ended)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("(trap '' TERM; "
	    "echo >/proc/self/fd/%d; exec sleep 60) & %s", from.theirs,
	    _i == 0 ? "wait" : "exit 5");
	struct spawnio_child child;
	siginfo_t info;

	how.flags = SPAWNIO_SETPGROUP;
	begin(&how, &child);
	await(from);
	if (_i == 1) {
		ck_assert_int_eq(waitid(P_PID, (id_t)child.pid, &info,
		    WEXITED | WNOWAIT), 0);
		assert_exit(stop(&child, FAR), 5);
	} else
		assert_killed(stop(&child, FAR), SIGTERM);
	assert_all_gone(from);
}
END_TEST

START_TEST(stop_is_for_the_child_alone_if_it_leads_no_group)
{
	struct channel from = from_commands(), to = to_commands();
	struct spawnio_how how = shell("(echo >/proc/self/fd/%d; "
	    "read x </proc/self/fd/%d; echo >/proc/self/fd/%d) & wait",
	    from.theirs, to.theirs, from.theirs);
	struct spawnio_child child;

	begin(&how, &child);
	await(from);
	assert_killed(stop(&child, -1), SIGTERM);
	release(to);
	await(from);
	assert_all_gone(from);
	close_channel(to);
}
END_TEST

/* Its number, and that of its group, could be another's. */
START_TEST(nobody_is_stopped_if_somebody_else_has_waited)
{
	struct channel from = from_commands(), to = to_commands();
	struct spawnio_how how = shell("(trap '' TERM; "
	    "read x </proc/self/fd/%d; echo >/proc/self/fd/%d) & exit 4",
	    to.theirs, from.theirs);
	struct spawnio_child child;
	int result, status = 4 << 8;

	how.flags = SPAWNIO_SETPGROUP;
	begin(&how, &child);
	ck_assert_int_eq(waitpid(child.pid, NULL, 0), child.pid);
	errno = 0;
	result = spawnio_child_stop(&child, 0, &status);
	ck_assert_int_eq(errno, result == 0 ? 0 : ECHILD);
	assert_exit(status, 4);
	assert_error(spawnio_child_stop(&child, 0, NULL), -1, EINVAL);
	release(to);
	await(from);
	assert_all_gone(from);
	close_channel(to);
}
END_TEST

/* As one that has changed its user. */
START_TEST(child_that_may_not_be_signalled_is_waited_for)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child child;
	struct storm storm;

	refuse(SYS_kill, 0, EPERM);
#ifdef SYS_pidfd_send_signal
	refuse(SYS_pidfd_send_signal, 0, EPERM);
#endif
	begin(&how, &child);
	start_storm(&storm, to);
	assert_exit(stop(&child, 0), 3);
	join_storm(&storm);
	close_channel(to);
}
END_TEST

/* A filter may forbid what it waits with. */
START_TEST(wait_does_not_spin)
{
	struct spawnio_how how = program(sleeper);
	struct spawnio_child child;
	long before;

	begin(&how, &child);
	refuse_poll();
	before = sleeps();
	assert_error(spawnio_child_wait(&child, 10 * SOON, NULL), -1,
	    ETIMEDOUT);
	ck_assert_int_ge(sleeps() - before, 3);
	assert_killed(stop(&child, FAR), SIGTERM);
}
END_TEST

START_TEST(stopped_without_waitid)
{
	struct spawnio_how how = program(sleeper);
	struct spawnio_child child;

	FILE *stream;

	refuse(SYS_waitid, 0, _i == 0 ? EPERM : ENOSYS);
	/* There is no other way to ask, and leave it there. */
	stream = open_command("r", "exit 3");
	assert_error(spawnio_stream_wait(stream, FAR, NULL), -1,
	    _i == 0 ? EPERM : ENOSYS);
	assert_exit(close_command(stream), 3);
	begin(&how, &child);
	assert_error(spawnio_child_wait(&child, SOON, NULL), -1, ETIMEDOUT);
	assert_killed(stop(&child, SOON), SIGTERM);
	how = shell("exit 3");
	begin(&how, &child);
	assert_exit(end(&child), 3);
}
END_TEST

static void *
start_and_stop(void *arg)
{
	struct spawnio_how how = program(sleeper);
	struct spawnio_child child;
	intptr_t wrong = 0;
	int status;

	(void)arg;
	for (int i = 0; i < CALLS; i++) {
		wrong += spawnio_start(&how, &child) == -1;
		wrong += spawnio_child_wait(&child, 0, &status) != -1 ||
		    errno != ETIMEDOUT;
		wrong += spawnio_child_stop(&child, FAR, &status) == -1 ||
		    !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM;
	}
	return (void *)wrong;
}

START_TEST(children_of_any_number_of_threads)
{
	in_threads(start_and_stop, NULL);
}
END_TEST

static void *
end_when_cancelled(void *arg)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;
	int *status = arg;

	pthread_cancel(pthread_self());
	if (spawnio_start(&how, &child) == 0 &&
	    spawnio_child_await(&child, -1, NULL) == 0)
		spawnio_child_wait(&child, -1, &status[0]);
	how = program(sleeper);
	if (spawnio_start(&how, &child) == 0)
		spawnio_child_stop(&child, -1, &status[1]);
	pthread_testcancel();
	status[0] = status[1] = -1;
	return NULL;
}

START_TEST(no_cancellation_points)
{
	int status[2] = { -1, -1 };
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, end_when_cancelled,
	    status), 0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	assert_exit(status[0], 3);
	assert_killed(status[1], SIGTERM);
}
END_TEST

/* --- streams --- */

static const char *const types[] = { "r", "w", "r+" };

START_TEST(stream_pid_is_that_of_the_child)
{
	struct spawnio_how how = shell("echo $$");
	FILE *stream;
	pid_t pid;

	stream = _i == 0 ? opened(&how, "r") : open_command("r", "echo $$");
	errno = 0;
	pid = spawnio_stream_pid(stream);
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(atoi(rest_of(stream)), pid);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(stream_pid_is_that_of_a_command_without_a_shell)
{
	FILE *stream = open_command("r", "cat /proc/self/stat");
	pid_t pid = spawnio_stream_pid(stream);

	ck_assert_int_eq(atoi(rest_of(stream)), pid);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(stream_pidfd_is_a_process_descriptor)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct pollfd end_of = { .events = POLLIN };
	FILE *stream = opened(&how, types[_i]);

	errno = 0;
	end_of.fd = spawnio_stream_pidfd(stream);
	ck_assert_int_ge(end_of.fd, 0);
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(fcntl(end_of.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(poll(&end_of, 1, 0), 0);
	release(to);
	ck_assert_int_eq(poll(&end_of, 1, -1), 1);
	assert_exit(close_command(stream), 3);
	/* It is the caller's to close. */
	ck_assert_int_eq(close(end_of.fd), 0);
	close_channel(to);
}
END_TEST

START_TEST(stream_wait_tells_the_status)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	FILE *stream = opened(&how, types[_i]);
	int status = 99;
	long begun;

	assert_error(spawnio_stream_wait(stream, 0, &status), -1, ETIMEDOUT);
	begun = milliseconds();
	assert_error(spawnio_stream_wait(stream, SOON, &status), -1,
	    ETIMEDOUT);
	ck_assert_int_ge(milliseconds() - begun, SOON);
	ck_assert_int_eq(status, 99);
	release(to);
	for (int timeout = -1; timeout <= 1; timeout++) {
		errno = 0;
		ck_assert_int_eq(spawnio_stream_wait(stream, timeout, &status),
		    0);
		ck_assert_int_eq(spawnio_stream_wait(stream, timeout, NULL),
		    0);
		ck_assert_int_eq(errno, 0);
		assert_exit(status, 3);
	}
	assert_exit(close_command(stream), 3);
	close_channel(to);
}
END_TEST

/* It is not closed by the end of the child. */
START_TEST(stream_may_be_read_after_the_wait)
{
	struct spawnio_how how = shell("echo right; exit 3");
	FILE *stream = opened(&how, "r");
	int status;

	ck_assert_int_eq(spawnio_stream_wait(stream, -1, &status), 0);
	assert_exit(status, 3);
	ck_assert_str_eq(rest_of(stream), "right\n");
	assert_exit(close_command(stream), 3);
}
END_TEST

START_TEST(streams_of_spopen_are_waited_for)
{
	FILE *stream = open_command(types[_i], "exit 3");
	int status;

	ck_assert_int_eq(spawnio_stream_wait(stream, -1, &status), 0);
	assert_exit(status, 3);
	assert_exit(close_command(stream), 3);
}
END_TEST

START_TEST(signals_do_not_interrupt_stream_wait)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	FILE *stream = opened(&how, "w");
	struct storm storm;
	int status = -1;

	start_storm(&storm, to);
	ck_assert_int_eq(spawnio_stream_wait(stream, -1, &status), 0);
	assert_exit(status, 3);
	join_storm(&storm);
	assert_exit(close_command(stream), 3);
	close_channel(to);
}
END_TEST

static void *
wait_for_3(void *stream)
{
	int status = -1;

	if (spawnio_stream_wait(stream, -1, &status) == -1 ||
	    status != 3 << 8)
		return stream;
	return spawnio_stream_pid(stream) > 0 ? NULL : stream;
}

START_TEST(one_stream_is_waited_for_by_any_number_of_threads)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	FILE *stream = opened(&how, "w");
	pthread_t first;
	void *wrong;

	ck_assert_int_eq(pthread_create(&first, NULL, wait_for_3, stream), 0);
	assert_error(spawnio_stream_wait(stream, SOON, NULL), -1, ETIMEDOUT);
	release(to);
	in_threads(wait_for_3, stream);
	pthread_join(first, &wrong);
	ck_assert_ptr_null(wrong);
	assert_exit(close_command(stream), 3);
	close_channel(to);
}
END_TEST

START_TEST(stream_stop_sends_sigterm)
{
	struct spawnio_how how = program(sleeper);
	FILE *stream;
	long begun = milliseconds();
	int status;

	stream = opened(&how, types[_i]);
	errno = 0;
	ck_assert_int_eq(spawnio_stream_stop(stream, FAR), 0);
	ck_assert_int_eq(errno, 0);
	ck_assert_int_lt(milliseconds() - begun, FAR);
	/* The child has ended when the function returns. */
	ck_assert_int_eq(spawnio_stream_wait(stream, 0, &status), 0);
	assert_killed(status, SIGTERM);
	assert_killed(close_command(stream), SIGTERM);
	stream = open_command(types[_i], "exec sleep 60");
	ck_assert_int_eq(spawnio_stream_stop(stream, -1), 0);
	assert_killed(close_command(stream), SIGTERM);
}
END_TEST

START_TEST(stream_stop_sends_sigkill_after_the_grace)
{
	static const int graces[] = { 0, SOON };
	struct spawnio_how how = program(sleeper);
	FILE *stream;
	long begun;

	on_signal(SIGTERM, SIG_IGN, 0);
	stream = opened(&how, "w");
	begun = milliseconds();
	ck_assert_int_eq(spawnio_stream_stop(stream, graces[_i]), 0);
	ck_assert_int_ge(milliseconds() - begun, graces[_i]);
	assert_killed(close_command(stream), SIGKILL);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

START_TEST(stream_stop_waits_without_limit_if_grace_is_negative)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct storm storm;
	FILE *stream;

	on_signal(SIGTERM, SIG_IGN, 0);
	stream = opened(&how, "w");
	start_storm(&storm, to);
	ck_assert_int_eq(spawnio_stream_stop(stream, -1), 0);
	join_storm(&storm);
	assert_exit(close_command(stream), 3);
	on_signal(SIGTERM, SIG_DFL, 0);
	close_channel(to);
}
END_TEST

START_TEST(stream_stop_lets_a_stopped_child_go_on)
{
	struct spawnio_how how = shell("kill -STOP $$; exec sleep 60");
	FILE *stream = opened(&how, "w");
	siginfo_t info;

	ck_assert_int_eq(waitid(P_PID, (id_t)spawnio_stream_pid(stream),
	    &info, WSTOPPED | WNOWAIT), 0);
	ck_assert_int_eq(spawnio_stream_stop(stream, -1), 0);
	assert_killed(close_command(stream), SIGTERM);
}
END_TEST

START_TEST(stream_stop_is_for_the_childs_group)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("(trap '' TERM; "
	    "echo >/proc/self/fd/%d; exec sleep 60) & wait", from.theirs);
	FILE *stream;

	how.flags = leading[_i];
	stream = opened(&how, "w");
	await(from);
	ck_assert_int_eq(spawnio_stream_stop(stream, FAR), 0);
	assert_killed(close_command(stream), SIGTERM);
	assert_all_gone(from);
}
END_TEST

/* Its process is still a zombie, or nobody's; the group is there. */
START_TEST(stream_stop_is_for_the_group_of_a_child_that_has_ended)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("(trap '' TERM; "
	    "echo >/proc/self/fd/%d; exec sleep 60) & exit 5", from.theirs);
	siginfo_t info;
	FILE *stream;

	how.flags = SPAWNIO_SETPGROUP;
	stream = opened(&how, "w");
	await(from);
	ck_assert_int_eq(waitid(P_PID, (id_t)spawnio_stream_pid(stream),
	    &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(spawnio_stream_stop(stream, FAR), 0);
	assert_exit(close_command(stream), 5);
	assert_all_gone(from);
}
END_TEST

START_TEST(stream_stop_is_for_the_child_alone_if_it_leads_no_group)
{
	struct channel from = from_commands(), to = to_commands();
	struct spawnio_how how = shell("(echo >/proc/self/fd/%d; "
	    "read x </proc/self/fd/%d; echo >/proc/self/fd/%d) & wait",
	    from.theirs, to.theirs, from.theirs);
	FILE *stream = opened(&how, "w");

	await(from);
	ck_assert_int_eq(spawnio_stream_stop(stream, -1), 0);
	assert_killed(close_command(stream), SIGTERM);
	release(to);
	await(from);
	assert_all_gone(from);
	close_channel(to);
}
END_TEST

/* Where nobody waits for the program, fork has nobody who tells. */
START_TEST(stream_await_tells_that_nothing_kept_the_child)
{
	FILE *stream = open_command(types[_i], ":");
	struct spawnio_how how = program(nothing);
	int error = -1;

	if (engine_is("fork"))
		assert_error(spawnio_stream_await(stream, -1, &error), -1,
		    ENOTSUP);
	else if (!emulated()) {
		errno = 0;
		ck_assert_int_eq(spawnio_stream_await(stream, -1, &error), 0);
		ck_assert_int_eq(error, 0);
		ck_assert_int_eq(spawnio_stream_await(stream, -1, NULL), 0);
		ck_assert_int_eq(errno, 0);
	}
	assert_exit(close_command(stream), 0);
	stream = opened(&how, types[_i]);
	error = -1;
	ck_assert_int_eq(spawnio_stream_await(stream, -1, &error), 0);
	ck_assert_int_eq(error, 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

static void
assert_no_stream(FILE *stream)
{
	int unset = 99;

	assert_error(spawnio_stream_pid(stream), -1, EINVAL);
	assert_error(spawnio_stream_pidfd(stream), -1, EINVAL);
	assert_error(spawnio_stream_await(stream, -1, &unset), -1, EINVAL);
	assert_error(spawnio_stream_wait(stream, -1, &unset), -1, EINVAL);
	assert_error(spawnio_stream_stop(stream, -1), -1, EINVAL);
	ck_assert_int_eq(unset, 99);
}

START_TEST(other_streams_are_not_valid)
{
	FILE *file = tmpfile(), *others = popen(":", "r");

	assert_no_stream(NULL);
	assert_no_stream(file);
	assert_no_stream(others);
	assert_no_stream(stdin);
	fclose(file);
	pclose(others);
}
END_TEST

START_TEST(somebody_else_has_waited_for_a_stream)
{
	struct spawnio_how how = program(nothing);
	FILE *stream = _i == 0 ? opened(&how, "w") : open_command("w", ":");
	pid_t pid = spawnio_stream_pid(stream);

	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	assert_error(spawnio_stream_pidfd(stream), -1, ECHILD);
	assert_error(spawnio_stream_stop(stream, -1), -1, ECHILD);
	assert_error(spawnio_stream_wait(stream, -1, NULL), -1, ECHILD);
	assert_error(spclose(stream), -1, ECHILD);
}
END_TEST

START_TEST(stream_wait_tells_the_status_where_spclose_does)
{
	struct spawnio_how how = shell("exit 4");
	FILE *stream;
	int status = 99, error, result;

	on_signal(SIGCHLD, SIG_IGN, 0);
	stream = _i == 0 ? opened(&how, "w") : open_command("w", "exit 4");
	errno = 0;
	result = spawnio_stream_wait(stream, -1, &status);
	error = errno;
	if (result == -1) {
		ck_assert(!lost_status_is_found() || emulated());
		ck_assert_int_eq(error, ECHILD);
		assert_error(spclose(stream), -1, ECHILD);
	} else {
		assert_exit(status, 4);
		assert_exit(close_command(stream), 4);
	}
	on_signal(SIGCHLD, SIG_DFL, 0);
}
END_TEST

START_TEST(no_number_left_is_emfile)
{
	struct spawnio_how how = program(nothing);
	FILE *stream = opened(&how, "w");

	leave_numbers(0);
	assert_error(spawnio_stream_pidfd(stream), -1, EMFILE);
	leave_all_numbers();
	assert_exit(close_command(stream), 0);
}
END_TEST

#ifdef SYS_pidfd_open
START_TEST(no_process_descriptors_is_enosys)
{
	struct spawnio_how how = program(sleeper);
	FILE *stream = opened(&how, "w");

	refuse(SYS_pidfd_open, 0, ENOSYS);
	assert_error(spawnio_stream_pidfd(stream), -1, ENOSYS);
	/* The others do without. */
	assert_error(spawnio_stream_wait(stream, SOON, NULL), -1, ETIMEDOUT);
	ck_assert_int_eq(spawnio_stream_stop(stream, FAR), 0);
	assert_killed(close_command(stream), SIGTERM);
}
END_TEST

START_TEST(children_without_process_descriptors)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child child;

	refuse(SYS_pidfd_open, 0, ENOSYS);
	refuse(SYS_clone3, 0, ENOSYS);
	begin(&how, &child);
	assert_error(spawnio_child_wait(&child, SOON, NULL), -1, ETIMEDOUT);
	release(to);
	assert_exit(end(&child), 3);
	how = program(sleeper);
	begin(&how, &child);
	assert_killed(stop(&child, FAR), SIGTERM);
	how.timeout = SOON;
	how.grace = FAR;
	assert_error(spawnio_run(&how), -1, ETIMEDOUT);
	close_channel(to);
}
END_TEST
#endif

static void
wait_for_copy(void *child)
{
	int unset = 99;

	assert_error(spawnio_child_wait(child, -1, &unset), -1, ECHILD);
	ck_assert_int_eq(unset, 99);
}

static void
stop_copy(void *child)
{
	int unset = 99;

	assert_error(spawnio_child_stop(child, 0, &unset), -1, ECHILD);
	ck_assert_int_eq(unset, 99);
}

/* It has the process descriptor, too. */
START_TEST(forked_copy_stops_no_child)
{
	struct channel to = to_commands();
	struct spawnio_how how = waiting(to);
	struct spawnio_child child;

	how.flags = _i == 0 ? 0 : SPAWNIO_SETPGROUP;
	begin(&how, &child);
	in_child(wait_for_copy, &child);
	in_child(stop_copy, &child);
	release(to);
	assert_exit(end(&child), 3);
	close_channel(to);
}
END_TEST

static void
close_copy(void *stream)
{
	assert_error(spawnio_stream_pidfd(stream), -1, ECHILD);
	assert_error(spawnio_stream_wait(stream, -1, NULL), -1, ECHILD);
	assert_error(spawnio_stream_stop(stream, 0), -1, ECHILD);
	assert_error(spclose(stream), -1, ECHILD);
}

START_TEST(forked_copy_of_a_stream_has_no_child)
{
	struct spawnio_how how = shell("read x; test $x = right");
	FILE *stream = opened(&how, "w");

	in_child(close_copy, stream);
	ck_assert_int_ge(fputs("right\n", stream), 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

#ifdef SYS_clone3

/* A child of this number; -1 if the kernel gives none. */
static pid_t
fork_as(pid_t number)
{
	uint64_t numbers = (uint64_t)(uintptr_t)&number;
	/* struct clone_args: exit_signal, set_tid and its size. */
	uint64_t args[10] = { [4] = SIGCHLD, [8] = numbers, [9] = 1 };

	return (pid_t)syscall(SYS_clone3, args, sizeof(args));
}

struct copied {
	FILE *stream;
	struct channel closed;
};

/* The stream's number is that of a child of this copy. */
static void
close_copy_of_number(void *arg)
{
	struct copied *copied = arg;
	pid_t pid = spawnio_stream_pid(copied->stream);
	int status;

	await(copied->closed);
	pid = fork_as(pid);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	ck_assert_msg(pid > 0, "clone3: %s", strerror(errno));
	close_copy(copied->stream);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

static void *
close_soon(void *arg)
{
	struct copied *copied = arg;

	usleep(1000 * SOON);
	assert_exit(close_command(copied->stream), 0);
	ck_assert_int_eq(write(copied->closed.theirs, "", 1), 1);
	return NULL;
}

START_TEST(forked_copy_has_another_child_of_the_number)
{
	struct copied copied = {
		open_command("r", "exit 0"), from_commands()
	};
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, close_soon, &copied),
	    0);
	in_child(close_copy_of_number, &copied);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	close_channel(copied.closed);
}
END_TEST

static void
add_numbers(TCase *tcase)
{
	/* Beyond all numbers. */
	if (geteuid() == 0 && fork_as(INT_MAX) == -1 && errno == EINVAL)
		tcase_add_test(tcase,
		    forked_copy_has_another_child_of_the_number);
	else
		left_out("no choice of process numbers: "
		    "forked_copy_has_another_child_of_the_number");
}

#else

static void
add_numbers(TCase *tcase)
{
	(void)tcase;
}

#endif

struct cancelled {
	int pidfd;
	int status;
};

/* close(2) is a cancellation point, so that the caller closes the pidfd. */
static void *
stream_when_cancelled(void *arg)
{
	struct spawnio_how how = program(sleeper);
	struct cancelled *cancelled = arg;
	FILE *stream;

	pthread_cancel(pthread_self());
	if ((stream = spawnio_open(&how, "w")) == NULL)
		return NULL;
	cancelled->pidfd = spawnio_stream_pidfd(stream);
	spawnio_stream_await(stream, -1, NULL);
	spawnio_stream_wait(stream, SOON, NULL);
	spawnio_stream_stop(stream, -1);
	cancelled->status = spclose(stream);
	pthread_testcancel();
	cancelled->status = -1;
	return NULL;
}

START_TEST(streams_have_no_cancellation_points)
{
	struct cancelled cancelled = { -1, -1 };
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, stream_when_cancelled,
	    &cancelled), 0);
	pthread_join(thread, &result);
	if (cancelled.pidfd != -1)
		close(cancelled.pidfd);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	assert_killed(cancelled.status, SIGTERM);
}
END_TEST

/* --- the suite --- */

static void
add_limits(TCase *tcase)
{
	tcase_add_test(tcase, child_in_time_has_its_status);
	tcase_add_test(tcase, child_gets_sigterm_when_the_time_is_over);
	tcase_add_loop_test(tcase, child_gets_sigkill_when_the_grace_is_over,
	    0, 2);
	tcase_add_test(tcase, child_may_end_by_itself_within_the_grace);
	tcase_add_test(tcase, what_the_child_has_started_ends_with_it);
	tcase_add_test(tcase, what_ignores_sigterm_ends_with_it);
	tcase_add_test(tcase, what_outlives_the_child_ends_with_it);
	tcase_add_test(tcase, child_with_a_time_limit_has_a_group_of_its_own);
	tcase_add_test(tcase,
	    child_with_a_time_limit_may_have_the_group_of_another);
	tcase_add_test(tcase, stopped_child_ends_when_the_time_is_over);
}

static void
add_wait(TCase *tcase)
{
	tcase_add_test(tcase, wait_tells_the_status);
	tcase_add_test(tcase, status_may_be_null);
	tcase_add_test(tcase, wait_lasts_as_long_as_it_may);
	tcase_add_test(tcase, wait_takes_what_has_ended_at_once);
	tcase_add_test(tcase, wait_lets_go_of_the_process_descriptor);
	tcase_add_test(tcase,
	    wait_does_without_a_process_descriptor_that_was_closed);
	tcase_add_test(tcase, child_may_be_used_again);
	tcase_add_test(tcase, nothing_is_let_go_of_twice);
	tcase_add_test(tcase, no_child_is_not_valid);
	tcase_add_test(tcase, somebody_else_has_waited);
	tcase_add_loop_test(tcase, sigchld_is_ignored, 0, 2);
	tcase_add_test(tcase, await_tells_that_nothing_kept_the_child);
}

static void
add_stop(TCase *tcase)
{
	tcase_add_loop_test(tcase, stop_sends_sigterm, 0, 4);
	tcase_add_test(tcase, stop_of_a_child_that_others_waited_for);
	tcase_add_loop_test(tcase, stop_sends_sigkill_after_the_grace, 0, 2);
	tcase_add_test(tcase, child_may_end_by_itself_after_stop);
	tcase_add_test(tcase, stop_lets_a_stopped_child_go_on);
	tcase_add_test(tcase, stop_of_what_has_ended_tells_the_status);
	tcase_add_loop_test(tcase, sigterm_goes_to_all_of_the_childs_group, 0,
	    COUNT(leading));
	tcase_add_loop_test(tcase, sigkill_goes_to_all_of_the_childs_group, 0,
	    COUNT(leading));
	tcase_add_loop_test(tcase,
	    sigkill_goes_to_the_group_though_the_child_has_ended, 0, 2);
	tcase_add_test(tcase,
	    stop_is_for_the_child_alone_if_it_leads_no_group);
	tcase_add_test(tcase, nobody_is_stopped_if_somebody_else_has_waited);
	tcase_add_loop_test(tcase, forked_copy_stops_no_child, 0, 2);
}

static void
add_streams(TCase *tcase)
{
	tcase_add_loop_test(tcase, stream_pid_is_that_of_the_child, 0, 2);
	if (!engine_is("posix_spawn"))
		tcase_add_test(tcase,
		    stream_pid_is_that_of_a_command_without_a_shell);
	tcase_add_loop_test(tcase, stream_wait_tells_the_status, 0,
	    COUNT(types));
	tcase_add_test(tcase, stream_may_be_read_after_the_wait);
	tcase_add_loop_test(tcase, streams_of_spopen_are_waited_for, 0,
	    COUNT(types));
	tcase_add_loop_test(tcase, stream_stop_sends_sigterm, 0, COUNT(types));
	tcase_add_loop_test(tcase, stream_stop_sends_sigkill_after_the_grace,
	    0, 2);
	tcase_add_test(tcase, stream_stop_lets_a_stopped_child_go_on);
	tcase_add_loop_test(tcase, stream_stop_is_for_the_childs_group, 0,
	    COUNT(leading));
	tcase_add_test(tcase,
	    stream_stop_is_for_the_group_of_a_child_that_has_ended);
	tcase_add_test(tcase,
	    stream_stop_is_for_the_child_alone_if_it_leads_no_group);
	tcase_add_loop_test(tcase,
	    stream_await_tells_that_nothing_kept_the_child, 0, COUNT(types));
	tcase_add_test(tcase, other_streams_are_not_valid);
	tcase_add_loop_test(tcase, somebody_else_has_waited_for_a_stream, 0,
	    2);
	tcase_add_loop_test(tcase,
	    stream_wait_tells_the_status_where_spclose_does, 0, 2);
	tcase_add_test(tcase, forked_copy_of_a_stream_has_no_child);
	add_numbers(tcase);
}

static void
add_storms(TCase *tcase)
{
	tcase_add_test(tcase, signals_do_not_interrupt_wait);
	tcase_add_test(tcase, stop_waits_without_limit_if_grace_is_negative);
	tcase_add_test(tcase, signals_do_not_interrupt_stream_wait);
	tcase_add_test(tcase,
	    stream_stop_waits_without_limit_if_grace_is_negative);
	if (may_refuse()) {
		tcase_add_test(tcase, wait_does_not_spin);
		tcase_add_loop_test(tcase, stopped_without_waitid, 0, 2);
		tcase_add_test(tcase,
		    child_that_may_not_be_signalled_is_waited_for);
	} else
		left_out("no seccomp: wait_does_not_spin, "
		    "stopped_without_waitid, "
		    "child_that_may_not_be_signalled_is_waited_for");
}

static void
add_threads(TCase *tcase)
{
	if (emulated())
		left_out("emulator, whose fork(2) hangs beside threads: "
		    "children_of_any_number_of_threads");
	else
		tcase_add_test(tcase, children_of_any_number_of_threads);
	tcase_add_test(tcase,
	    one_stream_is_waited_for_by_any_number_of_threads);
	if (MAY_CANCEL) {
		tcase_add_test(tcase, no_cancellation_points);
		tcase_add_test(tcase, streams_have_no_cancellation_points);
	} else
		left_out("sanitizer: tests of cancellation");
}

#ifdef SYS_pidfd_open
static void
add_pidfds(TCase *tcase)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd == -1) {
		left_out("no pidfd_open: tests of process descriptors");
		return;
	}
	close(fd);
	tcase_add_loop_test(tcase, stream_pidfd_is_a_process_descriptor, 0,
	    COUNT(types));
	tcase_add_test(tcase, no_number_left_is_emfile);
	if (may_refuse()) {
		tcase_add_test(tcase, no_process_descriptors_is_enosys);
		tcase_add_test(tcase, children_without_process_descriptors);
	} else
		left_out("no seccomp: tests without process descriptors");
}
#else
static void
add_pidfds(TCase *tcase)
{
	(void)tcase;
}
#endif

int
main(void)
{
	Suite *suite = suite_create("children");

	find_engine();
	add_limits(add_case(suite, "limits"));
	add_wait(add_case(suite, "wait"));
	add_stop(add_case(suite, "stop"));
	add_streams(add_case(suite, "streams"));
	if (MAY_STORM)
		add_storms(add_case(suite, "storms"));
	else
		left_out("sanitizer: tests of signals that interrupt");
	add_threads(add_case(suite, "threads"));
	add_pidfds(add_case(suite, "pidfds"));
	return run(suite);
}
