/* SPDX-License-Identifier: ISC */
/* What may be done while a command has not been exec'ed yet: its execve is held
 * until the test says go, so the order of events is no matter of luck. */

#include "fixture.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <stdatomic.h>

#include "supervisor.h"

#include <spawnio/how.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define THREADS		8
#define POOL		16	/* launches that can be in flight at once */
#define MORE		4	/* over that */
#define PATIENCE	10	/* seconds for what takes some ms */

static struct supervisor *sv;

/* The engine's name, and whether it is one that returns before the exec. */
static const char *engine;
static bool early;

static void
start(void)
{
	sv = sv_start(NULL, 0);
	ck_assert_ptr_nonnull(sv);
	ck_assert_str_eq(engine_in_use(), engine);
}

static const struct sv_call no_clone3[] = { { SYS_clone3, { ENOSYS } } };

static void
start_to_refuse(void)
{
	sv = sv_start(no_clone3, COUNT(no_clone3));
	ck_assert_ptr_nonnull(sv);
}

#define FUTEX_ERRNOS	3

static const struct sv_call no_futex[] = {
	{ SYS_futex, { EINTR, EAGAIN, ENOSYS } },
};

static void
start_without_futex(void)
{
	sv = sv_start(no_futex, COUNT(no_futex));
	ck_assert_ptr_nonnull(sv);
}

static bool
engine_is(const char *name)
{
	return strcmp(engine, name) == 0;
}

/* Does the C library's posix_spawn() make other threads wait for its exec?
 * musl's holds a lock that fork() and another posix_spawn() take. */
static bool
queues(void)
{
#ifdef __GLIBC__
	return false;
#else
	return engine_is("posix_spawn");
#endif
}

static void
expect_and_close(FILE *stream, const char *text)
{
	ck_assert_str_eq(rest_of(stream), text);
	assert_exit(close_command(stream), 0);
}

/* One that is not to be held. */
static FILE *
open_past_exec(const char *command, const char *type)
{
	int passed = atomic_load(&sv->passed);
	FILE *stream = open_command(type, "%s", command);

	while (atomic_load(&sv->passed) == passed)
		usleep(500);
	return stream;
}

/* A call made in a thread of its own, and whether it has returned. */
struct caller {
	pthread_t thread;
	const char *command;
	const char *type;	/* of spopen(); NULL: ssystem() */
	FILE *f;
	int r;
	int error;
	atomic_int returned;
};

static void *
call(void *arg)
{
	struct caller *c = arg;

	errno = 0;
	if (c->type != NULL)
		c->f = spopen(c->command, c->type);
	else
		c->r = ssystem(c->command);
	c->error = errno;
	atomic_store(&c->returned, 1);
	return NULL;
}

static void
start_caller(struct caller *c, const char *command, const char *type,
    void *(*body)(void *))
{
	memset(c, 0, sizeof(*c));
	c->command = command;
	c->type = type;
	ck_assert_int_eq(pthread_create(&c->thread, NULL, body, c), 0);
}

static void
call_in_thread(struct caller *c, const char *command, const char *type)
{
	start_caller(c, command, type, call);
}

static FILE *
stream_of(struct caller *c)
{
	ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
	ck_assert_msg(c->f != NULL, "spopen: %s", strerror(c->error));
	ck_assert_int_eq(c->error, 0);
	return c->f;
}

/* Start a command whose exec is held; the stream is had with stream_of(), which
 * may have to wait for sv_go(). */
static void
start_held(struct caller *c, const char *command, const char *type)
{
	sv_hold(sv, 1);
	call_in_thread(c, command, type);
	sv_wait(sv, 1);
}

START_TEST(returns_before_exec)
{
	FILE *f;

	sv_hold(sv, 1);
	f = open_command("r", "echo now");
	sv_wait(sv, 1);
	sv_go(sv);
	expect_and_close(f, "now\n");
}
END_TEST

/* Did one wait for another, no more than some of them would be held. */
START_TEST(streams_of_threads_do_not_queue)
{
	static char command[THREADS][32], text[THREADS][32];
	struct caller c[THREADS];
	int i;

	sv_hold(sv, THREADS);
	for (i = 0; i < THREADS; i++) {
		snprintf(command[i], sizeof(command[i]), "echo %d", i);
		snprintf(text[i], sizeof(text[i]), "%d\n", i);
		call_in_thread(&c[i], command[i], "r");
	}
	sv_wait(sv, THREADS);
	sv_go(sv);
	for (i = 0; i < THREADS; i++)
		expect_and_close(stream_of(&c[i]), text[i]);
}
END_TEST

