/* SPDX-License-Identifier: ISC */
/* Words at the beginning of a command that a shell does not look for in PATH:
 * builtins, reserved words, and the aliases that ksh and zsh begin with, of
 * dash, bash, busybox, ksh, yash and zsh.  In the order of strcmp(3).
 * t/builtins compares it with the shells that are installed. */

#ifndef SPIO_BUILTINS_H
#define SPIO_BUILTINS_H

/* Arrays, since each pointer would have to be relocated in every process. */
#define BUILTIN_LENGTH	13	/* t/builtins checks that, too */

static const char builtins[][BUILTIN_LENGTH + 1] = {
	"!", "-", ".", ":", "[", "[[", "]]", "alias", "array", "autoload", "bg",
	"bind", "bindkey", "break", "builtin", "bye", "caller", "case", "cd",
	"chdir", "command", "compadd", "comparguments", "compcall", "compctl",
	"compdescribe", "compfiles", "compgen", "compgroups", "complete",
	"compopt", "compound", "compquote", "compset", "comptags", "comptry",
	"compvalues", "continue", "coproc", "declare", "dirs", "disable",
	"disown", "do", "done", "echo", "echotc", "echoti", "elif", "else",
	"emulate", "enable", "end", "enum", "esac", "eval", "exec", "exit",
	"export", "false", "fc", "fg", "fi", "float", "for", "foreach",
	"function", "functions", "getln", "getopts", "hash", "help", "hist",
	"history", "if", "in", "integer", "jobs", "kill", "let", "limit",
	"local", "log", "logout", "mapfile", "nameref", "namespace",
	"nocorrect", "noglob", "popd", "print", "printf", "private", "pushd",
	"pushln", "pwd", "r", "read", "readarray", "readonly", "redirect",
	"rehash", "repeat", "return", "run-help", "sched", "select", "set",
	"setopt", "shift", "shopt", "sleep", "source", "stop", "suspend",
	"test", "then", "time", "times", "trap", "true", "ttyctl", "type",
	"typeset", "ulimit", "umask", "unalias", "unfunction", "unhash",
	"unlimit", "unset", "unsetopt", "until", "vared", "wait", "whence",
	"where", "which", "which-command", "while", "zcompile", "zformat",
	"zle", "zmodload", "zparseopts", "zregexparse", "zstyle", "{", "}"
};

#endif
