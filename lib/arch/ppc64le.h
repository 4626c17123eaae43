/* SPDX-License-Identifier: ISC */
/* PowerPC, 64 bits, little-endian, ELFv2.  The registers of a system call are
 * in <spawnio/syscall.h>; clone(2) takes flags, stack, parent_tid, tls,
 * child_tid.  What is below the stack pointer is ours, and r2 is left alone. */

/* What the child does once it has a stack: it must not return, for there is
 * nothing above it; a zero back chain ends the backtrace.  The frame is for fn
 * to save registers in; r12 is where fn looks for its own address. */
.macro	CHILD
	.cfi_undefined lr
	li	%r0, 0
	stdu	%r0, -32(%r1)
	mr	%r12, %r30
	mr	%r3, %r31
	mtctr	%r12
	bctrl
	trap
.endm

.macro	SAVE
	std	%r30, -16(%r1)
	std	%r31, -8(%r1)
	.cfi_offset r30, -16
	.cfi_offset r31, -8
	mr	%r30, %r5
	mr	%r31, %r6
.endm

/* The parent's, with -errno; CR0 is the system call's. */
.macro	RETURN
	ld	%r30, -16(%r1)
	ld	%r31, -8(%r1)
	bnslr
	neg	%r3, %r3
	blr
.endm

FUNCTION(spio_clone3)
	SAVE
	li	%r0, 435
	sc
	cmpdi	%cr1, %r3, 0
	beq	%cr1, 1f
	RETURN
1:	CHILD
END(spio_clone3)

FUNCTION(spio_clone)
	SAVE
	li	%r5, 0
	li	%r6, 0
	li	%r7, 0
	li	%r0, 120
	sc
	cmpdi	%cr1, %r3, 0
	beq	%cr1, 1f
	RETURN
1:	CHILD
END(spio_clone)
