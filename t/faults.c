/* SPDX-License-Identifier: ISC */
/* Every system call that a public call makes is made to fail, one after the
 * other, with each errno in turn, once and for good, and with all calls that
 * come after it: then the public call has found another way, or it fails with
 * that errno, and leaves nothing behind.  The same where limits are reached. */

#include "fixture.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <sched.h>

#ifdef __GLIBC__
# include <malloc.h>
# if __GLIBC_PREREQ(2, 33)
#  define HAVE_MALLINFO2
# endif
#endif
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include "supervisor.h"

#include <spawnio/how.h>
#ifdef SPIO_NATIVE
# include <spawnio/child.h>
#endif

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* A sanitizer has calls of its own. */
#define MAY_REPLACE_CALLS	MAY_LIMIT

/* Seconds for one attempt, which takes some ms: one that hangs names its call
 * long before the test's own limit. */
#define PATIENCE	10

/* What fails, and with what: an errno for each way in which the library or the
 * C library takes it, and another where it is handed on.  Not here is close(2),
 * as a supervisor cannot make it fail when it has closed: see below.  Nor
 * munmap(2), whose failure leaves something behind by itself and is not asked
 * about; nor what cannot fail as it is called: rt_sigaction(2),
 * rt_sigprocmask(2).  ENFILE is here alone: how many files a system may have
 * open is not for a test to lower.  A sanitizer cannot do without memory. */
static const struct sv_call calls[] = {
#if MAY_LIMIT
	{ SYS_brk, { ENOMEM } },
	{ SV_MMAP, { ENOMEM, EAGAIN } },
	{ SYS_mprotect, { ENOMEM, EACCES } },
	{ SYS_madvise, { EINVAL, ENOMEM, EAGAIN } },
	{ SYS_mremap, { ENOMEM } },
#endif
	{ SYS_pipe2, { EMFILE, ENFILE } },
	{ SYS_socketpair, { EMFILE, ENFILE, ENOMEM, ENOBUFS, EAFNOSUPPORT } },
	{ SV_FCNTL, { EPERM, ENOSYS, EMFILE } },
	{ SYS_faccessat, { ENOENT, EACCES, ENOTDIR, ELOOP, ENOMEM } },
#ifdef SYS_faccessat2
	{ SYS_faccessat2, { ENOSYS, EPERM, ENOENT, EACCES, EIO, ENOMEM } },
#endif
#ifdef SYS_access
	{ SYS_access, { ENOENT, EACCES } },
#endif
	{ SYS_openat, { EMFILE, ENFILE, ENOENT, EACCES, ENOMEM } },
#ifdef SYS_open
	{ SYS_open, { EMFILE, ENOENT } },
#endif
	{ SYS_read, { EIO, EINTR } },
	{ SV_FSTAT, { ENOMEM, EOVERFLOW } },
#ifdef SYS_newfstatat
	{ SYS_newfstatat, { ENOMEM, EOVERFLOW } },
#endif
#ifdef SYS_fstatat64
	{ SYS_fstatat64, { ENOMEM, EOVERFLOW } },
#endif
	{ SYS_statx, { ENOSYS, EPERM, ENOMEM } },
	{ SYS_ioctl, { ENOTTY, EINVAL } },
	{ SV_GETRESUID, { EPERM, ENOSYS } },
	{ SV_GETRESGID, { EPERM, ENOSYS } },
	{ SYS_capget, { EPERM, ENOSYS, EINVAL } },
	{ SYS_sched_getaffinity, { EPERM, ENOSYS, EINVAL } },
#ifdef SYS_clone3
	{ SYS_clone3, { ENOSYS, EPERM, EINVAL, EAGAIN, ENOMEM, EMFILE,
	    ENFILE } },
#endif
	{ SYS_clone, { EAGAIN, ENOMEM, EINVAL, EPERM } },
#ifdef SYS_vfork
	{ SYS_vfork, { EAGAIN, ENOMEM } },
#endif
#ifdef SYS_fork
	{ SYS_fork, { EAGAIN, ENOMEM } },
#endif
	{ SYS_waitid, { EINTR } },
	{ SYS_wait4, { EINTR } },
#ifdef SYS_poll
	{ SYS_poll, { EINTR, ENOMEM } },
#endif
	{ SYS_ppoll, { EINTR, ENOMEM } },
	{ SYS_futex, { EINTR, EAGAIN, ENOSYS } },
	{ SYS_kill, { EPERM, ESRCH } },
	{ SYS_getpgid, { EPERM, ESRCH } },
	{ SYS_write, { EINTR } },
#ifdef SYS_pidfd_open
	{ SYS_pidfd_open, { EMFILE, ENFILE, ENOSYS, ENOMEM, EPERM, ENODEV } },
#endif
#ifdef SYS_pidfd_send_signal
	{ SYS_pidfd_send_signal, { ENOSYS, EPERM } },
#endif
	/* The child's. */
	{ SYS_setsid, { EPERM } },
	{ SYS_chdir, { EACCES, ENOENT, ENOMEM } },
	{ SYS_fchdir, { EACCES, ENOTDIR } },
	{ SYS_setpgid, { EPERM, EACCES, ESRCH } },
	{ SYS_getpriority, { EPERM } },
	{ SYS_setpriority, { EACCES } },
	{ SYS_prlimit64, { EPERM, EINVAL } },
	{ SV_SETRESGID, { EPERM } },
	{ SV_SETRESUID, { EAGAIN, EPERM } },
	{ SYS_prctl, { EINVAL, ENOSYS } },
	{ SYS_getdents64, { EIO, ENOENT } },
#ifdef SYS_dup2
	{ SYS_dup2, { EBUSY, EMFILE } },
#endif
	{ SYS_dup3, { EBUSY, EMFILE } },
#ifdef SYS_close_range
	{ SYS_close_range, { ENOSYS, EPERM } },
#endif
	{ SYS_nanosleep, { EINTR } },
	{ SYS_execve, { ENOENT, ENOMEM, E2BIG, ETXTBSY, EACCES, EAGAIN,
	    EPERM, ENFILE } },
};

