/* SPDX-License-Identifier: ISC */
/* For t/clients: a program that knows nothing of the library and uses popen()
 * and system() in the ways that real ones do, where those are not to be had.
 * What it prints must not depend on who answers its calls. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES	100000
#define THREADS	4

static FILE *
must_open(const char *command, const char *type)
{
	FILE *f;

	fflush(stdout);
	f = popen(command, type);
	if (f == NULL) {
		perror(command);
		exit(1);
	}
	return f;
}

static void
say(const char *what, int status)
{
	printf("%s: %#x\n", what, (unsigned)status);
	fflush(stdout);
}

static void
run(const char *command)
{
	fflush(stdout);
	say(command, system(command));
}

static void
write_lines(FILE *f, int from, int to)
{
	for (; from < to; from++)
		fprintf(f, "line %d\n", from);
}

static void
copy(FILE *f)
{
	int c;

	while ((c = getc(f)) != EOF)
		putchar(c);
}

/* Interpreters: line after line, and the last has no newline. */
static void
lines(void)
{
	FILE *f = must_open("seq 1 300000; printf 1000000", "r");
	char *line = NULL;
	size_t size = 0;
	long sum = 0;

	while (getline(&line, &size, f) != -1)
		sum += atol(line);
	free(line);
	printf("sum %ld\n", sum);
	say("lines", pclose(f));
}

/* Pagers: the first lines are enough. */
static void
first_line(void)
{
	FILE *f = must_open("exec seq 1 100000000", "r");
	char line[16];

	if (fgets(line, sizeof(line), f) != NULL)
		fputs(line, stdout);
	say("first line", pclose(f));
}

static void
unbuffered(void)
{
	FILE *f = must_open("echo one; echo two >&2; cat; exit 2", "r");
	char own[64];

	setvbuf(f, NULL, _IONBF, 0);
	copy(f);
	say("unbuffered", pclose(f));
	f = must_open("seq 1 2000 | cksum", "r");
	setvbuf(f, own, _IOFBF, sizeof(own));
	copy(f);
	say("own buffer", pclose(f));
}

