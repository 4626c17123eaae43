/* SPDX-License-Identifier: ISC */
/* spopen(): what it takes, what the stream is, what the command is given. */

#include "fixture.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <poll.h>
#include <stdatomic.h>
#include <stdio_ext.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define MEGABYTES	(4 * 1024 * 1024)
#define ROUNDS		10

/* --- types --- */

static const struct {
	const char *letters;
	int access;
	int flags;
} valid[] = {
	{ "r", O_RDONLY, 0 },
	{ "rr", O_RDONLY, 0 },
	{ "w", O_WRONLY, 0 },
	{ "www", O_WRONLY, 0 },
	{ "re", O_RDONLY, FD_CLOEXEC },
	{ "er", O_RDONLY, FD_CLOEXEC },
	{ "ere", O_RDONLY, FD_CLOEXEC },
	{ "we", O_WRONLY, FD_CLOEXEC },
	{ "ew", O_WRONLY, FD_CLOEXEC },
	{ "wewe", O_WRONLY, FD_CLOEXEC },
	{ "r+", O_RDWR, 0 },
	{ "+r", O_RDWR, 0 },
	{ "r++", O_RDWR, 0 },
	{ "r+r", O_RDWR, 0 },
	{ "r+e", O_RDWR, FD_CLOEXEC },
	{ "re+", O_RDWR, FD_CLOEXEC },
	{ "+re", O_RDWR, FD_CLOEXEC },
	{ "+er", O_RDWR, FD_CLOEXEC },
	{ "er+", O_RDWR, FD_CLOEXEC },
	{ "e+r", O_RDWR, FD_CLOEXEC },
};

START_TEST(valid_type)
{
	FILE *stream = open_command(valid[_i].letters, ":");
	int fd = fileno(stream);

	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, valid[_i].access);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), valid[_i].flags);
	assert_exit(close_command(stream), 0);
}
END_TEST

static const char *const invalid[] = {
	"", "e", "+", "e+", "rw", "wr", "rwe", "r+w", "w+", "+w", "we+", "w+e",
	"x", "rx", "xr", "R", "W", "b", "rb", "wb", "r ", " r", "r\n", "r-",
	"r,ccs=UTF-8", "a", "rm", "rc",
};

START_TEST(invalid_type)
{
	assert_error(spopen("echo wrong >&2", invalid[_i]), NULL, EINVAL);
}
END_TEST

START_TEST(null_is_invalid)
{
	const char *volatile null = NULL;

	assert_error(spopen(":", null), NULL, EINVAL);
	assert_error(spopen(null, "r"), NULL, EINVAL);
	assert_error(spopen(null, null), NULL, EINVAL);
}
END_TEST

static const char *const every_type[] = { "r", "w", "r+", "re", "we", "r+e" };

START_TEST(errno_untouched)
{
	FILE *stream;

	errno = 12345;
	stream = spopen(":", every_type[_i]);
	ck_assert_int_eq(errno, 12345);
	ck_assert_ptr_nonnull(stream);
	assert_exit(spclose(stream), 0);
	ck_assert_int_eq(errno, 12345);
}
END_TEST

/* --- commands --- */

START_TEST(command_is_run_by_the_shell)
{
	ck_assert_str_eq(output("x=a; for y in 1 2; do echo $x$y; done | cat"),
	    "a1\na2\n");
}
END_TEST

START_TEST(command_has_no_arguments)
{
	ck_assert_str_eq(output("echo $#"), "0\n");
}
END_TEST

START_TEST(command_may_be_empty)
{
	ck_assert_str_eq(output("%s", ""), "");
}
END_TEST

START_TEST(leading_dash_is_no_option)
{
	assert_exit(close_command(open_command("r", "-no-such 2>/dev/null")),
	    127);
	assert_exit(close_command(open_command("r", "-c 2>/dev/null")), 127);
}
END_TEST

/* A command of that many bytes which says "x". */
static char *
command_of(size_t length)
{
	char *command = malloc(length + 1);

	ck_assert_ptr_nonnull(command);
	memset(command, ' ', length);
	memcpy(command, "printf x", 8);
	command[length] = '\0';
	return command;
}

START_TEST(longest_command)
{
	char *command = command_of(32 * sysconf(_SC_PAGESIZE) - 1);
	FILE *stream;

	allow_long_arguments();
	stream = spopen(command, "r");
	ck_assert_ptr_nonnull(stream);
	ck_assert_str_eq(rest_of(stream), "x");
	assert_exit(close_command(stream), 0);
	free(command);
}
END_TEST

START_TEST(command_too_long)
{
	char *command = command_of(32 * sysconf(_SC_PAGESIZE));

	assert_error(spopen(command, "r"), NULL, E2BIG);
	assert_error(spopen(command, "w"), NULL, E2BIG);
	assert_error(spopen(command, "r+"), NULL, E2BIG);
	free(command);
}
END_TEST

/* --- data --- */

START_TEST(output_is_read)
{
	ck_assert_str_eq(output("echo out"), "out\n");
}
END_TEST

