/* SPDX-License-Identifier: ISC */
/* spawnio: run a program under the shim. */
#define _GNU_SOURCE

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "explain.h"
#include "summary.h"

/* As env(1) has them. */
enum { FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

#define SHIM		"libspawnio-preload.so"
#define TRACE_FILE	"spawnio.trace"

struct options {
	const char *engine;	/* or NULL */
	const char *shell;	/* or NULL */
	const char *explain;	/* a command, or NULL */
	const char *trace;	/* a file, or NULL */
	int summary;
};

static const char *const engines[] = {
	"auto", "avfork", "vfork", "fork", "posix_spawn", NULL
};

static const char *const shells[] = { "auto", "always", NULL };

static const char usage[] =
"usage: spawnio [options] program [argument]...\n"
"       spawnio --explain=COMMAND\n"
"\n"
"Run program with the popen(), pclose() and system() of libspawnio.\n"
"\n"
"  -e, --engine=NAME   how to make children: auto, avfork, vfork, fork or\n"
"                      posix_spawn\n"
"  -S, --shell=WHEN    which commands /bin/sh runs: auto (those that need it)\n"
"                      or always (all)\n"
"  -s, --summary       when program has ended, tell what its calls cost\n"
"  -t, --trace[=FILE]  add a line to FILE (" TRACE_FILE ") for each call\n"
"  -x, --explain=COMMAND  tell what is executed for COMMAND and exit: 0 if it\n"
"                      needs no shell, 1 if it does\n"
"  -h, --help          print this and exit\n"
"  -V, --version       print the version and exit\n"
"\n"
"Exit status: that of program; 125 if spawnio itself fails, 126 if program\n"
"cannot be executed, 127 if it is not found.\n";

static _Noreturn void
say_more(void)
{
	fprintf(stderr, "Try 'spawnio --help'.\n");
	exit(FAILED);
}

/* name, if it is in the list. */
static const char *
check(const char *what, const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, name) == 0)	/* NOLINT: never NULL */
			return name;
	warnx("no such %s: %s", what, name);
	say_more();
}

static _Noreturn void
finish(int status)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		err(FAILED, "standard output");
	exit(status);
}

static _Noreturn void
print_and_exit(const char *text)
{
	fputs(text, stdout);
	finish(0);
}

/* There is a program, or a command that was quoted. */
static void
check_rest(const struct options *options, const char *first)
{
	if (first == NULL && options->explain == NULL) {
		warnx("no program to run");
		say_more();
	}
	if (first != NULL && options->explain != NULL) {
		warnx("the command to explain is one argument: %s is another",
		    first);
		say_more();
	}
}

static void
parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "shell", required_argument, NULL, 'S' },
		{ "explain", required_argument, NULL, 'x' },
		{ "summary", no_argument, NULL, 's' },
		{ "trace", optional_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	static const char letters[] = "+e:S:x:st::hV";
	int c;

	while ((c = getopt_long(argc, argv, letters, names, NULL)) != -1)
		switch (c) {
		case 'e':
			options->engine = check("engine", optarg, engines);
			break;
		case 'S':
			options->shell = check("choice of shell", optarg,
			    shells);
			break;
		case 'x':
			options->explain = optarg;
			break;
		case 's':
			options->summary = 1;
			break;
		case 't':
			options->trace = optarg != NULL ? optarg : TRACE_FILE;
			break;
		case 'h':
			print_and_exit(usage);
		case 'V':
			print_and_exit("spawnio " PACKAGE_VERSION "\n");
		default:
			say_more();
		}
	check_rest(options, argv[optind]);
}

static char *
format(const char *how, ...)
{
	char *text;
	va_list args;
	int n;

	va_start(args, how);
	n = vasprintf(&text, how, args);
	va_end(args);
	if (n == -1)
		err(FAILED, NULL);
	return text;
}

/* Beside a program that has not been installed, or where it would be. */
static char *
find_shim(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *shim;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL) {
		*slash = '\0';
		shim = format("%s/.libs/" SHIM, self);
		if (access(shim, R_OK) == 0)
			return shim;
		free(shim);
	}
	return format("%s", PKGLIBDIR "/" SHIM);
}

