/* SPDX-License-Identifier: ISC */
/* spawnio_how(3), Descriptors: what the child's are, and that it has no
 * others. */

#include "shorthand.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <limits.h>

#define NAME	"spawnio-file"
#define HIGH	500

/* A file whose contents tell it from others, which children do not inherit. */
static int
file_of(const char *text)
{
	FILE *file = tmpfile();
	int fd;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fflush(file), 0);
	fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
	fclose(file);
	return fd;
}

/* What has been written to it. */
static const char *
contents(int fd)
{
	static char text[4096];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

/* The shell text that says what the files behind the numbers contain. */
#define CONTENTS	"for n in %s; do cat /proc/self/fd/$n <&-; done"

/* --- kinds --- */

START_TEST(default_and_inherit_are_the_callers_own)
{
	static const enum spawnio_kind kinds[] = {
		SPAWNIO_DEFAULT, SPAWNIO_INHERIT
	};
	struct spawnio_how how = shell("for n in 0 1 2; do "
	    "test /proc/self/fd/$n -ef /proc/%d/fd/$n || exit 1; done",
	    (int)getpid());
	struct spawnio_child child;

	how.in.kind = how.out.kind = how.err.kind = kinds[_i];
	assert_exit(ran(&how), 0);
	begin(&how, &child);
	assert_exit(end(&child), 0);
}
END_TEST

/* Three different files, so that none can be taken for another. */
START_TEST(inherited_ones_are_not_mixed_up)
{
	struct spawnio_how how = shell("cat; echo out; echo err >&2");
	int in = file_of("in\n"), out = file_of(""), err = file_of("");
	int saved[3];

	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		dup2(fd == 0 ? in : fd == 1 ? out : err, fd);
	}
	lseek(0, 0, SEEK_SET);
	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_INHERIT;
	assert_exit(ran(&how), 0);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	ck_assert_str_eq(contents(out), "in\nout\n");
	ck_assert_str_eq(contents(err), "err\n");
	close(in);
	close(out);
	close(err);
}
END_TEST

START_TEST(null_is_dev_null)
{
	struct channel from = from_commands();
	struct spawnio_how how = shell("for n in 0 1 2; do "
	    "test /proc/self/fd/$n -ef /dev/null || exit 1; done; "
	    "cat && echo lost && echo lost >&2 && echo >/proc/self/fd/%d",
	    from.theirs);

	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_NULL;
	assert_exit(ran(&how), 0);
	await(from);
	close_channel(from);
}
END_TEST

START_TEST(fd_is_a_descriptor_of_the_callers)
{
	struct spawnio_how how = shell("cat; echo out; echo err >&2");
	int in = file_of("in\n"), out = file_of(""), err = file_of("");

	lseek(in, 0, SEEK_SET);
	how.in = (struct spawnio_io){ SPAWNIO_FD, .fd = in };
	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = out };
	how.err = (struct spawnio_io){ SPAWNIO_FD, .fd = err };
	assert_exit(ran(&how), 0);
	ck_assert_str_eq(contents(out), "in\nout\n");
	ck_assert_str_eq(contents(err), "err\n");
	close(in);
	close(out);
	close(err);
}
END_TEST

START_TEST(fd_may_be_the_same_for_all)
{
	struct spawnio_how how = shell("echo out; echo err >&2; cat <&0");
	int fd = file_of("");

	how.in = how.out = how.err = (struct spawnio_io){ SPAWNIO_FD,
		.fd = fd };
	assert_exit(ran(&how), 0);
	ck_assert_str_eq(contents(fd), "out\nerr\n");
	close(fd);
}
END_TEST

/* All are set at once. */
START_TEST(output_and_error_can_be_exchanged)
{
	struct spawnio_how how = shell("echo out; echo err >&2");
	int out = file_of(""), err = file_of("");
	int saved[] = { fcntl(1, F_DUPFD_CLOEXEC, 100),
		fcntl(2, F_DUPFD_CLOEXEC, 100) };

	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = 2 };
	how.err = (struct spawnio_io){ SPAWNIO_FD, .fd = 1 };
	dup2(out, 1);
	dup2(err, 2);
	assert_exit(ran(&how), 0);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(saved[0]);
	close(saved[1]);
	ck_assert_str_eq(contents(out), "err\n");
	ck_assert_str_eq(contents(err), "out\n");
	close(out);
	close(err);
}
END_TEST

START_TEST(standard_descriptors_can_change_places_in_a_ring)
{
	struct spawnio_how how = shell("cat /proc/self/fd/2 <&-; echo 0 >&0; "
	    "echo 1 >&1");
	int file[] = { file_of(""), file_of(""), file_of("in\n") };
	int saved[3];

	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		dup2(file[(fd + 2) % 3], fd);
	}
	how.in = (struct spawnio_io){ SPAWNIO_FD, .fd = 1 };
	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = 2 };
	how.err = (struct spawnio_io){ SPAWNIO_FD, .fd = 0 };
	assert_exit(ran(&how), 0);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	ck_assert_str_eq(contents(file[0]), "0\n");
	ck_assert_str_eq(contents(file[1]), "in\n1\n");
	for (int i = 0; i < 3; i++)
		close(file[i]);
}
END_TEST

