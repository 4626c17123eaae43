/* SPDX-License-Identifier: ISC */
/* Read the output of a command line by line: how full the mounted file systems
 * are, as df(1) tells it. */
#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <spawnio.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_filesystem(const char *line)
{
	unsigned long long blocks;
	int percent, name = 0;

	sscanf(line, "%*s %llu %*s %*s %d%% %n", &blocks, &percent, &name);
	if (name == 0)
		return;		/* the headings, or no size to tell */
	printf("%8.1f GiB  %3d%% full  %s", (double)blocks / 1048576, percent,
	    line + name);
}

int
main(void)
{
	FILE *df;
	char *line = NULL;
	size_t size = 0;
	int status;

	df = spopen("df -P -k", "re");
	if (df == NULL)
		err(1, "spopen");
	while (getline(&line, &size, df) != -1)
		print_filesystem(line);
	if (ferror(df))
		err(1, "getline");
	free(line);

	status = spclose(df);
	if (status == -1)
		err(1, "spclose");
	if (status != 0)
		errx(1, "df failed");
	return 0;
}
