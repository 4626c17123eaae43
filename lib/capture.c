/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "how.h"
#include "lock.h"
#include "stop.h"

#define FIRST_ROOM	4096

/* One output: what there is of it, and room for a NUL byte behind. */
struct output {
	int fd;			/* or -1: at its end */
	char *data;
	size_t size;
	size_t room;
};

/* A capture under way.  It ends when the outputs and the child have, or, if
 * that is to be stopped, when the child has. */
struct flow {
	struct kid kid;
	int mute;		/* its pidfd has told of the end already */
	int in;			/* or -1: no more input, or nobody reads it */
	const char *input;
	size_t left;
	struct output output[2];
	size_t limit;		/* or 0 */
	long long end;		/* or -1 */
	int grace;
	int tries;		/* of poll(2), refused */
	int why;		/* an errno: what it was stopped for; or 0 */
	int broken;		/* a write met EPIPE, and so made a SIGPIPE */
};

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* SIGTERM now, SIGKILL when grace is over. */
static void
stop(struct flow *flow, int why)
{
	if (flow->why != 0)
		return;
	flow->why = why;
	flow->end = spio_deadline(flow->grace);
	close_end(&flow->in);
	spio_stop_ask(&flow->kid);
}

static void
feed(struct flow *flow)
{
	ssize_t n = write(flow->in, flow->input, flow->left);

	if (n >= 0) {
		flow->input += n;
		flow->left -= (size_t)n;
	} else if (errno == EPIPE) {
		flow->broken = 1;
		flow->left = 0;
	} else if (errno != EAGAIN && errno != EINTR) {
		stop(flow, errno);
		return;
	}
	if (flow->left == 0)
		close_end(&flow->in);
}

/* Room for one byte more at least; 0 or an errno. */
static int
grow(struct output *output)
{
	size_t room = output->room == 0 ? FIRST_ROOM : output->room * 2;
	char *data;

	if (output->size + 1 < output->room)
		return 0;
	data = room > output->room ? realloc(output->data, room) : NULL;
	if (data == NULL)
		return ENOMEM;
	output->data = data;
	output->room = room;
	return 0;
}

/* Read what has no room: it is one byte too many, unless it is the end. */
static ssize_t
discard(struct flow *flow, const struct output *output)
{
	char lost[FIRST_ROOM];
	ssize_t n = read(output->fd, lost, sizeof(lost));

	if (n > 0)
		stop(flow, EFBIG);
	return n;
}

static ssize_t
keep(struct flow *flow, struct output *output)
{
	size_t room = output->room - output->size - 1;
	ssize_t n;

	if (flow->limit > 0 && flow->limit - output->size < room)
		room = flow->limit - output->size;
	n = read(output->fd, output->data + output->size, room);
	if (n > 0)
		output->size += (size_t)n;
	return n;
}

/* 0 if there is nothing at the moment, or no more. */
static int
take(struct flow *flow, struct output *output)
{
	int full = flow->limit > 0 && output->size >= flow->limit, err;
	ssize_t n;

	if (output->fd < 0)
		return 0;
	err = full ? 0 : grow(output);
	if (err != 0)
		stop(flow, err);
	n = full || err != 0 ? discard(flow, output) : keep(flow, output);
	if (n == 0)
		close_end(&output->fd);
	else if (n == -1 && errno != EAGAIN && errno != EINTR) {
		stop(flow, errno);
		close_end(&output->fd);
	}
	return n > 0;
}

static int
outputs_are_over(const struct flow *flow)
{
	return flow->output[0].fd < 0 && flow->output[1].fd < 0;
}

static int
is_over(const struct flow *flow)
{
	return (flow->why != 0 || outputs_are_over(flow)) &&
	    spio_reap_await(&flow->kid, spio_deadline(0));
}

/* Where there is no pidfd to poll, or it has told while the child is not to be
 * had, as it is a debugger's still: a look every 10 ms. */
