/* SPDX-License-Identifier: ISC */
/* Processes that leave with launches in flight. */

#include "stress.h"

#include <dlfcn.h>

#define LEAVERS		4
#define EACH		8
#define DEPARTURES	6

/* Say which launch was made; its command says the same with another sign. */
static void *
launch_to_leave(void *arg)
{
	int first = (int)(intptr_t)arg * EACH, i;
	char command[PATH_MAX + 64], text[8];

	for (i = first; i < first + EACH; i++) {
		snprintf(command, sizeof(command), "%s s -%02d 0%s", parrot,
		    i, i % 4 == 0 ? " $NOTHING" : "");
		snprintf(text, sizeof(text), "+%02d", i);
		if (spopen(command, i % 2 == 0 ? "w" : "we") != NULL &&
		    write(STDOUT_FILENO, text, 3) != 3)
			_exit(1);
	}
	for (;;)
		pause();
	return NULL;
}

/* A plug-in goes with its launch in flight. */
static void
launch_and_unload(void)
{
	char command[PATH_MAX + 64];
	struct plugin plugin;

	open_plugin(&plugin, PLUGIN_STATIC);
	if (plugin.handle == NULL)
		return;
	snprintf(command, sizeof(command), "%s s -99 0", parrot);
	if (plugin.open(command, "we") != NULL &&
	    write(STDOUT_FILENO, "+99", 3) != 3)
		_exit(1);
	dlclose(plugin.handle);
}

__attribute__((__noreturn__))
static void
depart(int how)
{
	switch (how) {
	case 0:
		execl(parrot, parrot, "-", "-", "0", (char *)NULL);
		break;
	case 1:
		if (!ADDRESS_SANITIZER)
			exit(0);
		break;
	case 2:
		kill(getpid(), SIGKILL);
		break;
	case 3:
		launch_and_unload();
		break;
	case 4:
		launch_and_unload();
		execl(parrot, parrot, "-", "-", "0", (char *)NULL);
	}
	_exit(0);
}

void
leave(const char *how, const char *after)
{
	pthread_t thread;
	intptr_t i;

	for (i = 0; i < LEAVERS; i++)
		if (pthread_create(&thread, NULL, launch_to_leave,
		    (void *)i) != 0)
			break;
	usleep((useconds_t)atoi(after));
	depart(atoi(how));
}

/* Each that was made has run. */
static void
check_departure(const char *said)
{
	char record[4] = "-00";
	const char *p;
	size_t n = strlen(said);

	if (n % 3 != 0)
		wrong("'%s'", said);
	for (p = said; p < said + n; p += 3) {
		if (*p != '+')
			continue;
		memcpy(record + 1, p + 1, 2);
		if (strstr(said, record) == NULL)
			wrong("launch %s is lost: '%s'", record, said);
		atomic_fetch_add(&tally.launches, 1);
	}
}

void
leave_one(void)
{
	char how_to[8], after[8], said[1024];
	char *argv[] = { own_path, (char *)"leave", how_to, after, NULL };
	struct spawnio_how how = { .size = sizeof(how), .argv = argv };
	struct spawnio_child child;
	unsigned what = draw(DEPARTURES);
	int status;

	snprintf(how_to, sizeof(how_to), "%u", what);
	snprintf(after, sizeof(after), "%u", draw(8) * 1000);
	how.out.kind = SPAWNIO_PIPE;
	begin_reading();
	calling("spawnio_start, to leave");
	if (spawnio_start(&how, &child) == -1) {
		refused();
		return;
	}
	end_reading();
	calling("read from those who stay");
	read_text(child.fd[1], said, sizeof(said));
	close(child.fd[1]);
	status = end_of(&child);
	if (status != (what == 2 ? SIGKILL : 0) && !was_killed(status))
		wrong("left with status %#x", status);
	check_departure(said);
	atomic_fetch_add(&tally.departures, 1);
	usleep(draw(20000));
}