START_TEST(writers_of_threads_do_not_queue)
{
	struct caller c[THREADS];
	int i;
	FILE *f;

	sv_hold(sv, THREADS);
	for (i = 0; i < THREADS; i++)
		call_in_thread(&c[i], "read x; exit $x", "w");
	sv_wait(sv, THREADS);
	sv_go(sv);
	for (i = 0; i < THREADS; i++) {
		f = stream_of(&c[i]);
		fprintf(f, "%d\n", i + 10);
		assert_exit(close_command(f), i + 10);
	}
}
END_TEST

START_TEST(systems_of_threads_do_not_queue)
{
	struct caller c[THREADS];
	int i;

	sv_hold(sv, THREADS);
	for (i = 0; i < THREADS; i++)
		call_in_thread(&c[i], "exit 6", NULL);
	sv_wait(sv, THREADS);
	sv_go(sv);
	for (i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(c[i].thread, NULL), 0);
		assert_exit(c[i].r, 6);
	}
}
END_TEST

/* Opens and closes one after the other, each exec late by a tenth of a second:
 * the streams are listed, dropped and closed in children meanwhile. */
static void *
open_and_close(void *arg)
{
	static const char *const type[] = { "r", "re", "r+", "r+e" };
	char line[16];
	FILE *f;
	int i;

	for (i = 0; i < 4; i++) {
		f = spopen("echo late; exit 3", type[i]);
		ck_assert_ptr_nonnull(f);
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
		ck_assert_str_eq(line, "late\n");
		assert_exit(close_command(f), 3);
		assert_exit(run_command("exit 4"), 4);
	}
	return arg;
}

START_TEST(slow_execs_change_nothing)
{
	pthread_t thread[THREADS];
	int i;

	atomic_store(&sv->delay, 100);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL,
		    open_and_close, NULL), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
}
END_TEST

