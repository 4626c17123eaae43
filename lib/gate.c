/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gate.h"
#include "pool.h"

enum reason {
	NOTHING_AGAINST = 1, BY_CALL, BY_ENVIRONMENT, BAD_ENVIRONMENT,
	SECURE, IDS_DIFFER, ROOT, CAPABLE, TRACED, NO_PROC, NO_DESCRIPTOR,
	ONE_CPU, NO_POOL, CLONE3_REFUSED, VFORK_REFUSED, NOT_NATIVE,
	BAD_AND_AGAINST
};

static const char *const words[] = {
	[NOTHING_AGAINST] = "nothing speaks against it",
	[BY_CALL] = "asked for by spawnio_set_engine()",
	[BY_ENVIRONMENT] = "asked for by SPAWNIO_ENGINE",
	[BAD_ENVIRONMENT] = "nothing speaks against it; "
	    "SPAWNIO_ENGINE names no engine and is ignored",
	[SECURE] = "the program was started with more privilege than its "
	    "caller (AT_SECURE)",
	[IDS_DIFFER] = "the real, effective and saved ids differ",
	[ROOT] = "the effective user is root",
	[CAPABLE] = "the process holds capabilities, or cannot be told",
	[TRACED] = "the process is traced",
	[NO_PROC] = "/proc/self/status does not say whether it is traced",
	[NO_DESCRIPTOR] = "no descriptor is free to see whether it is traced",
	[ONE_CPU] = "the process may use one CPU only",
	[NO_POOL] = "there is no memory for the pool",
	[CLONE3_REFUSED] = "the kernel refused clone3()",
	[VFORK_REFUSED] = "the kernel refused clone() with CLONE_VFORK",
	[NOT_NATIVE] = "this build has no other engine",
	[BAD_AND_AGAINST] = "SPAWNIO_ENGINE names no engine and is ignored; "
	    "privilege, a tracer or a single CPU speaks against avfork"
};

static const char *const names[] = {
	[SPAWNIO_ENGINE_AUTO] = "auto",
	[SPAWNIO_ENGINE_AVFORK] = "avfork",
	[SPAWNIO_ENGINE_VFORK] = "vfork",
	[SPAWNIO_ENGINE_FORK] = "fork",
	[SPAWNIO_ENGINE_POSIX_SPAWN] = "posix_spawn"
};

#define ENGINES	((int)(sizeof(names) / sizeof(names[0])))

/* An engine and a reason in one word, 0 being neither. */
#define CHOICE(engine, reason)	((unsigned)(engine) | (unsigned)(reason) << 8)
#define ENGINE(choice)		((enum spawnio_engine)((choice) & 0xff))
#define REASON(choice)		((enum reason)((choice) >> 8))

/* What was asked for, 0 until SPAWNIO_ENGINE has been read; and the refusals.
 * Both outlive a fork(), unlike the decision, which is in the state. */
static _Atomic unsigned asked;
static _Atomic unsigned refusals;
static _Atomic unsigned shell;	/* an enum spawnio_shell */

#ifdef SPIO_NATIVE

/* Any capability is a privilege that the process could lose, also one that only
 * what it executes may come to have; one who cannot be told whether it has any
 * may have some. */
static int
capable(void)
{
	struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
	struct { uint32_t effective, permitted, inheritable; } set[2];

	memset(set, 0, sizeof(set));
	return syscall(SYS_capget, &head, set) != 0 ||
	    (set[0].permitted | set[0].inheritable |
	    set[1].permitted | set[1].inheritable) != 0;
}

/* Could this process lose privilege that a child in flight would still have,
 * in memory that this process could still write?  (Hazard H1.) */
static enum reason
privilege(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (getauxval(AT_SECURE) != 0)
		return SECURE;
	if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0 ||
	    r != e || e != s || rg != eg || eg != sg)
		return IDS_DIFFER;
	if (e == 0)
		return ROOT;
	return capable() ? CAPABLE : NOTHING_AGAINST;
}

/* gdb takes a child of shared memory for one with memory of its own, and its
 * breakpoints out of both.  (H9.) */
static enum reason
tracer(void)
{
	static const char tag[] = "\nTracerPid:\t";
	char buf[1024];
	const char *line;
	ssize_t n;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return errno == EMFILE || errno == ENFILE ?
		    NO_DESCRIPTOR : NO_PROC;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	line = strstr(buf, tag);
	if (line == NULL)
		return NO_PROC;
	return line[sizeof(tag) - 1] == '0' ? NOTHING_AGAINST : TRACED;
}

/* On one CPU a caller that goes on computing keeps its child waiting. (H11.)
 * The kernel's call tells a set of any size; EINVAL is one of more CPUs than
 * fit in here. */
static enum reason
cpus(void)
{
	unsigned long set[128] = { 0 };
	long i, n = syscall(SYS_sched_getaffinity, 0, sizeof(set), set);
	int count = 0;

	if (n < 0)
		return NOTHING_AGAINST;
	for (i = 0; i < n / (long)sizeof(set[0]); i++)
		count += __builtin_popcountl(set[i]);
	return count > 1 ? NOTHING_AGAINST : ONE_CPU;
}

/* Once in a process: small rather than fast. */
__attribute__((__cold__)) static enum reason
objection(void)
{
	static enum reason (*const ask[])(void) = { privilege, tracer, cpus };
	enum reason reason = NOTHING_AGAINST;
	int i;

	for (i = 0; i < 3 && reason == NOTHING_AGAINST; i++)
		reason = ask[i]();
	return reason;
}

