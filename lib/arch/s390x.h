/* SPDX-License-Identifier: ISC */
/* s390x.  The registers of a system call are in <spawnio/syscall.h>; clone(2)
 * takes stack, flags, parent_tid, child_tid, tls. */

/* What the child does once it has a stack: it must not return, for there is
 * nothing above it; a zero back chain ends the backtrace.  The 160 bytes are
 * for fn to save registers in. */
.macro	CHILD
	.cfi_undefined %r14
	aghi	%r15, -160
	xc	0(8, %r15), 0(%r15)
	lgr	%r2, %r8
	basr	%r14, %r7
	j	.+2
.endm

/* In the caller's frame, which has room for them. */
.macro	SAVE
	stmg	%r6, %r8, 48(%r15)
	.cfi_offset %r6, -112
	.cfi_offset %r7, -104
	.cfi_offset %r8, -96
	lgr	%r7, %r4
	lgr	%r8, %r5
.endm

.macro	RETURN
	lmg	%r6, %r8, 48(%r15)
	br	%r14
.endm

FUNCTION(spio_clone3)
	SAVE
	lghi	%r1, 435
	svc	0
	ltgr	%r2, %r2
	jz	1f
	RETURN
1:	CHILD
END(spio_clone3)

FUNCTION(spio_clone)
	SAVE
	lgr	%r0, %r2
	lgr	%r2, %r3
	lgr	%r3, %r0
	lghi	%r4, 0
	lghi	%r5, 0
	lghi	%r6, 0
	lghi	%r1, 120
	svc	0
	ltgr	%r2, %r2
	jz	1f
	RETURN
1:	CHILD
END(spio_clone)