START_TEST(other_threads_go_on)
{
	FILE *finished, *file;
	struct caller c;
	pid_t pid;
	int status;

	finished = open_past_exec("exit 5", "w");
	start_held(&c, "echo held", "r");

	file = fopen("/dev/null", "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(fflush(NULL), 0);
	free(malloc(1 << 20));
	ck_assert_int_eq(setenv("SPAWNIO_TEST", "1", 1), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(9);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	assert_exit(status, 9);
	assert_exit(close_command(finished), 5);

	sv_go(sv);
	expect_and_close(stream_of(&c), "held\n");
}
END_TEST

/* posix_spawn() gives no sign of its child's descriptors before the exec: the
 * engine of that name waits for an earlier one to keep streams apart. */
START_TEST(other_launches_go_on)
{
	FILE *first, *second;
	struct caller c;

	first = open_past_exec("cat >/dev/null", "w");
	start_held(&c, "echo held", "r");

	assert_exit(run_command("exit 2"), 2);
	if (!engine_is("posix_spawn")) {
		second = open_command("r+", "cat");
		fputs("second\n", second);
		ck_assert_int_eq(fflush(second), 0);
		ck_assert_int_eq(shutdown(fileno(second), SHUT_WR), 0);
		expect_and_close(second, "second\n");
	}
	/* The held command is to have closed it, even now. */
	assert_exit(close_command(first), 0);

	sv_go(sv);
	expect_and_close(stream_of(&c), "held\n");
}
END_TEST

/* What takes the launch lock, or might. */
static void *
close_finished(void *stream)
{
	return spclose(stream) == 5 << 8 ? NULL : stream;
}

static void *
open_another(void *stream)
{
	FILE *another = spopen("exit 6", "r");

	if (another == NULL || spclose(another) != 6 << 8)
		return another;
	return close_finished(stream);
}

static void *
open_a_file(void *stream)
{
	FILE *file = fopen("/dev/null", "we");

	if (file == NULL || fclose(file) != 0)
		return stream;
	return close_finished(stream);
}

static void *(*const lockers[])(void *) = {
	close_finished, open_a_file, open_another,
};

/* False if the thread is still at it after PATIENCE seconds. */
static bool
is_over(pthread_t thread, void **result)
{
	int i;

	for (i = 0; i < PATIENCE * 1000; i++) {
		if (pthread_tryjoin_np(thread, result) == 0)
			return true;
		usleep(1000);
	}
	return false;
}

/* The caller of a vfork is suspended until the exec and cannot let go of the
 * lock: its child does, as soon as it has closed the streams. */
START_TEST(lock_is_let_go_before_exec)
{
	FILE *finished = open_past_exec("exit 5", "w");
	pthread_t thread;
	struct caller c;
	void *result;
	bool over;

	start_held(&c, "echo held", "r");
	ck_assert_int_eq(pthread_create(&thread, NULL, lockers[_i], finished),
	    0);
	over = is_over(thread, &result);
	sv_go(sv);
	if (!over)
		pthread_join(thread, &result);
	expect_and_close(stream_of(&c), "held\n");
	ck_assert_msg(over, "it waited for the exec");
	ck_assert_ptr_null(result);
}
END_TEST

/* The exec is held; spclose() waits for more than that. */
START_TEST(closed_before_exec)
{
	FILE *f;

	atomic_store(&sv->delay, 100);
	f = open_command("r", "exit 7");
	assert_exit(close_command(f), 7);
}
END_TEST

START_TEST(stream_await_has_a_time)
{
	FILE *f;

	sv_hold(sv, 1);
	f = open_command("r", "exit 7");
	assert_error(spawnio_stream_await(f, 10, NULL), -1,
	    engine_is("fork") ? ENOTSUP : ETIMEDOUT);
	sv_go(sv);
	assert_exit(close_command(f), 7);
}
END_TEST

/* A filter may forbid what it waits with: a pipe for what becomes of the exec,
 * or, where the memory is shared, a futex. */
START_TEST(child_await_does_not_spin)
{
	struct spawnio_how how = {
		.size = sizeof(how), .command = "exit 0",
		.flags = SPAWNIO_ASYNC
	};
	struct spawnio_child child;
	long before;
	int status, error = -1;

	sv_hold(sv, 1);
	ck_assert_int_eq(spawnio_start(&how, &child), 0);
	refuse_poll();
	refuse(SYS_futex, 0, _i == 0 ? ENOSYS : EPERM);
	before = sleeps();
	assert_error(spawnio_child_await(&child, 100, NULL), -1, ETIMEDOUT);
	ck_assert_int_ge(sleeps() - before, 3);
	sv_go(sv);
	ck_assert_int_eq(spawnio_child_await(&child, -1, &error), 0);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(spawnio_child_wait(&child, -1, &status), 0);
	assert_exit(status, 0);
}
END_TEST

#define ROOMS	64

static void
fill(unsigned char *room[ROOMS])
{
	for (int i = 0; i < ROOMS; i++) {
		room[i] = malloc(16 * (i + 1));
		ck_assert_ptr_nonnull(room[i]);
		memset(room[i], 0xa5, 16 * (i + 1));
	}
}

static void
check_filled(unsigned char *room[ROOMS])
{
	for (int i = 0; i < ROOMS; i++) {
		for (int at = 0; at < 16 * (i + 1); at++)
			ck_assert_int_eq(room[i][at], 0xa5);
		free(room[i]);
	}
}

/* Its child may have yet to write there why it executes nothing. */
START_TEST(stream_that_was_fclosed_is_not_yet_free)
{
	static char *const nosuch[] = { (char *)"/nosuch", NULL };
	const struct spawnio_how how = {
		.size = sizeof(how), .argv = nosuch, .flags = SPAWNIO_ASYNC
	};
	unsigned char *room[ROOMS];
	FILE *f, *volatile gone;	/* a compiler knows whose it is */
	pid_t pid;

	sv_hold(sv, 1);
	gone = spawnio_open(&how, "r");
	ck_assert_ptr_nonnull(gone);
	pid = spawnio_stream_pid(gone);
	sv_wait(sv, 1);
	ck_assert_int_eq(fclose(gone), 0);
	f = open_command("r", "exit 3");	/* of the same number */
	fill(room);
	sv_go(sv);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	check_filled(room);
	assert_exit(close_command(f), 3);
	assert_exit(close_command(open_command("r", "exit 4")), 4);
}
END_TEST

static atomic_int handled;

static void
handle(int signo)
{
	(void)signo;
	atomic_fetch_add(&handled, 1);
}

/* The child that has not exec'ed has no handlers, though all of our memory. */
START_TEST(handler_does_not_run_in_child)
{
	struct caller c;

	on_signal(SIGUSR1, handle, 0);
	start_held(&c, "echo wrong", "r");
	ck_assert_int_eq(kill(atomic_load(&sv->last), SIGUSR1), 0);
	assert_killed(close_command(stream_of(&c)), SIGUSR1);
	ck_assert_int_eq(atomic_load(&handled), 0);
	sv_go(sv);
}
END_TEST

START_TEST(all_is_copied_before_return)
{
	static char var[] = "SPAWNIO_TEST=before";
	static char path[] = "PATH=/bin:/usr/bin";
	static char other[] = "SPAWNIO_TEST=after";
	char *env[] = { var, path, NULL }, *other_env[] = { other, path, NULL };
	char **old_environ = environ, command[128], type[] = "r";
	int p[2], fd;
	FILE *f;

	ck_assert_int_eq(pipe2(p, 0), 0);
	ck_assert_int_eq(write(p[1], "descriptor\n", 11), 11);
	ck_assert_int_eq(close(p[1]), 0);
	snprintf(command, sizeof(command), "echo $SPAWNIO_TEST; pwd -P; umask; "
	    "cat </proc/self/fd/%d; exit 3", p[0]);
	ck_assert_int_eq(chdir("/usr"), 0);
	umask(027);
	environ = env;

	if (early)
		sv_hold(sv, 1);
	f = spopen(command, type);
	ck_assert_ptr_nonnull(f);
	memset(command, 'x', sizeof(command));
	memset(type, 'x', sizeof(type));
	memset(var, 'x', sizeof(var));
	env[0] = other;
	env[1] = NULL;
	environ = other_env;
	ck_assert_int_eq(chdir("/"), 0);
	umask(077);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(dup2(fd, p[0]), p[0]);
	ck_assert_int_eq(close(fd), 0);
	sv_go(sv);

	ck_assert_str_eq(rest_of(f), "before\n/usr\n0027\ndescriptor\n");
	assert_exit(close_command(f), 3);
	ck_assert_int_eq(close(p[0]), 0);
	environ = old_environ;
}
END_TEST

/* fork()ed children share no memory, which is what there is to wait for. */
START_TEST(quiesce_sees_a_launch)
{
	struct caller c;

	ck_assert_int_eq(spawnio_quiesce(0), 0);
	start_held(&c, "exit 0", "r");
	if (!engine_is("fork")) {
		errno = 0;
		ck_assert_int_eq(spawnio_quiesce(0), -1);
		ck_assert_int_eq(errno, ETIMEDOUT);
		errno = 0;
		ck_assert_int_eq(spawnio_quiesce(20), -1);
		ck_assert_int_eq(errno, ETIMEDOUT);
	}
	sv_go(sv);
	assert_exit(close_command(stream_of(&c)), 0);
	errno = 0;
	ck_assert_int_eq(spawnio_quiesce(0), 0);
	ck_assert_int_eq(errno, 0);
}
END_TEST

START_TEST(quiesce_sees_a_system)
{
	struct caller c;

	start_held(&c, "exit 0", NULL);
	if (!engine_is("fork")) {
		ck_assert_int_eq(spawnio_quiesce(0), -1);
		ck_assert_int_eq(errno, ETIMEDOUT);
	}
	sv_go(sv);
	ck_assert_int_eq(pthread_join(c.thread, NULL), 0);
	ck_assert_int_eq(c.r, 0);
	ck_assert_int_eq(spawnio_quiesce(0), 0);
}
END_TEST

struct quiescer {
	pthread_t thread;
	int r;
	atomic_int begun;
	atomic_int over;
};

static void *
quiesce(void *arg)
{
	struct quiescer *q = arg;

	atomic_store(&q->begun, 1);
	q->r = spawnio_quiesce(-1);
	atomic_store(&q->over, 1);
	return NULL;
}

/* The kernel wakes one of those who wait. */
START_TEST(quiesce_waits_in_all_threads)
{
	struct quiescer q[4];
	struct caller c;
	int i, k;

	memset(q, 0, sizeof(q));
	on_signal(SIGUSR1, handle, 0);
	start_held(&c, "exit 0", "r");
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_create(&q[i].thread, NULL, quiesce,
		    &q[i]), 0);
		while (!atomic_load(&q[i].begun))
			usleep(100);
	}
	for (k = 0; k < 50; k++) {
		for (i = 0; i < 4; i++)
			pthread_kill(q[i].thread, SIGUSR1);
		usleep(1000);
	}
	if (!engine_is("fork"))
		for (i = 0; i < 4; i++)
			ck_assert_int_eq(atomic_load(&q[i].over), 0);
	sv_go(sv);
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(q[i].thread, NULL), 0);
		ck_assert_int_eq(q[i].r, 0);
	}
	assert_exit(close_command(stream_of(&c)), 0);
}
END_TEST

