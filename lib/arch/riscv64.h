/* SPDX-License-Identifier: ISC */
/* RISC-V, 64 bits.  Number in a7, arguments in a0 to a5, result in a0; the
 * kernel keeps every other register (Linux arch/riscv, syscall(2)).
 * clone(2) takes flags, stack, parent_tid, tls, child_tid. */

#ifdef __ASSEMBLER__

/* What the child does once it has a stack: it must not return, for there is
 * nothing above it; a zero frame pointer ends the backtrace. */
.macro	CHILD fn
	.cfi_undefined ra
	li	s0, 0
	li	ra, 0
	mv	a0, a6
	jalr	\fn
	ebreak
.endm

FUNCTION(spio_clone3)
	mv	a6, a3
	li	a7, 435
	ecall
	beqz	a0, 1f
	ret
1:	CHILD	a2
END(spio_clone3)

FUNCTION(spio_clone)
	mv	a5, a2
	mv	a6, a3
	li	a2, 0
	li	a3, 0
	li	a4, 0
	li	a7, 220
	ecall
	beqz	a0, 1f
	ret
1:	CHILD	a5
END(spio_clone)

#else

static inline long
spio_syscall(long number, long a, long b, long c, long d, long e)
{
	register long a7 __asm__("a7") = number;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;

	__asm__ __volatile__("ecall" : "+r"(a0)
	    : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
	return a0;
}

#endif
