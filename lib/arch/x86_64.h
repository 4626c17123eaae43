/* SPDX-License-Identifier: ISC */
/* x86-64.  The registers of a system call are in <spawnio/syscall.h>;
 * clone(2) takes flags, stack, parent_tid, child_tid, tls. */

/* What the child does once it has a stack: it must not return, for there is
 * nothing above it; a zero frame pointer ends the backtrace. */
.macro	CHILD fn
	.cfi_undefined rip
	xorl	%ebp, %ebp
	movq	%r8, %rdi
	call	*\fn
	hlt
.endm

FUNCTION(spio_clone3)
	movq	%rcx, %r8
	movl	$435, %eax
	syscall
	testq	%rax, %rax
	jz	1f
	ret
1:	CHILD	%rdx
END(spio_clone3)

FUNCTION(spio_clone)
	movq	%rdx, %r9
	movq	%rcx, %r8
	xorl	%edx, %edx
	xorl	%r10d, %r10d
	movl	$56, %eax
	syscall
	testq	%rax, %rax
	jz	1f
	ret
1:	CHILD	%r9
END(spio_clone)
