/* SPDX-License-Identifier: ISC */
/* Commands that need no shell are executed without one, and nobody can tell.
 * The supervisor tells: it counts the execs of a command's process, and sees
 * whether the last was that of the shell. */

#include "fixture.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>

#include "supervisor.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define NOBODY		65534
#define MOST_WORDS	32	/* parse.h: without a shell */
#define MOST_TEXT	768
#define MOST_PATH	256	/* direct.h: a file's, with its NUL */
#define MOST_ASSIGNS	4
#define MOST_REDIRECTS	6
#define MOST_STRINGS	160	/* direct.h: to which one may be added */
/* Of a command: MAX_ARG_STRLEN of Linux, without its NUL byte. */
#define LONGEST		(32 * (size_t)getpagesize() - 1)

extern char **environ;

static struct supervisor *sv;
static unsigned long shell;	/* where the name of /bin/sh lies */
static const char *engine;
static char work[32];		/* the folder in which the commands run */
static char spy[32];		/* this program, as a command */

/* --- the spy: what was it started with? --- */

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In an order, as each shell has its own; and without what others than dash
 * change. */
static void
spy_environment(FILE *record)
{
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	qsort(environ, n, sizeof(environ[0]), compare);
	for (char **p = environ; *p != NULL; p++)
		if (strncmp(*p, "_=", 2) != 0 && strncmp(*p, "SHLVL=", 6) != 0)
			fprintf(record, "env %s\n", *p);
}

static int
first_of(const struct stat *st)
{
	struct stat other;
	int fd = 0;

	while (fstat(fd, &other) == -1 || other.st_ino != st->st_ino ||
	    other.st_dev != st->st_dev)
		fd++;
	return fd;
}

static void
spy_descriptors(FILE *record, int ours)
{
	struct stat st;

	for (int fd = 0; fd < 64; fd++)
		if (fd != ours && fstat(fd, &st) == 0)
			fprintf(record, "fd %d as %d mode %o size %ld %x %x\n",
			    fd, first_of(&st), st.st_mode,
			    S_ISREG(st.st_mode) ? (long)st.st_size : 0,
			    fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
}

/* It ignores SIGQUIT, and leaves it so: libspawnio(7). */
static bool
shell_is_busybox(void)
{
	char path[PATH_MAX] = "";

	return realpath("/bin/sh", path) != NULL &&
	    strstr(path, "busybox") != NULL;
}

static void
spy_signals(FILE *record)
{
	struct sigaction action;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int signo = 1; signo < 65; signo++) {
		if (sigismember(&mask, signo) == 1)
			fprintf(record, "blocked %d\n", signo);
		if (sigaction(signo, NULL, &action) == 0 &&
		    action.sa_handler == SIG_IGN &&
		    (signo != SIGQUIT || !shell_is_busybox()))
			fprintf(record, "ignored %d\n", signo);
	}
}

static void
spy_process(FILE *record)
{
	char cwd[PATH_MAX];
	mode_t mask = umask(0);

	umask(mask);
	fprintf(record, "umask %o cwd %s\n", mask, getcwd(cwd, sizeof(cwd)));
}

/* The record has its own folder, and a descriptor that no test has. */
static int
be_spy(int argc, char **argv)
{
	char path[64];
	int fd;
	FILE *record;

	snprintf(path, sizeof(path), "%s/record", argv[2]);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	record = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 100), "a");
	if (record == NULL)
		return 99;
	close(fd);
	for (int i = 0; i < argc; i++)
		fprintf(record, "argv[%d] %s\n", i, argv[i]);
	spy_environment(record);
	spy_descriptors(record, fileno(record));
	spy_signals(record);
	spy_process(record);
	return fclose(record) != 0;
}

/* --- the folder --- */

static void
make_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static const char *
text_of(const char *name)
{
	static char text[16384];
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd != -1)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
empty_work(void)
{
	DIR *folder = opendir(work);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.' &&
		    unlinkat(dirfd(folder), entry->d_name, 0) == -1)
			unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
	if (folder != NULL)
		closedir(folder);
}

static void
fill_work(void)
{
	char text[128];

	empty_work();
	snprintf(text, sizeof(text), "exec %s spy %s\n", spy, work);
	make_file("text", text, 0755);
	make_file("in", "input\n", 0644);
	make_file("devx", "dev\n", 0644);
	make_file("bad", "#!/nosuch/interpreter\n", 0755);
	make_file("good", "#!/bin/cat\n", 0755);
	ck_assert_int_eq(mkdir("folder", 0755), 0);
	ck_assert_int_eq(symlink("/bin/echo", "echo"), 0);
}

static void
make_work(void)
{
	umask(022);
	snprintf(work, sizeof(work), "/tmp/spawnio-XXXXXX");
	snprintf(spy, sizeof(spy), "/proc/%d/exe", (int)getpid());
	ck_assert_ptr_nonnull(mkdtemp(work));
	ck_assert_int_eq(chdir(work), 0);
	fill_work();
	clearenv();
	setenv("SPAWNIO_ENGINE", engine, 1);
	setenv("PATH", "/bin", 1);
	setenv("PWD", work, 1);
	setenv("HOME", "/", 1);
}

static void
remove_work(void)
{
	empty_work();
	rmdir(work);
}

/* --- how a command was run --- */

enum way { DIRECT, SHELL, TRIED };

static const char *const ways[] = {
	[DIRECT] = "directly",
	[SHELL] = "by the shell",
	[TRIED] = "directly in vain, and then by the shell"
};

/* Without a launch: who looks at its settings is not to have been there. */
static void
start_cold(void)
{
	sv = sv_start(NULL, 0);
	ck_assert_ptr_nonnull(sv);
	make_work();
}

static void
start(void)
{
	start_cold();
	ck_assert_str_eq(engine_in_use(), engine);
	shell = atomic_load(&sv->file);
}

/* Is it one that returns before the exec? */
static bool
is_early(void)
{
	return strcmp(engine, "avfork") == 0 || strcmp(engine, "fork") == 0;
}

static int passed;

static void
begin(void)
{
	passed = atomic_load(&sv->passed);
}

static void
expect(enum way way, const char *command)
{
	int execs = atomic_load(&sv->passed) - passed;
	enum way found = atomic_load(&sv->file) != shell ? DIRECT :
	    execs == 1 ? SHELL : TRIED;

	ck_assert_msg(found == way && execs == (way == TRIED ? 2 : 1),
	    "run %s, by %d execs, not %s: %.200s", ways[found], execs,
	    ways[way], command);
}

/* The output of a command that ends with status, if it ran that way. */
static const char *
output_by(enum way way, int status, const char *command)
{
	const char *text;
	FILE *stream;

	begin();
	stream = spopen(command, "r");
	ck_assert_ptr_nonnull(stream);
	text = rest_of(stream);
	assert_exit(close_command(stream), status);
	expect(way, command);
	return text;
}

/* --- and that it was no different from the shell's --- */

