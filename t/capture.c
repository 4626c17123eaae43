/* SPDX-License-Identifier: ISC */
/* spawnio_capture(3), sentence by sentence. */

#include "shorthand.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <poll.h>

#define SOON	50		/* milliseconds */
#define MEGABYTE	((size_t)1 << 20)
#define MORE	(300 * 1024)	/* than a pipe takes */
#define THREADS	4
#define SAMPLES	200

static char *const cat[] = { (char *)"cat", NULL };
static char *const sleeper[] = { (char *)"sleep", (char *)"60", NULL };

/* What is not filled in must not be looked at. */
static struct spawnio_capture
with_input(const void *input, size_t size)
{
	struct spawnio_capture capture;

	memset(&capture, 0xa5, sizeof(capture));
	memset(capture.reserved, 0, sizeof(capture.reserved));
	capture.input = input;
	capture.input_size = size;
	capture.limit = 0;
	return capture;
}

static void
let_go(struct spawnio_capture *capture)
{
	free(capture->out);
	free(capture->err);
}

static void
do_capture(const struct spawnio_how *how, struct spawnio_capture *capture)
{
	errno = 12345;
	ck_assert_msg(spawnio_capture(how, capture) == 0,
	    "spawnio_capture: %s", strerror(errno));
	ck_assert_int_eq(errno, 12345);
}

/* A NUL byte follows what there is. */
static void
assert_text(const char *text, size_t size, const char *expected)
{
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(size, strlen(expected));
	ck_assert_str_eq(text, expected);
}

static void
assert_captured(const struct spawnio_capture *capture, const char *out,
    const char *err)
{
	assert_text(capture->out, capture->out_size, out);
	assert_text(capture->err, capture->err_size, err);
}

/* --- what is captured --- */

START_TEST(both_outputs_are_captured)
{
	struct spawnio_how how = shell("echo out; echo err >&2; exit 3");
	struct spawnio_capture capture = with_input(NULL, 0);

	do_capture(&how, &capture);
	assert_captured(&capture, "out\n", "err\n");
	assert_exit(capture.status, 3);
	let_go(&capture);
	how = command("echo out; echo err >&2; exit 4");
	do_capture(&how, &capture);
	assert_captured(&capture, "out\n", "err\n");
	assert_exit(capture.status, 4);
	let_go(&capture);
}
END_TEST

START_TEST(no_output_is_empty)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_capture capture = with_input(NULL, 0);

	do_capture(&how, &capture);
	assert_captured(&capture, "", "");
	assert_exit(capture.status, 3);
	let_go(&capture);
}
END_TEST

START_TEST(status_may_be_that_of_a_signal)
{
	struct spawnio_how how = shell("echo out; kill -KILL $$");
	struct spawnio_capture capture = with_input(NULL, 0);

	do_capture(&how, &capture);
	assert_captured(&capture, "out\n", "");
	assert_killed(capture.status, SIGKILL);
	let_go(&capture);
}
END_TEST

START_TEST(output_may_have_nul_bytes)
{
	struct spawnio_how how = shell("printf 'a\\0b\\0'");
	struct spawnio_capture capture = with_input(NULL, 0);

	do_capture(&how, &capture);
	ck_assert_uint_eq(capture.out_size, 4);
	ck_assert_mem_eq(capture.out, "a\0b\0", 5);
	let_go(&capture);
}
END_TEST

START_TEST(pipes_are_captured)
{
	struct spawnio_how how = shell("cat; echo err >&2");
	struct spawnio_capture capture = with_input("in", 2);

	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_PIPE;
	do_capture(&how, &capture);
	assert_captured(&capture, "in", "err\n");
	let_go(&capture);
}
END_TEST

/* What has something else is NULL. */
START_TEST(output_that_goes_elsewhere_is_not_captured)
{
	static const enum spawnio_kind kinds[] = {
		SPAWNIO_NULL, SPAWNIO_INHERIT, SPAWNIO_FD, SPAWNIO_FILE
	};
	struct spawnio_how how = shell("echo out; echo err >&2");
	struct spawnio_capture capture = with_input(NULL, 0);
	struct spawnio_io elsewhere = { .kind = kinds[_i], .path = "/dev/null",
		.flags = O_WRONLY };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int saved[2];

	for (int fd = 1; fd < 3; fd++) {
		saved[fd - 1] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		dup2(null, fd);
	}
	elsewhere.fd = null;
	how.out = elsewhere;
	do_capture(&how, &capture);
	ck_assert_ptr_null(capture.out);
	assert_text(capture.err, capture.err_size, "err\n");
	let_go(&capture);
	how.out.kind = SPAWNIO_DEFAULT;
	how.err = elsewhere;
	do_capture(&how, &capture);
	assert_text(capture.out, capture.out_size, "out\n");
	ck_assert_ptr_null(capture.err);
	let_go(&capture);
	how.out = elsewhere;
	do_capture(&how, &capture);
	ck_assert_ptr_null(capture.out);
	ck_assert_ptr_null(capture.err);
	assert_exit(capture.status, 0);
	for (int fd = 1; fd < 3; fd++) {
		dup2(saved[fd - 1], fd);
		close(saved[fd - 1]);
	}
	close(null);
}
END_TEST

