/* SPDX-License-Identifier: ISC */
/* spawnio_how(3): what the child is asked for before it executes the program,
 * but for its descriptors: t/descriptors.c. */

#include "shorthand.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <grp.h>
#include <limits.h>
#include <stdatomic.h>

#define NOBODY		65534
#define NAME		"spawnio-file"
#define UNBLOCKABLE	(1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1))
#define OF_LIBC		(15ULL << 31)	/* which status_set() leaves out */

static char *const nothing[] = { (char *)"true", NULL };
static char *const pwd[] = { (char *)"/bin/pwd", (char *)"-P", NULL };
static char *const status_of[] = {
	(char *)"cat", (char *)"/proc/self/status", NULL
};

/* What stands behind a name in /proc/PID/status, without the blanks. */
static const char *
field(const char *text, const char *name)
{
	static char value[256];
	const char *line = strstr(text, name);

	ck_assert_msg(line != NULL, "no %s", name);
	line += strlen(name);
	line += strspn(line, " \t");
	ck_assert_uint_lt(strcspn(line, "\n"), sizeof(value));
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\n"), line);
	return value;
}

/* --- what the engine posix_spawn cannot do --- */

static int
never_called(void *arg)
{
	(void)arg;
	return 1;
}

static const struct spawnio_rlimit no_core[] = { { RLIMIT_CORE, { 0, 0 } } };

static const struct spawnio_how unsupported[] = {
	{ .argv = nothing, .cwd = "/" },
	{ .argv = nothing, .nice = 1 },
	{ .argv = nothing, .rlimits = no_core, .rlimit_count = 1 },
	{ .argv = nothing, .death_signal = SIGTERM },
	{ .argv = nothing, .before_exec = never_called },
	{ .argv = nothing, .flags = SPAWNIO_CLOSE_OTHERS },
	{ .argv = nothing, .flags = SPAWNIO_SETSID | SPAWNIO_SETCTTY },
	{ .argv = nothing, .flags = SPAWNIO_SETCWDFD },
	{ .argv = nothing, .flags = SPAWNIO_SETUMASK },
	{ .argv = nothing, .flags = SPAWNIO_SETUID },
	{ .argv = nothing, .flags = SPAWNIO_SETGID },
	{ .argv = nothing, .flags = SPAWNIO_SETGROUPS },
	{ .argv = nothing, .flags = SPAWNIO_SETCGROUP },
	{ .argv = nothing, .flags = SPAWNIO_NO_NEW_PRIVS },
	{ .command = ":", .cwd = "/" },
};

START_TEST(engine_of_libc_is_enotsup)
{
	struct spawnio_how how = unsupported[_i];

	how.size = sizeof(how);
	assert_refused(&how, ENOTSUP);
}
END_TEST

/* None was made. */
START_TEST(no_system_call_failed_if_it_is_enotsup)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.cwd = "/";
	how.failed = &failed;
	assert_error(spawnio_run(&how), -1, ENOTSUP);
	ck_assert_ptr_null(failed);
}
END_TEST

/* --- the working directory --- */

START_TEST(cwd_is_the_working_directory)
{
	struct spawnio_how how = program(pwd);

	how.cwd = "/usr";
	ck_assert_str_eq(said(&how), "/usr\n");
	how.flags = SPAWNIO_ASYNC;
	ck_assert_str_eq(said(&how), "/usr\n");
}
END_TEST

/* A command that needs no shell, and one that does. */
START_TEST(cwd_is_the_working_directory_of_a_command)
{
	const char *folder = make_folder(NAME, "right\n", 0644);
	struct spawnio_how how = command("cat " NAME);

	how.cwd = folder;
	ck_assert_str_eq(said(&how), "right\n");
	how = command("x=$(cat " NAME "); echo $x");
	how.cwd = folder;
	ck_assert_str_eq(said(&how), "right\n");
	remove_folder(folder, NAME);
}
END_TEST

START_TEST(cwd_may_be_relative)
{
	struct spawnio_how how = program(pwd);
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(chdir("/"), 0);
	how.cwd = "usr";
	ck_assert_str_eq(said(&how), "/usr\n");
	ck_assert_int_eq(fchdir(here), 0);
	close(here);
}
END_TEST

START_TEST(cwd_fd_is_the_working_directory)
{
	struct spawnio_how how = program(pwd);

	how.flags = SPAWNIO_SETCWDFD;
	how.cwd_fd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_str_eq(said(&how), "/usr\n");
	close(how.cwd_fd);
	how.cwd_fd = open("/usr", O_PATH | O_CLOEXEC);
	ck_assert_str_eq(said(&how), "/usr\n");
	close(how.cwd_fd);
}
END_TEST

START_TEST(cwd_fd_may_be_0)
{
	struct spawnio_how how = program(pwd);
	int input = fcntl(0, F_DUPFD_CLOEXEC, 3);
	int folder = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(dup2(folder, 0), 0);
	how.flags = SPAWNIO_SETCWDFD;
	how.in.kind = SPAWNIO_NULL;
	ck_assert_str_eq(said(&how), "/usr\n");
	ck_assert_int_eq(dup2(input, 0), 0);
	close(input);
	close(folder);
}
END_TEST

START_TEST(cwd_is_relative_to_cwd_fd)
{
	struct spawnio_how how = program(pwd);

	how.flags = SPAWNIO_SETCWDFD;
	how.cwd_fd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	how.cwd = "bin";
	ck_assert_str_eq(said(&how), "/usr/bin\n");
	how.cwd = "..";
	ck_assert_str_eq(said(&how), "/\n");
	how.cwd = "/dev";
	ck_assert_str_eq(said(&how), "/dev\n");
	how.cwd = "nosuch";
	assert_refused(&how, ENOENT);
	close(how.cwd_fd);
}
END_TEST

START_TEST(cwd_fd_counts_with_its_flag_only)
{
	struct spawnio_how how = program(pwd);

	how.cwd_fd = 200;
	how.cwd = "/usr";
	ck_assert_str_eq(said(&how), "/usr\n");
}
END_TEST

/* The directory is set first. */
START_TEST(cwd_fd_may_be_the_place_of_another)
{
	struct spawnio_how how = program(pwd);
	int folder = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spawnio_move move = { 0, folder };

	how.flags = SPAWNIO_SETCWDFD | SPAWNIO_CLOSE_OTHERS;
	how.cwd_fd = folder;
	how.moves = &move;
	how.move_count = 1;
	ck_assert_str_eq(said(&how), "/usr\n");
	close(folder);
}
END_TEST

START_TEST(pwd_is_not_changed)
{
	static char *const argv[] = {
		(char *)"printenv", (char *)"PWD", NULL
	};
	struct spawnio_how how = program(argv);

	setenv("PWD", "/dev", 1);
	how.cwd = "/usr";
	ck_assert_str_eq(said(&how), "/dev\n");
}
END_TEST

START_TEST(directory_of_the_caller_stays)
{
	struct spawnio_how how = program(nothing);
	struct stat before, after;

	ck_assert_int_eq(stat(".", &before), 0);
	how.cwd = "/usr";
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(stat(".", &after), 0);
	ck_assert(before.st_ino == after.st_ino &&
	    before.st_dev == after.st_dev);
}
END_TEST

static const struct {
	const char *path;
	int error;
} no_folders[] = {
	{ "/nosuch", ENOENT },
	{ "/etc/passwd", ENOTDIR },
	{ "", ENOENT },
};

