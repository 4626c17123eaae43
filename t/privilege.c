/* SPDX-License-Identifier: ISC */
/* What a process could lose or has been given: the gate knows it, secure mode
 * heeds no variable, and who drops privilege after a launch cannot change what
 * runs with it. */

#include "fixture.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <linux/capability.h>

#include <grp.h>
#include <sched.h>
#include <stdint.h>

#include "supervisor.h"

#include <spawnio/how.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define NOBODY		65534
#define OTHER		1	/* neither root nor nobody */
#define TRIES		200
#define DELAY		2	/* milliseconds before each exec */

#define BIT(capability)	(1U << (capability))

/* --- a program that says what the library makes of it --- */

/* The order of the environment tells whether a shell was in between; where it
 * cannot be told, nothing does. */
static const char *
way_of_commands(void)
{
	FILE *stream = spopen("cat /proc/self/environ", "r");
	char text[4096], *at = text;
	size_t n = stream != NULL ? fread(text, 1, sizeof(text), stream) : 0;
	int i;

	if (stream == NULL || spclose(stream) != 0)
		return "neither";
	for (i = 0; environ[i] != NULL; i++) {
		if (at >= text + n || strcmp(at, environ[i]) != 0)
			return "shell";
		at += strlen(at) + 1;
	}
	return at == text + n ? "direct" : "shell";
}

static int
say(void)
{
	const char *way = way_of_commands(), *reason;
	const char *name = spawnio_engine(&reason);

	seek_no_leaks();
	return printf("%d %s %s: %s\n", getauxval(AT_SECURE) != 0, way, name,
	    reason) < 0;
}

/* --- and how it is run --- */

/* The program in a folder of its own, where it may have other rights, and where
 * it is to write no trace. */
static char folder[] = "/tmp/spawnio-XXXXXX";
static char copy[64], trace[64];

static void
copy_program(void)
{
	char block[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0)
		ck_assert_int_eq(write(to, block, (size_t)n), n);
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(fchmod(to, 0755), 0);
	close(from);
	ck_assert_int_eq(close(to), 0);
}

