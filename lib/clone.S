/* SPDX-License-Identifier: ISC */
/* The two system calls after which there is a second stack.  They stand in
 * assembly because a compiler may keep anything on the first one.
 *
 *	long spio_clone3(struct clone3 *args, size_t size,
 *	    void (*fn)(void *), void *arg);
 *	long spio_clone(unsigned long flags, void *top,
 *	    void (*fn)(void *), void *arg);
 *
 * The parent gets the child's pid or -errno; the child calls fn(arg), which
 * does not return.  top is aligned as a function call wants it.
 * configure has seen, in <spawnio/syscall.h>, that the CPU is one of these. */

#ifdef __CET__
# include <cet.h>
#endif

.macro	FUNCTION_ name
	.globl	\name
	.hidden	\name
	.type	\name, %function
	.balign	16
\name:
	.cfi_startproc
.endm

.macro	END_ name
	.cfi_endproc
	.size	\name, . - \name
.endm

#define FUNCTION(name)	FUNCTION_ name
#define END(name)	END_ name

	.text
#if defined(__x86_64__)
# include "arch/x86_64.h"
#elif defined(__aarch64__)
# include "arch/aarch64.h"
#elif defined(__riscv)
# include "arch/riscv64.h"
#elif defined(__arm__)
# include "arch/arm.h"
#elif defined(__i386__)
# include "arch/i386.h"
#elif defined(__powerpc64__)
# include "arch/ppc64le.h"
#elif defined(__s390x__)
# include "arch/s390x.h"
#endif

/* BTI: nothing here is the target of an indirect branch. */
#if defined(__aarch64__) && defined(__ARM_FEATURE_BTI_DEFAULT)
	.section .note.gnu.property, "a"
	.balign	8
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000000, 4, 1, 0
#endif

	.section .note.GNU-stack, "", %progbits
