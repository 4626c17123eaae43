/* SPDX-License-Identifier: ISC */
/* What the libcheck programs share: a fixture that fails a test which leaves
 * something behind, and helpers that keep the tests short. */

#ifndef FIXTURE_H
#define FIXTURE_H

#ifndef _GNU_SOURCE
# define _GNU_SOURCE 1
#endif

#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spawnio.h"

#define FIXTURE_PRINTF(m, n)	__attribute__((__format__(__printf__, m, n)))

#if defined(__SANITIZE_ADDRESS__)
# define ADDRESS_SANITIZER	1
#elif defined(__has_feature)
# define ADDRESS_SANITIZER	__has_feature(address_sanitizer)
#else
# define ADDRESS_SANITIZER	0
#endif
#if defined(__SANITIZE_THREAD__)
# define THREAD_SANITIZER	1
#elif defined(__has_feature)
# define THREAD_SANITIZER	__has_feature(thread_sanitizer)
#else
# define THREAD_SANITIZER	0
#endif

/* AddressSanitizer fails by itself when a thread's stack is unwound by its
 * cancellation, its search for leaks at exit needs clone(2) and the rights to
 * trace, and a forked child inherits its allocator's locks as another thread
 * had them; ThreadSanitizer keeps signals back from a thread that waits; both
 * need memory where a test leaves none. */
#define MAY_CANCEL	(!ADDRESS_SANITIZER)
#define MAY_MIX_IDS	(!ADDRESS_SANITIZER)
#define MAY_ALLOCATE_AFTER_FORK	(!ADDRESS_SANITIZER)
#define MAY_STORM	(!THREAD_SANITIZER)
#define MAY_LIMIT	(!ADDRESS_SANITIZER && !THREAD_SANITIZER)

#define assert_exit(status, code) do { \
	int got_ = (status), code_ = (code); \
	ck_assert_msg(WIFEXITED(got_) && WEXITSTATUS(got_) == code_, \
	    "wait status %#x is not that of exit %d", got_, code_); \
} while (0)
#define assert_killed(status, signo) do { \
	int got_ = (status), signo_ = (signo); \
	ck_assert_msg(WIFSIGNALED(got_) && WTERMSIG(got_) == signo_, \
	    "wait status %#x is not that of signal %d", got_, signo_); \
} while (0)
#define assert_error(call, result, error) do { \
	errno = 0; \
	ck_assert((call) == (result)); \
	ck_assert_int_eq(errno, (error)); \
} while (0)

/* A checked fixture.  After it the descriptors 0 to 2 are the only ones that
 * commands inherit. */
void fixture_setup(void);
void fixture_teardown(void);

/* A suite's test case with the fixture and a time limit. */
TCase *add_case(Suite *suite, const char *name);

/* Say that tests are not added, and why. */
void left_out(const char *message);

/* Leave out the search for leaks that AddressSanitizer makes when this process
 * exits: it makes a thread of its own and traces all others. */
void seek_no_leaks(void);

/* Set RLIMIT_NPROC to 0. */
void allow_no_children(void);

/* Run the suite: what main() returns. */
int run(Suite *suite);

/* Changes that a test makes on purpose, so that they are no surprise at its
 * end. */
void on_signal(int signo, void (*handler)(int), int flags);
void block(int signo);
void unblock(int signo);

/* The calls under test, with a command made by printf(3).  They fail the test
 * if no child could be made, or if errno changed. */
FILE *open_command(const char *type, const char *format, ...)
    FIXTURE_PRINTF(2, 3);
int close_command(FILE *stream);
int run_command(const char *format, ...) FIXTURE_PRINTF(1, 2);

/* All that a stream still has to say, and all that a command says, which must
 * exit with 0.  Both until the next call. */
const char *rest_of(FILE *stream);
const char *output(const char *format, ...) FIXTURE_PRINTF(1, 2);

/* Streams whose commands have ended, and NULL; and so much memory that a fork
 * takes a while, most of it before it copies what the streams are kept in.  To
 * close them meanwhile, in a thread: NULL if all had exited with 0. */
