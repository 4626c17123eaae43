/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "peers.h"

struct own {
	uv_process_t process;
	uv_pipe_t out;
	char buf[4096];
	int status;
};

static void
on_exit_status(uv_process_t *process, int64_t exit_status, int signal)
{
	struct own *own = process->data;

	own->status = signal != 0 ? signal : (int)exit_status << 8;
	uv_close((uv_handle_t *)process, NULL);
}

static void
give_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct own *own = handle->data;

	(void)size;
	*buf = uv_buf_init(own->buf, sizeof(own->buf));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n < 0)
		uv_close((uv_handle_t *)stream, NULL);
}

static int
spawn(struct own *own, const struct command *command)
{
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_INHERIT_FD, .data = { .fd = 0 } },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		    .data = { .stream = (uv_stream_t *)&own->out } },
		{ .flags = UV_INHERIT_FD, .data = { .fd = 2 } },
	};
	uv_process_options_t options = {
		.exit_cb = on_exit_status,
		.file = command->argv[0],
		.args = (char **)command->argv,
		.stdio_count = 3,
		.stdio = stdio,
	};

	uv_pipe_init(uv_default_loop(), &own->out, 0);
	own->process.data = own->out.data = own;
	return uv_spawn(uv_default_loop(), &own->process, &options);
}

static int
start(struct launch *launch, const struct command *command)
{
	struct own *own = calloc(1, sizeof(*own));
	int error;

	if (own == NULL)
		return -1;
	launch->own = own;
	error = spawn(own, command);
	errno = -error;
	return error == 0 ? 0 : -1;
}

static int
finish(struct launch *launch)
{
	struct own *own = launch->own;
	int status;

	uv_read_start((uv_stream_t *)&own->out, give_buffer, on_read);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	status = own->status;
	free(own);
	return status;
}

const struct peer peer_libuv = { "libuv", start, finish };