START_TEST(directory_that_cannot_be)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.cwd = no_folders[_i].path;
	how.failed = &failed;
	assert_refused(&how, no_folders[_i].error);
	ck_assert_str_eq(failed, "chdir");
	how = command(":");
	how.cwd = no_folders[_i].path;
	assert_refused(&how, no_folders[_i].error);
}
END_TEST

START_TEST(descriptor_that_is_no_directory)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.flags = SPAWNIO_SETCWDFD;
	how.cwd_fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	how.failed = &failed;
	assert_refused(&how, ENOTDIR);
	ck_assert_str_eq(failed, "fchdir");
	how.cwd = "bin";
	assert_refused(&how, ENOTDIR);
	close(how.cwd_fd);
}
END_TEST

/* --- sessions, groups, terminals --- */

START_TEST(group_and_session_are_the_callers)
{
	struct spawnio_how how = tell_process();
	struct process p = process_of(said(&how));

	ck_assert_int_eq(p.parent, getpid());
	ck_assert_int_eq(p.group, getpgid(0));
	ck_assert_int_eq(p.session, getsid(0));
}
END_TEST

START_TEST(group_of_its_own)
{
	struct spawnio_how how = tell_process();
	struct process p;

	how.flags = SPAWNIO_SETPGROUP;
	p = process_of(said(&how));
	ck_assert_int_eq(p.group, p.pid);
	ck_assert_int_eq(p.session, getsid(0));
}
END_TEST

/* Neither who signals it nor who puts another in it waits for the child. */
START_TEST(group_is_there_when_the_call_returns)
{
	struct spawnio_how first = command("exec cat");
	struct spawnio_how second = command("exec cat");
	struct spawnio_child child[2];
	int i;

	first.in.kind = SPAWNIO_PIPE;
	first.flags = second.flags = SPAWNIO_SETPGROUP;
	second.in.kind = SPAWNIO_NULL;
	for (i = 0; i < 20; i++) {
		begin(&first, &child[0]);
		ck_assert_int_eq(kill(-child[0].pid, 0), 0);
		second.pgroup = child[0].pid;
		begin(&second, &child[1]);
		close(child[0].fd[0]);
		assert_exit(end(&child[0]), 0);
		assert_exit(end(&child[1]), 0);
	}
}
END_TEST

START_TEST(group_of_another)
{
	struct channel to = to_commands();
	struct spawnio_how how = shell("read x </proc/self/fd/%d", to.theirs);
	struct spawnio_child leader;

	how.flags = SPAWNIO_SETPGROUP;
	begin(&how, &leader);
	how = tell_process();
	how.flags = SPAWNIO_SETPGROUP;
	how.pgroup = leader.pid;
	ck_assert_int_eq(process_of(said(&how)).group, leader.pid);
	release(to);
	assert_exit(end(&leader), 0);
	close_channel(to);
}
END_TEST

START_TEST(group_of_nobody)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.flags = SPAWNIO_SETPGROUP;
	how.pgroup = INT_MAX;
	how.failed = &failed;
	assert_refused(&how, EPERM);
	ck_assert_ptr_nonnull(failed);
}
END_TEST

START_TEST(group_counts_with_its_flag_only)
{
	struct spawnio_how how = tell_process();

	how.pgroup = INT_MAX;
	ck_assert_int_eq(process_of(said(&how)).group, getpgid(0));
}
END_TEST

START_TEST(session_of_its_own)
{
	struct spawnio_how how = tell_process();
	struct process p;

	how.flags = SPAWNIO_SETSID;
	p = process_of(said(&how));
	ck_assert_int_eq(p.session, p.pid);
	ck_assert_int_eq(p.group, p.pid);
	ck_assert_int_eq(p.tty, 0);
}
END_TEST

/* The two ends of a terminal; false if there are none to be had. */
static bool
make_terminal(int *master, int *slave)
{
	*slave = -1;
	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master != -1 && grantpt(*master) == 0 && unlockpt(*master) == 0)
		*slave = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave == -1 && *master != -1)
		close(*master);
	return *slave != -1;
}

static bool
has_terminals(void)
{
	int master, slave;

	if (!make_terminal(&master, &slave))
		return false;
	close(master);
	close(slave);
	return true;
}

static int
number_of(int terminal)
{
	struct stat st;

	ck_assert_int_eq(fstat(terminal, &st), 0);
	return (int)((minor(st.st_rdev) & 0xff) | major(st.st_rdev) << 8 |
	    (minor(st.st_rdev) & ~0xffu) << 12);
}

START_TEST(terminal_becomes_the_controlling_one)
{
	struct spawnio_how how = tell_process();
	struct process p;
	int master;

	ck_assert(make_terminal(&master, &how.ctty));
	how.flags = SPAWNIO_SETSID | SPAWNIO_SETCTTY;
	p = process_of(said(&how));
	ck_assert_int_eq(p.session, p.pid);
	ck_assert_int_eq(p.tty, number_of(how.ctty));
	ck_assert_int_eq(p.foreground, p.pid);
	close(how.ctty);
	close(master);
}
END_TEST

START_TEST(controlling_terminal_is_dev_tty)
{
	struct spawnio_how how = shell("echo right >/dev/tty");
	char text[16] = "";
	int master;

	ck_assert(make_terminal(&master, &how.ctty));
	how.flags = SPAWNIO_SETSID | SPAWNIO_SETCTTY | SPAWNIO_CLOSE_OTHERS;
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(read(master, text, sizeof(text) - 1), 7);
	ck_assert_str_eq(text, "right\r\n");
	close(how.ctty);
	close(master);
}
END_TEST

START_TEST(terminal_that_is_none)
{
	struct spawnio_how how = program(nothing);

	how.flags = SPAWNIO_SETSID | SPAWNIO_SETCTTY;
	how.ctty = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_refused(&how, ENOTTY);
	close(how.ctty);
}
END_TEST

/* --- signals --- */

START_TEST(mask_is_that_of_how)
{
	struct spawnio_how how = program(status_of);
	sigset_t set;

	block(SIGHUP);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMAX);
	how.mask = &set;
	ck_assert_uint_eq(status_set(said(&how), "SigBlk:"),
	    1ULL << (SIGUSR2 - 1) | 1ULL << (SIGRTMAX - 1));
	sigemptyset(&set);
	ck_assert_uint_eq(status_set(said(&how), "SigBlk:"), 0);
	how.flags = SPAWNIO_ASYNC;
	ck_assert_uint_eq(status_set(said(&how), "SigBlk:"), 0);
}
END_TEST

START_TEST(mask_may_be_full)
{
	struct spawnio_how how = program(status_of);
	sigset_t set;

	sigfillset(&set);
	how.mask = &set;
	ck_assert_uint_eq(status_set(said(&how), "SigBlk:") | UNBLOCKABLE |
	    OF_LIBC, ~0ULL);
}
END_TEST

START_TEST(mask_is_that_of_a_command)
{
	struct spawnio_how how = command("exec cat /proc/self/status");
	sigset_t set;

	block(SIGHUP);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	how.mask = &set;
	ck_assert_uint_eq(status_set(said(&how), "SigBlk:"),
	    1ULL << (SIGUSR2 - 1));
}
END_TEST

static void *
tell_mask(void *arg)
{
	struct spawnio_how how = program(status_of);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	*(unsigned long long *)arg = status_set(said(&how), "SigBlk:");
	return NULL;
}