START_TEST(merged_error_is_in_the_output)
{
	struct spawnio_how how = shell("echo a; echo b >&2; echo c; "
	    "echo d >&2");
	struct spawnio_capture capture = with_input(NULL, 0);

	how.err.kind = SPAWNIO_MERGE;
	do_capture(&how, &capture);
	assert_text(capture.out, capture.out_size, "a\nb\nc\nd\n");
	ck_assert_ptr_null(capture.err);
	let_go(&capture);
}
END_TEST

START_TEST(child_has_three_descriptors)
{
	struct spawnio_how how = shell("%s", list_open(100));
	struct spawnio_capture capture = with_input("", 0);

	do_capture(&how, &capture);
	assert_captured(&capture, "0 1 2 ", "");
	let_go(&capture);
}
END_TEST

START_TEST(child_is_as_how_says)
{
	char *envp[] = { (char *)"A=right", NULL };
	struct spawnio_how how = shell("echo $A; cat /proc/self/fd/7");
	struct spawnio_move move = { .to = 7 };
	struct spawnio_capture capture = with_input(NULL, 0);

	move.from = open("/dev/null", O_RDONLY | O_CLOEXEC);
	how.moves = &move;
	how.move_count = 1;
	how.envp = envp;
	how.file = "/bin/sh";
	do_capture(&how, &capture);
	assert_captured(&capture, "right\n", "");
	let_go(&capture);
	close(move.from);
}
END_TEST

START_TEST(flag_async_changes_nothing)
{
	struct spawnio_how how = shell("echo out; exit 3");
	struct spawnio_capture capture = with_input(NULL, 0);

	how.flags = SPAWNIO_ASYNC;
	do_capture(&how, &capture);
	assert_captured(&capture, "out\n", "");
	assert_exit(capture.status, 3);
	let_go(&capture);
}
END_TEST

/* --- input --- */

START_TEST(input_is_the_standard_input)
{
	struct spawnio_how how = program(cat);
	struct spawnio_capture capture = with_input("one\0two", 7);

	do_capture(&how, &capture);
	ck_assert_uint_eq(capture.out_size, 7);
	ck_assert_mem_eq(capture.out, "one\0two", 8);
	let_go(&capture);
}
END_TEST

START_TEST(input_may_be_of_no_bytes)
{
	struct spawnio_how how = shell("cat; echo end");
	struct spawnio_capture capture = with_input("lost", 0);

	do_capture(&how, &capture);
	assert_captured(&capture, "end\n", "");
	let_go(&capture);
}
END_TEST

/* Its size does not count, then. */
START_TEST(standard_input_is_that_of_how_without_input)
{
	struct channel to = to_commands();
	struct spawnio_how how = program(cat);
	struct spawnio_capture capture = with_input(NULL, 5);

	ck_assert_int_eq(write(to.ours, "right", 5), 5);
	close(to.ours);
	how.in = (struct spawnio_io){ SPAWNIO_FD, .fd = to.theirs };
	do_capture(&how, &capture);
	assert_captured(&capture, "right", "");
	let_go(&capture);
	how.in = (struct spawnio_io){ SPAWNIO_FILE, .path = "/dev/null" };
	do_capture(&how, &capture);
	assert_captured(&capture, "", "");
	let_go(&capture);
	how = shell("test /proc/self/fd/0 -ef /proc/%d/fd/0", (int)getpid());
	do_capture(&how, &capture);
	assert_exit(capture.status, 0);
	let_go(&capture);
	close(to.theirs);
}
END_TEST

static char *
many_bytes(size_t size)
{
	char *data = malloc(size);

	ck_assert_ptr_nonnull(data);
	memset(data, 'x', size);
	return data;
}

/* Reads nothing; reads a little; closes it, and goes on. */
START_TEST(input_that_is_not_read_is_no_error)
{
	static const char *const texts[] = {
		"exit 3", "head -c 10 >/dev/null; exit 3",
		"exec <&-; sleep 0.05; exit 3",
	};
	struct spawnio_how how = shell("%s", texts[_i]);
	char *data = many_bytes(MEGABYTE);
	struct spawnio_capture capture = with_input(data, MEGABYTE);

	do_capture(&how, &capture);
	assert_captured(&capture, "", "");
	assert_exit(capture.status, 3);
	let_go(&capture);
	free(data);
}
END_TEST

/* Nor is it waited for, though somebody else has the other end. */
START_TEST(input_that_is_not_read_is_not_waited_for)
{
	struct channel to = to_commands();
	struct spawnio_how how = shell("(exec >/dev/null 2>&1; "
	    "read x </proc/self/fd/%d) & exit 3", to.theirs);
	char *data = many_bytes(MEGABYTE);
	struct spawnio_capture capture = with_input(data, MEGABYTE);

	do_capture(&how, &capture);
	assert_exit(capture.status, 3);
	release(to);
	let_go(&capture);
	free(data);
	close_channel(to);
}
END_TEST

static volatile sig_atomic_t handled;

static void
count_sigpipe(int signo)
{
	(void)signo;
	handled++;
}

static bool
sigpipe_is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGPIPE);
}

