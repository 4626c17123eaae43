/* SPDX-License-Identifier: ISC */
/* Write to a command: sort(1) gets the planets in the order of their distance
 * from the sun, and prints them in the order of their size. */

#include <err.h>
#include <spawnio.h>
#include <stdio.h>

static const struct {
	const char *name;
	int diameter;	/* km, at the equator */
} planets[] = {
	{ "Mercury", 4879 },
	{ "Venus", 12104 },
	{ "Earth", 12756 },
	{ "Mars", 6792 },
	{ "Jupiter", 142984 },
	{ "Saturn", 120536 },
	{ "Uranus", 51118 },
	{ "Neptune", 49528 },
};

int
main(void)
{
	FILE *sort;
	size_t i;
	int status;

	/* The command writes to our standard output: first what is ours. */
	puts("Planet    Diameter");
	if (fflush(stdout) == EOF)
		err(1, "fflush");

	sort = spopen("sort -k 2nr", "we");
	if (sort == NULL)
		err(1, "spopen");
	for (i = 0; i < sizeof(planets) / sizeof(planets[0]); i++)
		if (fprintf(sort, "%-8s %6d km\n", planets[i].name,
		    planets[i].diameter) < 0)
			err(1, "fprintf");

	/* Now sort(1) sees end-of-file, prints and ends. */
	status = spclose(sort);
	if (status == -1)
		err(1, "spclose");
	if (status != 0)
		errx(1, "sort failed");
	return 0;
}
