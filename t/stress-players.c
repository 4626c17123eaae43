/* SPDX-License-Identifier: ISC */
/* The players' turns: each kind of call. */

#include "stress.h"

#include <sys/socket.h>

#include "spawnio/child.h"

/* --- streams --- */

/* What a child behind a stream is asked for while it runs. */
static void
await_stream(FILE *stream)
{
	int timeout = (int)draw(4) - 1, error = 1;

	calling("spawnio_stream_await");
	if (spawnio_stream_await(stream, timeout, &error) == 0) {
		called();
		if (error != 0)
			wrong("the exec failed: %d", error);
	} else if (errno != ENOTSUP && (errno != ETIMEDOUT || timeout == -1))
		wrong("errno %d", errno);
}

static void
look_at(FILE *stream)
{
	int fd, status;

	switch (draw(12)) {
	case 0:
		calling("spawnio_stream_pid");
		if (spawnio_stream_pid(stream) <= 0)
			wrong("errno %d", errno);
		called();
		break;
	case 1:
		calling("spawnio_stream_pidfd");
		fd = spawnio_stream_pidfd(stream);
		if (fd == -1 && errno != ENOSYS)
			wrong("errno %d", errno);
		close(fd);
		break;
	case 2:
		calling("spawnio_stream_wait");
		if (spawnio_stream_wait(stream, (int)draw(3), &status) == -1 &&
		    errno != ETIMEDOUT)
			wrong("errno %d", errno);
		break;
	case 3:
	case 4:
		await_stream(stream);
	}
}

static void
read_and_close(const struct order *order, FILE *stream)
{
	char said[128], expected[128];

	snprintf(expected, sizeof(expected), "%s%s", order->token,
	    order->setting);
	look_at(stream);
	calling("read");
	read_text(fileno(stream), said, sizeof(said));
	look_at(stream);
	close_stream(order, stream, said, expected);
}

static void
read_one(void)
{
	static const char *const types[] = { "r", "re", "er", "r" };
	struct order order;
	FILE *stream = open_stream(&order, "cse", types[draw(COUNT(types))]);

	if (stream != NULL)
		read_and_close(&order, stream);
}

/* It ends when nobody has the other end of its pipe any more. */
static void
write_one(void)
{
	static const char *const types[] = { "w", "we", "w", "w" };
	struct order order;
	FILE *stream = open_stream(&order, "cx", types[draw(COUNT(types))]);

	if (stream == NULL)
		return;
	look_at(stream);
	fputs(order.token, stream);
	close_stream(&order, stream, "", "");
}

static void
read_and_write_one(void)
{
	char said[128], expected[128];
	struct order order;
	FILE *stream = open_stream(&order, "csi", once_in(2) ? "r+" : "r+e");

	if (stream == NULL)
		return;
	look_at(stream);
	calling("write");
	fputs(order.token, stream);
	fflush(stream);
	shutdown(fileno(stream), SHUT_WR);
	calling("read both ways");
	read_text(fileno(stream), said, sizeof(said));
	snprintf(expected, sizeof(expected), "%s%s", order.token, order.token);
	close_stream(&order, stream, said, expected);
}

/* Some streams at once, closed in another order. */
static void
read_some(void)
{
	struct order order[6];
	FILE *stream[COUNT(order)];
	size_t i, k, n = 2 + draw(COUNT(order) - 1);

	for (i = 0; i < n; i++)
		stream[i] = open_stream(&order[i], "cse",
		    once_in(2) ? "r" : "re");
	for (k = draw((unsigned)n), i = 0; i < n; i++, k = (k + 1) % n)
		if (stream[k] != NULL)
			read_and_close(&order[k], stream[k]);
}

/* --- commands that are waited for --- */

/* It said nothing. */
static void
end_order(struct order *order, int status)
{
	if (status == -1) {
		refused();
		return;
	}
	called();
	forget_order(order);
	check_status(order, status, "", "");
}

static void
system_one(void)
{
	struct order order;
	int status;

	place_order(&order, "-", draw_form());
	calling("ssystem");
	status = ssystem(order.command);
	end_order(&order, status);
}

/* The time of a nap is short. */
static void
run_out_of_time(void)
{
	struct spawnio_how how = { .size = sizeof(how) };
	struct order order;
	int status;

	place_order(&order, "n", 0);
	how.argv = order.argv;
	how.timeout = 1 + (int)draw(5);
	how.grace = (int)draw(3);
	calling("spawnio_run, in time");
	status = spawnio_run(&how);
	end_reading();
	if (status == -1 && errno != ETIMEDOUT)
		refused();
	else if (status != -1 && !was_killed(status))
		wrong("status %#x", status);
	atomic_fetch_add(&tally.launches, 1);
}

