/* SPDX-License-Identifier: ISC */
/* Those who disturb the players: signals, forks, cancellation, other engines,
 * children that are stopped and killed, plug-ins. */

#include "stress.h"

#include <sys/syscall.h>

#include <dlfcn.h>

/* At most, that have the library in them: each leaves something. */
#define PLUGINS		20

static pid_t self;

/* --- signals that are caught --- */

static const int caught[] = {
	SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGINT, SIGQUIT, SIGPIPE
};

/* Never in a child that has this memory. */
static void
handle(int signo)
{
	(void)signo;
	if (syscall(SYS_getpid) != self)
		abort();
	atomic_fetch_add(&tally.signals, 1);
}

void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = handle };
	size_t i;

	self = getpid();
	for (i = 0; i < COUNT(caught); i++)
		sigaction(caught[i], &action, NULL);
}

void
check_dispositions(void)
{
	struct sigaction action;
	size_t i;

	for (i = 0; i < COUNT(caught); i++)
		if (sigaction(caught[i], NULL, &action) == -1 ||
		    action.sa_handler != handle)
			wrong("signal %d: action not restored", caught[i]);
}

void
drum(void)
{
	struct worker *player = &cast[draw(PLAYERS)];

	calling("pthread_kill");
	pthread_kill(player->thread, caught[draw(COUNT(caught))]);
	usleep(1000);
}

/* --- forks --- */

pid_t
fork_self(void)
{
	pid_t pid = fork();

	if (pid == 0)
		self = (pid_t)syscall(SYS_getpid);
	return pid;
}

/* What a forked child finds wrong. */
static bool
is_fine(const struct order *order, int status, const char *said,
    const char *expected)
{
	if (status == (int)order->code << 8 && strcmp(said, expected) == 0)
		return true;
	say("stress: forked: '%s', status %#x, errno %d, said '%s'\n",
	    order->command, status, errno, said);
	return false;
}

static int
read_in_fork(void)
{
	char said[128], expected[128];
	struct order order;
	FILE *stream;
	int status;

	if (once_in(3))
		setenv("SPAWNIO_STRESS", "forked", 1);
	write_order(&order, "cse", draw(DIRECT_FORMS));
	snprintf(expected, sizeof(expected), "%s%s", order.token,
	    getenv("SPAWNIO_STRESS") != NULL ? getenv("SPAWNIO_STRESS") :
	    "none");
	stream = spopen(order.command, once_in(2) ? "r" : "re");
	if (stream == NULL)
		return scarce && errno == EAGAIN ? 0 : 1;
	read_text(fileno(stream), said, sizeof(said));
	status = spclose(stream);
	return is_fine(&order, status, said, expected) ? 0 : 2;
}

static int
system_in_fork(void)
{
	struct order order;
	int status;

	write_order(&order, "-", draw(DIRECT_FORMS));
	status = ssystem(order.command);
	if (status == -1)
		return scarce && errno == EAGAIN ? 0 : 3;
	return is_fine(&order, status, "", "") ? 0 : 4;
}

static int
live_as_fork(void)
{
	int result = 0;

	if (spawnio_quiesce(0) != 0)
		return 5;
	if (once_in(2))
		result = system_in_fork();
	if (result == 0 && MAY_ALLOCATE_AFTER_FORK && once_in(2))
		result = read_in_fork();
	return result;
}

/* Reap a child of this thread that the library has not made. */
static void
check_other(pid_t pid, int expected)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			wrong("waitpid: errno %d", errno);
	if (status != expected && !was_killed(status))
		wrong("a process ended with status %#x", status);
}

void
fork_one(void)
{
	pid_t pid;

	begin_reading();
	calling("fork");
	pid = fork_self();
	if (pid == 0)
		_exit(live_as_fork());
	end_reading();
	if (pid == -1) {
		refused();
		return;
	}
	check_other(pid, 0);
	atomic_fetch_add(&tally.forks, 1);
	usleep(draw(10000));
}

/* --- cancellation --- */

static void *
nap_in_run(void *command)
{
	struct spawnio_how how = { .size = sizeof(how), .command = command };

	return (void *)(intptr_t)spawnio_run(&how);
}

static void *
nap_in_capture(void *command)
{
	struct spawnio_how how = { .size = sizeof(how), .command = command };
	struct spawnio_capture capture = { .limit = 0 };

	if (spawnio_capture(&how, &capture) == -1)
		return (void *)-1;
	free(capture.out);
	free(capture.err);
	return (void *)(intptr_t)capture.status;
}

static void *
nap_in_system(void *command)
{
	return (void *)(intptr_t)ssystem(command);
}

