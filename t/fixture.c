/* SPDX-License-Identifier: ISC */
/* The fixture and the helpers of the libcheck programs. */

#include "fixture.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <sched.h>
#include <stdarg.h>
#include <stddef.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define DESCRIPTORS	256
#define SIGNALS		65
#define ODD_ERRNO	12345
#define TIME_LIMIT	30
#define BLOWS		200
#define LIBC_SIGNALS	(15ULL << 31)	/* 32 to 34, which qemu moves by one */

/* The kernel's, which libc adds to what sigaction(2) is given. */
#define RESTORER	0x04000000

static struct {
	int descriptor[DESCRIPTORS];	/* its flags, or -1 */
	struct sigaction action[SIGNALS];
	sigset_t mask;
} before;

/* --- the fixture --- */

static void
note_state(void)
{
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		before.descriptor[fd] = fcntl(fd, F_GETFD);
	for (int signo = 1; signo < SIGNALS; signo++)
		sigaction(signo, NULL, &before.action[signo]);
	pthread_sigmask(SIG_SETMASK, NULL, &before.mask);
}

/* Whoever runs the tests may ignore signals, Check catches some in the process
 * that forks the tests, and its descriptors would be the commands' too. */
static void
start_afresh(void)
{
	sigset_t none;

	for (int signo = 1; signo < SIGNALS; signo++)
		signal(signo, SIG_DFL);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* A command that reads what it is not meant to finds nothing. */
static void
set_standard(void)
{
	close(0);
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_SETFD, 0) == -1)
			ck_assert_int_eq(open("/dev/null", O_RDWR), fd);
}

void
fixture_setup(void)
{
	start_afresh();
	set_standard();
	note_state();
}

static bool
same_action(const struct sigaction *a, const struct sigaction *b)
{
	for (int signo = 1; signo < SIGNALS; signo++)
		if (sigismember(&a->sa_mask, signo) !=
		    sigismember(&b->sa_mask, signo))
			return false;
	return a->sa_handler == b->sa_handler &&
	    (a->sa_flags & ~RESTORER) == (b->sa_flags & ~RESTORER);
}

/* An assertion is a write to Check: none where all is well. */
static void
check_descriptors(void)
{
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags != before.descriptor[fd])
			ck_abort_msg("descriptor %d: flags %d, before %d", fd,
			    flags, before.descriptor[fd]);
	}
}

static void
check_signals(void)
{
	struct sigaction action;
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (int signo = 1; signo < SIGNALS; signo++) {
		if (sigismember(&mask, signo) !=
		    sigismember(&before.mask, signo))
			ck_abort_msg("signal %d: mask not restored", signo);
		if (sigaction(signo, NULL, &action) == 0 &&
		    !same_action(&action, &before.action[signo]))
			ck_abort_msg("signal %d: action not restored", signo);
	}
}

static void
check_cancellation(void)
{
	int state, type;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	ck_assert_int_eq(state, PTHREAD_CANCEL_ENABLE);
	ck_assert_int_eq(type, PTHREAD_CANCEL_DEFERRED);
}

void
fixture_teardown(void)
{
	check_descriptors();
	check_signals();
	check_cancellation();
	assert_error(waitpid(-1, NULL, WNOHANG | __WALL), -1, ECHILD);
}

TCase *
add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, TIME_LIMIT);
	suite_add_tcase(suite, tcase);
	return tcase;
}

/* What LeakSanitizer, a shared library, asks at the exit. */
__attribute__((__visibility__("default"))) int __lsan_is_turned_off(void);
static int leaks_unsought;

int
__lsan_is_turned_off(void)
{
	return leaks_unsought;
}

void
seek_no_leaks(void)
{
	leaks_unsought = 1;
}

void
allow_no_children(void)
{
	struct rlimit none = { 0, 0 };

	ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
	seek_no_leaks();
}

void
left_out(const char *message)
{
	printf("%s left out\n", message);
	fflush(stdout);
}

int
run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