/* A descriptor that has its number already is not closed by the exec. */
START_TEST(fd_in_its_place_may_be_close_on_exec)
{
	struct spawnio_how how = shell("test -e /proc/$$/fd/0 && "
	    "test -e /proc/$$/fd/1 && test -e /proc/$$/fd/2");

	for (int fd = 0; fd < 3; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	how.in = (struct spawnio_io){ SPAWNIO_FD, .fd = 0 };
	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = 1 };
	how.err = (struct spawnio_io){ SPAWNIO_FD, .fd = 2 };
	assert_exit(ran(&how), 0);
	for (int fd = 0; fd < 3; fd++) {
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		fcntl(fd, F_SETFD, 0);
	}
}
END_TEST

/* --- files --- */

START_TEST(file_is_opened_as_by_open)
{
	const char *folder = make_folder(NULL, NULL, 0);
	struct spawnio_how how = shell("echo a; exit 3");
	mode_t own = umask(027);
	struct stat st;
	int fd;

	how.out = (struct spawnio_io){ SPAWNIO_FILE,
		.path = path_in(folder, NAME),
		.flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		.mode = 0666 };
	assert_exit(ran(&how), 3);
	assert_exit(ran(&how), 3);
	umask(own);
	ck_assert_int_eq(stat(how.out.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	fd = open(how.out.path, O_RDONLY | O_CLOEXEC);
	ck_assert_str_eq(contents(fd), "a\na\n");
	close(fd);
	how.out.flags = O_WRONLY | O_TRUNC;
	assert_exit(ran(&how), 3);
	ck_assert_int_eq(stat(how.out.path, &st), 0);
	ck_assert_int_eq(st.st_size, 2);
	remove_folder(folder, NAME);
}
END_TEST

START_TEST(file_may_be_any_of_the_three)
{
	const char *folder = make_folder(NAME, "in\n", 0644);
	const char *in = path_in(folder, NAME), *out = path_in(folder, "out"),
	    *err = path_in(folder, "err");
	struct spawnio_how how = shell("cat; echo err >&2; "
	    "for n in 0 1 2; do test -e /proc/$$/fd/$n || exit 1; done; "
	    "for n in 3 4 5 6 7 8 9; do ! test -e /proc/$$/fd/$n || exit 2; "
	    "done");
	int fd;

	how.in = (struct spawnio_io){ SPAWNIO_FILE, .path = in };
	how.out = (struct spawnio_io){ SPAWNIO_FILE, .path = out,
		.flags = O_WRONLY | O_CREAT, .mode = 0600 };
	how.err = (struct spawnio_io){ SPAWNIO_FILE, .path = err,
		.flags = O_WRONLY | O_CREAT, .mode = 0600 };
	assert_exit(ran(&how), 0);
	fd = open(out, O_RDONLY | O_CLOEXEC);
	ck_assert_str_eq(contents(fd), "in\n");
	close(fd);
	fd = open(err, O_RDONLY | O_CLOEXEC);
	ck_assert_str_eq(contents(fd), "err\n");
	close(fd);
	unlink(out);
	unlink(err);
	remove_folder(folder, NAME);
}
END_TEST

static const struct {
	const char *path;
	int flags;
	int error;
} no_files[] = {
	{ "/nosuch", O_RDONLY, ENOENT },
	{ "/etc/passwd/a", O_RDONLY, ENOTDIR },
	{ "/dev", O_RDWR, EISDIR },
	{ "/dev/null", O_WRONLY | O_CREAT | O_EXCL, EEXIST },
};

START_TEST(file_that_cannot_be_opened)
{
	struct spawnio_how how = shell(":");

	how.err = (struct spawnio_io){ SPAWNIO_FILE,
		.path = no_files[_i].path, .flags = no_files[_i].flags };
	assert_refused(&how, no_files[_i].error);
	how.in.kind = how.out.kind = SPAWNIO_NULL;
	assert_error(spawnio_run(&how), -1, no_files[_i].error);
}
END_TEST

START_TEST(file_is_relative_to_the_callers_directory)
{
	const char *folder = make_folder(NAME, "right\n", 0644);
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static char *const argv[] = { (char *)"cat", NULL };
	struct spawnio_how how = program(argv);

	ck_assert_int_eq(chdir(folder), 0);
	how.in = (struct spawnio_io){ SPAWNIO_FILE, .path = NAME };
	if (!engine_is("posix_spawn"))
		how.cwd = "/";
	ck_assert_str_eq(said(&how), "right\n");
	ck_assert_int_eq(fchdir(here), 0);
	close(here);
	remove_folder(folder, NAME);
}
END_TEST

static void *
open_fifo(void *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd != -1 && write(fd, "right\n", 6) != 6)
		return NULL;
	close(fd);
	return path;
}

START_TEST(call_waits_for_the_other_end_of_a_fifo)
{
	const char *folder = make_folder(NULL, NULL, 0);
	const char *path = path_in(folder, NAME);
	static char *const argv[] = { (char *)"cat", NULL };
	struct spawnio_how how = program(argv);
	pthread_t thread;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, open_fifo,
	    (void *)path), 0);
	how.in = (struct spawnio_io){ SPAWNIO_FILE, .path = path };
	ck_assert_str_eq(said(&how), "right\n");
	pthread_join(thread, NULL);
	remove_folder(folder, NAME);
}
END_TEST

/* --- merged --- */

#define BOTH	"echo out; echo err >&2; " \
	"test /proc/self/fd/1 -ef /proc/self/fd/2"

