/* SPDX-License-Identifier: ISC */
/* POSIX.1-2024, Shell Command Language, 2.2 Quoting, 2.3 Token Recognition,
 * 2.7 Redirection, 2.9.1 Simple Commands; of which only what dash, bash,
 * busybox, ksh, zsh and yash read alike.  Every doubt is the shell's. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "builtins.h"
#include "parse.h"

struct parser {
	struct command *out;
	const char *at;
	char *text;		/* free text of out */
	const char *why;	/* NULL while nothing is in the way */
	int words;
	int assigns;
	int redirects;
	int exec;		/* a leading exec has been read */
};

/* A word, its quotes removed.  Up to bare the characters had none. */
struct word {
	char *text;
	size_t bare;
	int quoted;		/* there was a quote somewhere */
};

static int
refuse(struct parser *p, const char *why)
{
	p->why = why;
	return 0;
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The length of the variable's name that text begins with. */
static size_t
name_length(const char *text)
{
	size_t n = 0;

	if (is_name_start(*text))
		while (is_name_start(text[n]) || is_digit(text[n]))
			n++;
	return n;
}

/* What no shell leaves alone outside quotes, or not every shell. */
static const char *
special(unsigned char c)
{
	switch (c) {
	case '$':
	case '`':
		return "an expansion";
	case '*':
	case '?':
	case '[':
		return "a pattern";
	case '~':
		return "a tilde";
	case '{':
	case '}':
		return "a brace";
	case '|':
		return "a pipeline";
	case ';':
	case '\n':
		return "a list of commands";
	case '&':
		return "a list, or a command in the background";
	case '(':
	case ')':
		return "a parenthesis";
	default:
		return NULL;
	}
}

/* Some locale may read such a byte as a blank, or as half of a character, and
 * shells use some of the control characters themselves. */
static const char *
odd(unsigned char c)
{
	if (c >= 0x80)
		return "a byte that is not ASCII";
	if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
		return "a control character";
	return NULL;
}

static int
put(struct parser *p, char c)
{
	if (p->text == p->out->text + SPIO_TEXT)
		return refuse(p, "its length");
	*p->text++ = c;
	return 1;
}

static int
take_odd(struct parser *p, char c)
{
	const char *why = odd((unsigned char)c);

	return why != NULL ? refuse(p, why) : put(p, c);
}

static int
read_single_quotes(struct parser *p)
{
	for (p->at++; *p->at != '\''; p->at++)
		if (*p->at == '\0')
			return refuse(p, "a quote without its end");
		else if (!take_odd(p, *p->at))
			return 0;
	p->at++;
	return 1;
}

static int
read_double_quotes(struct parser *p)
{
	for (p->at++; *p->at != '"'; p->at++) {
		if (*p->at == '\0')
			return refuse(p, "a quote without its end");
		if (*p->at == '$' || *p->at == '`')
			return refuse(p, "an expansion");
		if (*p->at == '\\' && p->at[1] == '\n')
			return refuse(p, "a line continuation");
		if (*p->at == '\\' && p->at[1] != '\0' &&
		    strchr("$`\"\\", p->at[1]) != NULL)
			p->at++;
		if (!take_odd(p, *p->at))
			return 0;
	}
	p->at++;
	return 1;
}

static int
read_backslash(struct parser *p)
{
	p->at++;
	if (*p->at == '\0')
		return refuse(p, "a backslash at the end");
	if (*p->at == '\n')
		return refuse(p, "a line continuation");
	return take_odd(p, *p->at++);
}

static int
read_bare(struct parser *p)
{
	const char *why = special((unsigned char)*p->at);

	return why != NULL ? refuse(p, why) : take_odd(p, *p->at++);
}

static int
ends_word(char c)
{
	return c != '\0' ? strchr(" \t\n<>|;&()", c) != NULL : 1;
}

/* The word at p->at, or 0. */
static int
read_word(struct parser *p, struct word *word)
{
	int ok = 1;

	word->text = p->text;
	word->quoted = 0;
	word->bare = (size_t)-1;
	while (ok && !ends_word(*p->at)) {
		if (strchr("'\"\\", *p->at) != NULL && !word->quoted) {
			word->quoted = 1;
			word->bare = (size_t)(p->text - word->text);
		}
		switch (*p->at) {
		case '\'':
			ok = read_single_quotes(p);
			break;
		case '"':
			ok = read_double_quotes(p);
			break;
		case '\\':
			ok = read_backslash(p);
			break;
		default:
			ok = read_bare(p);
		}
	}
	if (!word->quoted)
		word->bare = (size_t)(p->text - word->text);
	return ok && put(p, '\0');
}

static void
skip_blanks(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t')
		p->at++;
}

/* Digits right before an operator: the descriptor that it is for. */
static int
is_number(const char *text)
{
	const char *end = text;

	while (is_digit(*end))
		end++;
	return end != text && (*end == '<' || *end == '>');
}

/* dash and yash take two digits for a word. */
static int
read_number(struct parser *p, int *fd)
{
	if (!is_number(p->at))
		return 1;
	if (is_digit(p->at[1]))
		return refuse(p, "a descriptor above 9");
	*fd = *p->at++ - '0';
	return 1;
}

/* The operator at p->at, with what it opens its file for, and the descriptor
 * that it is for unless one was given; duplicating: it has no file. */
static int
read_operator(struct parser *p, struct redirect *r, int *duplicating)
{
	static const struct {
		const char *text;
		int fd;
		int flags;
	} ops[] = {
		{ "<&", 0, -1 },
		{ ">&", 1, -1 },
		{ "<>", 0, O_RDWR | O_CREAT },
		{ ">>", 1, O_WRONLY | O_CREAT | O_APPEND },
		{ ">|", 1, O_WRONLY | O_CREAT | O_TRUNC },
		{ "<", 0, O_RDONLY },
		{ ">", 1, O_WRONLY | O_CREAT | O_TRUNC },
	};
	size_t i = 0, n;

	if (p->at[0] == '<' && p->at[1] == '<')
		return refuse(p, "a here-document");
	while (strncmp(p->at, ops[i].text, n = strlen(ops[i].text)) != 0)
		i++;
	p->at += n;
	if (r->fd == -1)
		r->fd = ops[i].fd;
	r->flags = ops[i].flags;
	*duplicating = r->flags == -1;
	return 1;
}

/* After >& or <&: a digit, or the - that closes. */
static int
read_source(struct parser *p, const struct word *word, struct redirect *r)
{
	if (word->quoted || word->text[0] == '\0' || word->text[1] != '\0' ||
	    (word->text[0] != '-' && !is_digit(word->text[0])))
		return refuse(p, "a descriptor that is not one digit");
	r->file = NULL;
	r->from = word->text[0] == '-' ? -1 : word->text[0] - '0';
	return 1;
}

/* After slashes, dots or nothing: what may be /dev, /proc or /proc/self. */
static int
begins_special(const char *file)
{
	static const char *const names[] = {
		"dev", "proc", "self", "thread-self"
	};
	size_t i, n;

	file += strspn(file, "./");
	n = strcspn(file, "/");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (n == strlen(names[i]) && strncmp(file, names[i], n) == 0)
			return 1;
	return 0;
}

/* Shells open some names themselves, and those of descriptors and of the
 * process are not the same before an exec and after. */
static int
check_file(struct parser *p, const char *file)
{
	const char *at;

	if (strcmp(file, "/dev/null") == 0)
		return 1;
	for (at = file; at != NULL && *at != '\0'; at = strstr(at + 1, "/."))
		if (begins_special(at))
			return refuse(p, "a file below /dev or /proc");
	return 1;
}

static int
read_redirect(struct parser *p, int fd)
{
	struct redirect *r = &p->out->redirects[p->redirects];
	struct word word;
	int duplicating;

	if (p->redirects == SPIO_REDIRECTS)
		return refuse(p, "many redirections");
	r->fd = fd;
	if (!read_operator(p, r, &duplicating))
		return 0;
	skip_blanks(p);
	if (ends_word(*p->at) || *p->at == '#' || is_number(p->at))
		return refuse(p, "a redirection without a file");
	if (!read_word(p, &word))
		return 0;
	/* dash and busybox read 2>&1>f as 2>& and 1>f; and bash >1>f so. */
	if (is_digit(word.text[0]) && (*p->at == '<' || *p->at == '>'))
		return refuse(p, "a number between two redirections");
	p->redirects++;
	if (duplicating)
		return read_source(p, &word, r);
	r->file = word.text;
	return check_file(p, word.text);
}

/* A locale that is not there is a shell's to complain of. */
static int
is_locale(const char *name, size_t n)
{
	return strncmp(name, "LC_", 3) == 0 || (n == 4 &&
	    strncmp(name, "LANG", 4) == 0) || (n == 8 &&
	    strncmp(name, "LANGUAGE", 8) == 0);
}

static int
take_assign(struct parser *p, const struct word *word, size_t n)
{
	const char *value = word->text + n + 1;

	if (p->assigns == SPIO_ASSIGNS)
		return refuse(p, "many assignments");
	if (spio_child_heeds(word->text) ||
	    (is_locale(word->text, n) && strcmp(value, "C") != 0 &&
	    strcmp(value, "POSIX") != 0))
		return refuse(p, "a variable that the shell looks at");
	p->out->assigns[p->assigns++] = word->text;
	return 1;
}

static int
compare(const void *name, const void *builtin)
{
	return strcmp(name, builtin);
}

static int
is_builtin(const char *name)
{
	return bsearch(name, builtins, sizeof(builtins) / sizeof(builtins[0]),
	    sizeof(builtins[0]), compare) != NULL;
}

/* A name that every shell looks for in PATH, or a path. */
static int
check_program(struct parser *p, const struct word *word)
{
	const char *text = word->text;

	if (is_builtin(text))
		return refuse(p, "a word of the shell's own");
	if (memchr(text, '=', word->bare) != NULL)
		return refuse(p, "an assignment of another kind");
	if (strchr(text, '/') != NULL)
		return *text == '/' || *text == '.' || is_digit(*text) ||
		    is_name_start(*text) ? 1 : refuse(p, "an odd name");
	if (!is_digit(*text) && !is_name_start(*text))
		return refuse(p, "an odd name");
	while (is_digit(*text) || is_name_start(*text) ||
	    (*text != '\0' && strchr("+-.:@", *text) != NULL))
		text++;
	return *text == '\0' ? 1 : refuse(p, "an odd name");
}

static int
take_word(struct parser *p, const struct word *word)
{
	size_t n = name_length(word->text);

	if (p->words == SPIO_WORDS)
		return refuse(p, "many words");
	if (p->words == 0) {
		if (n > 0 && word->text[n] == '=' && n < word->bare &&
		    !p->exec)
			return take_assign(p, word, n);
		if (strcmp(word->text, "exec") == 0 && !word->quoted &&
		    !p->exec && p->assigns == 0 && p->redirects == 0) {
			p->exec = 1;
			return 1;
		}
		if (!check_program(p, word))
			return 0;
	}
	p->out->argv[p->words++] = word->text;
	return 1;
}

/* Newlines after the command are nothing. */
static int
read_end(struct parser *p)
{
	while (*p->at == '\n' || *p->at == ' ' || *p->at == '\t')
		p->at++;
	return *p->at == '\0' || refuse(p, "a list of commands");
}

static int
read_token(struct parser *p)
{
	struct word word;
	int fd = -1;

	if (!read_number(p, &fd))
		return 0;
	if (*p->at == '<' || *p->at == '>')
		return read_redirect(p, fd);
	if (*p->at == '#')
		return refuse(p, "a comment");
	if (ends_word(*p->at))
		return refuse(p, special((unsigned char)*p->at));
	return read_word(p, &word) && take_word(p, &word);
}

static void
read_command(struct parser *p)
{
	int ok = 1;

	for (skip_blanks(p); ok && *p->at != '\0'; skip_blanks(p))
		ok = *p->at == '\n' ? read_end(p) : read_token(p);
	if (ok && p->words == 0)
		refuse(p, "no program");
}

const char *
spio_parse(struct command *out, const char *string)
{
	struct parser p = { .out = out, .at = string, .text = out->text };

	read_command(&p);
	out->argv[p.words] = NULL;
	out->assigns[p.assigns] = NULL;
	out->direct.argv = p.why == NULL ? out->argv : NULL;
	out->direct.assigns = out->assigns;
	out->direct.redirect = out->redirects;
	out->direct.redirects = p.redirects;
	return p.why;
}
