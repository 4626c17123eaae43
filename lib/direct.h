/* SPDX-License-Identifier: ISC */
/* The child's way past the shell, for child.c alone: it does what the shell
 * would have done, or puts back what it has changed and lets the shell do it.
 *
 * A shell is itself executed, so that a descriptor with FD_CLOEXEC is to it one
 * that is not open; and it looks at its environment, so that one that it would
 * change, or heed, is left to it. */

#ifndef SPIO_DIRECT_H
#define SPIO_DIRECT_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>

#include "child.h"
#include "sys.h"

/* On a stack of 8 KiB, of which tools have the most. */
#define PATH_ROOM	256
#define CWD_ROOM	256
#define ENV_ROOM	160	/* strings, where one is to be added */
#define ENV_MOST	512	/* strings */
#define SEEN_BITS	4096	/* most have one to themselves */
#define WORD_BITS	(8 * sizeof(unsigned long))

/* Where shells save descriptors, above those that a command can name. */
#define SAVE_ABOVE	10

struct saved {
	int fd;
	int copy;		/* or one of these */
};

#define WAS_CLOSED	(-1)	/* to the shell */
#define NOT_SAVED	(-2)	/* nor changed */

/* What the child needs of the environment. */
struct variables {
	const char *path;
	const char *pwd;
	const char *oldpwd;
	int count;
};

/* Variables by which shells work, or which they set at their start, beside
 * those that begin with BASH; by their first letter. */
static const char *const heeded['Z' + 1] = {
	['C'] = "CHILD_MAX=COMP_WORDBREAKS=",
	['D'] = "DIRSTACK=",
	['E'] = "EGID=EPOCHREALTIME=EPOCHSECONDS=ERRNO=EUID=EXECIGNORE="
	    "EXECSHELL=",
	['F'] = "FPATH=FUNCNAME=FUNCNEST=",
	['G'] = "GID=GROUPS=",
	['H'] = "HISTCMD=",
	['I'] = "IFS=",
	['K'] = "KSH_VERSION=",
	['L'] = "LINENO=",
	['O'] = "OPTARG=OPTERR=OPTIND=",
	['P'] = "PIPESTATUS=POSIXLY_CORRECT=PPID=PS1=PS2=PS4=",
	['R'] = "RANDOM=",
	['S'] = "SECONDS=SHELLOPTS=SRANDOM=STTY=",
	['U'] = "UID=",
	['Y'] = "YASH_LOADPATH="
};

/* What every environment has, but no assignment may change. */
static const char kept[] = "ENV=OLDPWD=PATH=PWD=SHLVL=_=";

/* Does text begin with name, and then with end? */
static int
begins(const char *text, const char *name, char end)
{
	while (*name != '\0' && *text == *name) {
		text++;
		name++;
	}
	return *name == '\0' && (end == '\0' || *text == end);
}

/* Is the variable of this string in the list, where each has its = ? */
static int
is_in(const char *string, const char *list)
{
	const char *p;

	while (*list != '\0') {
		for (p = string; *list != '=' && *p == *list; p++)
			list++;
		if (*list == '=' && *p == '=')
			return 1;
		while (*list++ != '=')
			;
	}
	return 0;
}

/* The number of shells around this one; bash makes a plain one of any other, or
 * warns of it. */
static int
is_odd_level(const char *string)
{
	const char *p = string + sizeof("SHLVL=") - 1;
	int n = 0;

	if (!begins(string, "SHLVL", '='))
		return 0;
	if (*p == '\0' || (*p == '0' && p[1] != '\0'))
		return 1;
	for (; *p >= '0' && *p <= '9' && n < 999; p++)
		n = n * 10 + *p - '0';
	return *p != '\0' || n >= 999;
}

