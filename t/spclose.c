/* SPDX-License-Identifier: ISC */
/* spclose(): the status, and whose stream it is. */

#include "fixture.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <inttypes.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* --- the status --- */

static const int codes[] = { 0, 1, 2, 3, 42, 77, 126, 127, 128, 137, 254, 255 };

START_TEST(exit_status)
{
	FILE *stream = open_command("r", "exit %d", codes[_i]);

	ck_assert_int_eq(close_command(stream), codes[_i] << 8);
}
END_TEST

static const int deadly[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGUSR1, SIGSEGV, SIGPIPE,
	SIGALRM, SIGTERM,
};

START_TEST(signal_status)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	ck_assert_int_eq(close_command(open_command("w", "kill -%d $$",
	    deadly[_i])), deadly[_i]);
}
END_TEST

/* Whether a core is dumped is up to the machine: libc tells. */
START_TEST(core_status)
{
	char folder[] = "/tmp/spawnio-XXXXXX", command[128];
	int ours, theirs;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(command, sizeof(command), "cd %s && "
	    "ulimit -c $(ulimit -H -c) && kill -QUIT $$", folder);
	ours = close_command(open_command("r", "%s", command));
	theirs = system(command);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(ours, theirs);
}
END_TEST

START_TEST(status_of_what_is_not_found)
{
	FILE *stream = open_command("r", "/no/such 2>&1");

	ck_assert_str_ne(rest_of(stream), "");
	assert_exit(close_command(stream), 127);
}
END_TEST

START_TEST(status_of_what_is_not_executable)
{
	FILE *stream = open_command("r", "/dev/null 2>&1");

	ck_assert_str_ne(rest_of(stream), "");
	assert_exit(close_command(stream), 126);
}
END_TEST

START_TEST(status_of_each_stream_is_its_own)
{
	FILE *stream[16];

	for (size_t i = 0; i < COUNT(stream); i++)
		stream[i] = open_command("r", "exit %zu", i);
	for (size_t i = COUNT(stream); i-- > 0;)
		assert_exit(close_command(stream[i]), (int)i);
}
END_TEST

/* Lets the first child that stops go on. */
static void *
resume(void *unused)
{
	siginfo_t info;

	if (waitid(P_ALL, 0, &info, WSTOPPED) == 0)
		kill(info.si_pid, SIGCONT);
	return unused;
}