void
on_signal(int signo, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&action.sa_mask);
	ck_assert_int_eq(sigaction(signo, &action, NULL), 0);
	sigaction(signo, NULL, &before.action[signo]);
}

static void
change_mask(int how, int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	ck_assert_int_eq(pthread_sigmask(how, &set, NULL), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &before.mask);
}

void
block(int signo)
{
	change_mask(SIG_BLOCK, signo);
}

void
unblock(int signo)
{
	change_mask(SIG_UNBLOCK, signo);
}

/* --- the calls under test --- */

FILE *
open_command(const char *type, const char *format, ...)
{
	char command[4096];
	va_list args;
	FILE *stream;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	errno = ODD_ERRNO;
	stream = spopen(command, type);
	ck_assert_msg(stream != NULL, "spopen(\"%s\", \"%s\"): %s", command,
	    type, strerror(errno));
	ck_assert_int_eq(errno, ODD_ERRNO);
	return stream;
}

int
close_command(FILE *stream)
{
	int status;

	errno = ODD_ERRNO;
	status = spclose(stream);
	ck_assert_msg(status != -1, "spclose: %s", strerror(errno));
	ck_assert_int_eq(errno, ODD_ERRNO);
	return status;
}

int
run_command(const char *format, ...)
{
	char command[4096];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	errno = ODD_ERRNO;
	status = ssystem(command);
	ck_assert_msg(status != -1, "ssystem(\"%s\"): %s", command,
	    strerror(errno));
	ck_assert_int_eq(errno, ODD_ERRNO);
	return status;
}

const char *
rest_of(FILE *stream)
{
	static char text[65536];

	text[fread(text, 1, sizeof(text) - 1, stream)] = '\0';
	ck_assert(feof(stream) && !ferror(stream));
	return text;
}

const char *
output(const char *format, ...)
{
	char command[4096];
	const char *text;
	va_list args;
	FILE *stream;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	stream = open_command("r", "%s", command);
	text = rest_of(stream);
	assert_exit(close_command(stream), 0);
	return text;
}

/* Before what malloc() gives from then on, if the C library lets us have it
 * there. */
static void
take_memory(size_t size)
{
	static char *filler[10];
	char *memory = sbrk((intptr_t)size);

	if (memory == (void *)-1)
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	memset(memory, 'x', size);
	for (size_t i = 0; i < COUNT(filler); i++)
		ck_assert_ptr_nonnull(filler[i] = malloc(50000));
}

void
open_ended(FILE *stream[STREAMS + 1])
{
	take_memory((size_t)256 << 20);
	for (int i = 0; i < STREAMS; i++)
		stream[i] = open_command("w", "/bin/true");
	for (int i = 0; i < STREAMS; i++)
		ck_assert_int_eq(spawnio_stream_wait(stream[i], -1, NULL), 0);
	stream[STREAMS] = NULL;
}

void *
close_slowly(void *streams)
{
	FILE **stream;

	for (stream = streams; *stream != NULL; stream++) {
		usleep(50);
		if (spclose(*stream) != 0)
			return stream;
	}
	return NULL;
}

/* --- what a command finds --- */

const char *
list_open(int n)
{
	static char text[4096];
	size_t used = 0;

	used += snprintf(text + used, sizeof(text) - used, "for n in");
	for (int fd = 0; fd < n; fd++)
		used += snprintf(text + used, sizeof(text) - used, " %d", fd);
	ck_assert_uint_lt(used, sizeof(text) - 128);
	snprintf(text + used, sizeof(text) - used, "; do "
	    "if test -e /proc/self/fd/$n; then list=\"$list$n \"; fi; "
	    "done; printf %%s \"$list\"");
	return text;
}

unsigned long long
status_set(const char *text, const char *field)
{
	const char *line = strstr(text, field);

	ck_assert_msg(line != NULL, "no %s in '%s'", field, text);
	return strtoull(line + strlen(field) + 1, NULL, 16) & ~LIBC_SIGNALS;
}