static int
is_heeded(const char *string)
{
	unsigned char first = (unsigned char)string[0];

	if (first >= sizeof(heeded) / sizeof(heeded[0]))
		return 0;
	return (begins(string, "BASH", '\0') &&
	    !begins(string, "BASH_ENV", '=')) ||
	    (first == 'S' && is_odd_level(string)) ||
	    (heeded[first] != NULL && is_in(string, heeded[first]));
}

/* A variable as a shell has one, not a function of bash's, say; and a number
 * that another's name is likely not to have. */
static int
is_variable(const char *string, unsigned *hash)
{
	const char *p = string;

	*hash = 0;
	while ((*p >= 'A' && *p <= 'Z') || *p == '_' ||
	    (*p >= 'a' && *p <= 'z') || (p != string && *p >= '0' && *p <= '9'))
		*hash = *hash * 31 + (unsigned char)*p++;
	return p != string && *p == '=';
}

/* Two strings of an environment. */
static int
have_one_name(const char *a, const char *b)
{
	while (*a == *b && *a != '=') {
		a++;
		b++;
	}
	return *a == *b;
}

static void
note(struct variables *found, const char *string)
{
	if (begins(string, "PATH", '='))
		found->path = string + sizeof("PATH=") - 1;
	else if (begins(string, "PWD", '='))
		found->pwd = string + sizeof("PWD=") - 1;
	else if (begins(string, "OLDPWD", '='))
		found->oldpwd = string + sizeof("OLDPWD=") - 1;
}

/* Has there been one of this hash?  There has from now on. */
static int
mark(unsigned long *seen, unsigned hash)
{
	unsigned long bit = 1ul << hash % WORD_BITS;
	int was;

	seen += hash % SEEN_BITS / WORD_BITS;
	was = (*seen & bit) != 0;
	*seen |= bit;
	return was;
}

/* Is the variable of the n-th string that of an earlier one? */
static int
is_again(const char *const *envp, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (have_one_name(envp[i], envp[n]))
			return 1;
	return 0;
}

/* The checks below give NULL, or a few words on what is in the way. */
static const char *
survey(const char *const *envp, struct variables *found)
{
	unsigned long seen[SEEN_BITS / WORD_BITS];
	unsigned hash;
	size_t word;
	int i;

	for (word = 0; word < SEEN_BITS / WORD_BITS; word++)
		seen[word] = 0;
	found->path = found->pwd = found->oldpwd = NULL;
	for (i = 0; envp[i] != NULL; i++) {
		if (i == ENV_MOST)
			return "the environment's length";
		if (!is_variable(envp[i], &hash))
			return "a string of the environment that is no "
			    "variable";
		if (is_heeded(envp[i]))
			return "a variable that the shell looks at";
		if (mark(seen, hash) && is_again(envp, i))
			return "a variable that is there twice";
		note(found, envp[i]);
	}
	found->count = i;
	return NULL;
}

/* Shells join the elements of an odd one to a program's name in ways of their
 * own; without any, each has a default. */
static const char *
check_path(const char *path)
{
	const char *p = path;

	if (path == NULL)
		return "no PATH";
	do {
		if (*p != '/')
			return "an element of PATH that is no path";
		while (*p != '\0' && *p != ':')
			if (*p++ == '%')
				return "an odd element of PATH";
		if (p[-1] == '/')
			return "an odd element of PATH";
	} while (*p++ == ':');
	return NULL;
}

/* Has it a component that is empty, . or ..? */
static int
is_crooked(const char *path)
{
	const char *p;

	if (path[0] == '/' && path[1] == '\0')
		return 0;
	for (p = path; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		if (p[1] == '/' || p[1] == '\0')
			return 1;
		if (p[1] == '.' && (p[2] == '/' || p[2] == '\0' ||
		    (p[2] == '.' && (p[3] == '/' || p[3] == '\0'))))
			return 1;
	}
	return path[0] != '/';
}

static int
is_same(const char *a, const char *b)
{
	for (; *a == *b; a++, b++)
		if (*a == '\0')
			return 1;
	return 0;
}