START_TEST(merge_is_the_pipe)
{
	struct spawnio_how how = shell(BOTH);
	struct spawnio_child child;

	how.out.kind = SPAWNIO_PIPE;
	how.err.kind = SPAWNIO_MERGE;
	begin(&how, &child);
	ck_assert_int_eq(child.fd[2], -1);
	ck_assert_str_eq(drain(&child, 1), "out\nerr\n");
	assert_exit(end(&child), 0);
}
END_TEST

START_TEST(merge_is_the_stream)
{
	struct spawnio_how how = shell(BOTH);
	FILE *stream;

	how.err.kind = SPAWNIO_MERGE;
	stream = opened(&how, "r");
	ck_assert_str_eq(rest_of(stream), "out\nerr\n");
	assert_exit(close_command(stream), 0);
	stream = opened(&how, "r+");
	ck_assert_str_eq(rest_of(stream), "out\nerr\n");
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(merge_is_the_file)
{
	const char *folder = make_folder(NULL, NULL, 0);
	struct spawnio_how how = shell(BOTH);
	int fd;

	how.out = (struct spawnio_io){ SPAWNIO_FILE,
		.path = path_in(folder, NAME), .flags = O_WRONLY | O_CREAT,
		.mode = 0600 };
	how.err.kind = SPAWNIO_MERGE;
	assert_exit(ran(&how), 0);
	fd = open(how.out.path, O_RDONLY | O_CLOEXEC);
	ck_assert_str_eq(contents(fd), "out\nerr\n");
	close(fd);
	remove_folder(folder, NAME);
}
END_TEST

START_TEST(merge_is_the_descriptor)
{
	struct spawnio_how how = shell(BOTH);
	int fd = file_of("");

	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = fd };
	how.err.kind = SPAWNIO_MERGE;
	assert_exit(ran(&how), 0);
	ck_assert_str_eq(contents(fd), "out\nerr\n");
	close(fd);
}
END_TEST

/* Not its number: what is there when all are set. */
START_TEST(merge_is_what_stood_at_2)
{
	struct spawnio_how how = shell(BOTH);
	int fd = file_of(""), saved = fcntl(2, F_DUPFD_CLOEXEC, 100);

	dup2(fd, 2);
	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = 2 };
	how.err.kind = SPAWNIO_MERGE;
	assert_exit(ran(&how), 0);
	dup2(saved, 2);
	close(saved);
	ck_assert_str_eq(contents(fd), "out\nerr\n");
	close(fd);
}
END_TEST

START_TEST(merge_is_dev_null)
{
	struct spawnio_how how = shell(BOTH "&& "
	    "test /proc/self/fd/2 -ef /dev/null");

	how.out.kind = SPAWNIO_NULL;
	how.err.kind = SPAWNIO_MERGE;
	assert_exit(ran(&how), 0);
}
END_TEST

/* The caller's own output, if that is not redirected. */
START_TEST(merge_is_the_callers_output)
{
	static const enum spawnio_kind kinds[] = {
		SPAWNIO_DEFAULT, SPAWNIO_INHERIT
	};
	struct spawnio_how how = shell("echo err >&2");
	int fd = file_of(""), saved = fcntl(1, F_DUPFD_CLOEXEC, 100);

	dup2(fd, 1);
	how.out.kind = kinds[_i];
	how.err.kind = SPAWNIO_MERGE;
	assert_exit(ran(&how), 0);
	dup2(saved, 1);
	close(saved);
	ck_assert_str_eq(contents(fd), "err\n");
	close(fd);
}
END_TEST

/* A move is what the standard output is, if nothing else is. */
START_TEST(merge_is_what_is_moved_to_1)
{
	struct spawnio_move move = { .from = file_of(""), .to = 1 };
	struct spawnio_how how = shell(BOTH);

	how.moves = &move;
	how.move_count = 1;
	how.err.kind = SPAWNIO_MERGE;
	assert_exit(ran(&how), 0);
	ck_assert_str_eq(contents(move.from), "out\nerr\n");
	close(move.from);
}
END_TEST

START_TEST(two_outputs_are_apart_without_merge)
{
	struct spawnio_how how = shell("echo out; echo err >&2");
	struct spawnio_child child;

	how.out.kind = how.err.kind = SPAWNIO_PIPE;
	begin(&how, &child);
	ck_assert_str_eq(drain(&child, 1), "out\n");
	ck_assert_str_eq(drain(&child, 2), "err\n");
	assert_exit(end(&child), 0);
}
END_TEST

/* --- moves --- */

/* The shell reads files from their beginning, since it opens them anew. */
START_TEST(number_to_is_what_from_is)
{
	struct spawnio_move moves[] = {
		{ file_of("a"), 7 }, { file_of("b"), 9 }, { 0, HIGH }
	};
	struct spawnio_how how = shell(CONTENTS "; "
	    "test /proc/$$/fd/%d -ef /proc/$$/fd/0", "7 9", HIGH);

	how.moves = moves;
	how.move_count = COUNT(moves);
	ck_assert_str_eq(said(&how), "ab");
	close(moves[0].from);
	close(moves[1].from);
}
END_TEST

START_TEST(from_is_not_there_for_the_child)
{
	struct spawnio_move move = { file_of("a"), 20 };
	struct spawnio_how how = shell("%s", list_open(50));

	how.moves = &move;
	how.move_count = 1;
	ck_assert_str_eq(said(&how), "0 1 2 20 ");
	close(move.from);
}
END_TEST