/* What the commands of a comparison find: 3, 4 and 11 are open, 5 is to this
 * process alone.  Check's own may be among them, and are kept. */
static const int some[] = { 3, 4, 5, 11 };
static int kept[COUNT(some)];

static void
open_some(void)
{
	for (size_t i = 0; i < COUNT(some); i++) {
		kept[i] = fcntl(some[i], F_DUPFD_CLOEXEC, 210);
		dup3(0, some[i], some[i] == 5 ? O_CLOEXEC : 0);
	}
}

static void
close_some(void)
{
	for (size_t i = 0; i < COUNT(some); i++) {
		close(some[i]);
		if (kept[i] >= 0) {
			dup3(kept[i], some[i], O_CLOEXEC);
			close(kept[i]);
		}
	}
}

struct result {
	char text[32768];
	size_t length;
};

static void
add_result(struct result *r, const char *name, const char *text)
{
	int n = snprintf(r->text + r->length, sizeof(r->text) - r->length,
	    "== %s\n%s", name, text);

	ck_assert(n >= 0 && (size_t)n < sizeof(r->text) - r->length);
	r->length += n;
}

static void
add_files(struct result *r)
{
	struct dirent **entries;
	int n = scandir(".", &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (entries[i]->d_type == DT_REG)
			add_result(r, entries[i]->d_name,
			    text_of(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

/* Descriptor fd becomes file; what it was, to be given back. */
static int
lend(int fd, const char *file)
{
	int saved = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	int other = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
	    0600);

	dup2(other, fd);
	close(other);
	return saved;
}

static void
give_back(int fd, int saved)
{
	dup2(saved, fd);
	close(saved);
}

/* What spclose() or ssystem() says. */
static int
status_of(const char *command, bool reading, char *text, size_t size)
{
	FILE *stream;
	size_t n = 0;
	int status;

	open_some();
	if (reading) {
		stream = spopen(command, "r");
		n = fread(text, 1, size - 1, stream);
		status = spclose(stream);
	} else
		status = ssystem(command);
	close_some();
	text[n] = '\0';
	return status;
}

/* What it writes to descriptor 2, or inherits as 1, is a file's. */
static void
get_result(struct result *r, const char *command, bool reading)
{
	char status[32], text[16384];
	int saved[2];

	r->length = 0;
	fill_work();
	fflush(stdout);
	saved[0] = lend(1, "output");
	saved[1] = lend(2, "error");
	begin();
	snprintf(status, sizeof(status), "%#x\n",
	    status_of(command, reading, text, sizeof(text)));
	give_back(1, saved[0]);
	give_back(2, saved[1]);
	add_result(r, "status", status);
	add_result(r, "text", text);
	add_files(r);
}

static int
engine_number(void)
{
	static const char *const names[] = {
		[SPAWNIO_ENGINE_AVFORK] = "avfork",
		[SPAWNIO_ENGINE_VFORK] = "vfork",
		[SPAWNIO_ENGINE_FORK] = "fork"
	};
	int n = SPAWNIO_ENGINE_AVFORK;

	while (strcmp(names[n], engine) != 0)
		n++;
	return n;
}

static void
want_shell(bool always)
{
	ck_assert_int_eq(spawnio_set_engine(engine_number() | (always ?
	    SPAWNIO_SHELL_ALWAYS : SPAWNIO_SHELL_AUTO)), 0);
}

static void
compare_by(enum way way, const char *format, ...)
{
	static struct result with, without;
	char command[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	for (int reading = 0; reading < 2; reading++) {
		want_shell(false);
		get_result(&without, command, reading);
		expect(way, command);
		want_shell(true);
		get_result(&with, command, reading);
		expect(SHELL, command);
		ck_assert_msg(strcmp(with.text, without.text) == 0,
		    "%s\nthe shell:\n%s\nwithout:\n%s", command, with.text,
		    without.text);
	}
}

/* --- what is executed directly --- */

static const struct { const char *command, *output; } plain[] = {
	{ "/bin/echo a b", "a b\n" },
	{ " \t /bin/echo\ta  b \n\n \t", "a b\n" },
	{ "cat in", "input\n" },
	{ "./echo a", "a\n" },
	{ "exec /bin/echo a", "a\n" },
	{ "/usr/bin/printf '(%s)' 'a b' \"c d\" e\\ f 'g'h\"i\"\\j",
	    "(a b)(c d)(e f)(ghij)" },
	{ "/usr/bin/printf '(%s)' '$x`y`*\\' \"\\$x\\`\\\"\\\\ \\a'\" \\$x\\*",
	    "($x`y`*\\)($x`\"\\ \\a')($x*)" },
	{ "/usr/bin/printf '(%s)' '' \"\" ''\"\"", "()()()" },
	{ "/usr/bin/printf '(%s)' 'a\nb' \"c\td\"", "(a\nb)(c\td)" },
	{ "'/bin/echo' a", "a\n" },
	{ "/bin/echo a#b %1 =c a=b - ! ^ @ ] , + : if echo",
	    "a#b %1 =c a=b - ! ^ @ ] , + : if echo\n" },
	{ "/bin/cat <in", "input\n" },
	{ "/bin/cat 0< 'in'", "input\n" },
	{ "<in /bin/cat", "input\n" },
	{ "</dev/null /bin/cat", "" },
	{ "/bin/cat<in>&1", "input\n" },
	{ "/bin/cat <./devx", "dev\n" },
	{ "abcd=1 a2345678=1 /bin/echo a", "a\n" },
	{ "LC_ALL=POSIX LANG=C LANGUAGE=C /bin/echo a", "a\n" },
	{ "1/echo a", "a\n" },
	{ "e+-.:@1 a", "a\n" },
	{ "1e a", "a\n" },
};

START_TEST(plain_command_needs_no_shell)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/1:/bin", work);
	ck_assert_int_eq(mkdir("1", 0755), 0);
	ck_assert_int_eq(symlink("/bin/echo", "1/echo"), 0);
	ck_assert_int_eq(symlink("/bin/echo", "1/e+-.:@1"), 0);
	ck_assert_int_eq(symlink("/bin/echo", "1/1e"), 0);
	setenv("PATH", path, 1);
	for (size_t i = 0; i < COUNT(plain); i++)
		ck_assert_str_eq(output_by(DIRECT, 0, plain[i].command),
		    plain[i].output);
	unlink("1/echo");
	unlink("1/e+-.:@1");
	unlink("1/1e");
}
END_TEST

static void
expect_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	ck_assert_msg(at != NULL && (at == text || at[-1] == '\n') &&
	    at[strlen(line)] == '\n', "no line %s in\n%s", line, text);
}

START_TEST(assignments_are_in_the_environment)
{
	const char *text = output_by(DIRECT, 0,
	    "x=1 HOME='a b' x=\"2\" LC_ALL=C /usr/bin/env");

	expect_line(text, "x=2");
	expect_line(text, "HOME=a b");
	expect_line(text, "LC_ALL=C");
	ck_assert_ptr_null(strstr(text, "HOME=/"));
	ck_assert_ptr_null(strstr(text, "x=1"));
	ck_assert_str_eq(getenv("HOME"), "/");
}
END_TEST

START_TEST(system_needs_no_shell_either)
{
	begin();
	assert_exit(run_command("/bin/cat <in >out"), 0);
	expect(DIRECT, "system");
	ck_assert_str_eq(text_of("out"), "input\n");
}
END_TEST

START_TEST(stream_to_command_needs_no_shell)
{
	FILE *stream;

	begin();
	stream = open_command("w", "/bin/cat >out");
	ck_assert_int_ge(fputs("told\n", stream), 0);
	assert_exit(close_command(stream), 0);
	expect(DIRECT, "w");
	ck_assert_str_eq(text_of("out"), "told\n");
}
END_TEST

START_TEST(status_is_the_programs)
{
	output_by(DIRECT, 3, "/usr/bin/env sh -c 'exit 3'");
	assert_killed(run_command("/usr/bin/env sh -c 'kill -9 $$'"), 9);
}
END_TEST

static const struct {
	const char *command, *output, *out, *in;
} operators[] = {
	{ "/bin/echo a >out", "", "a\n", NULL },
	{ "/bin/echo a >| out", "", "a\n", NULL },
	{ "/bin/echo a >>in", "", "", "input\na\n" },
	{ "/bin/echo a 1<>in", "", "", "a\nput\n" },
	{ "/bin/echo a 1<> out", "", "a\n", NULL },
	{ "/bin/echo a >in", "", "", "a\n" },
	{ "/bin/cat in missing >out 2>/dev/null", "", "input\n", NULL },
	{ "/bin/cat 3<in <&3", "input\n", "", NULL },
	{ "/bin/cat 3>out >&3 <in 3>&-", "", "input\n", NULL },
	{ "/bin/echo a >folder/../out", "", "a\n", NULL },
};

START_TEST(operators_open_as_the_shell)
{
	const char *command = operators[_i].command;
	int status = strstr(command, "missing") != NULL;

	ck_assert_str_eq(output_by(DIRECT, status, command),
	    operators[_i].output);
	ck_assert_str_eq(text_of("out"), operators[_i].out);
	if (operators[_i].in != NULL)
		ck_assert_str_eq(text_of("in"), operators[_i].in);
}
END_TEST

START_TEST(redirections_are_made_in_their_order)
{
	output_by(DIRECT, 1, "/bin/cat in missing >out 2>&1");
	ck_assert_ptr_nonnull(strstr(text_of("out"), "missing"));
	ck_assert_ptr_nonnull(strstr(text_of("out"), "input"));
	ck_assert_ptr_nonnull(strstr(output_by(DIRECT, 1,
	    "/bin/cat in missing 2>&1 >out"), "missing"));
	ck_assert_str_eq(text_of("out"), "input\n");
}
END_TEST

/* --- the program is started as by the shell --- */

static const char *const redirections[] = {
	"", ">out", "<in", ">>out", "2>&1", "3>out", "4>&-", "3>&4 4>out",
	">out 2>&1", "2>&1 >out", "3>&1 1>&2 2>&3 3>&-", "5>out", "5>&-",
	"5<in", "6>&1", "7>&-", "3>&3", "0<&3", "9<>new", "<&-", ">&-",
	"2>&-", "<&- >&- 2>&-", ">out >&- >in", "3<in 3<folder/../in",
	"5>&4 4>&5", "6<in 7<&6 8<&7 9<&8 6<&-",
	"4>&3 3>out 3<in"
};

START_TEST(descriptors_are_those_of_the_shell)
{
	compare_by(DIRECT, "%s spy %s %s", spy, work, redirections[_i]);
}
END_TEST

START_TEST(every_descriptor_can_be_redirected)
{
	static const char *const ops[] = { "<in", ">out", ">&-", "<&0", ">&1" };

	for (size_t i = 0; i < COUNT(ops); i++)
		compare_by(DIRECT, "%s spy %s %d%s", spy, work, _i, ops[i]);
}
END_TEST

static void
do_nothing(int signo)
{
	(void)signo;
}

START_TEST(process_is_that_of_the_shell)
{
	on_signal(SIGUSR1, SIG_IGN, 0);
	on_signal(SIGPIPE, SIG_IGN, 0);
	on_signal(SIGQUIT, SIG_IGN, 0);
	on_signal(SIGCHLD, do_nothing, SA_RESTART);
	on_signal(SIGHUP, do_nothing, SA_RESTART);
	umask(027);
	compare_by(DIRECT, "x=1 %s spy %s 'a b' '' c\\\\d", spy, work);
	compare_by(DIRECT, "exec %s spy %s", spy, work);
}
END_TEST

START_TEST(pwd_is_added)
{
	char line[64];

	snprintf(line, sizeof(line), "PWD=%s", work);
	unsetenv("PWD");
	expect_line(output_by(DIRECT, 0, "/usr/bin/env"), line);
	expect_line(output_by(DIRECT, 0, "x=1 /usr/bin/env"), line);
	expect_line(output_by(SHELL, 0, "/usr/bin/env;"), line);
	ck_assert_ptr_null(getenv("PWD"));
}
END_TEST

/* --- what goes to the shell --- */

static const struct { const char *command, *output; } shells[] = {
	{ "echo a", "a\n" },
	{ "'echo' a", "a\n" },
	{ "'exec' /bin/echo a", "a\n" },
	{ "exec echo a", "a\n" },
	{ "true", "" },
	{ "x=1 : a", "" },
	{ "! /bin/cat missing 2>/dev/null", "" },
	{ "if /bin/echo a; then :; fi", "a\n" },
	{ "{ /bin/echo a; }", "a\n" },
	{ "command /bin/echo a", "a\n" },
	{ "/bin/echo $HOME", "/\n" },
	{ "/bin/echo \"$HOME\"", "/\n" },
	{ "x=$HOME /bin/echo a", "a\n" },
	{ "/bin/cat <${x-in}", "input\n" },
	{ "/bin/echo `/bin/echo a`", "a\n" },
	{ "/bin/echo \"`/bin/echo a`\"", "a\n" },
	{ "/bin/echo $((1 + 1))", "2\n" },
	{ "/bin/echo i*", "in\n" },
	{ "/bin/echo i?", "in\n" },
	{ "/bin/echo [i]n", "in\n" },
	{ "/bin/echo ~", "/\n" },
	{ "x=~ /bin/echo a", "a\n" },
	{ "/bin/echo a; /bin/echo b", "a\nb\n" },
	{ "/bin/echo a;", "a\n" },
	{ "/bin/echo a\n/bin/echo b", "a\nb\n" },
	{ "\n/bin/echo a", "a\n" },
	{ "/bin/echo a && /bin/echo b", "a\nb\n" },
	{ "/bin/echo a || /bin/echo b", "a\n" },
	{ "/bin/echo a | /bin/cat", "a\n" },
	{ "/bin/echo a & wait", "a\n" },
	{ "(/bin/echo a)", "a\n" },
	{ "/bin/echo a #b", "a\n" },
	{ "/bin/echo a\\\nb", "ab\n" },
	{ "/bin/echo \"a\\\nb\"", "ab\n" },
	{ "/bin/cat <<x\na\nx\n", "a\n" },
	{ "/bin/echo \303\251", "\303\251\n" },
	{ "/bin/echo '\303\251'", "\303\251\n" },
	{ "/bin/echo \"\001\"", "\001\n" },
	{ "/bin/echo a\r", "a\r\n" },
	{ "x=1", "" },
	{ ">out", "" },
	{ "", "" },
	{ "exec", "" },
	{ "exec /bin/echo a >&1 #", "a\n" },
	{ ">&1 exec /bin/echo a", "a\n" },
	{ "x=1 exec /bin/echo a", "a\n" },
	{ "PATH=/bin cat in", "input\n" },
	{ "PWD=/ /bin/echo a", "a\n" },
	{ "OLDPWD=/ /bin/echo a", "a\n" },
	{ "IFS=: /bin/echo a", "a\n" },
	{ "ENV=/x /bin/echo a", "a\n" },
	{ "OPTIND=1 /bin/echo a", "a\n" },
	{ "LC_ALL= /bin/echo a", "a\n" },
	{ "/bin/cat </dev/stdin", "" },
	{ "/bin/cat <\"/proc/self/../self/fd/0\"", "" },
	{ "/bin/cat </dev/fd/0", "" },
	{ "/bin/cat <//dev/fd/0", "" },
	{ "/bin/cat <./../../dev/fd/0", "" },
	{ "/bin/cat </tmp/../dev/./fd/0", "" },
	{ "/bin/cat </tmp/..//.//dev/fd/0", "" },
	{ "/bin/cat <'in' <&\"0\"", "input\n" },
};

START_TEST(what_needs_a_shell_gets_one)
{
	for (size_t i = 0; i < COUNT(shells); i++)
		ck_assert_str_eq(output_by(SHELL, 0, shells[i].command),
		    shells[i].output);
}
END_TEST

/* Of these each shell makes something else. */
static const char *const strange[] = {
	"/bin/echo a 10>out", "/bin/echo a >&out", "/bin/echo {a,b}",
	"/bin/echo 'a", "/bin/echo \"a", "/bin/echo a\\", "/bin/echo a >",
	"/bin/echo a <<<b", "/bin/echo a >&1-",
	"x+=1 /bin/echo a", "=x a", "%1", "-x", "exec -a x /bin/echo a",
	"exec exec /bin/echo a", "exec x=1 /bin/echo a", "''", "\"\" a",
	"a\\ b", "BASH_XTRACEFD=2 /bin/echo a", "UID=1 /bin/echo a",
	"LANG=nosuch /bin/echo a", "function f", "[[ a ]]",
	"/bin/cat <&x", "~/x", ")", "/bin/echo a >& 1x",
	"x+=a/b /bin/echo a", "x\"=\"1 /bin/echo a", "x\\=1 /bin/echo a",
	"%x/y", "-x/y", "@/y", "/bin/echo a 2>&1>out",
	"/bin/echo a >1>out", "/bin/echo a <1<in", "/bin/cat 3<&0<in",
	"/bin/echo a >12>out", "/bin/echo a >1a>out", "/bin/echo a >1a<in",
	"/bin/echo a >&''", "/bin/echo \"a\\", "/bin/cat <''",
	"/bin/echo a >#out", "LANGUAGE=nosuch /bin/echo a"
};

START_TEST(what_shells_read_differently_is_theirs)
{
	for (size_t i = 0; i < COUNT(strange); i++)
		compare_by(SHELL, "%s", strange[i]);
}
END_TEST

static const struct {
	enum way way;
	const char *pwd, *strings[3];
} environments[] = {
	{ SHELL, work, { "PATH=/bin", "IFS=:" } },
	{ SHELL, work, { "PATH=/bin", "PPID=1" } },
	{ SHELL, work, { "PATH=/bin", "OPTIND=2" } },
	{ SHELL, work, { "PATH=/bin", "POSIXLY_CORRECT=" } },
	{ SHELL, work, { "PATH=/bin", "PS4=" } },
	{ SHELL, work, { "PATH=/bin", "CHILD_MAX=1" } },
	{ SHELL, work, { "PATH=/bin", "YASH_LOADPATH=" } },
	{ SHELL, work, { "PATH=/bin", "BASH_FUNC_f%%=() { :; }" } },
	{ SHELL, work, { "PATH=/bin", "BASHOPTS=x" } },
	{ SHELL, work, { "PATH=/bin", "PATH=/bin" } },
	{ SHELL, work, { "PATH=/bin", "x=1", "x=2" } },
	{ SHELL, work, { "PATH=/bin", "nothing" } },
	{ SHELL, work, { "PATH=/bin", "=x" } },
	{ SHELL, work, { "PATH=/bin", "" } },
	{ SHELL, work, { "PATH=/bin", "a-b=1" } },
	{ SHELL, work, { "PATH=/bin", "a|b=1" } },
	{ SHELL, work, { "PATH=/bin", "1a=1" } },
	{ SHELL, work, { "PATH=/bin", "SHLVL=" } },
	{ SHELL, work, { "PATH=/bin", "SHLVL=x" } },
	{ SHELL, work, { "PATH=/bin", "SHLVL=-1" } },
	{ SHELL, work, { "PATH=/bin", "SHLVL=08" } },
	{ SHELL, work, { "PATH=/bin", "SHLVL=3x" } },
	{ SHELL, work, { "PATH=/bin", "SHLVL=999" } },
	{ SHELL, work, { "PATH=/bin", "SHLVL=99999999999999999999" } },
	{ DIRECT, work, { "PATH=/bin", "SHLVL=998" } },
	{ DIRECT, work, { "PATH=/bin", "SHLVL=0", "SHLVLS=x" } },
	{ SHELL, "/nosuch", { "PATH=/bin" } },
	{ SHELL, "/", { "PATH=/bin" } },
	{ SHELL, ".", { "PATH=/bin" } },
	{ SHELL, "", { "PATH=/bin" } },
	{ SHELL, "/tmp/../tmp", { "PATH=/bin" } },
	{ SHELL, "/tmp/..", { "PATH=/bin" } },
	{ SHELL, "/tmp/..x", { "PATH=/bin" } },
	{ SHELL, "/tmp/.x", { "PATH=/bin" } },
	{ SHELL, "/tmp/.", { "PATH=/bin" } },
	{ SHELL, "/tmp/./x", { "PATH=/bin" } },
	{ SHELL, "/tmp/", { "PATH=/bin" } },
	{ SHELL, "//tmp", { "PATH=/bin" } },
	{ SHELL, work, { "PATH=/bin", "BASH_ENVx=1" } },
	{ SHELL, work, { "PATH=/bin", "OLDPWD=/nosuch" } },
	{ SHELL, work, { "PATH=/bin", "OLDPWD=/bin/sh" } },
	{ SHELL, work, { NULL } },
	{ SHELL, work, { "PATH=:/bin" } },
	{ SHELL, work, { "PATH=/bin:" } },
	{ SHELL, work, { "PATH=/bin/" } },
	{ SHELL, work, { "PATH=bin:/bin" } },
	{ SHELL, work, { "PATH=/%x:/bin" } },
	{ DIRECT, work, { "PATH=/bin", "OLDPWD=/" } },
	{ DIRECT, work, { "PATH=/bin", "PATHx=1", "a1b2=1" } },
	{ DIRECT, work, { "PATH=/bin", "BASH_ENV=/x", "ENV=/x" } },
	{ DIRECT, work, { "PATH=/bin", "xIFS=1", "IFSx=2" } },
	{ DIRECT, work, { "PATH=/bin", "PS3=1", "PS=2" } },
	{ DIRECT, work, { "PATH=/bin", "Z=1", "ifs=2" } },
	/* Of one hash. */
	{ DIRECT, work, { "PATH=/bin", "Aa=", "BB=" } },
	{ DIRECT, work, { "PATH=/bin", "x=1", "xx=1" } },
	{ DIRECT, work, { "PATH=/bin:/nosuch", "_=x", "SHLVL=3" } },
};

START_TEST(environment_decides)
{
	static char pwd[64], *list[5] = { pwd };
	enum way way = environments[_i].way;

	snprintf(pwd, sizeof(pwd), "PWD=%s", environments[_i].pwd);
	for (int i = 0; i < 3; i++)
		list[i + 1] = (char *)environments[_i].strings[i];
	environ = list;
	ck_assert_str_eq(output_by(way, 0, "/bin/cat in"), "input\n");
	if (list[1] != NULL)
		ck_assert_str_eq(output_by(way, 0, "cat in"), "input\n");
}
END_TEST

START_TEST(pwd_may_lead_through_a_link)
{
	char pwd[64];

	ck_assert_int_eq(symlink(".", "link"), 0);
	snprintf(pwd, sizeof(pwd), "%s/link", work);
	setenv("PWD", pwd, 1);
	compare_by(SHELL, "%s spy %s", spy, work);	/* fill_work */
	ck_assert_int_eq(symlink(".", "link"), 0);
	ck_assert_str_eq(output_by(SHELL, 0, "/bin/cat in"), "input\n");
	want_shell(false);
	ck_assert_str_eq(output_by(DIRECT, 0, "/bin/cat in"), "input\n");
}
END_TEST

/* Its name is longer than the room for it: the files are compared instead, and
 * without a PWD the shell has to add one. */
START_TEST(long_name_of_the_working_directory)
{
	char long_name[201], pwd[512];

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	ck_assert_int_eq(mkdir(long_name, 0755), 0);
	ck_assert_int_eq(chdir(long_name), 0);
	ck_assert_int_eq(mkdir(long_name, 0755), 0);
	ck_assert_int_eq(chdir(long_name), 0);
	snprintf(pwd, sizeof(pwd), "%s/%s/%s", work, long_name, long_name);
	setenv("PWD", pwd, 1);
	ck_assert_str_eq(output_by(DIRECT, 0, "/bin/echo a"), "a\n");
	unsetenv("PWD");
	ck_assert_str_eq(output_by(SHELL, 0, "/bin/echo a"), "a\n");
	ck_assert_int_eq(chdir(".."), 0);
	ck_assert_int_eq(rmdir(long_name), 0);
	ck_assert_int_eq(chdir(".."), 0);
}
END_TEST

static void
set_path(const char *format, ...)
{
	char path[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	setenv("PATH", path, 1);
}

START_TEST(path_is_searched)
{
	ck_assert_int_eq(mkdir("folder/cat", 0755), 0);
	set_path("/nosuch:%s/in:%s/folder:/bin", work, work);
	ck_assert_str_eq(output_by(DIRECT, 0, "cat in"), "input\n");
	rmdir("folder/cat");
	ck_assert_int_eq(chmod("folder", 0), 0);
	ck_assert_str_eq(output_by(DIRECT, 0, "cat in"), "input\n");
}
END_TEST

START_TEST(path_with_one_that_cannot_be_executed)
{
	make_file("cat", "#!/nosuch/interpreter\n", _i == 0 ? 0644 : 0755);
	set_path("%s:/bin", work);
	begin();
	run_command("2>/dev/null cat in >out");
	expect(TRIED, "cat");
}
END_TEST

/* What a shell makes of that is its own affair. */
START_TEST(path_with_a_loop_of_links)
{
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	set_path("%s/loop:/bin", work);
	begin();
	run_command("2>/dev/null cat in >out");
	expect(TRIED, "cat");
}
END_TEST

/* The element that has it is the last that there is room for, or longer. */
START_TEST(long_elements_of_path)
{
	char slashes[1024];

	memset(slashes, '/', sizeof(slashes));
	ck_assert_int_eq(symlink("/bin/echo", "cat"), 0);
	for (int n = MOST_PATH - 40; n < (int)sizeof(slashes); n++) {
		int rest = n - (int)strlen(work) - (int)strlen("/cat");

		if (n > MOST_PATH + 4)
			n += 64;
		set_path("%.*s%s:/bin", rest, slashes, work);
		ck_assert_str_eq(output_by(n < MOST_PATH ? DIRECT : SHELL, 0,
		    "cat a"), "a\n");
	}
}
END_TEST

START_TEST(blocked_signal_wants_the_shell)
{
	block(_i);
	ck_assert_str_eq(output_by(SHELL, 0, "/bin/cat in"), "input\n");
	begin();
	assert_exit(run_command("/bin/cat in >out"), 0);
	expect(SHELL, "system");
	unblock(_i);
	output_by(DIRECT, 0, "/bin/cat in");
}
END_TEST

START_TEST(ignored_sigchld_wants_the_shell)
{
	FILE *stream;

	on_signal(SIGCHLD, SIG_IGN, 0);
	begin();
	stream = open_command("r", "/bin/cat in");
	ck_assert_str_eq(rest_of(stream), "input\n");
	spclose(stream);
	expect(SHELL, "ignored");
	on_signal(SIGCHLD, SIG_DFL, 0);
}
END_TEST

static void
differ_in_ids(void *arg)
{
	bool group = *(bool *)arg;

	ck_assert_int_eq(group ? setresgid(NOBODY, 0, 0) :
	    setresuid(NOBODY, 0, 0), 0);
	sv_watch(sv);
	output_by(SHELL, 0, "/bin/echo a");
}

START_TEST(ids_that_differ_want_the_shell)
{
	bool group = _i;

	in_child(differ_in_ids, &group);
}
END_TEST

/* --- who wants the shell always --- */

static const struct { const char *value; enum way way; } settings[] = {
	{ "always", SHELL },
	{ "auto", DIRECT },
	{ "", DIRECT },
	{ "alwaysx", DIRECT },
};

START_TEST(variable_is_read_once)
{
	unsigned long file;

	setenv("SPAWNIO_SHELL", settings[_i].value, 1);
	output("/bin/cat in");
	file = atomic_load(&sv->file);
	output(":");
	shell = atomic_load(&sv->file);
	ck_assert_int_eq(file == shell, settings[_i].way == SHELL);
	setenv("SPAWNIO_SHELL", _i == 0 ? "auto" : "always", 1);
	output_by(settings[_i].way, 0, "/bin/cat in");
}
END_TEST

START_TEST(flag_overrides_the_variable)
{
	setenv("SPAWNIO_SHELL", "always", 1);
	want_shell(false);
	output(":");
	shell = atomic_load(&sv->file);
	output_by(DIRECT, 0, "/bin/cat in");
}
END_TEST

START_TEST(flag_is_kept)
{
	int both = SPAWNIO_SHELL_ALWAYS | SPAWNIO_SHELL_AUTO;

	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_FORK |
	    SPAWNIO_SHELL_ALWAYS), 0);
	output_by(SHELL, 0, "/bin/cat in");
	ck_assert_str_eq(spawnio_engine(NULL), "fork");
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_VFORK), 0);
	output_by(SHELL, 0, "/bin/cat in");
	assert_error(spawnio_set_engine(SPAWNIO_ENGINE_FORK | both), -1,
	    EINVAL);
	ck_assert_str_eq(spawnio_engine(NULL), "vfork");
	output_by(SHELL, 0, "/bin/cat in");
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_FORK |
	    SPAWNIO_SHELL_AUTO), 0);
	output_by(DIRECT, 0, "/bin/cat in");
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_VFORK), 0);
	output_by(DIRECT, 0, "/bin/cat in");
	assert_error(spawnio_set_engine(99 | SPAWNIO_SHELL_ALWAYS), -1, EINVAL);
	output_by(DIRECT, 0, "/bin/cat in");
}
END_TEST

