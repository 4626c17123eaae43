/* SPDX-License-Identifier: ISC */
/* lib/stream.c by itself: what a child has to close, whatever was opened and
 * closed before, when there is no memory, and as a fork finds it at any moment;
 * and the lock over it.  No engine has a part in it. */

#include "fixture.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <stdatomic.h>

#include "lock.h"
#include "state.h"
#include "stream.h"

#define NUMBERS		200
#define MANY		20000	/* more than malloc(3) has by itself */
#define STEPS		20000
#define FORKS		100
#define STEP		500	/* between those that stay */
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* What the numbers from 0 are those of.  They need not be open. */
static struct stream streams[MANY];
static bool is_open[MANY];
static size_t open_now;

static struct stream *
stream_at(int fd)
{
	struct stream *stream = &streams[fd];

	memset(stream, 0, sizeof(*stream));
	stream->end.fd = fd;
	stream->file = (FILE *)stream;	/* never looked into */
	return stream;
}

/* 0 or an errno. */
static int
open_at(int fd)
{
	struct stream *closed = NULL;
	int err = spio_stream_insert(stream_at(fd), &closed);

	if (closed != NULL)
		abort();
	is_open[fd] = err == 0;
	open_now += err == 0;
	return err;
}

static void
close_at(int fd)
{
	spio_stream_delete(&streams[fd]);
	is_open[fd] = false;
	open_now--;
}

/* Has the list, by rising number, so many open ones whose number is a multiple
 * of step?  NULL, or what is wrong. */
static const char *
wrong_with_list(int step, size_t many)
{
	size_t n;
	const struct open_end *end = spio_stream_ends(&n);

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && end[i].fd <= end[i - 1].fd)
			return "order";
		if (end[i].stream == NULL)
			continue;
		if (end[i].stream != &streams[end[i].fd])
			return "stream";
		if (end[i].fd % step != 0)
			continue;
		if (!is_open[end[i].fd])
			return "closed one";
		many--;
	}
	return many == 0 ? NULL : "number";
}

/* Nor are there many beside those that are open. */
static void
check_list(void)
{
	const char *wrong = wrong_with_list(1, open_now);
	size_t n;

	spio_stream_ends(&n);
	if (wrong == NULL && n > 2 * open_now + 8)
		wrong = "size";
	if (wrong == NULL && spio_stream_any() != (open_now > 0))
		wrong = "count";
	ck_assert_pstr_eq(wrong, NULL);
}

/* Few and many by turns. */
START_TEST(any_order)
{
	unsigned int seed = 1;
	int fd;

	for (int i = 0; i < STEPS; i++) {
		fd = (int)(rand_r(&seed) % NUMBERS);
		if (rand_r(&seed) % 16 < (i / 1000 % 2 == 0 ? 15 : 1)) {
			if (!is_open[fd] && open_at(fd) != 0)
				ck_abort_msg("no memory");
		} else if (is_open[fd])
			close_at(fd);
		check_list();
	}
}
END_TEST

/* However many there have been. */
START_TEST(all_but_the_last_are_closed)
{
	for (int fd = 0; fd < MANY; fd++)
		open_at(fd);
	ck_assert_uint_eq(open_now, MANY);
	check_list();
	for (int fd = 0; fd < MANY - 1; fd++)
		close_at(fd);
	check_list();
	close_at(MANY - 1);
	check_list();
}
END_TEST

/* An fclose() and a later stream show it: by the number, by the FILE, by both,
 * each another's. */