START_TEST(from_may_go_to_many)
{
	struct spawnio_move moves[] = { { 0, 7 }, { 0, 8 }, { 0, 9 } };
	int file = file_of("a");
	struct spawnio_how how = shell(CONTENTS, "7 8 9");

	for (size_t i = 0; i < COUNT(moves); i++)
		moves[i].from = file;
	how.moves = moves;
	how.move_count = COUNT(moves);
	ck_assert_str_eq(said(&how), "aaa");
	close(file);
}
END_TEST

START_TEST(two_numbers_can_be_exchanged)
{
	int a = file_of("a"), b = file_of("b");
	struct spawnio_move moves[] = { { a, b }, { b, a } };
	char numbers[32], expected[48];
	struct spawnio_how how;

	snprintf(numbers, sizeof(numbers), "%d %d", a, b);
	snprintf(expected, sizeof(expected), "ba0 1 2 %s ", numbers);
	how = shell(CONTENTS "; %s", numbers, list_open(20));
	how.moves = moves;
	how.move_count = COUNT(moves);
	ck_assert_str_eq(said(&how), expected);
	ck_assert_str_eq(contents(a), "a");
	ck_assert_str_eq(contents(b), "b");
	close(a);
	close(b);
}
END_TEST

#define RING	12

/* Each takes the place of the next one, whichever way they are listed. */
START_TEST(many_numbers_can_change_places)
{
	struct spawnio_move moves[RING];
	char numbers[128] = "", expected[RING + 1] = "";
	struct spawnio_how how;
	int file[RING];

	for (int i = 0; i < RING; i++) {
		file[i] = file_of((char[]){ (char)('a' + i), '\0' });
		snprintf(numbers + strlen(numbers), 8, " %d", file[i]);
		expected[i] = (char)('a' + (i + RING - 1) % RING);
	}
	for (int i = 0; i < RING; i++)
		moves[_i == 0 ? i : RING - 1 - i] = (struct spawnio_move){
			file[i], file[(i + 1) % RING] };
	how = shell(CONTENTS, numbers);
	how.moves = moves;
	how.move_count = RING;
	ck_assert_str_eq(said(&how), expected);
	for (int i = 0; i < RING; i++)
		close(file[i]);
}
END_TEST

START_TEST(moves_can_be_a_chain)
{
	int a = file_of("a"), b = file_of("b"), c = file_of("c");
	struct spawnio_move up[] = { { a, b }, { b, c }, { c, 30 } };
	struct spawnio_move down[] = { { c, 30 }, { b, c }, { a, b } };
	char numbers[32];
	struct spawnio_how how;

	snprintf(numbers, sizeof(numbers), "%d %d 30", b, c);
	how = shell(CONTENTS, numbers);
	how.moves = _i == 0 ? up : down;
	how.move_count = 3;
	ck_assert_str_eq(said(&how), "abc");
	close(a);
	close(b);
	close(c);
}
END_TEST

START_TEST(from_equal_to_to_is_inherited)
{
	int file = file_of("a");
	struct spawnio_move move = { file, file };
	char numbers[16];
	struct spawnio_how how;

	snprintf(numbers, sizeof(numbers), "%d", file);
	how = shell(CONTENTS, numbers);
	how.moves = &move;
	how.move_count = 1;
	ck_assert_str_eq(said(&how), "a");
	ck_assert_int_eq(fcntl(file, F_GETFD), FD_CLOEXEC);
	close(file);
}
END_TEST

/* Where the standard descriptor is the caller's own, a move may have it. */
START_TEST(moves_to_standard_descriptors)
{
	struct spawnio_move moves[] = {
		{ file_of("in\n"), 0 }, { file_of(""), 1 }, { file_of(""), 2 }
	};
	struct spawnio_how how = shell("cat; echo out; echo err >&2");

	lseek(moves[0].from, 0, SEEK_SET);
	how.moves = moves;
	how.move_count = COUNT(moves);
	if (_i == 1)
		how.in.kind = how.out.kind = how.err.kind = SPAWNIO_INHERIT;
	assert_exit(ran(&how), 0);
	ck_assert_str_eq(contents(moves[1].from), "in\nout\n");
	ck_assert_str_eq(contents(moves[2].from), "err\n");
	for (size_t i = 0; i < COUNT(moves); i++)
		close(moves[i].from);
}
END_TEST

START_TEST(moves_from_standard_descriptors)
{
	static const struct spawnio_move moves[] = { { 1, 10 }, { 2, 11 } };
	/* dash knows numbers of one digit only. */
	struct spawnio_how how = shell("echo new; echo new >&2; "
	    "echo out >/proc/self/fd/10; echo err >/proc/self/fd/11");
	int out = file_of(""), err = file_of(""), saved[3];

	saved[1] = fcntl(1, F_DUPFD_CLOEXEC, 100);
	saved[2] = fcntl(2, F_DUPFD_CLOEXEC, 100);
	dup2(out, 1);
	dup2(err, 2);
	how.out.kind = SPAWNIO_NULL;
	how.err.kind = SPAWNIO_NULL;
	how.moves = moves;
	how.move_count = COUNT(moves);
	assert_exit(ran(&how), 0);
	dup2(saved[1], 1);
	dup2(saved[2], 2);
	close(saved[1]);
	close(saved[2]);
	ck_assert_str_eq(contents(out), "out\n");
	ck_assert_str_eq(contents(err), "err\n");
	close(out);
	close(err);
}
END_TEST