static void
make_copy(void)
{
	strcpy(folder, "/tmp/spawnio-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0777), 0);
	snprintf(copy, sizeof(copy), "%s/privilege", folder);
	snprintf(trace, sizeof(trace), "%s/trace", folder);
	copy_program();
}

static void
remove_copy(void)
{
	unlink(copy);
	unlink(trace);
	rmdir(folder);
}

static void
execute_copy(int out, const char *engine, const char *shell)
{
	char engine_is[32], shell_is[32], trace_is[96];
	char *env[] = {
		(char *)"Z=1", engine_is, (char *)"Y=2", shell_is,
		(char *)"X=3", trace_is, (char *)"PWD=/",
		(char *)"PATH=/usr/bin:/bin", (char *)"W=4", NULL
	};

	snprintf(engine_is, sizeof(engine_is), "SPAWNIO_ENGINE=%s", engine);
	snprintf(shell_is, sizeof(shell_is), "SPAWNIO_SHELL=%s", shell);
	snprintf(trace_is, sizeof(trace_is), "SPAWNIO_TRACE=%s", trace);
	if (dup2(out, 1) == 1 && chdir("/") == 0)
		execle(copy, "privilege", "--say", (char *)NULL, env);
	_exit(1);
}

/* What it says, with these variables, after before() has been called; until the
 * next call. */
static const char *
said(void (*before)(void), const char *engine, const char *shell)
{
	static char text[512];
	struct channel from = from_commands();
	int status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	unlink(trace);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (before != NULL)
			before();
		execute_copy(from.theirs, engine, shell);
	}
	close(from.theirs);
	while ((got = read(from.ours, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(from.ours);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	assert_exit(status, 0);
	return text;
}

static const char *
free_choice(void)
{
	return cpus() > 1 ? "avfork" : "vfork";
}

static void
assert_says(const char *text, int secure, const char *engine, const char *word)
{
	char begin[64];
	const char *name = strchr(text + 2, ' ');

	snprintf(begin, sizeof(begin), " %s:", engine);
	ck_assert_msg(text[0] == '0' + secure, "secure: %s", text);
	ck_assert_msg(name != NULL && strncmp(name, begin, strlen(begin)) == 0,
	    "not %s: %s", engine, text);
	ck_assert_msg(strcasestr(text, word) != NULL, "no '%s': %s", word,
	    text);
}

static bool
has_trace(void)
{
	return access(trace, F_OK) == 0;
}

/* Does the shell show in the order? */
static bool
shell_shows(void)
{
	bool shows = strncmp(said(NULL, "vfork", "always") + 2, "shell", 5) ==
	    0 && strncmp(said(NULL, "vfork", "auto") + 2, "direct", 6) == 0;

	if (!shows)
		left_out("the shell cannot be seen: SPAWNIO_SHELL");
	return shows;
}

/* Variables of somebody with less privilege. */
static void
assert_heeds_nothing(void (*before)(void), const char *word)
{
	static const char *const engines[] = {
		"avfork", "fork", "posix_spawn", "xyz"
	};
	size_t i;

	for (i = 0; i < COUNT(engines); i++) {
		assert_says(said(before, engines[i], "always"), 1, "vfork",
		    word);
		ck_assert(!has_trace());
	}
}

/* --- who runs it --- */

static void
drop_to(unsigned int uid, unsigned int gid)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		_exit(2);
}

static void
be_nobody(void)
{
	if (geteuid() == 0)
		drop_to(NOBODY, NOBODY);
}

static void
be_nobody_for_good(void)
{
	be_nobody();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		_exit(2);
}

START_TEST(plain_program)
{
	assert_says(said(be_nobody, "auto", "auto"), 0, free_choice(),
	    "nothing");
	ck_assert(has_trace());
	assert_says(said(be_nobody, "fork", "auto"), 0, "fork",
	    "SPAWNIO_ENGINE");
}
END_TEST

/* Users, or groups: the owner of the program, and who runs it. */
static const struct {
	unsigned int uid, gid;
	mode_t mode;
	void (*before)(void);
} set_id[] = {
	{ 0, 0, 04755, be_nobody },
	{ 0, 0, 06755, be_nobody },
	{ OTHER, 0, 04755, be_nobody },
	{ OTHER, OTHER, 02755, be_nobody },
	{ 0, 0, 02755, be_nobody },
	{ NOBODY, NOBODY, 04755, NULL },
	{ NOBODY, NOBODY, 06755, NULL },
	{ NOBODY, NOBODY, 02755, NULL },
};

static void
set_ids(int i)
{
	ck_assert_int_eq(chown(copy, set_id[i].uid, set_id[i].gid), 0);
	ck_assert_int_eq(chmod(copy, set_id[i].mode), 0);
}

START_TEST(set_id_program)
{
	set_ids(_i);
	assert_heeds_nothing(set_id[_i].before, "AT_SECURE");
}
END_TEST

/* Its owner's rights are no more than its own. */
START_TEST(set_id_program_of_its_user)
{
	ck_assert_int_eq(chown(copy, NOBODY, NOBODY), 0);
	ck_assert_int_eq(chmod(copy, 06755), 0);
	assert_says(said(be_nobody, "auto", "auto"), 0, free_choice(),
	    "nothing");
}
END_TEST

/* The kernel then gives none. */
START_TEST(set_id_program_without_new_privileges)
{
	set_ids(_i);
	if (set_id[_i].before == be_nobody)
		assert_says(said(be_nobody_for_good, "auto", "auto"), 0,
		    free_choice(), "nothing");
}
END_TEST

/* As setcap(8) writes it. */
static void
give_to_file(unsigned int permitted, unsigned int inheritable, bool effective)
{
	struct vfs_cap_data data;
	unsigned int magic = VFS_CAP_REVISION_2;

	if (effective)
		magic |= VFS_CAP_FLAGS_EFFECTIVE;
	memset(&data, 0, sizeof(data));
	data.magic_etc = magic;
	data.data[0].permitted = permitted;
	data.data[0].inheritable = inheritable;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	for (size_t i = 0; i < sizeof(data) / 4; i++)
		((uint32_t *)&data)[i] =
		    __builtin_bswap32(((uint32_t *)&data)[i]);
#endif
	ck_assert_int_eq(setxattr(copy, "security.capability", &data,
	    XATTR_CAPS_SZ_2, 0), 0);
}

START_TEST(file_with_capabilities)
{
	give_to_file(BIT(CAP_NET_RAW), 0, _i);
	assert_heeds_nothing(be_nobody, "AT_SECURE");
}
END_TEST

/* Its ids are equal, so that its commands need no shell but for a variable. */
START_TEST(shell_variable_in_secure_mode)
{
	if (!shell_shows())
		return;
	ck_assert_int_eq(strncmp(said(be_nobody, "auto", "always"), "0 shell",
	    7), 0);
	give_to_file(BIT(CAP_NET_RAW), 0, true);
	ck_assert_int_eq(strncmp(said(be_nobody, "auto", "always"), "1 direct",
	    8), 0);
}
END_TEST

/* Were they effective, the kernel would speak of secure mode all the same. */
START_TEST(file_with_capabilities_without_new_privileges)
{
	give_to_file(BIT(CAP_NET_RAW), 0, false);
	assert_says(said(be_nobody_for_good, "auto", "auto"), 0, free_choice(),
	    "nothing");
}
END_TEST

static void
hold_capabilities(unsigned int permitted, unsigned int inheritable)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct set[2] = { { 0 } };

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		_exit(2);
	drop_to(NOBODY, NOBODY);
	set[0].permitted = permitted;
	set[0].inheritable = inheritable;
	if (syscall(SYS_capset, &head, set) != 0)
		_exit(2);
}

/* No sign of secure mode. */
static void
have_ambient(void)
{
	hold_capabilities(BIT(CAP_NET_RAW), BIT(CAP_NET_RAW));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) != 0)
		_exit(2);
}

