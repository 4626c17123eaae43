/* SPDX-License-Identifier: ISC */
/* ssystem(): the status, and the signals of the caller while it waits. */

#include "fixture.h"

#include <sys/resource.h>
#ifdef HAVE_SYS_SINGLE_THREADED_H
# include <sys/single_threaded.h>
#endif
#include <sys/syscall.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define ROUNDS		10

static struct sigaction
action_of(int signo)
{
	struct sigaction action;

	ck_assert_int_eq(sigaction(signo, NULL, &action), 0);
	return action;
}

static volatile sig_atomic_t calls;

static void
count(int signo)
{
	(void)signo;
	calls++;
}

/* --- the status --- */

static const int codes[] = { 0, 1, 2, 42, 126, 127, 128, 255 };

START_TEST(exit_status)
{
	ck_assert_int_eq(run_command("exit %d", codes[_i]), codes[_i] << 8);
}
END_TEST

static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM };

START_TEST(signal_status)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	ck_assert_int_eq(run_command("kill -%d $$", deadly[_i]), deadly[_i]);
}
END_TEST

START_TEST(status_of_what_is_not_found)
{
	assert_exit(run_command("/no/such 2>/dev/null"), 127);
	assert_exit(run_command("/dev/null 2>/dev/null"), 126);
}
END_TEST

START_TEST(errno_untouched)
{
	errno = 12345;
	assert_exit(ssystem("exit 3"), 3);
	ck_assert_int_eq(errno, 12345);
	ck_assert_int_ne(ssystem(NULL), 0);
	ck_assert_int_eq(errno, 12345);
}
END_TEST

START_TEST(null_asks_for_a_shell)
{
	ck_assert_int_ne(ssystem(NULL), 0);
}
END_TEST

START_TEST(leading_dash_is_no_option)
{
	assert_exit(run_command("-no-such 2>/dev/null"), 127);
	assert_exit(run_command("-c 2>/dev/null"), 127);
}
END_TEST

/* A command of that many bytes which exits with 4. */
static char *
command_of(size_t length)
{
	char *command = malloc(length + 1);

	ck_assert_ptr_nonnull(command);
	memset(command, ' ', length);
	memcpy(command, "exit 4", 6);
	command[length] = '\0';
	return command;
}

START_TEST(longest_command)
{
	char *command = command_of(32 * sysconf(_SC_PAGESIZE) - 1);

	allow_long_arguments();
	assert_exit(ssystem(command), 4);
	free(command);
}
END_TEST

START_TEST(command_too_long)
{
	char *command = command_of(32 * sysconf(_SC_PAGESIZE));

	assert_error(ssystem(command), -1, E2BIG);
	free(command);
}
END_TEST

START_TEST(stopped_is_not_ended)
{
	assert_exit(run_command(
	    "(kill -STOP $$; kill -CONT $$) & wait; exit 5"), 5);
}
END_TEST

START_TEST(wait_restarts_in_a_storm)
{
	struct channel to = to_commands();
	struct storm storm;

	start_storm(&storm, to);
	assert_exit(run_command("read x </proc/self/fd/%d; exit 6", to.theirs),
	    6);
	join_storm(&storm);
	close_channel(to);
}
END_TEST

/* --- what the command is given --- */

START_TEST(standard_descriptors_are_the_callers)
{
	struct channel from = from_commands(), to = to_commands();
	int old_in = fcntl(0, F_DUPFD_CLOEXEC, 100);
	int old_out = fcntl(1, F_DUPFD_CLOEXEC, 100);
	int status;

	dup2(to.theirs, 0);
	dup2(from.theirs, 1);
	release(to);
	status = run_command("read x && echo");
	dup2(old_in, 0);
	dup2(old_out, 1);
	close(old_in);
	close(old_out);
	assert_exit(status, 0);
	await(from);
	close_channel(from);
	close_channel(to);
}
END_TEST