/* A caller that keeps its standard input elsewhere, and the child's there. */
START_TEST(standard_and_other_numbers_can_be_exchanged)
{
	int file = file_of("in\n"), output = file_of("");
	struct spawnio_move moves[] = { { file, 0 }, { 0, file } };
	struct spawnio_how how = shell("cat; "
	    "test /proc/$$/fd/%d -ef /dev/null", file);

	lseek(file, 0, SEEK_SET);
	how.moves = moves;
	how.move_count = COUNT(moves);
	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = output };
	assert_exit(ran(&how), 0);
	ck_assert_str_eq(contents(output), "in\n");
	close(file);
	close(output);
}
END_TEST

/* The numbers that the library's own descriptors are about to get. */
START_TEST(places_may_be_those_of_the_librarys_own)
{
	int file = file_of("a"), first = file + 1 + _i;
	struct spawnio_move moves[3];
	struct spawnio_child child;
	char numbers[48];
	struct spawnio_how how;

	for (int i = 0; i < 3; i++)
		moves[i] = (struct spawnio_move){ file, first + i };
	snprintf(numbers, sizeof(numbers), "%d %d %d", first, first + 1,
	    first + 2);
	how = shell("cat; " CONTENTS "; echo err >&2", numbers);
	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_PIPE;
	how.moves = moves;
	how.move_count = COUNT(moves);
	begin(&how, &child);
	ck_assert_int_eq(write(child.fd[0], "in ", 3), 3);
	close(child.fd[0]);
	ck_assert_str_eq(drain(&child, 1), "in aaa");
	ck_assert_str_eq(drain(&child, 2), "err\n");
	assert_exit(end(&child), 0);
	close(file);
}
END_TEST

/* The error of the exec comes through, though every number is taken from what
 * tells it. */
START_TEST(error_is_told_though_all_numbers_are_places)
{
	static char *const argv[] = { (char *)"/nosuch", NULL };
	struct spawnio_move moves[60];
	struct spawnio_how how = program(argv);
	struct spawnio_child child;

	for (int i = 0; i < (int)COUNT(moves); i++)
		moves[i] = (struct spawnio_move){ 0, 3 + i };
	how.moves = moves;
	how.move_count = COUNT(moves);
	assert_refused(&how, ENOENT);
	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_PIPE;
	assert_error(spawnio_start(&how, &child), -1, ENOENT);
}
END_TEST

START_TEST(more_moves_than_anybody_has)
{
	static struct spawnio_move moves[HIGH];
	struct spawnio_how how = shell(
	    "for n in 3 4 100 %d; do test -e /proc/$$/fd/$n || exit 1; done; "
	    "! test -e /proc/$$/fd/%d", HIGH + 2, HIGH + 3);

	for (int i = 0; i < HIGH; i++)
		moves[i] = (struct spawnio_move){ 0, 3 + i };
	how.moves = moves;
	how.move_count = HIGH;
	assert_exit(ran(&how), 0);
	how.flags = SPAWNIO_ASYNC;
	ck_assert_str_eq(said(&how), "");
}
END_TEST

static const int no_places[] = { INT_MIN, -1, INT_MAX };

/* Which of the two, the manual leaves open above. */
START_TEST(place_that_cannot_be)
{
	struct spawnio_move moves[] = { { 0, 40 }, { 0, no_places[_i] } };
	struct spawnio_how how = shell(":");

	how.moves = moves;
	how.move_count = COUNT(moves);
	assert_refused(&how, spawnio_run(&how) == -1 && errno == EINVAL ?
	    EINVAL : EBADF);
}
END_TEST

START_TEST(moves_with_a_stream)
{
	int file = file_of("a");
	struct spawnio_move moves[] = { { file, file + 1 }, { file, file + 2 },
		{ file, file + 3 } };
	char numbers[48];
	struct spawnio_how how;
	FILE *stream;

	snprintf(numbers, sizeof(numbers), "%d %d %d", file + 1, file + 2,
	    file + 3);
	how = shell(CONTENTS, numbers);
	how.moves = moves;
	how.move_count = COUNT(moves);
	stream = opened(&how, "r");
	ck_assert_str_eq(rest_of(stream), "aaa");
	assert_exit(close_command(stream), 0);
	close(file);
}
END_TEST

START_TEST(moves_of_a_command)
{
	struct spawnio_move move = { file_of("a"), 7 };
	struct spawnio_how how = command("cat <&7");

	how.moves = &move;
	how.move_count = 1;
	lseek(move.from, 0, SEEK_SET);
	ck_assert_str_eq(said(&how), "a");
	how = command("x=$(cat <&7); echo $x");
	how.moves = &move;
	how.move_count = 1;
	lseek(move.from, 0, SEEK_SET);
	ck_assert_str_eq(said(&how), "a\n");
	close(move.from);
}
END_TEST

/* --- no others --- */

START_TEST(child_has_the_descriptors_without_close_on_exec)
{
	int other = dup(0), more = fcntl(0, F_DUPFD, 30);
	struct spawnio_how how = shell("%s", list_open(50));
	char expected[32];

	snprintf(expected, sizeof(expected), "0 1 2 %d %d ", other, more);
	ck_assert_str_eq(said(&how), expected);
	close(other);
	close(more);
}
END_TEST