START_TEST(closed_unseen)
{
	struct stream *closed = NULL, later = { .end.fd = 1 };

	for (int fd = 0; fd < 4; fd++)
		ck_assert_int_eq(open_at(fd), 0);
	if (_i & 1)
		later.end.fd = 4;
	later.file = _i & 2 ? streams[2].file : (FILE *)&later;
	ck_assert_int_eq(spio_stream_insert(&later, &closed), 0);
	for (; closed != NULL; closed = closed->next) {
		ck_assert(closed == (_i & 2 ? &streams[2] : NULL) ||
		    closed == (_i & 1 ? NULL : &streams[1]));
		is_open[closed->end.fd] = false;
		open_now--;
	}
	ck_assert_uint_eq(open_now, 4 - !(_i & 1) - !!(_i & 2));
	spio_stream_delete(&later);
	check_list();
}
END_TEST

START_TEST(close_on_exec_is_not_listed)
{
	struct stream *closed = NULL;
	size_t n;

	stream_at(3)->cloexec = 1;
	ck_assert_int_eq(spio_stream_insert(&streams[3], &closed), 0);
	spio_stream_ends(&n);
	ck_assert_uint_eq(n, 0);
	ck_assert(spio_stream_any());
	spio_stream_delete(&streams[3]);
	ck_assert(!spio_stream_any());
}
END_TEST

/* The list is as it was, and all of it can be closed. */
START_TEST(no_memory)
{
	struct rlimit none = { 0, RLIM_INFINITY };
	int err = 0, fd;

	/* The test's own memory, first. */
	memset(streams, 0, sizeof(streams));
	memset(is_open, 0, sizeof(is_open));
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &none), 0);
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
	for (fd = 0; fd < MANY && err == 0; fd++)
		err = open_at(fd);
	ck_assert_int_eq(err, ENOMEM);
	check_list();
	/* As a launch does that fails. */
	spio_stream_delete(&streams[fd - 1]);
	check_list();
	while (--fd > 0)
		close_at(fd - 1);
	check_list();
	ck_assert_int_eq(open_at(0), 0);
	none.rlim_cur = none.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
	for (fd = 1; fd < MANY; fd++)
		open_at(fd);
	ck_assert_uint_eq(open_now, MANY);
	check_list();
}
END_TEST

static atomic_bool over;

/* A few at a time, anywhere but at a multiple of STEP. */
static void *
come_and_go(void *unused)
{
	unsigned int seed = 2;
	int few[20] = { 0 }, *one, fd;

	while (!atomic_load(&over)) {
		one = &few[rand_r(&seed) % COUNT(few)];
		if (*one != 0)
			close_at(*one);
		do
			fd = (int)(rand_r(&seed) % MANY);
		while (fd % STEP == 0 || is_open[fd]);
		if (open_at(fd) != 0)
			return streams;
		*one = fd;
	}
	return unused;
}

/* Not libc's fork(), which waits until nobody is in malloc(3); but
 * ThreadSanitizer takes any other for a thread. */
static pid_t
fork_at_once(void)
{
#if THREAD_SANITIZER
	return fork();
#elif defined(__s390x__)
	return (pid_t)syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0);
#else
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

/* It has a copy of the memory as it was in the middle of a change. */
START_TEST(forked_at_any_moment)
{
	pthread_t thread;
	void *wrong;
	int status;
	pid_t pid;

	for (int fd = 0; fd < MANY; fd += STEP)
		ck_assert_int_eq(open_at(fd), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, come_and_go, NULL), 0);
	for (int i = 0; i < FORKS; i++) {
		pid = fork_at_once();
		if (pid == 0)	/* Check takes locks, too */
			_exit(wrong_with_list(STEP, MANY / STEP) != NULL);
		ck_assert_int_ge(pid, 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		assert_exit(status, 0);
	}
	atomic_store(&over, true);
	ck_assert_int_eq(pthread_join(thread, &wrong), 0);
	ck_assert_ptr_null(wrong);
	check_list();
}
END_TEST

/* --- the lock over it --- */

static struct lock *
lock(void)
{
	return &spio_state()->launch;
}

