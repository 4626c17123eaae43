/* SPDX-License-Identifier: ISC */
#include <pipeline.h>
#include <signal.h>

#include "peers.h"

static int
start(struct launch *launch, const struct command *command)
{
	pipeline *pipe = pipeline_new();
	pipecmd *cmd = pipecmd_new(command->argv[0]);

	for (char *const *arg = command->argv + 1; *arg != NULL; arg++)
		pipecmd_arg(cmd, *arg);
	pipeline_command(pipe, cmd);
	pipeline_want_out(pipe, -1);
	pipeline_start(pipe);
	launch->own = pipe;
	return 0;
}

static int
finish(struct launch *launch)
{
	pipeline *pipe = launch->own;
	size_t size;
	int status;

	do
		size = 4096;
	while (pipeline_read(pipe, &size) != NULL && size > 0);
	status = pipeline_wait(pipe);
	pipeline_free(pipe);
	return status;
}

const struct peer peer_libpipeline = { "libpipeline", start, finish };