START_TEST(sigpipe_is_not_raised)
{
	struct spawnio_how how = shell("exit 3");
	char *data = many_bytes(MEGABYTE);
	struct spawnio_capture capture = with_input(data, MEGABYTE);

	on_signal(SIGPIPE, count_sigpipe, 0);
	handled = 0;
	do_capture(&how, &capture);
	ck_assert_int_eq(handled, 0);
	let_go(&capture);
	block(SIGPIPE);
	do_capture(&how, &capture);
	ck_assert(!sigpipe_is_pending());
	let_go(&capture);
	unblock(SIGPIPE);
	ck_assert_int_eq(handled, 0);
	on_signal(SIGPIPE, SIG_DFL, 0);
	free(data);
}
END_TEST

/* The child's is as without capture. */
START_TEST(sigpipe_of_the_child_is_as_it_was)
{
	struct spawnio_how how = shell("exec cat /proc/self/status");
	char *data = many_bytes(MEGABYTE);
	struct spawnio_capture capture = with_input(data, MEGABYTE);

	do_capture(&how, &capture);
	ck_assert_uint_eq(status_set(capture.out, "SigIgn:"),
	    own_set("SigIgn:"));
	ck_assert_uint_eq(status_set(capture.out, "SigBlk:"),
	    own_set("SigBlk:"));
	let_go(&capture);
	free(data);
}
END_TEST

/* Of the process, and of the thread. */
START_TEST(sigpipe_of_the_callers_own_stays)
{
	struct spawnio_how how = shell("exit 3");
	char *data = many_bytes(MEGABYTE);
	struct spawnio_capture capture = with_input(data, MEGABYTE);

	on_signal(SIGPIPE, count_sigpipe, 0);
	block(SIGPIPE);
	handled = 0;
	if (_i == 0)
		kill(getpid(), SIGPIPE);
	else
		pthread_kill(pthread_self(), SIGPIPE);
	ck_assert(sigpipe_is_pending());
	do_capture(&how, &capture);
	ck_assert(sigpipe_is_pending());
	let_go(&capture);
	unblock(SIGPIPE);
	ck_assert_int_eq(handled, 1);
	on_signal(SIGPIPE, SIG_DFL, 0);
	free(data);
}
END_TEST

/* --- at once --- */

static void
fill(char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 + (i >> 8));
}

static size_t
many(void)
{
	return (emulated() ? 4 : 64) * MEGABYTE;
}

START_TEST(megabytes_both_ways_at_once)
{
	const size_t size = many();
	struct spawnio_how how = program(cat);
	char *data = malloc(size);
	struct spawnio_capture capture = with_input(data, size);

	ck_assert_ptr_nonnull(data);
	fill(data, size);
	do_capture(&how, &capture);
	ck_assert_uint_eq(capture.out_size, size);
	ck_assert(memcmp(capture.out, data, size) == 0);
	ck_assert_int_eq(capture.out[size], '\0');
	assert_exit(capture.status, 0);
	let_go(&capture);
	free(data);
}
END_TEST

/* Each would fill its pipe while the other is read to its end. */
START_TEST(outputs_are_read_at_once)
{
	struct spawnio_how how = shell("for n in 1 2 3; do "
	    "head -c %d /dev/zero; head -c %d /dev/zero >&2; done; "
	    "cat >/dev/null", MORE, MORE);
	char *data = many_bytes(MORE);
	struct spawnio_capture capture = with_input(data, MORE);

	do_capture(&how, &capture);
	ck_assert_uint_eq(capture.out_size, 3 * MORE);
	ck_assert_uint_eq(capture.err_size, 3 * MORE);
	assert_exit(capture.status, 0);
	let_go(&capture);
	free(data);
}
END_TEST

/* The input is written while the output is read, and ends when it is over. */
START_TEST(input_is_written_at_once)
{
	struct spawnio_how how = shell("head -c %d /dev/zero >&2; cat; "
	    "head -c %d /dev/zero >&2", MORE, MORE);
	char *data = many_bytes(MORE);
	struct spawnio_capture capture = with_input(data, MORE);

	do_capture(&how, &capture);
	ck_assert_uint_eq(capture.out_size, MORE);
	ck_assert(memcmp(capture.out, data, MORE) == 0);
	ck_assert_uint_eq(capture.err_size, 2 * MORE);
	let_go(&capture);
	free(data);
}
END_TEST

START_TEST(function_waits_until_the_outputs_are_closed)
{
	struct spawnio_how how = shell("(sleep 0.1; echo late; "
	    "echo last >&2) & echo early; exit 3");
	struct spawnio_capture capture = with_input(NULL, 0);

	do_capture(&how, &capture);
	assert_captured(&capture, "early\nlate\n", "last\n");
	assert_exit(capture.status, 3);
	let_go(&capture);
}
END_TEST

START_TEST(function_waits_until_the_child_has_ended)
{
	struct spawnio_how how = shell("exec >&- 2>&-; sleep 0.1; exit 3");
	struct spawnio_capture capture = with_input(NULL, 0);

	do_capture(&how, &capture);
	assert_captured(&capture, "", "");
	assert_exit(capture.status, 3);
	let_go(&capture);
}
END_TEST

/* --- limit --- */

static void
assert_fails(const struct spawnio_how *how, struct spawnio_capture *capture,
    int error)
{
	assert_error(spawnio_capture(how, capture), -1, error);
	assert_error(waitpid(-1, NULL, WNOHANG | __WALL), -1, ECHILD);
}

/* The letter that ps(1) shows for a process. */
static char
state_of(pid_t pid)
{
	char name[32], text[64], *end;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	file = fopen(name, "re");
	if (file == NULL || fgets(text, sizeof(text), file) == NULL)
		_exit(2);
	fclose(file);
	end = strrchr(text, ')');
	return end != NULL ? end[2] : '\0';
}

