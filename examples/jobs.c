/* SPDX-License-Identifier: ISC */
/* A build tool's jobs: each line of the input is a command, and some run at the
 * same time.  The output of each is printed in one piece when it has ended;
 * after the first that fails no more are begun.
 *
 *	jobs [-j JOBS] [-t SECONDS] <FILE */
#define _GNU_SOURCE

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <spawnio/how.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_JOBS	64

struct job {
	struct spawnio_child child;
	char *command;		/* NULL: free */
	FILE *output;		/* a file without a name */
	time_t begun;
};

static struct job job[MOST_JOBS];
static int jobs = 4, running, failed;
static int seconds;		/* 0: no limit */

static void
begin(struct job *new, char *command)
{
	struct spawnio_how how = {
		.size = sizeof(how),
		.command = command,
		.in = { SPAWNIO_NULL },
		.out = { SPAWNIO_FD },
		.err = { SPAWNIO_MERGE },
		.flags = SPAWNIO_SETPGROUP
	};

	new->output = tmpfile();
	if (new->output == NULL)
		err(2, "tmpfile");
	how.out.fd = fileno(new->output);
	if (spawnio_start(&how, &new->child) == -1)
		err(2, "%s", command);
	new->command = command;
	new->begun = time(NULL);
	running++;
}

static void
print(FILE *output)
{
	char data[4096];
	size_t n;

	rewind(output);
	while ((n = fread(data, 1, sizeof(data), output)) > 0)
		fwrite(data, 1, n, stdout);
	fclose(output);
}

/* With its status, or -1 if it took too long. */
static void
end(struct job *old, int status)
{
	printf("$ %s\n", old->command);
	print(old->output);
	if (status == -1)
		printf("stopped after %d s\n", seconds);
	else if (WIFSIGNALED(status))
		printf("ended by signal %d\n", WTERMSIG(status));
	else if (status != 0)
		printf("exit status %d\n", WEXITSTATUS(status));
	fflush(stdout);
	failed |= status != 0;
	free(old->command);
	old->command = NULL;
	running--;
}

static void
look_at(struct job *this)
{
	int status;

	if (spawnio_child_wait(&this->child, 0, &status) == 0) {
		end(this, status);
	} else if (errno != ETIMEDOUT) {
		err(2, "%s", this->command);
	} else if (seconds > 0 && time(NULL) - this->begun >= seconds) {
		spawnio_child_stop(&this->child, 500, NULL);
		end(this, -1);
	}
}

/* Until one has ended. */
static void
await(void)
{
	struct pollfd at[MOST_JOBS];
	int i, n = running;

	while (running == n) {
		for (i = 0; i < jobs; i++) {
			at[i].fd = job[i].command != NULL ?
			    job[i].child.pidfd : -1;
			at[i].events = POLLIN;
		}
		poll(at, jobs, 200);
		for (i = 0; i < jobs; i++)
			if (job[i].command != NULL)
				look_at(&job[i]);
	}
}

static struct job *
free_job(void)
{
	int i;

	while (running == jobs)
		await();
	for (i = 0; job[i].command != NULL; i++)
		;
	return &job[i];
}

static int
number(const char *text, int most)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 1 || n > most)
		errx(2, "%s: not from 1 to %d", text, most);
	return (int)n;
}

int
main(int argc, char *argv[])
{
	struct job *next;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int option;

	while ((option = getopt(argc, argv, "j:t:")) != -1)
		switch (option) {
		case 'j':
			jobs = number(optarg, MOST_JOBS);
			break;
		case 't':
			seconds = number(optarg, 86400);
			break;
		default:
			fprintf(stderr, "usage: jobs [-j JOBS] [-t SECONDS]\n");
			return 2;
		}
	while ((n = getline(&line, &size, stdin)) != -1) {
		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		next = free_job();
		if (failed)
			break;
		begin(next, line);
		line = NULL;	/* the job's */
	}
	free(line);
	while (running > 0)
		await();
	return failed;
}
