/* SPDX-License-Identifier: ISC */
/* spawnio_set_engine(), spawnio_engine(), SPAWNIO_ENGINE, the gate that chooses
 * if nobody asked, and spawnio_quiesce().  Each test is a process that has not
 * launched yet, so it decides anew. */

#include "fixture.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define NOBODY		65534
#define MEGABYTE	(1024 * 1024)

static const struct {
	const char *name;
	int number;
} engines[] = {
	{ "avfork", SPAWNIO_ENGINE_AVFORK },
	{ "vfork", SPAWNIO_ENGINE_VFORK },
	{ "fork", SPAWNIO_ENGINE_FORK },
	{ "posix_spawn", SPAWNIO_ENGINE_POSIX_SPAWN },
};

/* What the gate says to a process with every right, or with none. */
static const char *
gates_choice(void)
{
	if (!native())
		return "posix_spawn";
	return geteuid() != 0 && cpus() > 1 ? "avfork" : "vfork";
}

static void
check_engine(const char *name, const char *word)
{
	const char *reason = NULL;

	ck_assert_str_eq(spawnio_engine(&reason), name);
	ck_assert_ptr_nonnull(reason);
	ck_assert_msg(strcasestr(reason, word) != NULL,
	    "the reason is '%s', without '%s'", reason, word);
}

static void
check_commands(void)
{
	FILE *stream;

	ck_assert_str_eq(output("echo right"), "right\n");
	stream = open_command("r+", "read x; echo $x; exit 3");
	ck_assert_int_ge(fputs("two ways\n", stream), 0);
	fflush(stream);
	ck_assert_str_eq(rest_of(stream), "two ways\n");
	assert_exit(close_command(stream), 3);
	assert_exit(run_command("exit 4"), 4);
}

/* As it is before and after the first launch. */
static void
check_launches(const char *name, const char *word)
{
	if (strcmp(name, "avfork") == 0 && !clone3_is_there()) {
		check_commands();
		check_engine("vfork", "clone3");
		return;
	}
	check_engine(name, word);
	check_commands();
	check_engine(name, word);
}

static void
leave_to_gate(void)
{
	unsetenv("SPAWNIO_ENGINE");
}

/* No root, no capabilities, and nothing that speaks of who we were. */
static void
become_nobody(void)
{
	leave_to_gate();
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY), 0);
	ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
}

/* --- asked for --- */

START_TEST(variable_names_an_engine)
{
	setenv("SPAWNIO_ENGINE", engines[_i].name, 1);
	if (native())
		check_launches(engines[_i].name, "SPAWNIO_ENGINE");
	else
		check_launches("posix_spawn", "");
}
END_TEST

START_TEST(variable_leaves_it_to_the_gate)
{
	setenv("SPAWNIO_ENGINE", "auto", 1);
	check_launches(gates_choice(), "");
}
END_TEST

static const char *const no_names[] = {
	"xyz", "AVFORK", "vfork ", " vfork", "vforkx", "for", "-1", "2",
};

START_TEST(variable_is_no_name)
{
	setenv("SPAWNIO_ENGINE", no_names[_i], 1);
	check_launches(gates_choice(), native() ? "SPAWNIO_ENGINE" : "");
}
END_TEST

START_TEST(variable_is_read_once)
{
	const char *name;

	setenv("SPAWNIO_ENGINE", "fork", 1);
	name = spawnio_engine(NULL);
	setenv("SPAWNIO_ENGINE", "vfork", 1);
	check_launches(name, "");
}
END_TEST

START_TEST(variable_is_read_by_a_launch)
{
	setenv("SPAWNIO_ENGINE", "fork", 1);
	check_commands();
	setenv("SPAWNIO_ENGINE", "vfork", 1);
	ck_assert_str_eq(spawnio_engine(NULL),
	    native() ? "fork" : "posix_spawn");
}
END_TEST

START_TEST(engine_is_set)
{
	if (!native() && strcmp(engines[_i].name, "posix_spawn") != 0) {
		assert_error(spawnio_set_engine(engines[_i].number), -1,
		    ENOTSUP);
		return;
	}
	errno = 12345;
	ck_assert_int_eq(spawnio_set_engine(engines[_i].number), 0);
	ck_assert_int_eq(errno, 12345);
	check_launches(engines[_i].name,
	    native() ? "spawnio_set_engine" : "");
}
END_TEST