START_TEST(mask_is_that_of_the_calling_thread_without_one)
{
	unsigned long long mask = 0;
	pthread_t thread;

	block(SIGHUP);
	ck_assert_int_eq(pthread_create(&thread, NULL, tell_mask, &mask), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(mask, 1ULL << (SIGUSR2 - 1));
}
END_TEST

START_TEST(defaults_are_not_ignored)
{
	struct spawnio_how how = program(status_of);
	sigset_t set;

	on_signal(SIGHUP, SIG_IGN, 0);
	on_signal(SIGPIPE, SIG_IGN, 0);
	on_signal(SIGRTMAX, SIG_IGN, 0);
	ck_assert_uint_eq(status_set(said(&how), "SigIgn:"),
	    own_set("SigIgn:"));
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGRTMAX);
	sigaddset(&set, SIGUSR1);
	how.defaults = &set;
	ck_assert_uint_eq(status_set(said(&how), "SigIgn:"),
	    own_set("SigIgn:") & ~(1ULL << (SIGPIPE - 1)) &
	    ~(1ULL << (SIGRTMAX - 1)));
}
END_TEST

START_TEST(defaults_may_be_all)
{
	struct spawnio_how how = program(status_of);
	sigset_t set;

	on_signal(SIGHUP, SIG_IGN, 0);
	on_signal(SIGPIPE, SIG_IGN, 0);
	sigfillset(&set);
	how.defaults = &set;
	ck_assert_uint_eq(status_set(said(&how), "SigIgn:"), 0);
}
END_TEST

START_TEST(defaults_are_those_of_a_command)
{
	struct spawnio_how how = command("exec cat /proc/self/status");
	sigset_t set;

	on_signal(SIGHUP, SIG_IGN, 0);
	on_signal(SIGPIPE, SIG_IGN, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	how.defaults = &set;
	ck_assert_uint_eq(status_set(said(&how), "SigIgn:"),
	    own_set("SigIgn:") & ~(1ULL << (SIGPIPE - 1)));
}
END_TEST

static void
do_nothing(int signo)
{
	(void)signo;
}

START_TEST(caught_signals_have_their_default_action)
{
	struct spawnio_how how = program(status_of);
	const char *text;

	on_signal(SIGUSR1, do_nothing, 0);
	on_signal(SIGHUP, do_nothing, 0);
	text = said(&how);
	ck_assert_uint_eq(status_set(text, "SigIgn:"), 0);
	ck_assert_uint_eq(status_set(text, "SigCgt:"), 0);
}
END_TEST

/* --- limits --- */

static int
smaller(int a, int b)
{
	return a < b ? a : b;
}

START_TEST(nice_is_added)
{
	struct spawnio_how how = tell_process();
	int own = getpriority(PRIO_PROCESS, 0);

	how.nice = 3;
	ck_assert_int_eq(process_of(said(&how)).nice, smaller(own + 3, 19));
	ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), own);
	ck_assert_int_eq(setpriority(PRIO_PROCESS, 0, smaller(own + 2, 19)),
	    0);
	ck_assert_int_eq(process_of(said(&how)).nice, smaller(own + 5, 19));
	how.nice = INT_MAX;
	ck_assert_int_eq(process_of(said(&how)).nice, 19);
}
END_TEST

START_TEST(nice_of_a_command)
{
	struct spawnio_how how = command("cat /proc/self/stat");
	int own = getpriority(PRIO_PROCESS, 0);

	how.nice = 3;
	ck_assert_int_eq(process_of(said(&how)).nice, smaller(own + 3, 19));
}
END_TEST

START_TEST(rlimits_of_a_command)
{
	static const struct spawnio_rlimit none[] = {
		{ RLIMIT_CORE, { 0, 0 } }
	};
	struct spawnio_how how = command("ulimit -Hc");

	how.rlimits = none;
	how.rlimit_count = 1;
	ck_assert_str_eq(said(&how), "0\n");
}
END_TEST

START_TEST(moves_of_a_command)
{
	struct spawnio_how how = command("echo said >&7");
	struct channel from = from_commands();
	const struct spawnio_move moves[] = { { from.theirs, 7 } };
	char text[8] = "";

	how.moves = moves;
	how.move_count = 1;
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(read(from.ours, text, sizeof(text)), 5);
	ck_assert_str_eq(text, "said\n");
	close_channel(from);
}
END_TEST

START_TEST(nice_may_be_negative)
{
	struct spawnio_how how = tell_process();
	int own = getpriority(PRIO_PROCESS, 0);

	how.nice = -3;
	ck_assert_int_eq(process_of(said(&how)).nice, -smaller(3 - own, 20));
	how.nice = INT_MIN;
	ck_assert_int_eq(process_of(said(&how)).nice, -20);
	how = command("cat /proc/self/stat");
	how.nice = -3;
	ck_assert_int_eq(process_of(said(&how)).nice, -smaller(3 - own, 20));
}
END_TEST

START_TEST(nice_that_is_not_allowed)
{
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.nice = -1;
	how.failed = &failed;
	assert_refused(&how, EACCES);
	ck_assert_ptr_nonnull(failed);
}
END_TEST

START_TEST(rlimits_are_set)
{
	static const struct spawnio_rlimit limits[] = {
		{ RLIMIT_CORE, { 0, 0 } }, { RLIMIT_CPU, { 100, 200 } },
	};
	struct spawnio_how how = shell("ulimit -Sc; ulimit -Hc; ulimit -St; "
	    "ulimit -Ht");
	struct rlimit own;

	how.rlimits = limits;
	how.rlimit_count = COUNT(limits);
	ck_assert_str_eq(said(&how), "0\n0\n100\n200\n");
	getrlimit(RLIMIT_CPU, &own);
	ck_assert_uint_gt(own.rlim_cur, 200);
}
END_TEST

/* The descriptors are set before. */
START_TEST(rlimits_are_no_limit_for_moves)
{
	static const struct spawnio_rlimit limits[] = {
		{ RLIMIT_NOFILE, { 10, 10 } }
	};
	static const struct spawnio_move move = { 0, 50 };
	struct spawnio_how how = shell("ulimit -n; test -e /proc/$$/fd/50");

	how.rlimits = limits;
	how.rlimit_count = 1;
	how.moves = &move;
	how.move_count = 1;
	ck_assert_str_eq(said(&how), "10\n");
}
END_TEST

START_TEST(rlimit_that_is_not_allowed)
{
	static const struct spawnio_rlimit above[] = {
		{ RLIMIT_CPU, { 10, 5 } }
	};
	struct spawnio_rlimit more[] = { { RLIMIT_CORE, { 2, 2 } } };
	const struct rlimit less = { 1, 1 };
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.rlimits = above;
	how.rlimit_count = 1;
	how.failed = &failed;
	assert_refused(&how, EINVAL);
	if (geteuid() == 0)
		return;
	setrlimit(RLIMIT_CORE, &less);
	how.rlimits = more;
	assert_refused(&how, EPERM);
	ck_assert_ptr_nonnull(failed);
}
END_TEST

START_TEST(umask_is_set)
{
	struct spawnio_how how = shell("umask");
	mode_t own = umask(022);

	how.umask = 0127;
	ck_assert_str_eq(said(&how), "0022\n");
	how.flags = SPAWNIO_SETUMASK;
	ck_assert_str_eq(said(&how), "0127\n");
	how.umask = 0;
	ck_assert_str_eq(said(&how), "0000\n");
	ck_assert_uint_eq(umask(own), 022);
}
END_TEST

