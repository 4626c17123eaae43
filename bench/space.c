/* SPDX-License-Identifier: ISC */
/* What an open stream takes of malloc() beside its FILE, and the first launch
 * of anonymous memory. */

#define _GNU_SOURCE

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#ifdef __GLIBC__
# include <malloc.h>
# if __GLIBC_PREREQ(2, 33)
#  define HAVE_MALLINFO2
# endif
#endif

#include "measure.h"
#include "spawnio.h"

#define STREAMS	400

static void
print(const char *experiment, const char *way, const char *unit, double value,
    size_t n)
{
	const struct record record = { experiment, "", way, "", unit };

	measure_print(&record, value, value, value, n);
}

#ifdef HAVE_MALLINFO2

/* What a FILE takes, whoever asks for it. */
static FILE *
plain(const char *command, const char *type)
{
	int ends[2];

	(void)command;
	if (pipe2(ends, O_CLOEXEC) == -1)
		err(1, "pipe2");
	close(ends[1]);
	return fdopen(ends[0], type);
}

static double
bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd);
}

/* Of each of many, after the first. */
static double
bytes_of(FILE *(*open)(const char *, const char *))
{
	double before = 0;

	for (int i = 0; i <= STREAMS; i++) {
		if (i == 1)
			before = bytes();
		if (open("exit 0", "r") == NULL)
			err(1, "stream %d", i);
	}
	return (bytes() - before) / STREAMS;
}

static int
print_streams(void)
{
	double file = bytes_of(plain);

	print("space", "spopen", "bytes", bytes_of(spopen) - file, STREAMS);
	print("space", "popen", "bytes", bytes_of(popen) - file, STREAMS);
	return 0;
}

#else

static int
print_streams(void)
{
	warnx("this libc does not tell what malloc() has given");
	return 1;
}

#endif

/* In KiB; -1 if it cannot be told. */
static long
anonymous(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	long kilobytes = -1;
	char line[128];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Anonymous: %ld", &kilobytes) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kilobytes;
}

/* The first look pays for the looking. */
static int
print_first_launch(void)
{
	FILE *stream;
	long before = anonymous(), after;

	before = anonymous();
	if ((stream = spopen("exit 0", "r")) == NULL)
		err(1, "spopen");
	after = anonymous();
	spclose(stream);
	if (before == -1 || after == -1) {
		warnx("the kernel does not tell what is resident");
		return 1;
	}
	print("first launch", "spopen", "KiB", (double)(after - before), 1);
	return 0;
}

/* The processes of the streams are left to init. */
int
main(void)
{
	int missed = print_first_launch();

	return print_streams() | missed;
}
