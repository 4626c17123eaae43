/* SPDX-License-Identifier: ISC */
/* How to start a child, where popen(3) and system(3) have no words for it:
 * spawnio_how(3). */

#ifndef SPAWNIO_HOW_H
#define SPAWNIO_HOW_H

#include <spawnio.h>
#include <sys/resource.h>
#include <sys/select.h>		/* sigset_t, also for a strict C89 */

#ifdef __cplusplus
extern "C" {
#endif

/* What a standard descriptor of the child is. */
enum spawnio_kind {
	SPAWNIO_DEFAULT,	/* as the function says, else the caller's */
	SPAWNIO_INHERIT,	/* the caller's */
	SPAWNIO_NULL,		/* /dev/null */
	SPAWNIO_PIPE,		/* a pipe, of which the caller has the end */
	SPAWNIO_FD,		/* fd, a descriptor of the caller's */
	SPAWNIO_FILE,		/* path, opened with flags and mode */
	SPAWNIO_MERGE		/* of err: what out is */
};

struct spawnio_io {
	enum spawnio_kind kind;
	int fd;
	const char *path;
	int flags;		/* as of open(2); O_CLOEXEC goes without it */
	mode_t mode;
};

/* The child's descriptor to is the caller's from. */
struct spawnio_move {
	int from;
	int to;
};

/* The library's limits have 64 bits.  Where libc's may have 32, there are none
 * but with -D_FILE_OFFSET_BITS=64. */
#if !defined(__GLIBC__) || defined(__LP64__) || defined(__USE_FILE_OFFSET64)
struct spawnio_rlimit {
	int resource;		/* RLIMIT_* */
	struct rlimit limit;
};
#else
struct spawnio_rlimit;
#endif

/* The bits of spawnio_how.flags. */
#define SPAWNIO_ASYNC		0x0001	/* go on before argv is executed */
#define SPAWNIO_CLOSE_OTHERS	0x0002	/* all but 0, 1, 2 and the moves */
#define SPAWNIO_SETSID		0x0004	/* a session of its own */
#define SPAWNIO_SETPGROUP	0x0008	/* pgroup is set */
#define SPAWNIO_SETCTTY		0x0010	/* ctty is set */
#define SPAWNIO_SETCWDFD	0x0020	/* cwd_fd is set */
#define SPAWNIO_SETUMASK	0x0040	/* umask is set */
#define SPAWNIO_SETUID		0x0080	/* uid is set */
#define SPAWNIO_SETGID		0x0100	/* gid is set */
#define SPAWNIO_SETGROUPS	0x0200	/* groups and group_count are set */
#define SPAWNIO_SETCGROUP	0x0400	/* cgroup_fd is set */
#define SPAWNIO_NO_NEW_PRIVS	0x0800	/* PR_SET_NO_NEW_PRIVS */

/* Zeroed but for its size, and for one of command and argv: as spopen(). */
struct spawnio_how {
	size_t size;		/* sizeof(struct spawnio_how) */
	int flags;
	int nice;		/* added to the nice value */

	/* One of the first two. */
	const char *command;	/* for the shell */
	char *const *argv;	/* a program and its arguments */
	const char *file;	/* what to execute for argv; NULL: argv[0] */
	char *const *envp;	/* NULL: environ */

	const char *cwd;	/* NULL: the caller's; or, if set, cwd_fd */
	int cwd_fd;
	int ctty;		/* a terminal, to be the controlling one */
	struct spawnio_io in;
	struct spawnio_io out;
	struct spawnio_io err;
	const struct spawnio_move *moves;
	size_t move_count;

	pid_t pgroup;		/* a process group; 0: one of its own */
	mode_t umask;
	const sigset_t *mask;	/* NULL: the caller's */
	const sigset_t *defaults;	/* to be SIG_DFL; NULL: none */
	const struct spawnio_rlimit *rlimits;
	size_t rlimit_count;

	uid_t uid;		/* real, effective and saved */
	gid_t gid;
	const gid_t *groups;
	size_t group_count;

	int death_signal;	/* when the calling thread ends; 0: none */
	int cgroup_fd;		/* a directory of a cgroup2 file system */

	/* Called in the child right before the exec, as avfork()'s fn is;
	 * if not 0, that ends the child, below 0 as an errno. */
	int (*before_exec)(void *arg);
	void *arg;
	size_t stack_size;	/* bytes, at least; for before_exec */

	/* Where the call waits for the child: milliseconds until it gets
	 * SIGTERM, 0: for ever; and from then until SIGKILL. */
	int timeout;
	int grace;

	/* If not NULL: which system call failed, when one did that is not the
	 * caller's; a constant string. */
	const char **failed;
};

/* What spawnio_capture() is given, and what it gives back. */
struct spawnio_capture {
	const void *input;	/* NULL: standard input is not taken */
	size_t input_size;	/* bytes */
	size_t limit;		/* bytes of each output; 0: none */

	/* Filled in: with a NUL byte behind, to be freed; or NULL. */
	char *out;
	char *err;
	size_t out_size;	/* bytes */
	size_t err_size;
	int status;		/* of wait(2), or -1 */
	void *reserved[4];
};

/* A stream to a child, to be closed by spclose(); type is that of spopen().
 * NULL and errno if not. */
SPAWNIO_API FILE *spawnio_open(const struct spawnio_how *how, const char *type)
    SPAWNIO_CLOSED_BY(spclose) SPAWNIO_CHECK;

/* Run a child to its end; its wait(2) status, or -1 and errno. */
SPAWNIO_API int spawnio_run(const struct spawnio_how *how);

/* Start a child, whose pid, pidfd and pipes are then in *child; 0, or -1 and
 * errno. */
SPAWNIO_API int spawnio_start(const struct spawnio_how *how,
    struct spawnio_child *child);

/* Run a child to its end, feed it and take both its outputs; 0, or -1 and
 * errno, with what there was until then. */
SPAWNIO_API int spawnio_capture(const struct spawnio_how *how,
    struct spawnio_capture *capture);

/* Write arg to the size bytes at to as one word of the shell's language, cut
 * off but ended by a NUL byte if that is too few; the number of bytes that it
 * takes, without the NUL. */
SPAWNIO_API size_t spawnio_quote(char *to, size_t size, const char *arg);

#ifdef __cplusplus
}
#endif

#endif
