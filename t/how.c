/* SPDX-License-Identifier: ISC */
/* spawnio_how(3): its functions, what they execute, how they wait for it, and
 * what they refuse.  t/setup.c has what the child is asked for, t/descriptors.c
 * the descriptors, t/children.c the time limits. */

#include "shorthand.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <limits.h>
#include <poll.h>
#include <stddef.h>

#define ROUNDS	20
#define CALLS	5	/* of each kind in a thread */

static char *const nothing[] = { (char *)"true", NULL };

static bool
has_pidfds(void)
{
#ifdef SYS_pidfd_open
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
#else
	return false;
#endif
}

/* --- the functions --- */

START_TEST(run_returns_the_status)
{
	struct spawnio_how how = shell("exit 3");

	assert_exit(ran(&how), 3);
	how = command("exit 4");
	assert_exit(ran(&how), 4);
	how = shell("kill -KILL $$");
	assert_killed(ran(&how), SIGKILL);
}
END_TEST

START_TEST(run_has_the_callers_descriptors)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("echo >/proc/self/fd/%d; "
	    "test /proc/self/fd/0 -ef /proc/%d/fd/0 && "
	    "test /proc/self/fd/1 -ef /proc/%d/fd/1 && "
	    "test /proc/self/fd/2 -ef /proc/%d/fd/2", from.theirs,
	    (int)getpid(), (int)getpid(), (int)getpid());

	assert_exit(ran(&how), 0);
	await(from);
	close_channel(from);
}
END_TEST

static volatile sig_atomic_t interrupted;

static void
count_interrupt(int signo)
{
	(void)signo;
	interrupted++;
}

START_TEST(run_does_not_change_what_the_caller_does_at_a_signal)
{
	struct spawnio_how how = shell("kill -INT $PPID; kill -QUIT $PPID; "
	    "kill -CHLD $PPID");

	on_signal(SIGINT, count_interrupt, 0);
	on_signal(SIGQUIT, count_interrupt, 0);
	on_signal(SIGCHLD, count_interrupt, 0);
	interrupted = 0;
	assert_exit(ran(&how), 0);
	/* Two SIGCHLD may be one. */
	ck_assert_int_ge(interrupted, 3);
}
END_TEST