START_TEST(closed_standard_stays_closed)
{
	int saved[3];
	char expected[16] = "";
	int status;

	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		if (_i & 1 << fd)
			close(fd);
		else
			sprintf(expected + strlen(expected), "%d ", fd);
	}
	status = run_command("%s >/dev/null; test \"$list\" = '%s'",
	    list_open(50), expected);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	assert_exit(status, 0);
}
END_TEST

static const char *const types[] = { "r", "w", "r+" };

/* Only popen() closes earlier streams. */
START_TEST(stream_is_inherited)
{
	FILE *stream = open_command(types[_i], "read x; exit 7");

	assert_exit(run_command("test -e /proc/self/fd/%d", fileno(stream)),
	    0);
	assert_exit(close_command(stream), 7);
}
END_TEST

static const char *const e_types[] = { "re", "we", "r+e" };

START_TEST(stream_with_e_is_not_inherited)
{
	FILE *stream = open_command(e_types[_i], "read x; exit 7");

	assert_exit(run_command("test -e /proc/self/fd/%d", fileno(stream)),
	    1);
	assert_exit(close_command(stream), 7);
}
END_TEST

/* Runs SHOW_SIGNALS, and gives its output.  exec: dash 0.5.12 empties the mask
 * of what it runs by vfork(2). */
