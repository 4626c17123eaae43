/* SPDX-License-Identifier: ISC */
/* What the library makes of a command, by the library's own parser. */

#include <fcntl.h>
#include <stdio.h>

#include "explain.h"
#ifdef SPIO_NATIVE
# include "parse.h"

extern char **environ;

static void
print_redirect(const struct redirect *r)
{
	const char *how = "<";

	if (r->file == NULL) {
		if (r->from == -1)
			printf("redirection: %d is closed\n", r->fd);
		else
			printf("redirection: %d is what %d is\n", r->fd,
			    r->from);
		return;
	}
	if (r->flags & O_APPEND)
		how = ">>";
	else if (r->flags & O_TRUNC)
		how = ">";
	else if (r->flags & O_CREAT)
		how = "<>";
	printf("redirection: %d%s '%s'\n", r->fd, how, r->file);
}

static void
print_command(const struct direct *direct)
{
	int i;

	for (i = 0; direct->assigns[i] != NULL; i++)
		printf("assignment: '%s'\n", direct->assigns[i]);
	for (i = 0; direct->argv[i] != NULL; i++)
		printf("argv[%d]: '%s'\n", i, direct->argv[i]);
	for (i = 0; i < direct->redirects; i++)
		print_redirect(&direct->redirect[i]);
}

int
explain(const char *command)
{
	static struct command parsed;
	const char *why = spio_parse(&parsed, command);

	if (why != NULL) {
		printf("the shell, for %s in the command\n", why);
		return 1;
	}
	why = spio_child_objection((const char *const *)environ);
	if (why != NULL) {
		printf("the shell, for %s in the environment\n", why);
		return 1;
	}
	print_command(&parsed.direct);
	return 0;
}

#else

int
explain(const char *command)
{
	printf("the shell, for %s: this build has no other way\n", command);
	return 1;
}

#endif