START_TEST(run_blocks_and_ignores_nothing_in_the_caller)
{
	struct spawnio_how how = shell(SHOW_WAITING_CALLER);
	char text[8192];
	int end[2];
	ssize_t n;

	ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
	how.out.kind = SPAWNIO_FD;
	how.out.fd = end[1];
	assert_exit(ran(&how), 0);
	n = read(end[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_uint_eq(status_set(text, "SigBlk:"), own_set("SigBlk:"));
	ck_assert_uint_eq(status_set(text, "SigIgn:"), own_set("SigIgn:"));
	close(end[0]);
	close(end[1]);
}
END_TEST

static void *
run_it(void *how)
{
	return (void *)(intptr_t)spawnio_run(how);
}

START_TEST(cancelled_run_kills_the_child_and_waits_for_it)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("trap '' TERM INT; "
	    "echo >/proc/self/fd/%d; exec sleep 60", from.theirs);

	cancel_when_begun(run_it, &how, from);
}
END_TEST

START_TEST(start_need_not_be_given_an_initialised_structure)
{
	struct spawnio_how how = shell("exit 5");
	struct spawnio_child child;

	for (int i = 0; i < 256; i += 51) {
		memset(&child, i, sizeof(child));
		ck_assert_int_eq(spawnio_start(&how, &child), 0);
		assert_exit(end(&child), 5);
	}
}
END_TEST

START_TEST(pid_is_that_of_the_child)
{
	struct spawnio_how how = shell("echo $$");
	struct spawnio_child child;
	pid_t pid;

	how.out.kind = SPAWNIO_PIPE;
	begin(&how, &child);
	pid = child.pid;
	ck_assert_int_eq(atoi(drain(&child, 1)), pid);
	assert_exit(end(&child), 0);
}
END_TEST

START_TEST(pidfd_can_be_polled_for_the_end)
{
	struct channel to = to_commands();
	struct spawnio_how how = shell("read x </proc/self/fd/%d", to.theirs);
	struct pollfd end_of = { .events = POLLIN };
	struct spawnio_child child;

	begin(&how, &child);
	end_of.fd = child.pidfd;
	ck_assert_int_eq(fcntl(child.pidfd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(poll(&end_of, 1, 0), 0);
	release(to);
	ck_assert_int_eq(poll(&end_of, 1, -1), 1);
	assert_exit(end(&child), 0);
	assert_error(fcntl(end_of.fd, F_GETFD), -1, EBADF);
	close_channel(to);
}
END_TEST

START_TEST(pidfd_is_minus_1_if_the_kernel_has_none)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;

#ifdef SYS_pidfd_open
	refuse(SYS_pidfd_open, 0, ENOSYS);
#endif
	refuse(SYS_clone3, 0, ENOSYS);
	refuse(SYS_clone, 0x1000 /* CLONE_PIDFD */, EINVAL);
	begin(&how, &child);
	ck_assert_int_eq(child.pidfd, -1);
	assert_exit(end(&child), 0);
}
END_TEST

static void
count_pipes(const struct spawnio_child *child, int asked)
{
	for (int fd = 0; fd < 3; fd++) {
		if ((asked & 1 << fd) == 0) {
			ck_assert_int_eq(child->fd[fd], -1);
			continue;
		}
		ck_assert_int_ge(child->fd[fd], 3);
		ck_assert_int_eq(fcntl(child->fd[fd], F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(fcntl(child->fd[fd], F_GETFL) & O_ACCMODE,
		    fd == 0 ? O_WRONLY : O_RDONLY);
		ck_assert_int_eq(fcntl(child->fd[fd], F_GETFL) & O_NONBLOCK,
		    0);
	}
}

/* They are the caller's to close, so they are there after the end, too. */
START_TEST(fd_has_the_pipes_that_were_asked_for)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;

	if (_i & 1)
		how.in.kind = SPAWNIO_PIPE;
	if (_i & 2)
		how.out.kind = SPAWNIO_PIPE;
	if (_i & 4)
		how.err.kind = SPAWNIO_PIPE;
	begin(&how, &child);
	count_pipes(&child, _i);
	assert_exit(end(&child), 0);
	count_pipes(&child, _i);
	for (int fd = 0; fd < 3; fd++)
		if (child.fd[fd] != -1)
			close(child.fd[fd]);
}
END_TEST

START_TEST(three_pipes_are_three)
{
	struct spawnio_how how = shell("read x; echo out $x; echo err $x >&2");
	struct spawnio_child child;

	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_PIPE;
	begin(&how, &child);
	ck_assert_int_eq(write(child.fd[0], "in\n", 3), 3);
	close(child.fd[0]);
	ck_assert_str_eq(drain(&child, 1), "out in\n");
	ck_assert_str_eq(drain(&child, 2), "err in\n");
	assert_exit(end(&child), 0);
}
END_TEST

/* --- streams --- */

START_TEST(open_reads)
{
	struct spawnio_how how = shell("echo right; exit 3");
	FILE *stream = opened(&how, "r");

	ck_assert_str_eq(rest_of(stream), "right\n");
	assert_exit(close_command(stream), 3);
}
END_TEST

START_TEST(open_writes)
{
	struct spawnio_how how = shell("read x; test $x = right");
	FILE *stream = opened(&how, "w");

	ck_assert_int_ge(fputs("right\n", stream), 0);
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(open_does_both)
{
	struct spawnio_how how = shell("read x; echo \"<$x>\"");
	FILE *stream = opened(&how, "r+");

	ck_assert_int_eq(setvbuf(stream, NULL, _IONBF, 0), 0);
	ck_assert_int_ge(fputs("a\n", stream), 0);
	ck_assert_str_eq(rest_of(stream), "<a>\n");
	assert_exit(close_command(stream), 0);
}
END_TEST

static const struct {
	const char *letters;
	int access;
	int flags;
} types[] = {
	{ "r", O_RDONLY, 0 },
	{ "rr", O_RDONLY, 0 },
	{ "er", O_RDONLY, FD_CLOEXEC },
	{ "w", O_WRONLY, 0 },
	{ "we", O_WRONLY, FD_CLOEXEC },
	{ "+r", O_RDWR, 0 },
	{ "r+e", O_RDWR, FD_CLOEXEC },
};

START_TEST(open_takes_the_types_of_spopen)
{
	struct spawnio_how how = program(nothing);
	FILE *stream = opened(&how, types[_i].letters);
	int fd = fileno(stream);

	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, types[_i].access);
	ck_assert_int_eq(fcntl(fd, F_GETFD), types[_i].flags);
	assert_exit(close_command(stream), 0);
}
END_TEST

static const char *const no_types[] = {
	"", "e", "+", "rw", "w+", "x", "rb", "r ", "a",
};

START_TEST(open_takes_no_other_type)
{
	const struct spawnio_how how = program(nothing);

	assert_error(spawnio_open(&how, no_types[_i]), NULL, EINVAL);
}
END_TEST

/* --- what is executed --- */

START_TEST(command_is_a_line_of_shell_language)
{
	struct spawnio_how how = command(
	    "x=a; for y in 1 2; do echo $x$y; done | cat");

	ck_assert_str_eq(said(&how), "a1\na2\n");
	how = command("echo $#");
	ck_assert_str_eq(said(&how), "0\n");
	how = command("printf '%%s\n' \"a b\" c\\ d");
	ck_assert_str_eq(said(&how), "a b\nc d\n");
}
END_TEST

START_TEST(command_may_be_empty)
{
	struct spawnio_how how = command("%s", "");

	ck_assert_str_eq(said(&how), "");
}
END_TEST

START_TEST(argv_is_executed_without_a_shell)
{
	char *argv[] = {
		(char *)"printf", (char *)"<%s>", (char *)"a b",
		(char *)"$HOME", (char *)"*", (char *)"", (char *)";", NULL
	};
	struct spawnio_how how = program(argv);

	ck_assert_str_eq(said(&how), "<a b><$HOME><*><><;>");
}
END_TEST

START_TEST(file_is_executed_for_argv)
{
	char *argv[] = {
		(char *)"other", (char *)"-c", (char *)"echo $0", NULL
	};
	struct spawnio_how how = program(argv);

	how.file = "/bin/sh";
	ck_assert_str_eq(said(&how), "other\n");
	how.file = "sh";
	ck_assert_str_eq(said(&how), "other\n");
}
END_TEST

#define TOOL	"spawnio-tool"

static char *const tool[] = { (char *)TOOL, NULL };

START_TEST(name_is_looked_for_in_the_callers_path)
{
	char *envp[] = { (char *)"PATH=/nosuch:/bin:/usr/bin", NULL };
	const char *folder = make_folder(TOOL, "#!/bin/sh\necho right\n",
	    0755);
	struct spawnio_how how = program(tool);
	char path[256];

	setenv("PATH", "/nosuch:/bin", 1);
	assert_refused(&how, ENOENT);
	snprintf(path, sizeof(path), "/nosuch:/dev/null:%s:/bin", folder);
	setenv("PATH", path, 1);
	ck_assert_str_eq(said(&how), "right\n");
	how.envp = envp;
	ck_assert_str_eq(said(&how), "right\n");
	remove_folder(folder, TOOL);
}
END_TEST

START_TEST(childs_path_is_not_searched)
{
	const char *folder = make_folder(TOOL, "#!/bin/sh\necho wrong\n",
	    0755);
	struct spawnio_how how = program(tool);
	char path[128], *envp[] = { path, NULL };

	setenv("PATH", "/bin:/usr/bin", 1);
	snprintf(path, sizeof(path), "PATH=%s", folder);
	how.envp = envp;
	assert_refused(&how, ENOENT);
	remove_folder(folder, TOOL);
}
END_TEST

START_TEST(name_that_may_not_be_executed_is_looked_for_further)
{
	const char *first = make_folder(TOOL, "#!/bin/sh\necho wrong\n", 0644);
	const char *second = make_folder(TOOL, "#!/bin/sh\necho right\n",
	    0755);
	struct spawnio_how how = program(tool);
	char path[128];

	snprintf(path, sizeof(path), "%s:%s", first, second);
	setenv("PATH", path, 1);
	ck_assert_str_eq(said(&how), "right\n");
	setenv("PATH", first, 1);
	assert_refused(&how, EACCES);
	remove_folder(first, TOOL);
	remove_folder(second, TOOL);
}
END_TEST

START_TEST(name_is_looked_for_in_bin_without_path)
{
	char *argv[] = { (char *)"printf", (char *)"right", NULL };
	struct spawnio_how how = program(argv);

	unsetenv("PATH");
	ck_assert_str_eq(said(&how), "right");
	argv[0] = (char *)"spawnio-nosuch";
	assert_refused(&how, ENOENT);
}
END_TEST

START_TEST(name_with_a_slash_is_not_looked_for)
{
	char *argv[] = { (char *)"bin/sh", (char *)"-c", (char *)":", NULL };
	struct spawnio_how how = program(argv);
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	setenv("PATH", "/", 1);
	ck_assert_int_eq(chdir("/dev"), 0);
	assert_refused(&how, ENOENT);
	ck_assert_int_eq(chdir("/"), 0);
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(fchdir(here), 0);
	close(here);
}
END_TEST

START_TEST(relative_path_is_relative_to_the_childs_directory)
{
	const char *folder = make_folder(TOOL, "#!/bin/sh\necho right\n",
	    0755);
	struct spawnio_how how = program(tool);

	how.file = "./" TOOL;
	how.cwd = folder;
	ck_assert_str_eq(said(&how), "right\n");
	how.cwd = "/";
	assert_refused(&how, ENOENT);
	remove_folder(folder, TOOL);
}
END_TEST

static char *const all_of_env[] = { (char *)"/usr/bin/env", NULL };

START_TEST(envp_is_the_environment)
{
	char *envp[] = {
		(char *)"A=1", (char *)"odd", (char *)"PWD=/nosuch",
		(char *)"A=2", NULL
	};
	struct spawnio_how how = program(all_of_env);

	how.envp = envp;
	ck_assert_str_eq(said(&how), "A=1\nodd\nPWD=/nosuch\nA=2\n");
	envp[0] = NULL;
	ck_assert_str_eq(said(&how), "");
}
END_TEST

START_TEST(environment_is_the_callers_without_envp)
{
	char *strings[] = { (char *)"SPAWNIO_T=right", NULL };
	char **before = environ;
	struct spawnio_how how = program(all_of_env);
	const char *text;

	environ = strings;
	text = said(&how);
	environ = before;
	ck_assert_str_eq(text, "SPAWNIO_T=right\n");
	environ = NULL;
	text = said(&how);
	environ = before;
	ck_assert_str_eq(text, "");
}
END_TEST

/* The shell, if there is one, looks for it there; without a shell it must be
 * the same. */
START_TEST(envp_is_the_environment_of_a_command)
{
	const char *folder = make_folder(TOOL, "#!/bin/sh\necho $A\n", 0755);
	char path[128], *envp[] = { path, (char *)"A=right", NULL };
	struct spawnio_how how = command(TOOL);

	how.envp = envp;
	snprintf(path, sizeof(path), "PATH=%s", folder);
	ck_assert_str_eq(said(&how), "right\n");
	strcpy(path, "PATH=/nosuch");
	how.err.kind = SPAWNIO_NULL;
	assert_exit(ran(&how), 127);
	setenv("PATH", folder, 1);
	assert_exit(ran(&how), 127);
	remove_folder(folder, TOOL);
}
END_TEST

/* Where no shell is needed, one must not be missed. */
START_TEST(variables_of_a_command_are_those_of_envp)
{
	char *envp[] = { (char *)"PATH=/bin:/usr/bin", (char *)"A=right",
		NULL };
	struct spawnio_how how = command("printenv A");

	setenv("A", "wrong", 1);
	how.envp = envp;
	ck_assert_str_eq(said(&how), "right\n");
	how = command("echo $A");
	how.envp = envp;
	ck_assert_str_eq(said(&how), "right\n");
}
END_TEST

/* --- waiting for the program --- */

#define TEXT_FILE	"text"

static const struct {
	const char *file;
	int error;
} no_programs[] = {
	{ "/nosuch", ENOENT },
	{ "spawnio-nosuch", ENOENT },
	{ "", ENOENT },
	{ "/", EACCES },
	{ "/etc/passwd", EACCES },
	{ "/dev/null/sh", ENOTDIR },
};

START_TEST(what_kept_the_child_from_the_program_is_the_errno)
{
	char *argv[] = { (char *)no_programs[_i].file, NULL };
	const char *failed = "unset";
	struct spawnio_how how = program(argv);

	setenv("PATH", "/bin:/usr/bin", 1);
	how.failed = &failed;
	assert_refused(&how, no_programs[_i].error);
	ck_assert_ptr_nonnull(failed);
	ck_assert_str_eq(failed, engine_is("posix_spawn") ? engine : "execve");
	/* The others are set up as asked for then, and still go nowhere. */
	how.in.kind = how.err.kind = SPAWNIO_NULL;
	assert_refused(&how, no_programs[_i].error);
}
END_TEST

START_TEST(a_number_that_no_descriptor_can_have_is_a_failure_with_a_name)
{
	static const struct spawnio_move far = { STDIN_FILENO, 1 << 30 };
	const char *failed = NULL;
	struct spawnio_how how = program(nothing);

	how.moves = &far;
	how.move_count = 1;
	how.failed = &failed;
	assert_refused(&how, EBADF);
	ck_assert_ptr_nonnull(failed);
	ck_assert_str_eq(failed, engine_is("posix_spawn") ? engine : "dup3");
}
END_TEST

START_TEST(nothing_is_left_of_the_pipes_of_a_failure)
{
	char *argv[] = { (char *)"/nosuch", NULL };
	struct spawnio_how how = program(argv);
	struct spawnio_child child;

	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_PIPE;
	for (int i = 0; i < ROUNDS; i++)
		assert_error(spawnio_start(&how, &child), -1, ENOENT);
}
END_TEST

START_TEST(file_without_a_format_is_not_given_to_a_shell)
{
	const char *folder = make_folder(TOOL, "echo wrong\n", 0755);
	struct spawnio_how how = program(tool);

	setenv("PATH", folder, 1);
	assert_refused(&how, ENOEXEC);
	how.file = path_in(folder, TOOL);
	assert_refused(&how, ENOEXEC);
	remove_folder(folder, TOOL);
}
END_TEST

/* It may be no longer so when the kernel is asked again; not for ever. */
START_TEST(program_that_stays_open_for_writing_is_etxtbsy)
{
	const char *folder = make_folder(TOOL, "#!/bin/sh\n", 0755);
	struct spawnio_how how = program(tool);
	int fd, status;

	how.file = path_in(folder, TOOL);
	fd = open(how.file, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	errno = 0;
	status = spawnio_run(&how);
	if (status == 0)
		left_out("this kernel executes a file that is written to");
	else
		ck_assert_int_eq(errno, ETXTBSY);
	close(fd);
	assert_exit(ran(&how), 0);
	remove_folder(folder, TOOL);
}
END_TEST

START_TEST(name_that_is_too_long_is_enametoolong)
{
	char name[300], *argv[] = { name, NULL };
	struct spawnio_how how = program(argv);

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setenv("PATH", "/bin:/usr/bin", 1);
	assert_refused(&how, ENAMETOOLONG);
}
END_TEST

/* What is longer than any path is no folder; what is not may be one, and then
 * the path to the program would be too long. */
START_TEST(long_elements_of_path)
{
	static char path[8192];
	const char *folder = make_folder(TOOL, "#!/bin/sh\necho right\n", 0755);
	struct spawnio_how how = program(tool);

	memset(path, '/', 4200);
	snprintf(path + 4200, sizeof(path) - 4200, ":%s", folder);
	setenv("PATH", path, 1);
	ck_assert_str_eq(said(&how), "right\n");
	setenv("PATH", path + 4200 - 4092, 1);
	assert_refused(&how, ENAMETOOLONG);
	remove_folder(folder, TOOL);
}
END_TEST

START_TEST(empty_element_of_path_is_the_working_directory)
{
	static const char *const paths[] = { "", ":/nosuch", "/nosuch:" };
	const char *folder = make_folder(TOOL, "#!/bin/sh\necho right\n", 0755);
	struct spawnio_how how = program(tool);

	ck_assert_int_eq(chdir(folder), 0);
	setenv("PATH", paths[_i], 1);
	ck_assert_str_eq(said(&how), "right\n");
	remove_folder(folder, TOOL);
}
END_TEST

START_TEST(loop_of_links_is_eloop)
{
	const char *folder = make_folder(NULL, NULL, 0);
	struct spawnio_how how = program(tool);

	how.file = path_in(folder, TOOL);
	ck_assert_int_eq(symlink(TOOL, how.file), 0);
	assert_refused(&how, ELOOP);
	remove_folder(folder, TOOL);
}
END_TEST

/* An argument that is larger than Linux takes in one. */
static char *
huge(void)
{
	size_t size = 32 * (size_t)sysconf(_SC_PAGESIZE);
	char *text = malloc(size + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', size);
	text[size] = '\0';
	return text;
}

START_TEST(arguments_that_are_too_large_are_e2big)
{
	char *argv[] = { (char *)"true", huge(), NULL };
	struct spawnio_how how = program(argv);

	assert_refused(&how, E2BIG);
	free(argv[1]);
}
END_TEST

START_TEST(environment_that_is_too_large_is_e2big)
{
	char *envp[] = { huge(), NULL };
	struct spawnio_how how = program(nothing);

	how.envp = envp;
	assert_refused(&how, E2BIG);
	free(envp[0]);
}
END_TEST

START_TEST(command_that_is_too_long_is_e2big)
{
	const char *failed = "unset";
	char *text = huge();
	struct spawnio_how how = program(NULL);

	how.command = text;
	how.failed = &failed;
	assert_refused(&how, E2BIG);
	ck_assert_ptr_null(failed);	/* the kernel was not asked */
	free(text);
}
END_TEST

/* More than the blocks have that children run in. */
START_TEST(arguments_and_environment_may_be_large)
{
	char *text = huge();
	char *argv[] = { (char *)"printf", (char *)"%.3s", text, text, NULL };
	char *envp[] = { text, NULL };
	struct spawnio_how how = program(argv);

	text[100000] = '\0';
	how.envp = envp;
	ck_assert_str_eq(said(&how), "xxxxxx");
	how.flags = SPAWNIO_ASYNC;
	ck_assert_str_eq(said(&how), "xxxxxx");
	free(text);
}
END_TEST

#define BLOCK	(32 * 1024)	/* what a child that is not waited for needs */

static const struct spawnio_move same_place[] = { { 0, 7 }, { 1, 7 } };

/* All that the child needs fits into a block, or not: by each part of it. */
static void
check_sizes(struct spawnio_how *how)
{
	static char text[BLOCK];
	char *envp[] = { (char *)"PATH=/bin:/usr/bin", (char *)"A=right", text,
		NULL };
	int step = engine_is("avfork") ? 5 : 509;

	how->envp = envp;
	how->flags = SPAWNIO_ASYNC;
	for (int n = BLOCK - 2800; n < BLOCK - 1; n += step) {
		memset(text, 'x', n);
		text[1] = '=';
		text[n] = '\0';
		ck_assert_str_eq(said(how), "right\n");
	}
}

START_TEST(any_size_of_a_program)
{
	static const struct spawnio_rlimit core[] = {
		{ RLIMIT_CORE, { 0, 0 } }
	};
	char *argv[] = { (char *)"printenv", (char *)"A", NULL };
	struct spawnio_how how = program(argv);

	how.moves = same_place;
	how.move_count = 1;
	if (!engine_is("posix_spawn")) {
		how.cwd = "/";
		how.rlimits = core;
		how.rlimit_count = 1;
	}
	check_sizes(&how);
}
END_TEST

START_TEST(any_size_of_a_command)
{
	struct spawnio_how how =
	    command("B=1 C=2 printenv A </dev/null 2>>/dev/null");

	check_sizes(&how);
}
END_TEST

/* The last of them is the one that is left. */
START_TEST(many_limits)
{
	static struct spawnio_rlimit limits[4000];
	struct spawnio_how how = shell("ulimit -Sc");
	struct rlimit own;

	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &own), 0);
	for (size_t i = 0; i < COUNT(limits); i++) {
		limits[i].resource = RLIMIT_CORE;
		limits[i].limit.rlim_max = own.rlim_max;
	}
	limits[COUNT(limits) - 1].limit.rlim_cur = own.rlim_max;
	how.rlimits = limits;
	how.rlimit_count = COUNT(limits);
	how.flags = SPAWNIO_ASYNC;
	if (own.rlim_max == 0 || engine_is("posix_spawn"))
		left_out("no limits to be had: many_limits");
	else
		ck_assert_str_ne(said(&how), "0\n");
}
END_TEST

START_TEST(many_arguments)
{
	static char *argv[2003];
	struct spawnio_how how = program(argv);

	argv[0] = (char *)"sh";
	argv[1] = (char *)"-c";
	argv[2] = (char *)"echo $#";
	for (size_t i = 3; i < COUNT(argv) - 1; i++)
		argv[i] = (char *)"x";
	ck_assert_str_eq(said(&how), "1998\n");
}
END_TEST

/* Does the call not wait, with SPAWNIO_ASYNC?  Where an emulator runs vfork as
 * fork, it may or may not. */
static bool
goes_on(void)
{
	return engine_is("avfork") || engine_is("fork");
}

static char *const nosuch[] = { (char *)"/nosuch", NULL };

START_TEST(async_start_leaves_the_error_to_await)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nosuch);
	struct spawnio_child child;
	int error = -1;

	how.flags = SPAWNIO_ASYNC;
	how.failed = &failed;
	begin(&how, &child);
	ck_assert_int_eq(spawnio_child_await(&child, -1, &error), 0);
	ck_assert_int_eq(error, ENOENT);
	assert_exit(end(&child), 127);
}
END_TEST

START_TEST(async_open_leaves_the_error_to_await)
{
	struct spawnio_how how = program(nosuch);
	FILE *stream;
	int error = -1;

	how.flags = SPAWNIO_ASYNC;
	stream = opened(&how, "r");
	if (engine_is("fork"))
		assert_error(spawnio_stream_await(stream, -1, &error), -1,
		    ENOTSUP);
	else {
		ck_assert_int_eq(spawnio_stream_await(stream, -1, &error), 0);
		ck_assert_int_eq(error, ENOENT);
	}
	assert_exit(close_command(stream), 127);
}
END_TEST

START_TEST(async_waits_where_spopen_would)
{
	struct spawnio_how how = program(nosuch);
	struct spawnio_child child;

	how.flags = SPAWNIO_ASYNC;
	assert_error(spawnio_start(&how, &child), -1, ENOENT);
	assert_error(spawnio_open(&how, "r"), NULL, ENOENT);
}
END_TEST

START_TEST(run_ignores_async)
{
	struct spawnio_how how = program(nosuch);

	how.flags = SPAWNIO_ASYNC;
	assert_error(spawnio_run(&how), -1, ENOENT);
	how = shell("exit 3");
	how.flags = SPAWNIO_ASYNC;
	assert_exit(ran(&how), 3);
}
END_TEST

START_TEST(async_child_executes_what_it_was_told)
{
	struct spawnio_how how = shell("echo right");
	struct spawnio_child child;
	int error = -1;

	how.flags = SPAWNIO_ASYNC;
	how.out.kind = SPAWNIO_PIPE;
	begin(&how, &child);
	ck_assert_int_eq(spawnio_child_await(&child, -1, &error), 0);
	ck_assert_int_eq(error, 0);
	ck_assert_str_eq(drain(&child, 1), "right\n");
	assert_exit(end(&child), 0);
}
END_TEST

/* What arg points to and the child must stay, and nothing else. */
START_TEST(async_child_needs_nothing_of_how)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[] = "echo $A", variable[] = "A=right";
		char *argv[] = { (char *)"/bin/sh", (char *)"-c", text, NULL };
		char *envp[] = { variable, NULL };
		struct spawnio_how how = program(argv);
		struct spawnio_child child;

		how.envp = envp;
		how.flags = SPAWNIO_ASYNC;
		how.out.kind = SPAWNIO_PIPE;
		begin(&how, &child);
		memset(&how, 0xa5, sizeof(how));
		strcpy(text, "exit 9");
		strcpy(variable, "A=wrong");
		argv[0] = envp[0] = NULL;
		ck_assert_str_eq(drain(&child, 1), "right\n");
		assert_exit(end(&child), 0);
	}
}
END_TEST

