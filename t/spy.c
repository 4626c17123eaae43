/* SPDX-License-Identifier: ISC */
/* Any program of the differential test: it notes in /record all that it was
 * started with, says its name, reads what it can, and ends as argv[1] says. */
#define _GNU_SOURCE

#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static char text[64 * 1024];
static size_t length;

static void
note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	length += (size_t)vsnprintf(text + length, sizeof(text) - length,
	    format, args);
	va_end(args);
	if (length >= sizeof(text))
		length = sizeof(text) - 1;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What bash adds, and says so in libspawnio(7), is the intermediate shell's. */
static void
note_environment(void)
{
	size_t n;

	for (n = 0; environ[n] != NULL; n++)
		;
	qsort(environ, n, sizeof(environ[0]), compare);
	for (n = 0; environ[n] != NULL; n++)
		if (strncmp(environ[n], "_=", 2) != 0 &&
		    strncmp(environ[n], "SHLVL=", 6) != 0)
			note("env %s\n", environ[n]);
}

/* The first descriptor of the same file. */
static int
first_of(const struct stat *st)
{
	struct stat other;
	int fd;

	for (fd = 0; fstat(fd, &other) != 0 || other.st_ino != st->st_ino ||
	    other.st_dev != st->st_dev; fd++)
		;
	return fd;
}

static void
note_descriptors(void)
{
	struct stat st;
	int fd;

	for (fd = 0; fd < 64; fd++)
		if (fstat(fd, &st) == 0)
			note("fd %d: as %d, %#o %#x %#x %ld of %ld\n", fd,
			    first_of(&st), st.st_mode, fcntl(fd, F_GETFL),
			    fcntl(fd, F_GETFD), (long)lseek(fd, 0, SEEK_CUR),
			    (long)st.st_size);
}

static void
note_signals(void)
{
	struct sigaction act;
	sigset_t mask;
	int sig;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (sig = 1; sig <= 64; sig++) {
		if (sigismember(&mask, sig) == 1)
			note("blocked %d\n", sig);
		/* busybox leaves it so: libspawnio(7). */
		if (sig == SIGQUIT && access("/busybox", F_OK) == 0)
			continue;
		if (sigaction(sig, NULL, &act) == 0 &&
		    act.sa_handler != SIG_DFL)
			note("ignored %d\n", sig);
	}
}

static void
note_process(void)
{
	struct rlimit limit;
	mode_t mask = umask(0);
	char cwd[4096];
	int i;

	umask(mask);
	note("umask %#o cwd %s session %d\n", mask,
	    getcwd(cwd, sizeof(cwd)), getsid(0) == getsid(getppid()));
	for (i = 0; i < RLIM_NLIMITS; i++)
		if (getrlimit(i, &limit) == 0)
			note("%llx/%llx ", (unsigned long long)limit.rlim_cur,
			    (unsigned long long)limit.rlim_max);
	note("\n");
}

int
main(int argc, char **argv)
{
	char byte;
	int i, fd;

	for (i = 0; i < argc; i++)
		note("argv[%d] '%s'\n", i, argv[i]);
	note_environment();
	note_descriptors();
	note_signals();
	note_process();
	fd = open("/record", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (write(fd, text, length) != (ssize_t)length)
		return 99;
	printf("out of %s\n", argv[0]);
	fprintf(stderr, "err of %s\n", argv[0]);
	while (read(0, &byte, 1) == 1)
		putchar(byte);
	if (argc > 1 && strcmp(argv[1], "die") == 0) {
		fflush(stdout);
		raise(SIGTERM);
	}
	return argc > 1 ? atoi(argv[1]) & 0x7f : 0;
}
