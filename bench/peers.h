/* SPDX-License-Identifier: ISC */
/* What there is to start a command and read its output: one struct for each. */

#ifndef PEERS_H
#define PEERS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdio.h>

#include "contest.h"

/* The same command as a shell reads it, and as execve() takes it: a peer takes
 * the one that it has a call for. */
struct command {
	const char *text;
	char *const *argv;
};

/* A command that has been started; a peer uses what it needs. */
struct launch {
	FILE *stream;
	int fd;
	pid_t pid;
	void *own;
};

struct peer {
	const char *name;

	/* 0, or -1 and errno. */
	int (*start)(struct launch *launch, const struct command *command);

	/* Read to the end, wait: a status of wait(2), or -1. */
	int (*finish)(struct launch *launch);
};

extern const struct peer peer_popen;
extern const struct peer peer_spopen;
extern const struct peer peer_posix_spawn;
extern const struct peer peer_fork;
extern const struct peer peer_vfork;

/* The least that can be done without waiting: pipe2(), clone(), close().  One
 * at a time. */
extern const struct peer peer_clone, peer_clone_calls;

/* Where they were found. */
extern const struct peer peer_libpipeline;
extern const struct peer peer_gsubprocess;
extern const struct peer peer_libuv;

/* A struct way's once(). */
int peer_once(const struct way *way, double *us);

/* Only vfork() and execve(), with out as the standard output unless it is -1:
 * a pid, or -1 and errno. */
pid_t peer_vfork_child(const struct command *command, int out);

#endif