START_TEST(failed_is_null_without_a_failure)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;

	how.failed = &failed;
	assert_exit(ran(&how), 0);
	ck_assert_ptr_null(failed);
	failed = "unset";
	begin(&how, &child);
	ck_assert_ptr_null(failed);
	assert_exit(end(&child), 0);
	failed = "unset";
	assert_exit(close_command(opened(&how, "r")), 0);
	ck_assert_ptr_null(failed);
}
END_TEST

START_TEST(failed_is_null_where_no_system_call_failed)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.failed = &failed;
	how.flags = 0x40000000;
	assert_error(spawnio_run(&how), -1, EINVAL);
	ck_assert_ptr_null(failed);
}
END_TEST

START_TEST(failed_names_the_call_for_the_child)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.failed = &failed;
	how.out.kind = SPAWNIO_FILE;
	how.out.path = "/nosuch/file";
	how.out.flags = O_WRONLY;
	assert_error(spawnio_run(&how), -1, ENOENT);
	ck_assert_ptr_nonnull(failed);
	ck_assert_int_eq(strncmp(failed, "open", 4), 0);
}
END_TEST

START_TEST(failed_names_the_call_before_there_is_a_child)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);
	struct rlimit old, none;
	int error;

	how.failed = &failed;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	error = spawnio_run(&how) == -1 ? errno : 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(error, EMFILE);
	ck_assert_ptr_nonnull(failed);
	ck_assert_str_eq(failed, "pipe2");
}
END_TEST