/* Is name one of the words of a list as LD_PRELOAD has it? */
static int
listed(const char *list, const char *name)
{
	static const char between[] = ": ";
	size_t length;

	for (; *list != '\0'; list += length + (list[length] != '\0')) {
		length = strcspn(list, between);
		if (length == strlen(name) && strncmp(list, name, length) == 0)
			return 1;
	}
	return 0;
}

static void
set(const char *name, const char *value)
{
	if (setenv(name, value, 1) == -1)
		err(FAILED, "%s", name);
}

static void
preload(void)
{
	const char *others = getenv("LD_PRELOAD");
	char *shim = find_shim(), *both;

	if (access(shim, R_OK) == -1)
		err(FAILED, "%s", shim);
	if (strpbrk(shim, ": ") != NULL)
		errx(FAILED, "%s: LD_PRELOAD takes no name with a blank or "
		    "a colon", shim);
	if (others == NULL || others[0] == '\0')
		set("LD_PRELOAD", shim);
	else if (!listed(others, shim)) {
		both = format("%s:%s", shim, others);
		set("LD_PRELOAD", both);
		free(both);
	}
	free(shim);
}

/* Where the trace goes, for all that the program runs and wherever that is. */
static void
trace_to(const char *file)
{
	char *cwd, *path;
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NONBLOCK, 0666);

	/* A pipe may get its reader later. */
	if (fd == -1 && errno != ENXIO)
		err(FAILED, "%s", file);
	if (fd != -1)
		close(fd);
	if (file[0] == '/') {
		set("SPAWNIO_TRACE", file);
		return;
	}
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		err(FAILED, "the working folder");
	path = format("%s/%s", cwd, file);
	set("SPAWNIO_TRACE", path);
	free(path);
	free(cwd);
}

/* The status for a program that could not be executed. */
static int
blame(const char *program, int error)
{
	errno = error;
	warn("%s", program);
	return error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

static volatile sig_atomic_t child;

/* Who sends these to spawnio means the program.  To end spawnio is to end that:
 * its summary is still wanted. */
static const int passed[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT };

#define PASSED	(sizeof(passed) / sizeof(passed[0]))

static void
pass_on(int sig)
{
	int saved = errno;

	if (child > 0)
		kill((pid_t)child, sig);
	errno = saved;
}

/* What is ignored stays so, for the program too. */
static void
handle_passed(void (*handler)(int))
{
	size_t i;

	for (i = 0; i < PASSED; i++)
		if (signal(passed[i], handler) == SIG_IGN)
			signal(passed[i], SIG_IGN);
}

/* Until there is a child to pass them on to, they wait. */
static void
hold_passed(sigset_t *mask)
{
	sigset_t held;
	size_t i;

	sigemptyset(&held);
	for (i = 0; i < PASSED; i++)
		sigaddset(&held, passed[i]);
	sigprocmask(SIG_BLOCK, &held, mask);
}

/* The child's half, which tells through the pipe why it came to nothing. */
static _Noreturn void
execute(char **argv, int report, const sigset_t *mask)
{
	int error;

	handle_passed(SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	error = errno;
	if (write(report, &error, sizeof(error)) == -1)
		_exit(FAILED);
	_exit(NOT_FOUND);
}

/* The errno of the exec, 0 if there was none. */
static int
exec_error(int report)
{
	int error = 0;
	ssize_t n;

	do
		n = read(report, &error, sizeof(error));
	while (n == -1 && errno == EINTR);
	return n == sizeof(error) ? error : 0;
}

/* Until it has ended; 0 or -1.  When it stops, so do we, for whoever waits for
 * that.  Both may be stopped and continued at once, and then we learn too late
 * of its stop: so it is looked at again, without a wait. */
static int
wait_for(pid_t pid, int *status)
{
	siginfo_t info;
	pid_t found;

	for (;;) {
		found = waitid(P_PID, (id_t)pid, &info,
		    WEXITED | WSTOPPED | WNOWAIT);
		if (found != -1)
			found = waitpid(pid, status, WUNTRACED | WNOHANG);
		if (found == -1 && errno != EINTR)
			return -1;
		if (found == pid && !WIFSTOPPED(*status))
			return 0;
		if (found == pid)
			raise(SIGSTOP);
	}
}

/* Its wait(2) status, which nobody has who ignores SIGCHLD; *error is an errno
 * if it could not be executed.  What the terminal sends goes to the program as
 * well. */
static int
run(char **argv, int *error)
{
	void (*interrupt)(int) = signal(SIGINT, SIG_IGN);
	void (*quit)(int) = signal(SIGQUIT, SIG_IGN);
	void (*stop)(int) = signal(SIGTSTP, SIG_IGN);
	void (*ended)(int) = signal(SIGCHLD, SIG_DFL);
	int report[2], status = 0;
	sigset_t mask;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) == -1)
		err(FAILED, "cannot start %s", argv[0]);
	hold_passed(&mask);
	handle_passed(pass_on);
	pid = fork();
	if (pid == -1)
		err(FAILED, "cannot start %s", argv[0]);
	if (pid == 0) {
		signal(SIGINT, interrupt);
		signal(SIGQUIT, quit);
		signal(SIGTSTP, stop);
		signal(SIGCHLD, ended);
		execute(argv, report[1], &mask);
	}
	child = pid;
	sigprocmask(SIG_SETMASK, &mask, NULL);
	close(report[1]);
	*error = exec_error(report[0]);
	close(report[0]);
	if (wait_for(pid, &status) == -1)
		err(FAILED, "cannot wait for %s", argv[0]);
	child = 0;
	return status;
}

