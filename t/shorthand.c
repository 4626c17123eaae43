/* SPDX-License-Identifier: ISC */
/* Shorthand for the tests of spawnio_how(3). */

#include "shorthand.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <stdarg.h>
#include <time.h>

#define ODD_ERRNO	12345
#define TEXTS		4

const char *engine = "";

void
find_engine(void)
{
	engine = engine_of_tests();
}

bool
failures_are_told(void)
{
	if (!emulated() || !engine_is("posix_spawn"))
		return true;
	left_out("emulator: the C library's posix_spawn() tells no failure");
	return false;
}

bool
engine_is(const char *name)
{
	return strcmp(engine, name) == 0;
}

/* --- children --- */

struct spawnio_how
program(char *const *argv)
{
	struct spawnio_how how;

	memset(&how, 0, sizeof(how));
	how.size = sizeof(how);
	how.argv = argv;
	return how;
}

static struct line {
	char text[4096];
	char *argv[4];
} *
next_line(void)
{
	static struct line lines[TEXTS];
	static size_t n;

	return &lines[n++ % TEXTS];
}

struct spawnio_how
shell(const char *format, ...)
{
	struct line *line = next_line();
	va_list args;

	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
	line->argv[0] = (char *)"/bin/sh";
	line->argv[1] = (char *)"-c";
	line->argv[2] = line->text;
	return program(line->argv);
}

struct spawnio_how
command(const char *format, ...)
{
	struct line *line = next_line();
	struct spawnio_how how = program(NULL);
	va_list args;

	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
	how.command = line->text;
	return how;
}

/* --- calls --- */

int
ran(const struct spawnio_how *how)
{
	int status;

	errno = ODD_ERRNO;
	status = spawnio_run(how);
	ck_assert_msg(status != -1, "spawnio_run: %s", strerror(errno));
	ck_assert_int_eq(errno, ODD_ERRNO);
	return status;
}

void
begin(const struct spawnio_how *how, struct spawnio_child *child)
{
	memset(child, 0xa5, sizeof(*child));
	errno = ODD_ERRNO;
	ck_assert_msg(spawnio_start(how, child) == 0, "spawnio_start: %s",
	    strerror(errno));
	ck_assert_int_eq(errno, ODD_ERRNO);
}

int
end(struct spawnio_child *child)
{
	int status;

	errno = ODD_ERRNO;
	ck_assert_msg(spawnio_child_wait(child, -1, &status) == 0,
	    "spawnio_child_wait: %s", strerror(errno));
	ck_assert_int_eq(errno, ODD_ERRNO);
	return status;
}

FILE *
opened(const struct spawnio_how *how, const char *type)
{
	FILE *stream;

	errno = ODD_ERRNO;
	stream = spawnio_open(how, type);
	ck_assert_msg(stream != NULL, "spawnio_open(\"%s\"): %s", type,
	    strerror(errno));
	ck_assert_int_eq(errno, ODD_ERRNO);
	return stream;
}

const char *
drain(struct spawnio_child *child, int which)
{
	FILE *stream = fdopen(child->fd[which], "r");
	const char *text;

	ck_assert_ptr_nonnull(stream);
	text = rest_of(stream);
	fclose(stream);
	return text;
}

const char *
said(const struct spawnio_how *how)
{
	struct spawnio_how with_pipe = *how;
	struct spawnio_child child;
	const char *text;

	with_pipe.out.kind = SPAWNIO_PIPE;
	begin(&with_pipe, &child);
	text = drain(&child, 1);
	assert_exit(end(&child), 0);
	return text;
}

void
cancel_when_begun(void *(*body)(void *), void *arg, struct channel from)
{
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, body, arg), 0);
	await(from);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	assert_error(waitpid(-1, NULL, WNOHANG | __WALL), -1, ECHILD);
	close_channel(from);
}

/* --- failures --- */

static void
check_failure(const char *function, bool failed, int error, int expected)
{
	ck_assert_msg(failed, "%s did not fail", function);
	ck_assert_msg(error == expected, "%s: %s, not %s", function,
	    strerror(error), strerror(expected));
	assert_error(waitpid(-1, NULL, WNOHANG | __WALL), -1, ECHILD);
}

static void
check_capture(const struct spawnio_how *how, int expected)
{
	struct spawnio_capture capture;
	bool failed;

	memset(&capture, 0xa5, sizeof(capture));
	capture.input = NULL;
	errno = 0;
	failed = spawnio_capture(how, &capture) == -1;
	check_failure("spawnio_capture", failed, errno, expected);
	ck_assert_ptr_null(capture.out);
	ck_assert_ptr_null(capture.err);
	ck_assert_int_eq(capture.status, -1);
}

void
assert_refused(const struct spawnio_how *how, int error)
{
	struct spawnio_child child;
	bool failed;

	errno = 0;
	failed = spawnio_run(how) == -1;
	check_failure("spawnio_run", failed, errno, error);
	errno = 0;
	failed = spawnio_start(how, &child) == -1;
	check_failure("spawnio_start", failed, errno, error);
	errno = 0;
	failed = spawnio_open(how, how->in.kind == SPAWNIO_DEFAULT ?
	    "w" : "r") == NULL;
	check_failure("spawnio_open", failed, errno, error);
	check_capture(how, error);
}

/* --- what a child is --- */

struct spawnio_how
tell_process(void)
{
	static char *argv[] = {
		(char *)"cat", (char *)"/proc/self/stat", NULL
	};

	return program(argv);
}

struct process
process_of(const char *text)
{
	const char *rest = strrchr(text, ')');
	struct process p;

	ck_assert_ptr_nonnull(rest);
	p.pid = atoi(text);
	ck_assert_int_eq(sscanf(rest, ") %*c %d %d %d %d %d %*u %*u %*u %*u "
	    "%*u %*u %*u %*d %*d %*d %d", &p.parent, &p.group, &p.session,
	    &p.tty, &p.foreground, &p.nice), 6);
	return p;
}

/* --- time, numbers, folders --- */

long
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static struct rlimit whole;

void
leave_numbers(int n)
{
	struct rlimit limit;
	int top = 3;

	spawnio_engine(NULL);	/* which wants one to look at /proc */
	while (fcntl(top, F_GETFD) != -1)
		top++;
	getrlimit(RLIMIT_NOFILE, &whole);
	limit = whole;
	limit.rlim_cur = (rlim_t)(top + n);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void
leave_all_numbers(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &whole), 0);
}

const char *
path_in(const char *folder, const char *name)
{
	static char path[4][128];
	static size_t n;
	char *text = path[n++ % COUNT(path)];

	snprintf(text, sizeof(path[0]), "%s/%s", folder, name);
	return text;
}

const char *
make_folder(const char *name, const char *text, mode_t mode)
{
	static char folders[4][32];
	static size_t n;
	char *folder = folders[n++ % COUNT(folders)];
	FILE *file;

	strcpy(folder, "/tmp/spawnio-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	if (name == NULL)
		return folder;
	file = fopen(path_in(folder, name), "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fchmod(fileno(file), mode), 0);
	ck_assert_int_eq(fclose(file), 0);
	return folder;
}

void
remove_folder(const char *folder, const char *name)
{
	if (name != NULL)
		unlink(path_in(folder, name));
	ck_assert_int_eq(rmdir(folder), 0);
}