/* The file is opened by the caller, with the mask of the caller. */
START_TEST(umask_is_not_that_of_the_callers_files)
{
	const char *folder = make_folder(NULL, NULL, 0);
	struct spawnio_how how = program(nothing);
	mode_t own = umask(022);
	struct stat st;

	how.flags = SPAWNIO_SETUMASK;
	how.umask = 0777;
	how.out = (struct spawnio_io){ SPAWNIO_FILE,
		.path = path_in(folder, NAME), .flags = O_WRONLY | O_CREAT,
		.mode = 0666 };
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(stat(how.out.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0644);
	umask(own);
	remove_folder(folder, NAME);
}
END_TEST

/* --- ids --- */

#define ALL_NOBODY	"65534\t65534\t65534\t65534"
#define ALL_ROOT	"0\t0\t0\t0"

START_TEST(user_and_group_are_set)
{
	static const gid_t groups[] = { 5, 7 };
	struct spawnio_how how = program(status_of);
	const char *text;

	how.flags = SPAWNIO_SETUID | SPAWNIO_SETGID | SPAWNIO_SETGROUPS;
	how.uid = how.gid = NOBODY;
	how.groups = groups;
	how.group_count = COUNT(groups);
	text = said(&how);
	ck_assert_str_eq(field(text, "Uid:"), ALL_NOBODY);
	ck_assert_str_eq(field(text, "Gid:"), ALL_NOBODY);
	ck_assert_int_eq(strncmp(field(text, "Groups:"), "5 7", 3), 0);
	ck_assert_str_eq(field(text, "CapEff:"), "0000000000000000");
	ck_assert_str_eq(field(text, "CapPrm:"), "0000000000000000");
	ck_assert_uint_eq(geteuid(), 0);
	ck_assert_uint_eq(getegid(), 0);
}
END_TEST

START_TEST(user_alone_is_set)
{
	static const gid_t groups[] = { 5 };
	struct spawnio_how how = program(status_of);
	const char *text;

	ck_assert_int_eq(setgroups(1, groups), 0);
	how.flags = SPAWNIO_SETUID;
	how.uid = how.gid = NOBODY;
	text = said(&how);
	ck_assert_str_eq(field(text, "Uid:"), ALL_NOBODY);
	ck_assert_str_eq(field(text, "Gid:"), ALL_ROOT);
	ck_assert_int_eq(atoi(field(text, "Groups:")), 5);
}
END_TEST

START_TEST(group_alone_is_set)
{
	struct spawnio_how how = program(status_of);
	const char *text;

	how.flags = SPAWNIO_SETGID;
	how.uid = how.gid = NOBODY;
	text = said(&how);
	ck_assert_str_eq(field(text, "Uid:"), ALL_ROOT);
	ck_assert_str_eq(field(text, "Gid:"), ALL_NOBODY);
}
END_TEST

START_TEST(groups_may_be_none)
{
	static const gid_t groups[] = { 5, 7 };
	struct spawnio_how how = program(status_of);

	ck_assert_int_eq(setgroups(2, groups), 0);
	how.flags = SPAWNIO_SETGROUPS;
	ck_assert_str_eq(field(said(&how), "Groups:"), "");
	how.flags = 0;
	ck_assert_int_eq(strncmp(field(said(&how), "Groups:"), "5 7", 3), 0);
}
END_TEST

START_TEST(ids_of_a_command)
{
	struct spawnio_how how = command("cat /proc/self/status");

	how.flags = SPAWNIO_SETUID | SPAWNIO_SETGID | SPAWNIO_SETGROUPS;
	how.uid = how.gid = NOBODY;
	ck_assert_str_eq(field(said(&how), "Uid:"), ALL_NOBODY);
	how = command("exec cat /proc/self/status; :");
	how.flags = SPAWNIO_SETUID;
	how.uid = NOBODY;
	ck_assert_str_eq(field(said(&how), "Uid:"), ALL_NOBODY);
}
END_TEST

/* The kernel keeps that for all who share memory. */
START_TEST(callers_own_rights_stay)
{
	struct spawnio_how how = program(nothing);

	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
	how.flags = SPAWNIO_SETUID | SPAWNIO_SETGID | SPAWNIO_SETGROUPS;
	how.uid = how.gid = NOBODY;
	assert_exit(ran(&how), 0);
	how.flags |= SPAWNIO_ASYNC;
	assert_exit(close_command(opened(&how, "w")), 0);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
	ck_assert_uint_eq(getuid(), 0);
}
END_TEST

/* The program is executed with the new rights. */
START_TEST(program_is_not_for_that_user)
{
	const char *folder = make_folder(NAME, "#!/bin/sh\n", 0700);
	const char *failed = "unset";
	char *argv[] = { (char *)path_in(folder, NAME), NULL };
	struct spawnio_how how = program(argv);

	assert_exit(ran(&how), 0);
	how.flags = SPAWNIO_SETUID;
	how.uid = NOBODY;
	how.failed = &failed;
	assert_refused(&how, EACCES);
	ck_assert_str_eq(failed, "execve");
	remove_folder(folder, NAME);
}
END_TEST

/* The directory, with the old ones. */
START_TEST(directory_is_not_for_that_user)
{
	const char *folder = make_folder(NULL, NULL, 0);
	struct spawnio_how how = program(nothing);

	ck_assert_int_eq(chmod(folder, 0700), 0);
	how.flags = SPAWNIO_SETUID | SPAWNIO_SETGID | SPAWNIO_SETGROUPS;
	how.uid = how.gid = NOBODY;
	how.cwd = folder;
	assert_exit(ran(&how), 0);
	remove_folder(folder, NULL);
}
END_TEST

START_TEST(ids_that_are_not_allowed)
{
	static const int flags[] = {
		SPAWNIO_SETUID, SPAWNIO_SETGID, SPAWNIO_SETGROUPS
	};
	const char *failed = "unset";
	struct spawnio_how how = program(nothing);

	how.flags = flags[_i];
	how.failed = &failed;
	assert_refused(&how, EPERM);
	ck_assert_ptr_nonnull(failed);
}
END_TEST

START_TEST(ids_may_be_ones_own)
{
	struct spawnio_how how = program(nothing);

	how.flags = SPAWNIO_SETUID | SPAWNIO_SETGID;
	how.uid = getuid();
	how.gid = getgid();
	assert_exit(ran(&how), 0);
}
END_TEST

/* --- no new privileges, the death of the thread, cgroups --- */

START_TEST(no_new_privileges)
{
	struct spawnio_how how = program(status_of);

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0)
		ck_assert_str_eq(field(said(&how), "NoNewPrivs:"), "0");
	how.flags = SPAWNIO_NO_NEW_PRIVS;
	ck_assert_str_eq(field(said(&how), "NoNewPrivs:"), "1");
}
END_TEST

struct mortal {
	struct spawnio_how how;
	struct spawnio_child child;
	FILE *stream;
};

static void *
begin_and_end(void *arg)
{
	struct mortal *mortal = arg;

	begin(&mortal->how, &mortal->child);
	return NULL;
}

static void *
open_and_end(void *arg)
{
	struct mortal *mortal = arg;

	mortal->stream = opened(&mortal->how, "w");
	return NULL;
}

/* By the death signal, or unexecuted. */
static void
assert_ended(int status)
{
	if (WIFEXITED(status))
		assert_exit(status, 127);
	else
		assert_killed(status, SIGKILL);
}

static void
in_thread(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, body, arg), 0);
	pthread_join(thread, NULL);
}