/* A debugger of the command, which keeps its end to itself for a while: does
 * the process that started it sleep meanwhile? */
static _Noreturn void
keep_from(pid_t caller, struct channel from, struct channel to)
{
	char text[16] = "";
	int asleep = 0;
	pid_t pid;

	if (read(from.ours, text, sizeof(text) - 1) <= 0)
		_exit(2);
	pid = (pid_t)atoi(text);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == -1)
		asleep = SAMPLES;
	if (write(to.ours, "\n", 1) != 1)
		_exit(2);
	for (int i = 0; asleep == 0 && state_of(pid) != 'Z'; i++)
		if (i == 10000 || usleep(1000) == -1)
			_exit(2);
	for (int i = 0; i < SAMPLES && asleep < SAMPLES; i++) {
		asleep += state_of(caller) == 'S';
		usleep(1000);
	}
	waitpid(pid, NULL, __WALL);
	_exit(asleep < SAMPLES / 10);
}

START_TEST(child_that_a_debugger_has_is_waited_for_in_sleep)
{
	struct channel from = from_commands(), to = to_commands();
	struct spawnio_how how = shell("echo $$ >/proc/self/fd/%d; "
	    "read x </proc/self/fd/%d; exit 3", from.theirs, to.theirs);
	struct spawnio_capture capture = with_input("", 0);
	pid_t caller = getpid(), debugger = fork();
	int status;

	ck_assert_int_ge(debugger, 0);
	if (debugger == 0)
		keep_from(caller, from, to);
	do_capture(&how, &capture);
	assert_exit(capture.status, 3);
	ck_assert_int_eq(waitpid(debugger, &status, 0), debugger);
	assert_exit(status, 0);
	let_go(&capture);
	close_channel(from);
	close_channel(to);
}
END_TEST

START_TEST(output_up_to_the_limit_is_no_error)
{
	struct spawnio_how how = shell("printf 0123456789; "
	    "printf abcdefghij >&2");
	struct spawnio_capture capture = with_input(NULL, 0);

	capture.limit = 10;
	do_capture(&how, &capture);
	assert_captured(&capture, "0123456789", "abcdefghij");
	let_go(&capture);
	capture.limit = (size_t)-1;
	do_capture(&how, &capture);
	assert_captured(&capture, "0123456789", "abcdefghij");
	let_go(&capture);
}
END_TEST

START_TEST(output_over_the_limit_is_efbig)
{
	static const char *const texts[] = {
		"printf 0123456789+", "printf 0123456789+ >&2"
	};
	struct spawnio_how how = shell("%s", texts[_i]);
	struct spawnio_capture capture = with_input(NULL, 0);

	capture.limit = 10;
	how.grace = FAR;
	assert_fails(&how, &capture, EFBIG);
	assert_captured(&capture, _i == 0 ? "0123456789" : "",
	    _i == 0 ? "" : "0123456789");
	ck_assert_int_ne(capture.status, -1);
	let_go(&capture);
}
END_TEST

START_TEST(child_without_end_is_stopped_at_the_limit)
{
	static char *const argv[] = { (char *)"yes", NULL };
	struct spawnio_how how = program(argv);
	struct spawnio_capture capture = with_input(NULL, 0);
	long begun = milliseconds();

	capture.limit = MEGABYTE;
	how.grace = _i == 0 ? FAR : 0;
	assert_fails(&how, &capture, EFBIG);
	ck_assert_int_lt(milliseconds() - begun, FAR);
	ck_assert_uint_eq(capture.out_size, MEGABYTE);
	ck_assert_uint_eq(strlen(capture.out), MEGABYTE);
	ck_assert(WIFSIGNALED(capture.status));
	let_go(&capture);
}
END_TEST

