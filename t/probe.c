/* SPDX-License-Identifier: ISC */
/* What the tools are run on: the three calls, each answer checked.  It is C++
 * as well, to be built against an installed library. */

#include <spawnio.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#ifdef __cplusplus
extern "C"
#endif
void after_launch(FILE *stream);

static int wrong;

static void
expect(int right, const char *what)
{
	if (right)
		return;
	printf("wrong: %s\n", what);
	wrong = 1;
}

/* For a breakpoint: called while the first launch may be in flight. */
__attribute__((__noinline__)) void
after_launch(FILE *stream)
{
	expect(stream != NULL, "spopen");
}

static int
exited(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
read_a_command(void)
{
	char line[16] = "";
	FILE *stream = spopen("echo read; exit 3", "r");

	after_launch(stream);
	if (stream == NULL)
		return;
	expect(fgets(line, sizeof(line), stream) != NULL, "fgets");
	expect(strcmp(line, "read\n") == 0, "the output");
	expect(exited(spclose(stream)) == 3, "spclose after r");
}

static void
write_a_command(void)
{
	FILE *stream = spopen("read word; test \"$word\" = written", "w");

	after_launch(stream);
	if (stream == NULL)
		return;
	expect(fputs("written\n", stream) >= 0, "fputs");
	expect(exited(spclose(stream)) == 0, "spclose after w");
}

int
main(void)
{
	const char *engine, *reason;

	read_a_command();
	write_a_command();
	expect(exited(ssystem("exit 4")) == 4, "ssystem");
	expect(ssystem(NULL) != 0, "ssystem(NULL)");

	engine = spawnio_engine(&reason);
	printf("%s: %s\n", engine, reason);
	return wrong;
}