/* What it executes may get them from its file, until it gives them up. */
static void
have_inheritable(void)
{
	hold_capabilities(BIT(CAP_NET_RAW), BIT(CAP_NET_RAW));
}

static void
have_lost_all(void)
{
	hold_capabilities(0, 0);
}

START_TEST(ambient_capabilities)
{
	assert_says(said(have_ambient, "auto", "auto"), 0, "vfork",
	    "capabilit");
}
END_TEST

START_TEST(inheritable_capabilities)
{
	assert_says(said(have_inheritable, "auto", "auto"), 0, "vfork",
	    "capabilit");
}
END_TEST

START_TEST(capabilities_lost)
{
	assert_says(said(have_lost_all, "auto", "auto"), 0, free_choice(),
	    "nothing");
}
END_TEST

/* --- user namespaces --- */

static void
write_to(const char *path, const char *format, unsigned int id)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fprintf(file, format, id) < 0 ||
	    fclose(file) != 0)
		_exit(2);
}

/* Root there, and who we are elsewhere. */
static void
be_root_there(void)
{
	unsigned int uid, gid;

	be_nobody();
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	uid = geteuid();
	gid = getegid();
	if (unshare(CLONE_NEWUSER) != 0)
		_exit(2);
	write_to("/proc/self/uid_map", "0 %u 1\n", uid);
	write_to("/proc/self/setgroups", "deny\n", 0);
	write_to("/proc/self/gid_map", "0 %u 1\n", gid);
}

START_TEST(root_of_a_user_namespace)
{
	assert_says(said(be_root_there, "auto", "auto"), 0, "vfork", "root");
}
END_TEST

static void
assert_engine(const char *name, const char *word)
{
	const char *reason;

	ck_assert_str_eq(output("echo right"), "right\n");
	ck_assert_str_eq(spawnio_engine(&reason), name);
	ck_assert_msg(strcasestr(reason, word) != NULL, "%s", reason);
}

/* It then has all capabilities there, if no ids. */
START_TEST(user_namespace_after_a_launch)
{
	unsetenv("SPAWNIO_ENGINE");
	be_nobody();
	assert_engine(free_choice(), "");
	ck_assert_int_eq(unshare(CLONE_NEWUSER), 0);
	assert_engine("vfork", cpus() > 1 ? "capabilit" : "CPU");
}
END_TEST

START_TEST(root_of_a_user_namespace_after_a_launch)
{
	unsetenv("SPAWNIO_ENGINE");
	be_nobody();
	assert_engine(free_choice(), "");
	be_root_there();
	assert_engine("vfork", cpus() > 1 ? "root" : "CPU");
}
END_TEST

/* --- who drops privilege after a launch --- */

static struct supervisor *sv;

static void
start(void)
{
	sv = sv_start(NULL, 0);
	ck_assert_ptr_nonnull(sv);
}

/* In memory that cannot be written, so that they are not found themselves. */
static const char right[] = "exit 37";
static const char wrong[] = "exit 73";