/* It is stopped with the grace of how. */
START_TEST(child_that_ignores_sigterm_is_killed_at_the_limit)
{
	struct spawnio_how how = shell("printf 0123456789+; exec sleep 60");
	struct spawnio_capture capture = with_input(NULL, 0);

	on_signal(SIGTERM, SIG_IGN, 0);
	capture.limit = 10;
	how.grace = SOON;
	assert_fails(&how, &capture, EFBIG);
	assert_captured(&capture, "0123456789", "");
	assert_killed(capture.status, SIGKILL);
	let_go(&capture);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

/* --- time --- */

START_TEST(child_in_time)
{
	struct spawnio_how how = shell("cat; exit 3");
	struct spawnio_capture capture = with_input("in", 2);

	how.timeout = FAR;
	do_capture(&how, &capture);
	assert_captured(&capture, "in", "");
	assert_exit(capture.status, 3);
	let_go(&capture);
}
END_TEST

START_TEST(child_is_stopped_when_the_time_is_over)
{
	struct spawnio_how how = program(sleeper);
	struct spawnio_capture capture = with_input(NULL, 0);
	long begun = milliseconds();

	how.timeout = SOON;
	how.grace = FAR;
	assert_fails(&how, &capture, ETIMEDOUT);
	ck_assert_int_ge(milliseconds() - begun, SOON);
	ck_assert_int_lt(milliseconds() - begun, FAR);
	assert_captured(&capture, "", "");
	assert_killed(capture.status, SIGTERM);
	let_go(&capture);
}
END_TEST

START_TEST(child_is_killed_when_the_grace_is_over)
{
	static const int graces[] = { 0, 2 * SOON };
	struct spawnio_how how = program(sleeper);
	struct spawnio_capture capture = with_input(NULL, 0);
	long begun = milliseconds();

	on_signal(SIGTERM, SIG_IGN, 0);
	how.timeout = SOON;
	how.grace = graces[_i];
	assert_fails(&how, &capture, ETIMEDOUT);
	ck_assert_int_ge(milliseconds() - begun, SOON + graces[_i]);
	assert_killed(capture.status, SIGKILL);
	let_go(&capture);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

/* The more, the slower the machine is; the last is enough. */
static const int patience[] = { 100, 1000, 10000 };

/* The child has written that by the time that it is stopped. */
static void
assert_output_until_the_end(const char *text, const char *out)
{
	struct spawnio_how how = shell("%s", text);
	struct spawnio_capture capture;
	bool right = false;

	how.grace = FAR;
	for (size_t i = 0; i < COUNT(patience) && !right; i++) {
		how.timeout = patience[i];
		capture = with_input(NULL, 0);
		assert_fails(&how, &capture, ETIMEDOUT);
		right = strcmp(capture.out, out) == 0;
		ck_assert_uint_eq(capture.out_size, strlen(capture.out));
		let_go(&capture);
	}
	ck_assert(right);
}

START_TEST(what_has_been_read_is_kept)
{
	assert_output_until_the_end("echo begun; exec sleep 60", "begun\n");
}
END_TEST

START_TEST(what_the_child_writes_in_the_grace_is_kept)
{
	assert_output_until_the_end("echo begun; "
	    "trap 'echo end; exit 3' TERM; "
	    "while :; do sleep 0.01; done 2>/dev/null",
	    "begun\nend\n");
}
END_TEST

/* More than a pipe takes: it must be read meanwhile. */
START_TEST(much_that_the_child_writes_in_the_grace_is_kept)
{
	struct spawnio_how how = shell("echo begun; "
	    "trap 'head -c %d /dev/zero; exit 3' TERM; "
	    "while :; do sleep 0.01; done 2>/dev/null",
	    MORE);
	struct spawnio_capture capture;
	size_t size = 0;

	how.grace = FAR;
	for (size_t i = 0; i < COUNT(patience) && size <= 6; i++) {
		how.timeout = patience[i];
		capture = with_input(NULL, 0);
		assert_fails(&how, &capture, ETIMEDOUT);
		size = capture.out_size;
		if (size > 6)
			assert_exit(capture.status, 3);
		let_go(&capture);
	}
	ck_assert_uint_eq(size, 6 + MORE);
}
END_TEST

/* The child itself has ended long ago. */
START_TEST(what_keeps_the_output_open_is_stopped)
{
	struct spawnio_how how = shell("sleep 60 & echo early; exit 3");
	struct spawnio_capture capture;
	bool early = false;

	if (_i == 1)
		on_signal(SIGTERM, SIG_IGN, 0);
	how.grace = SOON;
	for (size_t i = 0; i < COUNT(patience) && !early; i++) {
		long begun = milliseconds();

		how.timeout = patience[i];
		capture = with_input(NULL, 0);
		assert_fails(&how, &capture, ETIMEDOUT);
		ck_assert_int_ge(milliseconds() - begun, how.timeout);
		ck_assert_int_lt(milliseconds() - begun, FAR);
		early = strcmp(capture.out, "early\n") == 0 &&
		    WIFEXITED(capture.status);
		if (early)
			assert_exit(capture.status, 3);
		let_go(&capture);
	}
	ck_assert(early);
	on_signal(SIGTERM, SIG_DFL, 0);
}
END_TEST

/* Somebody out of reach has the output: that must not take longer. */
START_TEST(what_is_out_of_reach_is_not_waited_for)
{
	struct channel to = to_commands();
	struct spawnio_how how = shell("setsid sh -c "
	    "'read x </proc/self/fd/%d' & exit 3", to.theirs);
	struct spawnio_capture capture = with_input(NULL, 0);
	long begun = milliseconds();

	how.timeout = 4 * SOON;
	how.grace = SOON;
	assert_fails(&how, &capture, ETIMEDOUT);
	ck_assert_int_lt(milliseconds() - begun, FAR);
	let_go(&capture);
	close_channel(to);
}
END_TEST

START_TEST(input_that_is_never_read_has_its_time)
{
	struct spawnio_how how = program(sleeper);
	char *data = many_bytes(MEGABYTE);
	struct spawnio_capture capture = with_input(data, MEGABYTE);

	how.timeout = SOON;
	how.grace = FAR;
	assert_fails(&how, &capture, ETIMEDOUT);
	assert_killed(capture.status, SIGTERM);
	let_go(&capture);
	free(data);
}
END_TEST

START_TEST(child_that_has_closed_its_outputs_has_its_time)
{
	struct spawnio_how how = shell("exec >&- 2>&-; exec sleep 60");
	struct spawnio_capture capture = with_input(NULL, 0);

	how.timeout = SOON;
	how.grace = FAR;
	assert_fails(&how, &capture, ETIMEDOUT);
	assert_killed(capture.status, SIGTERM);
	let_go(&capture);
}
END_TEST

/* It does not hear SIGTERM from when it has written on.  The pipe ends with
 * it. */
START_TEST(grandchild_is_killed_with_a_child_that_has_ended)
{
	struct spawnio_how how = shell("(trap '' TERM; echo too much; "
	    "exec sleep 60) & wait");
	struct spawnio_capture capture = with_input(NULL, 0);
	struct spawnio_move move = { .to = 9 };
	struct pollfd life = { .events = POLLIN };
	int ends[2];
	char byte;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	move.from = ends[1];
	how.moves = &move;
	how.move_count = 1;
	how.flags = SPAWNIO_SETPGROUP;
	how.grace = FAR;
	capture.limit = 1;
	assert_fails(&how, &capture, EFBIG);
	assert_killed(capture.status, SIGTERM);
	let_go(&capture);
	close(ends[1]);
	life.fd = ends[0];
	ck_assert_int_eq(poll(&life, 1, FAR), 1);
	ck_assert_int_eq(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}
END_TEST

/* --- errors --- */

START_TEST(nothing_is_filled_in_if_there_is_no_child)
{
	static char *const argv[] = { (char *)"/nosuch", NULL };
	struct spawnio_how how = program(argv);
	struct spawnio_capture capture = with_input("in", 2);

	assert_fails(&how, &capture, ENOENT);
	ck_assert_ptr_null(capture.out);
	ck_assert_ptr_null(capture.err);
	ck_assert_int_eq(capture.status, -1);
	how.flags = SPAWNIO_SETSID | SPAWNIO_SETPGROUP;
	capture = with_input(NULL, 0);
	assert_fails(&how, &capture, EINVAL);
	ck_assert_ptr_null(capture.out);
	ck_assert_ptr_null(capture.err);
	ck_assert_int_eq(capture.status, -1);
}
END_TEST

START_TEST(pipe_without_input_is_not_valid)
{
	struct spawnio_how how = program(cat);
	struct spawnio_capture capture = with_input(NULL, 0);

	how.in.kind = SPAWNIO_PIPE;
	assert_fails(&how, &capture, EINVAL);
	ck_assert_ptr_null(capture.out);
	ck_assert_ptr_null(capture.err);
	ck_assert_int_eq(capture.status, -1);
}
END_TEST

START_TEST(input_for_something_else_is_not_valid)
{
	static const enum spawnio_kind kinds[] = {
		SPAWNIO_INHERIT, SPAWNIO_NULL, SPAWNIO_FD, SPAWNIO_FILE
	};
	struct spawnio_how how = program(cat);
	struct spawnio_capture capture = with_input("in", 2);

	how.in = (struct spawnio_io){ kinds[_i], .path = "/dev/null" };
	assert_fails(&how, &capture, EINVAL);
	ck_assert_ptr_null(capture.out);
	ck_assert_ptr_null(capture.err);
	ck_assert_int_eq(capture.status, -1);
}
END_TEST

/* They are not the caller's own. */
START_TEST(moves_to_the_pipes_are_not_valid)
{
	struct spawnio_move move = { .from = 2, .to = _i };
	struct spawnio_how how = shell(":");
	struct spawnio_capture capture = with_input("in", 2);

	how.moves = &move;
	how.move_count = 1;
	assert_fails(&how, &capture, EINVAL);
}
END_TEST

START_TEST(null_is_not_valid)
{
	struct spawnio_how how = program(cat);
	const struct spawnio_how *volatile no_how = NULL;
	struct spawnio_capture capture = with_input(NULL, 0);
	struct spawnio_capture *volatile no_capture = NULL;

	assert_error(spawnio_capture(&how, no_capture), -1, EINVAL);
	assert_fails(no_how, &capture, EINVAL);
	ck_assert_ptr_null(capture.out);
	ck_assert_ptr_null(capture.err);
	ck_assert_int_eq(capture.status, -1);
}
END_TEST

START_TEST(too_many_descriptors)
{
	struct spawnio_how how = shell("cat");
	struct spawnio_capture capture;
	int n = 0;

	for (;; n++) {
		int result;

		capture = with_input("in", 2);
		leave_numbers(n);
		errno = 0;
		result = spawnio_capture(&how, &capture);
		leave_all_numbers();
		if (result == 0)
			break;
		ck_assert_int_eq(errno, EMFILE);
		ck_assert_ptr_null(capture.out);
		ck_assert_int_eq(capture.status, -1);
		ck_assert_int_lt(n, NUMBERS);
	}
	assert_captured(&capture, "in", "");
	let_go(&capture);
}
END_TEST

START_TEST(no_memory_for_the_output)
{
	struct spawnio_how how = shell("echo begun; head -c %d /dev/zero; "
	    "exec sleep 60", (int)(64 * MEGABYTE));
	struct spawnio_capture capture = with_input(NULL, 0);

	limit_memory(24 * MEGABYTE);
	how.grace = FAR;
	assert_fails(&how, &capture, ENOMEM);
	ck_assert_ptr_nonnull(capture.out);
	ck_assert_uint_gt(capture.out_size, MEGABYTE);
	ck_assert_mem_eq(capture.out, "begun\n", 7);
	ck_assert_int_eq(capture.out[capture.out_size], '\0');
	ck_assert(WIFSIGNALED(capture.status));
	let_go(&capture);
}
END_TEST

/* All output is there. */
START_TEST(status_that_cannot_be_had)
{
	struct spawnio_how how = shell("echo out; exit 4");
	struct spawnio_capture capture = with_input(NULL, 0);
	int result, error;

	on_signal(SIGCHLD, SIG_IGN, 0);
	errno = 0;
	result = spawnio_capture(&how, &capture);
	error = errno;
	assert_captured(&capture, "out\n", "");
	if (result == 0 || (lost_status_is_found() && !emulated()))
		assert_exit(capture.status, 4);
	else {
		ck_assert_int_eq(error, ECHILD);
		ck_assert_int_eq(capture.status, -1);
	}
	let_go(&capture);
	on_signal(SIGCHLD, SIG_DFL, 0);
}
END_TEST

/* --- closed descriptors, signals, threads --- */

START_TEST(standard_descriptors_may_be_closed)
{
	struct spawnio_how how = shell("cat; echo err >&2");
	struct spawnio_capture capture = with_input("in", 2);

	close_standard(_i);
	do_capture(&how, &capture);
	open_standard();
	assert_captured(&capture, "in", "err\n");
	assert_exit(capture.status, 0);
	let_go(&capture);
}
END_TEST

START_TEST(signals_do_not_interrupt)
{
	struct channel to = to_commands();
	struct spawnio_how how = shell("cat; read x </proc/self/fd/%d; exit 3",
	    to.theirs);
	char *data = many_bytes(MEGABYTE);
	struct spawnio_capture capture = with_input(data, MEGABYTE);
	struct storm storm;

	start_storm(&storm, to);
	do_capture(&how, &capture);
	join_storm(&storm);
	ck_assert_uint_eq(capture.out_size, MEGABYTE);
	assert_exit(capture.status, 3);
	let_go(&capture);
	free(data);
	close_channel(to);
}
END_TEST

static void *
capture_much(void *arg)
{
	struct spawnio_how how = program(cat);
	struct spawnio_capture capture = with_input(arg, MORE);
	intptr_t wrong = 0;

	for (int i = 0; i < 3; i++) {
		wrong += spawnio_capture(&how, &capture) == -1 ||
		    capture.out_size != MORE ||
		    memcmp(capture.out, arg, MORE) != 0 ||
		    capture.err_size != 0 || capture.status != 0;
		let_go(&capture);
	}
	return (void *)wrong;
}

START_TEST(any_number_of_threads)
{
	pthread_t threads[THREADS];
	char *data = malloc(MORE);
	void *wrong;

	ck_assert_ptr_nonnull(data);
	fill(data, MORE);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
		    capture_much, data), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
	free(data);
}
END_TEST

static void *
capture_it(void *how)
{
	struct spawnio_capture capture = with_input("in", 2);

	return (void *)(intptr_t)spawnio_capture(how, &capture);
}

/* Before it has read something, and after. */
START_TEST(cancelled_thread_kills_the_child_and_waits_for_it)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("trap '' TERM; %s; "
	    "echo >/proc/self/fd/%d; exec sleep 60", _i == 0 ? ":" :
	    "head -c 300000 /dev/zero", from.theirs);

	cancel_when_begun(capture_it, &how, from);
}
END_TEST

/* Memory, in pages. */
static long
resident(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	long pages = 0;

	ck_assert_ptr_nonnull(statm);
	ck_assert_int_eq(fscanf(statm, "%*d %ld", &pages), 1);
	fclose(statm);
	return pages;
}

static void
cancel_after(size_t size)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("head -c %lu /dev/zero; "
	    "echo >/proc/self/fd/%d; exec sleep 60", (unsigned long)size,
	    from.theirs);
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, capture_it, &how), 0);
	await(from);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	close_channel(from);
}

