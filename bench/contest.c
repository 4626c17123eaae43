/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contest.h"
#include "measure.h"

#define MAX_PLACES	16
#define MAX_WAYS	64

/* What a place is told, the numbers of ways in their order, and its answer, the
 * microseconds of each. */
struct order {
	unsigned n;
	size_t ways[MAX_WAYS];
};

struct answer {
	double us[MAX_WAYS][SPANS];
};

/* The first launch of each way pays for what is set up once. */
#define WARM_UP_TURNS	3

/* For the preparation, and for a turn that was begun in time. */
#define GRACE_SECONDS	45

/* The process of a place. */
struct worker {
	pid_t pid;
	int fd;			/* -1: none */
};

static const char *running;

static void
give_up(int sig)
{
	static const char text[] = ": out of time amid a turn: given up\n";

	(void)sig;
	(void)!write(STDERR_FILENO, running, strlen(running));
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

static const struct way *
first_of(const struct contest *contest, unsigned place)
{
	for (size_t i = 0; i < contest->nways; i++)
		if (contest->ways[i].place == place)
			return &contest->ways[i];
	return NULL;
}

/* What commands print is nobody's. */
static void
discard_output(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd == -1 || dup2(fd, STDOUT_FILENO) == -1)
		err(1, "/dev/null");
	close(fd);
}

/* One after the other, as a program does that launches a lot.  The first comes
 * after a wait and pays for it: it is done again. */
static int
carry_out(const struct contest *contest, const struct order *order,
    struct answer *answer)
{
	for (int i = -1; i < (int)order->n; i++) {
		unsigned k = i < 0 ? 0 : (unsigned)i;
		const struct way *way = &contest->ways[order->ways[k]];

		if (order->n > 0 && way->once(way, answer->us[k]) == -1)
			return -1;
	}
	return 0;
}

/* Never outlives the contest, however that ends. */
static void
serve(const struct contest *contest, unsigned place, int fd)
{
	const struct way *first = first_of(contest, place);
	struct answer answer = { { { 0 } } };
	struct order order;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	discard_output();
	if (first->prepare != NULL && first->prepare(first) == -1)
		_exit(1);
	while (write(fd, &answer, sizeof(answer)) == sizeof(answer) &&
	    read(fd, &order, sizeof(order)) == sizeof(order) &&
	    carry_out(contest, &order, &answer) == 0)
		;
	_exit(1);
}

static int
hear(const struct worker *worker, struct answer *answer)
{
	return recv(worker->fd, answer, sizeof(*answer), MSG_WAITALL) ==
	    sizeof(*answer) ? 0 : -1;
}

static int
start_worker(const struct contest *contest, unsigned place,
    struct worker *worker)
{
	struct answer answer;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		err(1, "socketpair");
	worker->pid = fork();
	if (worker->pid == -1)
		err(1, "fork");
	if (worker->pid == 0) {
		close(ends[0]);
		serve(contest, place, ends[1]);
	}
	close(ends[1]);
	worker->fd = ends[0];
	return hear(worker, &answer);
}

static void
stop_workers(struct worker *workers)
{
	for (unsigned i = 0; i < MAX_PLACES; i++)
		if (workers[i].fd != -1) {
			kill(workers[i].pid, SIGKILL);
			close(workers[i].fd);
			waitpid(workers[i].pid, NULL, 0);
		}
}

static int
start_workers(const struct contest *contest, struct worker *workers)
{
	for (unsigned i = 0; i < MAX_PLACES; i++) {
		if (first_of(contest, i) == NULL)
			continue;
		if (start_worker(contest, i, &workers[i]) == -1)
			return -1;
	}
	return 0;
}

static double *
values_of(const struct contest *contest, size_t way, enum span span)
{
	return contest->values + (way * SPANS + span) * contest->turns;
}

/* Drawn anew for each turn: who comes after another may find the machine warm,
 * or still busy with what that one left behind. */
