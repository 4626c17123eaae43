/* SPDX-License-Identifier: ISC */
/* Many launches at once, while signals come, other threads fork, and others are
 * cancelled: nothing is mixed up, nothing is left, memory does not grow. */

#include "fixture.h"

#include <sys/socket.h>
#include <sys/time.h>

#ifdef __GLIBC__
# include <malloc.h>
# if __GLIBC_PREREQ(2, 33)
#  define HAVE_MALLINFO2
# endif
#endif
#include <stdatomic.h>

#define THREADS		8
#define LAUNCHES	20000	/* with the engine that the gate takes if it */
#define FEWER		1000	/* finds nothing against it; with the others */
#define TICK		1000	/* microseconds from signal to signal, */
#define PAUSE		20000	/* and from one fork, or cancel, to the next */

/* 100 bytes a launch would be more than that: of the heap even with FEWER
 * launches; the kernel's account of all memory has more noise. */
#define HEAP_MAY_GROW	(64 * 1024)
#define ALL_MAY_GROW	(1024 * 1024)

static atomic_int left;		/* launches to be made */
static atomic_bool over;
static atomic_int ticks, forks, cancels;

/* SPAWNIO_STORM says how many, if it is there. */
static int
launches(void)
{
	const char *number = getenv("SPAWNIO_STORM");
	const char *wish = getenv("SPAWNIO_ENGINE");

	if (number != NULL)
		return atoi(number);
	return (wish == NULL || strcmp(wish, "auto") == 0) &&
	    strcmp(engine_in_use(), "avfork") == 0 ? LAUNCHES : FEWER;
}

static void
tick(int signo)
{
	(void)signo;
	atomic_fetch_add(&ticks, 1);
}