/* The first leaves what is kept for the next thread. */
START_TEST(cancelled_thread_frees_what_was_read)
{
	const size_t size = 16 * MEGABYTE;
	long before;

	cancel_after(size);
	before = resident();
	for (int i = 0; i < 4; i++)
		cancel_after(size);
	ck_assert_int_lt((resident() - before) * sysconf(_SC_PAGESIZE),
	    2 * (long)size);
}
END_TEST

/* The child has closed its outputs, and only its end is waited for. */
START_TEST(cancelled_thread_waits_for_the_end_only)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("exec >&- 2>&-; "
	    "echo >/proc/self/fd/%d; exec sleep 60", from.theirs);
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, capture_it, &how), 0);
	await(from);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	close_channel(from);
}
END_TEST

/* --- the suite --- */

static void
add_outputs(TCase *tcase)
{
	tcase_add_test(tcase, both_outputs_are_captured);
	tcase_add_test(tcase, no_output_is_empty);
	tcase_add_test(tcase, status_may_be_that_of_a_signal);
	tcase_add_test(tcase, output_may_have_nul_bytes);
	tcase_add_test(tcase, pipes_are_captured);
	tcase_add_loop_test(tcase, output_that_goes_elsewhere_is_not_captured,
	    0, 4);
	tcase_add_test(tcase, merged_error_is_in_the_output);
	tcase_add_test(tcase, child_has_three_descriptors);
	tcase_add_test(tcase, child_is_as_how_says);
	tcase_add_test(tcase, flag_async_changes_nothing);
}

