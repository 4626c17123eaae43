/* SPDX-License-Identifier: ISC */
/* A command string, read as a shell reads it: what it executes, if that is one
 * program and nothing in the string needs a shell; or why a shell is needed. */

#ifndef SPIO_PARSE_H
#define SPIO_PARSE_H

#include "child.h"

/* It lies on the caller's stack, beside that of the child, and both on the
 * smallest that a thread may have. */
#define SPIO_WORDS	32
#define SPIO_ASSIGNS	4
#define SPIO_TEXT	768

/* What is found, with all the memory that it takes. */
struct command {
	struct direct direct;
	const char *argv[SPIO_WORDS + 1];
	const char *assigns[SPIO_ASSIGNS + 1];
	struct redirect redirects[SPIO_REDIRECTS];
	char text[SPIO_TEXT];
};

/* NULL, or in a few words why not: then out->direct.argv is NULL. */
const char *spio_parse(struct command *out, const char *string);

#endif