/* --- what is not valid --- */

static const struct spawnio_move to_input[] = { { 1, 0 } };
static const struct spawnio_move to_output[] = { { 0, 1 } };
static const struct spawnio_move to_error[] = { { 0, 2 } };
static const struct spawnio_move below_0[] = { { 0, -1 } };
static const struct spawnio_rlimit no_resource[] = { { 1000, { 1, 1 } } };
static const struct spawnio_rlimit below_resources[] = { { -1, { 1, 1 } } };

static const gid_t no_group[] = { 0 };

/* native: with the engine posix_spawn, ENOTSUP is as right. */
static const struct invalid {
	const char *what;
	struct spawnio_how how;
	bool native;
} invalid[] = {
	{ "no command", { .argv = NULL }, false },
	{ "two commands", { .argv = nothing, .command = ":" }, false },
	{ "argv is empty", { .argv = nothing + 1 }, false },
	{ "file without argv", { .command = ":", .file = "/bin/sh" }, false },
	{ "unknown flag", { .argv = nothing, .flags = 0x1000 }, false },
	{ "unknown flags", { .argv = nothing, .flags = -1 }, false },
	{ "kind of in", { .argv = nothing, .in = { .kind =
	    (enum spawnio_kind)7 } }, false },
	{ "kind of out", { .argv = nothing, .out = { .kind =
	    (enum spawnio_kind)99 } }, false },
	{ "kind of err", { .argv = nothing, .err = { .kind =
	    (enum spawnio_kind)-1 } }, false },
	{ "in merged", { .argv = nothing, .in = { .kind = SPAWNIO_MERGE } },
	    false },
	{ "out merged", { .argv = nothing, .out = { .kind = SPAWNIO_MERGE } },
	    false },
	{ "same place", { .argv = nothing, .moves = same_place,
	    .move_count = 2 }, false },
	{ "place of in", { .argv = nothing, .in = { .kind = SPAWNIO_NULL },
	    .moves = to_input, .move_count = 1 }, false },
	{ "place of out", { .argv = nothing, .out = { .kind = SPAWNIO_NULL },
	    .moves = to_output, .move_count = 1 }, false },
	{ "place of err", { .argv = nothing, .err = { .kind = SPAWNIO_MERGE },
	    .moves = to_error, .move_count = 1 }, false },
	{ "place below 0", { .argv = nothing, .moves = below_0,
	    .move_count = 1 }, false },
	{ "no moves", { .argv = nothing, .move_count = 1 }, false },
	{ "no rlimits", { .argv = nothing, .rlimit_count = 1 }, true },
	{ "no groups", { .argv = nothing, .flags = SPAWNIO_SETGROUPS,
	    .group_count = 1 }, true },
	{ "no resource", { .argv = nothing, .rlimits = no_resource,
	    .rlimit_count = 1 }, true },
	{ "below resources", { .argv = nothing, .rlimits = below_resources,
	    .rlimit_count = 1 }, true },
	{ "session and group", { .argv = nothing,
	    .flags = SPAWNIO_SETSID | SPAWNIO_SETPGROUP }, false },
	{ "file without a path", { .argv = nothing,
	    .in = { .kind = SPAWNIO_FILE } }, false },
	{ "grace below 0", { .argv = nothing, .grace = -1 }, false },
	{ "groups without number", { .argv = nothing,
	    .flags = SPAWNIO_SETGROUPS, .groups = no_group,
	    .group_count = (size_t)INT_MAX + 1 }, true },
	{ "group below 0", { .argv = nothing, .flags = SPAWNIO_SETPGROUP,
	    .pgroup = -1 }, false },
	{ "terminal without session", { .argv = nothing,
	    .flags = SPAWNIO_SETCTTY }, true },
	{ "signal below 0", { .argv = nothing, .death_signal = -1 }, true },
	{ "signal over 64", { .argv = nothing, .death_signal = 65 }, true },
	{ "time below 0", { .argv = nothing, .timeout = -1 }, false },
	{ "grace below 0", { .argv = nothing, .grace = -1 }, false },
	{ "user -1", { .argv = nothing, .flags = SPAWNIO_SETUID,
	    .uid = (uid_t)-1 }, true },
	{ "group -1", { .argv = nothing, .flags = SPAWNIO_SETGID,
	    .gid = (gid_t)-1 }, true },
};

