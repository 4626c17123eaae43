/* SPDX-License-Identifier: ISC */
/* RISC-V, 64 bits.  The registers of a system call are in <spawnio/syscall.h>;
 * clone(2) takes flags, stack, parent_tid, tls, child_tid. */

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