START_TEST(input_is_written)
{
	FILE *stream = open_command("w", "read x && test \"$x\" = in");

	ck_assert_int_ge(fputs("in\n", stream), 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(closing_ends_the_input)
{
	FILE *stream = open_command("w", "test \"$(cat)\" = in");

	ck_assert_int_ge(fputs("in", stream), 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

static void
write_pattern(FILE *stream, size_t size)
{
	for (size_t i = 0; i < size; i++)
		putc_unlocked((i * 7 + (i >> 8)) & 0xff, stream);
	ck_assert_int_eq(fflush(stream), 0);
}

/* How many bytes of the pattern there are before the stream ends, or is
 * different. */
static size_t
read_pattern(FILE *stream)
{
	size_t i = 0;
	int c;

	while ((c = getc_unlocked(stream)) != EOF) {
		if (c != (int)((i * 7 + (i >> 8)) & 0xff))
			return i;
		i++;
	}
	return i;
}

START_TEST(megabytes_are_read_and_written)
{
	FILE *file = tmpfile();
	FILE *stream;

	ck_assert_int_eq(fcntl(fileno(file), F_SETFD, 0), 0);
	stream = open_command("w", "cat >/proc/self/fd/%d", fileno(file));
	write_pattern(stream, MEGABYTES);
	assert_exit(close_command(stream), 0);
	stream = open_command("r", "cat </proc/self/fd/%d", fileno(file));
	ck_assert_uint_eq(read_pattern(stream), MEGABYTES);
	assert_exit(close_command(stream), 0);
	fclose(file);
}
END_TEST

START_TEST(buffer_is_full_sized)
{
	FILE *stream = open_command("w", "cat >/dev/null");

	ck_assert_int_ge(fputs("a line\n", stream), 0);
	ck_assert_int_eq(__flbf(stream), 0);
	ck_assert_uint_eq(__fpending(stream), 7);
	ck_assert_int_eq(fflush(stream), 0);
	ck_assert_uint_eq(__fpending(stream), 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(setvbuf_works)
{
	struct channel from = from_commands();
	FILE *stream = open_command("w",
	    "read x && echo >/proc/self/fd/%d; cat >/dev/null", from.theirs);

	ck_assert_int_eq(setvbuf(stream, NULL, _IONBF, 0), 0);
	ck_assert_int_ge(fputs("a line\n", stream), 0);
	await(from);
	assert_exit(close_command(stream), 0);
	close_channel(from);
}
END_TEST

START_TEST(poll_works)
{
	struct channel to = to_commands();
	FILE *stream = open_command("r", "read x </proc/self/fd/%d; echo",
	    to.theirs);
	struct pollfd ready = { .fd = fileno(stream), .events = POLLIN };

	ck_assert_int_eq(poll(&ready, 1, 0), 0);
	release(to);
	ck_assert_int_eq(poll(&ready, 1, -1), 1);
	ck_assert_int_eq(ready.revents & POLLIN, POLLIN);
	assert_exit(close_command(stream), 0);
	close_channel(to);
}
END_TEST

/* --- two ways --- */

START_TEST(two_ways_is_a_stream_socket)
{
	FILE *stream = open_command("r+", ":");
	int domain, type;
	socklen_t size = sizeof(int);

	ck_assert_int_eq(getsockopt(fileno(stream), SOL_SOCKET, SO_DOMAIN,
	    &domain, &size), 0);
	ck_assert_int_eq(getsockopt(fileno(stream), SOL_SOCKET, SO_TYPE,
	    &type, &size), 0);
	ck_assert_int_eq(domain, AF_UNIX);
	ck_assert_int_eq(type, SOCK_STREAM);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(two_ways_is_one_socket_in_the_command)
{
	FILE *stream = open_command("r+",
	    "a=$(readlink /proc/$$/fd/0) b=$(readlink /proc/$$/fd/1);"
	    "echo ${a%%:*}; test \"$a\" = \"$b\"");

	shutdown(fileno(stream), SHUT_WR);
	ck_assert_str_eq(rest_of(stream), "socket\n");
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(shutdown_ends_the_input)
{
	FILE *stream = open_command("r+", "sort");

	ck_assert_int_ge(fputs("b\na\n", stream), 0);
	ck_assert_int_eq(fflush(stream), 0);
	ck_assert_int_eq(shutdown(fileno(stream), SHUT_WR), 0);
	ck_assert_str_eq(rest_of(stream), "a\nb\n");
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(two_ways_in_turns)
{
	FILE *stream = open_command("r+",
	    "while read x; do echo \"<$x>\"; done");
	char line[16];

	for (int i = 0; i < 3; i++) {
		ck_assert_int_gt(fprintf(stream, "%d\n", i), 0);
		ck_assert_int_eq(fflush(stream), 0);
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), stream));
		ck_assert_int_eq(line[1], '0' + i);
	}
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(two_ways_unbuffered)
{
	FILE *stream = open_command("r+", "read x; echo \"<$x>\"");

	ck_assert_int_eq(setvbuf(stream, NULL, _IONBF, 0), 0);
	ck_assert_int_ge(fputs("a\n", stream), 0);
	ck_assert_str_eq(rest_of(stream), "<a>\n");
	assert_exit(close_command(stream), 0);
}
END_TEST

static void *
feed(void *arg)
{
	FILE *to = arg;

	write_pattern(to, MEGABYTES);
	shutdown(fileno(to), SHUT_WR);
	fclose(to);
	return NULL;
}

/* Two FILEs, two threads. */
START_TEST(megabytes_both_ways_at_once)
{
	FILE *stream = open_command("r+", "cat");
	FILE *to = fdopen(fcntl(fileno(stream), F_DUPFD_CLOEXEC, 0), "w");
	pthread_t thread;

	ck_assert_ptr_nonnull(to);
	ck_assert_int_eq(pthread_create(&thread, NULL, feed, to), 0);
	ck_assert_uint_eq(read_pattern(stream), MEGABYTES);
	pthread_join(thread, NULL);
	assert_exit(close_command(stream), 0);
}
END_TEST

/* --- descriptors --- */

START_TEST(nothing_but_the_stream_is_new)
{
	FILE *stream = open_command(every_type[_i], ":");
	int more = 0;

	for (int fd = 3; fd < 100; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			more += fd != fileno(stream);
	ck_assert_int_eq(more, 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(command_has_three_descriptors)
{
	ck_assert_str_eq(output("%s", list_open(100)), "0 1 2 ");
}
END_TEST

/* Were the first write end in the second child, its reader never sees EOF. */
START_TEST(write_end_not_inherited)
{
	FILE *first = open_command("w", "cat >/dev/null");
	FILE *second = open_command("w", "cat >/dev/null");

	assert_exit(close_command(first), 0);
	assert_exit(close_command(second), 0);
}
END_TEST

START_TEST(earlier_stream_not_inherited)
{
	FILE *first = open_command(every_type[_i], "! read x");

	ck_assert_str_eq(output("%s", list_open(100)), "0 1 2 ");
	assert_exit(close_command(first), 0);
}
END_TEST

/* The child cannot ask what its descriptors are, and closes them unseen. */
START_TEST(earlier_stream_not_inherited_without_fstat)
{
	int hole = fcntl(0, F_DUPFD_CLOEXEC, 0);
	FILE *first = open_command("w", "! read x"), *second;

	ck_assert_int_ne(fileno(first) & 4, 0);
	refuse_fstat(_i == 0 ? ENOSYS : EPERM);
	second = open_command("r+", "! read x");
	ck_assert_str_eq(output("%s", list_open(100)), "0 1 2 ");
	assert_exit(close_command(first), 0);
	assert_exit(close_command(second), 0);
	close(hole);
}
END_TEST

/* More streams than one, and others' descriptors between them. */
START_TEST(only_streams_are_closed)
{
	FILE *stream[ROUNDS];
	int own[ROUNDS];
	char expected[256] = "0 1 2 ", number[16];

	for (int i = 0; i < ROUNDS; i++) {
		stream[i] = open_command("w", "! read x");
		own[i] = dup(0);
		snprintf(number, sizeof(number), "%d ", own[i]);
		strcat(expected, number);
	}
	ck_assert_str_eq(output("%s", list_open(100)), expected);
	for (int i = 0; i < ROUNDS; i++) {
		assert_exit(close_command(stream[i]), 0);
		close(own[i]);
	}
}
END_TEST

/* A stream at a number that is free, not the lowest, without the others. */
static FILE *
open_above(int more)
{
	FILE *stream;
	int held[30];

	for (int i = 0; i < more; i++)
		held[i] = fcntl(0, F_DUPFD_CLOEXEC, 0);
	stream = open_command("r", "%s", list_open(70));
	for (int i = 0; i < more; i++)
		close(held[i]);
	ck_assert_str_eq(rest_of(stream), "0 1 2 ");
	return stream;
}

/* Few of them and many by turns. */
START_TEST(streams_open_and_close_in_any_order)
{
	FILE *stream[30] = { NULL }, **one;
	unsigned int seed = 1;

	for (int i = 0; i < 500; i++) {
		one = &stream[rand_r(&seed) % COUNT(stream)];
		if (rand_r(&seed) % 4 < (i / 64 % 2 == 0 ? 3 : 1)) {
			if (*one == NULL)
				*one = open_above(rand_r(&seed) % 30);
		} else if (*one != NULL) {
			assert_exit(close_command(*one), 0);
			*one = NULL;
		}
	}
	for (size_t i = 0; i < COUNT(stream); i++)
		if (stream[i] != NULL)
			assert_exit(close_command(stream[i]), 0);
}
END_TEST

START_TEST(number_of_a_closed_stream_is_inherited)
{
	FILE *stream = open_command("r", ":");
	int fd = fileno(stream);
	char expected[32];

	assert_exit(close_command(stream), 0);
	ck_assert_int_eq(dup2(0, fd), fd);
	snprintf(expected, sizeof(expected), "0 1 2 %d ", fd);
	ck_assert_str_eq(output("%s", list_open(100)), expected);
	close(fd);
}
END_TEST

START_TEST(copy_of_a_stream_is_inherited)
{
	FILE *stream = open_command("r", ":");
	int copy = dup(fileno(stream));
	char expected[32];

	snprintf(expected, sizeof(expected), "0 1 2 %d ", copy);
	ck_assert_str_eq(output("%s", list_open(100)), expected);
	close(copy);
	assert_exit(close_command(stream), 0);
}
END_TEST

static void
exec_shell(void *command)
{
	execl("/bin/sh", "sh", "-c", (char *)command, (char *)NULL);
}

START_TEST(stream_is_inherited_by_others)
{
	FILE *stream = open_command("w", "! read x");
	char command[64];

	snprintf(command, sizeof(command), "test -e /proc/self/fd/%d",
	    fileno(stream));
	in_child(exec_shell, command);
	ck_assert_int_eq(system(command), 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

/* --- descriptors 0 to 2 closed in the caller --- */

/* What list_open(3) is to print if the caller has closed those, and type gives
 * the command its own. */
static const char *
standard_left(int closed, const char *type)
{
	static char text[8];
	int given = strcmp(type, "r") == 0 ? 2 : strcmp(type, "w") == 0 ? 1 : 3;

	text[0] = '\0';
	for (int fd = 0; fd < 3; fd++)
		if ((~closed | given) & 1 << fd)
			sprintf(text + strlen(text), "%d ", fd);
	return text;
}

static const char *const directions[] = { "r", "w", "r+" };

/* The command says what it has been given by the exit status of a comparison,
 * and has read its input to the end. */
static void
check_standard(int closed, const char *type)
{
	FILE *stream;
	char line[16];

	stream = open_command(type, "%s >/dev/null; "
	    "test \"$list\" = '%s' || exit 1; %s%s", list_open(20),
	    standard_left(closed, type),
	    *type == 'w' || type[1] == '+' ? "read x && test $x = in &&" : "",
	    *type == 'r' ? "echo out" : ":");
	if (strcmp(type, "r") != 0) {
		ck_assert_int_ge(fputs("in\n", stream), 0);
		ck_assert_int_eq(fflush(stream), 0);
	}
	if (*type == 'r') {
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), stream));
		ck_assert_str_eq(line, "out\n");
	}
	assert_exit(close_command(stream), 0);
}

START_TEST(standard_closed)
{
	int closed = _i / COUNT(directions);

	close_standard(closed);
	check_standard(closed, directions[_i % COUNT(directions)]);
	open_standard();
}
END_TEST

/* The first stream may have got number 0, 1 or 2, which is then the second's
 * target.  "r+" gets the same as "r". */
START_TEST(standard_closed_twice)
{
	int closed = _i / COUNT(directions);
	FILE *first;

	close_standard(closed);
	for (size_t i = 0; i < 2; i++) {
		first = open_command(directions[i], "read x");
		check_standard(closed, directions[_i % COUNT(directions)]);
		close_command(first);
	}
	open_standard();
}
END_TEST

/* --- signals, and what else a process has --- */

/* exec: dash 0.5.12 empties the mask of what it runs by vfork(2). */
#define SHOW_SIGNALS	"exec cat /proc/self/status"

static void
never_called(int signo)
{
	ck_abort_msg("handler called for %d", signo);
}

START_TEST(mask_is_the_callers)
{
	block(SIGUSR2);
	block(SIGTERM);
	block(SIGRTMAX);
	ck_assert_uint_eq(status_set(output(SHOW_SIGNALS), "SigBlk:"),
	    own_set("SigBlk:"));
}
END_TEST

START_TEST(empty_mask_is_the_callers)
{
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		if (signo < 32 || signo >= SIGRTMIN)
			unblock(signo);
	ck_assert_uint_eq(status_set(output(SHOW_SIGNALS), "SigBlk:"), 0);
}
END_TEST

START_TEST(ignored_stays_ignored)
{
	on_signal(SIGHUP, SIG_IGN, 0);
	on_signal(SIGPIPE, SIG_IGN, 0);
	on_signal(SIGINT, SIG_IGN, 0);
	on_signal(SIGRTMAX, SIG_IGN, 0);
	ck_assert_uint_eq(status_set(output(SHOW_SIGNALS), "SigIgn:"),
	    own_set("SigIgn:"));
}
END_TEST

START_TEST(handlers_are_reset)
{
	on_signal(SIGUSR1, never_called, 0);
	on_signal(SIGINT, never_called, SA_RESTART);
	assert_killed(close_command(open_command("r", "kill -USR1 $$")),
	    SIGUSR1);
	assert_killed(close_command(open_command("r", "kill -INT $$")),
	    SIGINT);
}
END_TEST

START_TEST(default_stays_default)
{
	on_signal(SIGPIPE, SIG_DFL, 0);
	on_signal(SIGQUIT, SIG_DFL, 0);
	assert_killed(close_command(open_command("r", "kill -PIPE $$")),
	    SIGPIPE);
	assert_killed(close_command(open_command("r",
	    "ulimit -c 0; kill -QUIT $$")), SIGQUIT);
}
END_TEST

START_TEST(process_group_is_the_callers)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "%d %d %d\n", getpid(),
	    getpgrp(), getsid(0));
	ck_assert_str_eq(output("set -- $(cat /proc/$$/stat); echo $4 $5 $6"),
	    expected);
}
END_TEST

static struct {
	pid_t caller;
	int strangers;	/* calls of the handler in another process */
	bool over;
} *shared;

static void
note_stranger(int signo)
{
	(void)signo;
	if (getpid() != shared->caller)
		shared->strangers++;
}

/* Signals to the caller and all its commands. */
static void *
strike(void *unused)
{
	while (!__atomic_load_n(&shared->over, __ATOMIC_RELAXED))
		kill(0, SIGUSR1);
	return unused;
}

static void
launch_in_strikes(void)
{
	pthread_t thread;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	shared->caller = getpid();
	on_signal(SIGUSR1, note_stranger, SA_RESTART);
	ck_assert_int_eq(pthread_create(&thread, NULL, strike, NULL), 0);
	for (int i = 0; i < 50; i++) {
		int status = spclose(open_command("r", "read x"));

		ck_assert(status == 1 << 8 || status == SIGUSR1);
	}
	__atomic_store_n(&shared->over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ck_assert_int_eq(shared->strangers, 0);
}

START_TEST(no_handler_runs_in_the_child)
{
	launch_in_strikes();
}
END_TEST

/* Then handlers are reset one by one. */
START_TEST(no_handler_runs_in_the_child_without_clone3)
{
	refuse(SYS_clone3, 0, ENOSYS);
	launch_in_strikes();
}
END_TEST

/* --- changes right after the return --- */

START_TEST(command_may_be_unmapped)
{
	char *command = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *stream;

	ck_assert_ptr_ne(command, MAP_FAILED);
	for (int i = 0; i < ROUNDS; i++) {
		strcpy(command, "echo right");
		stream = spopen(command, "r");
		memset(command, ';', 10);
		if (i == ROUNDS - 1)
			munmap(command, 4096);
		ck_assert_ptr_nonnull(stream);
		ck_assert_str_eq(rest_of(stream), "right\n");
		assert_exit(close_command(stream), 0);
	}
}
END_TEST

START_TEST(environment_strings_may_change)
{
	char variable[] = "SPAWNIO_T=right";
	FILE *stream;

	ck_assert_int_eq(putenv(variable), 0);
	for (int i = 0; i < ROUNDS; i++) {
		strcpy(variable, "SPAWNIO_T=right");
		stream = open_command("r", "echo $SPAWNIO_T");
		strcpy(variable, "SPAWNIO_T=wrong");
		ck_assert_str_eq(rest_of(stream), "right\n");
		assert_exit(close_command(stream), 0);
	}
	unsetenv("SPAWNIO_T");
}
END_TEST

START_TEST(environment_array_may_change)
{
	char right[] = "SPAWNIO_T=right", wrong[] = "SPAWNIO_T=wrong";
	char *strings[] = { right, NULL }, **whole = environ;
	FILE *stream;

	for (int i = 0; i < ROUNDS; i++) {
		strings[0] = right;
		environ = strings;
		stream = open_command("r", "echo $SPAWNIO_T");
		environ = NULL;
		strings[0] = wrong;
		ck_assert_str_eq(rest_of(stream), "right\n");
		assert_exit(close_command(stream), 0);
	}
	environ = whole;
}
END_TEST

START_TEST(null_environment_is_empty)
{
	char **whole = environ;
	FILE *stream;

	environ = NULL;
	stream = open_command("r", "echo ${SPAWNIO_ENGINE-unset}");
	environ = whole;
	ck_assert_str_eq(rest_of(stream), "unset\n");
	assert_exit(close_command(stream), 0);
}
END_TEST

/* More than fits into a launch block. */
START_TEST(large_environment)
{
	char *value = command_of(100000);

	setenv("SPAWNIO_T", value, 1);
	setenv("SPAWNIO_U", value, 1);
	free(value);
	ck_assert_str_eq(output("echo ${#SPAWNIO_T} ${#SPAWNIO_U}"),
	    "100000 100000\n");
}
END_TEST

/* About as much as fits, so that each part is once what does not. */
START_TEST(environment_of_any_size)
{
	FILE *stream[ROUNDS];
	char expected[32], *value;

	for (int i = 0; i < ROUNDS; i++)
		stream[i] = open_command("w", "! read x");
	for (int size = 28 << 10; size < 34 << 10; size += 64) {
		value = command_of(size);
		setenv("SPAWNIO_T", value, 1);
		free(value);
		snprintf(expected, sizeof(expected), "%d 0 1 2 ", size);
		ck_assert_str_eq(output("printf '%%s ' ${#SPAWNIO_T}; %s",
		    list_open(30)), expected);
	}
	for (int i = 0; i < ROUNDS; i++)
		assert_exit(close_command(stream[i]), 0);
}
END_TEST

START_TEST(folder_may_change)
{
	for (int i = 0; i < ROUNDS; i++) {
		FILE *stream;

		ck_assert_int_eq(chdir("/usr"), 0);
		stream = open_command("r", "pwd -P");
		ck_assert_int_eq(chdir("/"), 0);
		ck_assert_str_eq(rest_of(stream), "/usr\n");
		assert_exit(close_command(stream), 0);
	}
}
END_TEST

START_TEST(umask_may_change)
{
	mode_t old = umask(0);

	for (int i = 0; i < ROUNDS; i++) {
		FILE *stream;

		umask(0127);
		stream = open_command("r", "umask");
		umask(0);
		ck_assert_str_eq(rest_of(stream), "0127\n");
		assert_exit(close_command(stream), 0);
	}
	umask(old);
}
END_TEST

START_TEST(mask_and_actions_may_change)
{
	for (int i = 0; i < ROUNDS; i++) {
		FILE *stream;
		const char *text;

		block(SIGUSR2);
		on_signal(SIGHUP, SIG_IGN, 0);
		stream = open_command("r", SHOW_SIGNALS);
		unblock(SIGUSR2);
		on_signal(SIGHUP, SIG_DFL, 0);
		text = rest_of(stream);
		ck_assert(status_set(text, "SigBlk:") & 1 << (SIGUSR2 - 1));
		ck_assert(status_set(text, "SigIgn:") & 1 << (SIGHUP - 1));
		assert_exit(close_command(stream), 0);
	}
}
END_TEST

START_TEST(descriptor_may_be_replaced)
{
	struct channel from = from_commands();
	int other = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (int i = 0; i < ROUNDS; i++) {
		int copy = dup(from.theirs);
		FILE *stream = open_command("r", "echo >/proc/self/fd/%d",
		    copy);

		ck_assert_int_eq(dup2(other, copy), copy);
		await(from);
		assert_exit(close_command(stream), 0);
		close(copy);
	}
	close(other);
	close_channel(from);
}
END_TEST

START_TEST(descriptor_may_be_closed)
{
	struct channel from = from_commands();

	for (int i = 0; i < ROUNDS; i++) {
		int copy = dup(from.theirs);
		FILE *stream = open_command("r", "echo >/proc/self/fd/%d",
		    copy);

		close(copy);
		await(from);
		assert_exit(close_command(stream), 0);
	}
	close_channel(from);
}
END_TEST

static void
open_and_exit(void *arg)
{
	struct channel *from = arg;

	open_command("r", "echo >/proc/self/fd/%d", from->theirs);
	_exit(0);
}

START_TEST(caller_may_exit)
{
	struct channel from = from_commands();

	for (int i = 0; i < ROUNDS; i++) {
		in_child(open_and_exit, &from);
		await(from);
	}
	close_channel(from);
}
END_TEST

static void *
open_in_thread(void *unused)
{
	(void)unused;
	return spopen("echo right", "r");
}

START_TEST(thread_may_exit)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;
		void *stream;

		ck_assert_int_eq(pthread_create(&thread, NULL, open_in_thread,
		    NULL), 0);
		pthread_join(thread, &stream);
		ck_assert_ptr_nonnull(stream);
		ck_assert_str_eq(rest_of(stream), "right\n");
		assert_exit(close_command(stream), 0);
	}
}
END_TEST

/* --- errors --- */

/* Every number below limit is taken but for so many. */
static void
leave_descriptors(int n, struct rlimit *old)
{
	struct rlimit limit;
	int top = 3;

	while (fcntl(top, F_GETFD) != -1)
		top++;
	getrlimit(RLIMIT_NOFILE, old);
	limit = *old;
	limit.rlim_cur = top + n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(no_descriptors)
{
	struct rlimit old;

	for (int n = 0; n < 2; n++) {
		leave_descriptors(n, &old);
		for (size_t i = 0; i < COUNT(every_type); i++)
			assert_error(spopen(":", every_type[i]), NULL, EMFILE);
		setrlimit(RLIMIT_NOFILE, &old);
	}
}
END_TEST

/* libc's posix_spawn() may have one of its own to hear of the exec. */
START_TEST(stream_needs_two_descriptors)
{
	bool libc = strcmp(engine_in_use(), "posix_spawn") == 0;
	struct rlimit old;

	leave_descriptors(libc ? 4 : 2, &old);
	ck_assert_str_eq(output("echo right"), "right\n");
	setrlimit(RLIMIT_NOFILE, &old);
}
END_TEST

START_TEST(no_processes)
{
	allow_no_children();
	for (size_t i = 0; i < COUNT(every_type); i++)
		assert_error(spopen(":", every_type[i]), NULL, EAGAIN);
}
END_TEST

static const int refusals[] = { EAGAIN, ENOMEM };

/* More often than there are launches that can be in flight. */
START_TEST(clone_fails)
{
	refuse(SYS_clone, 0, refusals[_i]);
	refuse(SYS_clone3, 0, refusals[_i]);
	for (size_t i = 0; i < 20; i++)
		assert_error(spopen(":", every_type[i % COUNT(every_type)]),
		    NULL, refusals[_i]);
	ck_assert_int_eq(spawnio_quiesce(0), 0);
}
END_TEST

/* No stream stays, either. */
START_TEST(failures_leave_no_memory)
{
	FILE *stream = NULL;

	refuse(SYS_clone, 0, EAGAIN);
	refuse(SYS_clone3, 0, EAGAIN);
	assert_error(spopen(":", "r"), NULL, EAGAIN);
	limit_memory(1024 * 1024);
	for (int i = 0; i < 4000 && stream == NULL && errno == EAGAIN; i++)
		stream = spopen(":", "r");
	ck_assert_ptr_null(stream);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

static void
expect_error(void *arg)
{
	for (size_t i = 0; i < COUNT(every_type); i++)
		assert_error(spopen(":", every_type[i]), NULL, *(int *)arg);
}

START_TEST(no_shell)
{
	in_other_root(NULL, 0, expect_error, &(int){ ENOENT });
}
END_TEST

START_TEST(shell_not_executable)
{
	in_other_root("#!/bin/true\n", 0644, expect_error, &(int){ EACCES });
}
END_TEST

/* An error of exec itself is known where the engine waits for it in the same
 * memory. */
static void
expect_exec_error(const char *engine, int error)
{
	FILE *stream;

	if (!emulated() && (strcmp(engine, "posix_spawn") == 0 ||
	    strcmp(engine, "vfork") == 0)) {
		assert_error(spopen(":", "r"), NULL, error);
		return;
	}
	stream = open_command("r", ":");
	ck_assert_str_eq(rest_of(stream), "");
	assert_exit(close_command(stream), 127);
}

static void
expect_noexec(void *unused)
{
	const char *engine = spawnio_engine(NULL);

	(void)unused;
	if (strcmp(engine, "avfork") == 0 && !clone3_is_there())
		engine = "vfork";
	expect_exec_error(engine, ENOEXEC);
}

START_TEST(shell_is_no_program)
{
	in_other_root("neither ELF nor #!\n", 0755, expect_noexec, NULL);
}
END_TEST

/* So large an environment goes by vfork even where avfork is in use. */
START_TEST(environment_too_large)
{
	char *value = command_of(100000), name[32];
	const char *engine = spawnio_engine(NULL);
	struct rlimit stack;

	getrlimit(RLIMIT_STACK, &stack);
	stack.rlim_cur = 1024 * 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_STACK, &stack), 0);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "SPAWNIO_T%d", i);
		setenv(name, value, 1);
	}
	if (strcmp(engine, "avfork") == 0)
		engine = "vfork";
	expect_exec_error(engine, E2BIG);
	free(value);
}
END_TEST

/* --- threads, cancellation --- */

/* Not NULL if anything is wrong. */
static void *
open_and_close_often(void *unused)
{
	char line[16];

	for (int i = 0; i < ROUNDS; i++) {
		FILE *stream = spopen("read x; echo $x; exit 3", "r+");

		if (stream == NULL || fputs("in\n", stream) == EOF ||
		    fflush(stream) == EOF ||
		    fgets(line, sizeof(line), stream) == NULL ||
		    strcmp(line, "in\n") != 0 || spclose(stream) != 3 << 8)
			return stdin;
	}
	return unused;
}

START_TEST(threads_have_their_own)
{
	pthread_t thread[8];
	void *wrong;

	for (size_t i = 0; i < COUNT(thread); i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL,
		    open_and_close_often, NULL), 0);
	for (size_t i = 0; i < COUNT(thread); i++) {
		pthread_join(thread[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
}
END_TEST

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool over;

static void
lock_mutex(void)
{
	pthread_mutex_lock(&mutex);
}

static void
unlock_mutex(void)
{
	pthread_mutex_unlock(&mutex);
}

static void *
open_and_close_with_mutex(void *unused)
{
	FILE *stream;

	while (!atomic_load(&over)) {
		lock_mutex();
		stream = spopen("exit 0", "r");
		if (stream == NULL || spclose(stream) != 0)
			unused = stdin;
		unlock_mutex();
		usleep(100);
	}
	return unused;
}

/* pthread_atfork(3): a module that keeps its mutex over a fork of another
 * thread's, and launches with it. */
START_TEST(fork_handlers_may_wait_for_it)
{
	pthread_t thread;
	void *wrong;
	int status;
	pid_t pid;

	ck_assert_int_eq(pthread_atfork(lock_mutex, unlock_mutex,
	    unlock_mutex), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL,
	    open_and_close_with_mutex, NULL), 0);
	for (int i = 0; i < 5 * ROUNDS; i++) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		ck_assert_int_ge(pid, 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		usleep(1000);
	}
	atomic_store(&over, true);
	ck_assert_int_eq(pthread_join(thread, &wrong), 0);
	ck_assert_ptr_null(wrong);
}
END_TEST

static void *
open_when_cancelled(void *arg)
{
	FILE **stream = arg;

	pthread_cancel(pthread_self());
	*stream = spopen("echo right", "r");
	pthread_testcancel();
	*stream = NULL;
	return NULL;
}

START_TEST(no_cancellation_point)
{
	FILE *stream = NULL;
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, open_when_cancelled,
	    &stream), 0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert_ptr_nonnull(stream);
	ck_assert_str_eq(rest_of(stream), "right\n");
	assert_exit(close_command(stream), 0);
}
END_TEST

static void
add_errors(TCase *tcase)
{
	tcase_add_test(tcase, no_descriptors);
	tcase_add_test(tcase, stream_needs_two_descriptors);
	if (!emulated())
		tcase_add_test(tcase, environment_too_large);
	else
		left_out("emulated: environment_too_large");
	/* The limit is not root's. */
	if (geteuid() != 0)
		tcase_add_test(tcase, no_processes);
	else
		left_out("root: no_processes");
	if (may_refuse())
		tcase_add_loop_test(tcase, clone_fails, 0, COUNT(refusals));
	else
		left_out("no seccomp: clone_fails");
	if (may_refuse() && MAY_LIMIT)
		tcase_add_test(tcase, failures_leave_no_memory);
	else
		left_out("seccomp or sanitizer: failures_leave_no_memory");
	if (may_change_root()) {
		tcase_add_test(tcase, no_shell);
		tcase_add_test(tcase, shell_not_executable);
		tcase_add_test(tcase, shell_is_no_program);
	} else
		left_out("no chroot: tests without a shell");
}

static Suite *
suite(void)
{
	Suite *s = suite_create("spopen");
	TCase *tcase;

	tcase = add_case(s, "types");
	tcase_add_loop_test(tcase, valid_type, 0, COUNT(valid));
	tcase_add_loop_test(tcase, invalid_type, 0, COUNT(invalid));
	tcase_add_test(tcase, null_is_invalid);
	tcase_add_loop_test(tcase, errno_untouched, 0, COUNT(every_type));

	tcase = add_case(s, "commands");
	tcase_add_test(tcase, command_is_run_by_the_shell);
	tcase_add_test(tcase, command_has_no_arguments);
	tcase_add_test(tcase, command_may_be_empty);
	tcase_add_test(tcase, leading_dash_is_no_option);
	tcase_add_test(tcase, longest_command);
	tcase_add_test(tcase, command_too_long);

	tcase = add_case(s, "data");
	tcase_add_test(tcase, output_is_read);
	tcase_add_test(tcase, input_is_written);
	tcase_add_test(tcase, closing_ends_the_input);
	tcase_add_test(tcase, megabytes_are_read_and_written);
	tcase_add_test(tcase, buffer_is_full_sized);
	tcase_add_test(tcase, setvbuf_works);
	tcase_add_test(tcase, poll_works);

	tcase = add_case(s, "two ways");
	tcase_add_test(tcase, two_ways_is_a_stream_socket);
	tcase_add_test(tcase, two_ways_is_one_socket_in_the_command);
	tcase_add_test(tcase, shutdown_ends_the_input);
	tcase_add_test(tcase, two_ways_in_turns);
	tcase_add_test(tcase, two_ways_unbuffered);
	tcase_add_test(tcase, megabytes_both_ways_at_once);

	tcase = add_case(s, "descriptors");
	tcase_add_loop_test(tcase, nothing_but_the_stream_is_new, 0,
	    COUNT(every_type));
	tcase_add_test(tcase, command_has_three_descriptors);
	tcase_add_test(tcase, write_end_not_inherited);
	tcase_add_loop_test(tcase, earlier_stream_not_inherited, 0,
	    COUNT(every_type));
	if (may_refuse())
		tcase_add_loop_test(tcase,
		    earlier_stream_not_inherited_without_fstat, 0, 2);
	else
		left_out("no seccomp: "
		    "earlier_stream_not_inherited_without_fstat");
	tcase_add_test(tcase, only_streams_are_closed);
	tcase_add_test(tcase, streams_open_and_close_in_any_order);
	tcase_add_test(tcase, number_of_a_closed_stream_is_inherited);
	tcase_add_test(tcase, copy_of_a_stream_is_inherited);
	tcase_add_test(tcase, stream_is_inherited_by_others);
	tcase_add_loop_test(tcase, standard_closed, 0, 8 * COUNT(directions));
	tcase_add_loop_test(tcase, standard_closed_twice, 0,
	    8 * COUNT(directions));

	tcase = add_case(s, "process");
	tcase_add_test(tcase, mask_is_the_callers);
	tcase_add_test(tcase, empty_mask_is_the_callers);
	tcase_add_test(tcase, ignored_stays_ignored);
	tcase_add_test(tcase, handlers_are_reset);
	tcase_add_test(tcase, default_stays_default);
	tcase_add_test(tcase, process_group_is_the_callers);
	tcase_add_test(tcase, no_handler_runs_in_the_child);
	if (may_refuse())
		tcase_add_test(tcase,
		    no_handler_runs_in_the_child_without_clone3);
	else
		left_out("no seccomp: "
		    "no_handler_runs_in_the_child_without_clone3");

	tcase = add_case(s, "changes");
	tcase_add_test(tcase, command_may_be_unmapped);
	tcase_add_test(tcase, environment_strings_may_change);
	tcase_add_test(tcase, environment_array_may_change);
	tcase_add_test(tcase, null_environment_is_empty);
	tcase_add_test(tcase, large_environment);
	tcase_add_test(tcase, environment_of_any_size);
	tcase_add_test(tcase, folder_may_change);
	tcase_add_test(tcase, umask_may_change);
	tcase_add_test(tcase, mask_and_actions_may_change);
	tcase_add_test(tcase, descriptor_may_be_replaced);
	tcase_add_test(tcase, descriptor_may_be_closed);
	tcase_add_test(tcase, caller_may_exit);
	tcase_add_test(tcase, thread_may_exit);

	tcase = add_case(s, "threads");
	tcase_add_test(tcase, threads_have_their_own);
	tcase_add_test(tcase, fork_handlers_may_wait_for_it);
	tcase_add_test(tcase, no_cancellation_point);

	add_errors(add_case(s, "errors"));
	return s;
}

int
main(void)
{
	return run(suite());
}
