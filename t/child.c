/* SPDX-License-Identifier: ISC */
/* <spawnio/child.h>: each call does what libc's does, fails with -errno, and
 * leaves errno alone.  They are made by this process, or, where they change it
 * for good, by a child of fork(2): libc sees what they did. */

#include "fixture.h"

#include "supervisor.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef SPIO_NATIVE

#include "spawnio/child.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define ODD_ERRNO	12345
#define NOBODY		65534
#define KERNEL_GROUPS	65536
#define NO_FD		999
#define NO_PID		0x7ffffff0
#define NO_SIGNAL	99
#define NOT_HERE	"/nonexistent/file"
#define IDLE_CLASS	(3 << 13)	/* linux/ioprio.h */

/* The call's result is want, and errno is what it was. */
#define assert_gives(call, want) do { \
	long long got_, want_ = (want); \
	errno = ODD_ERRNO; \
	got_ = (call); \
	ck_assert_msg(got_ == want_, "%s gives %lld, not %lld", #call, got_, \
	    want_); \
	ck_assert_int_eq(errno, ODD_ERRNO); \
} while (0)

static char work[32];		/* the working folder of each test */

static void
make_work(void)
{
	strcpy(work, "/tmp/spawnio-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(work));
	ck_assert_int_eq(chdir(work), 0);
}

static void
remove_work(void)
{
	char remove[64];

	ck_assert_int_eq(chdir("/"), 0);
	snprintf(remove, sizeof(remove), "rm -rf %s", work);
	ck_assert_int_eq(system(remove), 0);
}

/* Run body in a child of fork(2): its wait status. */
static int
status_of(void (*body)(int), int arg)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		body(arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* A test in a child of fork(2). */
#define CHILD_TEST(name) \
static void name##_body(int); \
START_TEST(name) \
{ \
	assert_exit(status_of(name##_body, _i), 0); \
} \
END_TEST \
static void name##_body(__attribute__((__unused__)) int _i)

/* --- descriptors --- */

START_TEST(close_closes)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_gives(child_close(fd), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	assert_gives(child_close(fd), -EBADF);
}
END_TEST

START_TEST(close_range_closes_both_ends)
{
	int fd[3], i;

	for (i = 0; i < 3; i++)
		fd[i] = fcntl(0, F_DUPFD_CLOEXEC, 200 + i);
	errno = ODD_ERRNO;
	i = child_close_range(200, 201, 0);
	ck_assert_int_eq(errno, ODD_ERRNO);
	if (i == -ENOSYS) {	/* before Linux 5.9 */
		close(fd[0]);
		close(fd[1]);
	} else {
		ck_assert_int_eq(i, 0);
		ck_assert_int_eq(fcntl(200, F_GETFD), -1);
		ck_assert_int_eq(fcntl(201, F_GETFD), -1);
		assert_gives(child_close_range(5, 4, 0), -EINVAL);
	}
	ck_assert_int_eq(fcntl(202, F_GETFD), FD_CLOEXEC);
	close(fd[2]);
}
END_TEST

START_TEST(dup2_clears_close_on_exec)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	char byte = 1;

	assert_gives(child_dup2(fd, 100), 100);
	ck_assert_int_eq(fcntl(100, F_GETFD), 0);
	ck_assert_int_eq(read(100, &byte, 1), 1);
	ck_assert_int_eq(byte, 0);
	close(100);
	close(fd);
	assert_gives(child_dup2(NO_FD, 100), -EBADF);
}
END_TEST

START_TEST(dup2_onto_itself_changes_nothing)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_gives(child_dup2(fd, fd), fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_gives(child_dup2(fd, fd), -EBADF);
}
END_TEST

START_TEST(dup3_takes_flags)
{
	assert_gives(child_dup3(0, 100, O_CLOEXEC), 100);
	ck_assert_int_eq(fcntl(100, F_GETFD), FD_CLOEXEC);
	close(100);
	assert_gives(child_dup3(0, 0, 0), -EINVAL);
}
END_TEST

START_TEST(fcntl_takes_a_number_or_a_pointer)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd;

	assert_gives(child_fcntl(0, F_DUPFD_CLOEXEC, 150), 150);
	ck_assert_int_eq(fcntl(150, F_GETFD), FD_CLOEXEC);
	close(150);
	fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_gives(child_fcntl(fd, F_GETLK, (long)&lock), 0);
	ck_assert_int_eq(lock.l_type, F_UNLCK);
	close(fd);
	assert_gives(child_fcntl(NO_FD, F_GETFD, 0), -EBADF);
}
END_TEST

START_TEST(open_makes_a_file_of_that_mode)
{
	struct stat st;
	int fd;

	umask(0);
	errno = ODD_ERRNO;
	fd = child_open("file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	ck_assert_int_ge(fd, 3);
	ck_assert_int_eq(errno, ODD_ERRNO);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0640);
	close(fd);
	assert_gives(child_open("file", O_CREAT | O_EXCL, 0600), -EEXIST);
	assert_gives(child_open(NOT_HERE, O_RDONLY, 0), -ENOENT);
}
END_TEST

START_TEST(openat_starts_at_a_folder)
{
	int folder = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	struct stat st;

	errno = ODD_ERRNO;
	fd = child_openat(folder, "null", O_RDWR | O_CLOEXEC, 0);
	ck_assert_int_ge(fd, 3);
	ck_assert_int_eq(errno, ODD_ERRNO);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert(S_ISCHR(st.st_mode));
	close(fd);
	close(folder);
	assert_gives(child_openat(NO_FD, "null", O_RDWR, 0), -EBADF);
}
END_TEST

START_TEST(pipe_carries_what_is_written)
{
	char text[8] = "";
	int end[2];

	assert_gives(child_pipe2(end, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(end[0], F_GETFD), FD_CLOEXEC);
	assert_gives(child_write(end[1], "plum", 4), 4);
	assert_gives(child_read(end[0], text, sizeof(text)), 4);
	ck_assert_str_eq(text, "plum");
	assert_gives(child_write(end[0], "", 1), -EBADF);
	assert_gives(child_read(end[1], text, 1), -EBADF);
	assert_gives(child_lseek(end[0], 0, SEEK_SET), -ESPIPE);
	close(end[0]);
	close(end[1]);
	assert_gives(child_pipe2(end, -1), -EINVAL);
}
END_TEST

START_TEST(lseek_goes_far)
{
	const off_t far = (off_t)5 << 38;
	int fd = child_open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_gives(child_lseek(fd, far, SEEK_SET), far);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), far);
	assert_gives(child_lseek(fd, -far - 1, SEEK_CUR), -EINVAL);
	assert_gives(child_lseek(fd, -far, SEEK_CUR), 0);
	close(fd);
}
END_TEST

/* --- folders and modes --- */

CHILD_TEST(chdir_and_fchdir)
{
	char cwd[PATH_MAX];
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_gives(child_chdir("/dev"), 0);
	ck_assert_str_eq(getcwd(cwd, sizeof(cwd)), "/dev");
	assert_gives(child_fchdir(fd), 0);
	ck_assert_str_eq(getcwd(cwd, sizeof(cwd)), "/");
	assert_gives(child_chdir(NOT_HERE), -ENOENT);
	assert_gives(child_fchdir(NO_FD), -EBADF);
}

CHILD_TEST(chroot_is_for_root)
{
	if (geteuid() == 0) {
		ck_assert_int_eq(mkdir("root", 0755), 0);
		assert_gives(child_chroot("root"), 0);
		ck_assert_int_eq(access("/dev/null", F_OK), -1);
	} else {
		assert_gives(child_chroot("/"), -EPERM);
	}
	assert_gives(child_chroot(NOT_HERE), -ENOENT);
}

START_TEST(umask_returns_the_last)
{
	mode_t before = umask(027);

	assert_gives(child_umask(077), 027);
	ck_assert_int_eq(umask(before), 077);
}
END_TEST

/* --- processes --- */

START_TEST(ids_of_processes)
{
	assert_gives(child_getpid(), getpid());
	assert_gives(child_getppid(), getppid());
	assert_gives(child_gettid(), syscall(SYS_gettid));
	assert_gives(child_getpgid(0), getpgid(0));
	assert_gives(child_getsid(0), getsid(0));
	assert_gives(child_getpgid(NO_PID), -ESRCH);
	assert_gives(child_getsid(NO_PID), -ESRCH);
}
END_TEST

static void *
tell_tid(void *arg)
{
	*(pid_t *)arg = child_gettid();
	return arg;
}

START_TEST(gettid_is_the_threads)
{
	pthread_t thread;
	pid_t tid = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, tell_tid, &tid), 0);
	pthread_join(thread, NULL);
	ck_assert_int_gt(tid, 0);
	ck_assert_int_ne(tid, getpid());
}
END_TEST

