/* SPDX-License-Identifier: ISC */
/* Calls at random from many threads at once, while signals come, other threads
 * fork, are cancelled, change the environment and the engine and load plug-ins,
 * children are stopped and killed, and processes leave with launches in flight:
 * no launch is lost, no output is another's, nothing is left, memory does not
 * grow, nobody waits for ever.  Then the same where process ids are few, so
 * that they come round again and again.
 *
 *	SPAWNIO_STORM=1000000 SPAWNIO_STORM_SECONDS=3600 t/stress
 *
 * is about so many launches, and so many seconds at most.  SPAWNIO_STORM_SEED
 * makes each thread draw what it drew in the run that printed that number. */

#include "stress.h"

#define LAUNCHES	4000	/* with the engine that the gate takes if it */
#define FEWER		600	/* finds nothing against it; with the others */
#define SECONDS		600

uint64_t seed;
bool scarce;
struct tally tally;
char own_path[PATH_MAX], parrot[PATH_MAX], plugin_path[2][PATH_MAX];

bool
gate_chooses(void)
{
	const char *wish = getenv("SPAWNIO_ENGINE");

	return wish == NULL || strcmp(wish, "auto") == 0;
}

static int
number(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text != NULL ? atoi(text) : otherwise;
}

static int
count(void)
{
	return number("SPAWNIO_STORM", gate_chooses() &&
	    strcmp(spawnio_engine(NULL), "avfork") == 0 ? LAUNCHES : FEWER);
}

static void
tell(time_t begun)
{
	say("stress: SPAWNIO_STORM_SEED=%llu%s: %u launches in %ld s; "
	    "%u signals, %u forks, %u cancelled, %u environments, "
	    "%u engines, %u stopped, %u killed, %u died of it, "
	    "%u + %u plug-ins, %u departures, %u refused\n",
	    (unsigned long long)seed, scarce ? ", few pids" : "",
	    atomic_load(&tally.launches), (long)(time(NULL) - begun),
	    atomic_load(&tally.signals), atomic_load(&tally.forks),
	    atomic_load(&tally.cancels), atomic_load(&tally.changes),
	    atomic_load(&tally.switches), atomic_load(&tally.stops),
	    atomic_load(&tally.kills), atomic_load(&tally.deaths),
	    atomic_load(&tally.plugins), atomic_load(&tally.static_plugins),
	    atomic_load(&tally.departures), atomic_load(&tally.refusals));
}

/* What is there once comes in the first tenth. */
static void
storm(int launches_made, int seconds)
{
	struct belongings before;
	time_t begun = time(NULL);

	blow(launches_made / 10, seconds / 10 + 1);
	before = take_stock();
	blow(launches_made - launches_made / 10, seconds - seconds / 10);
	me = &cast[0];
	check_belongings(&before);
	check_turns();
	tell(begun);
}

/* --- at the beginning --- */

static void
find_programs(void)
{
	static const char *const names[] = {
		"parrot", ".libs/plugin-shared.so", ".libs/plugin-static.so"
	};
	char *const paths[] = {
		parrot, plugin_path[PLUGIN_SHARED], plugin_path[PLUGIN_STATIC]
	};
	ssize_t n = readlink("/proc/self/exe", own_path, sizeof(own_path) - 1);
	size_t i;

	if (n == -1)
		wrong("no /proc/self/exe");
	for (i = 0; i < COUNT(names); i++) {
		n = strrchr(own_path, '/') + 1 - own_path;
		snprintf(paths[i], PATH_MAX, "%.*s%s", (int)n, own_path,
		    names[i]);
	}
}

/* Whoever runs the tests may ignore and block signals, or leave descriptors
 * open. */
static void
start_afresh(void)
{
	sigset_t none;
	int fd;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	catch_signals();
	for (fd = 3; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	keep_environ();
	me = engage("main", NULL);
	find_programs();
}

static uint64_t
draw_seed(void)
{
	const char *text = getenv("SPAWNIO_STORM_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return text != NULL ? strtoull(text, NULL, 10) :
	    (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int
main(int argc, char *argv[])
{
	int launches_made, seconds;

	start_afresh();
	if (argc == 4 && strcmp(argv[1], "leave") == 0)
		leave(argv[2], argv[3]);
	/* ThreadSanitizer keeps signals back, loses sight of what a cancelled
	 * thread closes, and may not fork with threads. */
	if (!MAY_STORM) {
		say("stress: skipped: not for a thread sanitizer\n");
		return SKIPPED;
	}
	seed = draw_seed();
	scarce = argc == 2 && strcmp(argv[1], "few") == 0;
	seconds = number("SPAWNIO_STORM_SECONDS", SECONDS);
	launches_made = count();
	say("stress: SPAWNIO_STORM_SEED=%llu, %s%s\n",
	    (unsigned long long)seed, spawnio_engine(NULL),
	    scarce ? ", few pids" : "");
	if (scarce)
		launches_made /= 4;
	storm(launches_made, scarce ? seconds / 4 + 1 : seconds);
	return scarce ? 0 : storm_with_few_pids();
}