#define IN_FLIGHT	5	/* at least, and most of them systems */
#define ROUNDS		(20 * THREADS)

static atomic_bool stop;

static bool
launch_once(bool system)
{
	FILE *stream;

	if (system)
		return ssystem("exit 5") == 5 << 8;
	stream = spopen("exit 5", "r");
	return stream != NULL && spclose(stream) == 5 << 8;
}

static void *
launch_on(void *system)
{
	while (!atomic_load(&stop))
		if (!launch_once(system != NULL))
			return &stop;
	return NULL;
}

/* Few streams: avfork's are in flight without a caller, and those of
 * posix_spawn wait for each other. */
static void
start_launching(pthread_t thread[THREADS])
{
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, launch_on,
		    i % 4 != 0 ? thread : NULL), 0);
}

static void
stop_launching(pthread_t thread[THREADS])
{
	void *wrong;

	atomic_store(&stop, true);
	sv_go(sv);
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
}

/* There is no moment without a launch: one ends when others are in flight, and
 * its thread begins the next.  As the oldest ends first, those that were found
 * are over after one for each thread.  That is waited for twice, and once for
 * each block of the pool that is in use, two here: with what happens while the
 * waiting thread gets no CPU, not nearly ROUNDS. */
START_TEST(quiesce_is_not_starved)
{
	struct quiescer q = { .r = -1 };
	pthread_t thread[THREADS];
	int n;

	sv_hold(sv, THREADS);
	start_launching(thread);
	sv_wait(sv, IN_FLIGHT);
	ck_assert_int_eq(pthread_create(&q.thread, NULL, quiesce, &q), 0);
	while (!atomic_load(&q.begun))
		usleep(100);
	for (n = 0; n < ROUNDS && !atomic_load(&q.over); n++) {
		sv_wait(sv, IN_FLIGHT);
		sv_go_one(sv);
	}
	stop_launching(thread);
	ck_assert_int_eq(pthread_join(q.thread, NULL), 0);
	ck_assert_int_eq(q.r, 0);
	ck_assert_int_lt(n, ROUNDS);
}
END_TEST

