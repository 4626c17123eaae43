/* SPDX-License-Identifier: ISC */
/* x86-64.  Number in rax, arguments in rdi, rsi, rdx, r10, r8, r9, result in
 * rax; rcx and r11 are lost (System V ABI, AMD64 supplement, A.2.1).
 * clone(2) takes flags, stack, parent_tid, child_tid, tls. */

#ifdef __ASSEMBLER__

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

#else

static inline long
spio_syscall(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ __volatile__("syscall" : "=a"(result)
	    : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
	    : "rcx", "r11", "memory");
	return result;
}

#endif