void
cancel_one(void)
{
	static void *(*const naps[])(void *) = {
		nap_in_system, nap_in_run, nap_in_capture
	};
	struct order order;
	pthread_t thread;
	void *result;

	place_order(&order, "n", draw_nap());
	calling("pthread_cancel");
	if (pthread_create(&thread, NULL, naps[draw(3)], order.command) != 0) {
		errno = EAGAIN;
		refused();
		return;
	}
	usleep(draw(3000));
	pthread_cancel(thread);
	pthread_join(thread, &result);
	forget_order(&order);
	if (result != PTHREAD_CANCELED && !was_killed((int)(intptr_t)result))
		wrong("not cancelled: %p", result);
	atomic_fetch_add(&tally.cancels, 1);
	usleep(draw(10000));
}

/* --- the engine --- */

/* Where the gate is to choose, all engines have their turn, and avfork most. */
void
switch_engine(void)
{
	static const enum spawnio_engine engines[] = {
		SPAWNIO_ENGINE_AUTO, SPAWNIO_ENGINE_AUTO, SPAWNIO_ENGINE_AVFORK,
		SPAWNIO_ENGINE_AVFORK, SPAWNIO_ENGINE_AVFORK,
		SPAWNIO_ENGINE_VFORK, SPAWNIO_ENGINE_FORK,
		SPAWNIO_ENGINE_POSIX_SPAWN
	};

	calling("spawnio_set_engine");
	if (spawnio_set_engine((int)engines[draw(COUNT(engines))]) == 0)
		called();
	else if (errno != ENOTSUP)
		wrong("errno %d", errno);
	atomic_fetch_add(&tally.switches, 1);
	usleep(draw(20000));
}

/* --- children that are stopped and killed --- */

/* A pid is the kernel's next after that of another child, more or less: so also
 * of those that nobody but the library knows yet. */
static pid_t
guess_child(void)
{
	static pid_t last;
	pid_t pid = last + 1 + (pid_t)draw(16);

	if (once_in(8) || pid < last) {
		pid = fork_self();
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			check_other(pid, 0);
		if (pid > 0)
			last = pid;
		pid++;
	}
	return pid;
}

static bool
is_own(pid_t pid)
{
	char path[64], text[512], state;
	const char *end;
	int fd, parent;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	return end != NULL &&
	    sscanf(end + 1, " %c %d", &state, &parent) == 2 && parent == self;
}

static int
send_signal(int pidfd, int signo)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
}

static void
bully_child(int pidfd)
{
	send_signal(pidfd, SIGSTOP);
	atomic_fetch_add(&tally.stops, 1);
	usleep(draw(3000));
	if (once_in(4)) {
		atomic_fetch_add(&tally.kills, 1);
		send_signal(pidfd, SIGKILL);
	} else
		send_signal(pidfd, SIGCONT);
}

/* The pidfd is of that process as long as the process can be signalled. */
void
bully(void)
{
	pid_t pid;
	int pidfd;

	calling("pidfd_send_signal");
	pid = guess_child();
	pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd >= 0 && is_own(pid) && send_signal(pidfd, 0) == 0)
		bully_child(pidfd);
	close(pidfd);
	usleep(draw(2000));
}

/* --- plug-ins --- */

/* dlsym(3) says how to get a function from it. */
void
open_plugin(struct plugin *plugin, enum plugin_kind kind)
{
	plugin->handle = dlopen(plugin_path[kind], RTLD_NOW | RTLD_LOCAL);
	if (plugin->handle != NULL) {
		*(void **)&plugin->open = dlsym(plugin->handle, "plugin_open");
		*(void **)&plugin->close =
		    dlsym(plugin->handle, "plugin_close");
	}
}

static void
read_through(const struct plugin *plugin)
{
	char said[128];
	struct order order;
	FILE *stream;
	int status;

	place_order(&order, "s", draw_form());
	calling("spopen of a plug-in");
	stream = plugin->open(order.command, "re");
	if (stream == NULL) {
		refused();
		return;
	}
	forget_order(&order);
	read_text(fileno(stream), said, sizeof(said));
	calling("spclose of a plug-in");
	status = plugin->close(stream);
	check_status(&order, status, said, order.token);
}

void
load_plugin(void)
{
	enum plugin_kind kind = once_in(4) ? PLUGIN_STATIC : PLUGIN_SHARED;
	struct plugin plugin;

	if (atomic_load(&tally.static_plugins) >= PLUGINS)
		kind = PLUGIN_SHARED;
	calling("dlopen");
	begin_reading();
	open_plugin(&plugin, kind);
	end_reading();
	if (plugin.handle == NULL)
		wrong("%s", dlerror());
	read_through(&plugin);
	calling("dlclose");
	dlclose(plugin.handle);
	atomic_fetch_add(kind == PLUGIN_STATIC ? &tally.static_plugins :
	    &tally.plugins, 1);
	usleep(draw(20000));
}
