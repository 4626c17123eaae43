/* SPDX-License-Identifier: ISC */
/* ARM, 32 bits, EABI.  The registers of a system call are in
 * <spawnio/syscall.h>; clone(2) takes flags, stack, parent_tid, tls, child_tid.
 * Callers may be Thumb: ARM returns to them by bx. */

	.syntax unified
	.arm

/* What the child does once it has a stack: it must not return, for there is
 * nothing above it; a zero frame pointer ends the backtrace. */
.macro	CHILD fn
	.cfi_undefined lr
	mov	fp, #0
	mov	lr, #0
	mov	r0, r6
	blx	\fn
	udf	#0
.endm

.macro	SAVE
	push	{r4-r7}
	.cfi_adjust_cfa_offset 16
	.cfi_rel_offset r4, 0
	.cfi_rel_offset r5, 4
	.cfi_rel_offset r6, 8
	.cfi_rel_offset r7, 12
	mov	r6, r3
.endm

.macro	RETURN
	pop	{r4-r7}
	bx	lr
.endm

FUNCTION(spio_clone3)
	SAVE
	mov	r7, #400
	add	r7, r7, #35
	svc	#0
	cmp	r0, #0
	beq	1f
	RETURN
1:	CHILD	r2
END(spio_clone3)

FUNCTION(spio_clone)
	SAVE
	mov	r5, r2
	mov	r2, #0
	mov	r3, #0
	mov	r4, #0
	mov	r7, #120
	svc	#0
	cmp	r0, #0
	beq	1f
	RETURN
1:	CHILD	r5
END(spio_clone)