static void
arm_all(int which)
{
	atomic_store(&sv->which, which);
	atomic_store(&sv->extent, SV_ALL);
	sv_arm(sv, SV_PARENT, 1);
}

/* It looks again, and does not take the end of a wait for that of a launch. */
START_TEST(quiesce_without_futex)
{
	struct quiescer q = { .r = -1 };
	struct caller c;

	start_held(&c, "exit 0", "r");
	ck_assert_int_eq(pthread_create(&q.thread, NULL, quiesce, &q), 0);
	while (!atomic_load(&q.begun))
		usleep(100);
	arm_all(_i);
	if (!engine_is("fork")) {
		assert_error(spawnio_quiesce(20), -1, ETIMEDOUT);
		ck_assert_int_gt(atomic_load(&sv->failed), 0);
		ck_assert_int_eq(atomic_load(&q.over), 0);
	}
	sv_go(sv);
	while (!atomic_load(&q.over))
		usleep(100);
	sv_disarm(sv);
	ck_assert_int_eq(pthread_join(q.thread, NULL), 0);
	ck_assert_int_eq(q.r, 0);
	assert_exit(close_command(stream_of(&c)), 0);
}
END_TEST

static atomic_bool begin;
static atomic_int ended;

static void *
launch_five_times(void *system)
{
	bool right = true;

	while (!atomic_load(&begin))
		usleep(100);
	for (int i = 0; i < 5; i++)
		right = right && launch_once(system != NULL);
	atomic_fetch_add(&ended, 1);
	return right ? NULL : &begin;
}

/* Those who wait for the lock look again. */
START_TEST(launches_without_futex)
{
	pthread_t thread[THREADS];
	void *wrong;
	int i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL,
		    launch_five_times, i % 2 ? thread : NULL), 0);
	arm_all(_i);
	atomic_store(&begin, true);
	while (atomic_load(&ended) < THREADS)
		usleep(100);
	sv_disarm(sv);
	for (i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
}
END_TEST

/* The ways to end a process while a launch of it is held. */
enum way { BY_EXIT, BY__EXIT, BY_KILL, BY_EXEC, WAYS };

static void
leave(enum way way)
{
	switch (way) {
	case BY_EXIT:
		exit(0);
	case BY_KILL:
		raise(SIGKILL);
		break;
	case BY_EXEC:
		execl("/bin/sh", "sh", "-c", ":", (char *)NULL);
		break;
	default:
		break;
	}
	_exit(0);
}

static void
launch_and_leave(int out, enum way way)
{
	struct caller c;

	seek_no_leaks();
	if (dup2(out, 1) != 1)
		_exit(1);
	close(out);
	if (!early) {
		start_held(&c, "echo ran; cat", "w");
	} else {
		sv_hold(sv, 1);
		if (spopen("echo ran; cat", "w") == NULL)
			_exit(2);
		sv_wait(sv, 1);
	}
	leave(way);
}