/* --- what fails is the shell's to say --- */

static const struct {
	const char *command;
	enum way way;
	int status;	/* 0: each shell its own */
} failures[] = {
	{ "/nosuch", TRIED, 127 },
	{ "nosuch", SHELL, 127 },
	{ "nosuch a >out 2>&1", SHELL, 127 },
	{ "exec /nosuch", TRIED, 127 },
	{ "x=1 nosuch 3>out 2>&1", SHELL, 127 },
	{ "x=1 /nosuch 3>out 2>&1", TRIED, 127 },
	{ "./in", TRIED, 126 },
	{ "./folder", TRIED, 126 },
	{ "in/x", TRIED, 0 },
	{ "./bad", TRIED, 0 },
	{ "./text a b", TRIED, 0 },
	{ "./text 2>&1 >out", TRIED, 0 },
	{ "/bin/cat <missing", SHELL, 0 },
	{ "/bin/cat <missing >out", SHELL, 0 },
	{ "/bin/cat >out <missing", SHELL, 0 },
	{ "/bin/cat <folder", SHELL, 0 },
	{ "/bin/cat >folder", SHELL, 0 },
	{ "/bin/cat <in/x", SHELL, 0 },
	{ "/bin/cat >missing/x", SHELL, 0 },
	{ "/bin/cat <&7", SHELL, 0 },
	{ "/bin/cat 3>&7 2>out", SHELL, 0 },
	{ "/bin/cat <&5", SHELL, 0 },
	{ "/bin/cat 5>&5", SHELL, 0 },
	{ "/bin/cat 4>&- <&4", SHELL, 0 },
};