/* A filter may forbid what it waits with: then it only has the child end. */
START_TEST(does_not_spin)
{
	struct spawnio_how how = shell("sleep 60");
	struct spawnio_capture capture = with_input(NULL, 0);
	long before;

	on_signal(SIGTERM, SIG_IGN, 0);
	how.grace = 100;
	refuse_poll();
	before = sleeps();
	assert_error(spawnio_capture(&how, &capture), -1, EPERM);
	ck_assert_int_ge(sleeps() - before, 3);
}
END_TEST

static void
add_input(TCase *tcase)
{
	tcase_add_test(tcase, input_is_the_standard_input);
	tcase_add_test(tcase, input_may_be_of_no_bytes);
	tcase_add_test(tcase, standard_input_is_that_of_how_without_input);
	tcase_add_loop_test(tcase, input_that_is_not_read_is_no_error, 0, 3);
	tcase_add_test(tcase, input_that_is_not_read_is_not_waited_for);
	tcase_add_test(tcase, sigpipe_is_not_raised);
	tcase_add_test(tcase, sigpipe_of_the_child_is_as_it_was);
	tcase_add_loop_test(tcase, sigpipe_of_the_callers_own_stays, 0, 2);
	tcase_add_test(tcase, megabytes_both_ways_at_once);
	tcase_add_test(tcase, outputs_are_read_at_once);
	tcase_add_test(tcase, input_is_written_at_once);
}