#define RIGHT	37
#define WRONG	73

/* Each of the process's private pages that can be written, its stacks and the
 * library's blocks among them. */
static void
rewrite_memory(void)
{
	unsigned long long first, end;
	char line[512], mode[5], *at, *stop;
	FILE *maps = fopen("/proc/self/maps", "re");

	if (maps == NULL)
		_exit(2);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%llx-%llx %4s", &first, &end, mode) != 3 ||
		    strcmp(mode, "rw-p") != 0)
			continue;
		at = (char *)(uintptr_t)first;
		stop = (char *)(uintptr_t)end;
		while ((at = memmem(at, (size_t)(stop - at), right,
		    sizeof(right) - 1)) != NULL) {
			memcpy(at, wrong, sizeof(wrong) - 1);
			at += sizeof(wrong) - 1;
		}
	}
	fclose(maps);
}

/* A command for the shell, one without, and arguments. */
enum { BY_SHELL, DIRECTLY, BY_ARGV, WAYS };

static FILE *
open_in(int way)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c",
		(char *)(uintptr_t)right, NULL };
	struct spawnio_how how = { .size = sizeof(how), .argv = argv,
		.flags = SPAWNIO_ASYNC };

	if (way == BY_ARGV)
		return spawnio_open(&how, "r");
	return spopen(way == BY_SHELL ? right : "/bin/sh -c 'exit 37'", "r");
}

/* Right after the return, while the exec is held, after spawnio_quiesce(), or
 * before the return, while another thread is in the call. */
enum when { AT_ONCE, WHEN_HELD, WHEN_QUIET, MEANWHILE };

struct opener {
	pthread_t thread;
	int way;
	FILE *stream;
};

static void *
open_in_thread(void *arg)
{
	struct opener *opener = arg;

	opener->stream = open_in(opener->way);
	return NULL;
}

/* The exec has been begun, and waits. */
static void
start_opener(struct opener *opener)
{
	atomic_store(&sv->file, 0);
	if (pthread_create(&opener->thread, NULL, open_in_thread, opener) != 0)
		_exit(2);
	while (atomic_load(&sv->file) == 0)
		usleep(100);
}

/* In a process of its own, whose first launch it is: the exit status is that of
 * the command. */
static void
launch_and_drop(int way, enum when when)
{
	struct opener opener = { .way = way };
	int status;

	sv_watch(sv);
	if (when == WHEN_HELD)
		sv_hold(sv, 1);
	if (when == MEANWHILE)
		start_opener(&opener);
	else
		open_in_thread(&opener);
	if (when == WHEN_HELD)
		sv_wait(sv, 1);
	if (when == WHEN_QUIET && spawnio_quiesce(-1) != 0)
		_exit(2);
	drop_to(NOBODY, NOBODY);
	rewrite_memory();
	if (when == WHEN_HELD)
		sv_go(sv);
	if (when == MEANWHILE)
		pthread_join(opener.thread, NULL);
	status = opener.stream != NULL ? spclose(opener.stream) : -1;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
}

static int
count_wrong(int engine, enum when when, int tries)
{
	int i, status, n = 0;
	pid_t pid;

	atomic_store(&sv->delay, when == WHEN_HELD ? 0 : DELAY);
	for (i = 0; i < tries; i++) {
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			if (engine != SPAWNIO_ENGINE_AUTO)
				spawnio_set_engine(engine);
			launch_and_drop(i % WAYS, when);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) &&
		    (WEXITSTATUS(status) == RIGHT ||
		    WEXITSTATUS(status) == WRONG), "status %#x", status);
		n += WEXITSTATUS(status) == WRONG;
	}
	return n;
}

/* The gate's choice, if nothing else is set. */
START_TEST(root_is_not_robbed)
{
	unsetenv("SPAWNIO_ENGINE");
	ck_assert_int_eq(count_wrong(SPAWNIO_ENGINE_AUTO, AT_ONCE, TRIES), 0);
}
END_TEST

static const int others[] = {
	SPAWNIO_ENGINE_VFORK, SPAWNIO_ENGINE_FORK, SPAWNIO_ENGINE_POSIX_SPAWN
};

START_TEST(root_with_another_engine_is_not_robbed)
{
	if (spawnio_set_engine(others[_i]) == 0)
		ck_assert_int_eq(count_wrong(others[_i], AT_ONCE, TRIES / 4),
		    0);
}
END_TEST

