/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <gio/gio.h>

#include "peers.h"

static int
start(struct launch *launch, const struct command *command)
{
	launch->own = g_subprocess_newv((const char *const *)command->argv,
	    G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL);
	errno = ECHILD;		/* what it was is in words only */
	return launch->own != NULL ? 0 : -1;
}

static int
finish(struct launch *launch)
{
	GSubprocess *child = launch->own;
	GInputStream *out = g_subprocess_get_stdout_pipe(child);
	char buf[4096];
	int status = -1;

	while (g_input_stream_read(out, buf, sizeof(buf), NULL, NULL) > 0)
		;
	if (g_subprocess_wait(child, NULL, NULL))
		status = g_subprocess_get_status(child);
	g_object_unref(child);
	return status;
}

const struct peer peer_gsubprocess = { "GSubprocess", start, finish };
