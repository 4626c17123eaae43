/* SPDX-License-Identifier: ISC */
/* The differential test: commands that are generated, or read, are run by
 * libc's popen() and system() and by ours, from the same state, in a root of
 * their own where every program is a spy.  What the spies were started with,
 * what was said, the files that were made and the status must be the same.
 *
 *	differ ROOT SEED COUNT		generated commands
 *	differ ROOT SEED -f FILE	commands of FILE, a line each
 *
 * SEED makes the states, and the commands, the same again. */
#define _GNU_SOURCE

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <spawnio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spawnio/child.h>

#include "parse.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define NOBODY		65534
#define PATIENCE	20	/* seconds for one command */
#define WORK		"/desk"
#define REPORT		200	/* a descriptor above all others */

extern char **environ;

/* --- chance --- */

static unsigned long long chance;

static unsigned
below(unsigned n)
{
	chance = chance * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(chance >> 33) % n;
}

static int
once_in(unsigned n)
{
	return below(n) == 0;
}

#define PICK(array)	((array)[below(COUNT(array))])

/* --- commands --- */

static char command[8192];

static void
add(const char *text)
{
	strncat(command, text, sizeof(command) - strlen(command) - 1);
}

static void
add_char(char c)
{
	char text[2] = { c, '\0' };

	add(text);
}

/* What is left alone outside quotes, and, seldom, what is not. */
static void
add_bare(void)
{
	static const char plain[] = "abcxyz019-_./,+:=@%^!]";
	static const char *const odd[] = {
		"$", "$x", "${x}", "$?", "`a`", "$(a)", "*", "?", "[a]", "~",
		"{", "}", "{a,b}", "#", "(", ")", "\r", "\v", "\001", "\177",
		"\200", "\240", "\303\251", "\\\n", "\n"
	};

	if (once_in(60))
		add(PICK(odd));
	else
		add_char(plain[below(sizeof(plain) - 1)]);
}

static void
add_quoted(char quote)
{
	static const char inside[] = "ab01 \t\n*?[]{}~#&|;()<>=!/.-";
	static const char *const in_double[] = {
		"\\\\", "\\\"", "\\$", "\\`", "\\a", "\\ ", "'", "$x", "`a`",
		"\\\n", "$", "\\'"
	};
	int n;

	add_char(quote);
	for (n = (int)below(6); n > 0; n--)
		if (once_in(8) && quote == '"')
			add(in_double[below(once_in(6) ?
			    COUNT(in_double) : 7)]);
		else if (once_in(20))
			add(quote == '"' ? "\303\251" : "\"$\\`");
		else
			add_char(inside[below(sizeof(inside) - 1)]);
	if (!once_in(200))
		add_char(quote);
}

static void
add_escaped(void)
{
	static const char what[] = "ab01 \t*?[]{}~#&|;()<>=!$`\"'\\";

	add_char('\\');
	add_char(what[below(sizeof(what) - 1)]);
}

static void
add_word(void)
{
	int n;

	for (n = 1 + (int)below(5); n > 0; n--)
		switch (below(8)) {
		case 0:
			add_quoted('\'');
			break;
		case 1:
			add_quoted('"');
			break;
		case 2:
			add_escaped();
			break;
		default:
			add_bare();
		}
}

static void
add_blank(void)
{
	static const char *const blanks[] = { " ", " ", " ", "  ", "\t" };

	add(PICK(blanks));
}

static void
add_redirect(void)
{
	static const char *const numbers[] = {
		"", "", "", "2", "1", "0", "3", "7", "9", "01"
	};
	static const char *const ops[] = {
		"<", ">", ">>", "<>", ">|", ">&", "<&", ">&", "<<", "<<<"
	};
	static const char *const files[] = {
		"out", "out", "in", "in", "missing", "folder", "closed",
		"/dev/null", "/dev/null", "'q f'", "\"in\"", "folder/new",
		"1", "12", "$x", "", "\\o", "/dev/full", "~", "a*", "fifo"
	};
	static const char *const sources[] = {
		"1", "1", "2", "0", "3", "4", "5", "9", "-", "-", "10", "x",
		"1-", "\"1\""
	};
	const char *op = ops[below(once_in(20) ? COUNT(ops) : 8)];

	add(PICK(numbers));
	add(op);
	if (once_in(4))
		add_blank();
	add(op[1] == '&' ? PICK(sources) : PICK(files));
}

static void
add_assign(void)
{
	static const char *const names[] = {
		"x", "A", "_a1", "LC_ALL", "LANG", "TERM", "HOME", "PWD",
		"PATH", "IFS", "PS4", "SHLVL", "OPTIND", "PPID", "BASH_ENV",
		"ENV", "UID", "1a", "a-b", "a+", "POSIXLY_CORRECT", "TZ"
	};
	static const char *const values[] = { "C", "POSIX", "5", "" };

	add(names[below(once_in(4) ? COUNT(names) : 3)]);
	add("=");
	if (once_in(2))
		add(PICK(values));
	else
		add_word();
}