static void
shuffle(size_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t other = (size_t)random() % (i + 1);

		numbers[i] = numbers[other];
		numbers[other] = i;
	}
}

static int
takes_part(const struct way *way, unsigned place, size_t turn)
{
	return way->place == place &&
	    (way->every < 2 || turn % way->every == 0);
}

static void
note(struct contest *contest, const struct order *order,
    const struct answer *answer, size_t turn)
{
	for (unsigned i = 0; i < order->n; i++)
		for (int span = 0; span < SPANS; span++)
			values_of(contest, order->ways[i], (enum span)span)
			    [turn] = answer->us[i][span];
}

/* The ways of one place, in the order that the turn has for all. */
static int
take_place(struct contest *contest, const struct worker *worker,
    unsigned place, const size_t *shuffled, size_t turn)
{
	struct answer answer;
	struct order order;

	memset(&order, 0, sizeof(order));
	for (size_t i = 0; i < contest->nways; i++)
		if (takes_part(&contest->ways[shuffled[i]], place, turn))
			order.ways[order.n++] = shuffled[i];
	if (send(worker->fd, &order, sizeof(order), MSG_NOSIGNAL) !=
	    sizeof(order) || hear(worker, &answer) == -1) {
		warnx("%s: failed in turn %zu", contest->name, turn);
		return -1;
	}
	note(contest, &order, &answer, turn);
	return 0;
}

static int
take_turn(struct contest *contest, const struct worker *workers, size_t turn)
{
	size_t ways[MAX_WAYS], places[MAX_PLACES];

	for (size_t way = 0; way < contest->nways; way++)
		for (int span = 0; span < SPANS; span++)
			values_of(contest, way, (enum span)span)[turn] = NAN;
	shuffle(ways, contest->nways);
	shuffle(places, MAX_PLACES);
	for (unsigned i = 0; i < MAX_PLACES; i++)
		if (workers[places[i]].fd != -1 &&
		    take_place(contest, &workers[places[i]],
		    (unsigned)places[i], ways, turn) == -1)
			return -1;
	return 0;
}

/* On a terminal only, a few times a second; BENCH_STAGE is the script's. */
static void
show_progress(const struct contest *contest, size_t turn, double left)
{
	static double shown;
	const char *stage = getenv("BENCH_STAGE");
	double now = measure_clock();

	if (now - shown < 2e5 || !isatty(STDERR_FILENO))
		return;
	shown = now;
	fprintf(stderr, "\r\033[K%s%s: turn %zu, %.0f s left",
	    stage != NULL ? stage : "", contest->name, turn, left / 1e6);
}