CHILD_TEST(setpgid_makes_a_group)
{
	assert_gives(child_setpgid(0, 0), 0);
	ck_assert_int_eq(getpgid(0), getpid());
	assert_gives(child_setpgid(NO_PID, 0), -ESRCH);
	/* A group's leader cannot leave its session. */
	assert_gives(child_setsid(), -EPERM);
}

CHILD_TEST(setsid_makes_a_session)
{
	assert_gives(child_setsid(), getpid());
	ck_assert_int_eq(getsid(0), getpid());
	ck_assert_int_eq(getpgid(0), getpid());
}

CHILD_TEST(terminal_becomes_that_of_the_session)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(setsid(), getpid());
	ck_assert_int_eq(open("/dev/tty", O_RDWR | O_CLOEXEC), -1);
	assert_gives(child_setctty(slave), 0);
	ck_assert_int_ge(open("/dev/tty", O_RDWR | O_CLOEXEC), 0);
	assert_gives(child_tcsetpgrp(slave, getpid()), 0);
	ck_assert_int_eq(tcgetpgrp(slave), getpid());
	assert_gives(child_tcsetpgrp(slave, NO_PID), -ESRCH);
	/* It is not hung up before the end. */
	signal(SIGHUP, SIG_IGN);
}

START_TEST(what_is_no_terminal)
{
	assert_gives(child_setctty(0), -ENOTTY);
	assert_gives(child_tcsetpgrp(0, getpid()), -ENOTTY);
}
END_TEST