static int
patience(const struct flow *flow)
{
	int left = spio_left(flow->end);

	if (flow->kid.pidfd < 0 || flow->mute)
		return left < 10 ? left : 10;
	return flow->end < 0 ? -1 : left;
}

/* The one place where the thread may be cancelled. */
static void
turn(struct flow *flow, int cancel)
{
	struct pollfd at[4] = {
		{ .fd = flow->in, .events = POLLOUT },
		{ .fd = flow->output[0].fd, .events = POLLIN },
		{ .fd = flow->output[1].fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN }
	};
	int n;

	if (!flow->mute && (flow->why != 0 || outputs_are_over(flow)))
		at[3].fd = flow->kid.pidfd;
	pthread_setcancelstate(cancel, NULL);
	n = poll(at, 4, patience(flow));
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (n == -1 && errno != EINTR) {
		stop(flow, errno);
		spio_reap_pause(-1, flow->tries++);
	}
	if (n <= 0)
		return;
	if (at[3].revents != 0)
		flow->mute = 1;
	if (at[0].revents != 0)
		feed(flow);
	if (at[1].revents != 0)
		take(flow, &flow->output[0]);
	if (at[2].revents != 0)
		take(flow, &flow->output[1]);
}

/* What is in a pipe now, which is at most 1 MiB, unless somebody goes on
 * writing to it. */
static void
drain(struct flow *flow, struct output *output)
{
	int i;

	for (i = 0; i < 256 && take(flow, output); i++)
		;
}

static void
end_stop(struct flow *flow)
{
	spio_stop_signal(&flow->kid, SIGKILL);
	spio_reap_await(&flow->kid, -1);
	drain(flow, &flow->output[0]);
	drain(flow, &flow->output[1]);
}

static void
close_ends(struct flow *flow)
{
	close_end(&flow->in);
	close_end(&flow->output[0].fd);
	close_end(&flow->output[1].fd);
}

/* A SIGPIPE of ours, which is the thread's, is not the caller's, who may have
 * one of his own: the thread's, and then there is one for both, or the
 * process's. */
struct sigpipe {
	sigset_t mask;
	int was_pending;
};

static int
is_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void
hold_sigpipe(struct sigpipe *held)
{
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	held->was_pending = is_pending();
	pthread_sigmask(SIG_BLOCK, &pipe, &held->mask);
}

static void
let_go_sigpipe(const struct sigpipe *held, int broken)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (broken)
		sigtimedwait(&pipe, NULL, &now);
	if (broken && held->was_pending && !is_pending())
		pthread_kill(pthread_self(), SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}

static void
hand_over(const struct output *output, char **data, size_t *size)
{
	*data = output->data;
	*size = output->size;
	if (output->data != NULL)
		output->data[output->size] = '\0';
}

struct attempt {
	struct flow flow;
	struct sigpipe held;
};

static void
abandon(void *arg)
{
	struct attempt *attempt = arg;
	struct flow *flow = &attempt->flow;
	int status;

	close_ends(flow);
	spio_stop_signal(&flow->kid, SIGKILL);
	spio_reap(&flow->kid, &status);
	let_go_sigpipe(&attempt->held, flow->broken);
	free(flow->output[0].data);
	free(flow->output[1].data);
}

/* 0 or an errno. */
static int
go(struct attempt *attempt, int *status, int cancel)
{
	struct flow *flow = &attempt->flow;
	int err, over = 0;

	hold_sigpipe(&attempt->held);
	pthread_cleanup_push(abandon, attempt);
	while (!over && !is_over(flow)) {
		over = flow->why != 0 && spio_left(flow->end) == 0;
		if (!over && spio_left(flow->end) == 0)
			stop(flow, ETIMEDOUT);
		if (!over)
			turn(flow, cancel);
	}
	pthread_cleanup_pop(0);
	if (flow->why != 0)
		end_stop(flow);
	close_ends(flow);
	let_go_sigpipe(&attempt->held, flow->broken);
	err = spio_reap(&flow->kid, status);
	return flow->why != 0 ? flow->why : err;
}