/* What the kernel calls it is what a shell would correct it to; another name
 * may lead through a link. */
static int
is_cwd(const char *path)
{
	char cwd[CWD_ROOM];
	struct kernel_statx a, b;

	if (is_crooked(path))
		return 0;
	if (sys_getcwd(cwd, sizeof(cwd)) > 0 && is_same(path, cwd))
		return 1;
	return sys_statx(path, &a) == 0 && sys_statx(".", &b) == 0 &&
	    a.ino == b.ino && a.dev_major == b.dev_major &&
	    a.dev_minor == b.dev_minor;
}

static int
is_folder(const char *path)
{
	struct kernel_statx st;

	return sys_statx(path, &st) == 0 && S_ISDIR(st.mode);
}

/* dash unblocks all signals, bash SIGCHLD; dash resets a SIGCHLD that is
 * ignored.  The mask is known if the child has just set it. */
static const char *
check_signals(const uint64_t *mask)
{
	struct child_action chld;
	uint64_t blocked = 0;

	if (mask != NULL)
		blocked = *mask;
	else if (child_sigprocmask(SIG_SETMASK, NULL, &blocked) != 0)
		return "a mask that is not known";
	if (blocked != 0)
		return "signals that are blocked";
	if (child_sigaction(SIGCHLD, NULL, &chld) != 0 || chld.handler == 1)
		return "SIGCHLD, which is ignored";
	return NULL;
}

/* Shells correct a PWD that is wrong; some drop an OLDPWD that is; and all of
 * them give up rights that their ids do not agree on. */
static const char *
check_process(const struct variables *found, const uint64_t *mask)
{
	if (found->pwd != NULL && !is_cwd(found->pwd))
		return "a PWD that is not the working directory";
	if (found->oldpwd != NULL && !is_folder(found->oldpwd))
		return "an OLDPWD that is no directory";
	if (child_getuid() != child_geteuid() ||
	    child_getgid() != child_getegid())
		return "real and effective ids that differ";
	return check_signals(mask);
}

static const char *
objection(const char *const *envp, const uint64_t *mask,
    struct variables *found)
{
	const char *why = survey(envp, found);

	if (why == NULL)
		why = check_path(found->path);
	return why != NULL ? why : check_process(found, mask);
}