START_TEST(command_outlives_its_process)
{
	char buf[64];
	int p[2], status;
	ssize_t n, len = 0;
	pid_t pid;

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		launch_and_leave(p[1], (enum way)_i);
	ck_assert_int_eq(close(p[1]), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, _i == BY_KILL ? SIGKILL : 0);
	ck_assert_int_eq(atomic_load(&sv->held), 1);
	sv_go(sv);
	while ((n = read(p[0], buf + len, sizeof(buf) - (size_t)len)) > 0)
		len += n;
	ck_assert_int_eq(len, 4);
	ck_assert_int_eq(memcmp(buf, "ran\n", 4), 0);
	ck_assert_int_eq(close(p[0]), 0);
}
END_TEST

/* The thread's stack, and what libc keeps on it, is unmapped. */
START_TEST(command_outlives_its_thread)
{
	size_t size = 2 * 1024 * 1024;
	pthread_attr_t attr;
	struct caller c = { .command = "echo alone", .type = "r" };
	void *stack;

	stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(stack, MAP_FAILED);
	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(pthread_attr_setstack(&attr, stack, size), 0);
	if (early)
		sv_hold(sv, 1);
	ck_assert_int_eq(pthread_create(&c.thread, &attr, call, &c), 0);
	if (early)
		sv_wait(sv, 1);
	stream_of(&c);
	ck_assert_int_eq(munmap(stack, size), 0);
	sv_go(sv);
	expect_and_close(c.f, "alone\n");
	pthread_attr_destroy(&attr);
}
END_TEST

/* The one more than there are blocks for is made in another way. */
static void
exhaust(void)
{
	FILE *f[POOL];
	struct caller c[POOL + MORE];
	int i, direct = early ? POOL : 0;

	sv_hold(sv, POOL + MORE);
	for (i = 0; i < direct; i++) {
		f[i] = open_command("r", "echo one");
	}
	for (; i < POOL + MORE; i++)
		call_in_thread(&c[i], "echo one", "r");
	sv_wait(sv, POOL + MORE);
	sv_go(sv);
	for (i = 0; i < direct; i++)
		expect_and_close(f[i], "one\n");
	for (; i < POOL + MORE; i++)
		expect_and_close(stream_of(&c[i]), "one\n");
}

/* Twice: the blocks come back. */
START_TEST(launches_beyond_the_pool_work)
{
	exhaust();
	exhaust();
}
END_TEST

static int
launch_in_forked_child(FILE *inherited)
{
	char line[16] = "";
	FILE *f;

	if (spawnio_quiesce(0) != 0)
		return 1;
	if (ssystem("exit 3") != 3 << 8)
		return 2;
	f = spopen("echo forked; exit 4", "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL ||
	    strcmp(line, "forked\n") != 0)
		return 3;
	if (spclose(f) != 4 << 8)
		return 4;
	if (inherited != NULL && (spclose(inherited) != -1 || errno != ECHILD))
		return 5;
	return 0;
}

START_TEST(forked_child_launches_meanwhile)
{
	struct caller c;
	FILE *f = NULL;
	pid_t pid;
	int status;

	start_held(&c, "echo held", "r");
	if (early)
		f = stream_of(&c);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(launch_in_forked_child(f));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(atomic_load(&sv->held), 1);
	sv_go(sv);
	expect_and_close(f != NULL ? f : stream_of(&c), "held\n");
}
END_TEST

static const char *const own[] = { "echo 1", "echo 2", "echo 3" };
static const char *const own_text[] = { "1\n", "2\n", "3\n" };

static void
by_spclose(FILE *inherited)
{
	assert_error(spclose(inherited), -1, ECHILD);
}

/* The next stream, which gets the number, is what takes it out of the table. */
static void
by_fclose(FILE *inherited)
{
	ck_assert_int_eq(fclose(inherited), 0);
}

static void (*const closers[])(FILE *) = { by_spclose, by_fclose };

struct heir {
	FILE *inherited;
	void (*close)(FILE *);
};

/* The first own command has not exec'ed when the inherited stream goes; the
 * others would be put where it is, had its place been freed. */
static void
launch_own(void *arg)
{
	struct heir *heir = arg;
	struct caller c[COUNT(own)];

	sv_hold(sv, COUNT(own));
	for (size_t i = 0; i < COUNT(own); i++) {
		call_in_thread(&c[i], own[i], "r");
		sv_wait(sv, (int)i + 1);
		if (i > 0)
			continue;
		heir->close(heir->inherited);
		if (!engine_is("fork"))
			assert_error(spawnio_quiesce(0), -1, ETIMEDOUT);
	}
	sv_go(sv);
	for (size_t i = 0; i < COUNT(own); i++)
		expect_and_close(stream_of(&c[i]), own_text[i]);
}