static void
run_one(void)
{
	struct spawnio_how how;
	struct order order;
	int status;

	place_order(&order, "c", draw_form());
	prepare(&how, &order, false);
	calling("spawnio_run");
	status = spawnio_run(&how);
	if (status == -1 && errno == ENOTSUP) {
		prepare(&how, &order, true);
		calling("spawnio_run, plain");
		status = spawnio_run(&how);
	}
	end_order(&order, status);
}

static void
capture_one(void)
{
	struct spawnio_capture capture = { .limit = 0 };
	struct spawnio_how how;
	char expected[128];
	struct order order;

	place_order(&order, "csdie", draw(2));
	choose_how(&how, &order);
	capture.input = order.token;
	capture.input_size = strlen(order.token);
	calling("spawnio_capture");
	if (spawnio_capture(&how, &capture) == -1) {
		refused();
		return;
	}
	called();
	forget_order(&order);
	snprintf(expected, sizeof(expected), "%s%s%s", order.token,
	    order.token, order.setting);
	check_status(&order, capture.status, capture.out, expected);
	if (strncmp(capture.err, order.token, capture.err_size) != 0)
		wrong("'%s' as an error", capture.err);
	free(capture.out);
	free(capture.err);
}

/* --- children --- */

static void
await_child(struct spawnio_child *child, int expected)
{
	int timeout = (int)draw(5) - 1, error = 0;

	calling("spawnio_child_await");
	if (spawnio_child_await(child, timeout, &error) == 0) {
		called();
		if (error != 0 && error != expected)
			wrong("the child tells errno %d", error);
	} else if (errno != ETIMEDOUT || timeout == -1)
		wrong("errno %d", errno);
}

static void
start_one(void)
{
	struct spawnio_child child;
	struct spawnio_how how;
	char said[128], expected[128];
	struct order order;

	place_order(&order, "csi", draw_form());
	prepare(&how, &order, false);
	if (!start_child(&how, &order, &child))
		return;
	if (once_in(3))
		await_child(&child, 0);
	if (write(child.fd[0], order.token, strlen(order.token)) == -1 &&
	    errno != EPIPE)
		wrong("write: errno %d", errno);
	close(child.fd[0]);
	calling("read from the child");
	read_text(child.fd[1], said, sizeof(said));
	close(child.fd[1]);
	snprintf(expected, sizeof(expected), "%s%s", order.token, order.token);
	check_status(&order, end_of(&child), said, expected);
}

static void
check_stopped(int status)
{
	if (!WIFSIGNALED(status) || (WTERMSIG(status) != SIGTERM &&
	    WTERMSIG(status) != SIGKILL))
		wrong("stopped with status %#x", status);
}

static void
stop_child(void)
{
	struct spawnio_how how = { .size = sizeof(how) };
	struct spawnio_child child;
	struct order order;
	int status;

	place_order(&order, "n", 0);
	how.argv = order.argv;
	how.flags = once_in(2) ? SPAWNIO_ASYNC : 0;
	if (once_in(2))
		how.flags |= SPAWNIO_SETPGROUP;
	if (!start_child(&how, &order, &child))
		return;
	close(child.fd[0]);
	close(child.fd[1]);
	if (once_in(2))
		usleep(draw(1000));
	calling("spawnio_child_stop");
	if (spawnio_child_stop(&child, (int)draw(4) - 1, &status) == -1)
		wrong("errno %d", errno);
	called();
	check_stopped(status);
}

static void
stop_stream(void)
{
	struct order order;
	FILE *stream;
	int status;

	place_order(&order, "n", draw_nap());
	calling("spopen, to be stopped");
	stream = spopen(order.command, "r");
	if (stream == NULL) {
		refused();
		return;
	}
	forget_order(&order);
	if (once_in(2))
		usleep(draw(1000));
	calling("spawnio_stream_stop");
	if (spawnio_stream_stop(stream, (int)draw(4) - 1) == -1)
		wrong("errno %d", errno);
	called();
	calling("spclose, stopped");
	status = spclose(stream);
	called();
	check_stopped(status);
}

/* A program that is not there: the call's error, or the child's. */
static void
fail_one(void)
{
	char *argv[] = { (char *)"/nonexistent", NULL };
	struct spawnio_how how = { .size = sizeof(how), .argv = argv };
	struct spawnio_child child;
	int status;

	if (once_in(2))
		how.flags = SPAWNIO_ASYNC;
	begin_reading();
	calling("spawnio_start, in vain");
	if (spawnio_start(&how, &child) == -1) {
		end_reading();
		if (errno != ENOENT)
			refused();
		return;
	}
	end_reading();
	await_child(&child, ENOENT);
	status = end_of(&child);
	if (status != 127 << 8 && !was_killed(status))
		wrong("status %#x", status);
}