unsigned long long
own_set(const char *field)
{
	char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	close(fd);
	return status_set(text, field);
}

/* --- channels --- */

static struct channel
make_channel(int theirs)
{
	int end[2];

	ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(end[theirs], F_SETFD, 0), 0);
	return (struct channel){ end[theirs], end[!theirs] };
}

struct channel
from_commands(void)
{
	return make_channel(1);
}

struct channel
to_commands(void)
{
	return make_channel(0);
}

void
close_channel(struct channel channel)
{
	close(channel.theirs);
	close(channel.ours);
}

void
await(struct channel from)
{
	char byte;

	ck_assert_int_eq(read(from.ours, &byte, 1), 1);
}

void
release(struct channel to)
{
	ck_assert_int_eq(write(to.ours, "\n", 1), 1);
}

/* --- other processes, other roots --- */

void
in_child(void (*body)(void *), void *arg)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		body(arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	assert_exit(status, 0);
}

static int standard[3];

void
close_standard(int which)
{
	for (int fd = 0; fd < 3; fd++) {
		standard[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		if (which & 1 << fd)
			close(fd);
	}
}

void
open_standard(void)
{
	for (int fd = 0; fd < 3; fd++) {
		ck_assert_int_eq(dup2(standard[fd], fd), fd);
		close(standard[fd]);
	}
}

void
in_threads(void *(*body)(void *), void *arg)
{
	pthread_t threads[8];
	void *wrong;

	for (size_t i = 0; i < COUNT(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, body, arg),
		    0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
}

struct root {
	const char *folder;
	void (*body)(void *);
	void *arg;
};

static bool
change_root(const char *folder)
{
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) == -1)
		return false;
	return chroot(folder) == 0 && chdir("/") == 0;
}

bool
may_change_root(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(!change_root("/"));
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void
live_there(void *arg)
{
	struct root *root = arg;

	ck_assert(change_root(root->folder));
	root->body(root->arg);
	fixture_teardown();
}

static void
make_shell(const char *path, const char *text, mode_t mode)
{
	FILE *shell = fopen(path, "we");

	ck_assert_ptr_nonnull(shell);
	ck_assert_int_ge(fputs(text, shell), 0);
	ck_assert_int_eq(fchmod(fileno(shell), mode), 0);
	ck_assert_int_eq(fclose(shell), 0);
}

void
in_other_root(const char *text, mode_t mode, void (*body)(void *), void *arg)
{
	char folder[] = "/tmp/spawnio-XXXXXX", bin[32], shell[40];
	struct root root = { folder, body, arg };
	pid_t pid;
	int status;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(bin, sizeof(bin), "%s/bin", folder);
	snprintf(shell, sizeof(shell), "%s/sh", bin);
	if (text != NULL) {
		ck_assert_int_eq(mkdir(bin, 0755), 0);
		make_shell(shell, text, mode);
	}
	pid = fork();
	if (pid == 0) {
		live_there(&root);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	unlink(shell);
	rmdir(bin);
	rmdir(folder);
	assert_exit(status, 0);
}

/* --- engines --- */

static bool
launch_one(void)
{
	FILE *stream = spopen(":", "re");

	if (stream != NULL)
		spclose(stream);
	return stream != NULL;
}

void
allow_long_arguments(void)
{
	const rlim_t enough = 64 << 20;
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_STACK, &limit), 0);
	limit.rlim_cur = limit.rlim_max < enough ? limit.rlim_max : enough;
	ck_assert_int_eq(setrlimit(RLIMIT_STACK, &limit), 0);
}

