/* SPDX-License-Identifier: ISC */
/* AArch64.  Number in x8, arguments in x0 to x5, result in x0; the kernel
 * keeps every other register (Linux arch/arm64, syscall(2)).
 * clone(2) takes flags, stack, parent_tid, tls, child_tid. */

#ifdef __ASSEMBLER__

/* What the child does once it has a stack: it must not return, for there is
 * nothing above it; a zero frame pointer ends the backtrace. */
.macro	CHILD fn
	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	mov	x0, x6
	blr	\fn
	brk	#0
.endm

FUNCTION(spio_clone3)
	mov	x6, x3
	mov	x8, #435
	svc	#0
	cbz	x0, 1f
	ret
1:	CHILD	x2
END(spio_clone3)

FUNCTION(spio_clone)
	mov	x5, x2
	mov	x6, x3
	mov	x2, #0
	mov	x3, #0
	mov	x4, #0
	mov	x8, #220
	svc	#0
	cbz	x0, 1f
	ret
1:	CHILD	x5
END(spio_clone)

#else

static inline long
spio_syscall(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ __volatile__("svc #0" : "+r"(x0)
	    : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}

#endif
