/* SPDX-License-Identifier: ISC */
/* i386.  The registers of a system call are in <spawnio/syscall.h>; clone(2)
 * takes flags, stack, parent_tid, tls, child_tid. */

/* What the child does once it has a stack: it must not return, for there is
 * nothing above it; a zero frame pointer ends the backtrace. */
.macro	CHILD fn
	.cfi_undefined eip
	xorl	%ebp, %ebp
	movl	\fn, %eax
	subl	$12, %esp
	pushl	%edi
	call	*%eax
	hlt
.endm

.macro	SAVE
	pushl	%ebx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ebx, 0
	pushl	%esi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset esi, 0
	pushl	%edi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset edi, 0
	movl	16(%esp), %ebx
	movl	20(%esp), %ecx
.endm

.macro	RETURN
	popl	%edi
	popl	%esi
	popl	%ebx
	ret
.endm

FUNCTION(spio_clone3)
	SAVE
	movl	24(%esp), %esi
	movl	28(%esp), %edi
	movl	$435, %eax
	int	$0x80
	testl	%eax, %eax
	jz	1f
	RETURN
1:	CHILD	%esi
END(spio_clone3)

/* No register is left for fn and arg: they go by the child's stack. */
FUNCTION(spio_clone)
	SAVE
	subl	$16, %ecx
	movl	24(%esp), %eax
	movl	%eax, (%ecx)
	movl	28(%esp), %eax
	movl	%eax, 4(%ecx)
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	movl	$120, %eax
	int	$0x80
	testl	%eax, %eax
	jz	1f
	RETURN
1:	movl	4(%esp), %edi
	CHILD	(%esp)
END(spio_clone)
