/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"
#include "trace.h"

#define UNKNOWN	INT64_C(-1)

struct trace {
	const char *call;
	const char *engine;		/* or NULL */
	struct timespec time;
	int64_t begun;			/* nanoseconds */
	int64_t returned;		/* since then, or UNKNOWN */
	int64_t executed;
	int64_t ended;
	int has_status;
	int status;
	int err;
	pid_t pid;
	pid_t tid;
	char command[];
};

_Atomic int spio_trace_state;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char path[PATH_MAX];

/* A program that changes its folder still writes to the same file. */
static int
make_path(const char *file)
{
	size_t at = 0, size;

	if (file[0] != '/') {
		if (getcwd(path, sizeof(path)) == NULL)
			return 0;
		at = strlen(path);
		path[at++] = '/';
	}
	size = strlen(file) + 1;
	if (size > sizeof(path) - at)
		return 0;
	memcpy(path + at, file, size);
	return 1;
}

static void
read_environment(void)
{
	const char *file = getenv("SPAWNIO_TRACE");
	int on = file != NULL && file[0] != '\0' &&
	    getauxval(AT_SECURE) == 0 && make_path(file);

	atomic_store_explicit(&spio_trace_state,
	    on ? SPIO_TRACE_ON : SPIO_TRACE_OFF, memory_order_release);
}

static int
is_on(void)
{
	int saved = errno;

	if (atomic_load(&spio_trace_state) == SPIO_TRACE_UNREAD)
		pthread_once(&once, read_environment);
	errno = saved;
	return atomic_load(&spio_trace_state) == SPIO_TRACE_ON;
}

static int64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

struct trace *
spio_trace_new(const char *call, const char *command)
{
	size_t size;
	struct trace *trace;
	int saved = errno;

	if (command == NULL || !is_on())
		return NULL;
	size = strlen(command) + 1;
	trace = malloc(sizeof(*trace) + size);
	errno = saved;
	if (trace == NULL)
		return NULL;
	memset(trace, 0, sizeof(*trace));
	memcpy(trace->command, command, size);
	trace->call = call;
	trace->returned = trace->executed = trace->ended = UNKNOWN;
	trace->pid = getpid();
	trace->tid = (pid_t)syscall(SYS_gettid);
	clock_gettime(CLOCK_REALTIME, &trace->time);
	trace->begun = now();
	return trace;
}

void
spio_trace_set_engine(struct trace *trace, enum spawnio_engine engine,
    int after_exec)
{
	trace->engine = spio_gate_name(engine);
	if (after_exec)
		trace->executed = now() - trace->begun;
}

void
spio_trace_set_return(struct trace *trace)
{
	trace->returned = now() - trace->begun;
}

/* The length of the UTF-8 sequence at s: no surrogates, nothing that is longer
 * than it need be; 0 if there is none. */
static int
utf8(const unsigned char *s)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int i, length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	unsigned code = s[0] & (0xffu >> (length + 1));

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc0 || s[0] > 0xf4)
		return 0;
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

/* At most six bytes for each one. */
static char *
quote(char *to, const char *from)
{
	const unsigned char *s = (const unsigned char *)from;
	int length;

	*to++ = '"';
	for (; *s != '\0'; s += length > 0 ? length : 1) {
		length = utf8(s);
		if (length == 0 || *s < ' ') {
			to += sprintf(to, "\\u%s%02x",
			    length == 0 ? "dc" : "00", *s);
			continue;
		}
		if (*s == '"' || *s == '\\')
			*to++ = '\\';
		to = mempcpy(to, s, (size_t)length);
	}
	*to++ = '"';
	return to;
}

static char *
put_time(char *to, const char *key, int64_t ns)
{
	if (ns < 0)
		return to + sprintf(to, ",\"%s\":null", key);
	return to + sprintf(to, ",\"%s\":%lld.%03d", key,
	    (long long)(ns / 1000), (int)(ns % 1000));
}

static char *
put_number(char *to, const char *key, int known, int n)
{
	if (!known)
		return to + sprintf(to, ",\"%s\":null", key);
	return to + sprintf(to, ",\"%s\":%d", key, n);
}

/* The longest that all fields but the command can be. */
#define ROOM	512

static size_t
format(const struct trace *trace, char *line)
{
	char *to = line;

	to += sprintf(to, "{\"time\":%lld.%06ld,\"pid\":%ld,\"tid\":%ld",
	    (long long)trace->time.tv_sec, trace->time.tv_nsec / 1000,
	    (long)trace->pid, (long)trace->tid);
	to += sprintf(to, ",\"call\":\"%s\"", trace->call);
	if (trace->engine != NULL)
		to += sprintf(to, ",\"engine\":\"%s\"", trace->engine);
	else
		to += sprintf(to, ",\"engine\":null");
	to = put_time(to, "return_us", trace->returned);
	to = put_time(to, "exec_us", trace->executed);
	to = put_time(to, "exit_us", trace->ended);
	to = put_number(to, "status", trace->has_status, trace->status);
	to = put_number(to, "errno", trace->err != 0, trace->err);
	to += sprintf(to, ",\"command\":");
	to = quote(to, trace->command);
	*to++ = '}';
	*to++ = '\n';
	return (size_t)(to - line);
}

/* The file is opened for each line: programs close descriptors that they do
 * not know. */
static void
put(const char *line, size_t size)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0666);

	if (fd == -1)
		return;
	/* In a pipe, wait for room, but not for somebody who reads. */
	fcntl(fd, F_SETFL, O_APPEND);
	while (write(fd, line, size) == -1 && errno == EINTR)
		;
	close(fd);
}

/* A file at its limit, or a pipe that nobody reads, is no reason to end the
 * program. */
static void
put_without_signals(const char *line, size_t size)
{
	const struct timespec at_once = { 0, 0 };
	sigset_t ours, before, old;

	sigemptyset(&ours);
	sigaddset(&ours, SIGPIPE);
	sigaddset(&ours, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &ours, &old);
	sigpending(&before);
	put(line, size);
	if (sigismember(&before, SIGPIPE))
		sigdelset(&ours, SIGPIPE);
	if (sigismember(&before, SIGXFSZ))
		sigdelset(&ours, SIGXFSZ);
	while (sigtimedwait(&ours, NULL, &at_once) != -1)
		;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* In a forked copy of the process the call is not its own.  Small rather than
 * fast. */
__attribute__((__cold__)) static void
finish(struct trace *trace)
{
	char *line = NULL;
	int saved = errno;

	if (trace->pid == getpid())
		line = malloc(6 * strlen(trace->command) + ROOM);
	if (line != NULL)
		put_without_signals(line, format(trace, line));
	free(line);
	free(trace);
	errno = saved;
}

void
spio_trace_finish(struct trace *trace, int err, int status)
{
	trace->has_status = err == 0;
	trace->status = status;
	trace->err = err;
	if (err == 0)
		trace->ended = now() - trace->begun;
	finish(trace);
}

void
spio_trace_fail(struct trace *trace, int err)
{
	if (trace == NULL)
		return;
	spio_trace_set_return(trace);
	trace->err = err;
	finish(trace);
}

void
spio_trace_drop(struct trace *trace)
{
	free(trace);
}

void
spio_trace_libc(struct trace *trace, int err)
{
	if (trace == NULL)
		return;
	trace->engine = "libc";
	spio_trace_fail(trace, err);
}