static void
check_invalid(const struct invalid *one, int expected)
{
	struct spawnio_how how = one->how;
	int error;

	how.size = sizeof(how);
	error = spawnio_run(&how) == -1 ? errno : 0;
	if (engine_is("posix_spawn") && one->native && error == ENOTSUP)
		expected = ENOTSUP;
	ck_assert_msg(error == expected, "%s: %s, not %s", one->what,
	    strerror(error), strerror(expected));
	assert_refused(&how, expected);
}

START_TEST(not_valid)
{
	check_invalid(&invalid[_i], EINVAL);
}
END_TEST

START_TEST(null_is_not_valid)
{
	const struct spawnio_how how = program(nothing);
	const struct spawnio_how *volatile no_how = NULL;
	struct spawnio_child child, *volatile no_child = NULL;
	const char *volatile no_type = NULL;

	assert_error(spawnio_run(no_how), -1, EINVAL);
	assert_error(spawnio_start(no_how, &child), -1, EINVAL);
	assert_error(spawnio_start(&how, no_child), -1, EINVAL);
	assert_error(spawnio_open(no_how, "r"), NULL, EINVAL);
	assert_error(spawnio_open(&how, no_type), NULL, EINVAL);
}
END_TEST

START_TEST(only_those_who_wait_have_a_timeout)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;

	how.timeout = FAR;
	assert_error(spawnio_start(&how, &child), -1, EINVAL);
	assert_error(spawnio_open(&how, "r"), NULL, EINVAL);
	assert_error(spawnio_open(&how, "w"), NULL, EINVAL);
	assert_exit(ran(&how), 0);
}
END_TEST