/* A thread that is suspended does not answer the libc's setresuid(2) in another
 * one, which waits for all. */
START_TEST(thread_of_root_is_not_robbed)
{
	unsetenv("SPAWNIO_ENGINE");
	ck_assert_int_eq(count_wrong(SPAWNIO_ENGINE_AUTO, MEANWHILE,
	    TRIES / 4), 0);
}
END_TEST

START_TEST(root_who_waits_is_not_robbed)
{
	ck_assert_int_eq(count_wrong(SPAWNIO_ENGINE_AVFORK, WHEN_QUIET, TRIES),
	    0);
}
END_TEST

/* Why the gate is there. */
START_TEST(root_who_asks_for_avfork_is_robbed)
{
	ck_assert_int_eq(count_wrong(SPAWNIO_ENGINE_AVFORK, WHEN_HELD, WAYS),
	    WAYS);
}
END_TEST

/* --- what is there --- */

static bool
may_give_rights(void)
{
	struct statvfs fs;

	return geteuid() == 0 && statvfs("/tmp", &fs) == 0 &&
	    !(fs.f_flag & (ST_NOSUID | ST_NOEXEC));
}

static bool
files_have_capabilities(void)
{
	char none;

	return getxattr("/tmp", "security.capability", &none, 1) == -1 &&
	    errno == ENODATA;
}

static bool
may_have_namespace(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		be_root_there();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void
add_programs(Suite *suite)
{
	TCase *tcase = add_case(suite, "programs");

	tcase_add_checked_fixture(tcase, make_copy, remove_copy);
	tcase_add_test(tcase, plain_program);
	if (may_have_namespace())
		tcase_add_test(tcase, root_of_a_user_namespace);
	else
		left_out("no user namespace: root_of_a_user_namespace");
	if (!may_give_rights()) {
		left_out("not root, or nosuid: set_id_program, capabilities");
		return;
	}
	tcase_add_loop_test(tcase, set_id_program, 0, COUNT(set_id));
	tcase_add_loop_test(tcase, set_id_program_without_new_privileges, 0,
	    COUNT(set_id));
	tcase_add_test(tcase, set_id_program_of_its_user);
	tcase_add_test(tcase, ambient_capabilities);
	tcase_add_test(tcase, inheritable_capabilities);
	tcase_add_test(tcase, capabilities_lost);
	if (!files_have_capabilities()) {
		left_out("no capabilities of files: file_with_capabilities");
		return;
	}
	tcase_add_loop_test(tcase, file_with_capabilities, 0, 2);
	tcase_add_test(tcase, shell_variable_in_secure_mode);
	tcase_add_test(tcase, file_with_capabilities_without_new_privileges);
}

static void
add_namespaces(Suite *suite)
{
	TCase *tcase = add_case(suite, "user namespaces");

	if (!may_have_namespace()) {
		left_out("no user namespace: after a launch");
		return;
	}
	tcase_add_test(tcase, user_namespace_after_a_launch);
	tcase_add_test(tcase, root_of_a_user_namespace_after_a_launch);
}

static void
add_robberies(Suite *suite)
{
	TCase *tcase = add_case(suite, "dropped");

	if (geteuid() != 0 || !sv_works() || !MAY_LIMIT) {
		left_out("not root, no seccomp, or a sanitizer: "
		    "who drops privilege");
		return;
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, start, NULL);
	tcase_add_test(tcase, root_is_not_robbed);
	tcase_add_test(tcase, thread_of_root_is_not_robbed);
	tcase_add_loop_test(tcase, root_with_another_engine_is_not_robbed, 0,
	    COUNT(others));
	if (!native() || !clone3_is_there()) {
		left_out("no avfork: root_who_asks_for_avfork_is_robbed");
		return;
	}
	tcase_add_test(tcase, root_who_waits_is_not_robbed);
	tcase_add_test(tcase, root_who_asks_for_avfork_is_robbed);
}

int
main(int argc, char **argv)
{
	Suite *suite;

	if (argc == 2 && strcmp(argv[1], "--say") == 0)
		return say();
	suite = suite_create("privilege");
	if (native() && clone3_is_there() && !emulated()) {
		add_programs(suite);
		add_namespaces(suite);
	} else
		left_out("no avfork: the gate");
	add_robberies(suite);
	return run(suite);
}