START_TEST(death_signal_comes_when_the_thread_ends)
{
	struct mortal mortal = { .how = shell("exec sleep 60") };

	mortal.how.death_signal = SIGUSR1;
	in_thread(begin_and_end, &mortal);
	assert_killed(end(&mortal.child), SIGUSR1);
	mortal.how = command("exec sleep 60");
	mortal.how.death_signal = SIGKILL;
	in_thread(open_and_end, &mortal);
	assert_killed(close_command(mortal.stream), SIGKILL);
}
END_TEST

/* Whether or not the thread has ended before the child asks for the signal. */
START_TEST(death_signal_is_for_a_thread_that_has_ended_too)
{
	struct mortal mortal = { .how = shell("exec sleep 60") };

	mortal.how.death_signal = SIGKILL;
	mortal.how.flags = SPAWNIO_ASYNC;
	for (int round = 0; round < 200; round++) {
		in_thread(begin_and_end, &mortal);
		assert_ended(end(&mortal.child));
	}
}
END_TEST

static void *
end_only(void *arg)
{
	return arg;
}

START_TEST(death_signal_is_not_for_the_end_of_another_thread)
{
	struct channel to = to_commands();
	struct spawnio_how how = shell("read x </proc/self/fd/%d; exit 3",
	    to.theirs);
	struct spawnio_child child;

	how.death_signal = SIGUSR1;
	begin(&how, &child);
	in_thread(end_only, NULL);
	assert_error(spawnio_child_wait(&child, 20, NULL), -1, ETIMEDOUT);
	release(to);
	assert_exit(end(&child), 3);
	close_channel(to);
}
END_TEST

/* The child, a copy, has much to do before it asks for the signal. */
static void
start_slowly(struct spawnio_how *how, struct spawnio_child *child)
{
	static struct spawnio_rlimit limits[50000];

	for (size_t i = 0; i < COUNT(limits); i++)
		limits[i].resource = RLIMIT_CORE;
	how->death_signal = SIGKILL;
	how->rlimits = limits;
	how->rlimit_count = COUNT(limits);
	how->uid = getuid();
	how->flags = SPAWNIO_ASYNC | SPAWNIO_SETUID;
	ck_assert_int_eq(spawnio_start(how, child), 0);
}

/* It finds that it has another parent. */
static void
leave_child_behind(void *arg)
{
	struct spawnio_child child;

	start_slowly(arg, &child);
}

START_TEST(death_signal_is_for_a_parent_that_has_ended_too)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("exec sleep 60");
	char byte;

	in_child(leave_child_behind, &how);
	close(from.theirs);
	ck_assert_int_eq(read(from.ours, &byte, 1), 0);
	close(from.ours);
}
END_TEST

static void *
outlive(void *arg)
{
	struct mortal *mortal = arg;

	assert_ended(end(&mortal->child));
	_exit(0);
}

/* A process keeps its first thread as a zombie while it has others. */
static void
end_first_thread(void *arg)
{
	struct mortal *mortal = arg;
	pthread_t other;

	start_slowly(&mortal->how, &mortal->child);
	ck_assert_int_eq(pthread_create(&other, NULL, outlive, mortal), 0);
	pthread_exit(NULL);
}

START_TEST(death_signal_is_for_a_first_thread_that_has_ended_too)
{
	static struct mortal mortal;

	mortal.how = shell("exec sleep 60");
	in_child(end_first_thread, &mortal);
}
END_TEST

/* A change of the user resets it: it is set last. */
START_TEST(death_signal_is_kept_with_another_user)
{
	struct mortal mortal = { .how = shell("exec sleep 60") };

	mortal.how.death_signal = SIGUSR1;
	mortal.how.flags = SPAWNIO_SETUID | SPAWNIO_SETGID;
	mortal.how.uid = mortal.how.gid = NOBODY;
	in_thread(begin_and_end, &mortal);
	assert_killed(end(&mortal.child), SIGUSR1);
}
END_TEST

/* A cgroup of one's own, as a path, or NULL. */
static const char *
make_cgroup(void)
{
	static char path[512];
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[1024], place[256], type[64];
	bool made = false;

	while (mounts != NULL && fgets(line, sizeof(line), mounts) != NULL)
		if (sscanf(line, "%*s %255s %63s", place, type) == 2 &&
		    strcmp(type, "cgroup2") == 0) {
			snprintf(path, sizeof(path), "%s/spawnio-%d", place,
			    (int)getpid());
			made = mkdir(path, 0755) == 0;
			break;
		}
	if (mounts != NULL)
		fclose(mounts);
	return made ? path : NULL;
}

/* The last process is gone a moment after its parent was told. */
static void
remove_cgroup(const char *path)
{
	for (int i = 0; i < 1000 && rmdir(path) == -1 && errno == EBUSY; i++)
		usleep(1000);
}

static bool
has_cgroups(void)
{
	const char *path = make_cgroup();

	if (path != NULL)
		remove_cgroup(path);
	return path != NULL && clone3_is_there();
}

START_TEST(child_is_born_in_the_cgroup)
{
	static char *argv[] = {
		(char *)"grep", (char *)"^0::", (char *)"/proc/self/cgroup",
		NULL
	};
	const char *path = make_cgroup(), *text;
	struct spawnio_how how = program(argv);

	ck_assert_ptr_nonnull(path);
	how.flags = SPAWNIO_SETCGROUP;
	how.cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	text = said(&how);
	close(how.cgroup_fd);
	remove_cgroup(path);
	ck_assert_ptr_nonnull(strstr(text, strrchr(path, '/')));
}
END_TEST

/* What fork(2) would do is not asked of a child with other ids only. */
START_TEST(child_of_another_user_is_born_in_the_cgroup)
{
	struct spawnio_how how = shell("grep ^0:: /proc/self/cgroup");
	const char *path = make_cgroup(), *text;

	ck_assert_ptr_nonnull(path);
	how.flags = SPAWNIO_SETCGROUP | SPAWNIO_SETUID;
	how.uid = NOBODY;
	how.cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	text = said(&how);
	close(how.cgroup_fd);
	remove_cgroup(path);
	ck_assert_ptr_nonnull(strstr(text, strrchr(path, '/')));
}
END_TEST

START_TEST(cgroup_that_is_none)
{
	struct spawnio_how how = program(nothing);

	how.flags = SPAWNIO_SETCGROUP;
	how.cgroup_fd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_refused(&how, clone3_is_there() ? EBADF : ENOTSUP);
	close(how.cgroup_fd);
}
END_TEST

START_TEST(kernel_that_knows_no_cgroup_is_enotsup)
{
	struct spawnio_how how = program(nothing);

	refuse(SYS_clone3, 0, ENOSYS);
	how.flags = SPAWNIO_SETCGROUP;
	how.cgroup_fd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_refused(&how, ENOTSUP);
	close(how.cgroup_fd);
}
END_TEST

#ifdef SPIO_NATIVE

#include <spawnio/child.h>

/* --- before_exec --- */

/* In memory that is shared with a copy of this process, too. */
struct note {
	atomic_int seen;	/* the function was here */
	atomic_int gate;	/* it waits for it */
	int result;
	uint64_t mask;
	mode_t umask;
	pid_t group;
	int privileges;
	int open;		/* is descriptor 50? */
	uid_t uid;
	void *place;
	size_t depth;
};

static struct note *
new_note(void)
{
	struct note *note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(note, MAP_FAILED);
	return note;
}

static void
free_note(struct note *note)
{
	munmap(note, sizeof(*note));
}

SPAWNIO_IN_CHILD static int
take_note(void *arg)
{
	struct note *note = arg;

	atomic_store(&note->seen, child_getpid());
	child_sigprocmask(SIG_SETMASK, NULL, &note->mask);
	child_umask(note->umask = child_umask(0));
	note->group = child_getpgid(0);
	note->privileges = child_prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	note->open = child_fcntl(50, F_GETFD, 0) >= 0;
	note->uid = child_geteuid();
	return note->result;
}

