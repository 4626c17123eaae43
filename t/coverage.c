/* SPDX-License-Identifier: ISC */
/* How many of the commands that programs give to popen() and system() need no
 * shell, and why the others do.
 *
 *	t/coverage [-v] FILE
 *
 * FILE has a command a line, after the name of the call and a tab, as it is
 * written in the source of the program: \n is a newline, \\ a backslash, and
 * %s, %-5ld, %{name} and the like stand for a word, for which x is read; %% is
 * a percent sign.  Lines that begin with # are comments.
 *
 * It prints how many are executed directly, their share, and the reasons of the
 * rest, the most frequent first; with -v each command of the rest, too. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static struct reason {
	const char *why;
	int count;
} reasons[64];

/* The length of the placeholder, an x, that text begins with, or 0. */
static size_t
placeholder(const char *text)
{
	size_t n = 1;

	if (text[0] != '%')
		return 0;
	if (text[1] == '{')
		return strcspn(text, "}") + (strchr(text, '}') != NULL);
	n += strspn(text + n, "-+#0123456789.*");
	n += strncmp(text + n, "I64", 3) == 0 ? 3 :
	    strspn(text + n, "hlLqjzt");
	return text[n] != '\0' && strchr("diouxXcsfFeEgGaAp", text[n]) != NULL ?
	    n + 1 : 0;
}

/* As the program has it; the result is not longer. */
static void
fill_in(char *text)
{
	char *to = text;
	size_t n;

	while (*text != '\0') {
		if ((n = placeholder(text)) > 0) {
			*to++ = 'x';
			text += n;
			continue;
		}
		if (text[0] == '\\' && (text[1] == 'n' || text[1] == '\\')) {
			*to++ = text[1] == 'n' ? '\n' : '\\';
			text += 2;
			continue;
		}
		if (text[0] == '%' && text[1] == '%')
			text++;
		*to++ = *text++;
	}
	*to = '\0';
}

static void
note(const char *why)
{
	size_t i = 0;

	while (reasons[i].why != NULL && strcmp(reasons[i].why, why) != 0)
		if (++i == COUNT(reasons))
			errx(1, "too many reasons");
	reasons[i].why = why;
	reasons[i].count++;
}

static int
more(const void *a, const void *b)
{
	return ((const struct reason *)b)->count -
	    ((const struct reason *)a)->count;
}

/* Is the command of the line executed directly? */
static int
try(char *line, int verbose)
{
	static struct command command;
	char *text = strchr(line, '\t');
	const char *why;

	if (text == NULL)
		errx(1, "no tab: %s", line);
	fill_in(++text);
	why = spio_parse(&command, text);
	if (why == NULL)
		return 1;
	note(why);
	if (verbose)
		printf("%s\t%s\n", why, text);
	return 0;
}

static void
report(int tried, int direct)
{
	size_t i;

	printf("%d of %d commands are executed directly: %.1f %%\n", direct,
	    tried, tried == 0 ? 0 : 100. * direct / tried);
	qsort(reasons, COUNT(reasons), sizeof(reasons[0]), more);
	for (i = 0; i < COUNT(reasons) && reasons[i].count > 0; i++)
		printf("%6d  %4.1f %%  %s\n", reasons[i].count,
		    100. * reasons[i].count / tried, reasons[i].why);
}

int
main(int argc, char **argv)
{
	int verbose = argc == 3 && strcmp(argv[1], "-v") == 0;
	int tried = 0, direct = 0;
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	if (argc != 2 && !verbose)
		errx(2, "usage: coverage [-v] FILE");
	file = fopen(argv[argc - 1], "re");
	if (file == NULL)
		err(2, "%s", argv[argc - 1]);
	while (getline(&line, &size, file) != -1) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		tried++;
		direct += try(line, verbose);
	}
	free(line);
	fclose(file);
	report(tried, direct);
	return 0;
}
