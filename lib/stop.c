/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <signal.h>
#include <unistd.h>

#include "lock.h"
#include "stop.h"

/* As long as nobody has reaped it, neither its number nor that of its group can
 * be another's.  A forked copy of its parent has its pidfd, and no child. */
void
spio_stop_signal(const struct kid *kid, int sig)
{
	if (!spio_reap_is_child(kid))
		return;
	if (getpgid(kid->pid) == kid->pid)
		kill(-kid->pid, sig);
	else
		spio_reap_signal(kid, sig);
}

void
spio_stop_ask(const struct kid *kid)
{
	spio_stop_signal(kid, SIGTERM);
	spio_stop_signal(kid, SIGCONT);
}

void
spio_stop(const struct kid *kid, int grace)
{
	spio_stop_ask(kid);
	spio_reap_await(kid, spio_deadline(grace));
	spio_stop_signal(kid, SIGKILL);
	spio_reap_await(kid, -1);
}