static struct spawnio_how
with_note(struct spawnio_how how, struct note *note)
{
	how.before_exec = take_note;
	how.arg = note;
	return how;
}

START_TEST(child_goes_on_after_0)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(shell("exit 3"), note);
	struct spawnio_child child;
	pid_t pid;

	begin(&how, &child);
	pid = child.pid;
	assert_exit(end(&child), 3);
	ck_assert_int_eq(atomic_load(&note->seen), pid);
	how = with_note(command("exit 4"), note);
	atomic_store(&note->seen, 0);
	assert_exit(ran(&how), 4);
	ck_assert_int_ne(atomic_load(&note->seen), 0);
	free_note(note);
}
END_TEST

START_TEST(negative_result_is_the_error)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);
	const char *failed = "unset";

	note->result = -EDOM;
	how.failed = &failed;
	assert_refused(&how, EDOM);
	ck_assert_str_eq(failed, "before_exec");
	how = with_note(command(":"), note);
	assert_refused(&how, EDOM);
	free_note(note);
}
END_TEST

START_TEST(positive_result_is_the_exit_status)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);
	struct spawnio_child child;
	const char *failed = "unset";

	note->result = 7;
	how.failed = &failed;
	assert_exit(ran(&how), 7);
	ck_assert_ptr_null(failed);
	begin(&how, &child);
	assert_exit(end(&child), 7);
	assert_exit(close_command(opened(&how, "w")), 7);
	how.command = ":";
	how.argv = NULL;
	assert_exit(ran(&how), 7);
	free_note(note);
}
END_TEST

START_TEST(before_exec_comes_when_all_else_is_done)
{
	static const struct spawnio_move move = { 0, 50 };
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);

	how.flags = SPAWNIO_SETPGROUP | SPAWNIO_SETUMASK |
	    SPAWNIO_NO_NEW_PRIVS;
	how.umask = 0127;
	how.moves = &move;
	how.move_count = 1;
	if (geteuid() == 0) {
		how.flags |= SPAWNIO_SETUID;
		how.uid = NOBODY;
	}
	assert_exit(ran(&how), 0);
	ck_assert_int_ne(atomic_load(&note->seen), 0);
	ck_assert_int_eq(note->group, atomic_load(&note->seen));
	ck_assert_uint_eq(note->umask, 0127);
	ck_assert_int_eq(note->privileges, 1);
	ck_assert_int_eq(note->open, 1);
	if (geteuid() == 0)
		ck_assert_uint_eq(note->uid, NOBODY);
	free_note(note);
}
END_TEST

/* What the program has is another matter. */
START_TEST(all_signals_are_blocked_in_before_exec)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(status_of), note);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	how.mask = &set;
	ck_assert_uint_eq(status_set(said(&how), "SigBlk:"),
	    1ULL << (SIGUSR2 - 1));
	ck_assert_uint_eq(note->mask | UNBLOCKABLE, ~0ULL);
	free_note(note);
}
END_TEST

/* Write to the stack down to depth bytes below its top. */
SPAWNIO_IN_CHILD __attribute__((__noinline__)) static int
dig(struct note *note)
{
	volatile char hole[512];

	hole[0] = 1;
	if ((size_t)((char *)note->place -
	    (char *)__builtin_frame_address(0)) >= note->depth)
		return 0;
	return dig(note) + hole[0] - 1;
}

SPAWNIO_IN_CHILD static int
dig_down(void *arg)
{
	struct note *note = arg;

	note->place = __builtin_frame_address(0);
	return dig(note);
}

/* Some of the 28 KiB may be gone when the function is called. */
static const size_t depths[] = {
	24 * 1024, 100000, (size_t)1 << 20, (size_t)8 << 20
};

START_TEST(stack_has_that_size)
{
	struct note *note = new_note();
	struct spawnio_how how = shell("exit 3");

	note->depth = depths[_i];
	how.before_exec = dig_down;
	how.arg = note;
	how.stack_size = _i == 0 ? 0 : depths[_i] + 8 * 1024;
	assert_exit(ran(&how), 3);
	how.flags = SPAWNIO_ASYNC;
	assert_exit(close_command(opened(&how, "w")), 3);
	free_note(note);
}
END_TEST

START_TEST(call_waits_if_the_stack_is_larger)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);

	note->result = -EDOM;
	how.flags = SPAWNIO_ASYNC;
	how.stack_size = (size_t)1 << 20;
	assert_refused(&how, EDOM);
	free_note(note);
}
END_TEST

START_TEST(stack_that_cannot_be_had_is_enomem)
{
	static const size_t sizes[] = {
		(size_t)-1, (size_t)-4096, ((size_t)-1) / 4 * 3
	};
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);

	how.stack_size = sizes[_i];
	assert_refused(&how, ENOMEM);
	ck_assert_int_eq(atomic_load(&note->seen), 0);
	free_note(note);
}
END_TEST

SPAWNIO_IN_CHILD static int
wait_for_gate(void *arg)
{
	const struct timespec moment = { 0, 1000000 };
	struct note *note = arg;
	int i;

	atomic_store(&note->seen, 1);
	for (i = 0; i < FAR && atomic_load(&note->gate) == 0; i++)
		child_nanosleep(&moment, NULL);
	return i < FAR ? note->result : -ETIMEDOUT;
}

static void *
run_how(void *how)
{
	return (void *)(intptr_t)spawnio_run(how);
}

/* libspawnio(7): no lock is held while a child has yet to execute; not for one
 * that changes its IDs in a copy of the memory either. */
START_TEST(other_threads_go_on_while_before_exec_runs)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);
	pthread_t thread;
	void *status;

	how.before_exec = wait_for_gate;
	how.uid = getuid();
	how.flags = _i == 1 ? SPAWNIO_SETUID : 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, run_how, &how), 0);
	while (atomic_load(&note->seen) == 0)
		usleep(1000);
	assert_exit(close_command(open_command("w", "exit 3")), 3);
	assert_exit(ssystem("exit 4"), 4);
	atomic_store(&note->gate, 1);
	ck_assert_int_eq(pthread_join(thread, &status), 0);
	assert_exit((int)(intptr_t)status, 0);
	free_note(note);
}
END_TEST

/* spawnio_how(3): streams of earlier calls that are still open are closed in
 * the child.  The kernel copies descriptors first, and then the memory with the
 * list of them, which takes a while if there is much: a stream that is closed
 * in between would be one but not the other. */
START_TEST(copy_has_no_stream_that_is_closed_meanwhile)
{
	struct spawnio_how how = shell("%s; test \"$list\" = '0 1 2 '",
	    list_open(STREAMS + 10));
	FILE *stream[STREAMS + 1];
	pthread_t thread;
	void *wrong;

	how.out.kind = SPAWNIO_NULL;
	how.uid = getuid();
	how.flags = SPAWNIO_SETUID;
	open_ended(stream);
	ck_assert_int_eq(pthread_create(&thread, NULL, close_slowly, stream),
	    0);
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(pthread_join(thread, &wrong), 0);
	ck_assert_ptr_null(wrong);
}
END_TEST