/* Those of them that allocate memory. */
static const struct sv_call memory_calls[] = {
	{ SYS_brk, { ENOMEM } },
	{ SV_MMAP, { ENOMEM } },
	{ SYS_mprotect, { ENOMEM } },
	{ SYS_mremap, { ENOMEM } },
};

static struct supervisor *sv;

/* What a process that tries tells the one that waits for it. */
static struct report {
	bool failed;		/* the public call did */
	char why[4000];		/* what is wrong */
} *report;

static void
start_with(const struct sv_call *list, size_t n)
{
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(report, MAP_FAILED);
	sv = sv_start(list, n);
	ck_assert_ptr_nonnull(sv);
}

static void
start(void)
{
	start_with(calls, COUNT(calls));
}

static void
start_without_memory(void)
{
	start_with(memory_calls, COUNT(memory_calls));
}

static _Noreturn void wrong(const char *format, ...) FIXTURE_PRINTF(1, 2);

static void
wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(report->why, sizeof(report->why), format, args);
	va_end(args);
	_exit(1);
}

enum {
	FULL = 1,		/* from every past, others when warm */
	CHILD = 2,		/* in the child too; others have the same */
	SIGCHLD_IGNORED = 4,
	NO_STDIN = 8,
	HOW = 16,		/* by spawnio_open() or spawnio_run() */
	START = 32,		/* with HOW: by spawnio_start() */
	STOP = 64,		/* and spawnio_child_stop() */
	TELL = 128,		/* all that is told of a stream's child */
	IDS = 256		/* with HOW: asks for the rest */
};

/* Who is to be stopped, and cannot be, ends by itself. */
#define STOPPED	"sleep 0.03; exit 6"

/* What is tried: each type of stream with what the command does, a system, a
 * capture, and an avfork().  The command's end is known by its status and what
 * it says. */
static const struct how {
	const char *name;
	const char *type;	/* NULL: ssystem(); or one of these */
	const char *command;
	const char *text;	/* what it says */
	int status;
	int flags;
} ways[] = {
#define CAPTURE	"capture"
#define FN	"fn"
	{ "r", "r", "echo out; exit 3", "out\n", 3, FULL | CHILD },
	{ "w", "w", "read x; exit $x", "", 5, CHILD },
	{ "r+", "r+", "read x; echo got $x; exit 4", "got 5\n", 4, CHILD },
	{ "we", "we", "read x; exit $x", "", 5, 0 },
	{ "w, stdin closed", "w", "read x; exit $x", "", 5, CHILD | NO_STDIN },
	{ "r, SIGCHLD ignored", "r", "echo out; exit 3", "out\n", 3,
	    SIGCHLD_IGNORED },
	{ "system", NULL, "exit 6", "", 6, FULL | CHILD },
	{ "system, SIGCHLD ignored", NULL, "exit 6", "", 6, SIGCHLD_IGNORED },
	{ "what is told", "r", STOPPED, "", 6, TELL },
	{ "open", "r+", "read x; echo got $x; exit 4", "got 5\n", 4,
	    CHILD | HOW },
	{ "run", NULL, "exit 6", "", 6, CHILD | HOW },
	{ "start", NULL, "exit 6", "", 6, CHILD | HOW | START },
	{ "stop", NULL, STOPPED, "", 6, HOW | START | STOP },
	{ "run with ids", NULL, "exit 6", "", 6, CHILD | HOW | IDS },
	{ "capture", CAPTURE, "read x; echo got $x; exit 4", "got 5\n", 4,
	    CHILD },
	{ "avfork", FN, "exit 6", "", 6, FULL | CHILD },
};

/* posix_spawn knows no avfork(), nor what those before it ask for. */
static int
ways_here(void)
{
	int n = COUNT(ways);

	return strcmp(engine_of_tests(), "posix_spawn") == 0 ? n - 7 : n;
}

static bool
may_be_lost(const struct how *a_way)
{
	return a_way->flags & SIGCHLD_IGNORED;
}

/* What the process has done before. */
enum past {
	COLD,			/* nothing yet */
	WARM,			/* launches */
	REFUSED,		/* and clone3 was refused then */
	PASTS
};

/* Which of the calls are armed. */
enum part {
	IN_OPEN,		/* the parent's in spopen() or ssystem() */
	IN_CLOSE,		/* the parent's in spclose() */
	IN_CHILD,		/* the child's, from one to the other */
	PARTS
};

static const struct how *how;
static enum past past;
static enum part part;
static int nth;

static void
arm(enum part when, enum sv_half half)
{
	if (when == part)
		sv_arm(sv, half, nth);
}

static bool
is(const struct how *a_way, const char *type)
{
	return a_way->type != NULL && strcmp(a_way->type, type) == 0;
}

static bool
is_fn(void)
{
	return is(how, FN);
}

static bool
is_capture(void)
{
	return is(how, CAPTURE);
}

/* Has the child much that can fail, of which the call tells? */
static bool
is_told(void)
{
	return is_capture() || how->flags & HOW;
}

/* Is there another way after that failure?  posix_spawn() and malloc(3) are the
 * C library's matter. */
static bool
must_go_on(void)
{
	int err = atomic_load(&sv->err);

	if (strcmp(spawnio_engine(NULL), "posix_spawn") == 0 ||
	    atomic_load(&sv->extent) == SV_ALL)
		return false;
	switch (atomic_load(&sv->nr)) {
#ifdef __GLIBC__
	case SV_MMAP:
	case SYS_mprotect:
		return !is_fn() && !is_told();
#endif
#ifdef SYS_pidfd_open
	case SYS_pidfd_open:
		return is_fn() || how->flags & START;
#endif
	case SYS_read:
		return !is_told();
	case SYS_madvise:
	case SYS_openat:
	case SYS_ioctl:
	case SV_GETRESUID:
	case SV_GETRESGID:
	case SYS_capget:
	case SYS_sched_getaffinity:
	case SYS_waitid:
	case SYS_futex:
	case SYS_kill:
	case SYS_getpgid:
#ifdef SYS_close_range
	case SYS_close_range:
#endif
		return true;
	case SYS_statx:
		return err == ENOSYS || !SV_FSTAT_IS_STATX;
#ifdef SYS_clone3
	case SYS_clone3:
		return err == ENOSYS || err == EPERM || err == EINVAL;
#endif
#ifdef SYS_faccessat2
	case SYS_faccessat2:
		return err == EPERM;
#endif
	case SYS_execve:
		return err == ETXTBSY && !is_fn();
	default:
		return false;
	}
}

