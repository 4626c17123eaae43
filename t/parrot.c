/* SPDX-License-Identifier: ISC */
/* A program that does what its arguments say, and takes hardly any time to
 * execute: static, without a libc.
 *
 *	parrot jobs token [code]
 *
 * The jobs are letters: s says the token, d says it as an error, i says what is
 * to be read, e says the value of SPAWNIO_STRESS; x exits with 96 if what is to
 * be read is not the token, c with 97 if there are more descriptors than three;
 * n naps for a minute, and - does nothing.  The exit status in the end is
 * code. */

#ifdef SPIO_NATIVE
# include <spawnio/child.h>
# include <fcntl.h>
# include <time.h>
#else
# include <fcntl.h>
# include <time.h>
# include <unistd.h>
# define child_close		close
# define child_exit		_exit
# define child_fcntl		fcntl
# define child_nanosleep	nanosleep
# define child_open		open
# define child_read		read
# define child_write		write
# define SPAWNIO_BARRIER()
#endif

#define DESCRIPTORS	256
#define VARIABLE	"SPAWNIO_STRESS="

static char arguments[8192], variables[65536], input[4096];

static size_t
length(const char *text)
{
	size_t n = 0;

	while (text[n] != '\0') {
		n++;
		SPAWNIO_BARRIER();
	}
	return n;
}

static const char *
next(const char *text)
{
	return text + length(text) + 1;
}

/* What is behind is NUL bytes. */
static size_t
read_all(int fd, char *text, size_t size)
{
	size_t used = 0;
	long n;

	while (used < size - 2 &&
	    (n = child_read(fd, text + used, size - 2 - used)) > 0)
		used += (size_t)n;
	return used;
}

static void
read_file(const char *file, char *text, size_t size)
{
	int fd = child_open(file, O_RDONLY | O_CLOEXEC, 0);

	read_all(fd, text, size);
	child_close(fd);
}

static void
say(int fd, const char *text, size_t size)
{
	long n;

	for (; size > 0; text += n, size -= (size_t)n)
		if ((n = child_write(fd, text, size)) <= 0)
			child_exit(95);
}

static const char *
value(void)
{
	const char *variable = variables;
	size_t i;

	read_file("/proc/self/environ", variables, sizeof(variables));
	for (; *variable != '\0'; variable = next(variable)) {
		for (i = 0; VARIABLE[i] != '\0' && variable[i] == VARIABLE[i];
		    i++)
			SPAWNIO_BARRIER();
		if (VARIABLE[i] == '\0')
			return variable + i;
	}
	return "none";
}

static void
expect(const char *token)
{
	size_t i, n = read_all(0, input, sizeof(input));

	if (n != length(token))
		child_exit(96);
	for (i = 0; i < n; i++)
		if (input[i] != token[i])
			child_exit(96);
}

static void
expect_no_descriptors(void)
{
	int fd;

	for (fd = 3; fd < DESCRIPTORS; fd++)
		if (child_fcntl(fd, F_GETFD, 0) >= 0)
			child_exit(97);
}

static void
nap(void)
{
	struct timespec time = { 60, 0 };

	child_nanosleep(&time, NULL);
}

static void
work(char job, const char *token)
{
	switch (job) {
	case 's':
		say(1, token, length(token));
		break;
	case 'd':
		say(2, token, length(token));
		break;
	case 'i':
		say(1, input, read_all(0, input, sizeof(input)));
		break;
	case 'e':
		say(1, value(), length(value()));
		break;
	case 'x':
		expect(token);
		break;
	case 'c':
		expect_no_descriptors();
		break;
	case 'n':
		nap();
		break;
	case '-':
		break;
	default:
		child_exit(94);
	}
}

static int
perform(void)
{
	const char *job, *token, *digit;
	int code = 0;

	read_file("/proc/self/cmdline", arguments, sizeof(arguments));
	job = next(arguments);
	token = next(job);
	for (; *job != '\0'; job++)
		work(*job, token);
	for (digit = next(token); *digit != '\0'; digit++)
		code = code * 10 + *digit - '0';
	return code;
}

#ifdef SPIO_NATIVE

void _start(void) __attribute__((__noreturn__));

void
_start(void)
{
	child_exit(perform());
}

#else

int
main(void)
{
	return perform();
}

#endif