START_TEST(engine_set_wins_over_the_variable)
{
	setenv("SPAWNIO_ENGINE", "fork", 1);
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_POSIX_SPAWN), 0);
	check_launches("posix_spawn", "");
}
END_TEST

START_TEST(engine_set_after_a_launch)
{
	setenv("SPAWNIO_ENGINE", "fork", 1);
	check_commands();
	for (size_t i = 0; i < COUNT(engines); i++)
		if (spawnio_set_engine(engines[i].number) == 0)
			check_launches(engines[i].name, "");
}
END_TEST

/* To what the environment asked for, too. */
START_TEST(auto_goes_back_to_the_gate)
{
	setenv("SPAWNIO_ENGINE", "posix_spawn", 1);
	ck_assert_str_eq(spawnio_engine(NULL), "posix_spawn");
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_AUTO), 0);
	check_launches(gates_choice(), "");
	spawnio_set_engine(SPAWNIO_ENGINE_POSIX_SPAWN);
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_AUTO), 0);
	check_launches(gates_choice(), "");
}
END_TEST

static const int no_numbers[] = { -1, 5, 6, INT_MAX, INT_MIN };

START_TEST(number_is_no_engine)
{
	const char *name = spawnio_engine(NULL);

	assert_error(spawnio_set_engine(no_numbers[_i]), -1, EINVAL);
	ck_assert_str_eq(spawnio_engine(NULL), name);
}
END_TEST

START_TEST(answer_is_constant)
{
	const char *first, *second;
	const char *name;

	errno = 12345;
	name = spawnio_engine(&first);
	ck_assert_int_eq(errno, 12345);
	ck_assert_ptr_eq(spawnio_engine(&second), name);
	ck_assert_ptr_eq(first, second);
}
END_TEST

static void
expect_posix_spawn(void *unused)
{
	(void)unused;
	check_launches("posix_spawn", "");
}

START_TEST(engine_set_is_kept_by_a_child)
{
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_POSIX_SPAWN), 0);
	in_child(expect_posix_spawn, NULL);
}
END_TEST

/* --- the gate --- */

START_TEST(root)
{
	leave_to_gate();
	check_launches("vfork", "root");
}
END_TEST

START_TEST(nobody)
{
	become_nobody();
	check_launches(cpus() > 1 ? "avfork" : "vfork", "");
}
END_TEST

START_TEST(one_cpu)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	become_nobody();
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	check_launches("vfork", "CPU");
}
END_TEST

static void
clear_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 } };

	ck_assert_int_eq(syscall(SYS_capset, &head, none), 0);
}

/* Permitted is enough: what is not effective can be made so. */
static void
keep_capabilities(void)
{
	if (geteuid() == 0)
		ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
	else
		ck_assert_int_eq(unshare(CLONE_NEWUSER), 0);
	become_nobody();
}

START_TEST(capabilities_held)
{
	keep_capabilities();
	check_launches("vfork", "capabilit");
}
END_TEST

START_TEST(capabilities_cleared)
{
	keep_capabilities();
	clear_capabilities();
	check_launches(cpus() > 1 ? "avfork" : "vfork", "");
}
END_TEST

/* Users or groups: real, effective, saved. */
static const struct {
	bool groups;
	unsigned int id[3];
} mixed[] = {
	{ false, { 0, NOBODY, NOBODY } },
	{ false, { NOBODY, NOBODY, 0 } },
	{ false, { 1, NOBODY, NOBODY } },
	{ false, { NOBODY, NOBODY, 1 } },
	{ true, { 0, NOBODY, NOBODY } },
	{ true, { NOBODY, 0, NOBODY } },
	{ true, { NOBODY, NOBODY, 0 } },
};

START_TEST(ids_differ)
{
	const unsigned int *id = mixed[_i].id;

	leave_to_gate();
	if (mixed[_i].groups) {
		ck_assert_int_eq(setresgid(id[0], id[1], id[2]), 0);
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	} else {
		ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY), 0);
		ck_assert_int_eq(setresuid(id[0], id[1], id[2]), 0);
	}
	check_launches("vfork", "ids");
}
END_TEST

/* A program whose real user is not the one that its rights are from: the
 * variable is the former's. */
static void
exec_secure(int out)
{
	setenv("SPAWNIO_ENGINE", "fork", 1);
	ck_assert_int_eq(setresuid(NOBODY, 0, 0), 0);
	ck_assert_int_eq(dup2(out, 1), 1);
	execl("/proc/self/exe", "engine", "--say", (char *)NULL);
}

