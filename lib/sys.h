/* SPDX-License-Identifier: ISC */
/* System calls as the child may make them: inline, -errno for a result, no
 * libc, no thread pointer.  The parent uses those that libc hides. */

#ifndef SPIO_SYS_H
#define SPIO_SYS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "arch.h"

/* Newer than some libc headers; the same number on every CPU. */
#ifndef SYS_close_range
# define SYS_close_range	436
#endif

/* linux/sched.h, which musl's compiler wrapper does not see. */
#define SPIO_CLONE_VM			0x00000100ul
#define SPIO_CLONE_PIDFD		0x00001000ul
#define SPIO_CLONE_VFORK		0x00004000ul
#define SPIO_CLONE_CHILD_CLEARTID	0x00200000ul
#define SPIO_CLONE_CLEAR_SIGHAND	0x100000000ull	/* Linux 5.5 */

/* The first version of clone3(2)'s struct. */
struct clone3 {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;		/* the lowest address */
	uint64_t stack_size;
	uint64_t tls;
};

long spio_clone3(struct clone3 *, unsigned long, void (*)(void *), void *);
long spio_clone(unsigned long, void *, void (*)(void *), void *);

/* The kernel's sigset_t: bit n - 1 is signal n. */
typedef uint64_t kernel_sigset;
#define SPIO_NSIG	64

/* As much of the kernel's struct sigaction as is the same everywhere. */
struct kernel_sigaction {
	uintptr_t handler;	/* 0: SIG_DFL, 1: SIG_IGN */
	uint64_t rest[3];
};

struct kernel_timespec {
	long sec;
	long nsec;
};

/* The fields of statx(2) that say which file it is, and of what type. */
struct kernel_statx {
	uint32_t before_mode[7];
	uint16_t mode;
	uint16_t spare;
	uint64_t ino;
	uint64_t before_rdev[11];
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t rest[14];
};

static inline long
sys_close(int fd)
{
	return spio_syscall(SYS_close, fd, 0, 0, 0, 0);
}

static inline long
sys_close_range(int first, int last)
{
	return spio_syscall(SYS_close_range, first, last, 0, 0, 0);
}

static inline long
sys_dup3(int from, int to, int flags)
{
	return spio_syscall(SYS_dup3, from, to, flags, 0, 0);
}

static inline long
sys_fcntl(int fd, int op, long arg)
{
	return spio_syscall(SYS_fcntl, fd, op, arg, 0, 0);
}

/* STATX_TYPE, STATX_INO; Linux 4.11. */
#ifdef SYS_statx
# define SPIO_STATX(fd, path, flags, st) \
	spio_syscall(SYS_statx, (fd), (long)(path), (flags), 0x101, (long)(st))
#else
# define SPIO_STATX(fd, path, flags, st) \
	((void)(fd), (void)(path), (void)(st), -ENOSYS)
#endif

/* Which file is fd?  AT_EMPTY_PATH. */
static inline long
sys_statx_fd(int fd, struct kernel_statx *st)
{
	return SPIO_STATX(fd, "", 0x1000, st);
}

/* AT_FDCWD. */
static inline long
sys_statx(const char *path, struct kernel_statx *st)
{
	return SPIO_STATX(-100, path, 0, st);
}

static inline long
sys_openat(int fd, const char *path, int flags, int mode)
{
	return spio_syscall(SYS_openat, fd, (long)path, flags, mode, 0);
}

static inline long
sys_getcwd(char *path, size_t size)
{
	return spio_syscall(SYS_getcwd, (long)path, (long)size, 0, 0, 0);
}

/* One of the four calls that tell an id. */
static inline long
sys_getid(long call)
{
	return spio_syscall(call, 0, 0, 0, 0, 0);
}

static inline long
sys_sigaction(int sig, const struct kernel_sigaction *new,
    struct kernel_sigaction *old)
{
	return spio_syscall(SYS_rt_sigaction, sig, (long)new, (long)old,
	    sizeof(kernel_sigset), 0);
}

/* SIG_SETMASK is 2 on the CPUs that have a file in arch/. */
static inline long
sys_sigsetmask(const kernel_sigset *new, kernel_sigset *old)
{
	return spio_syscall(SYS_rt_sigprocmask, 2, (long)new, (long)old,
	    sizeof(kernel_sigset), 0);
}

/* FUTEX_WAKE, not FUTEX_PRIVATE: the kernel's own wake is not. */
static inline long
sys_futex_wake(void *word, int waiters)
{
	return spio_syscall(SYS_futex, (long)word, 1, waiters, 0, 0);
}

static inline long
sys_nanosleep(const struct kernel_timespec *time)
{
	return spio_syscall(SYS_nanosleep, (long)time, 0, 0, 0, 0);
}

static inline long
sys_execve(const char *file, const char *const *argv, const char *const *envp)
{
	return spio_syscall(SYS_execve, (long)file, (long)argv, (long)envp,
	    0, 0);
}

static inline _Noreturn void
sys_exit(int status)
{
	for (;;)
		spio_syscall(SYS_exit_group, status, 0, 0, 0, 0);
}

#endif