START_TEST(failure_is_the_shells)
{
	int want = failures[_i].status, got;

	compare_by(failures[_i].way, "%s", failures[_i].command);
	want_shell(false);
	got = run_command("2>/dev/null %s", failures[_i].command);
	if (want != 0 && strncmp(failures[_i].command, "exec", 4) != 0)
		assert_exit(got, want);
}
END_TEST

/* A script that has no #! is the shell's: it is started twice, and redirects
 * twice. */
START_TEST(descriptors_are_put_back)
{
	compare_by(TRIED, "./text %s", redirections[_i]);
}
END_TEST

/* dash has no way then either, and says so. */
START_TEST(more_descriptors_than_may_be)
{
	struct rlimit limit, ten = { 10, 10 };

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ten.rlim_max = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &ten), 0);
	begin();
	run_command("2>/dev/null /bin/cat <in");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect(SHELL, "limit");
}
END_TEST

/* --- nobody waits for it --- */

START_TEST(fifo_is_opened_by_the_shell)
{
	FILE *stream;
	int fd;

	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	begin();
	stream = open_command("r", "/bin/cat <fifo");
	fd = open("fifo", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "told\n", 5), 5);
	close(fd);
	ck_assert_str_eq(rest_of(stream), "told\n");
	assert_exit(close_command(stream), 0);
	expect(SHELL, "fifo");
}
END_TEST