static int
say(void)
{
	const char *reason, *name = spawnio_engine(&reason);

	return printf("%lu %s: %s\n", getauxval(AT_SECURE), name, reason) < 0;
}

START_TEST(secure_program)
{
	struct channel from = from_commands();
	char text[256];
	ssize_t n;
	pid_t pid = fork();

	if (pid == 0) {
		exec_secure(from.theirs);
		_exit(1);
	}
	close(from.theirs);
	n = read(from.ours, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_msg(strncmp(text, "1 vfork: ", 9) == 0, "%s", text);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(from.ours);
}
END_TEST

static void
be_traced(void)
{
	become_nobody();
	ck_assert_int_eq(ptrace(PTRACE_TRACEME, 0, 0, 0), 0);
	check_launches("vfork", "traced");
}

/* The tracer lets all signals through. */
START_TEST(traced)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		be_traced();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		ck_assert_int_eq(ptrace(PTRACE_CONT, pid, 0,
		    WSTOPSIG(status)), 0);
	assert_exit(status, 0);
}
END_TEST

/* Without /bin/sh there, no launch. */
static void
find_no_proc(void *unused)
{
	(void)unused;
	become_nobody();
	clear_capabilities();
	check_engine("vfork", "/proc");
}

START_TEST(no_proc)
{
	in_other_root(NULL, 0, find_no_proc, NULL);
}
END_TEST

#define LIMIT	64

/* All below the limit, but none that a command inherits: how many. */
static int
take_descriptors(int fd[LIMIT])
{
	const struct rlimit low = { LIMIT, LIMIT };
	int n = 0;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	while ((fd[n] = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	return n;
}

/* Then a launch does without avfork, and the next one asks again. */
START_TEST(no_descriptor_for_the_question)
{
	int fd[LIMIT], n;

	become_nobody();
	if (_i == 1)
		setenv("SPAWNIO_ENGINE", "xyz", 1);
	n = take_descriptors(fd);
	assert_exit(run_command("exit 4"), 4);
	check_engine("vfork", "descriptor");
	while (n > 0)
		close(fd[--n]);
	check_launches(cpus() > 1 ? "avfork" : "vfork",
	    _i == 1 ? "SPAWNIO_ENGINE" : cpus() > 1 ? "" : "CPU");
}
END_TEST

/* More than stdio's buffers need and less than the pool.  The limit is the
 * commands' too, which are to have room: hence the ballast. */
START_TEST(no_memory_for_the_pool)
{
	ck_assert_ptr_ne(mmap(NULL, 256 * MEGABYTE, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), MAP_FAILED);
	limit_memory(MEGABYTE / 2);
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_AVFORK), 0);
	check_commands();
	check_engine("vfork", "memory");
}
END_TEST

/* One who may use a single CPU, and then another that may use them all. */
static void
launch_on_all_cpus(void *set)
{
	ck_assert_int_eq(sched_setaffinity(0, sizeof(cpu_set_t), set), 0);
	check_launches("vfork", cpus() > 1 ? "memory" : "CPU");
}

/* As before Linux 4.14: there is no pool then, and libc wipes what a forked
 * child is not to find. */
START_TEST(memory_that_fork_cannot_wipe)
{
	cpu_set_t all, one;

	become_nobody();
	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	refuse(SYS_madvise, 0, EINVAL);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	check_launches("vfork", "CPU");
	in_child(launch_on_all_cpus, &all);
}
END_TEST

START_TEST(decided_once)
{
	const char *reason, *later;

	leave_to_gate();
	check_launches("vfork", "root");
	spawnio_engine(&reason);
	become_nobody();
	check_launches("vfork", "root");
	spawnio_engine(&later);
	ck_assert_ptr_eq(reason, later);
}
END_TEST

static void
decide_as_nobody(void *unused)
{
	(void)unused;
	become_nobody();
	check_launches(cpus() > 1 ? "avfork" : "vfork", "");
}

START_TEST(decided_anew_in_a_child)
{
	leave_to_gate();
	check_launches("vfork", "root");
	in_child(decide_as_nobody, NULL);
	check_launches("vfork", "root");
}
END_TEST