/* Nothing that runs beside something else: its output comes when it comes.
 * Never kill, nor what waits for input or for children, nor what begins with a
 * -: that is an option to the shell of an older libc's. */
static void
add_program(void)
{
	static const char *const spies[] = {
		"spy", "spy", "a", "b-c", "x.y", "Foo_1", "spies/spy",
		"/spies/a", "./spies/a"
	};
	static const char *const others[] = {
		"echo", "printf", "test", "true", "false", "pwd", ":", "cd",
		"umask", "type", "export", "command", "builtin",
		"!", "if", "while", "{", "function", "nosuch",
		"/nosuch", "noexec", "notmine", "script", "text", "folder",
		"''", "\"spy\"", "s'p'y", "\\spy", "%1", "=spy", "a b",
		"exec", "local", "log", "sleep", "which", "[", ".", "x=", "1"
	};

	if (once_in(4))
		add(PICK(others));
	else
		add(PICK(spies));
}

static void
generate(void)
{
	static const char *const glue[] = {
		";", "&&", "||", "\n", " #", "! "
	};
	static const char *const ends[] = { "3", "die", "0", "-5" };
	int n;

	command[0] = '\0';
	if (once_in(10))
		add_blank();
	while (once_in(5)) {
		add_assign();
		add_blank();
	}
	while (once_in(10)) {
		add_redirect();
		add_blank();
	}
	if (once_in(8))
		add("exec ");
	add_program();
	if (once_in(3)) {
		add_blank();
		add(PICK(ends));
	}
	for (n = (int)below(5); n > 0; n--) {
		if (!once_in(12))
			add_blank();
		if (!once_in(3))
			add_word();
		else
			do
				add_redirect();
			while (once_in(6));
	}
	if (once_in(30)) {
		add(PICK(glue));
		add(" spy");
	}
	if (once_in(15))
		add_char(" \n\t"[below(3)]);
}

/* --- the state from which a command is run, by chance --- */

static void
set_environment(void)
{
	static const char *const paths[] = {
		"/nosuch:/folder:/spies", "/spies:", ":/spies", "/spies/",
		"spies:/spies", "/%builtin:/spies", "/spies:/scripts", NULL
	};
	static const char *const pwds[] = {
		"/", "/nosuch", "/desk/", "/desk/.", "//desk", "desk",
		"/desk/../desk", "/link", NULL
	};
	static const char *const extra[] = {
		"x=1", "IFS=:", "OLDPWD=/", "OLDPWD=/nosuch", "BASH_ENV=/x",
		"ENV=/x", "OPTIND=5", "PS1=p", "PS4=q", "LINENO=9",
		"RANDOM=4", "SHELLOPTS=xtrace", "a-b=1", "=x", "none",
		"BASH_FUNC_spy%%=() { echo mine; }", "spy=() { echo mine; }",
		"x=2", "POSIXLY_CORRECT=", "FPATH=/x", "CDPATH=/", "LC_ALL=C",
		"HOME=/nosuch", "A= b\n c", "ppid=1", "EXECIGNORE=*", "_=old"
	};
	static char *list[16];
	const char *path = once_in(6) ? PICK(paths) : "/spies:/scripts";
	const char *pwd = once_in(6) ? PICK(pwds) : WORK;
	int n = 0;

	if (path != NULL && asprintf(&list[n++], "PATH=%s", path) == -1)
		err(2, "asprintf");
	if (pwd != NULL && asprintf(&list[n++], "PWD=%s", pwd) == -1)
		err(2, "asprintf");
	if (!once_in(8))
		list[n++] = (char *)"SHLVL=4";
	while (n < 10 && once_in(4))
		list[n++] = (char *)PICK(extra);
	list[n] = NULL;
	environ = list;
}

static void
set_signals(void)
{
	static const int which[] = { SIGINT, SIGTERM, SIGCHLD, SIGUSR1,
		SIGPIPE, SIGQUIT, SIGHUP, SIGTSTP, 64 };
	sigset_t mask;
	int sig;

	sigemptyset(&mask);
	for (sig = 1; sig <= 64; sig++)
		signal(sig, SIG_DFL);
	while (once_in(5))
		sigaddset(&mask, PICK(which));
	sigprocmask(SIG_SETMASK, &mask, NULL);
	while (once_in(5))
		signal(PICK(which), SIG_IGN);
}