/* musl's malloc() knows one reason why there is no memory. */
static bool
is_expected(int error)
{
#ifndef __GLIBC__
	if (atomic_load(&sv->nr) == SV_MMAP && error == ENOMEM)
		return true;
#endif
	return error == atomic_load(&sv->err) || sv_gave(sv, error);
}

/* A failure in the child may give 127; and so does one that posix_spawn() does
 * not tell from it. */
static bool
may_be_127(void)
{
	return (part == IN_CHILD && !is_told()) || (how->type == NULL &&
	    strcmp(spawnio_engine(NULL), "posix_spawn") == 0);
}

static void
check_end(int status, int error, const char *text)
{
	bool hit = atomic_load(&sv->failed) != 0 && !must_go_on();

	if (status == -1) {
		if (may_be_lost(how) && error == ECHILD)
			return;
		if (how->type != NULL || !hit || !is_expected(error))
			wrong("status -1, errno %d", error);
		return;
	}
	if (may_be_127() && hit && status == 127 << 8 && *text == '\0')
		return;
	if (how->flags & (STOP | TELL) &&
	    (status == SIGTERM || status == SIGKILL))
		return;
	if (status != how->status << 8 || strcmp(text, how->text) != 0)
		wrong("status %#x, output '%s'", status, text);
}

/* All that the command says, and what it is told.  It may be dead. */
static void
talk(FILE *stream, char text[64])
{
	size_t n = 0;

	if (how->type[0] == 'w' || how->type[1] == '+') {
		fputs("5\n", stream);
		fflush(stream);
		clearerr(stream);
	}
	if (how->type[0] == 'r')
		n = fread(text, 1, 63, stream);
	text[n] = '\0';
}

#define GRACE	1000	/* milliseconds; it takes no more than the command */

/* What is asked for beside the program. */
static struct spawnio_rlimit core = { .resource = RLIMIT_CORE };
static int folder;

static struct spawnio_how
asked_with(char *const *argv)
{
	struct spawnio_how asked = {
		.size = sizeof(asked), .file = "/bin/sh", .argv = argv,
		.cwd = "/", .nice = 1, .rlimits = &core, .rlimit_count = 1,
		.flags = SPAWNIO_SETPGROUP | SPAWNIO_CLOSE_OTHERS
	};

	if (!(how->flags & IDS))
		return asked;
	asked.cwd = NULL;
	asked.flags = SPAWNIO_SETSID | SPAWNIO_SETCWDFD | SPAWNIO_SETUMASK |
	    SPAWNIO_SETUID | SPAWNIO_SETGID | SPAWNIO_NO_NEW_PRIVS;
	asked.cwd_fd = folder;
	asked.umask = 022;
	asked.uid = getuid();
	asked.gid = getgid();
	asked.death_signal = SIGKILL;
	return asked;
}

static int
run_system(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
		(char *)(uintptr_t)how->command, NULL };
	struct spawnio_how asked = asked_with(argv);
	struct spawnio_child child;
	int status;

	if (!(how->flags & HOW))
		return ssystem(how->command);
	if (!(how->flags & START))
		return spawnio_run(&asked);
	if (spawnio_start(&asked, &child) != 0)
		return -1;
	return (how->flags & STOP ?
	    spawnio_child_stop(&child, GRACE, &status) :
	    spawnio_child_wait(&child, -1, &status)) == 0 ? status : -1;
}

static FILE *
open_stream(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
		(char *)(uintptr_t)how->command, NULL };
	struct spawnio_how asked = asked_with(argv);

	return how->flags & HOW ? spawnio_open(&asked, how->type) :
	    spopen(how->command, how->type);
}

/* False if the command could not be run at all. */
static bool
try_system(void)
{
	int status, error;

	arm(IN_OPEN, SV_PARENT);
	arm(IN_CHILD, SV_CHILD);
	errno = 0;
	status = run_system();
	error = errno;
	sv_disarm(sv);
	if (status != -1 && error != 0)
		wrong("errno %d after success", error);
	check_end(status, error, "");
	return status != -1 || may_be_lost(how);
}

/* Streams of before, which the command must not hold open. */
static void
open_earlier(FILE *earlier[2])
{
	int passed = atomic_load(&sv->passed), i;

	for (i = 0; i < 2; i++)
		if ((earlier[i] = spopen("read x", "w")) == NULL)
			wrong("no earlier stream: %s", strerror(errno));
	while (atomic_load(&sv->passed) < passed + 2)
		usleep(100);
}

static void
close_earlier(FILE *earlier[2])
{
	int i;

	for (i = 0; i < 2; i++)
		if (spclose(earlier[i]) == -1 && !may_be_lost(how))
			wrong("an earlier stream: %s", strerror(errno));
}

static void
check_told(const char *function, bool failed, int error)
{
	if (!failed && error != 0)
		wrong("%s: errno %d after success", function, error);
	if (failed && error != ETIMEDOUT && error != ENOTSUP &&
	    !(may_be_lost(how) && error == ECHILD) && !sv_gave(sv, error))
		wrong("%s: %s", function, strerror(error));
}

