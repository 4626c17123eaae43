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
#include "launch.h"
#include "trace.h"

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

static void
plan_moves(struct plan *plan, int mode, int child_end)
{
	int n = 0;

	if (mode & (WRITE | BOTH)) {
		plan->move[n].from = child_end;
		plan->move[n++].to = STDIN_FILENO;
	}
	if (mode & READ) {
		plan->move[n].from = child_end;
		plan->move[n++].to = STDOUT_FILENO;
	}
	plan->moves = n;
}

/* Children then leave no status behind for waitpid(2). */
static int
sigchld_is_ignored(void)
{
	struct sigaction act;

	return sigaction(SIGCHLD, NULL, &act) == 0 &&
	    (act.sa_handler == SIG_IGN || act.sa_flags & SA_NOCLDWAIT);
}

/* Start the command behind a stream that has its descriptor; 0 or an errno. */
static int
start(struct stream *stream, const char *command, int mode, int child_end)
{
	struct launch launch;
	int err;

	memset(&launch, 0, sizeof(launch));
	launch.stream = stream;
	launch.trace = stream->trace;
	launch.want_pidfd = mode & KEEP_STATUS && sigchld_is_ignored();
	plan_moves(&launch.plan, mode, child_end);
	err = spio_launch(&launch, command);
	if (err != 0)
		return err;
	spio_reap_need_pidfd(&launch.kid);
	/* In the table already, but nobody else has its FILE yet. */
	stream->kid = launch.kid;
	if (!(mode & CLOEXEC))
		fcntl(stream->end.fd, F_SETFD, 0);
	return 0;
}

/* Make the stream with all that it needs; 0 or an errno. */
static int
open_stream(struct stream *stream, const char *command, int mode)
{
	static const char *const stdio_modes[] = {
		[READ] = "r", [WRITE] = "w", [READ | BOTH] = "r+"
	};
	int ends[2] = { -1, -1 }, err;

	if (faccessat(AT_FDCWD, SPIO_SHELL, X_OK, AT_EACCESS) == -1 ||
	    make_ends(mode, ends) == -1)
		return errno;
	stream->end.fd = ends[0];
	stream->cloexec = mode & CLOEXEC;
	stream->kid.pidfd = -1;
	stream->file = fdopen(ends[0],
	    stdio_modes[mode & (READ | WRITE | BOTH)]);
	err = stream->file == NULL ? errno : spio_stream_identify(stream);
	if (err == 0)
		err = start(stream, command, mode, ends[1]);
	close(ends[1]);
	if (err != 0 && stream->file != NULL)
		fclose(stream->file);
	else if (err != 0)
		close(ends[0]);
	return err;
}

/* The stream for a mode that is one; or NULL and an errno. */
static struct stream *
new_stream(const char *command, int mode, int *err)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	*err = ENOMEM;
	if (stream == NULL)
		return NULL;
	stream->trace = spio_trace_begin("popen", command);
	*err = open_stream(stream, command, mode);
	if (*err == 0) {
		spio_trace_return(stream->trace);
		return stream;
	}
	/* The shim goes on to libc, and traces what that does. */
	if (mode & KEEP_STATUS)
		spio_trace_fail(stream->trace, *err);
	else
		spio_trace_drop(stream->trace);
	free(stream);
	return NULL;
}

FILE *
spio_open(const char *command, const char *type, enum flavour flavour)
{
	int saved = errno, err, cancel, mode;
	struct stream *stream;

	mode = command != NULL && type != NULL ? parse_type(type) : 0;
	if (mode == 0 || (flavour == SPIO_LIBC && !plain_type(type))) {
		errno = EINVAL;
		return NULL;
	}
	if (flavour == SPIO_OWN)
		mode |= KEEP_STATUS;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	stream = new_stream(command, mode, &err);
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return stream != NULL ? stream->file : NULL;
}

FILE *
spopen(const char *command, const char *type)
{
	return spio_open(command, type, SPIO_OWN);
}