/* 3 and 4 are open, 5 is closed at an exec, and so may each of them be. */
static void
set_descriptors(void)
{
	int fd;

	child_close_range(5, REPORT - 1, 0);
	for (fd = 3; fd <= 5; fd++) {
		dup2(1, fd);
		if (fd == 5 || once_in(20))
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	if (once_in(10))
		dup2(1, 6 + (int)below(6));
	if (once_in(15))
		close((int)below(3));
	if (once_in(30))
		close(3);
}

/* --- one run --- */

struct result {
	char text[256 * 1024];
	size_t length;
};

static struct result results[2];

static void
note(struct result *r, const char *name, const void *text, size_t n)
{
	int head = snprintf(r->text + r->length, sizeof(r->text) - r->length,
	    "-- %s\n", name);

	if (head < 0 || (size_t)head + n + 1 >= sizeof(r->text) - r->length)
		errx(2, "a result is too long");
	r->length += (size_t)head;
	memcpy(r->text + r->length, text, n);
	r->length += n;
}

static void
note_file(struct result *r, const char *path)
{
	static char text[64 * 1024];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof(text));

	note(r, path, text, n > 0 ? (size_t)n : 0);
	if (fd != -1)
		close(fd);
}

/* What has been noted of an intermediate shell. */
static void
forget(struct result *r, const char *line)
{
	size_t n = strlen(line);
	char *at;

	while ((at = memmem(r->text, r->length, line, n)) != NULL) {
		r->length -= n;
		memmove(at, at + n, (size_t)(r->text + r->length - at));
	}
}

static int
is_file(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	    strcmp(entry->d_name, "..") != 0;
}

static void
note_folder(struct result *r, const char *folder)
{
	struct dirent **entries = NULL;
	char path[512], what[64];
	struct stat st;
	int i, n = scandir(folder, &entries, is_file, alphasort);

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder,
		    entries[i]->d_name);
		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
			note_file(r, path);
		note(r, path, what, (size_t)snprintf(what, sizeof(what),
		    "mode %#o\n", st.st_mode));
		free(entries[i]);
	}
	free(entries);
}

static void
make_file(const char *path, const char *text, int mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (fd == -1 || write(fd, text, strlen(text)) < 0 ||
	    fchmod(fd, (mode_t)mode) != 0)
		err(2, "%s", path);
	close(fd);
}

static void
empty_folder(const char *folder)
{
	struct dirent **entries = NULL;
	char path[512];
	int i, n = scandir(folder, &entries, is_file, NULL);

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder,
		    entries[i]->d_name);
		if (unlink(path) != 0 && errno == EISDIR)
			rmdir(path);
		free(entries[i]);
	}
	free(entries);
}

static void
make_work(void)
{
	umask(022);
	chmod(WORK "/folder", 0755);
	empty_folder(WORK "/folder");
	empty_folder(WORK);
	if (truncate("/record", 0) != 0)
		err(2, "/record");
	make_file(WORK "/in", "input\n", 0644);
	make_file(WORK "/closed", "", 0);
	if (mkdir(WORK "/folder", 0755) != 0 && errno != EEXIST)
		err(2, "folder");
	if (symlink("/spies", WORK "/spies") != 0 && errno != EEXIST)
		err(2, "spies");
	umask(once_in(8) ? (mode_t)below(0100) : 022);
}

enum way { READ, WRITE, SYSTEM, WAYS };

/* In the process that is like a caller; its output goes to two files. */
static void
call(int ours, enum way way, int report)
{
	char text[4096];
	FILE *stream;
	size_t n, total = 0;
	int status = -2, error, head;
	void (*chld)(int) = signal(SIGCHLD, SIG_DFL);

	signal(SIGCHLD, chld);
	errno = 0;
	if (way == SYSTEM) {
		status = ours ? ssystem(command) : system(command);
	} else {
		stream = ours ? spopen(command, way == READ ? "r" : "w") :
		    popen(command, way == READ ? "r" : "w");
		/* The command may not wait for it. */
		signal(SIGPIPE, SIG_IGN);
		if (stream != NULL && way == WRITE &&
		    write(fileno(stream), "told\n", 5) != 5)
			errno = 0;
		while (stream != NULL && way == READ &&
		    (n = fread(text + total, 1, sizeof(text) - total,
		    stream)) > 0)
			total += n;
		if (stream != NULL)
			status = ours ? spclose(stream) : pclose(stream);
	}
	error = status == -1 || status == -2 ? errno : 0;
	/* Of which ours knows more: libspawnio(7). */
	if (error == ECHILD || chld == SIG_IGN)
		status = error = 0;
	/* A shell that has not executed its last command says so. */
	if (WIFSIGNALED(status))
		status = (128 + WTERMSIG(status)) << 8;
	head = dprintf(report, "status %#x errno %d\n", status, error);
	if (head < 0 || write(report, text, total) != (ssize_t)total)
		_exit(3);
	_exit(0);
}