START_TEST(fifo_is_written_by_the_shell)
{
	FILE *stream;
	char text[8] = "";
	int fd;

	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	begin();
	stream = open_command("r", "/bin/echo a >fifo");
	fd = open("fifo", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 2);
	close(fd);
	assert_exit(close_command(stream), 0);
	expect(SHELL, "fifo");
}
END_TEST

/* The open alone may have an effect: they are not null(4), which has none. */
START_TEST(device_is_opened_by_the_shell)
{
	const char *device = _i == 0 ? "/dev/zero" : "/dev/ptmx";

	ck_assert_int_eq(symlink(device, "device"), 0);
	if (access(device, R_OK | W_OK) != 0) {
		left_out("no devices: device_is_opened_by_the_shell");
		return;
	}
	ck_assert_str_eq(output_by(SHELL, 0, "/bin/echo a <device"), "a\n");
	unlink("device");
	ck_assert_int_eq(symlink("/dev/null", "device"), 0);
	ck_assert_str_eq(output_by(DIRECT, 0, "/bin/echo a <device"), "a\n");
}
END_TEST

/* Whoever opens it waits until the caller gives it up. */
START_TEST(lease_is_waited_for_by_the_shell)
{
	FILE *stream;
	int fd = open("in", O_RDONLY | O_CLOEXEC);

	on_signal(SIGIO, do_nothing, SA_RESTART);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == -1) {
		left_out("no leases: lease_is_waited_for_by_the_shell");
		return;
	}
	begin();
	stream = open_command("r", "/bin/cat <in");
	fcntl(fd, F_SETLEASE, F_UNLCK);
	ck_assert_str_eq(rest_of(stream), "input\n");
	assert_exit(close_command(stream), 0);
	if (!is_early())	/* it may have come too late */
		expect(SHELL, "lease");
	close(fd);
}
END_TEST

