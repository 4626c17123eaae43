/* SPDX-License-Identifier: ISC */
/* How long popen() and spopen() block their caller: README.md beside this. */

#define _GNU_SOURCE

#include <sys/types.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "measure.h"
#include "memory.h"
#include "spawnio.h"

#define MAX_SIZES	16
#define EXIT_USAGE	2

/* The deadline is looked at between two launches.  A command that does not end
 * is given up so long after it. */
#define GRACE_SECONDS	5

struct options {
	size_t sizes[MAX_SIZES], nsizes;
	size_t pairs;
	unsigned load, seconds;
	const char *command, *engine;
	bool csv, change_user;
	uid_t user;
};

static const char usage[] =
"usage: blocked [option ...]\n"
"How long popen() and spopen() block their caller, measured in turns.\n"
"  --resident=SIZE  hold SIZE bytes (suffix K, M, G) of memory; may be given\n"
"                   several times (0 and 1G)\n"
"  --launches=N     so many of each (300)\n"
"  --load=N         N busy processes for each CPU meanwhile (0)\n"
"  --command=CMD    what to start (exit 0)\n"
"  --engine=NAME    auto, avfork, vfork, fork or posix_spawn (the library's\n"
"                   own choice, or what SPAWNIO_ENGINE says)\n"
"  --seconds=N      take so long in all, at most (60)\n"
"  --user=UID       become user and group UID first (root only)\n"
"  --csv            print comma-separated values\n"
"  --help           print this\n";

static const char *const engines[] = {
	[SPAWNIO_ENGINE_AUTO] = "auto",
	[SPAWNIO_ENGINE_AVFORK] = "avfork",
	[SPAWNIO_ENGINE_VFORK] = "vfork",
	[SPAWNIO_ENGINE_FORK] = "fork",
	[SPAWNIO_ENGINE_POSIX_SPAWN] = "posix_spawn",
};

static unsigned long
number(const char *text, unsigned long least, unsigned long most)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 ||
	    value < least || value > most)
		errx(EXIT_USAGE, "%s: not a number from %lu to %lu", text,
		    least, most);
	return value;
}

static size_t
size(const char *text)
{
	static const char units[] = "KMG";
	unsigned long long value;
	const char *unit;
	unsigned shift = 0;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end != '\0' && (unit = strchr(units, *end)) != NULL) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 ||
	    value > SIZE_MAX >> shift)
		errx(EXIT_USAGE, "%s: not a size", text);
	return value << shift;
}

static void
add_size(struct options *options, size_t bytes)
{
	if (options->nsizes == MAX_SIZES)
		errx(EXIT_USAGE, "more than %d sizes", MAX_SIZES);
	options->sizes[options->nsizes++] = bytes;
}

static void
take_option(struct options *options, int option)
{
	switch (option) {
	case 'r':
		add_size(options, size(optarg));
		break;
	case 'n':
		options->pairs = number(optarg, 1, 1000000);
		break;
	case 'l':
		options->load = number(optarg, 0, 64);
		break;
	case 'c':
		options->command = optarg;
		break;
	case 'e':
		options->engine = optarg;
		break;
	case 's':
		options->seconds = number(optarg, 1, 3600);
		break;
	case 'u':
		options->change_user = true;
		options->user = number(optarg, 0, UINT_MAX - 1);
		break;
	case 'v':
		options->csv = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
}

static void
take_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "resident", required_argument, NULL, 'r' },
		{ "launches", required_argument, NULL, 'n' },
		{ "load", required_argument, NULL, 'l' },
		{ "command", required_argument, NULL, 'c' },
		{ "engine", required_argument, NULL, 'e' },
		{ "seconds", required_argument, NULL, 's' },
		{ "user", required_argument, NULL, 'u' },
		{ "csv", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		take_option(options, option);
	if (optind < argc)
		errx(EXIT_USAGE, "%s: not an option", argv[optind]);
	if (options->nsizes == 0) {
		add_size(options, 0);
		add_size(options, (size_t)1 << 30);
	}
}

static void
become(uid_t user)
{
	if (setgroups(0, NULL) == -1 || setresgid(user, user, user) == -1 ||
	    setresuid(user, user, user) == -1)
		err(1, "cannot become user %ju", (uintmax_t)user);
}

static void
set_engine(const char *name)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (strcmp(name, engines[i]) == 0) {
			if (spawnio_set_engine(i) == -1)
				err(1, "engine %s", name);
			return;
		}
	errx(EXIT_USAGE, "%s: no such engine", name);
}

