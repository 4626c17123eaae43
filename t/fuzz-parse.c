/* SPDX-License-Identifier: ISC */
/* The parser, for libFuzzer: see t/fuzz.
 *
 * Whatever the bytes, what is found lies in the memory that is there for it,
 * and the time is linear.  And what is said to need no shell has the words that
 * dash splits it into: it is given to a function that only prints them. */
#define _GNU_SOURCE

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "parse.h"

#define LONG		(128 * 1024)
#define MOST_MS		100	/* of a CPU, under sanitizers */
#define DASH_MOST	(64 * 1024)
#define PRINT		"w() { printf '%s\\0' \"$@\"; }\nw "

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)	do { if (!(what)) broken(#what); } while (0)

static _Noreturn void
broken(const char *what)
{
	fprintf(stderr, "fuzz-parse: not so: %s\n", what);
	abort();
}

/* --- what was found --- */

static int
is_inside(const struct command *c, const char *string)
{
	return string >= c->text && string < c->text + sizeof(c->text) &&
	    memchr(string, '\0', (size_t)(c->text + sizeof(c->text) -
	    string)) != NULL;
}

/* The strings before the NULL, which is in a list of room. */
static int
check_list(const struct command *c, const char *const *list, int room)
{
	int n = 0;

	for (; n < room && list[n] != NULL; n++)
		CHECK(is_inside(c, list[n]));
	CHECK(n < room);
	return n;
}

static void
check_assign(const char *string)
{
	CHECK(strchr(string, '=') != NULL && *string != '=');
	CHECK(!spio_child_heeds(string));
}

static void
check_redirect(const struct command *c, const struct redirect *r)
{
	CHECK(r->fd >= 0 && r->fd <= 9);
	if (r->file != NULL)
		CHECK(is_inside(c, r->file) && r->flags >= 0);
	else
		CHECK(r->from >= -1 && r->from <= 9);
}

static void
check(const struct command *c, const char *why)
{
	const struct direct *d = &c->direct;
	int i, n;

	CHECK((why != NULL) != (d->argv != NULL));
	CHECK(why == NULL || *why != '\0');
	CHECK(d->redirects >= 0 && d->redirects <= SPIO_REDIRECTS);
	if (why != NULL)
		return;
	CHECK(d->argv == c->argv && d->assigns == c->assigns);
	CHECK(d->redirect == c->redirects);
	CHECK(check_list(c, d->argv, SPIO_WORDS + 1) > 0);
	CHECK(d->argv[0][0] != '\0');
	n = check_list(c, d->assigns, SPIO_ASSIGNS + 1);
	for (i = 0; i < n; i++)
		check_assign(d->assigns[i]);
	for (i = 0; i < d->redirects; i++)
		check_redirect(c, &d->redirect[i]);
}

/* --- what dash finds --- */

/* All that is active in a shell is behind a quote.  It looks again at what the
 * parser has said, before a shell is given the text; no more is allowed than
 * what can be split into words. */
static int
is_inert(const char *p)
{
	char quote = '\0';

	p += strspn(p, " \t");
	for (; *p != '\0'; p++) {
		if (quote == '\'') {
			quote = *p == '\'' ? '\0' : quote;
		} else if (strchr("$`", *p) != NULL) {
			return 0;
		} else if (*p == '\\') {
			if (*++p == '\0' || *p == '\n')
				return 0;
		} else if (quote == '"') {
			quote = *p == '"' ? '\0' : quote;
		} else if (*p == '\'' || *p == '"') {
			quote = *p;
		} else if (*p == '\n') {
			return p[strspn(p, " \t\n")] == '\0';
		} else if (strchr("|&;<>()*?[~", *p) != NULL) {
			return 0;
		}
	}
	return quote == '\0';
}

/* libFuzzer has timers, whose signals end a call. */
#define AGAIN(call)	while ((call) == -1 && errno == EINTR)

static size_t
read_all(int fd, char *output, size_t size)
{
	size_t length = 0;
	ssize_t n;

	do {
		AGAIN(n = read(fd, output + length, size - length));
		if (n == -1)
			err(1, "read");
		length += (size_t)n;
	} while (n > 0);
	return length;
}

/* What dash prints, in output; its length. */
static size_t
ask_dash(const char *script, char *output, size_t size)
{
	char *argv[] = { "dash", "-c", (char *)script, NULL };
	char *envp[] = { "PATH=/nonexistent", "LC_ALL=C", NULL };
	const char *folder = getenv("FUZZ_EMPTY");
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	size_t length;
	pid_t pid, ended;

	if (folder == NULL)
		errx(1, "FUZZ_EMPTY is to name an empty folder");
	if (pipe2(ends, O_CLOEXEC) != 0)
		err(1, "pipe2");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_addchdir_np(&actions, folder);
	if (posix_spawn(&pid, "/bin/dash", &actions, NULL, argv, envp) != 0)
		errx(1, "no dash");
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	length = read_all(ends[0], output, size);
	close(ends[0]);
	AGAIN(ended = waitpid(pid, &status, 0));
	CHECK(ended == pid && status == 0);
	return length;
}

static const char *
compare_list(const char *at, const char *end, const char *const *list)
{
	for (; *list != NULL; list++) {
		CHECK(at < end && strcmp(at, *list) == 0);
		at += strlen(at) + 1;
	}
	return at;
}

static void
compare_with_dash(const struct command *c, const char *string)
{
	char output[SPIO_TEXT + 64];
	const char *end, *at = output;
	char *script;

	CHECK(is_inert(string));
	if (asprintf(&script, "%s%s", PRINT, string) == -1)
		err(1, "asprintf");
	end = output + ask_dash(script, output, sizeof(output));
	free(script);
	CHECK(end > output && end[-1] == '\0');
	if (strcmp(output, "exec") == 0)
		at += sizeof("exec");
	at = compare_list(at, end, c->direct.assigns);
	at = compare_list(at, end, c->direct.argv);
	CHECK(at == end);
}

/* --- time --- */

static long
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The string as often as it takes. */
static void
try_long(struct command *c, const char *string)
{
	static char text[LONG + 1];
	size_t i, n = strlen(string);
	long before;

	if (n == 0)
		return;
	for (i = 0; i < LONG; i += n)
		memcpy(text + i, string, i + n <= LONG ? n : LONG - i);
	before = cpu_ms();
	check(c, spio_parse(c, text));
	CHECK(cpu_ms() - before < MOST_MS);
}

/* Both are of their size to the byte, so that no other is touched unseen. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command *c = malloc(sizeof(*c));
	char *string = malloc(size + 1);
	const char *why;

	if (c == NULL || string == NULL)
		err(1, "malloc");
	memcpy(string, data, size);
	string[size] = '\0';
	string = realloc(string, strlen(string) + 1);
	if (string == NULL)
		err(1, "realloc");
	memset(c, 0xa5, sizeof(*c));
	why = spio_parse(c, string);
	check(c, why);
	if (why == NULL && c->direct.redirects == 0 &&
	    strlen(string) < DASH_MOST)
		compare_with_dash(c, string);
	memset(c, 0xa5, sizeof(*c));
	try_long(c, string);
	free(string);
	free(c);
	return 0;
}
