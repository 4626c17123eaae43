/* SPDX-License-Identifier: ISC */
#include <spawnio/how.h>
#include <string.h>

/* What a shell takes for itself, wherever it stands. */
static int
is_plain(const char *arg)
{
	return arg[strspn(arg, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_-+./:@%")] == '\0';
}

struct writer {
	char *to;
	size_t size;
	size_t n;		/* written, or that would have been */
};

static void
put(struct writer *writer, const char *text)
{
	for (; *text != '\0'; text++, writer->n++)
		if (writer->n + 1 < writer->size)
			writer->to[writer->n] = *text;
}

static void
put_quoted(struct writer *writer, const char *arg)
{
	char byte[2] = "";

	put(writer, "'");
	for (; *arg != '\0'; arg++) {
		byte[0] = *arg;
		put(writer, *arg == '\'' ? "'\\''" : byte);
	}
	put(writer, "'");
}

size_t
spawnio_quote(char *to, size_t size, const char *arg)
{
	struct writer writer = { to, size, 0 };

	if (arg[0] != '\0' && is_plain(arg))
		put(&writer, arg);
	else
		put_quoted(&writer, arg);
	if (size > 0)
		to[writer.n < size ? writer.n : size - 1] = '\0';
	return writer.n;
}
