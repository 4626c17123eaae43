/* SPDX-License-Identifier: ISC */
/* Write to a command and read its answer: awk(1) gets numbers and gives their
 * square roots. */
#define _POSIX_C_SOURCE 200809L

#include <sys/socket.h>

#include <err.h>
#include <spawnio.h>
#include <stdio.h>

static void
ask(FILE *awk)
{
	int i;

	for (i = 1; i <= 10; i++)
		if (fprintf(awk, "%d\n", i) < 0)
			err(1, "fprintf");
	if (fflush(awk) == EOF)
		err(1, "fflush");

	/* End-of-file for awk(1), while its output can still be read. */
	if (shutdown(fileno(awk), SHUT_WR) == -1)
		err(1, "shutdown");
}

static void
print_answer(FILE *awk)
{
	double number, root;

	while (fscanf(awk, "%lf %lf", &number, &root) == 2)
		printf("The square root of %2g is %.4f.\n", number, root);
	if (ferror(awk))
		err(1, "fscanf");
}

int
main(void)
{
	FILE *awk;
	int status;

	awk = spopen("awk '{ print $1, sqrt($1) }'", "r+e");
	if (awk == NULL)
		err(1, "spopen");
	ask(awk);
	print_answer(awk);

	status = spclose(awk);
	if (status == -1)
		err(1, "spclose");
	if (status != 0)
		errx(1, "awk failed");
	return 0;
}