/* Programs with a loop of their own. */
static void
polled(void)
{
	FILE *f = must_open("seq 1 20000; exit 5", "r");
	struct pollfd p = { .fd = fileno(f), .events = POLLIN };
	char buf[512];
	long total = 0;
	ssize_t n;

	fcntl(p.fd, F_SETFL, O_NONBLOCK);
	while (poll(&p, 1, -1) == 1) {
		n = read(p.fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		total += n;
	}
	printf("%ld bytes\n", total);
	say("polled", pclose(f));
}

/* Output of ours and of the command, in the order in which it was made. */
static void
written(void)
{
	FILE *f;

	puts("before");
	f = must_open("tr a-z A-Z; echo end", "w");
	write_lines(f, 0, 3);
	say("written", pclose(f));
	f = must_open("cksum; exit 4", "w");
	write_lines(f, 0, LINES);
	say("many lines", pclose(f));
	f = must_open("exit 3", "w");
	signal(SIGPIPE, SIG_IGN);
	write_lines(f, 0, LINES);
	printf("error %d\n", ferror(f) != 0);
	say("not read", pclose(f));
	signal(SIGPIPE, SIG_DFL);
}

/* Databases, plotters: standard output itself goes to the command. */
static void
redirected(void)
{
	FILE *f = must_open("sed s/^/to:/", "w");
	int old = dup(1);

	dup2(fileno(f), 1);
	puts("redirected");
	fflush(stdout);
	run("echo of another command");
	dup2(old, 1);
	close(old);
	say("redirected", pclose(f));
}

/* awk: as many as the script names, closed in an order of its own.  None keeps
 * another's pipe open. */
static void
several(void)
{
	FILE *sorted = must_open("sort -n | tail -n 1", "w");
	FILE *sum = must_open("cksum", "w");
	FILE *numbers = must_open("seq 1 1000", "r");
	FILE *late = must_open("sort -n | head -n 1", "w");
	int n;

	while (fscanf(numbers, "%d", &n) == 1) {
		fprintf(sorted, "%d\n", n * 7 % 1001);
		fprintf(sum, "%d\n", n);
		fprintf(late, "%d\n", n + 5);
	}
	say("sum", pclose(sum));
	run("exit 9");
	say("sorted", pclose(sorted));
	say("numbers", pclose(numbers));
	say("late", pclose(late));
}

static volatile sig_atomic_t interrupts, children;

static void
note(int signo)
{
	if (signo == SIGCHLD)
		children = 1;
	else
		interrupts++;
}

/* Editors and shells, with handlers of their own. */
static void
statuses(void)
{
	signal(SIGINT, note);
	signal(SIGCHLD, note);
	run("exit 3");
	run("kill -9 $$");
	run("no-such-command-at-all 2>/dev/null");
	run("kill -INT $PPID; kill -QUIT $PPID; exit 6");
	run("kill -INT $$");
	run("echo \"a  'b'\" >out; cat <out; rm out");
	printf("interrupts %d, children %d\n", (int)interrupts, (int)children);
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
}

/* What a command gets of its caller, and that it is as it was at the call. */
static void
inherited(void)
{
	FILE *f;

	setenv("CLIENT", "old", 1);
	umask(027);
	f = must_open("sleep 0.1; echo $CLIENT; umask; pwd | sed 's,.*/,,'",
	    "r");
	setenv("CLIENT", "new", 1);
	umask(022);
	if (chdir("/") == -1)
		perror("/");
	copy(f);
	say("inherited", pclose(f));
	run("echo $CLIENT; umask; pwd");
}

/* More descriptors than the three and a pipe of ls; zombies. */
static void
seen(void)
{
	FILE *open = must_open("cat", "w"), *closed = must_open("cat", "we");

	run("ls /proc/self/fd | wc -l; ps -o stat= --ppid $PPID | grep -c Z");
	say("open", pclose(open));
	say("closed", pclose(closed));
}

static void
closed_input(void)
{
	int old = fcntl(0, F_DUPFD_CLOEXEC, 10);
	FILE *f;

	close(0);
	f = must_open("cat; echo $?", "w");
	fputs("by descriptor 0\n", f);
	say("no input", pclose(f));
	f = must_open("echo from descriptor 0", "r");
	copy(f);
	say("no input", pclose(f));
	dup2(old, 0);
	close(old);
}

static void
await(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	say("other child", status);
}

/* Children of its own, between those of popen(). */
static void
others(void)
{
	static char sh[] = "sh", c[] = "-c", text[] = "echo spawned; exit 7";
	char *const argv[] = { sh, c, text, NULL };
	extern char **environ;
	FILE *f = must_open("cat; exit 8", "w");
	pid_t pid;

	pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "echo vforked; exit 6", NULL);
		_exit(127);
	}
	await(pid);
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0)
		await(pid);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(system("exit 5") >> 8);
	await(pid);
	fputs("still open\n", f);
	say("stream", pclose(f));
}

/* musl's popen() fails if another thread's pclose() comes in between. */
static FILE *
open_again(const char *command)
{
	FILE *f;
	int i;

	for (i = 0; i < 1000; i++) {
		f = popen(command, "r");
		if (f != NULL || errno != EBADF)
			break;
	}
	return f;
}

static void *
thread(void *arg)
{
	char command[16];
	int i, n, *good = arg;
	FILE *f;

	for (i = 0; i < 25; i++) {
		f = open_again("echo 17; exit 2");
		if (f != NULL && fscanf(f, "%d", &n) == 1 && n == 17 &&
		    pclose(f) == 2 << 8)
			++*good;
		snprintf(command, sizeof(command), "exit %d", i);
		*good += system(command) == i << 8;
	}
	return NULL;
}

static void
threads(void)
{
	pthread_t id[THREADS];
	int i, good[THREADS] = { 0 };

	for (i = 0; i < THREADS; i++)
		pthread_create(&id[i], NULL, thread, &good[i]);
	for (i = 0; i < THREADS; i++) {
		pthread_join(id[i], NULL);
		printf("thread: %d\n", good[i]);
	}
}

int
main(void)
{
	static void (*const scenes[])(void) = {
		lines, first_line, unbuffered, polled, written, redirected,
		several, statuses, seen, closed_input, others, threads,
		inherited
	};
	size_t i;

	/* The shell may have another C library than this program. */
	unsetenv("LD_PRELOAD");
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		scenes[i]();
	printf("children: %s\n", waitpid(-1, NULL, WNOHANG) == -1 &&
	    errno == ECHILD ? "none" : "left");
	return 0;
}