bool
native(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(spawnio_set_engine(SPAWNIO_ENGINE_FORK) == -1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int
cpus(void)
{
	cpu_set_t set;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	return CPU_COUNT(&set);
}

const char *
engine_in_use(void)
{
	ck_assert(launch_one());
	return spawnio_engine(NULL);
}

const char *
engine_of_tests(void)
{
	static char name[16];
	int end[2];
	pid_t pid;

	if (pipe2(end, O_CLOEXEC) == -1)
		return name;
	pid = fork();
	if (pid == 0) {
		const char *engine = launch_one() ? spawnio_engine(NULL) : "";

		_exit(write(end[1], engine, strlen(engine)) == -1);
	}
	close(end[1]);
	if (read(end[0], name, sizeof(name) - 1) == -1)
		name[0] = '\0';
	close(end[0]);
	waitpid(pid, NULL, 0);
	return name;
}

bool
clone3_is_there(void)
{
	return syscall(SYS_clone3, NULL, 0) == -1 && errno == EINVAL;
}

bool
emulated(void)
{
	volatile bool shared = false;
	pid_t pid;

	if (THREAD_SANITIZER)	/* it has a vfork() of its own */
		return false;
	pid = vfork();
	if (pid == 0) {
		shared = true;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return !shared;
}

/* Linux 6.15 tells the status of a process that is gone to those who hold a
 * pidfd of it. */
bool
lost_status_is_found(void)
{
	return kernel_is(6, 15) && clone3_is_there() &&
	    strcmp(spawnio_engine(NULL), "posix_spawn") != 0;
}

/* --- refusals --- */

size_t
memory_size(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void
limit_memory(size_t size)
{
	struct rlimit limit;

	limit.rlim_cur = limit.rlim_max = memory_size() + size;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
# define LOW_HALF	4
#else
# define LOW_HALF	0
#endif

/* clone(2) has its flags second there. */
#ifdef __s390x__
# define FLAGS_OF(call)	((call) == SYS_clone)
#else
# define FLAGS_OF(call)	0
#endif

static int
filter(long call, unsigned int flags, unsigned int verdict)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args[FLAGS_OF(call)]) +
		    LOW_HALF),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, verdict),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT(code), code };

	if (flags == 0)
		code[3].jf = 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

void
refuse(long call, unsigned int flags, int error)
{
	ck_assert_int_eq(filter(call, flags, SECCOMP_RET_ERRNO | error), 0);
}

void
refuse_poll(void)
{
#ifdef SYS_poll
	refuse(SYS_poll, 0, EPERM);
#endif
#ifdef SYS_ppoll
	refuse(SYS_ppoll, 0, EPERM);
#endif
#ifdef SYS_ppoll_time64
	refuse(SYS_ppoll_time64, 0, EPERM);
#endif
}

void
refuse_fstat(int error)
{
#ifdef SYS_fstat64
	refuse(SYS_fstat64, 4, error);
#else
	refuse(SYS_fstat, 4, error);
#endif
}

long
sleeps(void)
{
	struct rusage usage;

	ck_assert_int_eq(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nvcsw;
}

bool
may_refuse(void)
{
	pid_t pid;
	int status;

	if (ADDRESS_SANITIZER)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(filter(SYS_getppid, 0, SECCOMP_RET_ALLOW) == -1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* --- storms --- */

static int handled[2];

static void
tell(int signo)
{
	int error = errno;

	(void)signo;
	if (write(handled[1], "", 1) != 1)
		_exit(99);
	errno = error;
}

static void *
thunder(void *arg)
{
	struct storm *storm = arg;
	char byte;

	for (int i = 0; i < BLOWS; i++) {
		pthread_kill(storm->target, SIGUSR1);
		if (read(handled[0], &byte, 1) != 1)
			break;
	}
	if (write(storm->end.ours, "\n", 1) != 1)
		_exit(99);
	return arg;
}

void
start_storm(struct storm *storm, struct channel end)
{
	storm->target = pthread_self();
	storm->end = end;
	ck_assert_int_eq(pipe2(handled, O_CLOEXEC), 0);
	on_signal(SIGUSR1, tell, 0);
	ck_assert_int_eq(pthread_create(&storm->thunder, NULL, thunder, storm),
	    0);
}

void
join_storm(struct storm *storm)
{
	pthread_join(storm->thunder, NULL);
	close(handled[0]);
	close(handled[1]);
}
