/* SPDX-License-Identifier: ISC */
#ifndef EXPLAIN_H
#define EXPLAIN_H

/* Print what the library would execute for command, and return 0, or why it
 * would leave it to the shell, and return 1. */
int explain(const char *command);

#endif
