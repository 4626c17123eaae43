/* SPDX-License-Identifier: ISC */
/* An event loop over many children at once: epoll(7) tells what each has
 * written, and by its pidfd that it has ended.
 *
 *	events [CHILDREN] */
#define _GNU_SOURCE

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawnio/how.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct task {
	struct spawnio_child child;
	int bytes;
};

static int loop;
static int running;		/* children */
static int open_pipes;
static long bytes;
static int good;		/* ended with status 0 */

/* Two descriptors for each child; the children get the limit that was. */
static void
raise_limit(rlim_t wanted, struct rlimit *old)
{
	struct rlimit new;

	if (getrlimit(RLIMIT_NOFILE, old) == -1)
		err(1, "getrlimit");
	new = *old;
	if (new.rlim_cur < wanted)
		new.rlim_cur = wanted < new.rlim_max ? wanted : new.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &new) == -1)
		err(1, "setrlimit");
}

/* The low bit of the data says which of a task's descriptors it is. */
static void
watch(int fd, struct task *task, int is_pipe)
{
	struct epoll_event event = { .events = EPOLLIN,
		.data.u64 = (uintptr_t)task | is_pipe };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == -1)
		err(1, "epoll_ctl");
}

/* Before it is closed: a child in flight may have a copy of it, and then the
 * loop would go on to tell of it. */
static void
ignore(int fd)
{
	if (epoll_ctl(loop, EPOLL_CTL_DEL, fd, NULL) == -1)
		err(1, "epoll_ctl");
}

/* They wait for each other: cat(1) ends when nobody can write to gate. */
static void
begin(struct task *task, int gate, const struct spawnio_rlimit *limit)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
		(char *)"echo begun; exec cat", NULL };
	struct spawnio_how how = {
		.size = sizeof(how),
		.argv = argv,
		.in = { SPAWNIO_FD, .fd = gate },
		.out = { SPAWNIO_PIPE },
		.rlimits = limit,
		.rlimit_count = 1
	};

	if (spawnio_start(&how, &task->child) == -1)
		err(1, "spawnio_start");
	watch(task->child.fd[1], task, 1);
	watch(task->child.pidfd, task, 0);
	running++;
	open_pipes++;
}

static void
read_some(struct task *task)
{
	char data[512];
	ssize_t n = read(task->child.fd[1], data, sizeof(data));

	if (n == -1 && errno != EINTR)
		err(1, "read");
	if (n > 0)
		bytes += n;
	if (n == 0) {
		ignore(task->child.fd[1]);
		close(task->child.fd[1]);
		open_pipes--;
	}
}

static void
end(struct task *task)
{
	int status;

	ignore(task->child.pidfd);
	if (spawnio_child_wait(&task->child, 0, &status) == -1)
		err(1, "spawnio_child_wait");
	good += status == 0;
	running--;
}

static void
turn(void)
{
	struct epoll_event event[64];
	struct task *task;
	int i, n = epoll_wait(loop, event, 64, -1);

	if (n == -1 && errno != EINTR)
		err(1, "epoll_wait");
	for (i = 0; i < n; i++) {
		task = (struct task *)(uintptr_t)(event[i].data.u64 & ~1ull);
		if (event[i].data.u64 & 1)
			read_some(task);
		else
			end(task);
	}
}

int
main(int argc, char *argv[])
{
	int children = argc > 1 ? atoi(argv[1]) : 1000, gate[2], i;
	struct spawnio_rlimit limit = { .resource = RLIMIT_NOFILE };
	struct task *task;

	if (children < 1 || children > 10000)
		errx(1, "%s: not from 1 to 10000", argv[1]);
	raise_limit(2 * children + 64, &limit.limit);
	task = calloc(children, sizeof(*task));
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (task == NULL || loop == -1 || pipe2(gate, O_CLOEXEC) == -1)
		err(1, "setting up");
	for (i = 0; i < children; i++)
		begin(&task[i], gate[0], &limit);
	while (bytes < children * 6L)
		turn();
	printf("%d children at once\n", running);
	close(gate[1]);
	while (running > 0 || open_pipes > 0)
		turn();
	printf("%d ended well, having written %ld bytes\n", good, bytes);
	free(task);
	return good != children;
}
