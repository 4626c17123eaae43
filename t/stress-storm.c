/* SPDX-License-Identifier: ISC */
/* A storm: who takes part in it, and how long. */

#include "stress.h"

#include <sys/syscall.h>

#define PATIENCE	60	/* seconds without a turn: a deadlock */

static atomic_int left;
static atomic_bool over;
static time_t deadline;

bool
turn_is_left(void)
{
	return atomic_fetch_sub(&left, 1) > 0 && time(NULL) < deadline;
}

/* Each player has a mask of its own; what is blocked goes by the shell, which
 * takes long. */
static void *
work(void *arg)
{
	char name[16];

	me = arg;
	snprintf(name, sizeof(name), "%s %d", me->name, me->number);
	pthread_setname_np(pthread_self(), name);
	pthread_sigmask(SIG_SETMASK, NULL, &me->mask);
	if (me->turn == play && me->number % 8 == 7)
		sigaddset(&me->mask, SIGRTMIN + me->number);
	pthread_sigmask(SIG_SETMASK, &me->mask, NULL);
	while (!atomic_load(&over) && !atomic_load(&me->finished)) {
		me->turn();
		atomic_fetch_add(&me->turns, 1);
	}
	atomic_store(&me->finished, true);
	atomic_store(&me->doing, "nothing any more");
	return NULL;
}

static bool
has_pidfds(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	close(fd);
	return fd >= 0;
}

static void
engage_all(void)
{
	int i;

	workers = 0;
	for (i = 0; i < PLAYERS; i++)
		engage("player", play);
	engage("drummer", drum);
	engage("forker", fork_one);
	engage("forker", fork_one);
	engage("changer", change_environ);
	engage("leaver", leave_one);
	if (MAY_CANCEL)
		engage("canceller", cancel_one);
	if (gate_chooses())
		engage("switcher", switch_engine);
	if (has_pidfds())
		engage("bully", bully);
	if (access(plugin_path[PLUGIN_SHARED], R_OK) == 0)
		engage("loader", load_plugin);
}

/* Has everybody had a turn lately? */
static void
watch(void)
{
	time_t now = time(NULL);
	struct worker *worker;

	for (worker = cast; worker < cast + workers; worker++) {
		if (atomic_load(&worker->turns) != worker->turns_seen ||
		    atomic_load(&worker->finished))
			worker->seen = now;
		worker->turns_seen = atomic_load(&worker->turns);
		if (now - worker->seen > PATIENCE) {
			me = worker;
			say_states();
			wrong("no turn for %d seconds", PATIENCE);
		}
	}
}

static bool
players_play(void)
{
	int i;

	for (i = 0; i < PLAYERS; i++)
		if (!atomic_load(&cast[i].finished))
			return true;
	return false;
}

/* Process ids may be few: whoever is not engaged takes no part. */
void
blow(int count, int seconds)
{
	size_t i, k;

	atomic_store(&left, count);
	atomic_store(&over, false);
	deadline = time(NULL) + seconds;
	engage_all();
	for (i = 0; i < workers; i++) {
		me = &cast[i];
		if (pthread_create(&cast[i].thread, NULL, work, me) != 0)
			wrong("no thread");
	}
	while (players_play()) {
		usleep(100000);
		watch();
	}
	atomic_store(&over, true);
	/* The players last, whom others signal. */
	for (k = 0; k < workers; k++) {
		i = workers - 1 - k;
		while (!atomic_load(&cast[i].finished)) {
			usleep(10000);
			watch();
		}
		pthread_join(cast[i].thread, NULL);
	}
}

void
check_turns(void)
{
	size_t i;

	for (i = 0; i < workers; i++)
		if (atomic_load(&cast[i].turns) == 0)
			wrong("%s %d had no turn", cast[i].name,
			    cast[i].number);
}