START_TEST(async_caller_goes_on_while_before_exec_runs)
{
	struct note *note = new_note();
	struct spawnio_how how = shell("exit 3");
	struct spawnio_child child;
	int error = -1;

	how.before_exec = wait_for_gate;
	how.arg = note;
	how.flags = SPAWNIO_ASYNC;
	begin(&how, &child);
	assert_error(spawnio_child_await(&child, 0, &error), -1, ETIMEDOUT);
	assert_error(spawnio_child_await(&child, 20, &error), -1, ETIMEDOUT);
	assert_error(spawnio_child_wait(&child, 20, NULL), -1, ETIMEDOUT);
	atomic_store(&note->gate, 1);
	ck_assert_int_eq(spawnio_child_await(&child, -1, &error), 0);
	ck_assert_int_eq(error, 0);
	assert_exit(end(&child), 3);
	free_note(note);
}
END_TEST

START_TEST(async_error_of_before_exec_is_told_by_await)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);
	struct spawnio_child child;
	int error = -1;

	note->result = -EDOM;
	how.flags = SPAWNIO_ASYNC;
	begin(&how, &child);
	ck_assert_int_eq(spawnio_child_await(&child, -1, &error), 0);
	ck_assert_int_eq(error, EDOM);
	assert_exit(end(&child), 127);
	free_note(note);
}
END_TEST

/* A stream's is awaited as a child's is. */
START_TEST(async_error_is_told_by_await_of_a_stream)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);
	int error = 99;
	FILE *stream;

	note->result = _i == 0 ? 0 : -EDOM;
	how.before_exec = wait_for_gate;
	how.flags = SPAWNIO_ASYNC;
	stream = opened(&how, "w");
	assert_error(spawnio_stream_await(stream, 0, &error), -1, ETIMEDOUT);
	assert_error(spawnio_stream_await(stream, 20, &error), -1, ETIMEDOUT);
	ck_assert_int_eq(error, 99);
	atomic_store(&note->gate, 1);
	ck_assert_int_eq(spawnio_stream_await(stream, -1, &error), 0);
	ck_assert_int_eq(error, -note->result);
	assert_exit(close_command(stream), _i == 0 ? 0 : 127);
	free_note(note);
}
END_TEST

static void *
interrupt(void *arg)
{
	struct note *note = arg;

	for (int i = 0; i < 10; i++) {
		usleep(5000);
		kill(getpid(), SIGUSR1);
	}
	atomic_store(&note->gate, 1);
	return NULL;
}

START_TEST(signals_do_not_interrupt_await_of_a_stream)
{
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);
	pthread_t thread;
	FILE *stream;

	on_signal(SIGUSR1, do_nothing, 0);
	how.before_exec = wait_for_gate;
	how.flags = SPAWNIO_ASYNC;
	stream = opened(&how, "w");
	ck_assert_int_eq(pthread_create(&thread, NULL, interrupt, note), 0);
	ck_assert_int_eq(spawnio_stream_await(stream, -1, NULL), 0);
	ck_assert_int_eq(atomic_load(&note->gate), 1);
	pthread_join(thread, NULL);
	assert_exit(close_command(stream), 0);
	free_note(note);
}
END_TEST

static int plain;

SPAWNIO_IN_CHILD static int
write_plain(void *arg)
{
	*(int *)arg = 7;
	return 0;
}

/* As in avfork(3), but for a child that has other ids. */
START_TEST(memory_is_the_callers_but_with_other_ids)
{
	struct spawnio_how how = program(nothing);

	how.before_exec = write_plain;
	how.arg = &plain;
	how.flags = SPAWNIO_SETUID | SPAWNIO_SETGID;
	how.uid = getuid();
	how.gid = getgid();
	plain = 0;
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(plain, 0);
	how.flags = 0;
	assert_exit(ran(&how), 0);
	if (!emulated())
		ck_assert_int_eq(plain, engine_is("fork") ? 0 : 7);
}
END_TEST

/* It has what the child has, the library's own descriptors among that. */
SPAWNIO_IN_CHILD static int
leave_one_behind(void *arg)
{
	const struct timespec pause = { 30, 0 };
	struct note *note = arg;
#ifdef __s390x__	/* the stack, then the flags */
	long pid = child_syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0, 0);
#else
	long pid = child_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
#endif

	if (pid == 0) {
		child_nanosleep(&pause, NULL);
		child_exit(0);
	}
	note->result = (int)pid;
	return 0;
}

START_TEST(call_does_not_wait_for_what_before_exec_has_forked)
{
	struct note *note = new_note();
	struct spawnio_how how = program(nothing);

	if (_i == 1)
		refuse(SYS_clone3, 0, ENOSYS);
	how.before_exec = leave_one_behind;
	how.arg = note;
	assert_exit(ran(&how), 0);
	ck_assert_int_eq(kill(note->result, SIGKILL), 0);
	free_note(note);
}
END_TEST

START_TEST(await_does_not_wait_for_what_before_exec_has_forked)
{
	struct note *note = new_note();
	struct spawnio_how how = shell("exec sleep 30");
	struct spawnio_child child;
	int error = -1, status;

	how.flags = SPAWNIO_ASYNC;
	how.before_exec = leave_one_behind;
	how.arg = note;
	begin(&how, &child);
	ck_assert_int_eq(spawnio_child_await(&child, -1, &error), 0);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(kill(note->result, SIGKILL), 0);
	ck_assert_int_eq(spawnio_child_stop(&child, -1, &status), 0);
	assert_killed(status, SIGTERM);
	free_note(note);
}
END_TEST

/* --- order --- */

/* Each asks for what fails; the first of them is the error.  Nobody may lower
 * the nice value. */
START_TEST(first_in_order_is_the_error)
{
	static const struct spawnio_rlimit above[] = {
		{ RLIMIT_CPU, { 10, 5 } }, { RLIMIT_CPU, { 100, 100 } }
	};
	struct note *note = new_note();
	struct spawnio_how how = with_note(program(nothing), note);

	note->result = -EDOM;
	how.file = "/dev/null/sh";
	how.flags = SPAWNIO_SETPGROUP;
	how.pgroup = INT_MAX;
	how.cwd = "/nosuch";
	if (geteuid() != 0)
		how.nice = -1;
	how.rlimits = above;
	how.rlimit_count = COUNT(above);
	assert_refused(&how, EPERM);
	how.flags = 0;
	assert_refused(&how, ENOENT);
	how.cwd = "/";
	if (how.nice != 0)
		assert_refused(&how, EACCES);
	how.nice = 0;
	assert_refused(&how, EINVAL);
	how.rlimit_count = 0;
	assert_refused(&how, EDOM);
	note->result = 0;
	assert_refused(&how, ENOTDIR);
	free_note(note);
}
END_TEST

