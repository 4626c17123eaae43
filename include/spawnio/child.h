/* SPDX-License-Identifier: ISC */
/* System calls for a child that runs in the memory of its caller, as that of
 * avfork(3) does: in line, no libc, no thread pointer, errno left alone.  Each
 * does what the call of that name in section 2 of the manual does, for this
 * process alone, and returns -errno if it fails.  See spawnio_child(3). */

#ifndef SPAWNIO_CHILD_H
#define SPAWNIO_CHILD_H

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <spawnio/compiler.h>
#include <spawnio/syscall.h>

struct sched_param;
struct timespec;

/* Newer than some libc headers; the same number on every CPU. */
#ifndef SYS_close_range
# define SYS_close_range	436
#endif

/* Where longs have 32 bits, a number without such a mark is that of an older
 * call, which knows ids of 16 bits and small files.  Others have but one, and
 * their kernel opens files as if O_LARGEFILE were there. */
#ifdef SYS_setresuid32
# define SPAWNIO_SYS(name)	SYS_##name##32
# define SPAWNIO_FCNTL	SYS_fcntl64
#else
# define SPAWNIO_SYS(name)	SYS_##name
# define SPAWNIO_FCNTL	SYS_fcntl
#endif

/* --- descriptors --- */

SPAWNIO_CALL int
child_close(int fd)
{
	return (int)child_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* From first to last, both included; Linux 5.9. */
SPAWNIO_CALL int
child_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return (int)child_syscall(SYS_close_range, first, last, flags, 0, 0,
	    0);
}

/* op is F_SETFD or another whose argument, if any, is a number or a pointer. */
SPAWNIO_CALL int
child_fcntl(int fd, int op, long arg)
{
	return (int)child_syscall(SPAWNIO_FCNTL, fd, op, arg, 0, 0, 0);
}

SPAWNIO_CALL int
child_dup3(int from, int to, int flags)
{
	return (int)child_syscall(SYS_dup3, from, to, flags, 0, 0, 0);
}

/* dup2(n, n) is n if that is open, and keeps FD_CLOEXEC: F_GETFD asks. */
SPAWNIO_CALL int
child_dup2(int from, int to)
{
	int flags;

	if (from != to)
		return child_dup3(from, to, 0);
	flags = child_fcntl(from, 1, 0);
	return flags < 0 ? flags : to;
}

SPAWNIO_CALL int
child_openat(int folder, const char *file, int flags, mode_t mode)
{
	return (int)child_syscall(SYS_openat, folder, (long)file,
	    flags | SPAWNIO_LARGEFILE, (long)mode, 0, 0);
}

/* AT_FDCWD; the mode is always there. */
SPAWNIO_CALL int
child_open(const char *file, int flags, mode_t mode)
{
	return child_openat(-100, file, flags, mode);
}

SPAWNIO_CALL int
child_pipe2(int *ends, int flags)
{
	return (int)child_syscall(SYS_pipe2, (long)ends, flags, 0, 0, 0, 0);
}

SPAWNIO_CALL ssize_t
child_read(int fd, void *data, size_t size)
{
	return child_syscall(SYS_read, fd, (long)data, (long)size, 0, 0, 0);
}

SPAWNIO_CALL ssize_t
child_write(int fd, const void *data, size_t size)
{
	return child_syscall(SYS_write, fd, (long)data, (long)size, 0, 0, 0);
}

/* -EOVERFLOW if an off_t of 32 bits is too small for where it is then. */
#ifdef SYS_setresuid32
SPAWNIO_APART off_t
child_lseek(int fd, off_t offset, int whence)
{
	int64_t to = offset;
	int r = (int)child_syscall(SYS__llseek, fd, (long)(to >> 32), (long)to,
	    (long)&to, whence, 0);

	if (r < 0)
		return r;
	return (off_t)to == to ? (off_t)to : -EOVERFLOW;
}
#else
SPAWNIO_CALL off_t
child_lseek(int fd, off_t offset, int whence)
{
	return child_syscall(SYS_lseek, fd, offset, whence, 0, 0, 0);
}
#endif

/* --- folders and modes --- */

