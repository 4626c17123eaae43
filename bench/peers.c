/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "measure.h"
#include "peers.h"
#include "spawnio.h"
#ifdef SPIO_NATIVE
# include "spawnio/child.h"
#endif

extern char **environ;

int
peer_once(const struct way *way, double *us)
{
	double start = measure_clock();
	struct launch launch = { .fd = -1 };
	int status;

	if (way->peer->start(&launch, way->command) == -1) {
		warn("%s", way->peer->name);
		return -1;
	}
	us[BLOCKED] = measure_clock() - start;
	status = way->peer->finish(&launch);
	us[WHOLE] = measure_clock() - start;
	if (status != 0)
		warnx("%s: status %#x", way->peer->name, (unsigned)status);
	return status == 0 ? 0 : -1;
}

/* --- streams --- */

static void
read_stream(FILE *stream)
{
	char buf[4096];

	while (fread(buf, 1, sizeof(buf), stream) > 0)
		;
}

static int
popen_start(struct launch *launch, const struct command *command)
{
	launch->stream = popen(command->text, "r");
	return launch->stream != NULL ? 0 : -1;
}

static int
popen_finish(struct launch *launch)
{
	read_stream(launch->stream);
	return pclose(launch->stream);
}

const struct peer peer_popen = { "popen", popen_start, popen_finish };

static int
spopen_start(struct launch *launch, const struct command *command)
{
	launch->stream = spopen(command->text, "r");
	return launch->stream != NULL ? 0 : -1;
}

static int
spopen_finish(struct launch *launch)
{
	read_stream(launch->stream);
	return spclose(launch->stream);
}

const struct peer peer_spopen = { "spopen", spopen_start, spopen_finish };

/* --- descriptors --- */

/* A child by make, and the reading end of its output. */
static int
start_by(pid_t (*make)(const struct command *, int), struct launch *launch,
    const struct command *command)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	launch->pid = make(command, ends[1]);
	launch->fd = ends[0];
	close(ends[1]);
	if (launch->pid == -1)
		close(launch->fd);
	return launch->pid == -1 ? -1 : 0;
}

static int
fd_finish(struct launch *launch)
{
	char buf[4096];
	int status;

	while (read(launch->fd, buf, sizeof(buf)) > 0)
		;
	close(launch->fd);
	return waitpid(launch->pid, &status, 0) == launch->pid ? status : -1;
}

static pid_t
posix_spawn_child(const struct command *command, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	int error;

	if ((error = posix_spawn_file_actions_init(&actions)) == 0) {
		error = posix_spawn_file_actions_adddup2(&actions, out,
		    STDOUT_FILENO);
		if (error == 0)
			error = posix_spawn(&pid, command->argv[0], &actions,
			    NULL, command->argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	errno = error;
	return error == 0 ? pid : -1;
}

static int
posix_spawn_start(struct launch *launch, const struct command *command)
{
	return start_by(posix_spawn_child, launch, command);
}

const struct peer peer_posix_spawn = {
	"posix_spawn", posix_spawn_start, fd_finish
};

static pid_t
fork_child(const struct command *command, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		execve(command->argv[0], command->argv, environ);
		_exit(127);
	}
	return pid;
}

static int
fork_start(struct launch *launch, const struct command *command)
{
	return start_by(fork_child, launch, command);
}

const struct peer peer_fork = { "fork+exec", fork_start, fd_finish };

pid_t
peer_vfork_child(const struct command *command, int out)
{
	pid_t pid = vfork();

	if (pid == 0) {
		if (out != -1)
			dup2(out, STDOUT_FILENO);
		execve(command->argv[0], command->argv, environ);
		_exit(127);
	}
	return pid;
}

static int
vfork_start(struct launch *launch, const struct command *command)
{
	return start_by(peer_vfork_child, launch, command);
}

const struct peer peer_vfork = { "vfork+exec", vfork_start, fd_finish };

#ifdef SPIO_NATIVE

/* Of the one launch at a time. */
static struct {
	const struct command *command;
	int out;
	char stack[65536] __attribute__((__aligned__(16)));
} bare;

/* Beside its caller: nothing of libc, whose errno is the caller's. */
SPAWNIO_IN_CHILD static int
clone_main(void *arg)
{
	(void)arg;
	child_dup2(bare.out, STDOUT_FILENO);
	child_execve(bare.command->argv[0], bare.command->argv, environ);
	child_exit(127);
	return 0;
}

static pid_t
clone_child(const struct command *command, int out)
{
	bare.command = command;
	bare.out = out;
	return clone(clone_main, bare.stack + sizeof(bare.stack),
	    CLONE_VM | SIGCHLD, NULL);
}

/* The child's descriptors are its own since the clone: the caller's may go. */
static int
clone_start(struct launch *launch, const struct command *command)
{
	return start_by(clone_child, launch, command);
}

const struct peer peer_clone = { "clone", clone_start, fd_finish };

/* With what a popen cannot do without, a call each: whose rights are these, is
 * there a shell, a FILE, which file it is, whether the status would be lost,
 * and a descriptor that other children inherit. */
static int
clone_calls_start(struct launch *launch, const struct command *command)
{
	struct { unsigned int version; int pid; } caller = { 0x20080522, 0 };
	unsigned int rights[6];
	struct sigaction chld;
	struct stat st;

	syscall(SYS_capget, &caller, rights);
	if (faccessat(AT_FDCWD, "/bin/sh", X_OK, AT_EACCESS) == -1 ||
	    clone_start(launch, command) == -1)
		return -1;
	launch->stream = fdopen(launch->fd, "r");
	fstat(launch->fd, &st);
	sigaction(SIGCHLD, NULL, &chld);
	fcntl(launch->fd, F_SETFD, 0);
	return launch->stream != NULL ? 0 : -1;
}

static int
clone_calls_finish(struct launch *launch)
{
	int status;

	read_stream(launch->stream);
	fclose(launch->stream);
	return waitpid(launch->pid, &status, 0) == launch->pid ? status : -1;
}

const struct peer peer_clone_calls = {
	"clone+calls", clone_calls_start, clone_calls_finish
};

#endif