/* The system calls, unlike libc's functions, are about one thread. */
static void *
launch_as_nobody(void *expected)
{
	if (syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) != 0 ||
	    syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) != 0)
		return NULL;
	check_launches(expected, "");
	return expected;
}

static void
have_nobody_launch(const char *expected)
{
	pthread_t thread;
	void *done;

	ck_assert_int_eq(pthread_create(&thread, NULL, launch_as_nobody,
	    (void *)(uintptr_t)expected), 0);
	ck_assert_int_eq(pthread_join(thread, &done), 0);
	ck_assert_ptr_eq(done, expected);
}

/* Whoever comes first decides for the process, but not that root's children
 * run in memory that others may write. */
START_TEST(root_after_a_thread_with_other_ids)
{
	leave_to_gate();
	have_nobody_launch(cpus() > 1 ? "avfork" : "vfork");
	check_launches("vfork", cpus() > 1 ? "root" : "");
	have_nobody_launch(cpus() > 1 ? "avfork" : "vfork");
}
END_TEST

START_TEST(thread_with_other_ids_after_root)
{
	leave_to_gate();
	check_launches("vfork", "root");
	have_nobody_launch("vfork");
}
END_TEST

/* --- what the kernel refuses --- */

#define SHARED	0x00000100	/* CLONE_VM */
#define VFORK	0x00004000	/* CLONE_VFORK */

static const int no_such_call[] = { ENOSYS, EPERM, EINVAL };

START_TEST(clone3_refused)
{
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_AVFORK), 0);
	refuse(SYS_clone3, 0, no_such_call[_i]);
	check_commands();
	check_launches("vfork", "clone3");
}
END_TEST

START_TEST(clone3_refused_to_vfork)
{
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_VFORK), 0);
	refuse(SYS_clone3, 0, no_such_call[_i]);
	check_launches("vfork", "");
}
END_TEST

/* ssystem() is what finds out. */
START_TEST(clone3_refused_to_ssystem)
{
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_AVFORK), 0);
	refuse(SYS_clone3, 0, no_such_call[_i]);
	assert_exit(run_command("exit 5"), 5);
	check_commands();
	check_launches("vfork", "clone3");
}
END_TEST

START_TEST(vfork_refused)
{
	ck_assert_int_eq(spawnio_set_engine(engines[_i].number), 0);
	refuse(SYS_clone3, 0, ENOSYS);
	refuse(SYS_clone, VFORK, EINVAL);
	check_commands();
	check_launches("fork", "");
	ck_assert_int_eq(spawnio_set_engine(SPAWNIO_ENGINE_FORK), 0);
	check_launches("fork", "asked");
}
END_TEST

/* EAGAIN is what the caller is told, so it shows which call was made. */
START_TEST(only_fork_copies_memory)
{
	ck_assert_int_eq(spawnio_set_engine(engines[_i].number), 0);
	refuse(SYS_clone3, 0, ENOSYS);
	refuse(SYS_clone, SHARED, EAGAIN);
	if (engines[_i].number == SPAWNIO_ENGINE_FORK) {
		check_launches("fork", "");
		return;
	}
	assert_error(spopen(":", "r"), NULL, EAGAIN);
	assert_error(ssystem(":"), -1, EAGAIN);
}
END_TEST

/* --- how the child is made --- */

static void
use_spopen(void)
{
	assert_exit(close_command(open_command("r", "exit 3")), 3);
}

static void
use_ssystem(void)
{
	assert_exit(run_command("exit 3"), 3);
}

/* Even of avfork ssystem() has no use: it waits anyway. */
static const struct {
	int engine;
	void (*use)(void);
	int event;
} births[] = {
	{ SPAWNIO_ENGINE_AVFORK, use_spopen, PTRACE_EVENT_FORK },
	{ SPAWNIO_ENGINE_VFORK, use_spopen, PTRACE_EVENT_VFORK },
	{ SPAWNIO_ENGINE_FORK, use_spopen, PTRACE_EVENT_FORK },
	{ SPAWNIO_ENGINE_AVFORK, use_ssystem, PTRACE_EVENT_VFORK },
	{ SPAWNIO_ENGINE_VFORK, use_ssystem, PTRACE_EVENT_VFORK },
	{ SPAWNIO_ENGINE_FORK, use_ssystem, PTRACE_EVENT_FORK },
};

#define BIRTHS	(PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | \
	PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