/* Where the caller has said nothing else. */
static void
set_defaults(struct spawnio_how *how, const struct spawnio_capture *capture)
{
	if (how->in.kind == SPAWNIO_DEFAULT && capture->input != NULL)
		how->in.kind = SPAWNIO_PIPE;
	if (how->out.kind == SPAWNIO_DEFAULT)
		how->out.kind = SPAWNIO_PIPE;
	if (how->err.kind == SPAWNIO_DEFAULT)
		how->err.kind = SPAWNIO_PIPE;
}

/* A pipe that the caller asked for has an input, and nothing else has one. */
static int
is_fed(const struct spawnio_how *how, const struct spawnio_capture *capture)
{
	return (how->in.kind == SPAWNIO_PIPE) == (capture->input != NULL);
}

/* The caller's ends do not make him wait, and there is a first room; 0 or an
 * errno. */
static int
prepare(const struct request *request, struct flow *flow)
{
	const int *fd = request->parent;
	int i;

	for (i = 0; i < 3; i++)
		if (fd[i] >= 0 && fcntl(fd[i], F_SETFL, O_NONBLOCK) == -1)
			return errno;
	flow->in = fd[0];
	for (i = 0; i < 2; i++) {
		flow->output[i].fd = fd[i + 1];
		if (fd[i + 1] >= 0 && grow(&flow->output[i]) != 0)
			return ENOMEM;
	}
	return 0;
}

/* 0 or an errno, and then nothing is open. */
static int
start(struct request *request, struct flow *flow)
{
	struct failure failure = { 0, 0 };
	struct launch launch;
	int err = spio_how_open(request);

	if (err != 0)
		return err;
	err = prepare(request, flow);
	if (err != 0) {
		spio_how_close(request);
		return err;
	}
	memset(&launch, 0, sizeof(launch));
	launch.plan.failure = &failure;
	launch.want_pidfd = 1;
	launch.await_exec = 1;
	err = spio_how_launch(request, &launch);
	flow->kid = launch.kid;
	return err;
}

/* 0 or an errno. */
static int
capture_all(struct request *request, struct spawnio_capture *capture,
    int cancel)
{
	struct attempt attempt;
	struct flow *flow = &attempt.flow;
	int timeout = request->how.timeout, err;

	memset(flow, 0, sizeof(*flow));
	flow->output[0].fd = flow->output[1].fd = flow->in = -1;
	flow->input = capture->input;
	flow->left = capture->input_size;
	flow->limit = capture->limit;
	flow->grace = request->how.grace;
	flow->end = spio_deadline(timeout > 0 ? timeout : -1);
	err = start(request, flow);
	if (err != 0) {
		free(flow->output[0].data);
		free(flow->output[1].data);
		return err;
	}
	if (flow->left == 0)
		close_end(&flow->in);
	err = go(&attempt, &capture->status, cancel);
	hand_over(&flow->output[0], &capture->out, &capture->out_size);
	hand_over(&flow->output[1], &capture->err, &capture->err_size);
	return err;
}

int
spawnio_capture(const struct spawnio_how *how, struct spawnio_capture *capture)
{
	int saved = errno, cancel, err = EINVAL;
	struct request request;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (capture != NULL) {
		capture->out = capture->err = NULL;
		capture->out_size = capture->err_size = 0;
		capture->status = -1;
		err = spio_how_read(&request, how,
		    SPIO_MAY_PIPE | SPIO_MAY_WAIT);
	}
	if (err == 0) {
		set_defaults(&request.how, capture);
		err = is_fed(&request.how, capture) ?
		    capture_all(&request, capture, cancel) : EINVAL;
	}
	pthread_setcancelstate(cancel, NULL);
	errno = err != 0 ? err : saved;
	return err != 0 ? -1 : 0;
}