static unsigned
decide(unsigned wish)
{
	enum reason reason;

	if (ENGINE(wish) > SPAWNIO_ENGINE_AVFORK)
		return wish;
	if (ENGINE(wish) == SPAWNIO_ENGINE_AUTO) {
		reason = objection();
		if (reason != NOTHING_AGAINST)
			return CHOICE(SPAWNIO_ENGINE_VFORK,
			    REASON(wish) == BAD_ENVIRONMENT &&
			    reason != NO_DESCRIPTOR ?
			    BAD_AND_AGAINST : reason);
	}
	if (!spio_pool_exists())
		return CHOICE(SPAWNIO_ENGINE_VFORK, NO_POOL);
	return CHOICE(SPAWNIO_ENGINE_AVFORK, REASON(wish));
}

#else

static int
capable(void)
{
	return 0;
}

static unsigned
decide(unsigned wish)
{
	(void)wish;
	return CHOICE(SPAWNIO_ENGINE_POSIX_SPAWN, NOT_NATIVE);
}

#endif

/* The variable, unless whoever set it had less privilege than we have. */
static const char *
setting(const char *variable)
{
	return getauxval(AT_SECURE) != 0 ? NULL : getenv(variable);
}

static unsigned
read_environment(void)
{
	const char *name = setting("SPAWNIO_ENGINE");
	int engine;

	if (name == NULL)
		return CHOICE(SPAWNIO_ENGINE_AUTO, NOTHING_AGAINST);
	for (engine = 0; engine < ENGINES; engine++)
		if (strcmp(name, names[engine]) == 0)
			return CHOICE(engine, engine == SPAWNIO_ENGINE_AUTO ?
			    NOTHING_AGAINST : BY_ENVIRONMENT);
	return CHOICE(SPAWNIO_ENGINE_AUTO, BAD_ENVIRONMENT);
}

static unsigned
wish(void)
{
	unsigned wish = atomic_load(&asked), none = 0;

	if (wish != 0)
		return wish;
	wish = read_environment();
	return atomic_compare_exchange_strong(&asked, &none, wish) ?
	    wish : none;
}

/* Decided once, until it is asked for anew, but for this launch alone if no
 * descriptor is free; what the kernel has refused since, and what this thread
 * holds by now, is looked at each time. */
static unsigned
choice(void)
{
	_Atomic uint32_t *gate = &spio_state()->gate;
	unsigned choice = atomic_load(gate), asked_for, refused;
	int saved = errno;

	while (choice == 0) {
		asked_for = wish();
		choice = decide(asked_for);
		if (REASON(choice) != NO_DESCRIPTOR)
			atomic_store(gate, choice);
		/* spawnio_set_engine() may have come in between. */
		if (atomic_load(&asked) != asked_for)
			choice = 0;
	}
	/* The first launch may have been a thread's with ids of its own, or
	 * from before this process had a user namespace of its own. */
	if (ENGINE(choice) == SPAWNIO_ENGINE_AVFORK &&
	    REASON(choice) != BY_CALL && REASON(choice) != BY_ENVIRONMENT &&
	    capable())
		choice = CHOICE(SPAWNIO_ENGINE_VFORK,
		    geteuid() == 0 ? ROOT : CAPABLE);
	errno = saved;
	refused = atomic_load(&refusals);
	if (refused & SPIO_NO_CLONE3 && ENGINE(choice) == SPAWNIO_ENGINE_AVFORK)
		choice = CHOICE(SPAWNIO_ENGINE_VFORK, CLONE3_REFUSED);
	if (refused & SPIO_NO_VFORK && ENGINE(choice) == SPAWNIO_ENGINE_VFORK)
		choice = CHOICE(SPAWNIO_ENGINE_FORK, VFORK_REFUSED);
	return choice;
}

enum spawnio_engine
spio_gate_engine(void)
{
	return ENGINE(choice());
}

int
spio_gate_wants_shell(void)
{
	unsigned wish = atomic_load(&shell), none = 0;
	const char *name;

	if (wish == 0) {
		name = setting("SPAWNIO_SHELL");
		wish = name != NULL && strcmp(name, "always") == 0 ?
		    SPAWNIO_SHELL_ALWAYS : SPAWNIO_SHELL_AUTO;
		if (!atomic_compare_exchange_strong(&shell, &none, wish))
			wish = none;
	}
	return wish == SPAWNIO_SHELL_ALWAYS;
}

const char *
spio_gate_name(enum spawnio_engine engine)
{
	return names[engine];
}

void
spio_gate_refuse(enum refusal what)
{
	atomic_fetch_or(&refusals, what);
}

int
spio_gate_refused(enum refusal what)
{
	return atomic_load(&refusals) & what;
}

int
spawnio_set_engine(int choice)
{
	const int shells = SPAWNIO_SHELL_AUTO | SPAWNIO_SHELL_ALWAYS;
	int engine = choice & ~shells;

	if (engine < 0 || engine >= ENGINES || (choice & shells) == shells) {
		errno = EINVAL;
		return -1;
	}
#ifndef SPIO_NATIVE
	if (engine != SPAWNIO_ENGINE_AUTO &&
	    engine != SPAWNIO_ENGINE_POSIX_SPAWN) {
		errno = ENOTSUP;
		return -1;
	}
#endif
	if (choice & shells)
		atomic_store(&shell, (unsigned)(choice & shells));
	atomic_store(&asked, CHOICE(engine, engine == SPAWNIO_ENGINE_AUTO ?
	    NOTHING_AGAINST : BY_CALL));
	atomic_store(&spio_state()->gate, 0);
	return 0;
}

const char *
spawnio_engine(const char **reason)
{
	unsigned now = choice();

	if (reason != NULL)
		*reason = words[REASON(now)];
	return names[ENGINE(now)];
}