static void
add_before_exec(TCase *tcase)
{
	tcase_add_test(tcase, child_goes_on_after_0);
	tcase_add_test(tcase, negative_result_is_the_error);
	tcase_add_test(tcase, positive_result_is_the_exit_status);
	tcase_add_test(tcase, before_exec_comes_when_all_else_is_done);
	if (emulated())
		left_out("emulator with signals of its own: "
		    "all_signals_are_blocked_in_before_exec");
	else
		tcase_add_test(tcase, all_signals_are_blocked_in_before_exec);
	tcase_add_loop_test(tcase, stack_has_that_size, 0, COUNT(depths));
	tcase_add_test(tcase, call_waits_if_the_stack_is_larger);
	/* The last is EINVAL to the mmap(2) of valgrind. */
	tcase_add_loop_test(tcase, stack_that_cannot_be_had_is_enomem, 0,
	    emulated() ? 2 : 3);
	tcase_add_loop_test(tcase, other_threads_go_on_while_before_exec_runs,
	    0, 2);
	tcase_add_loop_test(tcase, copy_has_no_stream_that_is_closed_meanwhile,
	    0, 3);
	if (engine_is("avfork") || engine_is("fork")) {
		tcase_add_test(tcase,
		    async_caller_goes_on_while_before_exec_runs);
		tcase_add_test(tcase,
		    async_error_of_before_exec_is_told_by_await);
	}
	tcase_add_loop_test(tcase,
	    call_does_not_wait_for_what_before_exec_has_forked, 0,
	    may_refuse() ? 2 : 1);
	if (engine_is("fork"))
		tcase_add_test(tcase,
		    await_does_not_wait_for_what_before_exec_has_forked);
	if (engine_is("avfork")) {
		tcase_add_loop_test(tcase,
		    async_error_is_told_by_await_of_a_stream, 0, 2);
		tcase_add_test(tcase,
		    signals_do_not_interrupt_await_of_a_stream);
	}
	tcase_add_test(tcase, memory_is_the_callers_but_with_other_ids);
	tcase_add_test(tcase, first_in_order_is_the_error);
}

#else

static void
add_before_exec(TCase *tcase)
{
	(void)tcase;
}

#endif

/* --- the suite --- */

static void
add_folder(TCase *tcase)
{
	tcase_add_test(tcase, cwd_is_the_working_directory);
	tcase_add_test(tcase, cwd_is_the_working_directory_of_a_command);
	tcase_add_test(tcase, cwd_may_be_relative);
	tcase_add_test(tcase, cwd_fd_is_the_working_directory);
	tcase_add_test(tcase, cwd_fd_may_be_0);
	tcase_add_test(tcase, cwd_is_relative_to_cwd_fd);
	tcase_add_test(tcase, cwd_fd_counts_with_its_flag_only);
	tcase_add_test(tcase, cwd_fd_may_be_the_place_of_another);
	tcase_add_test(tcase, pwd_is_not_changed);
	tcase_add_test(tcase, directory_of_the_caller_stays);
	tcase_add_loop_test(tcase, directory_that_cannot_be, 0,
	    COUNT(no_folders));
	tcase_add_test(tcase, descriptor_that_is_no_directory);
}

static void
add_terminals(TCase *tcase)
{
	tcase_add_test(tcase, terminal_that_is_none);
	if (has_terminals()) {
		tcase_add_test(tcase, terminal_becomes_the_controlling_one);
		tcase_add_test(tcase, controlling_terminal_is_dev_tty);
	} else
		left_out("no /dev/ptmx: tests of a controlling terminal");
}

static void
add_limits(TCase *tcase)
{
	tcase_add_test(tcase, nice_is_added);
	tcase_add_test(tcase, nice_of_a_command);
	tcase_add_test(tcase, rlimits_of_a_command);
	tcase_add_test(tcase, moves_of_a_command);
	if (geteuid() == 0)
		tcase_add_test(tcase, nice_may_be_negative);
	else
		tcase_add_test(tcase, nice_that_is_not_allowed);
	tcase_add_test(tcase, rlimits_are_set);
	if (emulated())
		left_out("emulator with descriptors of its own: "
		    "rlimits_are_no_limit_for_moves");
	else
		tcase_add_test(tcase, rlimits_are_no_limit_for_moves);
	tcase_add_test(tcase, rlimit_that_is_not_allowed);
	tcase_add_test(tcase, umask_is_set);
	tcase_add_test(tcase, umask_is_not_that_of_the_callers_files);
}

static void
add_ids_of_root(TCase *tcase)
{
	tcase_add_test(tcase, user_and_group_are_set);
	tcase_add_test(tcase, user_alone_is_set);
	tcase_add_test(tcase, group_alone_is_set);
	tcase_add_test(tcase, groups_may_be_none);
	tcase_add_test(tcase, ids_of_a_command);
	tcase_add_test(tcase, callers_own_rights_stay);
	tcase_add_test(tcase, program_is_not_for_that_user);
	tcase_add_test(tcase, directory_is_not_for_that_user);
	tcase_add_test(tcase, death_signal_is_kept_with_another_user);
}

static void
add_rights(TCase *tcase)
{
	if (geteuid() == 0)
		add_ids_of_root(tcase);
	else
		tcase_add_loop_test(tcase, ids_that_are_not_allowed, 0, 3);
	tcase_add_test(tcase, ids_may_be_ones_own);
	tcase_add_test(tcase, no_new_privileges);
	tcase_add_test(tcase, death_signal_comes_when_the_thread_ends);
	tcase_add_test(tcase,
	    death_signal_is_not_for_the_end_of_another_thread);
	tcase_add_test(tcase, death_signal_is_for_a_thread_that_has_ended_too);
	tcase_add_test(tcase, death_signal_is_for_a_parent_that_has_ended_too);
	tcase_add_test(tcase,
	    death_signal_is_for_a_first_thread_that_has_ended_too);
	tcase_add_test(tcase, cgroup_that_is_none);
	if (has_cgroups()) {
		tcase_add_test(tcase, child_is_born_in_the_cgroup);
		tcase_add_test(tcase,
		    child_of_another_user_is_born_in_the_cgroup);
	} else
		left_out("no cgroup2 of our own: child_is_born_in_the_cgroup");
	if (may_refuse())
		tcase_add_test(tcase, kernel_that_knows_no_cgroup_is_enotsup);
	else
		left_out("no seccomp: kernel_that_knows_no_cgroup_is_enotsup");
}

static void
add_groups(TCase *tcase)
{
	tcase_add_test(tcase, group_and_session_are_the_callers);
	tcase_add_test(tcase, group_of_its_own);
	tcase_add_test(tcase, group_is_there_when_the_call_returns);
	tcase_add_test(tcase, group_of_another);
	tcase_add_test(tcase, group_of_nobody);
	tcase_add_test(tcase, group_counts_with_its_flag_only);
	tcase_add_test(tcase, session_of_its_own);
}

static void
add_signals(TCase *tcase)
{
	if (emulated()) {
		left_out("emulator with signals of its own: "
		    "mask_is_that_of_how, mask_may_be_full");
	} else {
		tcase_add_test(tcase, mask_is_that_of_how);
		tcase_add_test(tcase, mask_may_be_full);
	}
	tcase_add_test(tcase, mask_is_that_of_a_command);
	tcase_add_test(tcase, mask_is_that_of_the_calling_thread_without_one);
	tcase_add_test(tcase, defaults_are_not_ignored);
	tcase_add_test(tcase, defaults_may_be_all);
	tcase_add_test(tcase, defaults_are_those_of_a_command);
	tcase_add_test(tcase, caught_signals_have_their_default_action);
}

static void
add_unsupported(TCase *tcase)
{
	tcase_add_loop_test(tcase, engine_of_libc_is_enotsup, 0,
	    COUNT(unsupported));
	tcase_add_test(tcase, no_system_call_failed_if_it_is_enotsup);
}

int
main(void)
{
	Suite *suite = suite_create("setup");

	find_engine();
	if (!failures_are_told())
		return 77;
	add_groups(add_case(suite, "groups"));
	add_signals(add_case(suite, "signals"));
	if (engine_is("posix_spawn"))
		add_unsupported(add_case(suite, "unsupported"));
	else {
		add_folder(add_case(suite, "folder"));
		add_terminals(add_case(suite, "terminals"));
		add_limits(add_case(suite, "limits"));
		add_rights(add_case(suite, "rights"));
		add_before_exec(add_case(suite, "before_exec"));
	}
	return run(suite);
}
