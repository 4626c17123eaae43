/* SPDX-License-Identifier: ISC */
/* A program that takes hardly any time to execute: static, without a libc. */

#ifdef SPIO_NATIVE
# include <spawnio/child.h>

void _start(void) __attribute__((__noreturn__));

void
_start(void)
{
	for (;;)
		child_syscall(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}
#else
int
main(void)
{
	return 0;
}
#endif