/* The trace that is the summary's alone. */
static char *own_folder, *own_trace;

static void
remove_own(void)
{
	if (own_trace != NULL)
		unlink(own_trace);
	if (own_folder != NULL)
		rmdir(own_folder);
	own_folder = own_trace = NULL;
}

/* For what is added to it.  What cannot be read back is told before the program
 * starts, and to open a pipe would be to wait for its other end. */
static FILE *
open_trace(const char *file)
{
	struct stat st;
	FILE *trace;

	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		errx(FAILED, "%s: no regular file, as --summary needs it",
		    file);
	trace = fopen(file, "re");
	if (trace == NULL || fseeko(trace, 0, SEEK_END) == -1)
		err(FAILED, "%s", file);
	return trace;
}

/* Nothing to remove is left when it is printed, which may end in SIGPIPE. */
static void
print_summary(FILE *trace)
{
	remove_own();
	if (summary_print(trace, stderr) == -1)
		warn("the trace");
	fclose(trace);
}

/* End as the program did, without a second core. */
static int
end_like(int status)
{
	const struct rlimit none = { 0, 0 };
	sigset_t its;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	/* Whoever started us may have blocked it. */
	sigemptyset(&its);
	sigaddset(&its, WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &its, NULL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

static void
make_own(void)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = format("%s/spawnio.XXXXXX",
	    tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");

	if (mkdtemp(folder) == NULL)
		err(FAILED, "%s", folder);
	own_folder = folder;
	atexit(remove_own);
	own_trace = format("%s/trace", folder);
	trace_to(own_trace);
}

/* With a trace of its own, unless there is one anyway. */
static int
run_summarised(char **argv)
{
	const char *given = getenv("SPAWNIO_TRACE");
	int status, error;
	FILE *trace;

	if (given == NULL || given[0] == '\0') {
		make_own();
		given = own_trace;
	} else
		trace_to(given);
	trace = open_trace(given);
	status = run(argv, &error);
	if (error == 0)
		print_summary(trace);
	return error != 0 ? blame(argv[0], error) : end_like(status);
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };

	/* As err(3) has it. */
	if (argc > 0)
		argv[0] = program_invocation_short_name;
	parse(&options, argc, argv);
	argv += optind;
	if (options.explain != NULL)
		finish(explain(options.explain));
	preload();
	if (options.engine != NULL)
		set("SPAWNIO_ENGINE", options.engine);
	if (options.shell != NULL)
		set("SPAWNIO_SHELL", options.shell);
	if (options.trace != NULL)
		trace_to(options.trace);
	if (options.summary)
		return run_summarised(argv);
	execvp(argv[0], argv);
	return blame(argv[0], errno);
}