static void
kill_itself(int sig)
{
	child_kill(getpid(), sig);
}

START_TEST(kill_kills)
{
	assert_killed(status_of(kill_itself, SIGKILL), SIGKILL);
	assert_gives(child_kill(getpid(), 0), 0);
	assert_gives(child_kill(NO_PID, 0), -ESRCH);
	assert_gives(child_kill(getpid(), NO_SIGNAL), -EINVAL);
}
END_TEST

CHILD_TEST(prctl_takes_four_arguments)
{
	assert_gives(child_prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0), 0);
	_i = 0;
	ck_assert_int_eq(prctl(PR_GET_PDEATHSIG, &_i), 0);
	ck_assert_int_eq(_i, SIGUSR1);
	assert_gives(child_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	assert_gives(child_prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), -EINVAL);
	assert_gives(child_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 1, 0), -EINVAL);
	assert_gives(child_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1), -EINVAL);
	assert_gives(child_prctl(-1, 0, 0, 0, 0), -EINVAL);
}

CHILD_TEST(unshare_takes_flags)
{
	assert_gives(child_unshare(CLONE_FILES), 0);
	assert_gives(child_unshare(-1), -EINVAL);
	if (geteuid() == 0)
		return;
	assert_gives(child_unshare(CLONE_NEWUTS), -EPERM);
}

CHILD_TEST(setns_takes_a_descriptor)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	assert_gives(child_setns(NO_FD, 0), -EBADF);
	assert_gives(child_setns(0, 0), -EINVAL);
	assert_gives(child_setns(fd, CLONE_NEWNET), -EINVAL);
	if (geteuid() != 0)
		assert_gives(child_setns(fd, CLONE_NEWUTS), -EPERM);
}

/* --- ids --- */

START_TEST(ids_of_users)
{
	assert_gives(child_getuid(), (long)getuid());
	assert_gives(child_geteuid(), (long)geteuid());
	assert_gives(child_getgid(), (long)getgid());
	assert_gives(child_getegid(), (long)getegid());
}
END_TEST

/* Everybody may remain who he is. */
CHILD_TEST(ids_are_kept_from_others)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	assert_gives(child_setuid(uid), 0);
	assert_gives(child_setgid(gid), 0);
	assert_gives(child_setreuid(uid, uid), 0);
	assert_gives(child_setregid(gid, gid), 0);
	assert_gives(child_setresuid(uid, uid, uid), 0);
	assert_gives(child_setresgid(gid, gid, gid), 0);
	if (geteuid() == 0)
		return;
	assert_gives(child_setuid(0), -EPERM);
	assert_gives(child_setgid(0), -EPERM);
	assert_gives(child_setreuid(0, 0), -EPERM);
	assert_gives(child_setregid(0, 0), -EPERM);
	assert_gives(child_setresuid(0, 0, 0), -EPERM);
	assert_gives(child_setresgid(0, 0, 0), -EPERM);
	assert_gives(child_setgroups(0, NULL), -EPERM);
}

static void
assert_uids(uid_t real, uid_t effective, uid_t saved)
{
	uid_t id[3];

	ck_assert_int_eq(getresuid(&id[0], &id[1], &id[2]), 0);
	ck_assert_uint_eq(id[0], real);
	ck_assert_uint_eq(id[1], effective);
	ck_assert_uint_eq(id[2], saved);
}

static void
assert_gids(gid_t real, gid_t effective, gid_t saved)
{
	gid_t id[3];

	ck_assert_int_eq(getresgid(&id[0], &id[1], &id[2]), 0);
	ck_assert_uint_eq(id[0], real);
	ck_assert_uint_eq(id[1], effective);
	ck_assert_uint_eq(id[2], saved);
}

CHILD_TEST(root_becomes_others_by_setres)
{
	const gid_t groups[] = { 11, 12 };
	gid_t got[4];

	assert_gives(child_setgroups(COUNT(groups), groups), 0);
	ck_assert_int_eq(getgroups(COUNT(got), got), COUNT(groups));
	ck_assert_uint_eq(got[1], 12);
	assert_gives(child_setgroups(KERNEL_GROUPS + 1, groups),
	    -EINVAL);
	assert_gives(child_setresgid(1, 2, 3), 0);
	assert_gids(1, 2, 3);
	assert_gives(child_setresuid(4, (uid_t)-1, 6), 0);
	assert_uids(4, 0, 6);
}

