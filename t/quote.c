/* SPDX-License-Identifier: ISC */
/* spawnio_quote(3), sentence by sentence. */

#include "shorthand.h"

#define ROOM	8192
#define WORDS	6	/* in a command: with more, all go to a shell */

static const char *const texts[] = {
	"", "a", "plain", "two words", " ", "  a  ", "\t", "\n", "a\n",
	"\n\nb", "'", "''", "'a'", "a'b", "it's", "'\\''", "\"", "\"a\"",
	"\\", "\\\\", "a\\", "\\n", "\\'", "$", "$HOME", "${HOME}", "$(echo x)",
	"`echo x`", "$((1+1))", "*", "?", "[a-z]", "{a,b}", "~", "~root", "!",
	"!!", "#", "#a", "a#", "-", "-n", "--", "=", "a=b", "PATH=/", "&", "|",
	";", ";;", "<", ">", "2>&1", "(", ")", "()", "^", "%", "%s", "@", "+",
	",", ".", "/", "/usr/bin", ":", "_", "if", "then", "{", "}", "[", "[[",
	"time", "alias", "echo", "exec", "\r", "a\rb", "\033[0m", "\177",
	"\303\244", "\302\240", "\342\200\250", "\200", "\377", "\303",
	"'\"\\$`!*\n", "\\\n", "'\n'", "$'a'", "$\"a\"", "a;b|c&d",
};

/* The quoted text, which is to fit. */
static const char *
quoted(const char *text)
{
	static char room[ROOM + 1];
	size_t n;

	memset(room, 'x', ROOM);
	errno = 12345;
	n = spawnio_quote(room, ROOM, text);
	ck_assert_int_eq(errno, 12345);
	ck_assert_uint_lt(n, ROOM);
	ck_assert_int_eq(room[n], '\0');
	ck_assert_uint_eq(strlen(room), n);
	/* Nothing is written behind the NUL byte. */
	ck_assert_uint_eq(strspn(room + n + 1, "x"), ROOM - n - 1);
	return room;
}

/* --- what the shell reads --- */

/* One command with the texts of [from, to) as its arguments, in the middle, so
 * that each must be neither more nor less than one. */
static const char *
command_with(const char *first, const char *const *list, size_t from,
    size_t to, const char *last)
{
	static char line[2 * ROOM];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s '<%%s>' a", first);

	for (size_t i = from; i < to; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " %s",
		    quoted(list[i]));
	n += (size_t)snprintf(line + n, sizeof(line) - n, " z%s", last);
	ck_assert_uint_lt(n, sizeof(line));
	return line;
}

static void
assert_read_back(const char *said_by_shell, const char *const *list,
    size_t from, size_t to)
{
	static char expected[2 * ROOM];
	size_t n = (size_t)snprintf(expected, sizeof(expected), "<a>");

	for (size_t i = from; i < to; i++)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n,
		    "<%s>", list[i]);
	snprintf(expected + n, sizeof(expected) - n, "<z>");
	ck_assert_str_eq(said_by_shell, expected);
}

/* Each byte by itself, each thrice, and all of them together. */
#define BYTES	(2 * 255 + 1)

static const char *const *
bytes(void)
{
	static char place[2][255][4], all[256];
	static const char *list[BYTES];

	for (int i = 0; i < 255; i++) {
		memset(place[0][i], i + 1, 1);
		memset(place[1][i], i + 1, 3);
		list[i] = place[0][i];
		list[255 + i] = place[1][i];
		all[i] = (char)(i + 1);
	}
	list[BYTES - 1] = all;
	return list;
}

static const char *const shells[] = { "sh", "dash", "bash", "busybox" };

/* busybox is given its applet's name. */
static struct spawnio_how
shell_of(const char *name, const char *line)
{
	static char *argv[5];
	struct spawnio_how how = program(argv);

	argv[0] = (char *)name;
	argv[1] = (char *)"sh";
	argv[2] = (char *)"-c";
	argv[3] = (char *)line;
	how.file = name;
	if (strcmp(name, "busybox") != 0)
		how.argv = argv + 1;
	return how;
}

static bool
is_there(const char *name)
{
	struct spawnio_how how = shell_of(name, "exit 3");

	how.err.kind = SPAWNIO_NULL;
	return spawnio_run(&how) == 3 << 8;
}

static void
check_shell(const char *name, const char *const *list, size_t n)
{
	struct spawnio_how how = shell_of(name,
	    command_with("printf", list, 0, n, ""));

	assert_read_back(said(&how), list, 0, n);
}

START_TEST(shell_reads_one_argument)
{
	if (!is_there(shells[_i])) {
		left_out(shells[_i]);
		return;
	}
	check_shell(shells[_i], texts, COUNT(texts));
	check_shell(shells[_i], bytes(), BYTES);
}
END_TEST