START_TEST(pipe_is_not_for_those_who_have_no_use_for_it)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_io *io[] = { &how.in, &how.out, &how.err };

	for (size_t i = 0; i < COUNT(io); i++) {
		io[i]->kind = SPAWNIO_PIPE;
		assert_error(spawnio_run(&how), -1, EINVAL);
		assert_error(spawnio_open(&how, "r"), NULL, EINVAL);
		assert_error(spawnio_open(&how, "w"), NULL, EINVAL);
		io[i]->kind = SPAWNIO_DEFAULT;
	}
}
END_TEST

static const enum spawnio_kind others[] = {
	SPAWNIO_INHERIT, SPAWNIO_NULL, SPAWNIO_PIPE, SPAWNIO_FD,
};

START_TEST(descriptors_of_the_stream_must_be_default)
{
	struct spawnio_how how = program(nothing);

	how.in.kind = others[_i];
	assert_error(spawnio_open(&how, "w"), NULL, EINVAL);
	assert_error(spawnio_open(&how, "r+"), NULL, EINVAL);
	how.in.kind = SPAWNIO_DEFAULT;
	how.out.kind = others[_i];
	assert_error(spawnio_open(&how, "r"), NULL, EINVAL);
	assert_error(spawnio_open(&how, "r+"), NULL, EINVAL);
}
END_TEST

START_TEST(moves_to_the_place_of_the_stream_are_not_valid)
{
	struct spawnio_how how = program(nothing);

	how.move_count = 1;
	how.moves = to_output;
	assert_error(spawnio_open(&how, "r"), NULL, EINVAL);
	assert_error(spawnio_open(&how, "r+"), NULL, EINVAL);
	how.moves = to_input;
	assert_error(spawnio_open(&how, "w"), NULL, EINVAL);
	assert_error(spawnio_open(&how, "r+"), NULL, EINVAL);
}
END_TEST

/* --- descriptors that are not open --- */

static const struct spawnio_move from_closed[] = { { 200, 7 } };
static const struct spawnio_move closed_stays[] = { { 200, 200 } };

static const struct invalid not_open[] = {
	{ "in", { .argv = nothing, .in = { .kind = SPAWNIO_FD, .fd = 200 } },
	    false },
	{ "out", { .argv = nothing, .out = { .kind = SPAWNIO_FD, .fd = 200 } },
	    false },
	{ "err", { .argv = nothing, .err = { .kind = SPAWNIO_FD, .fd = 200 } },
	    false },
	{ "move", { .argv = nothing, .moves = from_closed, .move_count = 1 },
	    false },
	{ "inherited", { .argv = nothing, .moves = closed_stays,
	    .move_count = 1 }, false },
	{ "command", { .command = ":", .moves = from_closed, .move_count = 1 },
	    false },
	{ "cwd", { .argv = nothing, .flags = SPAWNIO_SETCWDFD, .cwd_fd = 200 },
	    true },
	{ "relative", { .argv = nothing, .flags = SPAWNIO_SETCWDFD,
	    .cwd = ".", .cwd_fd = 200 }, true },
	{ "ctty", { .argv = nothing, .flags = SPAWNIO_SETSID |
	    SPAWNIO_SETCTTY, .ctty = 200 }, true },
	{ "cwd of a command", { .command = ":", .flags = SPAWNIO_SETCWDFD,
	    .cwd_fd = 200 }, true },
	{ "cgroup", { .argv = nothing, .flags = SPAWNIO_SETCGROUP,
	    .cgroup_fd = 200 }, true },
};

START_TEST(descriptor_is_not_open)
{
	check_invalid(&not_open[_i], EBADF);
}
END_TEST

/* --- the size --- */

/* At the end of a page before one that cannot be read. */
static void *
at_the_edge(const void *data, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *place = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(place, MAP_FAILED);
	ck_assert_int_eq(mprotect(place + page, page, PROT_NONE), 0);
	return memcpy(place + page - size, data, size);
}

static struct spawnio_how *
of_size(const struct spawnio_how *how, size_t size)
{
	struct spawnio_how copy = *how;

	copy.size = size;
	return at_the_edge(&copy, size);
}

static const size_t sizes[] = {
	offsetof(struct spawnio_how, cwd),
	offsetof(struct spawnio_how, in),
	offsetof(struct spawnio_how, moves),
	offsetof(struct spawnio_how, pgroup),
	offsetof(struct spawnio_how, death_signal),
	offsetof(struct spawnio_how, timeout),
	offsetof(struct spawnio_how, failed),
	sizeof(struct spawnio_how),
};

/* What is not in a smaller structure counts as zero, and is not looked at. */
START_TEST(structure_of_an_earlier_version)
{
	char *envp[] = { (char *)"A=3", NULL };
	struct spawnio_how how = shell("exit $A"), *smaller;
	struct spawnio_child child;

	how.envp = envp;
	smaller = of_size(&how, sizes[_i]);
	assert_exit(ran(smaller), 3);
	begin(smaller, &child);
	assert_exit(end(&child), 3);
	assert_exit(close_command(opened(smaller, "r")), 3);
}
END_TEST

static const size_t too_small[] = {
	0, 1, sizeof(size_t) - 1, sizeof(size_t),
	offsetof(struct spawnio_how, flags), offsetof(struct spawnio_how, nice),
	offsetof(struct spawnio_how, command),
	offsetof(struct spawnio_how, command) + 1,
};

START_TEST(size_is_too_small)
{
	struct spawnio_how how = program(nothing);

	how.size = too_small[_i];
	assert_refused(&how, EINVAL);
}
END_TEST

struct later {
	struct spawnio_how how;
	char more[100];
};

START_TEST(structure_of_a_later_version)
{
	struct later later, *edge;

	memset(&later, 0, sizeof(later));
	later.how = shell("exit 3");
	later.how.size = sizeof(later);
	edge = at_the_edge(&later, sizeof(later));
	assert_exit(ran(&edge->how), 3);
}
END_TEST

START_TEST(structure_of_no_version)
{
	static char room[8192];
	struct spawnio_how *how = (struct spawnio_how *)(void *)room;

	*how = shell("exit 3");
	how->size = 4096;
	assert_exit(ran(how), 3);
	how->size = 4097;
	assert_refused(how, E2BIG);
}
END_TEST

static const size_t places[] = { 0, 1, 7, 50, 99 };

START_TEST(something_not_zero_that_is_not_known)
{
	const char *failed = "unset";
	struct later later;

	memset(&later, 0, sizeof(later));
	later.how = shell("exit 3");
	later.how.size = sizeof(later);
	later.more[places[_i]] = 1;
	later.how.failed = &failed;
	assert_refused(&later.how, E2BIG);
	ck_assert_ptr_null(failed);
	later.how.size = sizeof(later.how);
	assert_exit(ran(&later.how), 3);
}
END_TEST

/* --- what is not there --- */

