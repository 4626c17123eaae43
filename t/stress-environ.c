/* SPDX-License-Identifier: ISC */
/* The environment, which may change only while nobody reads it. */

#include "stress.h"

/* Two environments that take turns; the one that is not in use is garbage. */
struct surroundings {
	char *variable[1024];
	char setting[80];
};

static struct surroundings around[2];
static char **first_environ;
static atomic_bool changing;

char setting[64] = "none";

void
begin_reading(void)
{
	atomic_store(&me->reads_environ, true);
	while (atomic_load(&changing)) {
		atomic_store(&me->reads_environ, false);
		usleep(100);
		atomic_store(&me->reads_environ, true);
	}
}

void
end_reading(void)
{
	atomic_store(&me->reads_environ, false);
}

void
keep_environ(void)
{
	first_environ = environ;
	unsetenv("SPAWNIO_STRESS");
}

static void
furnish(struct surroundings *new)
{
	static const char padding[] = "--------------------------------";
	size_t i, n = 0;

	snprintf(setting, sizeof(setting), "%u%.*s",
	    atomic_load(&tally.changes), (int)draw(sizeof(padding)), padding);
	snprintf(new->setting, sizeof(new->setting), "SPAWNIO_STRESS=%s",
	    setting);
	for (i = 0; first_environ[i] != NULL; i++)
		if (n < COUNT(new->variable) - 2 &&
		    strncmp(first_environ[i], "SPAWNIO_STRESS=", 15) != 0)
			new->variable[n++] = first_environ[i];
	new->variable[n++] = new->setting;
	new->variable[n] = NULL;
}

void
change_environ(void)
{
	static unsigned now;
	size_t i;

	usleep(20000 + draw(50000));
	calling("setenv");
	atomic_store(&changing, true);
	for (i = 0; i < workers; i++)
		while (atomic_load(&cast[i].reads_environ))
			usleep(50);
	now = !now;
	furnish(&around[now]);
	environ = around[now].variable;
	memset(&around[!now], 'x', sizeof(around[!now]));
	if (once_in(2))
		setenv("SPAWNIO_STRESS_TOO", once_in(2) ? "1" : "22", 1);
	else
		unsetenv("SPAWNIO_STRESS_TOO");
	atomic_fetch_add(&tally.changes, 1);
	atomic_store(&changing, false);
}