/* printf, if not env, is a shell's own: the first goes without one where that
 * can be. */
static void
check_spopen(const char *const *list, size_t from, size_t to)
{
	assert_read_back(output("%s", command_with("env printf", list, from,
	    to, "")), list, from, to);
	assert_read_back(output("%s", command_with("printf", list, from, to,
	    "; :")), list, from, to);
}

START_TEST(spopen_reads_one_argument)
{
	const char *const *list = bytes();

	for (size_t i = 0; i < COUNT(texts); i += WORDS)
		check_spopen(texts, i, i + WORDS < COUNT(texts) ? i + WORDS :
		    COUNT(texts));
	for (size_t i = 31; i < 127; i += WORDS)
		check_spopen(list, i, i + WORDS);
	check_spopen(list, BYTES - 1, BYTES);
}
END_TEST

/* It may be the first, a name, too. */
START_TEST(quoted_name_is_executed)
{
	static const char name[] = "a name's $HOME";
	const char *folder = make_folder(name, "#!/bin/sh\necho right\n",
	    0755);

	ck_assert_str_eq(output("%s", quoted(path_in(folder, name))),
	    "right\n");
	remove_folder(folder, name);
}
END_TEST

/* Words that stand side by side are one. */
START_TEST(quoted_texts_can_be_joined)
{
	char first[64], second[64];

	spawnio_quote(first, sizeof(first), "it's ");
	spawnio_quote(second, sizeof(second), "'one'");
	ck_assert_str_eq(output("printf '<%%s>' %s%s", first, second),
	    "<it's 'one'>");
}
END_TEST

/* --- what is not changed --- */

START_TEST(letters_and_digits_are_not_changed)
{
	static const char *const plain[] = {
		"a", "0", "abcdefghijklmnopqrstuvwxyz",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "a1B2"
	};

	for (size_t i = 0; i < COUNT(plain); i++)
		ck_assert_str_eq(quoted(plain[i]), plain[i]);
}
END_TEST

START_TEST(nothing_is_a_word_too)
{
	ck_assert_str_ne(quoted(""), "");
}
END_TEST

/* --- the size --- */

START_TEST(what_is_too_long_is_cut_off)
{
	char whole[ROOM], room[ROOM];
	size_t n;

	strcpy(whole, quoted(texts[_i]));
	n = strlen(whole);
	for (size_t size = 1; size <= n + 2; size++) {
		size_t fits = size - 1 < n ? size - 1 : n;

		memset(room, 'x', sizeof(room));
		ck_assert_uint_eq(spawnio_quote(room, size, texts[_i]), n);
		ck_assert_uint_eq(strlen(room), fits);
		ck_assert(memcmp(room, whole, fits) == 0);
		ck_assert_int_eq(room[size], 'x');
	}
}
END_TEST

START_TEST(nothing_is_written_if_size_is_0)
{
	char room[] = "x";

	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t n = strlen(quoted(texts[i]));

		ck_assert_uint_eq(spawnio_quote(NULL, 0, texts[i]), n);
		ck_assert_uint_eq(spawnio_quote(room, 0, texts[i]), n);
		ck_assert_int_eq(room[0], 'x');
	}
}
END_TEST

/* As long as it may be, and of what takes the most room. */
START_TEST(long_texts)
{
	const size_t size = 1 << 20;
	char *text = malloc(size + 1), *room = malloc(8 * size);
	size_t n;

	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(room);
	memset(text, _i == 0 ? '\'' : 'a', size);
	text[size] = '\0';
	n = spawnio_quote(NULL, 0, text);
	ck_assert_uint_ge(n, size);
	ck_assert_uint_lt(n, 8 * size);
	ck_assert_uint_eq(spawnio_quote(room, 8 * size, text), n);
	ck_assert_uint_eq(strlen(room), n);
	free(text);
	free(room);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("quote");
	TCase *tcase = add_case(suite, "quote");

	find_engine();
	tcase_add_loop_test(tcase, shell_reads_one_argument, 0, COUNT(shells));
	tcase_add_test(tcase, spopen_reads_one_argument);
	tcase_add_test(tcase, quoted_name_is_executed);
	tcase_add_test(tcase, quoted_texts_can_be_joined);
	tcase_add_test(tcase, letters_and_digits_are_not_changed);
	tcase_add_test(tcase, nothing_is_a_word_too);
	tcase_add_loop_test(tcase, what_is_too_long_is_cut_off, 0,
	    COUNT(texts));
	tcase_add_test(tcase, nothing_is_written_if_size_is_0);
	tcase_add_loop_test(tcase, long_texts, 0, 2);
	return run(suite);
}