START_TEST(too_many_descriptors)
{
	struct spawnio_how how = program(nothing);
	struct spawnio_child child;
	int n = 0;

	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_PIPE;
	for (;; n++) {
		int result;

		leave_numbers(n);
		errno = 0;
		result = spawnio_start(&how, &child);
		leave_all_numbers();
		if (result == 0)
			break;
		ck_assert_int_eq(errno, EMFILE);
		ck_assert_int_lt(n, NUMBERS);
	}
	ck_assert_int_ge(n, 6);
	for (int fd = 0; fd < 3; fd++)
		close(child.fd[fd]);
	assert_exit(end(&child), 0);
}
END_TEST

/* Copies are made of what is moved, with numbers that nothing is moved to. */
START_TEST(too_many_descriptors_for_what_is_moved)
{
	static const struct spawnio_move moves[] = {
		{ 1, 0 }, { 0, 1 }, { 0, 3 }, { 1, 4 }, { 0, 5 }, { 1, 6 },
		{ 0, 7 }, { 1, 8 }, { 0, 9 }, { 1, 10 }
	};
	const char *failed = NULL;
	struct spawnio_how how = program(nothing);
	int n = 0;

	how.moves = moves;
	how.move_count = COUNT(moves);
	how.failed = &failed;
	for (;; n++) {
		int status;

		leave_numbers(n);
		errno = 0;
		status = spawnio_run(&how);
		leave_all_numbers();
		if (status == 0)
			break;
		ck_assert_int_eq(errno, EMFILE);
		ck_assert_ptr_nonnull(failed);
		ck_assert_int_lt(n, NUMBERS);
	}
	ck_assert_int_ge(n, 2);
}
END_TEST

START_TEST(too_many_processes)
{
	const char *failed = NULL;
	struct spawnio_how how = program(nothing);

	allow_no_children();
	how.failed = &failed;
	assert_refused(&how, EAGAIN);
	ck_assert_ptr_nonnull(failed);
	ck_assert_str_eq(failed, "clone");
	how = command(":");
	assert_refused(&how, EAGAIN);
	how = program(nothing);
	how.in.kind = how.err.kind = SPAWNIO_NULL;
	assert_refused(&how, EAGAIN);
}
END_TEST

START_TEST(sigchld_is_ignored)
{
	struct spawnio_how how = shell("exit 4");
	int status, error;

	on_signal(SIGCHLD, SIG_IGN, 0);
	errno = 0;
	status = spawnio_run(&how);
	error = errno;
	if (status != -1 || (lost_status_is_found() && !emulated()))
		assert_exit(status, 4);
	else
		ck_assert_int_eq(error, ECHILD);
	on_signal(SIGCHLD, SIG_DFL, 0);
}
END_TEST

/* A failure needs no status. */
START_TEST(failure_is_told_though_sigchld_is_ignored)
{
	struct spawnio_how how = program(nosuch);

	on_signal(SIGCHLD, SIG_IGN, 0);
	assert_refused(&how, ENOENT);
	on_signal(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
	assert_refused(&how, ENOENT);
	on_signal(SIGCHLD, SIG_DFL, 0);
}
END_TEST

/* Whichever number the pipe has by which the child tells, if there is one; and
 * nobody else is told. */
static void
redirect_each(void *arg)
{
	static const char *const operators[] = { ">x", ">&-", ">&0", "<&0" };
	const char *failed;
	struct stat st;

	(void)arg;
	setenv("PWD", "/", 1);		/* or it is left to the shell */
	unsetenv("OLDPWD");
	for (int i = 3 * COUNT(operators); i < 10 * (int)COUNT(operators);
	    i++) {
		struct spawnio_how how = command("/nosuch %d%s",
		    i / (int)COUNT(operators), operators[i % COUNT(operators)]);

		how.failed = &failed;
		assert_error(spawnio_run(&how), -1, ENOENT);
		ck_assert_ptr_nonnull(failed);
	}
	if (stat("x", &st) == 0)
		ck_assert_int_eq(st.st_size, 0);
	unlink("x");
}

START_TEST(failure_is_told_though_the_command_redirects)
{
	in_other_root(NULL, 0, redirect_each, NULL);
}
END_TEST

/* --- forks and threads --- */

static void
make_children(void *arg)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;

	(void)arg;
	assert_exit(ran(&how), 3);
	begin(&how, &child);
	assert_exit(end(&child), 3);
	assert_exit(close_command(opened(&how, "r")), 3);
	how = program(nosuch);
	assert_refused(&how, ENOENT);
}

START_TEST(forked_copy_makes_children_of_its_own)
{
	struct channel to = to_commands();
	struct spawnio_how how = shell("read x </proc/self/fd/%d; exit 5",
	    to.theirs);
	struct spawnio_child child;

	begin(&how, &child);
	in_child(make_children, NULL);
	release(to);
	assert_exit(end(&child), 5);
	close_channel(to);
}
END_TEST

static void *
make_many(void *arg)
{
	struct spawnio_how how;
	struct spawnio_child child;
	intptr_t wrong = 0;
	FILE *stream;
	int status;

	for (int i = 0; i < CALLS; i++) {
		char *argv[] = { (char *)"/bin/sh", (char *)"-c",
			(char *)"exit 3", NULL };

		how = program(argv);
		wrong += spawnio_run(&how) != 3 << 8;
		how.flags = i % 2 ? 0 : SPAWNIO_ASYNC;
		wrong += spawnio_start(&how, &child) == -1 ||
		    spawnio_child_wait(&child, -1, &status) == -1 ||
		    status != 3 << 8;
		stream = spawnio_open(&how, "re");
		wrong += stream == NULL || spclose(stream) != 3 << 8;
		argv[0] = (char *)"/nosuch";
		how.flags = 0;
		errno = 0;
		wrong += spawnio_run(&how) != -1 || errno != ENOENT;
	}
	(void)arg;
	return (void *)wrong;
}

START_TEST(any_number_of_threads)
{
	in_threads(make_many, NULL);
}
END_TEST

static void *
make_when_cancelled(void *arg)
{
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;
	FILE *stream;
	int *status = arg;

	pthread_cancel(pthread_self());
	if (spawnio_start(&how, &child) == 0 &&
	    spawnio_child_await(&child, -1, NULL) == 0)
		spawnio_child_wait(&child, -1, &status[0]);
	if ((stream = spawnio_open(&how, "r")) != NULL)
		status[1] = spclose(stream);
	pthread_testcancel();
	status[0] = -1;
	return NULL;
}

START_TEST(start_and_open_are_no_cancellation_points)
{
	int status[2] = { -1, -1 };
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, make_when_cancelled,
	    status), 0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	assert_exit(status[0], 3);
	assert_exit(status[1], 3);
}
END_TEST

/* --- the suite --- */

static void
add_functions(TCase *tcase)
{
	tcase_add_test(tcase, run_returns_the_status);
	tcase_add_test(tcase, run_has_the_callers_descriptors);
	tcase_add_test(tcase,
	    run_does_not_change_what_the_caller_does_at_a_signal);
	if (emulated())
		left_out("emulator with signals of its own: "
		    "run_blocks_and_ignores_nothing_in_the_caller");
	else
		tcase_add_test(tcase,
		    run_blocks_and_ignores_nothing_in_the_caller);
	if (MAY_CANCEL)
		tcase_add_test(tcase,
		    cancelled_run_kills_the_child_and_waits_for_it);
	else
		left_out("sanitizer: "
		    "cancelled_run_kills_the_child_and_waits_for_it");
	tcase_add_test(tcase, start_need_not_be_given_an_initialised_structure);
	tcase_add_test(tcase, pid_is_that_of_the_child);
	if (has_pidfds())
		tcase_add_test(tcase, pidfd_can_be_polled_for_the_end);
	else
		left_out("no pidfd_open: pidfd_can_be_polled_for_the_end");
	if (may_refuse())
		tcase_add_test(tcase, pidfd_is_minus_1_if_the_kernel_has_none);
	else
		left_out("no seccomp: pidfd_is_minus_1_if_the_kernel_has_none");
	tcase_add_loop_test(tcase, fd_has_the_pipes_that_were_asked_for, 0, 8);
	tcase_add_test(tcase, three_pipes_are_three);
}

