/* SPDX-License-Identifier: ISC */
/* Run commands and tell how they ended: by themselves, by a signal, or not
 * even begun. */
#define _POSIX_C_SOURCE 200809L

#include <sys/wait.h>

#include <err.h>
#include <spawnio.h>
#include <stdio.h>
#include <string.h>

static const char *const commands[] = {
	"true",
	"exit 3",
	"kill -TERM $$",
	"no-such-command 2>/dev/null",
	"/dev/null 2>/dev/null",
};

static void
print_status(const char *command, int status)
{
	printf("%-30s", command);
	if (WIFSIGNALED(status))
		printf("signal %d (%s)\n", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 126)
		puts("exit status 126 (cannot be executed)");
	else if (WEXITSTATUS(status) == 127)
		puts("exit status 127 (not found)");
	else
		printf("exit status %d\n", WEXITSTATUS(status));
}

int
main(void)
{
	size_t i;
	int status;

	if (!ssystem(NULL))
		errx(1, "there is no shell");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		status = ssystem(commands[i]);
		if (status == -1)
			err(1, "ssystem");
		print_status(commands[i], status);
	}
	return 0;
}