/* What the tracer is told of the first birth; its status, in the end. */
static int
watch_births(pid_t pid, int *status)
{
	int event = 0, now;
	pid_t who;

	while ((who = waitpid(-1, &now, __WALL)) > 0) {
		int signo = WIFSTOPPED(now) ? WSTOPSIG(now) : 0;

		if (who == pid)
			*status = now;
		if (!WIFSTOPPED(now))
			continue;
		if (who == pid && event == 0)
			event = now >> 16;
		if (signo == SIGSTOP || signo == SIGTRAP)
			signo = 0;
		ptrace(PTRACE_CONT, who, 0, signo);
	}
	return event;
}

START_TEST(caller_is_suspended_by_vfork_only)
{
	pid_t pid = fork();
	int event, status = -1;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		spawnio_set_engine(births[_i].engine);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		births[_i].use();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, pid, 0, BIRTHS), 0);
	ck_assert_int_eq(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	event = watch_births(pid, &status);
	assert_exit(status, 0);
	ck_assert_int_eq(event, births[_i].event);
}
END_TEST

/* --- spawnio_quiesce() --- */

static const int limits[] = { 0, 1, 1000, INT_MAX, -1, INT_MIN };

START_TEST(quiet_before_the_first_launch)
{
	errno = 12345;
	ck_assert_int_eq(spawnio_quiesce(limits[_i]), 0);
	ck_assert_int_eq(errno, 12345);
}
END_TEST

START_TEST(quiet_after_a_launch)
{
	FILE *stream = open_command("w", "read x; exit 6");

	errno = 12345;
	ck_assert_int_eq(spawnio_quiesce(-1), 0);
	ck_assert_int_eq(spawnio_quiesce(limits[_i]), 0);
	ck_assert_int_eq(errno, 12345);
	assert_exit(close_command(stream), 6);
	ck_assert_int_eq(spawnio_quiesce(limits[_i]), 0);
}
END_TEST

/* The only child of this thread. */
static pid_t
only_child(void)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	int pid = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

/* It stops where it runs a program, which a child in the middle of its exec,
 * that has left our memory and is still shown as ours, does not. */
static void
stop(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
}

static void
read_program(pid_t pid, char *program, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, program, size - 1);
	ck_assert_int_gt(n, 0);
	program[n] = '\0';
}

START_TEST(quiet_means_that_all_have_execed)
{
	char ours[PATH_MAX], theirs[PATH_MAX];

	read_program(getpid(), ours, sizeof(ours));
	for (int i = 0; i < 10; i++) {
		FILE *stream = open_command("w", "read x; exit 6");
		pid_t pid;

		ck_assert_int_eq(spawnio_quiesce(-1), 0);
		pid = only_child();
		stop(pid);
		read_program(pid, theirs, sizeof(theirs));
		ck_assert_str_ne(theirs, ours);
		ck_assert_int_eq(kill(pid, SIGCONT), 0);
		assert_exit(close_command(stream), 6);
	}
}
END_TEST

static void *
launch_often(void *unused)
{
	(void)unused;
	for (int i = 0; i < 20; i++) {
		FILE *stream = spopen("exit 7", "r");

		if (stream == NULL || spclose(stream) != 7 << 8)
			return stdin;
	}
	return NULL;
}