static void
add_streams(TCase *tcase)
{
	tcase_add_test(tcase, open_reads);
	tcase_add_test(tcase, open_writes);
	tcase_add_test(tcase, open_does_both);
	tcase_add_loop_test(tcase, open_takes_the_types_of_spopen, 0,
	    COUNT(types));
	tcase_add_loop_test(tcase, open_takes_no_other_type, 0,
	    COUNT(no_types));
}

static void
add_programs(TCase *tcase)
{
	tcase_add_test(tcase, command_is_a_line_of_shell_language);
	tcase_add_test(tcase, command_may_be_empty);
	tcase_add_test(tcase, argv_is_executed_without_a_shell);
	tcase_add_test(tcase, file_is_executed_for_argv);
	tcase_add_test(tcase, name_is_looked_for_in_the_callers_path);
	tcase_add_test(tcase, childs_path_is_not_searched);
	tcase_add_test(tcase,
	    name_that_may_not_be_executed_is_looked_for_further);
	tcase_add_test(tcase, name_is_looked_for_in_bin_without_path);
	tcase_add_test(tcase, name_with_a_slash_is_not_looked_for);
	if (!engine_is("posix_spawn"))
		tcase_add_test(tcase,
		    relative_path_is_relative_to_the_childs_directory);
	tcase_add_test(tcase, envp_is_the_environment);
	tcase_add_test(tcase, environment_is_the_callers_without_envp);
	tcase_add_test(tcase, envp_is_the_environment_of_a_command);
	tcase_add_test(tcase, variables_of_a_command_are_those_of_envp);
}

static void
add_waiting(TCase *tcase)
{
	tcase_add_loop_test(tcase,
	    what_kept_the_child_from_the_program_is_the_errno, 0,
	    COUNT(no_programs));
	tcase_add_test(tcase,
	    a_number_that_no_descriptor_can_have_is_a_failure_with_a_name);
	tcase_add_test(tcase, nothing_is_left_of_the_pipes_of_a_failure);
	tcase_add_test(tcase, file_without_a_format_is_not_given_to_a_shell);
	tcase_add_test(tcase,
	    program_that_stays_open_for_writing_is_etxtbsy);
	tcase_add_test(tcase, name_that_is_too_long_is_enametoolong);
	tcase_add_test(tcase, long_elements_of_path);
	tcase_add_loop_test(tcase,
	    empty_element_of_path_is_the_working_directory, 0, 3);
	tcase_add_test(tcase, loop_of_links_is_eloop);
	if (emulated())
		left_out("emulator with other limits: "
		    "tests of what is too large");
	else {
		tcase_add_test(tcase, arguments_that_are_too_large_are_e2big);
		tcase_add_test(tcase, environment_that_is_too_large_is_e2big);
	}
	tcase_add_test(tcase, command_that_is_too_long_is_e2big);
	tcase_add_test(tcase, arguments_and_environment_may_be_large);
	tcase_add_test(tcase, any_size_of_a_program);
	tcase_add_test(tcase, any_size_of_a_command);
	tcase_add_test(tcase, many_limits);
	tcase_add_test(tcase, many_arguments);
	if (goes_on()) {
		tcase_add_test(tcase, async_start_leaves_the_error_to_await);
		tcase_add_test(tcase, async_open_leaves_the_error_to_await);
	} else if (!emulated())
		tcase_add_test(tcase, async_waits_where_spopen_would);
	tcase_add_test(tcase, run_ignores_async);
	tcase_add_test(tcase, async_child_executes_what_it_was_told);
	tcase_add_test(tcase, async_child_needs_nothing_of_how);
	tcase_add_test(tcase, failed_is_null_without_a_failure);
	tcase_add_test(tcase, failed_is_null_where_no_system_call_failed);
	tcase_add_test(tcase, failed_names_the_call_for_the_child);
	if (!engine_is("posix_spawn"))
		tcase_add_test(tcase,
		    failed_names_the_call_before_there_is_a_child);
}

static void
add_invalid(TCase *tcase)
{
	tcase_add_loop_test(tcase, not_valid, 0, COUNT(invalid));
	tcase_add_test(tcase, null_is_not_valid);
	tcase_add_test(tcase, only_those_who_wait_have_a_timeout);
	tcase_add_test(tcase, pipe_is_not_for_those_who_have_no_use_for_it);
	tcase_add_loop_test(tcase, descriptors_of_the_stream_must_be_default,
	    0, COUNT(others));
	tcase_add_test(tcase, moves_to_the_place_of_the_stream_are_not_valid);
	tcase_add_loop_test(tcase, descriptor_is_not_open, 0, COUNT(not_open));
	tcase_add_loop_test(tcase, structure_of_an_earlier_version, 0,
	    COUNT(sizes));
	tcase_add_loop_test(tcase, size_is_too_small, 0, COUNT(too_small));
	tcase_add_test(tcase, structure_of_no_version);
	tcase_add_test(tcase, structure_of_a_later_version);
	tcase_add_loop_test(tcase, something_not_zero_that_is_not_known, 0,
	    COUNT(places));
}

static void
add_others(TCase *tcase)
{
	tcase_add_test(tcase, too_many_descriptors);
	tcase_add_test(tcase, too_many_descriptors_for_what_is_moved);
	if (geteuid() != 0)
		tcase_add_test(tcase, too_many_processes);
	else
		left_out("root: too_many_processes");
	tcase_add_test(tcase, sigchld_is_ignored);
	tcase_add_test(tcase, failure_is_told_though_sigchld_is_ignored);
	if (may_change_root())
		tcase_add_test(tcase,
		    failure_is_told_though_the_command_redirects);
	else
		left_out("no chroot: "
		    "failure_is_told_though_the_command_redirects");
	tcase_add_test(tcase, forked_copy_makes_children_of_its_own);
	if (emulated())
		left_out("emulator, whose fork(2) hangs beside threads: "
		    "any_number_of_threads");
	else
		tcase_add_test(tcase, any_number_of_threads);
	if (MAY_CANCEL)
		tcase_add_test(tcase,
		    start_and_open_are_no_cancellation_points);
	else
		left_out("sanitizer: "
		    "start_and_open_are_no_cancellation_points");
}

int
main(void)
{
	Suite *suite = suite_create("how");

	find_engine();
	if (!failures_are_told())
		return 77;
	add_functions(add_case(suite, "functions"));
	add_streams(add_case(suite, "streams"));
	add_programs(add_case(suite, "programs"));
	add_waiting(add_case(suite, "waiting"));
	add_invalid(add_case(suite, "invalid"));
	add_others(add_case(suite, "others"));
	return run(suite);
}