static int
take_turns(struct contest *contest, const struct worker *workers)
{
	double end;
	size_t n;

	for (n = 0; n < WARM_UP_TURNS; n++)
		if (take_turn(contest, workers, 0) == -1)
			return -1;
	end = measure_clock() + contest->seconds * 1e6;
	for (n = 0; n < contest->turns && measure_clock() < end; n++) {
		if (take_turn(contest, workers, n) == -1)
			return -1;
		show_progress(contest, n, end - measure_clock());
	}
	if (n > 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	contest->n = n;
	return n > 0 ? 0 : -1;
}

int
contest_run(struct contest *contest)
{
	struct worker workers[MAX_PLACES];
	int result = -1;

	if (contest->nways > MAX_WAYS)
		errx(1, "%s: %zu ways", contest->name, contest->nways);
	contest->values = calloc(contest->nways * SPANS * contest->turns,
	    sizeof(*contest->values));
	if (contest->values == NULL)
		err(1, "%zu turns", contest->turns);
	running = contest->name;
	signal(SIGALRM, give_up);
	alarm((unsigned)contest->seconds + GRACE_SECONDS);
	for (unsigned i = 0; i < MAX_PLACES; i++)
		workers[i].fd = -1;
	if (start_workers(contest, workers) == 0)
		result = take_turns(contest, workers);
	stop_workers(workers);
	alarm(0);
	if (result == -1)
		warnx("%s: not measured", contest->name);
	return result;
}

double
contest_value(const struct contest *contest, size_t way, enum span span,
    size_t turn)
{
	return values_of(contest, way, span)[turn];
}

/* The turns in which both took part: their number, and copies, to be freed by
 * the first. */
static size_t
take_pairs(const struct contest *contest, const size_t *ways, enum span span,
    double **copies)
{
	size_t n = 0;

	copies[0] = calloc(2 * contest->n, sizeof(**copies));
	if (copies[0] == NULL)
		err(1, "%zu turns", contest->n);
	copies[1] = copies[0] + contest->n;
	for (size_t i = 0; i < contest->n; i++) {
		copies[0][n] = contest_value(contest, ways[0], span, i);
		copies[1][n] = contest_value(contest, ways[1], span, i);
		if (!isnan(copies[0][n]) && !isnan(copies[1][n]))
			n++;
	}
	return n;
}

void
contest_print(const struct contest *contest, size_t way, enum span span)
{
	const size_t ways[] = { way, way };
	const struct record record = {
		contest->name, contest->ways[way].at, contest->ways[way].name,
		"", contest->unit != NULL ? contest->unit :
		    span == BLOCKED ? "us blocked" : "us"
	};
	double *copies[2];
	size_t n = take_pairs(contest, ways, span, copies);

	if (n > 0)
		measure_print_median(&record, copies[0], n);
	free(copies[0]);
}

/* A way at another place is named with it. */
static struct record
comparison(const struct contest *contest, size_t way, size_t over,
    const char *unit, char *name, size_t room)
{
	const struct way *one = &contest->ways[way];
	const struct way *other = &contest->ways[over];
	int same = strcmp(one->at, other->at) == 0;

	snprintf(name, room, "%s%s%s", other->name, same ? "" : " at ",
	    same ? "" : other->at);
	return (struct record){ contest->name, one->at, one->name, name, unit };
}

void
contest_print_ratio(const struct contest *contest, size_t way, size_t over,
    enum span span)
{
	const size_t ways[] = { way, over };
	char name[64];
	struct record record = comparison(contest, way, over,
	    span == BLOCKED ? "ratio blocked" : "ratio", name, sizeof(name));
	double *copies[2];
	size_t n = take_pairs(contest, ways, span, copies);

	for (size_t i = 0; i < n; i++)
		copies[0][i] /= copies[1][i];
	if (n > 0)
		measure_print_median(&record, copies[0], n);
	free(copies[0]);
}

void
contest_print_p99(const struct contest *contest, size_t way, size_t over,
    enum span span)
{
	const size_t ways[] = { way, over };
	char name[64];
	struct record record = comparison(contest, way, over,
	    span == BLOCKED ? "p99 blocked" : "p99", name, sizeof(name));
	double *copies[2];
	size_t n = take_pairs(contest, ways, span, copies);

	if (n > 0)
		measure_print_p99(&record, copies[0], copies[1], n);
	free(copies[0]);
}

void
contest_print_quantiles(const struct contest *contest, size_t way,
    enum span span)
{
	const size_t ways[] = { way, way };
	struct record record = {
		contest->name, NULL, contest->ways[way].name, "", "quantile"
	};
	double *copies[2], value;
	size_t n = take_pairs(contest, ways, span, copies);
	char percent[16];

	measure_sort(copies[0], n);
	for (int i = 1; i <= 100; i++) {
		snprintf(percent, sizeof(percent), "%d", i);
		record.at = percent;
		value = measure_quantile(copies[0], n, i / 100.0);
		measure_print(&record, value, value, value, n);
	}
	free(copies[0]);
}

double
contest_seconds(const char *argument)
{
	char *end;
	double seconds = strtod(argument, &end);

	if (end == argument || *end != '\0' || !(seconds > 0) ||
	    seconds > 600)
		errx(2, "%s: not a number of seconds, 600 at most", argument);
	return seconds;
}