START_TEST(quiet_while_threads_launch)
{
	pthread_t thread[4];
	void *wrong;

	for (size_t i = 0; i < COUNT(thread); i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, launch_often,
		    NULL), 0);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(spawnio_quiesce(10000), 0);
	for (size_t i = 0; i < COUNT(thread); i++) {
		pthread_join(thread[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
	ck_assert_int_eq(spawnio_quiesce(0), 0);
}
END_TEST

static void
add_native_gate(TCase *tcase)
{
	if (emulated()) {
		left_out("emulated: traced, no_memory_for_the_pool, "
		    "memory_that_fork_cannot_wipe, "
		    "caller_is_suspended_by_vfork_only, "
		    "secure_program, decided_anew_in_a_child");
		return;
	}
	tcase_add_test(tcase, traced);
	tcase_add_test(tcase, memory_that_fork_cannot_wipe);
	tcase_add_loop_test(tcase, caller_is_suspended_by_vfork_only, 0,
	    COUNT(births));
	if (MAY_LIMIT)
		tcase_add_test(tcase, no_memory_for_the_pool);
	else
		left_out("sanitizer: no_memory_for_the_pool");
	if (geteuid() == 0) {
		tcase_add_test(tcase, secure_program);
		tcase_add_test(tcase, decided_anew_in_a_child);
	} else
		left_out("not root: secure_program, decided_anew_in_a_child");
}

static void
add_mixed_ids(TCase *tcase)
{
	if (!MAY_MIX_IDS) {
		left_out("AddressSanitizer: ids_differ, "
		    "root_after_a_thread_with_other_ids, "
		    "thread_with_other_ids_after_root");
		return;
	}
	tcase_add_loop_test(tcase, ids_differ, 0, COUNT(mixed));
	tcase_add_test(tcase, root_after_a_thread_with_other_ids);
	tcase_add_test(tcase, thread_with_other_ids_after_root);
}

static void
add_gate(TCase *tcase)
{
	bool is_root = geteuid() == 0, other_root = may_change_root();

	tcase_add_test(tcase, nobody);
	tcase_add_test(tcase, one_cpu);
	tcase_add_loop_test(tcase, no_descriptor_for_the_question, 0, 2);
	if (is_root) {
		tcase_add_test(tcase, root);
		add_mixed_ids(tcase);
		tcase_add_test(tcase, decided_once);
	} else
		left_out("not root: root, ids_differ, decided_once, "
		    "root_after_a_thread_with_other_ids, "
		    "thread_with_other_ids_after_root");
	if (is_root || other_root) {
		tcase_add_test(tcase, capabilities_held);
		tcase_add_test(tcase, capabilities_cleared);
	} else
		left_out("no user namespace for us: capabilities");
	if (other_root)
		tcase_add_test(tcase, no_proc);
	else
		left_out("no chroot: no_proc");
	add_native_gate(tcase);
}

static void
add_refusals(TCase *tcase)
{
	if (!may_refuse()) {
		left_out("no seccomp: refusals");
		return;
	}
	tcase_add_loop_test(tcase, clone3_refused, 0, COUNT(no_such_call));
	tcase_add_loop_test(tcase, clone3_refused_to_vfork, 0,
	    COUNT(no_such_call));
	tcase_add_loop_test(tcase, clone3_refused_to_ssystem, 0,
	    COUNT(no_such_call));
	tcase_add_loop_test(tcase, vfork_refused, 0, 2);
	tcase_add_loop_test(tcase, only_fork_copies_memory, 0, COUNT(engines));
}

/* fork's children share nothing that could be waited for. */
static void
add_all_have_execed(TCase *tcase)
{
	if (access("/proc/thread-self/children", R_OK) != 0)
		left_out("no list of children in /proc: "
		    "quiet_means_that_all_have_execed");
	else if (strcmp(engine_of_tests(), "fork") == 0)
		left_out("fork: quiet_means_that_all_have_execed");
	else
		tcase_add_test(tcase, quiet_means_that_all_have_execed);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("engine");
	TCase *tcase;

	tcase = add_case(s, "asked for");
	tcase_add_loop_test(tcase, variable_names_an_engine, 0,
	    COUNT(engines));
	tcase_add_test(tcase, variable_leaves_it_to_the_gate);
	tcase_add_loop_test(tcase, variable_is_no_name, 0, COUNT(no_names));
	tcase_add_test(tcase, variable_is_read_once);
	tcase_add_test(tcase, variable_is_read_by_a_launch);
	tcase_add_loop_test(tcase, engine_is_set, 0, COUNT(engines));
	tcase_add_test(tcase, engine_set_wins_over_the_variable);
	tcase_add_test(tcase, engine_set_after_a_launch);
	tcase_add_test(tcase, auto_goes_back_to_the_gate);
	tcase_add_loop_test(tcase, number_is_no_engine, 0, COUNT(no_numbers));
	tcase_add_test(tcase, answer_is_constant);
	tcase_add_test(tcase, engine_set_is_kept_by_a_child);

	if (native()) {
		add_gate(add_case(s, "gate"));
		add_refusals(add_case(s, "refused"));
	} else
		left_out("no native engines: the gate, refusals");

	tcase = add_case(s, "quiesce");
	tcase_add_loop_test(tcase, quiet_before_the_first_launch, 0,
	    COUNT(limits));
	tcase_add_loop_test(tcase, quiet_after_a_launch, 0, COUNT(limits));
	add_all_have_execed(tcase);
	tcase_add_test(tcase, quiet_while_threads_launch);
	return s;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--say") == 0)
		return say();
	return run(suite());
}