static void
give_up(int sig)
{
	static const char message[] =
	    "blocked: out of time amid a measurement: given up\n";

	(void)sig;
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(1);
}

static void
print_csv_head(void)
{
	printf("resident_bytes,load_processes,engine,pairs,"
	    "popen_min_us,popen_median_us,popen_p99_us,"
	    "spopen_min_us,spopen_median_us,spopen_p99_us,"
	    "ratio_min,ratio_median,ratio_p99,"
	    "pair_ratio_q1,pair_ratio_median,pair_ratio_q3\n");
}

static void
print_csv(const struct measure_row *row, size_t resident,
    const struct load *load)
{
	const struct measure_times *p = &row->popen, *s = &row->spopen;

	printf("%zu,%u,%s,%zu,", resident, load->count, row->engine,
	    row->pairs);
	printf("%.3f,%.3f,%.3f,", p->min, p->median, p->p99);
	printf("%.3f,%.3f,%.3f,", s->min, s->median, s->p99);
	printf("%.5f,%.5f,%.5f,", s->min / p->min, s->median / p->median,
	    s->p99 / p->p99);
	printf("%.5f,%.5f,%.5f\n", row->low, row->middle, row->high);
}

static void
print_row(const struct measure_row *row, size_t resident)
{
	char label[32];

	memory_size(resident, label, sizeof(label));
	measure_print(stdout, label, row);
}

/* What the kernel refuses shows at the first launch: so the engine is named
 * after the measuring. */
static void
print_engine(const struct measure_row *row, const struct options *options)
{
	bool asked = options->engine != NULL ||
	    getenv("SPAWNIO_ENGINE") != NULL;

	printf("engine of spopen: %s (%s)\n", row->engine, row->reason);
	if (geteuid() == 0 && !asked && strcmp(row->engine, "vfork") == 0)
		printf("For root the library takes the cautious engine: "
		    "--user=65534 measures what other\nusers get, "
		    "--engine=avfork what root can ask for.\n");
}

/* Returns whether all was measured that was asked for. */
static bool
measure_size(const struct options *options, const struct load *load,
    size_t wanted, double deadline, struct measure_row *row)
{
	struct measure_plan plan = {
		.command = options->command,
		.pairs = options->pairs,
		.deadline = deadline,
	};
	struct memory memory;
	int result;

	/* Half of the time, at most, goes to the memory. */
	if (memory_hold(&memory, wanted,
	    (measure_clock() + deadline) / 2) == -1)
		return false;
	result = measure(&plan, row);
	memory_release(&memory);
	if (result == -1)
		return false;
	if (options->csv)
		print_csv(row, memory.size, load);
	else
		print_row(row, memory.size);
	fflush(stdout);
	if (row->pairs < plan.pairs)
		warnx("time for %zu of %zu launches only", row->pairs,
		    plan.pairs);
	return row->pairs == plan.pairs && memory.size == wanted;
}

/* The time left is shared alike by the sizes left.  Returns how many were not
 * measured as asked. */
static unsigned
measure_sizes(const struct options *options, const struct load *load,
    double end)
{
	struct measure_row row = { .engine = NULL };
	unsigned missed = 0;
	double now;

	for (size_t i = 0; i < options->nsizes; i++) {
		now = measure_clock();
		if (!measure_size(options, load, options->sizes[i],
		    now + (end - now) / (options->nsizes - i), &row))
			missed++;
	}
	if (row.engine != NULL && !options->csv)
		print_engine(&row, options);
	return missed;
}

static void
print_head(const struct options *options, const struct load *load)
{
	if (options->csv) {
		print_csv_head();
		return;
	}
	printf("command: %s\n", options->command);
	printf("busy processes: %u, CPUs: %u\n", load->count, load->cpus);
	measure_print_head(stdout);
}

int
main(int argc, char **argv)
{
	struct options options = {
		.pairs = 300,
		.seconds = 60,
		.command = "exit 0",
	};
	struct load load;
	unsigned missed;
	double end;

	take_options(&options, argc, argv);
	if (options.change_user)
		become(options.user);
	if (options.engine != NULL)
		set_engine(options.engine);
	end = measure_clock() + options.seconds * 1e6;
	signal(SIGALRM, give_up);
	alarm(options.seconds + GRACE_SECONDS);
	load_start(&load, options.load);
	print_head(&options, &load);
	fflush(stdout);
	missed = measure_sizes(&options, &load, end);
	if (load.count < options.load * load.cpus)
		missed++;
	load_stop(&load);
	return missed > 0 || fflush(stdout) == EOF;
}