/* --- calls that fail in the child --- */

#define CHILD_ERRNOS	2

static const struct sv_call child_calls[] = {
	{ SV_FCNTL, { EMFILE, EPERM } },
	{ SYS_dup3, { EBUSY, EPERM } },
	{ SYS_openat, { EMFILE, EPERM } },
	{ SYS_statx, { ENOSYS, EPERM } },
	{ SYS_getcwd, { ENOENT, ERANGE } },
	{ SYS_execve, { ENOMEM, EACCES } },
};

static void
start_to_fail(void)
{
	sv = sv_start(child_calls, COUNT(child_calls));
	ck_assert_ptr_nonnull(sv);
	make_work();
}

/* This program is told from a child that has not executed it by its file. */
static void
copy_spy(const char *path)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	close(in);
	close(out);
}

START_TEST(failure_in_the_child_is_invisible)
{
	static struct result want, got;
	char command[256], path[64];
	int nth = 0;

	unsetenv("PWD");
	snprintf(path, sizeof(path), "%s-spy", work);
	copy_spy(path);
	snprintf(command, sizeof(command),
	    "x=1 %s spy %s 3>out 6>new 4>&3 <in 2>&1 5>&-", path, work);
	want_shell(true);
	get_result(&want, command, false);
	want_shell(false);
	atomic_store(&sv->which, _i);
	do {
		sv_arm(sv, SV_CHILD, ++nth);
		get_result(&got, command, false);
		sv_disarm(sv);
		if (strcmp(got.text, want.text) != 0)
			break;
	} while (atomic_load(&sv->failed) > 0);
	unlink(path);
	ck_assert_msg(strcmp(got.text, want.text) == 0,
	    "call %d fails:\n%s\nnone:\n%s", nth, got.text, want.text);
	ck_assert_int_gt(nth, 10);
}
END_TEST

