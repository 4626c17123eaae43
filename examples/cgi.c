/* SPDX-License-Identifier: ISC */
/* A server like those of CGI: a program answers each request, with what is
 * needed of it in its environment and input, and with little else.  It has five
 * seconds, and may answer with 1 MiB.
 *
 *	cgi PROGRAM [PORT]
 *
 * listens on the loopback interface, or takes one request from its standard
 * input and answers on its standard output, as under inetd(8). */
#define _GNU_SOURCE

#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <spawnio/how.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE		2048
#define MOST_INPUT	65536
#define MOST_OUTPUT	((size_t)1024 * 1024)

static const char *program;

struct request {
	char method[16];
	char path[LINE];
	size_t size;		/* of the body */
	char body[MOST_INPUT];
};

/* 0 if it is none that we understand. */
static int
read_request(FILE *in, struct request *request)
{
	char line[LINE], format[40];

	snprintf(format, sizeof(format), "%%15s %%%ds HTTP/1.", LINE - 1);
	if (fgets(line, sizeof(line), in) == NULL ||
	    sscanf(line, format, request->method, request->path) != 2)
		return 0;
	request->size = 0;
	do {
		if (fgets(line, sizeof(line), in) == NULL)
			return 0;
		if (strncasecmp(line, "Content-Length:", 15) == 0)
			request->size = strtoul(line + 15, NULL, 10);
	} while (line[0] != '\r' && line[0] != '\n');
	return request->size <= MOST_INPUT &&
	    fread(request->body, 1, request->size, in) == request->size;
}

/* 0 and *capture, or an errno. */
static int
run(struct request *request, struct spawnio_capture *capture)
{
	char method[40], path[LINE + 20], query[LINE + 20], size[40];
	char *question = strchr(request->path, '?');
	char *argv[] = { (char *)(uintptr_t)program, NULL };
	char *envp[] = { (char *)"PATH=/usr/bin:/bin",
		(char *)"GATEWAY_INTERFACE=CGI/1.1", method, path, query, size,
		NULL };
	const struct spawnio_rlimit limits[] = {
		{ RLIMIT_CPU, { 5, 5 } },
		{ RLIMIT_CORE, { 0, 0 } }
	};
	struct spawnio_how how = {
		.size = sizeof(how),
		.argv = argv,
		.envp = envp,
		.err = { SPAWNIO_INHERIT },
		.rlimits = limits,
		.rlimit_count = sizeof(limits) / sizeof(limits[0]),
		.flags = SPAWNIO_SETSID | SPAWNIO_CLOSE_OTHERS |
		    SPAWNIO_NO_NEW_PRIVS,
		.timeout = 5000,
		.grace = 200
	};

	if (question != NULL)
		*question++ = '\0';
	snprintf(method, sizeof(method), "REQUEST_METHOD=%s", request->method);
	snprintf(path, sizeof(path), "PATH_INFO=%s", request->path);
	snprintf(query, sizeof(query), "QUERY_STRING=%s",
	    question != NULL ? question : "");
	snprintf(size, sizeof(size), "CONTENT_LENGTH=%zu", request->size);
	memset(capture, 0, sizeof(*capture));
	capture->input = request->body;
	capture->input_size = request->size;
	capture->limit = MOST_OUTPUT;
	return spawnio_capture(&how, capture) == 0 ? 0 : errno;
}

static const char *
status_line(int error, int status)
{
	if (error == ETIMEDOUT)
		return "504 Gateway Timeout";
	if (error != 0)
		return "502 Bad Gateway";
	return status == 0 ? "200 OK" : "500 Internal Server Error";
}

static void
answer(FILE *in, FILE *out)
{
	struct request *request = malloc(sizeof(*request));
	struct spawnio_capture capture;
	const char *line;
	int error;

	if (request == NULL || !read_request(in, request)) {
		fprintf(out, "HTTP/1.0 400 Bad Request\r\n\r\n");
	} else {
		error = run(request, &capture);
		line = status_line(error, capture.status);
		fprintf(out, "HTTP/1.0 %s\r\n", line);
		if (line[0] == '2')
			fwrite(capture.out, 1, capture.out_size, out);
		else
			fprintf(out, "\r\n%s\n", error != 0 ?
			    strerror(error) : "the program failed");
		free(capture.out);
	}
	free(request);
	fflush(out);
}

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");

	if (in != NULL && out != NULL)
		answer(in, out);
	if (in != NULL)
		fclose(in);
	if (out != NULL)
		fclose(out);
	return NULL;
}

static void
listen_on(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client, on = 1;
	pthread_t thread;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    listen(fd, 16) == -1)
		err(1, "port %d", port);
	for (;;) {
		client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (client == -1)
			continue;
		if (pthread_create(&thread, NULL, serve,
		    (void *)(intptr_t)client) == 0)
			pthread_detach(thread);
		else
			close(client);
	}
}

int
main(int argc, char *argv[])
{
	if (argc != 2 && argc != 3)
		errx(1, "usage: cgi PROGRAM [PORT]");
	program = argv[1];
	if (argc == 3)
		listen_on(atoi(argv[2]));
	answer(stdin, stdout);
	return 0;
}