static void
add_ends(TCase *tcase)
{
	tcase_add_test(tcase, function_waits_until_the_outputs_are_closed);
	tcase_add_test(tcase, function_waits_until_the_child_has_ended);
	if (emulated())
		left_out("emulator without ptrace(2): "
		    "child_that_a_debugger_has_is_waited_for_in_sleep");
	else
		tcase_add_test(tcase,
		    child_that_a_debugger_has_is_waited_for_in_sleep);
	tcase_add_test(tcase, output_up_to_the_limit_is_no_error);
	tcase_add_loop_test(tcase, output_over_the_limit_is_efbig, 0, 2);
	tcase_add_loop_test(tcase, child_without_end_is_stopped_at_the_limit,
	    0, 2);
	tcase_add_test(tcase,
	    child_that_ignores_sigterm_is_killed_at_the_limit);
}

static void
add_time(TCase *tcase)
{
	tcase_add_test(tcase, child_in_time);
	tcase_add_test(tcase, child_is_stopped_when_the_time_is_over);
	tcase_add_loop_test(tcase, child_is_killed_when_the_grace_is_over, 0,
	    2);
	tcase_add_test(tcase, what_has_been_read_is_kept);
	tcase_add_test(tcase, what_the_child_writes_in_the_grace_is_kept);
	tcase_add_test(tcase, much_that_the_child_writes_in_the_grace_is_kept);
	tcase_add_loop_test(tcase, what_keeps_the_output_open_is_stopped, 0,
	    2);
	tcase_add_test(tcase, what_is_out_of_reach_is_not_waited_for);
	tcase_add_test(tcase, input_that_is_never_read_has_its_time);
	tcase_add_test(tcase, child_that_has_closed_its_outputs_has_its_time);
	tcase_add_test(tcase,
	    grandchild_is_killed_with_a_child_that_has_ended);
}

static void
add_errors(TCase *tcase)
{
	tcase_add_test(tcase, nothing_is_filled_in_if_there_is_no_child);
	tcase_add_test(tcase, pipe_without_input_is_not_valid);
	tcase_add_loop_test(tcase, input_for_something_else_is_not_valid, 0,
	    4);
	tcase_add_loop_test(tcase, moves_to_the_pipes_are_not_valid, 0, 3);
	tcase_add_test(tcase, null_is_not_valid);
	tcase_add_test(tcase, too_many_descriptors);
	if (MAY_LIMIT && !emulated())
		tcase_add_test(tcase, no_memory_for_the_output);
	else
		left_out("sanitizer or emulator: no_memory_for_the_output");
	tcase_add_test(tcase, status_that_cannot_be_had);
}

static void
add_others(TCase *tcase)
{
	tcase_add_loop_test(tcase, standard_descriptors_may_be_closed, 0, 8);
	if (MAY_STORM)
		tcase_add_test(tcase, signals_do_not_interrupt);
	else
		left_out("sanitizer: signals_do_not_interrupt");
	if (emulated())
		left_out("emulator, whose fork(2) hangs beside threads: "
		    "any_number_of_threads");
	else
		tcase_add_test(tcase, any_number_of_threads);
	if (MAY_CANCEL) {
		tcase_add_loop_test(tcase,
		    cancelled_thread_kills_the_child_and_waits_for_it, 0, 2);
		tcase_add_test(tcase, cancelled_thread_frees_what_was_read);
		tcase_add_test(tcase, cancelled_thread_waits_for_the_end_only);
	} else
		left_out("sanitizer: tests of cancellation");
	if (may_refuse())
		tcase_add_test(tcase, does_not_spin);
	else
		left_out("no seccomp: does_not_spin");
}

int
main(void)
{
	Suite *suite = suite_create("capture");

	find_engine();
	if (!failures_are_told())
		return 77;
	add_outputs(add_case(suite, "outputs"));
	add_input(add_case(suite, "input"));
	add_ends(add_case(suite, "ends"));
	add_time(add_case(suite, "time"));
	add_errors(add_case(suite, "errors"));
	add_others(add_case(suite, "others"));
	return run(suite);
}
