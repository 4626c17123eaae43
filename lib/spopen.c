/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawnio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "how.h"
#include "launch.h"
#include "trace.h"

/* What is to be opened: a request, or for popen a command. */
struct opening {
	const char *command;	/* NULL if the request has none */
	struct request *request;
	int mode;
};

enum { READ = 1, WRITE = 2, BOTH = 4, CLOEXEC = 8, KEEP_STATUS = 16 };

/* The letters in any order and number, as glibc takes them; 0 if they make no
 * mode. */
static int
parse_type(const char *type)
{
	int mode = 0;

	for (; *type != '\0'; type++)
		switch (*type) {
		case 'r':
			mode |= READ;
			break;
		case 'w':
			mode |= WRITE;
			break;
		case '+':
			mode |= BOTH;
			break;
		case 'e':
			mode |= CLOEXEC;
			break;
		default:
			return 0;
		}
	switch (mode & (READ | WRITE | BOTH)) {
	case READ:
	case WRITE:
	case READ | BOTH:
		return mode;
	default:
		return 0;
	}
}

/* The types of which every libc makes the same; with "er", say, or "r+", it is
 * for libc to say what that is. */
static int
plain_type(const char *type)
{
	if (*type != 'r' && *type != 'w')
		return 0;
	return type[type[1] == 'e' ? 2 : 1] == '\0';
}

/* The parent's descriptor, then the child's; both are close-on-exec. */
static int
make_ends(int mode, int ends[2])
{
	int swap;

	if (mode & BOTH)
		return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	if (mode & WRITE) {
		swap = ends[0];
		ends[0] = ends[1];
		ends[1] = swap;
	}
	return 0;
}

static int
start_command(struct launch *launch, const struct opening *opening, int end)
{
	struct fd_move move[2];
	int n = 0;

	if (opening->mode & (WRITE | BOTH)) {
		move[n].from = end;
		move[n++].to = STDIN_FILENO;
	}
	if (opening->mode & READ) {
		move[n].from = end;
		move[n++].to = STDOUT_FILENO;
	}
	launch->plan.move = move;
	launch->plan.moves = n;
	return spio_launch(launch, opening->command);
}

static int
start_request(struct launch *launch, const struct opening *opening, int end)
{
	const struct spawnio_io io = { .kind = SPAWNIO_FD, .fd = end };
	struct request *request = opening->request;
	int err;

	if (opening->mode & (WRITE | BOTH))
		request->how.in = io;
	if (opening->mode & READ)
		request->how.out = io;
	err = spio_how_open(request);
	return err != 0 ? err : spio_how_launch(request, launch);
}

/* Start the child behind a stream that has its descriptor; 0 or an errno. */
static int
start(struct stream *stream, const struct opening *opening, int child_end)
{
	struct launch launch;
	int err;

	memset(&launch, 0, sizeof(launch));
	launch.stream = stream;
	launch.trace = stream->trace;
	launch.want_pidfd = opening->mode & KEEP_STATUS &&
	    spio_reap_leaves_nothing();
	launch.plan.failure = &stream->failure;
	err = opening->request != NULL ?
	    start_request(&launch, opening, child_end) :
	    start_command(&launch, opening, child_end);
	if (err != 0)
		return err;
	spio_reap_need_pidfd(&launch.kid);
	/* In the table already, but nobody else has its FILE yet. */
	stream->kid = launch.kid;
	stream->told = launch.told;
	if (!stream->cloexec)
		fcntl(stream->end.fd, F_SETFD, 0);
	return 0;
}

/* For libc, what a filter says to faccessat2(2) is what the kernel says of the
 * file; access(2) looks at the real ids, which are nearly always the same. */
static int
has_shell(void)
{
	return faccessat(AT_FDCWD, SPIO_SHELL, X_OK, AT_EACCESS) == 0 ||
	    (errno == EPERM && access(SPIO_SHELL, X_OK) == 0);
}

/* Make the stream with all that it needs; 0 or an errno. */
static int
open_stream(struct stream *stream, const struct opening *opening)
{
	static const char *const stdio_modes[] = {
		[READ] = "r", [WRITE] = "w", [READ | BOTH] = "r+"
	};
	int ends[2] = { -1, -1 }, mode = opening->mode, err;

	if ((opening->command != NULL && !has_shell()) ||
	    make_ends(mode, ends) == -1)
		return errno;
	stream->end.fd = ends[0];
	stream->cloexec = mode & CLOEXEC;
	stream->kid.pidfd = -1;
	stream->file = fdopen(ends[0],
	    stdio_modes[mode & (READ | WRITE | BOTH)]);
	err = stream->file == NULL ? errno : 0;
	if (err == 0) {
		spio_stream_identify(stream);
		err = start(stream, opening, ends[1]);
	}
	close(ends[1]);
	if (err != 0 && stream->file != NULL)
		fclose(stream->file);
	else if (err != 0)
		close(ends[0]);
	return err;
}

/* 0 or an errno. */
static int
new_stream(const struct opening *opening, struct trace *trace, FILE **file)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int err;

	if (stream == NULL)
		return ENOMEM;
	stream->trace = trace;
	err = open_stream(stream, opening);
	*file = stream->file;
	if (err != 0)
		free(stream);
	return err;	/* NOLINT(clang-analyzer-unix.Malloc): it is listed */
}

/* With errno as for the caller; popen alone is traced. */
static FILE *
open_opening(const struct opening *opening)
{
	struct trace *trace = NULL;
	int saved = errno, err, cancel;
	FILE *file = NULL;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (opening->request == NULL)
		trace = spio_trace_begin("popen", opening->command);
	err = new_stream(opening, trace, &file);
	if (err == 0)
		spio_trace_return(trace);
	/* The shim goes on to libc, and traces what that does. */
	else if (opening->mode & KEEP_STATUS)
		spio_trace_fail(trace, err);
	else
		spio_trace_drop(trace);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err == 0 ? file : NULL;
}

FILE *
spio_open(const char *command, const char *type, enum flavour flavour)
{
	struct opening opening = { .command = command };

	if (command != NULL && type != NULL)
		opening.mode = parse_type(type);
	if (opening.mode == 0 || (flavour == SPIO_LIBC && !plain_type(type))) {
		errno = EINVAL;
		return NULL;
	}
	if (flavour == SPIO_OWN)
		opening.mode |= KEEP_STATUS;
	return open_opening(&opening);
}

FILE *
spopen(const char *command, const char *type)
{
	return spio_open(command, type, SPIO_OWN);
}

/* The stream takes the place of what it reads and writes. */
static int
is_taken(const struct spawnio_how *how, int mode)
{
	return (mode & (WRITE | BOTH) && how->in.kind != SPAWNIO_DEFAULT) ||
	    (mode & READ && how->out.kind != SPAWNIO_DEFAULT);
}

FILE *
spawnio_open(const struct spawnio_how *how, const char *type)
{
	struct request request;
	struct opening opening = { .request = &request };
	int saved = errno, err = spio_how_read(&request, how, 0);

	if (type != NULL)
		opening.mode = parse_type(type);
	if (err == 0 && (opening.mode == 0 ||
	    is_taken(&request.how, opening.mode)))
		err = EINVAL;
	errno = err != 0 ? err : saved;
	if (err != 0)
		return NULL;
	opening.command = request.how.command;
	opening.mode |= KEEP_STATUS;
	return open_opening(&opening);
}
