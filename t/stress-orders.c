/* SPDX-License-Identifier: ISC */
/* Orders: what is launched, and what must come of it. */

#include "stress.h"

/* The same with and without a shell; some only where one more process is to be
 * had. */
static const char *const forms[] = {
	"%s %s %s %u",
	"exec %s '%s' \"%s\" %u",
	"LC_ALL=C %s %s %s %u 2>&1",
	"%s %s %s %u 9>/dev/null 9>&-",
	"exec %s %s %s %u $NOTHING",
	"%s %s %s %u; exit $?"
};

#define NAP_FORM	1
#define SHELL_FORM	4

unsigned
draw_form(void)
{
	if (!once_in(8))
		return draw(DIRECT_FORMS);
	return scarce ? SHELL_FORM : SHELL_FORM + draw(2);
}

unsigned
draw_nap(void)
{
	return once_in(3) ? SHELL_FORM : NAP_FORM;
}

void
write_order(struct order *order, const char *jobs, unsigned form)
{
	order->code = draw(90);
	snprintf(order->jobs, sizeof(order->jobs), "%s", jobs);
	snprintf(order->token, sizeof(order->token), "t%d.%u.", me->number,
	    me->launches++);
	snprintf(order->digits, sizeof(order->digits), "%u", order->code);
	snprintf(order->setting, sizeof(order->setting), "%s", setting);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(order->command, sizeof(order->command), forms[form], parrot,
	    order->jobs, order->token, order->code);
#pragma GCC diagnostic pop
	order->argv[0] = parrot;
	order->argv[1] = order->jobs;
	order->argv[2] = order->token;
	order->argv[3] = order->digits;
	order->argv[4] = NULL;
}

void
place_order(struct order *order, const char *jobs, unsigned form)
{
	begin_reading();
	write_order(order, jobs, form);
}

void
refused(void)
{
	int error = errno;

	end_reading();
	if (!scarce || error != EAGAIN)
		wrong("errno %d", error);
	atomic_fetch_add(&tally.refusals, 1);
	usleep(2000);
}

void
forget_order(struct order *order)
{
	end_reading();
	memset(order->command, 'x', sizeof(order->command));
	atomic_fetch_add(&tally.launches, 1);
}

/* --- calls --- */

void
choose_how(struct spawnio_how *how, struct order *order)
{
	memset(how, 0, sizeof(*how));
	how->size = sizeof(*how);
	if (once_in(2))
		how->command = order->command;
	else
		how->argv = order->argv;
}

void
prepare(struct spawnio_how *how, struct order *order, bool plain)
{
	static const int flags[] = {
		0, 0, SPAWNIO_ASYNC, SPAWNIO_SETPGROUP, SPAWNIO_SETSID,
		SPAWNIO_CLOSE_OTHERS, SPAWNIO_SETUMASK,
		SPAWNIO_ASYNC | SPAWNIO_SETPGROUP, SPAWNIO_SETUID
	};

	choose_how(how, order);
	how->flags = flags[draw(plain ? 5 : COUNT(flags))];
	how->uid = geteuid();
	how->umask = 027;
	if (!plain && once_in(4))
		how->cwd = "/";
	if (!plain && once_in(16))
		how->stack_size = 65536;
}

static FILE *
open_how(struct order *order, const char *type)
{
	struct spawnio_how how;
	FILE *stream;

	prepare(&how, order, false);
	calling("spawnio_open");
	stream = spawnio_open(&how, type);
	if (stream != NULL || errno != ENOTSUP)
		return stream;
	prepare(&how, order, true);
	calling("spawnio_open, plain");
	return spawnio_open(&how, type);
}

FILE *
open_stream(struct order *order, const char *jobs, const char *type)
{
	FILE *stream;

	place_order(order, jobs, draw_form());
	if (once_in(3)) {
		stream = open_how(order, type);
	} else {
		calling("spopen");
		stream = spopen(order->command, type);
	}
	if (stream == NULL) {
		refused();
		return NULL;
	}
	called();
	forget_order(order);
	return stream;
}

bool
start_child(struct spawnio_how *how, struct order *order,
    struct spawnio_child *child)
{
	int r;

	how->in.kind = how->out.kind = SPAWNIO_PIPE;
	calling("spawnio_start");
	r = spawnio_start(how, child);
	if (r == -1 && errno == ENOTSUP) {
		prepare(how, order, true);
		how->in.kind = how->out.kind = SPAWNIO_PIPE;
		calling("spawnio_start, plain");
		r = spawnio_start(how, child);
	}
	if (r == -1) {
		refused();
		return false;
	}
	called();
	forget_order(order);
	return true;
}

/* --- what must come of them --- */

bool
was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	    atomic_fetch_add(&tally.deaths, 1) < atomic_load(&tally.kills);
}

void
read_text(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size - 1) {
		n = read(fd, text + used, size - 1 - used);
		if (n == 0 || (n == -1 && errno != EINTR))
			break;
		used += n > 0 ? (size_t)n : 0;
	}
	text[used] = '\0';
}

void
check_status(const struct order *order, int status, const char *said,
    const char *expected)
{
	if (was_killed(status)) {
		if (strncmp(said, expected, strlen(said)) != 0)
			wrong("killed, '%s' is no part of '%s'", said,
			    expected);
	} else if (status != (int)(order->code << 8))
		wrong("%s: status %#x, not of exit %u", order->token, status,
		    order->code);
	else if (strcmp(said, expected) != 0)
		wrong("'%s' was said, not '%s'", said, expected);
}

void
close_stream(const struct order *order, FILE *stream, const char *said,
    const char *expected)
{
	int status;

	calling("spclose");
	status = spclose(stream);
	if (status == -1)
		wrong("errno %d", errno);
	called();
	check_status(order, status, said, expected);
}

int
end_of(struct spawnio_child *child)
{
	int status;

	do
		calling("spawnio_child_wait");
	while (spawnio_child_wait(child, (int)draw(20) - 1, &status) == -1 &&
	    errno == ETIMEDOUT);
	called();
	return status;
}
