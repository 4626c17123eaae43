/* SPDX-License-Identifier: ISC */
/* A program that knows nothing of the library, for the tests of the shim.  What
 * it prints must not depend on who answers its calls. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS	4
#define ROUNDS	8
#define LINES	60000

static void
say(const char *what, int result)
{
	printf("%s: %d", what, result);
	if (result == -1)
		printf(" %s", strerror(errno));
	putchar('\n');
	fflush(stdout);
}

static void
no_child_left(const char *what)
{
	int result;

	errno = 0;
	result = waitpid(-1, NULL, WNOHANG);
	printf("%s: children: %s\n", what,
	    result == -1 && errno == ECHILD ? "none" : "left");
}

static FILE *
must_open(const char *command, const char *type)
{
	FILE *f = popen(command, type);

	if (f == NULL) {
		perror(command);
		exit(1);
	}
	return f;
}

static void
copy(FILE *f)
{
	int c;

	while ((c = getc(f)) != EOF)
		putchar(c);
	fflush(stdout);
}

static void
types(void)
{
	static const char *const type[] = {
		"r", "w", "re", "we", "er", "rr", "r+", "w+", "rw", "", "x",
		"rx", "rb", "e"
	};
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		errno = 0;
		f = popen("exit 7", type[i]);
		printf("type %s: ", type[i]);
		if (f == NULL)
			say("refused", -1);
		else {
			printf("errno %d, ", errno);
			say("taken", pclose(f));
		}
	}
}

static void
statuses(void)
{
	static const char *const command[] = {
		"exit 0", "exit 42", "no-such-command-at-all 2>/dev/null",
		"kill -9 $$", "kill -TERM $$", "echo \"a 'b'\" \\c $((1 + 2))",
		"echo x >/dev/null 2>&1; false", "", "  # no"
	};
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof(command) / sizeof(command[0]); i++) {
		f = must_open(command[i], "r");
		copy(f);
		say(command[i], pclose(f));
		say(command[i], system(command[i]));
	}
	say("a shell", system(NULL) != 0);
}

/* For one argument of a program. */
static void
too_long(void)
{
	static char command[1 << 20];
	FILE *f;

	memset(command, ' ', sizeof(command) - 1);
	errno = 0;
	say("too long", system(command));
	f = popen(command, "r");
	if (f == NULL)
		say("too long", -1);
	else
		say("too long", pclose(f));
}

static void
data(void)
{
	FILE *f = must_open("cksum", "w");
	long i, n = 0;
	int c;

	for (i = 0; i < LINES; i++)
		fprintf(f, "line %ld of a file that has many of them\n", i);
	say("written", pclose(f));
	f = must_open("seq 1 200000", "r");
	while ((c = getc(f)) != EOF)
		n += c;
	printf("read: %ld\n", n);
	say("read", pclose(f));
}

static void
by_fclose(void)
{
	FILE *f = must_open("exit 5", "r");

	say("fclose", fclose(f));
	f = must_open("cat >/dev/null; exit 6", "w");
	fputs("text\n", f);
	say("fclose", fclose(f));
	no_child_left("fclose");
}

/* A stream of popen() that came from elsewhere, and such as are none. */
static void
foreign(void)
{
	void *libc = dlopen(NULL, RTLD_NOW);
	FILE *(*theirs)(const char *, const char *);
	FILE *f, *ours = must_open("cat >/dev/null", "w");

	*(void **)&theirs = dlsym(RTLD_NEXT, "popen");
	f = libc != NULL && theirs != NULL ? theirs("exit 9", "r") : NULL;
	if (f != NULL)
		say("pclose of theirs", pclose(f));
	f = tmpfile();
	if (f != NULL)
		say("fclose of a file", fclose(f));
	say("pclose of ours", pclose(ours));
}

/* The stream is not inherited, the status is not the child's to have. */
static void
forks(void)
{
	FILE *f = must_open("sleep 0.1; exit 3", "r");
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		errno = 0;
		say("in the child", pclose(f));
		say("its own", system("exit 4"));
		f = must_open("exit 5", "r");
		say("its own", pclose(f));
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say("the child", status);
	say("in the parent", pclose(f));
}

static void
ignored(void)
{
	FILE *f;

	signal(SIGCHLD, SIG_IGN);
	f = must_open("exit 3", "r");
	errno = 0;
	say("ignored", pclose(f));
	say("ignored", system("exit 4"));
	signal(SIGCHLD, SIG_DFL);
}

static void *
thread(void *arg)
{
	char command[64];
	int i, n, *bad = arg;
	FILE *f;

	for (i = 0; i < ROUNDS; i++) {
		snprintf(command, sizeof(command), "echo %d; exit %d", i, i);
		f = must_open(command, "r");
		if (fscanf(f, "%d", &n) != 1 || n != i)
			++*bad;
		if (pclose(f) != i << 8 || system(command + 7) != i << 8)
			++*bad;
	}
	return NULL;
}

static void
threads(void)
{
	pthread_t id[THREADS];
	int i, bad[THREADS] = { 0 };

	for (i = 0; i < THREADS; i++)
		pthread_create(&id[i], NULL, thread, &bad[i]);
	for (i = 0; i < THREADS; i++) {
		pthread_join(id[i], NULL);
		say("thread", bad[i]);
	}
	no_child_left("threads");
}

