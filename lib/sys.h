/* SPDX-License-Identifier: ISC */
/* What <spawnio/child.h> has not: the library's own system calls, made as those
 * are.  The parent uses those that libc hides. */

#ifndef SPIO_SYS_H
#define SPIO_SYS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "spawnio/child.h"

/* linux/sched.h, which musl's compiler wrapper does not see. */
#define SPIO_CLONE_VM			0x00000100ul
#define SPIO_CLONE_PIDFD		0x00001000ul
#define SPIO_CLONE_VFORK		0x00004000ul
#define SPIO_CLONE_CHILD_CLEARTID	0x00200000ul
#define SPIO_CLONE_CLEAR_SIGHAND	0x100000000ull	/* Linux 5.5 */
#define SPIO_CLONE_INTO_CGROUP		0x200000000ull	/* Linux 5.7 */

/* clone3(2)'s. */
struct clone3 {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;		/* the lowest address */
	uint64_t stack_size;
	uint64_t tls;

	/* The third version, Linux 5.7. */
	uint64_t set_tid;
	uint64_t set_tid_size;
	uint64_t cgroup;
};

/* Kernels that know the first version alone take no more than that. */
#define SPIO_CLONE3_SIZE	offsetof(struct clone3, set_tid)

long spio_clone3(struct clone3 *, unsigned long, void (*)(void *), void *);
long spio_clone(unsigned long, void *, void (*)(void *), void *);

/* fstat(2)'s, which can tell what a descriptor is where statx(2) is refused.
 * Where longs have 32 bits, the inode number that comes first is cut off. */
#ifdef SYS_fstat64
# define SPIO_FSTAT	SYS_fstat64
struct kernel_stat {
	uint64_t dev;
	uint32_t before_size[9];
	uint64_t size;
	uint32_t block_size;
	uint64_t blocks;
	uint32_t times[6];
	uint64_t ino;
};
#else
# define SPIO_FSTAT	SYS_fstat
struct kernel_stat {
	uint64_t dev;
	uint64_t ino;
	uint64_t rest[16];
};
#endif

static inline long
sys_fstat(int fd, struct kernel_stat *st)
{
	return child_syscall(SPIO_FSTAT, fd, (long)st, 0, 0, 0, 0);
}

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

/* AT_FDCWD, STATX_TYPE, STATX_INO; Linux 4.11. */
static inline long
sys_statx(const char *path, struct kernel_statx *st)
{
#ifdef SYS_statx
	return child_syscall(SYS_statx, -100, (long)path, 0, 0x101, (long)st,
	    0);
#else
	(void)path;
	(void)st;
	return -ENOSYS;
#endif
}

static inline long
sys_getcwd(char *path, size_t size)
{
	return child_syscall(SYS_getcwd, (long)path, (long)size, 0, 0, 0, 0);
}

/* FUTEX_WAKE, not FUTEX_PRIVATE: the kernel's own wake is not. */
static inline long
sys_futex_wake(void *word, int waiters)
{
	return child_syscall(SYS_futex, (long)word, 1, waiters, 0, 0, 0);
}

/* A plan's strings are const, which execve(2)'s are not for old code's sake. */
static inline int
sys_execve(const char *file, const char *const *argv, const char *const *envp)
{
	return child_execve(file, (char *const *)argv, (char *const *)envp);
}

static inline int
sys_execvpe(const char *file, const char *const *argv, const char *const *envp,
    const char *path)
{
	return child_execvpe(file, (char *const *)argv, (char *const *)envp,
	    path);
}

static inline int
sys_getdents(int fd, void *entries, size_t size)
{
	return (int)child_syscall(SYS_getdents64, fd, (long)entries,
	    (long)size, 0, 0, 0);
}

/* 20 less the nice value of this process. */
static inline int
sys_getpriority(void)
{
	return (int)child_syscall(SYS_getpriority, 0, 0, 0, 0, 0, 0);
}

#endif