/* --- what the child reads is its own --- */

static void
spoil(char *text)
{
	memset(text, '#', strlen(text));
}

START_TEST(all_is_copied_before_return)
{
	static char command[] = "x=1 /usr/bin/env 3<in y=2",
	    path[] = "PATH=/bin", old[] = "old=yes",
	    *list[] = { path, old, NULL };
	const char *text;
	FILE *stream;

	environ = list;
	command[sizeof("x=1 /usr/bin/env 3<in") - 1] = '\0';
	begin();
	if (is_early())
		sv_hold(sv, 1);
	stream = open_command("r", "%s", command);
	spoil(command);
	spoil(path);
	spoil(old);
	list[0] = NULL;
	ck_assert_int_eq(chdir("/"), 0);
	if (is_early()) {
		sv_wait(sv, 1);
		sv_go(sv);
	}
	text = rest_of(stream);
	assert_exit(close_command(stream), 0);
	expect(DIRECT, "x=1 /usr/bin/env");
	expect_line(text, "x=1");
	expect_line(text, "old=yes");
	expect_line(text, "PATH=/bin");
}
END_TEST

/* Where the frames of a call were that has returned. */
static void
spoil_stack(void)
{
	volatile char frames[6144];

	for (size_t i = 0; i < sizeof(frames); i++)
		frames[i] = '#';
}

/* At once, so that the child has most to do yet. */
START_TEST(command_may_change_at_once)
{
	char command[64];
	FILE *stream;

	for (int i = 0; i < 300; i++) {
		snprintf(command, sizeof(command), "x=%d cat <in 3>out", i);
		stream = spopen(command, "r");
		spoil_stack();
		spoil(command);
		ck_assert_ptr_nonnull(stream);
		ck_assert_str_eq(rest_of(stream), "input\n");
		assert_exit(close_command(stream), 0);
	}
}
END_TEST

/* --- limits --- */

static char *
filled(const char *head, char c, size_t length)
{
	char *text = malloc(length + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, c, length);
	memcpy(text, head, strlen(head));
	text[length] = '\0';
	return text;
}

START_TEST(longest_command)
{
	char *blank = filled("/bin/echo a", ' ', LONGEST);
	char *word = filled("/bin/echo ", 'a', LONGEST);
	char *more = filled("/bin/echo ", 'a', LONGEST + 1);
	const size_t said = 61000, length = strlen("/bin/echo ");

	allow_long_arguments();
	ck_assert_str_eq(output_by(DIRECT, 0, blank), "a\n");
	begin();
	assert_exit(run_command("/bin/cat <in >out"), 0);
	word[length + said] = '\0';
	ck_assert_uint_eq(strlen(output_by(SHELL, 0, word)), said + 1);
	word[length + said] = 'a';
	assert_error(spopen(more, "r"), NULL, E2BIG);
	memcpy(word + LONGEST - 12, " >/dev/null;", 12);
	output_by(SHELL, 0, word);
	free(blank);
	free(word);
	free(more);
}
END_TEST

START_TEST(long_word)
{
	size_t length = MOST_TEXT - 1;
	char *most = filled("/bin/echo ", 'a', length);
	char *more = filled("/bin/echo ", 'a', length + 1);

	ck_assert_uint_eq(strlen(output_by(DIRECT, 0, most)), length - 9);
	ck_assert_uint_eq(strlen(output_by(SHELL, 0, more)), length - 8);
	free(most);
	free(more);
}
END_TEST

/* Head, then so many of it, then tail. */
static const char *
repeated(const char *head, const char *it, int n, const char *tail)
{
	static char text[8192];

	strcpy(text, head);
	while (n-- > 0)
		strcat(text, it);
	return strcat(text, tail);
}

START_TEST(many_parts)
{
	int n = MOST_WORDS - 1;

	ck_assert_uint_eq(strlen(output_by(DIRECT, 0,
	    repeated("/bin/echo", " a", n, ""))), 2 * n);
	ck_assert_uint_eq(strlen(output_by(SHELL, 0,
	    repeated("/bin/echo", " a", n + 1, ""))), 2 * n + 2);
	output_by(DIRECT, 0, repeated("", "x=1 ", MOST_ASSIGNS, "/bin/echo"));
	output_by(SHELL, 0, repeated("", "x=1 ", MOST_ASSIGNS + 1,
	    "/bin/echo"));
	output_by(DIRECT, 0, repeated("/bin/cat", " <in", MOST_REDIRECTS, ""));
	output_by(SHELL, 0, repeated("/bin/cat", " <in", MOST_REDIRECTS + 1,
	    ""));
}
END_TEST

/* Beside its strings it may need room for a PWD, and for its end. */
START_TEST(many_strings)
{
	static char *list[MOST_STRINGS * 4], names[MOST_STRINGS * 4][8];
	int have = 2;

	list[0] = (char *)"PATH=/bin";
	list[1] = getenv("PWD") - strlen("PWD=");
	for (; have < MOST_STRINGS - 3; have++) {
		snprintf(names[have], sizeof(names[have]), "v%d=", have);
		list[have] = names[have];
	}
	list[have] = NULL;
	environ = list;
	output_by(DIRECT, 0, "x=1 /bin/echo");
	output_by(SHELL, 0, "x=1 y=2 /bin/echo");
	output_by(DIRECT, 0, "/bin/echo");
	for (; have < 512; have++) {
		snprintf(names[have], sizeof(names[have]), "v%d=", have);
		list[have] = names[have];
	}
	list[have] = NULL;
	output_by(DIRECT, 0, "/bin/echo");
	list[have++] = (char *)"w=";
	list[have] = NULL;
	output_by(SHELL, 0, "/bin/echo");
}
END_TEST