/* Both processes are new, so that each makes its first launch. */
static void
bequeath(void *arg)
{
	struct heir heir = { .close = *(void (*const *)(FILE *))arg };

	sv_watch(sv);
	heir.inherited = open_past_exec("read x; exit 5", "w");
	in_child(launch_own, &heir);
	assert_exit(close_command(heir.inherited), 5);
}

/* A forked child goes on counting launches.  If it began anew, its first launch
 * would be the namesake of its parent's first, and the end of that stream would
 * free the block in which its own command still is. */
START_TEST(inherited_stream_frees_no_block)
{
	in_child(bequeath, (void *)&closers[_i]);
}
END_TEST

static atomic_bool armed;

/* The making of a thread may be a clone3, too. */
static void *
call_when_armed(void *arg)
{
	while (!atomic_load(&armed))
		usleep(100);
	return call(arg);
}

/* Streams and systems in turns; each writes its number, and ends with it. */
static void
start_numbered(struct caller *c, int number, int out)
{
	static char command[THREADS][64];

	snprintf(command[number], sizeof(command[number]),
	    "printf %d >/proc/self/fd/%d; exit %d", number, out, number);
	start_caller(c, command[number], number % 2 == 0 ? "r" : NULL,
	    call_when_armed);
}

static void
end_numbered(struct caller *c, int number)
{
	if (c->type != NULL)
		assert_exit(close_command(stream_of(c)), number);
	else {
		ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
		assert_exit(c->r, number);
	}
}

static void
check_once_each(struct channel from)
{
	char text[4 * THREADS];
	int times[THREADS] = { 0 };
	ssize_t i, n;

	close(from.theirs);
	n = read(from.ours, text, sizeof(text));
	close(from.ours);
	for (i = 0; i < n; i++)
		times[text[i] - '0']++;
	for (i = 0; i < THREADS; i++)
		ck_assert_msg(times[i] == 1, "command %zd ran %d times", i,
		    times[i]);
}

/* One thread finds that there is no clone3() while children that others have
 * made by it wait for their exec.  It is for that thread to go another way:
 * none of the others may try again, and have its command run twice. */
START_TEST(refused_clone3_is_one_threads)
{
	struct channel from = from_commands();
	struct caller c[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		start_numbered(&c[i], i, from.theirs);
	sv_hold(sv, THREADS);
	sv_arm(sv, SV_PARENT, _i);
	atomic_store(&armed, true);
	sv_wait(sv, THREADS);
	sv_disarm(sv);
	sv_go(sv);
	for (i = 0; i < THREADS; i++)
		end_numbered(&c[i], i);
	check_once_each(from);
	if (!engine_is("posix_spawn") && clone3_is_there())
		ck_assert_int_eq(atomic_load(&sv->failed), 1);
	assert_exit(run_command("exit 4"), 4);
}
END_TEST

/* ssystem() can be cancelled in its wait; before, the request is pending. */
START_TEST(system_cancelled_before_exec)
{
	struct caller c;
	void *result;

	start_held(&c, "exec sleep 1000", NULL);
	ck_assert_int_eq(pthread_cancel(c.thread), 0);
	sv_go(sv);
	ck_assert_int_eq(pthread_join(c.thread, &result), 0);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert_int_eq(atomic_load(&c.returned), 0);
}
END_TEST

/* The exec is held and the caller has its stream. */
static void
add_early(TCase *tcase)
{
	if (!early) {
		left_out("the engine waits for the exec: "
		    "returns_before_exec, closed_before_exec, "
		    "stream_await_has_a_time, child_await_does_not_spin, "
		    "stream_that_was_fclosed_is_not_yet_free");
		return;
	}
	tcase_add_test(tcase, returns_before_exec);
	tcase_add_test(tcase, closed_before_exec);
	tcase_add_test(tcase, stream_await_has_a_time);
	if (may_refuse())
		tcase_add_loop_test(tcase, child_await_does_not_spin, 0, 2);
	else
		left_out("no seccomp: child_await_does_not_spin");
	tcase_add_test(tcase, stream_that_was_fclosed_is_not_yet_free);
}

/* The exec is held and another thread makes a child. */
static void
add_threads(TCase *tcase)
{
	if (queues()) {
		left_out("this posix_spawn() waits for another thread's exec: "
		    "streams_of_threads_do_not_queue, "
		    "writers_of_threads_do_not_queue, "
		    "systems_of_threads_do_not_queue, "
		    "other_threads_go_on, other_launches_go_on, "
		    "launches_beyond_the_pool_work, "
		    "forked_child_launches_meanwhile");
		return;
	}
	tcase_add_test(tcase, streams_of_threads_do_not_queue);
	tcase_add_test(tcase, writers_of_threads_do_not_queue);
	tcase_add_test(tcase, systems_of_threads_do_not_queue);
	tcase_add_test(tcase, other_threads_go_on);
	tcase_add_test(tcase, other_launches_go_on);
	tcase_add_test(tcase, launches_beyond_the_pool_work);
	tcase_add_test(tcase, forked_child_launches_meanwhile);
}

static void
add_pool(TCase *tcase)
{
	int n = COUNT(closers);

	tcase_add_checked_fixture(tcase, start, NULL);
	if (queues()) {
		left_out("this posix_spawn() waits for another thread's exec: "
		    "inherited_stream_frees_no_block");
		return;
	}
	/* It has seen the other thread ask which file that is. */
	if (THREAD_SANITIZER && engine_is("posix_spawn")) {
		left_out("ThreadSanitizer: inherited_stream_frees_no_block "
		    "by fclose");
		n--;
	}
	tcase_add_loop_test(tcase, inherited_stream_frees_no_block, 0, n);
}

static void
add_refused(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start_to_refuse, NULL);
	if (queues())
		left_out("this posix_spawn() waits for another thread's exec: "
		    "refused_clone3_is_one_threads");
	else
		tcase_add_loop_test(tcase, refused_clone3_is_one_threads, 1,
		    THREADS + 1);
}