static const char *
signals_of_command(void)
{
	static char text[8192];
	struct channel from = from_commands();
	ssize_t n;

	assert_exit(run_command("exec cat /proc/self/status >/proc/self/fd/%d",
	    from.theirs), 0);
	n = read(from.ours, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	close_channel(from);
	return text;
}

START_TEST(mask_is_the_callers)
{
	block(SIGUSR2);
	block(SIGTERM);
	ck_assert_uint_eq(status_set(signals_of_command(), "SigBlk:"),
	    own_set("SigBlk:"));
}
END_TEST

START_TEST(blocked_sigchld_stays_blocked)
{
	block(SIGCHLD);
	ck_assert_uint_eq(status_set(signals_of_command(), "SigBlk:"),
	    own_set("SigBlk:"));
}
END_TEST

START_TEST(default_in_the_command)
{
	const char *text;

	on_signal(SIGINT, count, 0);
	on_signal(SIGQUIT, SIG_DFL, 0);
	text = signals_of_command();
	ck_assert_uint_eq(status_set(text, "SigIgn:"), own_set("SigIgn:"));
	assert_killed(run_command("kill -INT $$"), SIGINT);
}
END_TEST

static const int counted[] = { SIGINT, SIGQUIT };

START_TEST(ignored_by_the_caller_is_ignored_in_the_command)
{
	int other = counted[!_i];

	on_signal(counted[_i], SIG_IGN, 0);
	on_signal(other, SIG_DFL, 0);
	on_signal(SIGHUP, SIG_IGN, 0);
	ck_assert_uint_eq(status_set(signals_of_command(), "SigIgn:"),
	    own_set("SigIgn:"));
	assert_exit(run_command("kill -%d $$; exit 8", counted[_i]), 8);
	assert_killed(run_command("ulimit -c 0; kill -%d $$", other), other);
}
END_TEST

/* --- the caller while it waits --- */

START_TEST(caller_ignores_int_and_quit)
{
	calls = 0;
	on_signal(SIGINT, count, 0);
	on_signal(SIGQUIT, SIG_DFL, 0);
	assert_exit(run_command("kill -INT $PPID; kill -QUIT $PPID; exit 9"),
	    9);
	ck_assert_int_eq(calls, 0);
	raise(SIGINT);
	ck_assert_int_eq(calls, 1);
}
END_TEST

/* What /proc says of the process that waits for the command. */
static const char *
waiting_status(void)
{
	static char text[8192];
	struct channel from = from_commands();
	ssize_t n;

	assert_exit(run_command("{ " SHOW_WAITING_CALLER
	    "; } >/proc/self/fd/%d", from.theirs), 0);
	n = read(from.ours, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	close_channel(from);
	return text;
}

#define BIT(signo)	(1ULL << ((signo) - 1))

START_TEST(caller_blocks_sigchld_and_no_more)
{
	block(SIGUSR2);
	ck_assert_uint_eq(status_set(waiting_status(), "SigBlk:"),
	    own_set("SigBlk:") | BIT(SIGCHLD));
}
END_TEST

START_TEST(caller_ignores_no_more_than_two)
{
	on_signal(SIGINT, SIG_DFL, 0);
	on_signal(SIGQUIT, count, 0);
	ck_assert_uint_eq(status_set(waiting_status(), "SigIgn:"),
	    own_set("SigIgn:") | BIT(SIGINT) | BIT(SIGQUIT));
}
END_TEST

/* Flags and mask, too: the fixture compares. */
START_TEST(actions_come_back)
{
	on_signal(SIGINT, count, SA_RESTART | SA_NODEFER);
	on_signal(SIGQUIT, count, SA_RESETHAND);
	assert_exit(run_command("exit 10"), 10);
	on_signal(SIGINT, SIG_IGN, 0);
	assert_exit(run_command("exit 10"), 10);
}
END_TEST

static void
reap_all(int signo)
{
	int error = errno;

	(void)signo;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		calls++;
	errno = error;
}

/* SIGCHLD is blocked until the status has been read. */
START_TEST(handler_that_reaps_comes_too_late)
{
	calls = 0;
	on_signal(SIGCHLD, reap_all, 0);
	for (int i = 0; i < ROUNDS; i++)
		assert_exit(run_command("exit 11"), 11);
	ck_assert_int_eq(calls, 0);
}
END_TEST

/* --- threads --- */

/* A thread in ssystem(), of which the test knows that its command runs, and
 * when it is to end. */
struct waiter {
	struct channel from, to;
	pthread_t thread;
	int status;
};

static void *
wait_in_thread(void *arg)
{
	struct waiter *waiter = arg;
	char command[128];

	snprintf(command, sizeof(command),
	    "echo >/proc/self/fd/%d; read x </proc/self/fd/%d; kill -INT $$",
	    waiter->from.theirs, waiter->to.theirs);
	waiter->status = ssystem(command);
	return NULL;
}

static void
start_waiter(struct waiter *waiter)
{
	waiter->from = from_commands();
	waiter->to = to_commands();
	ck_assert_int_eq(pthread_create(&waiter->thread, NULL, wait_in_thread,
	    waiter), 0);
	await(waiter->from);
}

static void
end_waiter(struct waiter *waiter)
{
	release(waiter->to);
	pthread_join(waiter->thread, NULL);
	assert_killed(waiter->status, SIGINT);
	close_channel(waiter->from);
	close_channel(waiter->to);
}

static void
check_ignored(bool ignored)
{
	for (size_t i = 0; i < COUNT(counted); i++)
		ck_assert((action_of(counted[i]).sa_handler == SIG_IGN) ==
		    ignored);
}

/* The first saves, the last restores, whichever that is; and in the second's
 * command too SIGINT is what it was before the first. */
START_TEST(overlapping_calls_are_counted)
{
	struct waiter waiter[3];

	on_signal(SIGINT, count, SA_RESTART);
	on_signal(SIGQUIT, SIG_DFL, 0);
	for (int i = 0; i < 3; i++)
		start_waiter(&waiter[i]);
	check_ignored(true);
	for (int i = 0; i < 3; i++) {
		check_ignored(true);
		end_waiter(&waiter[(_i + i) % 3]);
	}
	check_ignored(false);
}
END_TEST

START_TEST(calls_after_overlap_are_counted_anew)
{
	struct waiter waiter;

	for (int i = 0; i < 3; i++) {
		on_signal(SIGINT, i == 1 ? count : SIG_DFL, 0);
		start_waiter(&waiter);
		check_ignored(true);
		end_waiter(&waiter);
		check_ignored(false);
	}
}
END_TEST

START_TEST(other_threads_block_nothing)
{
	struct waiter waiter;
	unsigned long long blocked = own_set("SigBlk:");

	start_waiter(&waiter);
	ck_assert_uint_eq(own_set("SigBlk:"), blocked);
	end_waiter(&waiter);
}
END_TEST

/* Not NULL if anything is wrong. */
static void *
run_often(void *arg)
{
	char command[32];

	for (int i = 0; i < ROUNDS; i++) {
		int code = *(int *)arg * ROUNDS + i;

		snprintf(command, sizeof(command), "exit %d", code);
		if (ssystem(command) != code << 8)
			return arg;
	}
	return NULL;
}

START_TEST(threads_have_their_own_status)
{
	pthread_t thread[8];
	int number[8];
	void *wrong;

	for (int i = 0; i < 8; i++) {
		number[i] = i;
		ck_assert_int_eq(pthread_create(&thread[i], NULL, run_often,
		    &number[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(thread[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
}
END_TEST

/* --- cancellation --- */

struct victim {
	struct channel from, to;
	pthread_t thread;
	int type;
	bool at_once, cancelled;
	sigset_t mask;		/* in the handler */
};

static void
note_cancelled(void *arg)
{
	struct victim *victim = arg;

	victim->cancelled = true;
	pthread_sigmask(SIG_SETMASK, NULL, &victim->mask);
}

/* The command is not killed by less than SIGKILL, and without it stays. */
static void *
be_cancelled(void *arg)
{
	struct victim *victim = arg;
	char command[160];

	snprintf(command, sizeof(command), "trap '' HUP INT QUIT TERM;"
	    "echo $$ >/proc/self/fd/%d; read x </proc/self/fd/%d",
	    victim->from.theirs, victim->to.theirs);
	pthread_cleanup_push(note_cancelled, victim);
	if (victim->at_once)
		pthread_cancel(pthread_self());
	else
		pthread_setcanceltype(victim->type, NULL);
	ssystem(command);
	pthread_cleanup_pop(0);
	return NULL;
}

static void
start_victim(struct victim *victim)
{
	victim->from = from_commands();
	victim->to = to_commands();
	ck_assert_int_eq(pthread_create(&victim->thread, NULL, be_cancelled,
	    victim), 0);
}

static void
join_victim(struct victim *victim)
{
	pthread_join(victim->thread, NULL);
	ck_assert(victim->cancelled);
	ck_assert_int_eq(sigismember(&victim->mask, SIGCHLD), 0);
	close_channel(victim->from);
	close_channel(victim->to);
}

static pid_t
read_pid(int fd)
{
	char text[32];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	return atoi(text);
}

static const int cancel_types[] = {
	PTHREAD_CANCEL_DEFERRED, PTHREAD_CANCEL_ASYNCHRONOUS,
};

START_TEST(cancelled_command_is_killed)
{
	struct victim victim = { .type = cancel_types[_i] };
	pid_t pid;

	on_signal(SIGINT, count, SA_RESTART);
	start_victim(&victim);
	pid = read_pid(victim.from.ours);
	check_ignored(true);
	pthread_cancel(victim.thread);
	join_victim(&victim);
	assert_error(kill(pid, 0), -1, ESRCH);
}
END_TEST

START_TEST(pending_cancellation_is_acted_on)
{
	struct victim victim = { .at_once = true };

	start_victim(&victim);
	join_victim(&victim);
}
END_TEST

START_TEST(others_go_on_after_a_cancellation)
{
	struct victim victim = { .type = cancel_types[_i] };
	struct waiter waiter;

	on_signal(SIGINT, count, 0);
	start_victim(&victim);
	read_pid(victim.from.ours);
	start_waiter(&waiter);
	pthread_cancel(victim.thread);
	join_victim(&victim);
	check_ignored(true);
	end_waiter(&waiter);
	check_ignored(false);
}
END_TEST

static void *
refuse_to_be_cancelled(void *arg)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_cancel(pthread_self());
	*(int *)arg = ssystem("exit 12");
	return NULL;
}

START_TEST(not_cancelled_if_disabled)
{
	pthread_t thread;
	int status = -1;

	ck_assert_int_eq(pthread_create(&thread, NULL, refuse_to_be_cancelled,
	    &status), 0);
	pthread_join(thread, NULL);
	assert_exit(status, 12);
}
END_TEST

/* --- the status is lost, or not --- */

static const struct {
	void (*handler)(int);
	int flags;
} ignored[] = {
	{ SIG_IGN, 0 },
	{ SIG_DFL, SA_NOCLDWAIT },
};

START_TEST(status_with_sigchld_ignored)
{
	on_signal(SIGCHLD, ignored[_i].handler, ignored[_i].flags);
	if (lost_status_is_found()) {
		assert_exit(run_command("exit 13"), 13);
		assert_killed(run_command("kill -TERM $$"), SIGTERM);
	} else
		assert_error(ssystem("exit 13"), -1, ECHILD);
}
END_TEST

static void *
wait_for_any(void *status)
{
	while (waitpid(-1, status, 0) == -1 && errno == ECHILD)
		pthread_testcancel();
	return status;
}

/* Either waiter may have been first. */
static void
check_stolen(int status, int stolen)
{
	if (lost_status_is_found() || stolen == -1)
		assert_exit(status, 14);
	else {
		ck_assert_int_eq(status, -1);
		assert_exit(stolen, 14);
	}
}

START_TEST(someone_else_waits)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;
		int stolen = -1, status;

		ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_any,
		    &stolen), 0);
		errno = 0;
		status = ssystem("exit 14");
		if (status == -1)
			ck_assert_int_eq(errno, ECHILD);
		pthread_cancel(thread);
		pthread_join(thread, NULL);
		check_stolen(status, stolen);
	}
}
END_TEST

static void
wait_in_handler(int signo)
{
	int error = errno;

	(void)signo;
	while (waitpid(-1, NULL, 0) == -1 && errno == EINTR)
		;
	errno = error;
}

/* A pidfd is there where threads are. */
START_TEST(handler_waits)
{
	const char *const command = "kill -ALRM $PPID; exit 14";
	int kept = lost_status_is_found();

#ifdef HAVE_SYS_SINGLE_THREADED_H
	kept = kept && !__libc_single_threaded;
#endif
	on_signal(SIGALRM, wait_in_handler, 0);
	if (kept)
		assert_exit(ssystem(command), 14);
	else
		assert_error(ssystem(command), -1, ECHILD);
}
END_TEST

/* --- errors --- */

START_TEST(no_processes)
{
	on_signal(SIGINT, count, 0);
	allow_no_children();
	assert_error(ssystem("exit 15"), -1, EAGAIN);
}
END_TEST

static const int refusals[] = { EAGAIN, ENOMEM };

START_TEST(clone_fails)
{
	on_signal(SIGINT, count, 0);
	refuse(SYS_clone, 0, refusals[_i]);
	refuse(SYS_clone3, 0, refusals[_i]);
	assert_error(ssystem("exit 15"), -1, refusals[_i]);
}
END_TEST

static void
expect_127(void *unused)
{
	(void)unused;
	on_signal(SIGQUIT, count, 0);
	assert_exit(run_command("exit 0"), 127);
	errno = 12345;
	ck_assert_int_eq(ssystem(NULL), 0);
}

START_TEST(no_shell)
{
	in_other_root(NULL, 0, expect_127, NULL);
}
END_TEST

START_TEST(shell_not_executable)
{
	in_other_root("#!/bin/true\n", 0644, expect_127, NULL);
}
END_TEST

START_TEST(shell_is_no_program)
{
	in_other_root("neither ELF nor #!\n", 0755, expect_127, NULL);
}
END_TEST

/* A filter that knows what libc's system() needs. */
START_TEST(status_without_waitid)
{
	refuse(SYS_waitid, 0, _i == 0 ? EPERM : ENOSYS);
	assert_exit(ssystem("sleep 0.1; exit 7"), 7);
	assert_killed(ssystem("kill -9 $$"), SIGKILL);
}
END_TEST

static void
add_errors(TCase *tcase)
{
	/* The limit is not root's. */
	if (geteuid() != 0)
		tcase_add_test(tcase, no_processes);
	else
		left_out("root: no_processes");
	if (may_refuse()) {
		tcase_add_loop_test(tcase, clone_fails, 0, COUNT(refusals));
		tcase_add_loop_test(tcase, status_without_waitid, 0, 2);
	} else
		left_out("no seccomp: clone_fails, status_without_waitid");
	if (may_change_root()) {
		tcase_add_test(tcase, no_shell);
		tcase_add_test(tcase, shell_not_executable);
		tcase_add_test(tcase, shell_is_no_program);
	} else
		left_out("no chroot: tests without a shell");
}

static void
add_cancellation(TCase *tcase)
{
	tcase_add_test(tcase, not_cancelled_if_disabled);
	if (!MAY_CANCEL) {
		left_out("AddressSanitizer: cancellation");
		return;
	}
	tcase_add_loop_test(tcase, cancelled_command_is_killed, 0,
	    COUNT(cancel_types));
	tcase_add_test(tcase, pending_cancellation_is_acted_on);
	tcase_add_loop_test(tcase, others_go_on_after_a_cancellation, 0,
	    COUNT(cancel_types));
}

static Suite *
suite(void)
{
	Suite *s = suite_create("ssystem");
	TCase *tcase;

	tcase = add_case(s, "status");
	tcase_add_loop_test(tcase, exit_status, 0, COUNT(codes));
	tcase_add_loop_test(tcase, signal_status, 0, COUNT(deadly));
	tcase_add_test(tcase, status_of_what_is_not_found);
	tcase_add_test(tcase, errno_untouched);
	tcase_add_test(tcase, null_asks_for_a_shell);
	tcase_add_test(tcase, leading_dash_is_no_option);
	tcase_add_test(tcase, longest_command);
	tcase_add_test(tcase, command_too_long);
	tcase_add_test(tcase, stopped_is_not_ended);
	if (MAY_STORM)
		tcase_add_test(tcase, wait_restarts_in_a_storm);
	else
		left_out("ThreadSanitizer: wait_restarts_in_a_storm");

	tcase = add_case(s, "command");
	tcase_add_test(tcase, standard_descriptors_are_the_callers);
	tcase_add_loop_test(tcase, closed_standard_stays_closed, 0, 8);
	tcase_add_loop_test(tcase, stream_is_inherited, 0, COUNT(types));
	tcase_add_loop_test(tcase, stream_with_e_is_not_inherited, 0,
	    COUNT(e_types));
	tcase_add_test(tcase, mask_is_the_callers);
	tcase_add_test(tcase, blocked_sigchld_stays_blocked);
	tcase_add_test(tcase, default_in_the_command);
	tcase_add_loop_test(tcase,
	    ignored_by_the_caller_is_ignored_in_the_command, 0,
	    COUNT(counted));

	tcase = add_case(s, "caller");
	tcase_add_test(tcase, caller_ignores_int_and_quit);
	tcase_add_test(tcase, caller_blocks_sigchld_and_no_more);
	tcase_add_test(tcase, caller_ignores_no_more_than_two);
	tcase_add_test(tcase, actions_come_back);
	tcase_add_test(tcase, handler_that_reaps_comes_too_late);

	tcase = add_case(s, "threads");
	tcase_add_loop_test(tcase, overlapping_calls_are_counted, 0, 3);
	tcase_add_test(tcase, calls_after_overlap_are_counted_anew);
	tcase_add_test(tcase, other_threads_block_nothing);
	if (emulated())
		left_out("emulator, whose fork(2) hangs beside threads: "
		    "threads_have_their_own_status");
	else
		tcase_add_test(tcase, threads_have_their_own_status);

	add_cancellation(add_case(s, "cancellation"));

	tcase = add_case(s, "lost");
	tcase_add_test(tcase, someone_else_waits);
	tcase_add_test(tcase, handler_waits);
	/* Of the emulators SA_NOCLDWAIT is not known to all. */
	tcase_add_loop_test(tcase, status_with_sigchld_ignored, 0,
	    emulated() ? 1 : COUNT(ignored));

	add_errors(add_case(s, "errors"));
	return s;
}

int
main(void)
{
	return run(suite());
}
