/* SPDX-License-Identifier: ISC */
/* A plug-in that launches, for t/stress.c. */

#include <spawnio.h>

#define EXPORT	__attribute__((__visibility__("default")))

EXPORT FILE *plugin_open(const char *command, const char *type);
EXPORT int plugin_close(FILE *stream);

FILE *
plugin_open(const char *command, const char *type)
{
	return spopen(command, type);
}

int
plugin_close(FILE *stream)
{
	return spclose(stream);
}