CHILD_TEST(root_becomes_others_by_setre)
{
	assert_gives(child_setregid(1, 2), 0);
	assert_gids(1, 2, 2);
	assert_gives(child_setreuid(3, 4), 0);
	assert_uids(3, 4, 4);
}

CHILD_TEST(root_becomes_another)
{
	assert_gives(child_setgid(NOBODY), 0);
	assert_gids(NOBODY, NOBODY, NOBODY);
	assert_gives(child_setuid(NOBODY), 0);
	assert_uids(NOBODY, NOBODY, NOBODY);
}

static void *
lose_rights(void *arg)
{
	(void)arg;
	return child_setresgid(1, 1, 1) == 0 &&
	    child_setresuid(1, 1, 1) == 0 && getuid() == 1 ? work : NULL;
}

/* libc's would have told all threads to follow. */
CHILD_TEST(other_threads_keep_their_ids)
{
	pthread_t thread;
	void *done;

	ck_assert_int_eq(pthread_create(&thread, NULL, lose_rights, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, &done), 0);
	ck_assert_ptr_nonnull(done);
	assert_uids(0, 0, 0);
	assert_gids(0, 0, 0);
}

/* --- limits and scheduling --- */

CHILD_TEST(prlimit_sets_and_gets)
{
	struct rlimit limit = { 100, 200 }, old;

	assert_gives(child_prlimit(0, RLIMIT_NOFILE, &limit, NULL), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_uint_eq(old.rlim_cur, 100);
	ck_assert_uint_eq(old.rlim_max, 200);
	limit.rlim_cur = 50;
	assert_gives(child_prlimit(0, RLIMIT_NOFILE, &limit, &old), 0);
	ck_assert_uint_eq(old.rlim_cur, 100);
	assert_gives(child_prlimit(0, RLIMIT_CORE, NULL, &old), 0);
	limit.rlim_cur = 201;
	assert_gives(child_prlimit(0, RLIMIT_NOFILE, &limit, NULL), -EINVAL);
	assert_gives(child_prlimit(NO_PID, RLIMIT_NOFILE, NULL, &old),
	    -ESRCH);
}

CHILD_TEST(affinity_is_set)
{
	cpu_set_t set, got, none;
	int cpu = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&none);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_gives(child_sched_setaffinity(0, sizeof(set), &set), 0);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(got), &got), 0);
	ck_assert(CPU_EQUAL(&set, &got));
	assert_gives(child_sched_setaffinity(0, sizeof(none), &none),
	    -EINVAL);
}

CHILD_TEST(scheduler_is_set)
{
	struct sched_param param = { .sched_priority = 0 };

	assert_gives(child_sched_setscheduler(0, SCHED_BATCH, &param), 0);
	ck_assert_int_eq(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
	assert_gives(child_sched_setparam(0, &param), 0);
	param.sched_priority = 1;
	assert_gives(child_sched_setparam(0, &param), -EINVAL);
	assert_gives(child_sched_setscheduler(0, SCHED_BATCH, &param),
	    -EINVAL);
}

CHILD_TEST(priorities_are_set)
{
	assert_gives(child_setpriority(PRIO_PROCESS, 0, 19), 0);
	ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), 19);
	assert_gives(child_setpriority(NO_SIGNAL, 0, 19), -EINVAL);
	assert_gives(child_ioprio_set(1, 0, IDLE_CLASS), 0);
	ck_assert_int_eq(syscall(SYS_ioprio_get, 1, 0) & IDLE_CLASS,
	    IDLE_CLASS);
	assert_gives(child_ioprio_set(NO_SIGNAL, 0, IDLE_CLASS), -EINVAL);
}

static void
ignore_it(int signo)
{
	(void)signo;
}