/* --- functions in children --- */

struct job {
	struct spawnio_child child;
	struct order order;
	char *envp[1];
	int out;
	int code;		/* of the function; -1: it executes */
	atomic_uint mark;
};

SPAWNIO_IN_CHILD static int
do_job(void *arg)
{
	struct job *job = arg;
	int r;

	atomic_store(&job->mark, job->order.code + 1);
	if (job->code >= 0)
		return job->code;
	if ((r = child_dup2(job->out, 1)) < 0)
		return r;
	child_setmask(job->child.mask);
	return child_execve(job->order.argv[0], job->order.argv, job->envp);
}

static bool
fork_job(struct job *job)
{
	pid_t pid;

	job->child.stack_size = once_in(8) ? 65536 : 0;
	job->child.flags = once_in(2) ? SPAWNIO_CHILD_PIDFD : 0;
	calling("avfork");
	pid = avfork(do_job, job, &job->child);
	end_reading();
	if (pid == -1) {
		if (errno != ENOTSUP)
			refused();
		return false;
	}
	called();
	atomic_fetch_add(&tally.launches, 1);
	return true;
}

static void
check_mark(struct job *job, int status)
{
	if (job->child.shared && !was_killed(status) &&
	    atomic_load(&job->mark) != job->order.code + 1)
		wrong("the function left no mark");
}

static void
avfork_one(void)
{
	struct job job;
	char said[128];
	int end[2], status;

	if (pipe2(end, O_CLOEXEC) == -1)
		wrong("pipe: errno %d", errno);
	memset(&job, 0, sizeof(job));
	place_order(&job.order, "s", 0);
	job.out = end[1];
	job.code = once_in(3) ? (int)job.order.code : -1;
	if (fork_job(&job)) {
		close(end[1]);
		if (once_in(2))
			await_child(&job.child, 0);
		calling("read from the function");
		read_text(end[0], said, sizeof(said));
		status = end_of(&job.child);
		check_status(&job.order, status, said,
		    job.code >= 0 ? "" : job.order.token);
		check_mark(&job, status);
	} else
		close(end[1]);
	close(end[0]);
}

/* --- others --- */

static void
draw_text(char *text, size_t size)
{
	size_t i, n = draw((unsigned)size);

	for (i = 0; i < n; i++)
		text[i] = (char)(1 + draw(once_in(2) ? 255 : 126));
	text[n] = '\0';
}

static void
quote_one(void)
{
	char text[40], word[200], command[PATH_MAX + 256], said[128];
	struct order order;
	FILE *stream;

	draw_text(text, sizeof(text));
	calling("spawnio_quote");
	if (spawnio_quote(word, sizeof(word), text) >= sizeof(word))
		wrong("too long");
	called();
	place_order(&order, "s", 0);
	snprintf(command, sizeof(command), "%s s %s %u", parrot, word,
	    order.code);
	calling("spopen, quoted");
	stream = spopen(command, "re");
	if (stream == NULL) {
		refused();
		return;
	}
	forget_order(&order);
	read_text(fileno(stream), said, sizeof(said));
	close_stream(&order, stream, said, text);
}

static void
quiesce_once(void)
{
	int timeout = once_in(8) ? -1 : (int)draw(4);

	calling(timeout == -1 ? "spawnio_quiesce, for ever" :
	    "spawnio_quiesce");
	if (spawnio_quiesce(timeout) == 0)
		called();
	else if (errno != ETIMEDOUT || timeout == -1)
		wrong("errno %d", errno);
}

static void
ask_engine(void)
{
	const char *reason = NULL, *engine;

	begin_reading();
	calling("spawnio_engine");
	engine = spawnio_engine(&reason);
	called();
	end_reading();
	if (strstr("avfork vfork fork posix_spawn", engine) == NULL ||
	    strlen(reason) == 0)
		wrong("'%s' because '%s'", engine, reason);
}

/* --- a turn --- */

static void (*const turns[])(void) = {
	read_one, read_one, read_one, read_one, read_some, write_one, write_one,
	write_one, read_and_write_one, read_and_write_one, system_one,
	system_one, run_one, run_out_of_time, capture_one, start_one, start_one,
	stop_child, stop_stream, fail_one, avfork_one, avfork_one, quote_one,
	quiesce_once, ask_engine
};

static void
check_mask(void)
{
	sigset_t now;
	int signo;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	for (signo = 1; signo <= SIGRTMAX; signo++)
		if (sigismember(&me->mask, signo) != sigismember(&now, signo))
			wrong("signal %d in the mask", signo);
}

void
play(void)
{
	if (!turn_is_left()) {
		atomic_store(&me->finished, true);
		return;
	}
	turns[draw(COUNT(turns))]();
	check_mask();
}