SPAWNIO_CALL int
child_chdir(const char *folder)
{
	return (int)child_syscall(SYS_chdir, (long)folder, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_fchdir(int fd)
{
	return (int)child_syscall(SYS_fchdir, fd, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_chroot(const char *folder)
{
	return (int)child_syscall(SYS_chroot, (long)folder, 0, 0, 0, 0, 0);
}

/* The mask that was; cannot fail. */
SPAWNIO_CALL mode_t
child_umask(mode_t mask)
{
	return (mode_t)child_syscall(SYS_umask, (long)mask, 0, 0, 0, 0, 0);
}

/* --- processes, sessions and terminals --- */

SPAWNIO_CALL pid_t
child_getpid(void)
{
	return (pid_t)child_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL pid_t
child_getppid(void)
{
	return (pid_t)child_syscall(SYS_getppid, 0, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL pid_t
child_gettid(void)
{
	return (pid_t)child_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL pid_t
child_getpgid(pid_t pid)
{
	return (pid_t)child_syscall(SYS_getpgid, pid, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL pid_t
child_getsid(pid_t pid)
{
	return (pid_t)child_syscall(SYS_getsid, pid, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_setpgid(pid_t pid, pid_t group)
{
	return (int)child_syscall(SYS_setpgid, pid, group, 0, 0, 0, 0);
}

SPAWNIO_CALL pid_t
child_setsid(void)
{
	return (pid_t)child_syscall(SYS_setsid, 0, 0, 0, 0, 0, 0);
}

/* Let the terminal be that of this process's new session: TIOCSCTTY. */
SPAWNIO_CALL int
child_setctty(int fd)
{
	return (int)child_syscall(SYS_ioctl, fd, TIOCSCTTY, 0, 0, 0, 0);
}

/* Let the process group be the terminal's foreground: TIOCSPGRP. */
SPAWNIO_APART int
child_tcsetpgrp(int fd, pid_t group)
{
	return (int)child_syscall(SYS_ioctl, fd, TIOCSPGRP, (long)&group, 0,
	    0, 0);
}

SPAWNIO_CALL int
child_kill(pid_t pid, int sig)
{
	return (int)child_syscall(SYS_kill, pid, sig, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_prctl(int op, unsigned long a, unsigned long b, unsigned long c,
    unsigned long d)
{
	return (int)child_syscall(SYS_prctl, op, (long)a, (long)b, (long)c,
	    (long)d, 0);
}

SPAWNIO_CALL int
child_unshare(int flags)
{
	return (int)child_syscall(SYS_unshare, flags, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_setns(int fd, int type)
{
	return (int)child_syscall(SYS_setns, fd, type, 0, 0, 0, 0);
}

/* --- ids: libc's calls would have all threads of the caller follow --- */

SPAWNIO_CALL uid_t
child_getuid(void)
{
	return (uid_t)child_syscall(SPAWNIO_SYS(getuid), 0, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL uid_t
child_geteuid(void)
{
	return (uid_t)child_syscall(SPAWNIO_SYS(geteuid), 0, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL gid_t
child_getgid(void)
{
	return (gid_t)child_syscall(SPAWNIO_SYS(getgid), 0, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL gid_t
child_getegid(void)
{
	return (gid_t)child_syscall(SPAWNIO_SYS(getegid), 0, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_setuid(uid_t id)
{
	return (int)child_syscall(SPAWNIO_SYS(setuid), (long)id, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_setgid(gid_t id)
{
	return (int)child_syscall(SPAWNIO_SYS(setgid), (long)id, 0, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_setreuid(uid_t real, uid_t effective)
{
	return (int)child_syscall(SPAWNIO_SYS(setreuid), (long)real,
	    (long)effective, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_setregid(gid_t real, gid_t effective)
{
	return (int)child_syscall(SPAWNIO_SYS(setregid), (long)real,
	    (long)effective, 0, 0, 0, 0);
}

SPAWNIO_CALL int
child_setresuid(uid_t real, uid_t effective, uid_t saved)
{
	return (int)child_syscall(SPAWNIO_SYS(setresuid), (long)real,
	    (long)effective, (long)saved, 0, 0, 0);
}

SPAWNIO_CALL int
child_setresgid(gid_t real, gid_t effective, gid_t saved)
{
	return (int)child_syscall(SPAWNIO_SYS(setresgid), (long)real,
	    (long)effective, (long)saved, 0, 0, 0);
}

SPAWNIO_CALL int
child_setgroups(size_t n, const gid_t *list)
{
	return (int)child_syscall(SPAWNIO_SYS(setgroups), (long)n, (long)list,
	    0, 0, 0, 0);
}

/* --- limits and scheduling --- */

/* The kernel's limits have 64 bits, libc's as many as its off_t. */
SPAWNIO_CALL uint64_t
child_limit_to(rlim_t limit)
{
	return limit == RLIM_INFINITY ? ~(uint64_t)0 : limit;
}

SPAWNIO_CALL rlim_t
child_limit_from(uint64_t limit)
{
	return (rlim_t)limit == limit ? (rlim_t)limit : RLIM_INFINITY;
}

/* limit and old may be NULL. */
SPAWNIO_APART int
child_prlimit(pid_t pid, int resource, const struct rlimit *limit,
    struct rlimit *old)
{
	uint64_t now[2] SPAWNIO_UNINITIALIZED;
	uint64_t was[2] SPAWNIO_UNINITIALIZED;
	int r;

	if (limit != NULL) {
		now[0] = child_limit_to(limit->rlim_cur);
		now[1] = child_limit_to(limit->rlim_max);
	}
	r = (int)child_syscall(SYS_prlimit64, pid, resource,
	    limit != NULL ? (long)now : 0, old != NULL ? (long)was : 0, 0, 0);
	if (r == 0 && old != NULL) {
		old->rlim_cur = child_limit_from(was[0]);
		old->rlim_max = child_limit_from(was[1]);
	}
	return r;
}

/* set is a cpu_set_t. */
SPAWNIO_CALL int
child_sched_setaffinity(pid_t pid, size_t size, const void *set)
{
	return (int)child_syscall(SYS_sched_setaffinity, pid, (long)size,
	    (long)set, 0, 0, 0);
}

SPAWNIO_CALL int
child_sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
	return (int)child_syscall(SYS_sched_setscheduler, pid, policy,
	    (long)param, 0, 0, 0);
}

SPAWNIO_CALL int
child_sched_setparam(pid_t pid, const struct sched_param *param)
{
	return (int)child_syscall(SYS_sched_setparam, pid, (long)param, 0, 0,
	    0, 0);
}

SPAWNIO_CALL int
child_setpriority(int which, int who, int priority)
{
	return (int)child_syscall(SYS_setpriority, which, who, priority, 0, 0,
	    0);
}

SPAWNIO_CALL int
child_ioprio_set(int which, int who, int priority)
{
	return (int)child_syscall(SYS_ioprio_set, which, who, priority, 0, 0,
	    0);
}

/* A struct timespec, which a strict C89 has not. */
struct child_time {
	time_t sec;
	long nsec;
} __attribute__((__may_alias__));

/* left may be NULL.  The kernel's time is two longs, libc's may be longer: what
 * does not fit is 68 years. */
SPAWNIO_APART int
child_nanosleep(const struct timespec *time, struct timespec *left)
{
	const struct child_time *given = (const struct child_time *)time;
	struct child_time *rest = (struct child_time *)left;
	long kernel[2] SPAWNIO_UNINITIALIZED;
	int r;

	kernel[0] = given->sec > 0x7fffffff ? 0x7fffffff : (long)given->sec;
	kernel[1] = given->nsec;
	r = (int)child_syscall(SYS_nanosleep, (long)kernel, (long)kernel, 0, 0,
	    0, 0);
	if (r == -EINTR && rest != NULL) {
		rest->sec = kernel[0];
		rest->nsec = kernel[1];
	}
	return r;
}

/* --- signals --- */

/* The kernel's set of signals is 64 bits; libc's begins with them. */
#define SPAWNIO_SIGNALS		64
#define SPAWNIO_SIGNAL(sig)	((uint64_t)1 << ((sig) - 1))
#define SPAWNIO_ALL_SIGNALS	(~(uint64_t)0)

/* set and old may be NULL. */
SPAWNIO_CALL int
child_sigprocmask(int how, const uint64_t *set, uint64_t *old)
{
	return (int)child_syscall(SYS_rt_sigprocmask, how, (long)set,
	    (long)old, sizeof(*set), 0, 0);
}

/* Block those of set and no others: SIG_SETMASK. */
SPAWNIO_APART int
child_setmask(uint64_t set)
{
	return child_sigprocmask(2, &set, NULL);
}

/* Of the kernel's struct sigaction what is the same on every CPU, and room for
 * the longest: 0 is SIG_DFL and 1 SIG_IGN.  A handler would act on the caller's
 * memory. */
struct child_action {
	uintptr_t handler;
	unsigned long rest[4];
};

/* action and old may be NULL. */
SPAWNIO_CALL int
child_sigaction(int sig, const struct child_action *action,
    struct child_action *old)
{
	return (int)child_syscall(SYS_rt_sigaction, sig, (long)action,
	    (long)old, sizeof(uint64_t), 0, 0);
}

/* What SIG_DFL and SIG_IGN are to signal(3). */
SPAWNIO_APART int
child_sigdispose(int sig, uintptr_t handler)
{
	struct child_action action SPAWNIO_UNINITIALIZED;

	action.handler = handler;
	action.rest[0] = action.rest[1] = 0;
	action.rest[2] = action.rest[3] = 0;
	return child_sigaction(sig, &action, NULL);
}

/* Give one signal its default action. */
SPAWNIO_CALL int
child_sigdefault(int sig)
{
	return child_sigdispose(sig, 0);
}

/* Ignore it. */
SPAWNIO_CALL int
child_sigignore(int sig)
{
	return child_sigdispose(sig, 1);
}

/* The same for 32 of them from sig on: to shift 64 bits, some CPUs need to call
 * a library. */
SPAWNIO_CALL void
child_sigdefault_from(int sig, uint32_t set)
{
	for (; set != 0; set >>= 1, sig++)
		if (set & 1)
			child_sigdefault(sig);
}

/* Give those of set their default actions: all, with SPAWNIO_ALL_SIGNALS. */
SPAWNIO_CALL void
child_sigdefault_set(uint64_t set)
{
	child_sigdefault_from(1, (uint32_t)set);
	child_sigdefault_from(33, (uint32_t)(set >> 32));
}

/* Give those that are caught their default actions. */
SPAWNIO_APART void
child_sigdefault_caught(void)
{
	struct child_action action SPAWNIO_UNINITIALIZED;
	int sig;

	for (sig = 1; sig <= SPAWNIO_SIGNALS; sig++)
		if (child_sigaction(sig, NULL, &action) == 0 &&
		    action.handler > 1)
			child_sigdefault(sig);
}

/* --- the end --- */

SPAWNIO_CALL int
child_execve(const char *file, char *const *argv, char *const *envp)
{
	return (int)child_syscall(SYS_execve, (long)file, (long)argv,
	    (long)envp, 0, 0, 0);
}

SPAWNIO_CALL int
child_execveat(int folder, const char *file, char *const *argv,
    char *const *envp, int flags)
{
	return (int)child_syscall(SYS_execveat, folder, (long)file, (long)argv,
	    (long)envp, flags, 0);
}

/* AT_EMPTY_PATH. */
SPAWNIO_CALL int
child_fexecve(int fd, char *const *argv, char *const *envp)
{
	return child_execveat(fd, "", argv, envp, 0x1000);
}

/* The length of text, as far as there is no end in it. */
SPAWNIO_CALL size_t
child_span(const char *text, char end)
{
	size_t n;

	for (n = 0; text[n] != '\0' && text[n] != end; n++)
		SPAWNIO_BARRIER();
	return n;
}

/* The first n bytes of folder, a slash if there are any, and name: 0 if that is
 * too long for file. */
SPAWNIO_CALL int
child_join(char *file, size_t room, const char *folder, size_t n,
    const char *name)
{
	size_t i;

	if (n >= room)
		return 0;
	for (i = 0; i < n; i++) {
		file[i] = folder[i];
		SPAWNIO_BARRIER();
	}
	if (n > 0)
		file[i++] = '/';
	for (; i < room; name++) {
		if ((file[i++] = *name) == '\0')
			return 1;
		SPAWNIO_BARRIER();
	}
	return 0;
}

/* Linux takes paths of so many bytes, with the NUL, and names without it. */
#define SPAWNIO_PATH_MAX	4096
#define SPAWNIO_NAME_MAX	255

SPAWNIO_APART int
child_execute_in(const char *folder, size_t n, const char *name,
    char *const *argv, char *const *envp)
{
	char file[SPAWNIO_PATH_MAX] SPAWNIO_UNINITIALIZED;

	if (!child_join(file, sizeof(file), folder, n, name))
		return -ENAMETOOLONG;
	return child_execve(file, argv, envp);
}

/* Is there no such file in this folder, and maybe one in the next? */
SPAWNIO_CALL int
child_is_elsewhere(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -EACCES ||
	    error == -ESTALE || error == -ENODEV || error == -ETIMEDOUT;
}

/* execvpe(3) with a PATH given by the caller, which is /bin:/usr/bin if NULL,
 * and no shell for a file without a format.  4.3 KiB of the stack. */
SPAWNIO_CALL int
child_execvpe(const char *name, char *const *argv, char *const *envp,
    const char *path)
{
	size_t n = child_span(name, '/');
	int r = -ENOENT, denied = 0;

	if (n == 0 || name[n] == '/')
		return child_execve(name, argv, envp);
	if (n > SPAWNIO_NAME_MAX)
		return -ENAMETOOLONG;
	if (path == NULL)
		path = "/bin:/usr/bin";
	for (;; path += n + 1) {
		n = child_span(path, ':');
		if (n < SPAWNIO_PATH_MAX)
			r = child_execute_in(path, n, name, argv, envp);
		if (!child_is_elsewhere(r))
			return r;
		denied |= r == -EACCES;
		if (path[n] == '\0')
			return denied ? -EACCES : r;
	}
}

/* _exit(2). */
SPAWNIO_CALL __attribute__((__noreturn__)) void
child_exit(int status)
{
	for (;;)
		child_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

#endif