#define STREAMS	64
void open_ended(FILE *stream[STREAMS + 1]);
void *close_slowly(void *streams);

/* The shell text of a test for each descriptor of [0, n) that is open in the
 * command: prints their numbers, a space after each. */
const char *list_open(int n);

/* The shell text that prints what /proc says of the caller as it waits: one
 * that was suspended until the exec may have yet to restore its mask. */
#define SHOW_WAITING_CALLER \
	"until grep -q '^State:.S' /proc/$PPID/status; do :; done; " \
	"cat /proc/$PPID/status"

/* A set of signals in the text of /proc/PID/status, and this process's, without
 * the C library's own: glibc's posix_spawn() ignores these. */
unsigned long long status_set(const char *text, const char *field);
unsigned long long own_set(const char *field);

/* A pipe of which the commands inherit one end, as /proc/self/fd/N, and the
 * test has the other. */
struct channel {
	int theirs, ours;
};
struct channel from_commands(void);
struct channel to_commands(void);
void close_channel(struct channel channel);
void await(struct channel from);	/* one byte */
void release(struct channel to);	/* one line */

/* Run body in a fork()ed child, which must come to its end. */
void in_child(void (*body)(void *), void *arg);

/* The same with another root folder: it has a /bin/sh of that text and mode,
 * or is empty if text is NULL. */
bool may_change_root(void);
void in_other_root(const char *text, mode_t mode, void (*body)(void *),
    void *arg);

/* Close those of descriptors 0 to 2 whose bits are set in which; and have them
 * again. */
void close_standard(int which);
void open_standard(void);

/* Run body(arg) in eight threads at once: NULL of each if nothing was wrong. */
void in_threads(void *(*body)(void *), void *arg);

/* Is this kernel of that version, or a later one? */
static inline bool
kernel_is(int major, int minor)
{
	struct utsname name;
	int its_major, its_minor;

	return uname(&name) == 0 &&
	    sscanf(name.release, "%d.%d", &its_major, &its_minor) == 2 &&
	    (its_major > major || (its_major == major && its_minor >= minor));
}

/* An argument may have 32 pages, but not more than a fourth of the limit of the
 * stack has room for: let that be enough, however large a page is. */
void allow_long_arguments(void);

/* Has the library engines of its own?  A build for another CPU has but one, and
 * no gate. */
bool native(void);

/* How many this process may use. */
int cpus(void);

/* The engine of the next child, asked after one was made: what the kernel
 * refuses is known by then. */
const char *engine_in_use(void);

/* The same for main(), which is to launch nothing itself: what was decided for
 * it would be decided for all tests.  "" if no child could be made. */
const char *engine_of_tests(void);

/* What a sandbox or an emulator may not have. */
bool clone3_is_there(void);
/* qemu-user or the like: fork(2) stands in for vfork(2), ptrace(2) and much of
 * a signal's action and a limit are not there. */
bool emulated(void);

/* Does a status that others waited for, or nobody can wait for, reach us? */
bool lost_status_is_found(void);

/* From now on no more memory than so many bytes beside what there is, which is
 * the first's result. */
size_t memory_size(void);
void limit_memory(size_t size);

/* From now on the kernel refuses that system call with that error, if its
 * first argument has one of those flags, or always if flags is 0. */
bool may_refuse(void);
void refuse(long call, unsigned int flags, int error);
void refuse_poll(void);

/* The children ask by it which file a descriptor is, and libc may: of 4 to 7,
 * among others, but of none that a program's loader opens. */
void refuse_fstat(int error);

/* How many times this thread gave the CPU away by itself. */
long sleeps(void);

/* Interrupt the thread by SIGUSR1, again as soon as its handler has run, and
 * after the last time release a command that reads a line from the channel.
 * No SA_RESTART. */
struct storm {
	pthread_t target, thunder;
	struct channel end;
};
void start_storm(struct storm *storm, struct channel end);
void join_storm(struct storm *storm);

#endif
