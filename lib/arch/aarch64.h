/* SPDX-License-Identifier: ISC */
/* AArch64.  The registers of a system call are in <spawnio/syscall.h>;
 * clone(2) takes flags, stack, parent_tid, tls, child_tid. */

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