START_TEST(close_others_leaves_0_1_2_and_the_moves)
{
	struct spawnio_move moves[] = {
		{ 0, 5 }, { file_of("a"), 40 }, { file_of("b"), 0 }
	};
	int other = dup(0), more = fcntl(0, F_DUPFD, 30);
	int far = fcntl(0, F_DUPFD, HIGH);
	char expected[64];
	struct spawnio_how how;

	moves[2].to = moves[2].from;
	how = shell("%s; ! test -e /proc/$$/fd/%d", list_open(100), HIGH);
	how.flags = SPAWNIO_CLOSE_OTHERS;
	how.moves = moves;
	snprintf(expected, sizeof(expected), "%s", "0 1 2 ");
	ck_assert_str_eq(said(&how), expected);
	how.move_count = COUNT(moves);
	snprintf(expected, sizeof(expected), moves[2].to < 5 ?
	    "0 1 2 %d 5 40 " : "0 1 2 5 %d 40 ", moves[2].to);
	ck_assert_str_eq(said(&how), expected);
	close(other);
	close(more);
	close(far);
	close(moves[1].from);
	close(moves[2].from);
}
END_TEST

/* The kinds that take a descriptor of their own on the way. */
START_TEST(close_others_leaves_nothing_of_the_librarys_own)
{
	struct spawnio_how how = shell("%s", list_open(100));
	struct spawnio_child child;
	FILE *stream;

	how.flags = SPAWNIO_CLOSE_OTHERS;
	how.in.kind = SPAWNIO_PIPE;
	how.err.kind = SPAWNIO_NULL;
	how.out.kind = SPAWNIO_PIPE;
	begin(&how, &child);
	close(child.fd[0]);
	ck_assert_str_eq(drain(&child, 1), "0 1 2 ");
	assert_exit(end(&child), 0);
	how.in = (struct spawnio_io){ SPAWNIO_FILE, .path = "/dev/zero" };
	how.out.kind = SPAWNIO_DEFAULT;
	stream = opened(&how, "r");
	ck_assert_str_eq(rest_of(stream), "0 1 2 ");
	assert_exit(close_command(stream), 0);
}
END_TEST

START_TEST(close_others_of_a_command)
{
	int other = dup(0);
	struct spawnio_how how = command("%s", list_open(50));

	how.flags = SPAWNIO_CLOSE_OTHERS;
	ck_assert_str_eq(said(&how), "0 1 2 ");
	close(other);
}
END_TEST

START_TEST(close_others_still_tells_the_error)
{
	static char *const argv[] = { (char *)"/nosuch", NULL };
	struct spawnio_how how = program(argv);

	how.flags = SPAWNIO_CLOSE_OTHERS;
	assert_refused(&how, ENOENT);
}
END_TEST

/* Whoever cannot close them says so. */
START_TEST(close_others_without_close_range)
{
	struct spawnio_how how = shell("! test -e /proc/$$/fd/%d", HIGH);
	int far = fcntl(0, F_DUPFD, HIGH), status;

#ifdef SYS_close_range
	refuse(SYS_close_range, 0, ENOSYS);
#endif
	how.flags = SPAWNIO_CLOSE_OTHERS;
	errno = 0;
	status = spawnio_run(&how);
	if (status == -1)
		ck_assert_int_ne(errno, 0);
	else
		assert_exit(status, 0);
	close(far);
}
END_TEST

START_TEST(nothing_is_new_in_the_child_or_the_caller)
{
	struct spawnio_how how = shell("%s", list_open(100));
	struct spawnio_child child;
	int more = 0;

	how.out.kind = SPAWNIO_PIPE;
	how.in.kind = how.err.kind = SPAWNIO_NULL;
	begin(&how, &child);
	for (int fd = 3; fd < 100; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			more++;
	ck_assert_int_eq(more, 0);
	ck_assert_str_eq(drain(&child, 1), "0 1 2 ");
	assert_exit(end(&child), 0);
}
END_TEST

/* --- earlier streams --- */

START_TEST(earlier_streams_are_closed_in_the_child)
{
	struct spawnio_how reader = shell("! read x");
	struct spawnio_how how = shell("%s", list_open(100));
	FILE *first = open_command("w", "! read x");
	FILE *second = opened(&reader, "w");
	FILE *third;

	ck_assert_str_eq(said(&how), "0 1 2 ");
	third = opened(&how, "r");
	ck_assert_str_eq(rest_of(third), "0 1 2 ");
	assert_exit(close_command(third), 0);
	assert_exit(close_command(first), 0);
	assert_exit(close_command(second), 0);
}
END_TEST

/* popen's child must not keep what spawnio_open() has made, either. */
START_TEST(streams_of_open_are_closed_in_children_of_spopen)
{
	struct spawnio_how reader = shell("! read x");
	FILE *first = opened(&reader, "w");

	ck_assert_str_eq(output("%s", list_open(100)), "0 1 2 ");
	assert_exit(close_command(first), 0);
}
END_TEST

START_TEST(streams_that_are_descriptors_of_the_child_are_not_closed)
{
	FILE *first = open_command("w", "read x; test $x = 1");
	FILE *second = open_command("w", "read x; test $x = 2");
	FILE *third = open_command("w", "read x; test $x = 3");
	struct spawnio_move moves[] = {
		{ fileno(second), 40 }, { fileno(third), fileno(third) }
	};
	struct spawnio_how how = shell("echo 1; echo 2 >/proc/self/fd/40; "
	    "echo 3 >/proc/self/fd/%d", fileno(third));

	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = fileno(first) };
	how.moves = moves;
	how.move_count = COUNT(moves);
	assert_exit(ran(&how), 0);
	assert_exit(close_command(first), 0);
	assert_exit(close_command(second), 0);
	assert_exit(close_command(third), 0);
}
END_TEST