/* As exit(3) in a signal handler, which interrupts a launch. */
START_TEST(found_and_removed_by_who_has_the_lock)
{
	struct stream *closed = NULL, *stream = stream_at(3);
	uint32_t token = spio_lock_take(lock());

	ck_assert_int_eq(spio_stream_insert(stream, &closed), 0);
	ck_assert_ptr_eq(spio_stream_find(stream->file), stream);
	ck_assert_ptr_eq(spio_stream_remove(stream->file), stream);
	ck_assert(spio_lock_is_mine(lock()));
	spio_lock_drop(lock(), token);
	ck_assert(!spio_lock_is_mine(lock()));
}
END_TEST

START_TEST(fork_by_who_has_the_lock_does_not_take_it)
{
	uint32_t token = spio_lock_take(lock());
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	assert_exit(status, 0);
	ck_assert_uint_eq(atomic_load(&spio_state()->token), token);
	ck_assert(spio_lock_is_mine(lock()));
	spio_lock_drop(lock(), token);
}
END_TEST

/* What before_fork() in lib/atfork.c leaves to the handlers of others. */
static void
hold_over_fork(void)
{
	atomic_store(&lock()->forking, spio_lock_take(lock()));
}

static void *
take_and_drop(void *unused)
{
	spio_lock_drop(lock(), spio_lock_take(lock()));
	return unused;
}

START_TEST(lock_is_not_kept_from_the_forking_thread)
{
	uint32_t token;

	hold_over_fork();
	token = spio_lock_take_until(lock(), spio_deadline(0));
	ck_assert_uint_ne(token, 0);
	spio_lock_drop(lock(), token);
	ck_assert_uint_eq(atomic_load(&lock()->owner), 0);
}
END_TEST

START_TEST(lock_is_not_kept_from_others_for_ever)
{
	pthread_t thread;
	uint32_t token;

	hold_over_fork();
	token = atomic_load(&lock()->forking);
	ck_assert_int_eq(pthread_create(&thread, NULL, take_and_drop, NULL),
	    0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!spio_lock_is_mine(lock()));
	spio_lock_drop(lock(), token);
	take_and_drop(NULL);
}
END_TEST

static atomic_bool may_drop;

static void *
keep_for_a_while(void *unused)
{
	uint32_t token = spio_lock_take(lock());

	while (!atomic_load(&may_drop))
		usleep(1000);
	spio_lock_drop(lock(), token);
	return unused;
}

/* Nor taken from a thread that does not fork, however long that has it. */
START_TEST(lock_is_kept_by_who_does_not_fork)
{
	long long end = spio_deadline(2 * SPIO_FORK_PATIENCE_MS);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, keep_for_a_while,
	    NULL), 0);
	while (atomic_load(&lock()->owner) == 0)
		usleep(1000);
	ck_assert_uint_eq(spio_lock_take_until(lock(), end), 0);
	atomic_store(&may_drop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	take_and_drop(NULL);
}
END_TEST

static void
add_lock(TCase *tcase)
{
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, found_and_removed_by_who_has_the_lock);
	tcase_add_test(tcase, fork_by_who_has_the_lock_does_not_take_it);
	tcase_add_test(tcase, lock_is_not_kept_from_the_forking_thread);
	tcase_add_test(tcase, lock_is_not_kept_from_others_for_ever);
	tcase_add_test(tcase, lock_is_kept_by_who_does_not_fork);
}

int
main(void)
{
	Suite *s = suite_create("stream");
	TCase *tcase = tcase_create("list"), *locks = tcase_create("lock");
	SRunner *runner = srunner_create(s);
	int failed;

	suite_add_tcase(s, tcase);
	suite_add_tcase(s, locks);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, any_order);
	tcase_add_test(tcase, all_but_the_last_are_closed);
	tcase_add_loop_test(tcase, closed_unseen, 0, 4);
	tcase_add_test(tcase, close_on_exec_is_not_listed);
	if (MAY_LIMIT)
		tcase_add_test(tcase, no_memory);
	tcase_add_test(tcase, forked_at_any_moment);
	add_lock(locks);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