static void
ask_of(FILE *stream)
{
	int fd, status;
	bool failed;

	errno = 0;
	failed = spawnio_stream_pid(stream) <= 0;
	if (failed || errno != 0)
		wrong("spawnio_stream_pid: errno %d", errno);
	fd = spawnio_stream_pidfd(stream);
	check_told("spawnio_stream_pidfd", fd < 0, errno);
	if (fd >= 0)
		close(fd);
	errno = 0;
	failed = spawnio_stream_await(stream, -1, NULL) == -1;
	check_told("spawnio_stream_await", failed, errno);
	errno = 0;
	failed = spawnio_stream_wait(stream, 1, &status) == -1;
	check_told("spawnio_stream_wait", failed, errno);
	errno = 0;
	failed = spawnio_stream_stop(stream, GRACE) == -1;
	check_told("spawnio_stream_stop", failed, errno);
}

/* False if there was no stream. */
static bool
try_stream(void)
{
	FILE *stream, *earlier[2] = { NULL, NULL };
	char text[64] = "";
	int status, error;

	if (part == IN_CHILD)
		open_earlier(earlier);
	arm(IN_OPEN, SV_PARENT);
	arm(IN_CHILD, SV_CHILD);
	errno = 0;
	stream = open_stream();
	error = errno;
	if (part == IN_CHILD)
		close_earlier(earlier);
	if (stream == NULL) {
		sv_disarm(sv);
		if (atomic_load(&sv->failed) == 0 || must_go_on() ||
		    !is_expected(error))
			wrong("spopen failed: %s", strerror(error));
		return false;
	}
	if (error != 0)
		wrong("errno %d after success", error);
	if (part == IN_OPEN)
		sv_disarm(sv);
	if (!(how->flags & TELL))
		talk(stream, text);
	arm(IN_CLOSE, SV_PARENT);
	if (how->flags & TELL)
		ask_of(stream);
	errno = 0;
	status = spclose(stream);
	error = errno;
	sv_disarm(sv);
	check_end(status, error, text);
	return true;
}

/* False if there was no child. */
static bool
try_capture(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
		(char *)(uintptr_t)how->command, NULL };
	struct spawnio_capture capture = { .input = "5\n", .input_size = 2 };
	struct spawnio_how asked = asked_with(argv);
	int result, error;

	arm(IN_OPEN, SV_PARENT);
	arm(IN_CHILD, SV_CHILD);
	errno = 0;
	result = spawnio_capture(&asked, &capture);
	error = errno;
	sv_disarm(sv);
	if (result == -1 && (atomic_load(&sv->failed) == 0 || must_go_on() ||
	    !is_expected(error)))
		wrong("spawnio_capture failed: %s", strerror(error));
	if (result == 0 && error != 0)
		wrong("errno %d after success", error);
	if (result == 0 && (capture.status != how->status << 8 ||
	    strcmp(capture.out, how->text) != 0))
		wrong("status %#x, output '%s'", capture.status, capture.out);
	free(capture.out);
	free(capture.err);
	return result == 0;
}

#ifdef SPIO_NATIVE

SPAWNIO_IN_CHILD static int
execute(void *arg)
{
	char *const *argv = arg, *const nothing[] = { NULL };

	return child_execve("/bin/sh", argv, nothing);
}

static void
check_fn(const struct spawnio_child *child, int status, int told)
{
	bool hit = atomic_load(&sv->failed) != 0 && !must_go_on();
	int error = child->shared ? atomic_load(&sv->err) : told;

	if (status == how->status << 8 && told == 0)
		return;
	if (part == IN_CHILD && hit && status == 127 << 8 &&
	    (told == error || (child->shared && sv_gave(sv, told))))
		return;
	wrong("status %#x, error %d", status, told);
}

/* False if there was no child. */
static bool
try_fn(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
		(char *)(uintptr_t)how->command, NULL };
	struct spawnio_child child = { .stack_size = 64 * 1024,
		.flags = SPAWNIO_CHILD_PIDFD };
	int status, told, error;

	arm(IN_OPEN, SV_PARENT);
	arm(IN_CHILD, SV_CHILD);
	errno = 0;
	if (avfork(execute, argv, &child) == -1) {
		error = errno;
		sv_disarm(sv);
		if (atomic_load(&sv->failed) == 0 || must_go_on() ||
		    !is_expected(error))
			wrong("avfork failed: %s", strerror(error));
		return false;
	}
	if (part == IN_OPEN)
		sv_disarm(sv);
	arm(IN_CLOSE, SV_PARENT);
	if (spawnio_child_await(&child, -1, &told) == -1)
		wrong("spawnio_child_await: %s", strerror(errno));
	if (spawnio_child_wait(&child, -1, &status) == -1)
		status = -1;
	error = errno;
	sv_disarm(sv);
	if (error != 0)
		wrong("errno %d after success", error);
	check_fn(&child, status, told);
	return true;
}

#else

static bool
try_fn(void)
{
	wrong("no avfork()");
	return false;
}

#endif

static bool
try_once(void)
{
	if (is_fn())
		return try_fn();
	if (is_capture())
		return try_capture();
	return how->type != NULL ? try_stream() : try_system();
}

/* The rest of a test's life goes on as if nothing had been. */
static void
work_again(void)
{
	enum part saved = part;

	part = PARTS;
	atomic_store(&sv->failed, 0);
	if (!try_once())
		wrong("it does not work afterwards");
	part = saved;
}