START_TEST(nanosleep_sleeps)
{
	struct timespec time = { 0, 20000000 }, begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_gives(child_nanosleep(&time, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_int_ge((end.tv_sec - begin.tv_sec) * 1000000000L +
	    end.tv_nsec - begin.tv_nsec, time.tv_nsec);
	time.tv_nsec = -1;
	assert_gives(child_nanosleep(&time, &time), -EINVAL);
}
END_TEST

/* For as long as any libc's time lasts, but for the signal. */
START_TEST(nanosleep_tells_what_is_left)
{
	struct timespec time = { INT_MAX, 500000000 }, left = { 0, 0 };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	on_signal(SIGALRM, ignore_it, 0);
	/* The first may come before the sleep. */
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_gives(child_nanosleep(&time, &left), -EINTR);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	ck_assert_int_le(left.tv_sec, INT_MAX);
	ck_assert_int_gt(left.tv_sec, INT_MAX - 1000);
	ck_assert_int_gt(left.tv_nsec, 0);
	ck_assert_int_lt(left.tv_nsec, 1000000000);
}
END_TEST

/* --- signals --- */

START_TEST(mask_is_set)
{
	uint64_t set = SPAWNIO_SIGNAL(SIGUSR1), old = 0;

	assert_gives(child_setmask(SPAWNIO_SIGNAL(SIGHUP) |
	    SPAWNIO_SIGNAL(64)), 0);
	assert_gives(child_sigprocmask(SIG_BLOCK, &set, &old), 0);
	ck_assert_uint_eq(old, 1 | (uint64_t)1 << 63);
	ck_assert_uint_eq(own_set("SigBlk:"),
	    old | SPAWNIO_SIGNAL(SIGUSR1));
	assert_gives(child_sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	ck_assert_uint_eq(own_set("SigBlk:"), old);
	assert_gives(child_sigprocmask(NO_SIGNAL, &set, NULL), -EINVAL);
	assert_gives(child_setmask(0), 0);
	ck_assert_uint_eq(own_set("SigBlk:"), 0);
}
END_TEST

START_TEST(all_signals_are_blocked)
{
	sigset_t mask;

	assert_gives(child_setmask(SPAWNIO_ALL_SIGNALS), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert(sigismember(&mask, SIGHUP));
	ck_assert(sigismember(&mask, SIGRTMAX));
	assert_gives(child_setmask(0), 0);
}
END_TEST

CHILD_TEST(one_signal_gets_its_default)
{
	struct child_action action;
	struct sigaction got;

	on_signal(SIGUSR1, ignore_it, 0);
	on_signal(SIGUSR2, ignore_it, 0);
	assert_gives(child_sigdefault(SIGUSR1), 0);
	assert_gives(child_sigignore(SIGHUP), 0);
	ck_assert_int_eq(sigaction(SIGUSR1, NULL, &got), 0);
	ck_assert(got.sa_handler == SIG_DFL);
	ck_assert_int_eq(sigaction(SIGHUP, NULL, &got), 0);
	ck_assert(got.sa_handler == SIG_IGN);
	assert_gives(child_sigaction(SIGUSR2, NULL, &action), 0);
	/* ThreadSanitizer has a handler of its own before each. */
	ck_assert(action.handler == (uintptr_t)ignore_it || THREAD_SANITIZER);
	assert_gives(child_sigaction(SIGHUP, NULL, &action), 0);
	ck_assert_uint_eq(action.handler, 1);
	assert_gives(child_sigdefault(SIGKILL), -EINVAL);
	assert_gives(child_sigignore(NO_SIGNAL), -EINVAL);
	assert_gives(child_sigaction(0, NULL, &action), -EINVAL);
}

CHILD_TEST(sigaction_sets_an_action)
{
	struct child_action action, old;
	struct sigaction got;

	memset(&action, 0, sizeof(action));
	on_signal(SIGUSR1, ignore_it, SA_RESTART);
	action.handler = 1;
	assert_gives(child_sigaction(SIGUSR1, &action, &old), 0);
	ck_assert(old.handler == (uintptr_t)ignore_it || THREAD_SANITIZER);
	ck_assert_int_eq(sigaction(SIGUSR1, NULL, &got), 0);
	ck_assert(got.sa_handler == SIG_IGN);
	ck_assert_int_eq(got.sa_flags & SA_RESTART, 0);
	action.handler = 0;
	assert_gives(child_sigaction(SIGUSR1, &action, &old), 0);
	ck_assert_uint_eq(old.handler, 1);
	ck_assert_int_eq(sigaction(SIGUSR1, NULL, &got), 0);
	ck_assert(got.sa_handler == SIG_DFL);
}

static void
set_three(void)
{
	on_signal(SIGUSR1, ignore_it, 0);
	on_signal(SIGRTMAX, ignore_it, SA_RESTART);
	on_signal(SIGHUP, SIG_IGN, 0);
}

static void
assert_sets(uint64_t caught, uint64_t ignored)
{
	ck_assert_uint_eq(own_set("SigCgt:"), caught);
	ck_assert_uint_eq(own_set("SigIgn:"), ignored);
}

CHILD_TEST(caught_signals_get_their_defaults)
{
	set_three();
	assert_sets(SPAWNIO_SIGNAL(SIGUSR1) | SPAWNIO_SIGNAL(SIGRTMAX),
	    SPAWNIO_SIGNAL(SIGHUP));
	errno = ODD_ERRNO;
	child_sigdefault_caught();
	ck_assert_int_eq(errno, ODD_ERRNO);
	assert_sets(0, SPAWNIO_SIGNAL(SIGHUP));
}

CHILD_TEST(some_signals_get_their_defaults)
{
	set_three();
	errno = ODD_ERRNO;
	child_sigdefault_set(SPAWNIO_SIGNAL(SIGHUP) |
	    SPAWNIO_SIGNAL(SIGRTMAX));
	ck_assert_int_eq(errno, ODD_ERRNO);
	assert_sets(SPAWNIO_SIGNAL(SIGUSR1), 0);
}

CHILD_TEST(all_signals_get_their_defaults)
{
	set_three();
	errno = ODD_ERRNO;
	child_sigdefault_set(SPAWNIO_ALL_SIGNALS);
	ck_assert_int_eq(errno, ODD_ERRNO);
	assert_sets(0, 0);
}

/* --- the end --- */

static char *const no_strings[] = { NULL };

/* Execute by one of the calls sh -c "exit $STATUS", STATUS=42: it does not
 * return. */
static char shell[] = "sh", option[] = "-c", command[] = "exit $STATUS";
static char variable[] = "STATUS=42";
static char *const arguments[] = { shell, option, command, NULL };
static char *const strings[] = { variable, NULL };

static void
execute_by(int call)
{
	int fd;

	switch (call) {
	case 0:
		child_execve("/bin/sh", arguments, strings);
		break;
	case 1:
		fd = open("/bin", O_RDONLY | O_DIRECTORY);
		child_execveat(fd, "sh", arguments, strings, 0);
		break;
	case 2:
		fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
		child_fexecve(fd, arguments, strings);
		break;
	case 3:
		child_execvpe("/bin/sh", arguments, strings, NOT_HERE);
		break;
	case 4:
		child_execvpe("sh", arguments, strings, NULL);
		break;
	case 5:
		child_exit(42);
	}
	_exit(1);
}

START_TEST(ways_to_end)
{
	assert_exit(status_of(execute_by, _i), 42);
}
END_TEST

START_TEST(exec_fails)
{
	assert_gives(child_execve(NOT_HERE, arguments, strings), -ENOENT);
	assert_gives(child_execveat(NO_FD, "sh", arguments, strings, 0),
	    -EBADF);
	assert_gives(child_fexecve(NO_FD, arguments, strings), -EBADF);
}
END_TEST

/* Six arguments: the last, SPLICE_F_NONBLOCK, keeps it from waiting. */
START_TEST(syscall_takes_six_arguments)
{
	int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600), end[2];
	int64_t from = 3, to = 2;
	char text[8] = "";

	ck_assert_int_eq(write(fd, "a plum", 6), 6);
	ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
	assert_gives(child_syscall(SYS_splice, fd, (long)&from, end[1], 0, 2,
	    SPLICE_F_NONBLOCK), 2);
	ck_assert_int_eq(from, 5);
	ck_assert_int_eq(read(end[0], text, sizeof(text)), 2);
	ck_assert_str_eq(text, "lu");
	assert_gives(child_syscall(SYS_splice, end[0], 0, fd, (long)&to, 2,
	    SPLICE_F_NONBLOCK), -EAGAIN);
	assert_gives(child_syscall(SYS_splice, end[0], 0, fd, (long)&to, 2,
	    -1), -EINVAL);
	close(end[0]);
	close(end[1]);
	close(fd);
	assert_gives(child_syscall(9999, 0, 0, 0, 0, 0, 0), -ENOSYS);
}
END_TEST

/* --- PATH --- */

static void
make_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* Two folders and this one: the status tells which a program is from. */
static void
make_path(void)
{
	make_work();
	ck_assert_int_eq(mkdir("one", 0755), 0);
	ck_assert_int_eq(mkdir("two", 0755), 0);
	make_file("both", "#!/bin/sh\nexit 3\n", 0755);
	make_file("one/both", "#!/bin/sh\nexit 1\n", 0755);
	make_file("two/both", "#!/bin/sh\nexit 2\n", 0755);
	make_file("one/denied", "#!/bin/sh\nexit 1\n", 0644);
	make_file("two/denied", "#!/bin/sh\nexit 2\n", 0755);
	make_file("one/forbidden", "#!/bin/sh\nexit 1\n", 0644);
	make_file("one/formless", "exit 1\n", 0755);
	make_file("two/formless", "#!/bin/sh\nexit 2\n", 0755);
	ck_assert_int_eq(mkdir("one/folder", 0755), 0);
	make_file("two/folder", "#!/bin/sh\nexit 2\n", 0755);
	make_file("two/only", "#!/bin/sh\nexit 2\n", 0755);
	make_file("one/dangling", "#!/nonexistent/interpreter\n", 0755);
	make_file("two/dangling", "#!/bin/sh\nexit 2\n", 0755);
	ck_assert_int_eq(symlink("loop", "one/loop"), 0);
	make_file("two/loop", "#!/bin/sh\nexit 2\n", 0755);
}

/* What execvpe(3) of glibc does too, except for what is formless: an exit
 * status, or -errno. */
static const struct {
	const char *name;
	const char *path;
	int result;
} searches[] = {
	{ "both", "one:two", 1 },
	{ "both", "two:one", 2 },
	{ "both", "/nonexistent:two", 2 },
	{ "both", "one/both:two", 2 },		/* ENOTDIR */
	{ "only", "one:two", 2 },
	{ "only", "two/", 2 },
	{ "both", "", 3 },
	{ "both", ":one", 3 },
	{ "both", "/nonexistent::one", 3 },
	{ "both", "/nonexistent:", 3 },
	{ "both", ".:one", 3 },
	{ "one/both", "two", 1 },
	{ "./both", "two", 3 },
	{ "one/only", "two", -ENOENT },
	{ "denied", "one:two", 2 },
	{ "folder", "one:two", 2 },
	{ "dangling", "one:two", 2 },
	{ "forbidden", "one:two", -EACCES },
	{ "forbidden", "two:one:/nonexistent", -EACCES },
	{ "one/forbidden", "two", -EACCES },
	{ "nothing", "one:two", -ENOENT },
	{ "nothing", "one:two/both", -ENOTDIR },
	{ "nothing", "two/both:one", -ENOENT },
	{ "", "one:two", -ENOENT },
	{ "loop", "one:two", -ELOOP },
	{ "loop", "two:one", 2 },
	{ "formless", "one:two", -ENOEXEC },
	{ "one/formless", "two", -ENOEXEC }
};

/* A status of 100 is followed by -errno in a pipe. */
static int told[2];

static void
search_body(int i)
{
	char *arg[] = { (char *)searches[i].name, NULL };
	int result;

	errno = ODD_ERRNO;
	result = child_execvpe(searches[i].name, arg, no_strings,
	    searches[i].path);
	if (errno != ODD_ERRNO ||
	    write(told[1], &result, sizeof(result)) != sizeof(result))
		_exit(101);
	_exit(100);
}

START_TEST(path_is_searched)
{
	int status, result;

	ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
	status = status_of(search_body, _i);
	ck_assert(WIFEXITED(status));
	result = WEXITSTATUS(status);
	if (result == 100)
		ck_assert_int_eq(read(told[0], &result, sizeof(result)),
		    sizeof(result));
	close(told[0]);
	close(told[1]);
	ck_assert_msg(result == searches[_i].result,
	    "'%s' in '%s' gives %d, not %d", searches[_i].name,
	    searches[_i].path, result, searches[_i].result);
}
END_TEST

/* Those with which the search goes on, and one that ends it. */
#define SEARCH_ERRORS	5

static const struct sv_call execs[] = {
	{ SYS_execve, { ESTALE, ENODEV, ETIMEDOUT, EACCES, EIO } }
};

static void
one_and_two_body(int i)
{
	char both[] = "both", *arg[] = { both, NULL };

	(void)i;
	_exit(-child_execvpe("both", arg, no_strings, "one:two"));
}

/* Only the first file fails so. */
START_TEST(search_goes_on_after_some_errors)
{
	struct supervisor *sv = sv_start(execs, COUNT(execs));
	int status;

	ck_assert_ptr_nonnull(sv);
	atomic_store(&sv->which, _i);
	atomic_store(&sv->extent, SV_ONCE);
	sv_arm(sv, SV_CHILD, 1);
	status = status_of(one_and_two_body, 0);
	ck_assert_int_eq(atomic_load(&sv->failed), 1);
	sv_disarm(sv);
	assert_exit(status, execs[0].err[_i] == EIO ? EIO : 2);
}
END_TEST

/* So many letters and then a text. */
static const char *
letters(size_t n, const char *text)
{
	static char long_text[10000];

	ck_assert_uint_lt(n + strlen(text), sizeof(long_text));
	memset(long_text, 'x', n);
	strcpy(long_text + n, text);
	return long_text;
}

START_TEST(names_are_too_long)
{
	assert_gives(child_execvpe(letters(255, ""), arguments, strings,
	    "one"), -ENOENT);
	assert_gives(child_execvpe(letters(256, ""), arguments, strings,
	    "/nonexistent"), -ENAMETOOLONG);
	assert_gives(child_execvpe(letters(5000, ""), arguments, strings,
	    "/nonexistent"), -ENAMETOOLONG);
}
END_TEST

/* A PATH whose first element, of so many bytes, is this folder. */
static const char *
dots(size_t n, const char *text)
{
	char *path = (char *)letters(n, text);
	size_t i;

	path[0] = '.';
	for (i = 1; i < n; i++)
		path[i] = '/';
	return path;
}

static void
long_element_body(int n)
{
	char both[] = "both", *arg[] = { both, NULL };

	_exit(-child_execvpe("both", arg, no_strings, dots((size_t)n, ":two")));
}

/* Linux takes 4095 bytes: one more ends the search, as in execvpe(3), but an
 * element that is too long by itself is passed over. */
START_TEST(elements_are_too_long)
{
	assert_exit(status_of(long_element_body, 4095 - 5), 3);
	assert_exit(status_of(long_element_body, 4095 - 4), ENAMETOOLONG);
	assert_exit(status_of(long_element_body, 4095), ENAMETOOLONG);
	assert_exit(status_of(long_element_body, 4096), 2);
	assert_exit(status_of(long_element_body, 9000), 2);
	assert_gives(child_execvpe("both", arguments, strings,
	    dots(9000, "")), -ENOENT);
}
END_TEST

/* --- main --- */

static void
add_files(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, make_work, remove_work);
	tcase_add_test(tcase, close_closes);
	tcase_add_test(tcase, close_range_closes_both_ends);
	tcase_add_test(tcase, dup2_clears_close_on_exec);
	tcase_add_test(tcase, dup2_onto_itself_changes_nothing);
	tcase_add_test(tcase, dup3_takes_flags);
	tcase_add_test(tcase, fcntl_takes_a_number_or_a_pointer);
	tcase_add_test(tcase, open_makes_a_file_of_that_mode);
	tcase_add_test(tcase, openat_starts_at_a_folder);
	tcase_add_test(tcase, pipe_carries_what_is_written);
	tcase_add_test(tcase, lseek_goes_far);
	if (emulated())
		left_out("emulator, with a root of its own: chdir_and_fchdir");
	else
		tcase_add_test(tcase, chdir_and_fchdir);
	tcase_add_test(tcase, chroot_is_for_root);
	tcase_add_test(tcase, umask_returns_the_last);
	tcase_add_test(tcase, syscall_takes_six_arguments);
}

static void
add_processes(TCase *tcase)
{
	tcase_add_test(tcase, ids_of_processes);
	tcase_add_test(tcase, gettid_is_the_threads);
	tcase_add_test(tcase, setpgid_makes_a_group);
	tcase_add_test(tcase, setsid_makes_a_session);
	tcase_add_test(tcase, terminal_becomes_that_of_the_session);
	tcase_add_test(tcase, what_is_no_terminal);
	tcase_add_test(tcase, kill_kills);
	tcase_add_test(tcase, prctl_takes_four_arguments);
	tcase_add_test(tcase, unshare_takes_flags);
	tcase_add_test(tcase, setns_takes_a_descriptor);
	tcase_add_test(tcase, prlimit_sets_and_gets);
	tcase_add_test(tcase, affinity_is_set);
	tcase_add_test(tcase, scheduler_is_set);
	tcase_add_test(tcase, priorities_are_set);
	tcase_add_test(tcase, nanosleep_sleeps);
	tcase_add_test(tcase, nanosleep_tells_what_is_left);
}

static void
add_ids(TCase *tcase)
{
	tcase_add_test(tcase, ids_of_users);
	tcase_add_test(tcase, ids_are_kept_from_others);
	if (geteuid() != 0) {
		left_out("not root: ids that change");
		return;
	}
	tcase_add_test(tcase, root_becomes_others_by_setres);
	tcase_add_test(tcase, root_becomes_others_by_setre);
	tcase_add_test(tcase, root_becomes_another);
	if (MAY_MIX_IDS)
		tcase_add_test(tcase, other_threads_keep_their_ids);
	else
		left_out("AddressSanitizer: other_threads_keep_their_ids");
}

static void
add_signals(TCase *tcase)
{
	tcase_add_test(tcase, mask_is_set);
	tcase_add_test(tcase, all_signals_are_blocked);
	tcase_add_test(tcase, one_signal_gets_its_default);
	tcase_add_test(tcase, sigaction_sets_an_action);
	tcase_add_test(tcase, caught_signals_get_their_defaults);
	tcase_add_test(tcase, some_signals_get_their_defaults);
	tcase_add_test(tcase, all_signals_get_their_defaults);
}

static void
add_ends(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, make_path, remove_work);
	if (emulated()) {
		left_out("emulator without execveat(2): ways_to_end, "
		    "exec_fails");
	} else {
		tcase_add_loop_test(tcase, ways_to_end, 0, 6);
		tcase_add_test(tcase, exec_fails);
	}
	tcase_add_loop_test(tcase, path_is_searched, 0, COUNT(searches));
	if (sv_works())
		tcase_add_loop_test(tcase, search_goes_on_after_some_errors,
		    0, SEARCH_ERRORS);
	else
		left_out("no seccomp: search_goes_on_after_some_errors");
	tcase_add_test(tcase, names_are_too_long);
	tcase_add_test(tcase, elements_are_too_long);
}

/* No engine has a part in it. */
int
main(void)
{
	const char *engine = getenv("SPAWNIO_ENGINE");
	Suite *suite;

	if (engine != NULL && strcmp(engine, "auto") != 0) {
		left_out("no engine has a part in it: child, but once");
		return 77;
	}
	suite = suite_create("child");
	add_files(add_case(suite, "files"));
	add_processes(add_case(suite, "processes"));
	add_ids(add_case(suite, "ids"));
	if (emulated())
		left_out("emulator with signals of its own: signals");
	else
		add_signals(add_case(suite, "signals"));
	add_ends(add_case(suite, "ends"));
	return run(suite);
}

#else

int
main(void)
{
	left_out("no native engine in this build: child");
	return 77;
}

#endif