static void
add_quiesce(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, NULL);
	tcase_add_test(tcase, quiesce_sees_a_launch);
	tcase_add_test(tcase, quiesce_sees_a_system);
	tcase_add_test(tcase, quiesce_waits_in_all_threads);
	if (queues())
		left_out("this posix_spawn() waits for another thread's exec: "
		    "quiesce_is_not_starved");
	else
		tcase_add_test(tcase, quiesce_is_not_starved);
}

static void
add_futex(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start_without_futex, NULL);
	tcase_add_loop_test(tcase, quiesce_without_futex, 0, FUTEX_ERRNOS);
	tcase_add_loop_test(tcase, launches_without_futex, 0, FUTEX_ERRNOS);
}

static void
add_lock(TCase *tcase)
{
	int n = COUNT(lockers);

	tcase_add_checked_fixture(tcase, start, NULL);
	if (queues()) {
		left_out("this posix_spawn() waits for another thread's exec: "
		    "lock_is_let_go_before_exec");
		return;
	}
	/* See other_launches_go_on. */
	if (engine_is("posix_spawn")) {
		left_out("posix_spawn: lock_is_let_go_before_exec for spopen");
		n--;
	}
	tcase_add_loop_test(tcase, lock_is_let_go_before_exec, 0, n);
}

static void
add_held(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, NULL);
	add_early(tcase);
	add_threads(tcase);
	tcase_add_test(tcase, slow_execs_change_nothing);
	tcase_add_test(tcase, handler_does_not_run_in_child);
	tcase_add_test(tcase, all_is_copied_before_return);
	tcase_add_loop_test(tcase, command_outlives_its_process, 0, WAYS);
	tcase_add_test(tcase, command_outlives_its_thread);
	if (MAY_CANCEL)
		tcase_add_test(tcase, system_cancelled_before_exec);
	else
		left_out("AddressSanitizer: system_cancelled_before_exec");
}

/* A command is one exec then, not one for each element of PATH.  As a new
 * program, whose environment no setenv(3) has moved: a test changes it while a
 * child reads it. */
static void
with_shell_only(char **argv)
{
	if (getenv("SPAWNIO_SHELL") != NULL)
		return;
	setenv("SPAWNIO_SHELL", "always", 1);
	execv("/proc/self/exe", argv);
}

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("delay");

	(void)argc;
	with_shell_only(argv);
	if (!sv_works())
		return 77;
	engine = engine_of_tests();
	early = engine_is("avfork") || engine_is("fork");
	add_held(add_case(suite, "held"));
	add_pool(add_case(suite, "pool"));
	add_refused(add_case(suite, "refused"));
	add_quiesce(add_case(suite, "quiesce"));
	add_futex(add_case(suite, "futex"));
	add_lock(add_case(suite, "lock"));
	return run(suite);
}
