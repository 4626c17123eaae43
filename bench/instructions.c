/* SPDX-License-Identifier: ISC */
/* Instructions that the calling thread executes in spopen() and in popen(),
 * counted by stepping through them: exact, whatever else the machine does.  In
 * the kernel none are counted. */

#define _GNU_SOURCE

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure.h"
#include "peers.h"
#include "spawnio.h"

#define ROUNDS		5
#define WARM_UP		1
#define THREADS		8
#define STREAMS		500
#define VARIABLES	500
#define SECONDS		60

static const struct command command = { "exit 0", NULL };

static void
nothing(const struct peer *peer)
{
	(void)peer;
}

static void *
launch_for_ever(void *arg)
{
	const struct way way = { .peer = arg, .command = &command };
	double us[SPANS];

	while (peer_once(&way, us) == 0)
		;
	return NULL;
}

static void
other_threads(const struct peer *peer)
{
	pthread_t thread;

	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, launch_for_ever,
		    (void *)peer) != 0)
			errx(1, "no thread");
}

static void
open_streams(const struct peer *peer)
{
	struct launch launch;

	for (int i = 0; i < STREAMS; i++)
		if (peer->start(&launch, &command) == -1)
			err(1, "stream %d", i);
}

static void
large_environment(const struct peer *peer)
{
	char name[32];

	(void)peer;
	for (int i = 0; i < VARIABLES; i++) {
		snprintf(name, sizeof(name), "BENCH_VARIABLE_%d", i);
		if (setenv(name, "some text of no great length", 1) == -1)
			err(1, NULL);
	}
}

static const struct situation {
	const char *name;
	void (*prepare)(const struct peer *peer);
} situations[] = {
	{ "alone", nothing },
	{ "8 threads", other_threads },
	{ "500 streams", open_streams },
	{ "500 variables more", large_environment },
};

/* The counting begins at one stop and ends at the next; the first two of each
 * round have nothing between them. */
static void
be_counted(const struct peer *peer)
{
	struct launch launch;

	for (int i = 0; i < WARM_UP + ROUNDS; i++) {
		raise(SIGSTOP);
		raise(SIGSTOP);
		raise(SIGSTOP);
		if (peer->start(&launch, &command) == -1)
			err(1, "%s", peer->name);
		raise(SIGSTOP);
		peer->finish(&launch);
	}
	_exit(0);
}

static void
run_counted(const struct situation *situation, const struct peer *peer)
{
	alarm(SECONDS);
	/* The gate sees a tracer, and would take another engine. */
#ifdef SPIO_NATIVE
	if (spawnio_set_engine(SPAWNIO_ENGINE_AVFORK) == -1)
		err(1, "avfork");
#endif
	situation->prepare(peer);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		err(1, "ptrace");
	be_counted(peer);
}

/* Is pid still at *last?  x86 stops in each repetition of a string instruction,
 * of which memcpy() may be one. */
static int
repeats(pid_t pid, long *last)
{
#if defined(__x86_64__) || defined(__i386__)
# ifdef __x86_64__
	const size_t at = offsetof(struct user, regs.rip);
# else
	const size_t at = offsetof(struct user, regs.eip);
# endif
	const long previous = *last;

	*last = ptrace(PTRACE_PEEKUSER, pid, at, NULL);
	return *last == previous;
#else
	(void)pid;
	(void)last;
	return 0;
#endif
}

/* Let pid go on to its next SIGSTOP, by request; the number of its stops on the
 * way, or -1 if it ended.  Other signals are passed on. */
static long
go_on(pid_t pid, int request)
{
	long stops = 0, sig = 0, last = 0;
	int status;

	for (;;) {
		if (ptrace(request, pid, NULL, sig) == -1 ||
		    waitpid(pid, &status, __WALL) != pid ||
		    !WIFSTOPPED(status))
			return -1;
		sig = WSTOPSIG(status);
		if (sig == SIGSTOP)
			return stops;
		if (sig == SIGTRAP) {
			sig = 0;
			stops += !repeats(pid, &last);
		}
	}
}

static int
count(pid_t pid, double *instructions)
{
	long empty, full;

	for (int i = 0; i < WARM_UP + ROUNDS; i++) {
		empty = go_on(pid, PTRACE_SINGLESTEP);
		if (go_on(pid, PTRACE_CONT) == -1)
			return -1;
		full = go_on(pid, PTRACE_SINGLESTEP);
		if (empty <= 0 || full == -1)
			return -1;
		if (i >= WARM_UP)
			instructions[i - WARM_UP] = (double)(full - empty);
		if (i < WARM_UP + ROUNDS - 1 && go_on(pid, PTRACE_CONT) == -1)
			return -1;
	}
	return 0;
}

static int
measure(const struct situation *situation, const struct peer *peer)
{
	const struct record record = {
		"instructions", situation->name, peer->name, "", "instructions"
	};
	double instructions[ROUNDS];
	int status, result = -1;
	pid_t pid = fork();

	if (pid == -1)
		err(1, "fork");
	if (pid == 0)
		run_counted(situation, peer);
	if (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		result = count(pid, instructions);
	kill(pid, SIGKILL);
	waitpid(pid, &status, __WALL);
	if (result == 0)
		measure_print_median(&record, instructions, ROUNDS);
	else
		warnx("%s, %s: no instructions counted", peer->name,
		    situation->name);
	return result;
}

int
main(void)
{
	int missed = measure(&situations[0], &peer_popen);

	for (size_t i = 0; i < sizeof(situations) / sizeof(situations[0]); i++)
		missed |= measure(&situations[i], &peer_spopen);
	return missed != 0;
}