/* In a process that shares nothing with Check, nothing of Check may be used. */
static bool
is_said(FILE *stream, const char *text)
{
	char buf[64];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(buf) &&
	    ((n = read(fileno(stream), buf + len, sizeof(buf) - len)) > 0 ||
	    (n == -1 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	return len == strlen(text) && memcmp(buf, text, len) == 0;
}

static FILE *
start(const char *command, const char *type)
{
	FILE *stream;

	errno = 0;
	stream = spopen(command, type);
	if (stream == NULL || errno != 0)
		ck_abort_msg("spopen(\"%s\", \"%s\"): errno %d", command, type,
		    errno);
	return stream;
}

static void
end(FILE *stream, int code)
{
	int status;

	errno = 0;
	status = spclose(stream);
	if (status != code << 8 || errno != 0)
		ck_abort_msg("spclose: status %#x, not of exit %d, errno %d",
		    status, code, errno);
}

static void
read_some(int n, const char *type)
{
	char command[64], text[32];
	FILE *stream;

	snprintf(command, sizeof(command), "echo %d; exit %d", n, n % 100);
	snprintf(text, sizeof(text), "%d\n", n);
	stream = start(command, type);
	if (!is_said(stream, text))
		ck_abort_msg("wrong output of '%s'", command);
	end(stream, n % 100);
}

/* The command ends when nobody has the other end of its pipe any more. */
static void
write_some(int n, const char *type)
{
	FILE *stream = start("while read x; do y=$x; done; exit $y", type);

	fprintf(stream, "%d\n", n % 100);
	end(stream, n % 100);
}

static void
read_and_write(int n)
{
	FILE *stream = start("read x; echo got $x; exit $x", "r+");
	char text[32];

	snprintf(text, sizeof(text), "got %d\n", n % 100);
	fprintf(stream, "%d\n", n % 100);
	fflush(stream);
	shutdown(fileno(stream), SHUT_WR);
	if (!is_said(stream, text))
		ck_abort_msg("wrong output both ways");
	end(stream, n % 100);
}

static void
run_one(int n)
{
	char command[32];
	int status;

	snprintf(command, sizeof(command), "exit %d", n % 100);
	errno = 0;
	status = ssystem(command);
	if (status != n % 100 << 8 || errno != 0)
		ck_abort_msg("ssystem: status %#x, not of exit %d, errno %d",
		    status, n % 100, errno);
}

static void
launch(int n)
{
	switch (n % 8) {
	case 0:
		write_some(n, "we");
		break;
	case 1:
	case 2:
		write_some(n, "w");
		break;
	case 3:
		run_one(n);
		break;
	case 4:
		read_and_write(n);
		break;
	case 5:
		read_some(n, "re");
		break;
	default:
		read_some(n, "r");
	}
}

/* Each thread has a mask of its own. */
static void *
launcher(void *arg)
{
	sigset_t mine, now;
	int n, signo;

	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	sigaddset(&mine, SIGRTMIN + (int)(intptr_t)arg);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	while ((n = atomic_fetch_sub(&left, 1)) > 0) {
		launch(n);
		pthread_sigmask(SIG_SETMASK, NULL, &now);
		for (signo = 1; signo <= SIGRTMAX; signo++)
			if (sigismember(&mine, signo) !=
			    sigismember(&now, signo))
				ck_abort_msg("signal %d in the mask of thread "
				    "%d", signo, (int)(intptr_t)arg);
	}
	return NULL;
}

/* What the forked child finds wrong is its exit status. */
static int
launch_in_forked_child(void)
{
	FILE *stream;

	if (!MAY_ALLOCATE_AFTER_FORK)
		return ssystem("exit 3") == 3 << 8 ? 0 : 4;
	stream = spopen("echo forked; exit 3", "r");
	if (stream == NULL)
		return 1;
	if (!is_said(stream, "forked\n"))
		return 2;
	return spclose(stream) == 3 << 8 ? 0 : 3;
}

static void *
forker(void *arg)
{
	int n, status;
	pid_t pid;

	for (n = 0; !atomic_load(&over); n++) {
		pid = fork();
		if (pid == 0)
			_exit(n % 4 == 0 ? launch_in_forked_child() : 0);
		while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
			;
		if (pid == -1 || status != 0)
			ck_abort_msg("forked child: pid %d, status %#x",
			    (int)pid, status);
		atomic_fetch_add(&forks, 1);
		usleep(PAUSE);
	}
	return arg;
}

static void *
sleeper(void *arg)
{
	ssystem("exec sleep 1000");
	return arg;
}

static void *
canceller(void *arg)
{
	unsigned int wait;
	pthread_t thread;
	void *result;

	for (wait = 0; !atomic_load(&over); wait = (wait + 700) % 9000) {
		if (pthread_create(&thread, NULL, sleeper, NULL) != 0)
			ck_abort_msg("no thread");
		usleep(wait);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		if (result != PTHREAD_CANCELED)
			ck_abort_msg("the command ended by itself");
		atomic_fetch_add(&cancels, 1);
		usleep(PAUSE);
	}
	return arg;
}

static void
set_timer(int usec)
{
	struct itimerval timer = { { 0, usec }, { 0, usec } };

	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void
blow(int count)
{
	pthread_t thread[THREADS], other[2];
	int i;

	atomic_store(&left, count);
	atomic_store(&over, false);
	set_timer(TICK);
	pthread_create(&other[0], NULL, forker, NULL);
	if (MAY_CANCEL)
		pthread_create(&other[1], NULL, canceller, NULL);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, launcher,
		    (void *)(intptr_t)i), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	atomic_store(&over, true);
	pthread_join(other[0], NULL);
	if (MAY_CANCEL)
		pthread_join(other[1], NULL);
	set_timer(0);
}

static long
all_memory(void)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "re");

	ck_assert_ptr_nonnull(f);
	while (kib == -1 && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "VmRSS: %ld", &kib);
	fclose(f);
	ck_assert_int_ne(kib, -1);
	return kib * 1024;
}

static long
heap(void)
{
#ifdef HAVE_MALLINFO2
	return (long)mallinfo2().uordblks;
#else
	return 0;
#endif
}

START_TEST(nothing_is_mixed_up_or_left)
{
	int count = launches();
	long all_before, heap_before, grown;

	on_signal(SIGALRM, tick, 0);
	blow(count / 10);
	all_before = all_memory();
	heap_before = heap();
	blow(count - count / 10);
	if (MAY_LIMIT) {
		grown = heap() - heap_before;
		ck_assert_int_lt(grown, HEAP_MAY_GROW);
		grown = all_memory() - all_before;
		ck_assert_int_lt(grown, ALL_MAY_GROW);
	}
	ck_assert_int_gt(atomic_load(&ticks), 0);
	ck_assert_int_gt(atomic_load(&forks), 0);
	ck_assert(!MAY_CANCEL || atomic_load(&cancels) > 0);
	ck_assert_int_eq(spawnio_quiesce(0), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("storm");
	TCase *storm = add_case(suite, "storm");

	tcase_set_timeout(storm, 600);
	tcase_add_test(storm, nothing_is_mixed_up_or_left);
	return run(suite);
}
