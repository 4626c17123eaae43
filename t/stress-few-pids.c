/* SPDX-License-Identifier: ISC */
/* The storm in a namespace whose process ids are few. */

#include "stress.h"

#include <sys/mount.h>
#include <sys/prctl.h>

#include <sched.h>

#define FEW_PIDS	480	/* of which the kernel reserves 300 */

static bool
put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text);
}

/* The limit is the namespace's own since Linux 6.14; before, it is everybody's
 * and to be left alone. */
static bool
has_own_limit(void)
{
	return kernel_is(6, 14);
}

/* Root of this namespace, if not of the whole. */
static bool
enter_namespaces(void)
{
	char map[32];
	bool root = geteuid() == 0;

	snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
	if (unshare(CLONE_NEWPID | CLONE_NEWNS |
	    (root ? 0 : CLONE_NEWUSER)) == -1)
		return false;
	return root || (put("/proc/self/uid_map", map) &&
	    put("/proc/self/setgroups", "deny") &&
	    (snprintf(map, sizeof(map), "0 %d 1", (int)getegid()),
	    put("/proc/self/gid_map", map)));
}

static bool
limit_pids(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", FEW_PIDS);
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("proc", "/proc", "proc", 0, NULL) == 0 &&
	    put("/proc/sys/kernel/pid_max", text);
}

/* The first process of the namespace, with which all others end, has those to
 * wait for whose parents have left. */
static int
be_first(void)
{
	int status = 1, ended;
	pid_t pid, storm;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!limit_pids())
		return SKIPPED;
	storm = fork_self();
	if (storm == 0) {
		execl(own_path, own_path, "few", (char *)NULL);
		_exit(1);
	}
	while ((pid = waitpid(-1, &ended, 0)) != -1 || errno == EINTR)
		if (pid == storm)
			status = ended;
	return status == 0 ? 0 : 1;
}

static int
wait_for(pid_t pid)
{
	int status = SKIPPED << 8;

	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return status;
}

/* In a process that is to have no children but there. */
static int
storm_elsewhere(void)
{
	pid_t pid;
	int status;

	if (!has_own_limit() || !enter_namespaces())
		return SKIPPED;
	pid = fork_self();
	if (pid == 0)
		_exit(be_first());
	status = wait_for(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int
storm_with_few_pids(void)
{
	pid_t pid = fork_self();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(storm_elsewhere());
	}
	status = wait_for(pid);
	if (status == SKIPPED << 8)
		say("stress: few pids left out: no namespace for them\n");
	return status != 0 && status != SKIPPED << 8;
}
