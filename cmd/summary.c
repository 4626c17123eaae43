/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "summary.h"

static const char *const engines[] = {
	"avfork", "vfork", "fork", "posix_spawn", "libc"
};

#define ENGINES	(sizeof(engines) / sizeof(engines[0]))
#define BUCKETS	1024

/* All calls for one command, times in microseconds. */
struct row {
	struct row *next;
	char *command;
	unsigned long calls;
	unsigned long failures;
	double blocked;
	double worst;
	unsigned long ended;
	double until_exit;
	unsigned engines;	/* bit n for engines[n] */
};

struct table {
	struct row *bucket[BUCKETS];
	size_t rows;
};

/* Where the value of a key begins.  Keys are looked for in front of the
 * command, which comes last and may hold anything. */
static const char *
value(const char *line, const char *key)
{
	char quoted[32];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(line, quoted);
	return at != NULL ? at + strlen(quoted) : "null";
}

static double
number(const char *line, const char *key)
{
	const char *at = value(line, key);

	return *at == 'n' ? -1 : strtod(at, NULL);
}

static unsigned
engine_bit(const char *line)
{
	const char *at = value(line, "engine");
	size_t i, length;

	for (i = 0; *at == '"' && i < ENGINES; i++) {
		length = strlen(engines[i]);
		if (strncmp(at + 1, engines[i], length) == 0 &&
		    at[length + 1] == '"')
			return 1u << i;
	}
	return 0;
}

/* The length of a blank, as the trace writes it down; 0 if there is none. */
static size_t
blank(const char *s)
{
	if (*s == ' ')
		return 1;
	return strncmp(s, "\\u0009", 6) == 0 || strncmp(s, "\\u000a", 6) == 0 ?
	    6 : 0;
}

/* The first word of the command, as it is written down; NULL if the line was
 * cut off. */
static char *
first_word(const char *line)
{
	const char *start = value(line, "command"), *end;

	if (*start++ != '"' || line[strlen(line) - 1] != '\n')
		return NULL;
	while (blank(start) != 0)
		start += blank(start);
	for (end = start; *end != '\0' && *end != '"' && blank(end) == 0; end++)
		if (*end == '\\' && end[1] != '\0')
			end++;
	return strndup(start, (size_t)(end - start));
}

/* The row of a command, of which it is then the owner. */
static struct row *
row_of(struct table *table, char *command)
{
	const unsigned char *s = (const unsigned char *)command;
	struct row **link, *row;
	unsigned hash = 0;

	for (; *s != '\0'; s++)
		hash = hash * 31 + *s;
	link = &table->bucket[hash % BUCKETS];
	for (row = *link; row != NULL; row = row->next)
		if (strcmp(row->command, command) == 0) {
			free(command);
			return row;
		}
	row = calloc(1, sizeof(*row));
	if (row == NULL) {
		free(command);
		return NULL;
	}
	row->command = command;
	row->next = *link;
	*link = row;
	table->rows++;
	return row;
}

static void
count(struct row *row, const char *line)
{
	double blocked = number(line, "return_us");
	double until_exit = number(line, "exit_us");

	row->calls++;
	if (number(line, "errno") > 0 || number(line, "status") > 0)
		row->failures++;
	if (blocked > 0)
		row->blocked += blocked;
	if (blocked > row->worst)
		row->worst = blocked;
	if (until_exit >= 0) {
		row->ended++;
		row->until_exit += until_exit;
	}
	row->engines |= engine_bit(line);
}

static int
read_trace(struct table *table, FILE *trace)
{
	char *line = NULL, *command;
	size_t size = 0;
	struct row *row;
	int result = 0;

	while (result == 0 && getline(&line, &size, trace) != -1) {
		errno = 0;
		command = first_word(line);
		if (command == NULL)
			continue;
		row = row_of(table, command);
		if (row == NULL)
			result = -1;
		else
			count(row, line);
	}
	free(line);
	return ferror(trace) ? -1 : result;
}

static int
by_blocked(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a;
	const struct row *y = *(const struct row *const *)b;

	if (x->blocked != y->blocked)
		return x->blocked < y->blocked ? 1 : -1;
	return strcmp(x->command, y->command);
}

static struct row **
sort(const struct table *table)
{
	struct row **all = calloc(table->rows + 1, sizeof(*all)), *row;
	size_t i, n = 0;

	if (all == NULL)
		return NULL;
	for (i = 0; i < BUCKETS; i++)
		for (row = table->bucket[i]; row != NULL; row = row->next)
			all[n++] = row;
	qsort(all, n, sizeof(*all), by_blocked);
	return all;
}

static const char *
name_engines(unsigned set, char *to, size_t size)
{
	size_t i;

	*to = '\0';
	for (i = 0; i < ENGINES; i++)
		if (set >> i & 1)
			snprintf(to + strlen(to), size - strlen(to), "%s%s",
			    *to != '\0' ? "," : "", engines[i]);
	return *to != '\0' ? to : "-";
}

/* JSON escapes all control characters but this one. */
static void
print_word(const char *word, FILE *out)
{
	for (; *word != '\0'; word++)
		if (*word == '\177')
			fputs("\\u007f", out);
		else
			fputc(*word, out);
	fputc('\n', out);
}

static void
print_row(const struct row *row, FILE *out)
{
	char names[64];

	fprintf(out, "%8lu %8lu %11.3f %9.3f %9.3f ", row->calls,
	    row->failures, row->blocked / 1e3,
	    row->blocked / 1e3 / (double)row->calls, row->worst / 1e3);
	if (row->ended > 0)
		fprintf(out, "%9.3f", row->until_exit / 1e3 /
		    (double)row->ended);
	else
		fprintf(out, "%9s", "-");
	fprintf(out, " %-11s ",
	    name_engines(row->engines, names, sizeof(names)));
	print_word(row->command[0] != '\0' ? row->command : "\"\"", out);
}

static void
add(struct row *total, const struct row *row)
{
	total->calls += row->calls;
	total->failures += row->failures;
	total->blocked += row->blocked;
	if (row->worst > total->worst)
		total->worst = row->worst;
	total->ended += row->ended;
	total->until_exit += row->until_exit;
	total->engines |= row->engines;
}

static void
print(struct row *const *all, size_t rows, FILE *out)
{
	static const char rule[] = "-------- -------- ----------- --------- "
	    "--------- --------- ----------- ----------------\n";
	struct row total = { .command = (char *)(void *)"total" };
	size_t i;

	fprintf(out, "%8s %8s %11s %9s %9s %9s\n", "", "", "blocked,", "",
	    "", "until");
	fprintf(out, "%8s %8s %11s %9s %9s %9s %-11s %s\n%s", "calls",
	    "failures", "ms", "mean", "worst", "exit", "engine", "command",
	    rule);
	for (i = 0; i < rows; i++) {
		print_row(all[i], out);
		add(&total, all[i]);
	}
	fputs(rule, out);
	if (total.calls > 0)
		print_row(&total, out);
	else
		fputs("no calls\n", out);
}

static void
release(struct table *table)
{
	struct row *row, *next;
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		for (row = table->bucket[i]; row != NULL; row = next) {
			next = row->next;
			free(row->command);
			free(row);
		}
	free(table);
}

int
summary_print(FILE *trace, FILE *out)
{
	struct table *table = calloc(1, sizeof(*table));
	struct row **all = NULL;
	int saved;

	if (table != NULL && read_trace(table, trace) == 0)
		all = sort(table);
	if (all != NULL)
		print(all, table->rows, out);
	saved = errno;
	if (table != NULL)
		release(table);
	free(all);
	errno = saved;
	return all != NULL ? 0 : -1;
}