static int
is_open(int fd)
{
	int flags = child_fcntl(fd, F_GETFD, 0);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* A file that may be opened without waiting for anybody: the caller may be
 * suspended until we have executed.  The others are the shell's. */
static int
is_plain(const struct redirect *r)
{
	struct kernel_statx st;
	long err = sys_statx(r->file, &st);

	if (err == -ENOENT)
		return r->flags & O_CREAT;
	return err == 0 && (S_ISREG(st.mode) || (S_ISCHR(st.mode) &&
	    st.rdev_major == 1 && st.rdev_minor == 3));
}

/* O_NONBLOCK, as another's lease on the file, or the caller's own, would be
 * waited for. */
static int
open_file(const struct redirect *r)
{
	int fd, ok;

	if (!is_plain(r))
		return 0;
	fd = child_open(r->file, r->flags | O_NONBLOCK, 0666);
	if (fd < 0)
		return 0;
	ok = child_fcntl(fd, F_SETFL, r->flags & O_APPEND) >= 0;
	if (fd != r->fd) {
		ok = ok && child_dup3(fd, r->fd, 0) >= 0;
		child_close(fd);
	}
	return ok;
}

/* 0 if it could not be done.  The end by which a failure is told must stay: a
 * shell is executed without it. */
static int
redirect(const struct redirect *r, struct saved *saved, int report)
{
	saved->fd = r->fd;
	saved->copy = NOT_SAVED;
	if (r->fd == report)
		return 0;
	if (is_open(r->fd)) {
		saved->copy = child_fcntl(r->fd, F_DUPFD_CLOEXEC,
		    SAVE_ABOVE);
		if (saved->copy < 0)
			return 0;
	} else
		saved->copy = WAS_CLOSED;
	if (r->file != NULL)
		return open_file(r);
	if (r->from == -1) {
		child_close(r->fd);
		return 1;
	}
	return is_open(r->from) &&
	    (r->from == r->fd || child_dup3(r->from, r->fd, 0) >= 0);
}

static void
put_back(const struct saved *saved)
{
	if (saved->copy >= 0)
		child_dup3(saved->copy, saved->fd, 0);
	else if (saved->copy == WAS_CLOSED)
		child_close(saved->fd);
}

/* All shells look further where there is no such file; where there is one that
 * cannot be executed, some do. */
static int
is_elsewhere(const char *file)
{
	struct kernel_statx st;
	long r = sys_statx(file, &st);

	if (r == 0)
		return S_ISDIR(st.mode);
	return r == -ENOENT || r == -ENOTDIR || r == -EACCES;
}

/* Only if it fails does it return. */
static void
search(const char *path, const char *const *argv, const char *const *envp)
{
	char file[PATH_ROOM];
	size_t n = child_span(path, ':');

	while (child_join(file, sizeof(file), path, n, argv[0])) {
		if (!is_elsewhere(file)) {
			sys_execve(file, argv, envp);
			return;
		}
		if (path[n] == '\0')
			return;
		path += n + 1;
		n = child_span(path, ':');
	}
}

static void
set(const char **envp, const char *string)
{
	while (*envp != NULL && !have_one_name(*envp, string))
		envp++;
	if (*envp == NULL)
		envp[1] = NULL;
	*envp = string;
}

/* The environment with the command's assignments, and with the PWD that a shell
 * would add; in room, if there is one to add; NULL if that is too small. */
static const char *const *
extend(const char *const *envp, const struct variables *found,
    const char *const *assigns, const char **room, char *cwd)
{
	int i;

	if (*assigns == NULL && found->pwd != NULL)
		return envp;
	for (i = 0; assigns[i] != NULL; i++)
		;
	if (found->count + i + 2 > ENV_ROOM)
		return NULL;
	/* Another thread may have changed it since it was counted. */
	for (i = 0; i < found->count && envp[i] != NULL; i++)
		room[i] = envp[i];
	room[i] = NULL;
	if (found->pwd == NULL) {
		for (i = 0; i < 4; i++)
			cwd[i] = "PWD="[i];
		if (sys_getcwd(cwd + 4, CWD_ROOM - 4) < 0 || cwd[4] != '/')
			return NULL;
		set(room, cwd);
	}
	for (; *assigns != NULL; assigns++)
		set(room, *assigns);
	return room;
}

static void
start(const struct direct *direct, const struct variables *found,
    const char *const *envp)
{
	const char *room[ENV_ROOM], *p = direct->argv[0];
	char cwd[CWD_ROOM];

	envp = extend(envp, found, direct->assigns, room, cwd);
	if (envp == NULL)
		return;
	while (*p != '\0' && *p != '/')
		p++;
	if (*p == '/')
		sys_execve(direct->argv[0], direct->argv, envp);
	else
		search(found->path, direct->argv, envp);
}

/* Execute what the command names.  If it returns, nothing has changed.  Apart:
 * the caller's function runs on the same stack, and is promised its size. */
__attribute__((__noinline__)) static void
execute_directly(const struct plan *plan)
{
	const struct direct *direct = &plan->direct;
	struct saved saved[SPIO_REDIRECTS];
	struct variables found;
	int i, ok = 1;

	if (objection(plan->envp, plan->set_mask ? &plan->mask : NULL,
	    &found) != NULL)
		return;
	for (i = 0; ok && i < direct->redirects; i++)
		ok = redirect(&direct->redirect[i], &saved[i],
		    plan->report);
	if (ok)
		start(direct, &found, plan->envp);
	while (i-- > 0)
		put_back(&saved[i]);
}

#endif
