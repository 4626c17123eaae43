/* SPDX-License-Identifier: ISC */

#define _GNU_SOURCE

#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "load.h"

/* Long enough for the scheduler to have spread them over the CPUs. */
#define SETTLE_US	200000

static unsigned
allowed_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return CPU_COUNT(&set);
	return sysconf(_SC_NPROCESSORS_ONLN);
}

/* Never outlives parent, however that ends. */
static void
be_busy(pid_t parent)
{
	volatile unsigned long turns = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		for (unsigned i = 0; i < 1000000; i++)
			turns++;
	_exit(0);
}

void
load_start(struct load *load, unsigned per_cpu)
{
	pid_t parent = getpid(), pid;
	unsigned wanted;

	load->count = 0;
	load->cpus = allowed_cpus();
	wanted = per_cpu * load->cpus;
	load->pids = calloc(wanted, sizeof(*load->pids));
	if (load->pids == NULL)
		wanted = 0;
	while (load->count < wanted) {
		pid = fork();
		if (pid == -1) {
			warn("%u of %u busy processes", load->count, wanted);
			break;
		}
		if (pid == 0)
			be_busy(parent);
		load->pids[load->count++] = pid;
	}
	if (load->count > 0)
		usleep(SETTLE_US);
}

void
load_stop(struct load *load)
{
	for (unsigned i = 0; i < load->count; i++)
		kill(load->pids[i], SIGKILL);
	for (unsigned i = 0; i < load->count; i++)
		while (waitpid(load->pids[i], NULL, 0) == -1 && errno == EINTR)
			;
	free(load->pids);
}