/* The number of a stream may be another's place in the child. */
START_TEST(place_of_a_stream_may_be_a_moves)
{
	FILE *first = open_command("w", "! read x");
	struct spawnio_move move = { file_of("a"), fileno(first) };
	char numbers[16];
	struct spawnio_how how;

	snprintf(numbers, sizeof(numbers), "%d", fileno(first));
	how = shell(CONTENTS, numbers);
	how.moves = &move;
	how.move_count = 1;
	ck_assert_str_eq(said(&how), "a");
	assert_exit(close_command(first), 0);
	close(move.from);
}
END_TEST

/* --- descriptors 0 to 2 closed in the caller --- */

/* The library's own get the numbers 0, 1 or 2 then. */
START_TEST(pipes_though_standard_is_closed)
{
	struct spawnio_how how = shell("read x; echo out $x; echo err $x >&2");
	struct spawnio_child child;

	how.in.kind = how.out.kind = how.err.kind = SPAWNIO_PIPE;
	close_standard(_i);
	begin(&how, &child);
	ck_assert_int_eq(write(child.fd[0], "in\n", 3), 3);
	close(child.fd[0]);
	ck_assert_str_eq(drain(&child, 1), "out in\n");
	ck_assert_str_eq(drain(&child, 2), "err in\n");
	assert_exit(end(&child), 0);
	open_standard();
}
END_TEST

START_TEST(files_though_standard_is_closed)
{
	int out = file_of("");
	struct spawnio_how how = shell("cat; echo err >&2; "
	    "test /proc/self/fd/0 -ef /dev/null");

	how.in.kind = SPAWNIO_NULL;
	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = out };
	how.err.kind = SPAWNIO_MERGE;
	close_standard(_i);
	assert_exit(ran(&how), 0);
	open_standard();
	ck_assert_str_eq(contents(out), "err\n");
	close(out);
}
END_TEST

/* A child that is given nothing there has nothing there. */
START_TEST(closed_ones_stay_closed)
{
	char expected[16] = "", *text = expected;
	struct spawnio_how how;

	for (int fd = 0; fd < 3; fd++)
		if ((_i & 1 << fd) == 0)
			text += sprintf(text, "%d ", fd);
	how = shell("%s >/dev/null; test \"$list\" = '%s'", list_open(30),
	    expected);
	close_standard(_i);
	assert_exit(ran(&how), 0);
	how.flags = SPAWNIO_ASYNC;
	assert_exit(ran(&how), 0);
	open_standard();
}
END_TEST

START_TEST(closed_one_is_not_to_be_had)
{
	struct spawnio_how how = shell(":");
	int error;

	how.out = (struct spawnio_io){ SPAWNIO_FD, .fd = 0 };
	close_standard(1);
	error = spawnio_run(&how) == -1 ? errno : 0;
	open_standard();
	ck_assert_int_eq(error, EBADF);
}
END_TEST

/* What the library opens on the way must not be taken for the caller's. */
START_TEST(opened_file_is_not_taken_for_the_callers)
{
	struct spawnio_how how = shell(":");
	struct spawnio_child child;
	int error;

	how.in.kind = SPAWNIO_NULL;
	how.out.kind = SPAWNIO_PIPE;
	how.err = (struct spawnio_io){ SPAWNIO_FD, .fd = 0 };
	close_standard(1);
	error = spawnio_start(&how, &child) == -1 ? errno : 0;
	open_standard();
	ck_assert_int_eq(error, EBADF);
}
END_TEST

/* An end of a pipe least of all: the child would wait for itself. */
static const int without_output[] = { 2, 3, 6, 7 };

START_TEST(closed_output_cannot_be_merged)
{
	struct spawnio_how how = shell("exec cat >/dev/null");
	struct spawnio_child child;
	int errors[3];

	how.err.kind = SPAWNIO_MERGE;
	close_standard(without_output[_i]);
	errors[0] = spawnio_open(&how, "w") == NULL ? errno : 0;
	errors[1] = spawnio_run(&how) == -1 ? errno : 0;
	how.in.kind = SPAWNIO_PIPE;
	errors[2] = spawnio_start(&how, &child) == -1 ? errno : 0;
	open_standard();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(errors[i], EBADF);
}
END_TEST

START_TEST(streams_though_standard_is_closed)
{
	struct spawnio_how how = shell("read x; echo \"<$x>\" >&2");
	FILE *stream;

	how.err.kind = SPAWNIO_MERGE;
	close_standard(_i);
	stream = opened(&how, "r+");
	ck_assert_int_eq(setvbuf(stream, NULL, _IONBF, 0), 0);
	ck_assert_int_ge(fputs("a\n", stream), 0);
	ck_assert_str_eq(rest_of(stream), "<a>\n");
	assert_exit(close_command(stream), 0);
	open_standard();
}
END_TEST

/* --- the suite --- */

