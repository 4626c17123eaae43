/* SPDX-License-Identifier: ISC */
/* Shorthand for the tests of spawnio_how(3): a child in a line, and what the
 * manual says of every one of its functions asked of all. */

#ifndef SHORTHAND_H
#define SHORTHAND_H

#include "fixture.h"

#include <spawnio/how.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define NUMBERS		20	/* more than are in use */
#define FAR		20000	/* milliseconds: longer than any test */

/* The engine of the tests: main() has it found. */
extern const char *engine;
void find_engine(void);
bool engine_is(const char *name);

/* Does it, here, tell why a program was not executed? */
bool failures_are_told(void);

/* Children: a program, which the call waits for; a shell, by argv, so that this
 * is true of it too; and a command, which is executed as by spopen().  The text
 * is made by printf(3) and stays until the fourth next call. */
struct spawnio_how program(char *const *argv);
struct spawnio_how shell(const char *format, ...) FIXTURE_PRINTF(1, 2);
struct spawnio_how command(const char *format, ...) FIXTURE_PRINTF(1, 2);

/* The calls under test.  They fail the test if there is no child, or if errno
 * changed. */
int ran(const struct spawnio_how *how);
void begin(const struct spawnio_how *how, struct spawnio_child *child);
int end(struct spawnio_child *child);
FILE *opened(const struct spawnio_how *how, const char *type);

/* All that the child writes to its standard output; it must exit with 0.  Until
 * the next call. */
const char *said(const struct spawnio_how *how);

/* What is left in one of the child's pipes, which is closed then. */
const char *drain(struct spawnio_child *child, int which);

/* Cancel a thread that runs body when its child has written to the channel,
 * which is closed then: no child is left. */
void cancel_when_begun(void *(*body)(void *), void *arg, struct channel from);

/* All functions fail with that error, and leave nothing behind. */
void assert_refused(const struct spawnio_how *how, int error);

/* What the child itself says of it by /proc/self/stat, for which how is to be
 * that of tell_process(). */
struct process {
	pid_t pid, parent, group, session;
	int tty;
	pid_t foreground;
	int nice;
};
struct spawnio_how tell_process(void);
struct process process_of(const char *text);

/* Since some time. */
long milliseconds(void);

/* Every number below the limit is taken but for so many. */
void leave_numbers(int n);
void leave_all_numbers(void);

/* A folder of one's own, with a file of that text and mode in it or, if name is
 * NULL, none.  The current folder is not changed. */
const char *make_folder(const char *name, const char *text, mode_t mode);
void remove_folder(const char *folder, const char *name);
const char *path_in(const char *folder, const char *name);

#endif