/* --- a thread's smallest stack --- */

#define PAINT	0xa5
#define KEPT	512	/* bytes at its end stay as they are */
#define SMALLEST	(16 * 1024)	/* musl has less, and crashes too */

static void *
call_both(void *arg)
{
	const char *command = arg;
	FILE *stream = spopen(command, "r");
	int status = stream != NULL ? spclose(stream) : -1;

	return status == 0 && ssystem(command) == 0 ? arg : NULL;
}

static size_t
untouched(const unsigned char *stack, size_t size)
{
	size_t n = 0;

	while (n < size && stack[n] == PAINT)
		n++;
	return n;
}

START_TEST(smallest_stack_is_enough)
{
	char command[] = "a=1 b=2 c=3 cat <in >out 2>&1 3<in";
	size_t size = sysconf(_SC_THREAD_STACK_MIN), page = getpagesize();
	unsigned char *stack;
	pthread_attr_t attr;
	pthread_t thread;
	void *result;

	if (size < SMALLEST)
		size = SMALLEST;
	stack = mmap(NULL, size + page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(stack != MAP_FAILED);
	stack += page;
	ck_assert_int_eq(mprotect(stack, size, PROT_READ | PROT_WRITE), 0);
	memset(stack, PAINT, size);
	unsetenv("PWD");
	pthread_attr_init(&attr);
	ck_assert_int_eq(pthread_attr_setstack(&attr, stack, size), 0);
	begin();
	ck_assert_int_eq(pthread_create(&thread, &attr, call_both, command),
	    0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, command);
	ck_assert_int_eq(atomic_load(&sv->passed) - passed, 2);
	ck_assert(atomic_load(&sv->file) != shell);
	ck_assert_msg(untouched(stack, size) >= KEPT, "%zu of %zu bytes",
	    untouched(stack, size), size);
	munmap(stack - page, size + page);
}
END_TEST

/* --- main --- */

static void
add_direct(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, remove_work);
	tcase_add_test(tcase, plain_command_needs_no_shell);
	tcase_add_test(tcase, assignments_are_in_the_environment);
	tcase_add_test(tcase, system_needs_no_shell_either);
	tcase_add_test(tcase, stream_to_command_needs_no_shell);
	tcase_add_test(tcase, status_is_the_programs);
	tcase_add_loop_test(tcase, operators_open_as_the_shell, 0,
	    COUNT(operators));
	tcase_add_test(tcase, redirections_are_made_in_their_order);
	tcase_add_test(tcase, path_is_searched);
	tcase_add_test(tcase, path_with_a_loop_of_links);
	tcase_add_loop_test(tcase, path_with_one_that_cannot_be_executed, 0,
	    2);
	tcase_add_test(tcase, long_elements_of_path);
	tcase_add_test(tcase, pwd_is_added);
}

static void
add_same(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, remove_work);
	tcase_add_loop_test(tcase, descriptors_are_those_of_the_shell, 0,
	    COUNT(redirections));
	tcase_add_loop_test(tcase, every_descriptor_can_be_redirected, 0, 10);
	tcase_add_test(tcase, process_is_that_of_the_shell);
	tcase_add_loop_test(tcase, failure_is_the_shells, 0, COUNT(failures));
	tcase_add_loop_test(tcase, descriptors_are_put_back, 0,
	    COUNT(redirections));
	tcase_add_test(tcase, more_descriptors_than_may_be);
	tcase_add_test(tcase, fifo_is_opened_by_the_shell);
	tcase_add_test(tcase, fifo_is_written_by_the_shell);
	tcase_add_loop_test(tcase, device_is_opened_by_the_shell, 0, 2);
	tcase_add_test(tcase, lease_is_waited_for_by_the_shell);
}

static void
add_shell(TCase *tcase)
{
	const int signals[] = { SIGUSR1, SIGRTMAX };

	tcase_add_checked_fixture(tcase, start, remove_work);
	tcase_add_test(tcase, what_needs_a_shell_gets_one);
	tcase_add_test(tcase, what_shells_read_differently_is_theirs);
	tcase_add_loop_test(tcase, environment_decides, 0,
	    COUNT(environments));
	tcase_add_test(tcase, pwd_may_lead_through_a_link);
	tcase_add_test(tcase, long_name_of_the_working_directory);
	for (size_t i = 0; i < COUNT(signals); i++)
		tcase_add_loop_test(tcase, blocked_signal_wants_the_shell,
		    signals[i], signals[i] + 1);
	tcase_add_test(tcase, ignored_sigchld_wants_the_shell);
	if (geteuid() == 0)
		tcase_add_loop_test(tcase, ids_that_differ_want_the_shell, 0,
		    2);
	else
		left_out("not root: ids_that_differ_want_the_shell");
	tcase_add_test(tcase, flag_is_kept);
}

static void
add_limits(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, remove_work);
	tcase_add_test(tcase, all_is_copied_before_return);
	tcase_add_test(tcase, command_may_change_at_once);
	tcase_add_test(tcase, longest_command);
	tcase_add_test(tcase, long_word);
	tcase_add_test(tcase, many_parts);
	tcase_add_test(tcase, many_strings);
	if (MAY_LIMIT)
		tcase_add_test(tcase, smallest_stack_is_enough);
	else
		left_out("sanitizers take more: smallest_stack_is_enough");
}

static void
add_settings(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start_cold, remove_work);
	tcase_add_loop_test(tcase, variable_is_read_once, 0, COUNT(settings));
	tcase_add_test(tcase, flag_overrides_the_variable);
}

static void
add_faults(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start_to_fail, remove_work);
	tcase_add_loop_test(tcase, failure_in_the_child_is_invisible, 0,
	    CHILD_ERRNOS);
}

int
main(int argc, char **argv)
{
	Suite *suite;

	if (argc > 2 && strcmp(argv[1], "spy") == 0)
		_exit(be_spy(argc, argv));
	if (!sv_works())
		return 77;
	engine = engine_of_tests();
	if (strcmp(engine, "posix_spawn") == 0) {
		left_out("posix_spawn: every command is the shell's: direct");
		return 77;
	}
	suite = suite_create("direct");
	add_direct(add_case(suite, "direct"));
	add_same(add_case(suite, "same"));
	add_shell(add_case(suite, "shell"));
	add_limits(add_case(suite, "limits"));
	add_settings(add_case(suite, "settings"));
	add_faults(add_case(suite, "faults"));
	return run(suite);
}