static void
add_kinds(TCase *tcase)
{
	tcase_add_loop_test(tcase, default_and_inherit_are_the_callers_own, 0,
	    2);
	tcase_add_test(tcase, inherited_ones_are_not_mixed_up);
	tcase_add_test(tcase, null_is_dev_null);
	tcase_add_test(tcase, fd_is_a_descriptor_of_the_callers);
	tcase_add_test(tcase, fd_may_be_the_same_for_all);
	tcase_add_test(tcase, output_and_error_can_be_exchanged);
	tcase_add_test(tcase, standard_descriptors_can_change_places_in_a_ring);
	tcase_add_test(tcase, fd_in_its_place_may_be_close_on_exec);
}

static void
add_files(TCase *tcase)
{
	tcase_add_test(tcase, file_is_opened_as_by_open);
	tcase_add_test(tcase, file_may_be_any_of_the_three);
	tcase_add_loop_test(tcase, file_that_cannot_be_opened, 0,
	    COUNT(no_files));
	tcase_add_test(tcase, file_is_relative_to_the_callers_directory);
	tcase_add_test(tcase, call_waits_for_the_other_end_of_a_fifo);
}

static void
add_merged(TCase *tcase)
{
	tcase_add_test(tcase, merge_is_the_pipe);
	tcase_add_test(tcase, merge_is_the_stream);
	tcase_add_test(tcase, merge_is_the_file);
	tcase_add_test(tcase, merge_is_the_descriptor);
	tcase_add_test(tcase, merge_is_what_stood_at_2);
	tcase_add_test(tcase, merge_is_dev_null);
	tcase_add_loop_test(tcase, merge_is_the_callers_output, 0, 2);
	tcase_add_test(tcase, merge_is_what_is_moved_to_1);
	tcase_add_test(tcase, two_outputs_are_apart_without_merge);
}

static void
add_moves(TCase *tcase)
{
	tcase_add_test(tcase, number_to_is_what_from_is);
	tcase_add_test(tcase, from_is_not_there_for_the_child);
	tcase_add_test(tcase, from_may_go_to_many);
	tcase_add_test(tcase, two_numbers_can_be_exchanged);
	tcase_add_loop_test(tcase, many_numbers_can_change_places, 0, 2);
	tcase_add_loop_test(tcase, moves_can_be_a_chain, 0, 2);
	tcase_add_test(tcase, from_equal_to_to_is_inherited);
	tcase_add_loop_test(tcase, moves_to_standard_descriptors, 0, 2);
	tcase_add_test(tcase, moves_from_standard_descriptors);
	tcase_add_test(tcase, standard_and_other_numbers_can_be_exchanged);
	tcase_add_loop_test(tcase, places_may_be_those_of_the_librarys_own, 0,
	    12);
	tcase_add_test(tcase, error_is_told_though_all_numbers_are_places);
	tcase_add_test(tcase, more_moves_than_anybody_has);
	tcase_add_loop_test(tcase, place_that_cannot_be, 0, COUNT(no_places));
	tcase_add_test(tcase, moves_with_a_stream);
	tcase_add_test(tcase, moves_of_a_command);
}

static void
add_close_others(TCase *tcase)
{
	tcase_add_test(tcase, close_others_leaves_0_1_2_and_the_moves);
	tcase_add_test(tcase, close_others_leaves_nothing_of_the_librarys_own);
	tcase_add_test(tcase, close_others_of_a_command);
	tcase_add_test(tcase, close_others_still_tells_the_error);
	if (may_refuse())
		tcase_add_test(tcase, close_others_without_close_range);
	else
		left_out("no seccomp: close_others_without_close_range");
}

static void
add_others(TCase *tcase)
{
	tcase_add_test(tcase, child_has_the_descriptors_without_close_on_exec);
	tcase_add_test(tcase, nothing_is_new_in_the_child_or_the_caller);
	tcase_add_test(tcase, earlier_streams_are_closed_in_the_child);
	tcase_add_test(tcase,
	    streams_of_open_are_closed_in_children_of_spopen);
	tcase_add_test(tcase,
	    streams_that_are_descriptors_of_the_child_are_not_closed);
	tcase_add_test(tcase, place_of_a_stream_may_be_a_moves);
}

static void
add_closed(TCase *tcase)
{
	tcase_add_loop_test(tcase, pipes_though_standard_is_closed, 0, 8);
	tcase_add_loop_test(tcase, files_though_standard_is_closed, 0, 8);
	tcase_add_loop_test(tcase, closed_ones_stay_closed, 0, 8);
	tcase_add_test(tcase, closed_one_is_not_to_be_had);
	tcase_add_test(tcase, opened_file_is_not_taken_for_the_callers);
	tcase_add_loop_test(tcase, closed_output_cannot_be_merged, 0,
	    COUNT(without_output));
	tcase_add_loop_test(tcase, streams_though_standard_is_closed, 0, 8);
}

int
main(void)
{
	Suite *suite = suite_create("descriptors");

	find_engine();
	if (!failures_are_told())
		return 77;
	add_kinds(add_case(suite, "kinds"));
	add_files(add_case(suite, "files"));
	add_merged(add_case(suite, "merged"));
	add_moves(add_case(suite, "moves"));
	if (!engine_is("posix_spawn"))
		add_close_others(add_case(suite, "close others"));
	add_others(add_case(suite, "others"));
	add_closed(add_case(suite, "closed"));
	return run(suite);
}