static size_t
memory_in_use(void)
{
#ifdef HAVE_MALLINFO2
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

/* The C library keeps what it needs anew, but not for ever: glibc seven blocks
 * of a size. */
static void
try_for_leaks(void)
{
	size_t before = 0;
	int i;

	for (i = 0; i < 10; i++) {
		try_once();
		if (i == 7)
			before = memory_in_use();
	}
	if (memory_in_use() != before)
		wrong("%ld bytes left", (long)(memory_in_use() - before));
}

static void
warm_up(void)
{
#ifdef SYS_clone3
	if (past == REFUSED)
		refuse(SYS_clone3, 0, ENOSYS);
#endif
	work_again();
}

static void
prepare(void)
{
	if (may_be_lost(how))
		on_signal(SIGCHLD, SIG_IGN, 0);
	on_signal(SIGPIPE, SIG_IGN, 0);
	if (how->flags & NO_STDIN)
		close(0);
	if (how->flags & IDS)
		folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
finish(void)
{
	work_again();
	if (how->flags & NO_STDIN && open("/dev/null", O_RDWR) != 0)
		wrong("descriptor 0 is open");
	if (how->flags & IDS)
		close(folder);
	if (spawnio_quiesce(0) != 0)
		wrong("a launch is in flight");
	fixture_teardown();
}

/* In a process of its own, as only the first launch makes some of the calls. */
static void
try_in_child(void *arg)
{
	(void)arg;
	prepare();
	if (past != COLD)
		warm_up();
	report->failed = !try_once();
	if (report->failed && past == WARM)
		try_for_leaks();
	finish();
}

static void
run_in_child(void (*body)(void *), const void *arg)
{
	pid_t pid;
	int status;

	memset(report, 0, sizeof(*report));
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(PATIENCE * sv_slowness());
		sv_watch(sv);
		body((void *)(uintptr_t)arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (status != 0)
		ck_abort_msg("%s, past %d, part %d, extent %d: call %d, which "
		    "is number %ld, fails with errno %d: status %#x, %s",
		    how->name, past, part, atomic_load(&sv->extent), nth,
		    atomic_load(&sv->nr), atomic_load(&sv->err), status,
		    report->why);
}

static bool
is_last_errno(long nr, int which)
{
	size_t i;

	for (i = 0; i < COUNT(calls) && calls[i].nr != nr; i++)
		;
	return i == COUNT(calls) || which == SV_ERRNOS - 1 ||
	    calls[i].err[which + 1] == 0;
}

static void
fail_to_an_extent(enum sv_extent extent, int which)
{
	atomic_store(&sv->which, which);
	atomic_store(&sv->extent, (int)extent);
	atomic_store(&sv->nr, -1);
	run_in_child(try_in_child, NULL);
}

/* False if there is no nth call. */
static bool
fail_with_each_errno(void)
{
	int which = 0;
	long nr;

	do {
		fail_to_an_extent(SV_ONCE, which);
		nr = atomic_load(&sv->nr);
		if (nr == -1)
			return which > 0;
		/* What if it always fails?  Not where it was the last way. */
		if (!report->failed)
			fail_to_an_extent(SV_SAME, which);
		if (which == 0)
			fail_to_an_extent(SV_ALL, which);
	} while (!is_last_errno(nr, which++));
	return true;
}

static void
fail_each(const struct how *a_way, enum past a_past, enum part a_part)
{
	how = a_way;
	past = a_past;
	part = a_part;
	for (nth = 1; fail_with_each_errno(); nth++)
		;
	ck_assert_int_gt(nth, 1);
}

START_TEST(opening)
{
	int i;

	for (i = 0; i < PASTS; i++)
		if (i == WARM || ways[_i].flags & FULL)
			fail_each(&ways[_i], (enum past)i, IN_OPEN);
}
END_TEST

START_TEST(closing)
{
	fail_each(&ways[_i], WARM, IN_CLOSE);
}
END_TEST

START_TEST(in_child_of)
{
	fail_each(&ways[_i], WARM, IN_CHILD);
	if (ways[_i].flags & FULL)
		fail_each(&ways[_i], REFUSED, IN_CHILD);
}
END_TEST

static bool
is_about_privilege(long nr)
{
	return nr == SV_GETRESUID || nr == SV_GETRESGID || nr == SYS_capget ||
	    nr == SYS_openat || nr == SYS_read;
}

/* Whether privilege could be lost must be known.  The nth call is not the same
 * each time where a sanitizer has some of its own, so its errnos may be fewer
 * than those that are tried. */
static void
ask_for_engine(void)
{
	int failed = atomic_load(&sv->failed);
	const char *reason = NULL, *engine;

	errno = 0;
	engine = spawnio_engine(&reason);
	if (engine == NULL || reason == NULL || errno != 0)
		wrong("spawnio_engine: errno %d", errno);
	else if (strcmp(engine, "avfork") == 0 &&
	    atomic_load(&sv->failed) != failed &&
	    is_about_privilege(atomic_load(&sv->nr)))
		wrong("the engine is avfork");
}

/* The calls that have no way to fail.  The gate decides twice. */
static void
ask(void *arg)
{
	char word[8];

	(void)arg;
	sv_arm(sv, SV_PARENT, nth);
	ask_for_engine();
	if (spawnio_quiesce(0) != 0 || errno != 0)
		wrong("spawnio_quiesce: errno %d", errno);
	if (spawnio_set_engine(SPAWNIO_ENGINE_AUTO) != 0 || errno != 0)
		wrong("spawnio_set_engine: errno %d", errno);
	if (spawnio_quote(word, sizeof(word), "a b") != 5 || errno != 0)
		wrong("spawnio_quote: errno %d", errno);
	ask_for_engine();
	sv_disarm(sv);
	fixture_teardown();
}

/* False if there is no nth call. */
static bool
ask_with_each_errno(enum sv_extent extent)
{
	int which = 0;
	long nr;

	do {
		atomic_store(&sv->which, which);
		atomic_store(&sv->extent, (int)extent);
		atomic_store(&sv->nr, -1);
		run_in_child(ask, NULL);
		nr = atomic_load(&sv->nr);
	} while (nr != -1 && !is_last_errno(nr, which++));
	return nr != -1;
}

START_TEST(asking)
{
	how = &ways[0];
	for (nth = 1; ask_with_each_errno((enum sv_extent)_i); nth++)
		;
}
END_TEST

/* Without a supervisor's help: part is one in which nothing is armed, and what
 * may fail is noted as if it had been. */
static void
expect_failure(int err)
{
	part = PARTS;
	atomic_store(&sv->failed, 1);
	atomic_store(&sv->nr, -1);
	atomic_store(&sv->err, err);
}

#define LIMIT	64

/* Take all descriptors below the limit but so many. */
static void
try_with_descriptors_left(void *arg)
{
	struct rlimit old, low;
	int fd[LIMIT], n = 0, null;

	(void)arg;
	prepare();
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = LIMIT;
	if (setrlimit(RLIMIT_NOFILE, &low) != 0)
		wrong("setrlimit: %s", strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	while ((fd[n] = fcntl(null, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	close(null);
	for (int left = 1; left < nth; left++)
		close(fd[--n]);
	expect_failure(EMFILE);
	if (!try_once() && (nth > 4 || how->type == NULL) && !is_told())
		wrong("%d descriptors were not enough", nth - 1);
	while (n > 0)
		close(fd[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	finish();
}

START_TEST(no_descriptors)
{
	how = &ways[_i];
	for (nth = 1; nth < 8; nth++)
		run_in_child(try_with_descriptors_left, NULL);
}
END_TEST

static void
find_no_process(int err)
{
	expect_failure(err);
	for (int i = 0; i < 3; i++)
		if (try_once() && !may_be_lost(how))
			wrong("there was a process");
}

/* The limit does not bind root. */
static void
try_without_processes(void *arg)
{
	struct rlimit old, none;

	(void)arg;
	if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 ||
	    setresuid(65534, 65534, 65534) != 0))
		wrong("setresuid: %s", strerror(errno));
	prepare();
	getrlimit(RLIMIT_NPROC, &old);
	none = old;
	none.rlim_cur = 0;
	if (setrlimit(RLIMIT_NPROC, &none) != 0)
		wrong("setrlimit: %s", strerror(errno));
	find_no_process(EAGAIN);
	setrlimit(RLIMIT_NPROC, &old);
	finish();
}

START_TEST(no_processes)
{
	how = &ways[_i];
	run_in_child(try_without_processes, NULL);
}
END_TEST

/* Sizes of what is left to malloc(3), eight of each, as glibc keeps seven in a
 * place where calloc(3) does not look. */
static const size_t sizes[] = { 128, 256, 600, 2100 };

/* With all of them there is enough, but for the child's stack of glibc's
 * posix_spawn(), and of avfork(), and for musl's malloc(), which divides no
 * block. */
static bool
is_enough(void)
{
#ifdef __GLIBC__
	return !is_fn() && !is_told() &&
	    strcmp(spawnio_engine(NULL), "posix_spawn") != 0;
#else
	return false;
#endif
}

/* clang leaves out the malloc() of what nobody uses, and never comes to the end
 * of the memory: it is not to know what this is. */
static void *(*volatile allocate)(size_t) = malloc;

/* Reserve blocks that do not touch, take all else, then give back the blocks of
 * the first nth sizes. */
static void
try_without_memory(void *arg)
{
	void *reserve[COUNT(sizes)][8];
	size_t i, k, size;

	(void)arg;
	prepare();
	for (i = 0; i < COUNT(sizes); i++)
		for (k = 0; k < 8; k++)
			if ((reserve[i][k] = allocate(sizes[i])) == NULL ||
			    allocate(64) == NULL)
				wrong("malloc: %s", strerror(errno));
	atomic_store(&sv->which, 0);
	atomic_store(&sv->extent, SV_ALL);
	sv_arm(sv, SV_PARENT, 1);
	for (size = 1 << 20; size >= 16; size /= 2)
		while (allocate(size) != NULL)
			;
	for (i = 0; i < COUNT(sizes) && (int)i < nth; i++)
		for (k = 0; k < 8; k++)
			free(reserve[i][k]);
	expect_failure(ENOMEM);
	if (!try_once() && nth == COUNT(sizes) && is_enough())
		wrong("the memory was not enough");
	sv_disarm(sv);
	finish();
}

START_TEST(no_memory)
{
	how = &ways[_i];
	for (nth = 0; nth <= (int)COUNT(sizes); nth++)
		run_in_child(try_without_memory, NULL);
}
END_TEST

/* Room for malloc(3), for a stack, for the pool, in the end for all.  The limit
 * is the commands' as well, which are to have enough: hence the ballast. */
static const size_t rooms[] = {
	0, 4 << 10, 36 << 10, 100 << 10, 300 << 10, 900 << 10, 1500 << 10,
	8 << 20
};

#define BALLAST	((size_t)256 << 20)

static void
try_with_limited_memory(void *arg)
{
	size_t room = *(const size_t *)arg;
	struct rlimit old, low;
	void *ballast = mmap(NULL, BALLAST, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	prepare();
	getrlimit(RLIMIT_AS, &old);
	low = old;
	low.rlim_cur = memory_size() + room;
	if (ballast == MAP_FAILED || setrlimit(RLIMIT_AS, &low) != 0)
		wrong("setrlimit: %s", strerror(errno));
	expect_failure(ENOMEM);
	if (!try_once() && room == rooms[COUNT(rooms) - 1] &&
	    !may_be_lost(how))
		wrong("the memory was not enough");
	setrlimit(RLIMIT_AS, &old);
	munmap(ballast, BALLAST);
	finish();
}

START_TEST(limited_memory)
{
	how = &ways[_i];
	for (size_t i = 0; i < COUNT(rooms); i++)
		run_in_child(try_with_limited_memory, &rooms[i]);
}
END_TEST

/* --- control groups: version 1 has a tree for each limit, 2 one for all --- */

struct tree {
	const char *root;
	const char *limit;
	const char *value;
};

static const struct tree of_pids[] = {
	{ "/sys/fs/cgroup/pids", "pids.max", "1" },
	{ "/sys/fs/cgroup", "pids.max", "1" },
	{ NULL, NULL, NULL }
};

static const struct tree of_memory[] = {
	{ "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "32M" },
	{ "/sys/fs/cgroup", "memory.max", "32M" },
	{ NULL, NULL, NULL }
};

/* With the group that is in use, or NULL. */
static const struct tree *tree;
static char group[64];

static bool
put(const char *folder_of_it, const char *file, const char *text)
{
	char path[128];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "%s/%s", folder_of_it, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = write(fd, text, strlen(text)) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

static void
remove_group(void)
{
	if (tree != NULL && rmdir(group) == -1)
		left_out(group);
	tree = NULL;
}

static void
make_group(const struct tree *trees)
{
	for (tree = trees; tree->root != NULL; tree++) {
		snprintf(group, sizeof(group), "%s/spawnio-%d", tree->root,
		    (int)getpid());
		if (mkdir(group, 0755) == -1)
			continue;
		if (put(group, tree->limit, tree->value))
			return;
		rmdir(group);
	}
	tree = NULL;
}

static void
make_group_of_pids(void)
{
	make_group(of_pids);
}

/* Memory that may not be swapped out, if there is a word for that. */
static void
make_group_of_memory(void)
{
	make_group(of_memory);
	if (tree == NULL)
		return;
	put(group, "memory.memsw.limit_in_bytes", "32M");
	put(group, "memory.swap.max", "0");
}

static bool
may_group(const struct tree *trees)
{
	bool may;

	make_group(trees);
	may = tree != NULL;
	remove_group();
	return may;
}

static void
enter_group(void)
{
	if (!put(group, "cgroup.procs", "0"))
		wrong("cgroup.procs: %s", strerror(errno));
}

static void
leave_group(void)
{
	if (!put(tree->root, "cgroup.procs", "0"))
		wrong("cgroup.procs: %s", strerror(errno));
}

static void
try_in_full_group(void *arg)
{
	(void)arg;
	prepare();
	enter_group();
	find_no_process(EAGAIN);
	leave_group();
	finish();
}

START_TEST(full_group)
{
	how = &ways[_i];
	run_in_child(try_in_full_group, NULL);
}
END_TEST

/* It is to be the one that is killed. */
#define EATER	"echo 1000 >/proc/self/oom_score_adj; x=0123456789; " \
	"while :; do x=$x$x; done"

static void
run_eaters(void *arg)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)EATER, NULL };
	struct spawnio_how asked = { .size = sizeof(asked), .file = "/bin/sh",
		.argv = argv };
	struct spawnio_capture capture = { .input = NULL };
	FILE *stream;

	(void)arg;
	prepare();
	enter_group();
	stream = spopen(EATER, "r");
	if (stream == NULL || fgetc(stream) != EOF ||
	    spclose(stream) != SIGKILL)
		wrong("spopen");
	if (ssystem(EATER) != SIGKILL)
		wrong("ssystem");
	if (spawnio_capture(&asked, &capture) != 0 ||
	    capture.status != SIGKILL)
		wrong("spawnio_capture");
	free(capture.out);
	free(capture.err);
	leave_group();
	finish();
}

START_TEST(command_out_of_memory)
{
	how = &ways[0];
	run_in_child(run_eaters, NULL);
}
END_TEST

/* Launches until it is killed, with some commands that wait for its end. */
static void
eat_and_launch(void)
{
	char *meal;
	int i;

	enter_group();
	for (i = 0;; i++) {
		if (i < 8 && spopen("cat >/dev/null", "w") == NULL)
			wrong("spopen: %s", strerror(errno));
		ssystem(":");
		meal = malloc(1 << 20);
		if (meal != NULL)
			memset(meal, i, 1 << 20);
	}
}

static bool
group_is_empty(void)
{
	char path[128];
	FILE *file;
	bool empty;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	empty = fgetc(file) == EOF;
	fclose(file);
	return empty;
}

START_TEST(caller_out_of_memory)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(PATIENCE * sv_slowness());
		eat_and_launch();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	assert_killed(status, SIGKILL);
	while (!group_is_empty())	/* or the test takes too long */
		usleep(1000);
}
END_TEST

/* --- pid namespaces --- */

/* One whose first process has ended takes no other. */
static void
try_in_dead_namespace(void *arg)
{
	int ours = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	(void)arg;
	prepare();
	if (unshare(CLONE_NEWPID) == -1 || (pid = fork()) == -1)
		wrong("unshare: %s", strerror(errno));
	if (pid == 0)
		_exit(0);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	find_no_process(ENOMEM);
	if (setns(ours, CLONE_NEWPID) == -1)
		wrong("setns: %s", strerror(errno));
	close(ours);
	finish();
}

START_TEST(dead_namespace)
{
	how = &ways[_i];
	run_in_child(try_in_dead_namespace, NULL);
}
END_TEST

#define PIDS	301		/* the least that the kernel lets a limit be */

static int
fill_namespace(pid_t pid[PIDS])
{
	int n = 0;

	while (n < PIDS && (pid[n] = fork()) > 0)
		n++;
	if (n < PIDS && pid[n] == 0)
		for (;;)
			pause();
	return n;
}

/* As the first process of its own, for which signals that it has not asked for
 * do not count; hence the death signal, which comes from without. */
static void
try_in_full_namespace(void)
{
	pid_t pid[PIDS];
	int n, i;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prepare();
	if (!put("/proc/sys/kernel", "pid_max", "301"))
		wrong("pid_max: %s", strerror(errno));
	n = fill_namespace(pid);
	find_no_process(EAGAIN);
	for (i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	for (i = 0; i < n; i++)
		waitpid(pid[i], NULL, 0);
	finish();
}

static void
fork_into_namespace(void *arg)
{
	pid_t pid;
	int status;

	(void)arg;
	if (unshare(CLONE_NEWPID) == -1 || (pid = fork()) == -1)
		wrong("unshare: %s", strerror(errno));
	if (pid == 0) {
		try_in_full_namespace();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		_exit(1);
}

START_TEST(full_namespace)
{
	how = &ways[_i];
	if (how->flags & FULL)
		run_in_child(fork_into_namespace, NULL);
}
END_TEST

/* Before Linux 6.14 there was one limit for all namespaces. */
static bool
namespaces_have_limits(void)
{
	return kernel_is(6, 14);
}

static bool
may_make_namespace(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(CLONE_NEWPID) == -1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

#if MAY_REPLACE_CALLS

static int close_error;
static bool closed_again;

/* Before libc's, to the library as well.  On Linux the descriptor is gone even
 * if there is an error to report, so nobody may close it again. */
__attribute__((__visibility__("default"))) int
close(int fd)
{
	long r = syscall(SYS_close, fd);

	if (close_error != 0) {
		closed_again = closed_again || r == -1;
		errno = close_error;
		return -1;
	}
	return (int)r;
}

static void
try_closing_with_errors(void *arg)
{
	prepare();
	part = PARTS;
	atomic_store(&sv->failed, 0);
	close_error = *(const int *)arg;
	if (!try_once())
		wrong("it takes errno %d for a failure", close_error);
	close_error = 0;
	if (closed_again)
		wrong("a descriptor is closed again");
	finish();
}

static const int close_errors[] = { EINTR, EIO };

START_TEST(closed_with_an_error)
{
	how = &ways[_i];
	for (size_t i = 0; i < COUNT(close_errors); i++)
		run_in_child(try_closing_with_errors, &close_errors[i]);
}
END_TEST

static int fstat_error;

/* Also before libc's, where it is not fstat64(). */
__attribute__((__visibility__("default"))) int
fstat(int fd, struct stat *st)
{
	if (fstat_error == 0)
		return fstatat(fd, "", st, AT_EMPTY_PATH);
	errno = fstat_error;
	return -1;
}

/* The first would not end, did the second's command have its end too. */
START_TEST(stream_that_is_not_identified_is_closed_in_later_children)
{
	FILE *first, *second;

	fstat_error = EPERM;
	first = open_command("w", "exec cat >/dev/null");
	second = open_command("w", "exec cat >/dev/null");
	assert_exit(close_command(first), 0);
	assert_exit(close_command(second), 0);
}
END_TEST

#endif

static void *
sleep_long(void *arg)
{
	ssystem("exec sleep 1000");
	return arg;
}

#ifdef SYS_pidfd_send_signal
/* A filter may know clone3(2) and not this. */
START_TEST(cancelled_without_pidfd_send_signal)
{
	pthread_t thread;
	void *result;
	int passed = atomic_load(&sv->passed);

	refuse(SYS_pidfd_send_signal, 0, ENOSYS);
	ck_assert_int_eq(pthread_create(&thread, NULL, sleep_long, NULL), 0);
	while (atomic_load(&sv->passed) == passed)
		usleep(100);
	ck_assert_int_eq(pthread_cancel(thread), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
}
END_TEST
#endif

/* A system and a capture are not closed, and the children of the other ways do
 * the same. */
static void
add_ways(TCase *tcase)
{
	int i, n = ways_here();

	tcase_add_loop_test(tcase, opening, 0, n);
	for (i = 0; i < n; i++) {
		if (ways[i].type != NULL && !is(&ways[i], CAPTURE))
			tcase_add_loop_test(tcase, closing, i, i + 1);
		if (ways[i].flags & CHILD)
			tcase_add_loop_test(tcase, in_child_of, i, i + 1);
	}
}

static void
add_groups(Suite *suite)
{
	TCase *tcase;

	if (may_group(of_pids)) {
		tcase = add_case(suite, "group of pids");
		tcase_add_checked_fixture(tcase, start, NULL);
		tcase_add_unchecked_fixture(tcase, make_group_of_pids,
		    remove_group);
		tcase_add_loop_test(tcase, full_group, 0, ways_here());
	} else
		left_out("no control group of pids: full_group");
	if (may_group(of_memory) && MAY_LIMIT) {
		tcase = add_case(suite, "group of memory");
		tcase_add_checked_fixture(tcase, start, NULL);
		tcase_add_unchecked_fixture(tcase, make_group_of_memory,
		    remove_group);
		tcase_add_test(tcase, command_out_of_memory);
		tcase_add_test(tcase, caller_out_of_memory);
	} else
		left_out("no control group of memory, or a sanitizer: "
		    "command_out_of_memory, caller_out_of_memory");
}

static void
add_namespaces(TCase *tcase)
{
	if (!may_make_namespace()) {
		left_out("no pid namespaces: dead_namespace, full_namespace");
		return;
	}
	tcase_add_loop_test(tcase, dead_namespace, 0, ways_here());
	if (namespaces_have_limits())
		tcase_add_loop_test(tcase, full_namespace, 0, ways_here());
	else
		left_out("no limit of a pid namespace: full_namespace");
}

int
main(void)
{
	Suite *suite = suite_create("faults");
	TCase *each = add_case(suite, "each call");
	TCase *memory = add_case(suite, "memory");
	TCase *cancel = add_case(suite, "cancel");

	if (!sv_works())
		return 77;
	tcase_set_timeout(each, 120);	/* some take seconds alone */
	tcase_add_checked_fixture(each, start, NULL);
	tcase_add_checked_fixture(memory, start_without_memory, NULL);
	tcase_add_checked_fixture(cancel, start, NULL);
	add_ways(each);
	tcase_add_loop_test(each, asking, SV_ONCE, SV_ALL + 1);
	tcase_add_loop_test(each, no_descriptors, 0, ways_here());
	tcase_add_loop_test(each, no_processes, 0, ways_here());
#ifdef SYS_pidfd_send_signal
	if (MAY_CANCEL)
		tcase_add_test(cancel, cancelled_without_pidfd_send_signal);
	else
		left_out("AddressSanitizer: "
		    "cancelled_without_pidfd_send_signal");
#endif
#if MAY_REPLACE_CALLS
	tcase_add_loop_test(each, closed_with_an_error, 0, ways_here());
	tcase_add_test(each,
	    stream_that_is_not_identified_is_closed_in_later_children);
#else
	left_out("sanitizer: closed_with_an_error, "
	    "stream_that_is_not_identified_is_closed_in_later_children");
#endif
	if (MAY_LIMIT) {
		tcase_add_loop_test(memory, no_memory, 0, ways_here());
		tcase_add_loop_test(memory, limited_memory, 0, ways_here());
	} else
		left_out("sanitizer: no_memory, limited_memory");
	add_groups(suite);
	add_namespaces(each);
	return run(suite);
}