static int
open_output(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

	if (fd == -1)
		err(2, "%s", path);
	return fd;
}

static void
be_caller(int ours, enum way way)
{
	int report = fcntl(open_output("/output/report"), F_DUPFD_CLOEXEC,
	    REPORT);
	const struct rlimit limit = { PATIENCE, PATIENCE };
	int null = open("/dev/null", O_RDONLY);

	dup2(open_output("/output/out"), 1);
	dup2(open_output("/output/err"), 2);
	dup2(null, 0);
	if (chdir(WORK) != 0)
		err(2, WORK);
	set_descriptors();
	set_environment();
	set_signals();
	setrlimit(RLIMIT_CPU, &limit);
	alarm(PATIENCE);
	call(ours, way, report);
}

/* The writes of a forked child are seen when it has ended; so is its chance,
 * which is the same for both. */
static void
run(int ours, enum way way, unsigned long long state)
{
	struct result *r = &results[ours];
	int status;
	pid_t pid;

	r->length = 0;
	chance = state;
	make_work();
	pid = fork();
	if (pid == -1)
		err(2, "fork");
	if (pid == 0)
		be_caller(ours, way);
	if (waitpid(pid, &status, 0) != pid)
		err(2, "waitpid");
	if (status != 0)
		note(r, "the caller", "died\n", 5);
	note_file(r, "/record");
	note_file(r, "/output/report");
	note_file(r, "/output/out");
	note_file(r, "/output/err");
	note_folder(r, WORK);
	note_folder(r, WORK "/folder");
	forget(r, "Terminated\n");
}

static unsigned long tried, direct;

/* 0 if there was no difference. */
static int
try(enum way way)
{
	static struct command parsed;
	unsigned long long state = chance;

	tried++;
	direct += spio_parse(&parsed, command) == NULL;
	run(0, way, state);
	run(1, way, state);
	chance = state;
	below(2);
	if (results[0].length == results[1].length &&
	    memcmp(results[0].text, results[1].text, results[0].length) == 0)
		return 0;
	printf("DIFFERENT, state %llu, way %d: %s\n== libc\n%.*s"
	    "== libspawnio\n%.*s", state, way, command,
	    (int)results[0].length, results[0].text,
	    (int)results[1].length, results[1].text);
	return 1;
}

/* One that is the shell's in any case: of these a few do. */
static int
is_dull(void)
{
	static struct command parsed;

	return spio_parse(&parsed, command) != NULL && !once_in(8);
}

/* `. a': the bytes of a program have a & or two. */
static int
reads_commands(void)
{
	const char *p = command;

	while ((p = strchr(p, '.')) != NULL)
		if (*++p != '\0' && strchr(" \t'\"\\<>", *p) != NULL)
			return 1;
	return 0;
}

/* A pipeline, or what runs in the background: its output comes when it comes.
 * It is the shell's. */
static int
is_concurrent(void)
{
	static struct command parsed;

	return spio_parse(&parsed, command) != NULL &&
	    (strpbrk(command, "|&") != NULL || reads_commands());
}

static int
try_generated(long count)
{
	int differences = 0;

	for (; count > 0 && differences < 5; count--) {
		do
			generate();
		while (is_dull() || is_concurrent());
		differences += try((enum way)below(WAYS));
	}
	return differences;
}

static int
try_file(FILE *file)
{
	int differences = 0;
	enum way way;

	while (fgets(command, sizeof(command), file) != NULL) {
		command[strcspn(command, "\n")] = '\0';
		if (is_concurrent())
			continue;
		for (way = READ; way < WAYS; way++)
			differences += try(way);
	}
	return differences;
}

/* Root is left behind: the root of its own has nobody's files. */
static void
enter(const char *root)
{
	if (chroot(root) != 0 || chdir("/") != 0)
		err(2, "%s", root);
	if (setsid() == -1)
		err(2, "setsid");
	if (getuid() == 0 && (setgroups(0, NULL) != 0 ||
	    setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) != 0))
		warn("user %d", NOBODY);
}

int
main(int argc, char **argv)
{
	FILE *file = NULL;
	int differences;

	if (argc != 4 && argc != 5)
		errx(2, "usage: differ ROOT SEED COUNT|-f FILE");
	if (argc == 5 && (file = fopen(argv[4], "re")) == NULL)
		err(2, "%s", argv[4]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	spawnio_engine(NULL);
	enter(argv[1]);
	chance = strtoull(argv[2], NULL, 0);
	differences = file != NULL ? try_file(file) :
	    try_generated(strtol(argv[3], NULL, 0));
	printf("%lu tried, %lu of them without a shell, %d different\n", tried,
	    direct, differences);
	return differences != 0;
}