/* Calls to be traced: how many, each with its number in the command. */
static void
many(int count)
{
	char command[64];
	int i;

	for (i = 0; i < count; i++) {
		snprintf(command, sizeof(command), ": %ld %d", (long)getpid(),
		    i);
		if (i % 8 == 0)
			system(command);
		else
			pclose(must_open(command, "r"));
	}
}

/* What a call leaves as it was. */
static void
same_after(const char *command)
{
	sigset_t set;

	errno = EDOM;
	say(command, system(command));
	printf("errno %d\n", errno);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	printf("blocked: %d %d\n", sigismember(&set, SIGPIPE),
	    sigismember(&set, SIGXFSZ));
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	raise(SIGPIPE);
	raise(SIGXFSZ);
	say(command, system(command));
	sigpending(&set);
	printf("pending: %d %d\n", sigismember(&set, SIGPIPE),
	    sigismember(&set, SIGXFSZ));
}

/* Calls before and after the folder is another. */
static int
move(const char *folder)
{
	many(1);
	if (chdir(folder) == -1)
		return 1;
	many(2);
	return 0;
}

/* No descriptors for a pipe, one for the trace. */
static int
full(const char *command)
{
	const struct rlimit limit = { 4, 4 };

	return setrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    popen(command, "r") != NULL;
}

static void *
must_find(void *from, const char *name)
{
	void *address = dlsym(from, name);

	if (address == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return address;
}

/* Streams of a plug-in and of ours, each closed here and there, also when the
 * plug-in is gone that opened them. */
static void
plug_in(const char *file, int flags)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | flags);
	FILE *(*its_popen)(const char *, const char *);
	int (*its_pclose)(FILE *), (*its_fclose)(FILE *);
	int (*its_system)(const char *);
	FILE *left;

	if (handle == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	*(void **)&its_popen = must_find(handle, "plug_in_popen");
	*(void **)&its_pclose = must_find(handle, "plug_in_pclose");
	*(void **)&its_fclose = must_find(handle, "plug_in_fclose");
	*(void **)&its_system = must_find(handle, "plug_in_system");
	say("its system", its_system("exit 1"));
	say("its pclose of its own", its_pclose(its_popen("exit 2", "r")));
	say("its fclose of its own", its_fclose(its_popen("exit 3", "r")));
	say("our pclose of its", pclose(its_popen("exit 4", "r")));
	say("our fclose of its", fclose(its_popen("exit 5", "r")));
	no_child_left("all but ours");
	left = its_popen("cat >/dev/null; exit 6", "w");
	say("its pclose of ours", its_pclose(must_open("exit 7", "r")));
	say("its fclose of ours", its_fclose(must_open("exit 8", "r")));
	say("our pclose of ours", pclose(must_open("exit 9", "r")));
	say("dlclose", dlclose(handle));
	say("what it left", pclose(left));
	no_child_left("all");
}

/* A plug-in whose constructor waits for a thread that closes streams. */
static int
load(const char *file)
{
	alarm(20);
	return dlopen(file, RTLD_NOW) == NULL;
}

/* What the loader has to say, after a stream was closed. */
static int
fail_to_load(const char *file)
{
	FILE *f = fopen("/dev/null", "r");

	if (f == NULL || dlopen(file, RTLD_NOW) != NULL)
		return 1;
	fclose(f);
	return dlerror() == NULL;
}

/* Also where it is blocked. */
static int
terminate(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return raise(SIGTERM);
}

int
main(int argc, char **argv)
{
	/* The shell may have another C library than this program. */
	if (getenv("SHIM_INHERIT") == NULL)
		unsetenv("LD_PRELOAD");
	if (argc == 3 && strcmp(argv[1], "many") == 0)
		many(atoi(argv[2]));
	else if (argc == 3 && strcmp(argv[1], "full") == 0)
		return full(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "system") == 0)
		return system(argv[2]) == -1;
	else if (argc == 3 && strcmp(argv[1], "popen") == 0)
		return pclose(must_open(argv[2], "r")) == -1;
	else if (argc == 3 && strcmp(argv[1], "same-after") == 0)
		same_after(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "move") == 0)
		return move(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "load") == 0)
		return load(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "fail-to-load") == 0)
		return fail_to_load(argv[2]);
	else if (argc == 2 && strcmp(argv[1], "terminate") == 0)
		return terminate();
	else if (argc == 2 && strcmp(argv[1], "forks") == 0)
		forks();
	else if (argc == 2 && strcmp(argv[1], "ignored") == 0)
		ignored();
	else if (argc == 2 && strcmp(argv[1], "threads") == 0)
		threads();
	else if (argc == 2 && strcmp(argv[1], "fclose") == 0)
		by_fclose();
	else if (argc == 2 && strcmp(argv[1], "too-long") == 0)
		too_long();
	else if (argc == 3 && strcmp(argv[1], "plug-in") == 0)
		plug_in(argv[2], 0);
#ifdef RTLD_DEEPBIND
	else if (argc == 3 && strcmp(argv[1], "deep-plug-in") == 0)
		plug_in(argv[2], RTLD_DEEPBIND);
#endif
	else if (argc == 2 && strcmp(argv[1], "all") == 0) {
		types();
		statuses();
		too_long();
		data();
		foreign();
		forks();
		ignored();
	} else
		return 2;
	return 0;
}