START_TEST(stopped_is_not_ended)
{
	pthread_t thread;
	FILE *stream;

	stream = open_command("r", "kill -STOP $$; exit 3");
	ck_assert_int_eq(pthread_create(&thread, NULL, resume, NULL), 0);
	assert_exit(close_command(stream), 3);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(errno_untouched)
{
	FILE *stream = open_command("w", "cat >/dev/null; exit 1");

	ck_assert_int_ge(fputs("in\n", stream), 0);
	errno = 12345;
	assert_exit(spclose(stream), 1);
	ck_assert_int_eq(errno, 12345);
}
END_TEST

START_TEST(buffer_is_flushed)
{
	FILE *stream = open_command("w", "test \"$(cat)\" = in");

	ck_assert_int_ge(fputs("in", stream), 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(descriptor_is_closed)
{
	FILE *stream = open_command("r+", ":");
	int fd = fileno(stream);

	assert_exit(close_command(stream), 0);
	assert_error(fcntl(fd, F_GETFD), -1, EBADF);
}
END_TEST

/* A command that has its input no more, and so fails the flush. */
static FILE *
open_deaf(int code)
{
	struct channel from = from_commands();
	FILE *stream = open_command("w",
	    "exec </dev/null; echo >/proc/self/fd/%d; exit %d", from.theirs,
	    code);

	on_signal(SIGPIPE, SIG_IGN, 0);
	await(from);
	close_channel(from);
	ck_assert_int_ge(fputs("in\n", stream), 0);
	return stream;
}

START_TEST(failed_flush_is_an_error)
{
	assert_error(spclose(open_deaf(0)), -1, EPIPE);
}
END_TEST

START_TEST(status_wins_over_a_failed_flush)
{
	assert_exit(close_command(open_deaf(3)), 3);
}
END_TEST

START_TEST(output_unread_is_no_error)
{
	assert_exit(close_command(open_command("r",
	    "trap '' PIPE; echo out 2>/dev/null; exit 4")), 4);
}
END_TEST

START_TEST(wait_restarts_in_a_storm)
{
	struct channel to = to_commands();
	struct storm storm;
	FILE *stream;

	stream = open_command("r", "read x </proc/self/fd/%d; exit 5",
	    to.theirs);
	start_storm(&storm, to);
	assert_exit(close_command(stream), 5);
	join_storm(&storm);
	close_channel(to);
}
END_TEST

/* --- not our streams --- */

/* The same address, of which the compiler does not know what it points to. */
static FILE *
forget(FILE *stream)
{
	volatile uintptr_t address = (uintptr_t)stream;

	return (FILE *)address;
}

START_TEST(null_is_no_stream)
{
	assert_error(spclose(forget(NULL)), -1, EINVAL);
}
END_TEST

static void
check_foreign(FILE *file)
{
	FILE *stream = open_command("r", "exit 6");

	ck_assert_ptr_nonnull(file);
	assert_error(spclose(forget(file)), -1, EINVAL);
	ck_assert_int_ge(fputs("in", file), 0);
	rewind(file);
	ck_assert_int_eq(getc(file), 'i');
	ck_assert_int_eq(fclose(file), 0);
	assert_exit(close_command(stream), 6);
}

START_TEST(file_is_no_stream_of_ours)
{
	check_foreign(tmpfile());
}
END_TEST

START_TEST(memory_is_no_stream_of_ours)
{
	char memory[16] = "";

	check_foreign(fmemopen(memory, sizeof(memory), "w+"));
}
END_TEST

/* The child is libc's to wait for. */
START_TEST(libc_stream_is_no_stream_of_ours)
{
	FILE *file = popen("exit 7", "r");

	ck_assert_ptr_nonnull(file);
	assert_error(spclose(forget(file)), -1, EINVAL);
	assert_exit(pclose(file), 7);
}
END_TEST

START_TEST(closed_stream_is_no_stream)
{
	FILE *stream = open_command("r", ":"), *gone = forget(stream);

	assert_exit(close_command(stream), 0);
	assert_error(spclose(gone), -1, EINVAL);
}
END_TEST

START_TEST(stream_without_its_descriptor_is_no_stream)
{
	FILE *stream = open_command("r", "exit 8");
	int status;

	ck_assert_int_eq(close(fileno(stream)), 0);
	assert_error(spclose(forget(stream)), -1, EINVAL);
	ck_assert_int_eq(fclose(stream), -1);
	ck_assert_int_gt(waitpid(-1, &status, 0), 0);
	assert_exit(status, 8);
}
END_TEST

/* --- fclose() of a stream --- */

START_TEST(fclose_leaves_the_command)
{
	FILE *stream = open_command("r", "exit 8");
	int status;

	ck_assert_int_eq(fclose(stream), 0);
	ck_assert_int_gt(waitpid(-1, &status, 0), 0);
	assert_exit(status, 8);
}
END_TEST

/* Of the files opened, the one with that address, or the last. */
static FILE *
reopen_at(FILE *address, FILE *other[], size_t n)
{
	FILE *file = NULL;

	for (size_t i = 0; i < n && file != address; i++)
		other[i] = file = fopen("/dev/null", "r+e");
	ck_assert_ptr_nonnull(file);
	return file;
}

static void
close_files(FILE *file[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (file[i] != NULL)
			ck_assert_int_eq(fclose(file[i]), 0);
}

static void
check_number(bool reopened)
{
	FILE *stream = open_command("r", ":"), *other[8] = { NULL };
	FILE *address = forget(stream);
	int fd = fileno(stream);
	char expected[32];

	ck_assert_int_eq(fclose(stream), 0);
	ck_assert_int_eq(dup2(0, fd), fd);
	if (reopened)
		reopen_at(address, other, COUNT(other));
	snprintf(expected, sizeof(expected), "0 1 2 %d ", fd);
	ck_assert_str_eq(output("%s", list_open(50)), expected);
	close_files(other, COUNT(other));
	close(fd);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
}

/* Whether the address is a new stream's or another file's. */
START_TEST(number_after_fclose_is_inherited)
{
	check_number(_i == 1);
}
END_TEST

/* Not EPERM where longs have 32 bits: libc's fstat() is statx(2) there. */
static const int no_statx[] = {
	ENOSYS,
#ifndef SYS_fstat64
	EPERM
#endif
};

START_TEST(number_after_fclose_is_inherited_without_statx)
{
	refuse(SYS_statx, 0, no_statx[_i]);
	check_number(true);
}
END_TEST

static void
check_reuse(bool same_number)
{
	FILE *stream = open_command("r", "exit 9"), *other[8] = { NULL };
	FILE *address = forget(stream), *file;
	int hole;

	ck_assert_int_eq(fclose(stream), 0);
	hole = same_number ? -1 : fcntl(0, F_DUPFD_CLOEXEC, 0);
	file = reopen_at(address, other, COUNT(other));
	assert_error(spclose(forget(file)), -1, EINVAL);
	ck_assert_int_ge(fputs("in", file), 0);
	close_files(other, COUNT(other));
	close(hole);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
}

START_TEST(address_after_fclose_is_no_stream)
{
	check_reuse(false);
}
END_TEST

START_TEST(address_and_number_after_fclose_are_no_stream)
{
	check_reuse(true);
}
END_TEST

START_TEST(stream_after_fclose_is_its_own)
{
	int status;

	for (int i = 0; i < 10; i++) {
		FILE *stream = open_command("r", "exit 10");

		ck_assert_int_eq(fclose(stream), 0);
		ck_assert_int_gt(waitpid(-1, &status, 0), 0);
		assert_exit(status, 10);
		stream = open_command("r", "exit 11");
		assert_exit(close_command(stream), 11);
	}
}
END_TEST

/* The number of a stream that fclose() closed becomes that of the command's own
 * end, which is pipe2()'s first for "w" and its second for the others: then
 * there is a hole below for the first. */
static const struct {
	const char *type;
	bool hole;
	int error;
} unknown[] = {
	{ "w", false, ENOSYS }, { "r", true, ENOSYS }, { "r+", true, ENOSYS },
	{ "w", false, EPERM }, { "r", true, EPERM }, { "r+", true, EPERM }
};

/* Another file has the address: it would give the old entry away. */
static void
leave_stale_entry(int fd, FILE *stream, FILE *other[], size_t n)
{
	FILE *address = forget(stream);

	ck_assert_int_eq(fclose(stream), 0);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
	ck_assert_int_eq(dup2(0, fd), fd);
	reopen_at(address, other, n);
	close(fd);
}

/* The child cannot ask whether the number still is the old stream's. */
START_TEST(own_end_is_kept_without_fstat)
{
	int hole = fcntl(0, F_DUPFD_CLOEXEC, 0), fd;
	FILE *stream = open_command("r", ":"), *other[8] = { NULL };

	fd = fileno(stream);
	ck_assert_int_ne(fd & 4, 0);
	refuse_fstat(unknown[_i].error);
	leave_stale_entry(fd, stream, other, COUNT(other));
	if (unknown[_i].hole)
		close(hole);
	stream = open_command(unknown[_i].type, "exit 12");
	if (unknown[_i].hole)
		ck_assert_int_eq(fileno(stream), hole);
	else
		ck_assert_int_gt(fileno(stream), fd);
	assert_exit(close_command(stream), 12);
	close_files(other, COUNT(other));
	if (!unknown[_i].hole)
		close(hole);
}
END_TEST

static const int refusals[] = { EPERM, ENOSYS };

/* A filter that knows what libc's pclose() needs.  Many, so that one is started
 * while the command before has yet to be executed. */
START_TEST(commands_run_and_have_a_status_without_waitid)
{
	struct channel from = from_commands();
	FILE *stream;

	refuse(SYS_waitid, 0, refusals[_i]);
	for (int i = 0; i < 50; i++) {
		stream = open_command("w", "echo >/proc/self/fd/%d; exit %d",
		    from.theirs, i);
		assert_exit(close_command(stream), i);
		await(from);
	}
	close_channel(from);
}
END_TEST

static int
count_open(void)
{
	int n = 0;

	for (int fd = 3; fd < 100; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* With SIGCHLD ignored a stale entry has a descriptor, too, which goes when the
 * number or the address comes again, or both. */
START_TEST(stale_entry_goes)
{
	bool number_again = _i & 1, address_again = _i & 2;
	FILE *stream, *address, *other[8] = { NULL };
	int fd, before;

	on_signal(SIGCHLD, SIG_IGN, 0);
	before = count_open();
	stream = open_command("r", ":");
	address = forget(stream);
	fd = fileno(stream);
	ck_assert_int_eq(fclose(stream), 0);
	assert_error(waitpid(-1, NULL, 0), -1, ECHILD);
	ck_assert_int_eq(dup2(0, fd), fd);
	if (!address_again)
		reopen_at(address, other, COUNT(other));
	if (number_again)
		close(fd);
	stream = open_command("r", ":");
	ck_assert(!number_again || fileno(stream) == fd);
	if (!number_again)
		close(fd);
	close_files(other, COUNT(other));
	/* An allocator may not give the address again. */
	if (number_again || forget(stream) == address)
		ck_assert_int_eq(count_open(),
		    before + 1 + lost_status_is_found());
	spclose(stream);
	spclose(open_command("r", ":"));
}
END_TEST

/* Of the library's own, which is there with SIGCHLD ignored, the caller does
 * not know: its number may become another file's. */
START_TEST(descriptor_in_place_of_the_library_s_is_kept)
{
	bool before[50];
	FILE *stream;
	int fd, own;

	on_signal(SIGCHLD, SIG_IGN, 0);
	for (fd = 0; fd < 50; fd++)
		before[fd] = fcntl(fd, F_GETFD) != -1;
	stream = open_command("r", "sleep 0.1");
	own = fileno(stream);
	for (fd = 0; fd < 50; fd++)
		if (fd == own || fcntl(fd, F_GETFD) == -1)
			before[fd] = true;
		else if (!before[fd])
			ck_assert_int_eq(dup2(0, fd), fd);
	if (_i == 0)
		spclose(stream);
	else {
		fclose(stream);
		spclose(open_command("r", ":"));
	}
	for (fd = 0; fd < 50; fd++)
		if (!before[fd])
			ck_assert_int_eq(close(fd), 0);
	assert_error(waitpid(-1, NULL, 0), -1, ECHILD);
}
END_TEST

/* --- the status is lost, or not --- */

START_TEST(someone_else_waited)
{
	FILE *stream = open_command("r", "exit 12");
	int status;

	ck_assert_int_gt(waitpid(-1, &status, 0), 0);
	assert_exit(status, 12);
	assert_error(spclose(stream), -1, ECHILD);
}
END_TEST

/* SIGCHLD is ignored in the first, and its children leave no zombies. */
static const struct {
	void (*handler)(int);
	int flags;
} ignored[] = {
	{ SIG_IGN, 0 },
	{ SIG_DFL, SA_NOCLDWAIT },
};

START_TEST(status_with_sigchld_ignored)
{
	FILE *stream;

	on_signal(SIGCHLD, ignored[_i].handler, ignored[_i].flags);
	stream = open_command("r", "exit 13");
	if (lost_status_is_found())
		assert_exit(close_command(stream), 13);
	else
		assert_error(spclose(stream), -1, ECHILD);
}
END_TEST

START_TEST(signal_with_sigchld_ignored)
{
	FILE *stream;

	on_signal(SIGCHLD, ignored[_i].handler, ignored[_i].flags);
	stream = open_command("r", "kill -TERM $$");
	if (lost_status_is_found())
		assert_killed(close_command(stream), SIGTERM);
	else
		assert_error(spclose(stream), -1, ECHILD);
}
END_TEST

/* It waits for the command even if there is no status to be had. */
START_TEST(command_has_ended_with_sigchld_ignored)
{
	struct channel from = from_commands();
	char byte;

	on_signal(SIGCHLD, ignored[_i].handler, ignored[_i].flags);
	fcntl(from.ours, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 10; i++) {
		FILE *stream = open_command("w",
		    "read x; echo >/proc/self/fd/%d", from.theirs);

		spclose(stream);
		ck_assert_int_eq(read(from.ours, &byte, 1), 1);
	}
	close_channel(from);
}
END_TEST

START_TEST(sigchld_ignored_after_spopen)
{
	FILE *stream = open_command("w", "read x; exit 14");

	on_signal(SIGCHLD, ignored[_i].handler, ignored[_i].flags);
	assert_error(spclose(stream), -1, ECHILD);
}
END_TEST

START_TEST(second_descriptor_is_not_inherited)
{
	FILE *stream;

	on_signal(SIGCHLD, ignored[_i].handler, ignored[_i].flags);
	stream = open_command("re", ":");
	for (int fd = 3; fd < 100; fd++)
		ck_assert_int_ne(fcntl(fd, F_GETFD), 0);
	spclose(stream);
}
END_TEST

/* --- in a fork()ed child --- */

static void
close_inherited(void *arg)
{
	FILE *stream = arg;
	int fd = fileno(stream);

	assert_error(spclose(stream), -1, ECHILD);
	assert_error(fcntl(fd, F_GETFD), -1, EBADF);
}

START_TEST(child_has_no_status)
{
	FILE *stream = open_command("w", "read x && exit 15");

	in_child(close_inherited, stream);
	ck_assert_int_ge(fputs("in\n", stream), 0);
	assert_exit(close_command(stream), 15);
}
END_TEST

/* The status can be had through a pidfd, but it is the parent's. */
START_TEST(child_has_no_status_with_sigchld_ignored)
{
	FILE *stream;

	on_signal(SIGCHLD, SIG_IGN, 0);
	stream = open_command("r", "exit 15");
	assert_error(waitpid(-1, NULL, 0), -1, ECHILD);
	on_signal(SIGCHLD, SIG_DFL, 0);
	in_child(close_inherited, stream);
	if (lost_status_is_found())
		assert_exit(close_command(stream), 15);
	else
		assert_error(spclose(stream), -1, ECHILD);
}
END_TEST

static void
read_inherited(void *arg)
{
	ck_assert_str_eq(rest_of(arg), "out\n");
}

START_TEST(child_uses_the_stream)
{
	FILE *stream = open_command("r", "echo out");

	in_child(read_inherited, stream);
	ck_assert_str_eq(rest_of(stream), "");
	assert_exit(close_command(stream), 0);
}
END_TEST

static void
open_own(void *unused)
{
	(void)unused;
	ck_assert_str_eq(output("%s", list_open(50)), "0 1 2 ");
	assert_exit(close_command(open_command("r", "exit 16")), 16);
	assert_error(waitpid(-1, NULL, WNOHANG), -1, ECHILD);
}

/* And what it inherited is closed in its commands. */
START_TEST(child_opens_its_own)
{
	FILE *stream = open_command("w", "read x && exit 17");

	in_child(open_own, NULL);
	ck_assert_int_ge(fputs("in\n", stream), 0);
	assert_exit(close_command(stream), 17);
}
END_TEST

static void
open_own_of_many(void *unused)
{
	(void)unused;
	ck_assert_str_eq(output("%s", list_open(STREAMS + 10)), "0 1 2 ");
}

/* The kernel copies descriptors first, and then the memory with the list of
 * them. */
START_TEST(child_has_no_stream_that_is_closed_meanwhile)
{
	FILE *stream[STREAMS + 1];
	pthread_t thread;
	void *wrong;

	open_ended(stream);
	ck_assert_int_eq(pthread_create(&thread, NULL, close_slowly, stream),
	    0);
	in_child(open_own_of_many, NULL);
	ck_assert_int_eq(pthread_join(thread, &wrong), 0);
	ck_assert_ptr_null(wrong);
}
END_TEST

/* --- cancellation --- */

struct closer {
	FILE *stream;
	int type, status;
	bool cancelled;
};

static void
note_cancelled(void *arg)
{
	((struct closer *)arg)->cancelled = true;
}

static void *
close_in_thread(void *arg)
{
	struct closer *closer = arg;

	pthread_cleanup_push(note_cancelled, closer);
	pthread_setcanceltype(closer->type, NULL);
	closer->status = spclose(closer->stream);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

/* When the command has seen the end of its input, spclose() is at work.  That
 * it has waited, the fixture knows. */
static void
check_cancelled(struct closer *closer)
{
	struct channel from = from_commands(), to = to_commands();
	pthread_t thread;

	closer->stream = open_command("w", "read x; echo >/proc/self/fd/%d;"
	    "read x </proc/self/fd/%d; exit 18", from.theirs, to.theirs);
	ck_assert_int_eq(pthread_create(&thread, NULL, close_in_thread,
	    closer), 0);
	await(from);
	pthread_cancel(thread);
	release(to);
	pthread_join(thread, NULL);
	ck_assert(closer->cancelled);
	close_channel(from);
	close_channel(to);
}

START_TEST(no_cancellation_point)
{
	struct closer closer = { .type = PTHREAD_CANCEL_DEFERRED };

	check_cancelled(&closer);
	assert_exit(closer.status, 18);
}
END_TEST

START_TEST(not_cancelled_even_asynchronously)
{
	struct closer closer = { .type = PTHREAD_CANCEL_ASYNCHRONOUS };

	check_cancelled(&closer);
}
END_TEST

static void
add_lost(TCase *tcase)
{
	int n = COUNT(ignored);

	if (emulated()) {
		left_out("emulated: SA_NOCLDWAIT");
		n--;
	}
	tcase_add_test(tcase, someone_else_waited);
	tcase_add_loop_test(tcase, status_with_sigchld_ignored, 0, n);
	tcase_add_loop_test(tcase, signal_with_sigchld_ignored, 0, n);
	tcase_add_loop_test(tcase, command_has_ended_with_sigchld_ignored, 0,
	    n);
	tcase_add_loop_test(tcase, sigchld_ignored_after_spopen, 0, n);
	tcase_add_loop_test(tcase, second_descriptor_is_not_inherited, 0, n);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("spclose");
	TCase *tcase;

	tcase = add_case(s, "status");
	tcase_add_loop_test(tcase, exit_status, 0, COUNT(codes));
	tcase_add_loop_test(tcase, signal_status, 0, COUNT(deadly));
	tcase_add_test(tcase, core_status);
	tcase_add_test(tcase, status_of_what_is_not_found);
	tcase_add_test(tcase, status_of_what_is_not_executable);
	tcase_add_test(tcase, status_of_each_stream_is_its_own);
	tcase_add_test(tcase, stopped_is_not_ended);
	tcase_add_test(tcase, errno_untouched);
	tcase_add_test(tcase, buffer_is_flushed);
	tcase_add_test(tcase, descriptor_is_closed);
	tcase_add_test(tcase, failed_flush_is_an_error);
	tcase_add_test(tcase, status_wins_over_a_failed_flush);
	tcase_add_test(tcase, output_unread_is_no_error);
	if (MAY_STORM)
		tcase_add_test(tcase, wait_restarts_in_a_storm);
	else
		left_out("ThreadSanitizer: wait_restarts_in_a_storm");

	tcase = add_case(s, "not ours");
	tcase_add_test(tcase, null_is_no_stream);
	tcase_add_test(tcase, file_is_no_stream_of_ours);
	tcase_add_test(tcase, memory_is_no_stream_of_ours);
	tcase_add_test(tcase, libc_stream_is_no_stream_of_ours);
	tcase_add_test(tcase, closed_stream_is_no_stream);
	tcase_add_test(tcase, stream_without_its_descriptor_is_no_stream);

	tcase = add_case(s, "fclose");
	tcase_add_test(tcase, fclose_leaves_the_command);
	tcase_add_loop_test(tcase, number_after_fclose_is_inherited, 0, 2);
	tcase_add_test(tcase, address_after_fclose_is_no_stream);
	tcase_add_test(tcase, address_and_number_after_fclose_are_no_stream);
	tcase_add_test(tcase, stream_after_fclose_is_its_own);
	tcase_add_loop_test(tcase, stale_entry_goes, 1, 4);
	tcase_add_loop_test(tcase,
	    descriptor_in_place_of_the_library_s_is_kept, 0, 2);
	if (may_refuse()) {
		tcase_add_loop_test(tcase,
		    number_after_fclose_is_inherited_without_statx, 0,
		    COUNT(no_statx));
		tcase_add_loop_test(tcase, own_end_is_kept_without_fstat, 0,
		    COUNT(unknown));
		tcase_add_loop_test(tcase,
		    commands_run_and_have_a_status_without_waitid, 0,
		    COUNT(refusals));
	} else
		left_out("no seccomp: tests without statx, fstat, waitid");

	add_lost(add_case(s, "lost"));

	tcase = add_case(s, "fork");
	tcase_add_test(tcase, child_has_no_status);
	tcase_add_test(tcase, child_has_no_status_with_sigchld_ignored);
	tcase_add_test(tcase, child_uses_the_stream);
	tcase_add_test(tcase, child_opens_its_own);
	if (MAY_ALLOCATE_AFTER_FORK)
		tcase_add_loop_test(tcase,
		    child_has_no_stream_that_is_closed_meanwhile, 0, 3);

	tcase = add_case(s, "cancellation");
	tcase_add_test(tcase, no_cancellation_point);
	if (MAY_CANCEL)
		tcase_add_test(tcase, not_cancelled_even_asynchronously);
	else
		left_out("AddressSanitizer: "
		    "not_cancelled_even_asynchronously");
	return s;
}

int
main(void)
{
	return run(suite());
}
