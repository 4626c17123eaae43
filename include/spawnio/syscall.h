/* SPDX-License-Identifier: ISC */
/* child_syscall(), for <spawnio/child.h>: a system call with six arguments, in
 * line, -errno for a result.  A section per CPU, whose compare-and-swap is in
 * line as well: the child has no library to call. */

#ifndef SPAWNIO_SYSCALL_H
#define SPAWNIO_SYSCALL_H

#include <spawnio/compiler.h>

/* O_LARGEFILE, which libc may hide; 0 where the kernel needs none. */
#if defined(__arm__)
# define SPAWNIO_LARGEFILE	0400000
#elif defined(__i386__)
# define SPAWNIO_LARGEFILE	0100000
#else
# define SPAWNIO_LARGEFILE	0
#endif

#if defined(__x86_64__) && !defined(__ILP32__)

/* Number in rax, arguments in rdi, rsi, rdx, r10, r8, r9, result in rax; rcx
 * and r11 are lost (System V ABI, AMD64 supplement, A.2.1). */
SPAWNIO_CALL long
child_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ __volatile__("syscall" : "=a"(result)
	    : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	    : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__) && !defined(__ILP32__)

/* Number in x8, arguments in x0 to x5, result in x0; the kernel keeps every
 * other register (Linux arch/arm64, syscall(2)). */
SPAWNIO_CALL long
child_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ __volatile__("svc #0" : "+r"(x0)
	    : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

#elif defined(__riscv) && __riscv_xlen == 64

/* Number in a7, arguments in a0 to a5, result in a0; the kernel keeps every
 * other register (Linux arch/riscv, syscall(2)). */
SPAWNIO_CALL long
child_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = number;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ __volatile__("ecall" : "+r"(a0)
	    : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
	return a0;
}

#elif defined(__arm__) && defined(__ARM_EABI__) && !defined(__ARMEB__) && \
    defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_4) && \
    (defined(__thumb2__) || !defined(__thumb__))

/* Number in r7, arguments in r0 to r5, result in r0; the kernel keeps every
 * other register (Linux arch/arm, syscall(2)).  Thumb's frame pointer is r7, so
 * that no compiler gives it away there. */
SPAWNIO_CALL long
child_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r5 __asm__("r5") = f;
	long r7;

	__asm__ __volatile__("mov %1, r7\n\tmov r7, %2\n\tsvc #0\n\tmov r7, %1"
	    : "+r"(r0), "=&r"(r7)
	    : "r"(number), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5)
	    : "memory");
	return r0;
}

#elif defined(__i386__) && defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_4)

/* Number in eax, arguments in ebx, ecx, edx, esi, edi, ebp, result in eax; the
 * kernel keeps every other register (Linux arch/x86, syscall(2)).  ebp may be
 * the frame pointer, by which the last argument is found. */
SPAWNIO_CALL long
child_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long result;

	__asm__ __volatile__("pushl %7\n\tpushl %%ebp\n\tmovl 4(%%esp), %%ebp"
	    "\n\tint $0x80\n\tpopl %%ebp\n\taddl $4, %%esp" : "=a"(result)
	    : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "g"(f)
	    : "memory");
	return result;
}

#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)

/* Number in r0, arguments in r3 to r8, result in r3, where CR0.SO tells that it
 * is an errno; these, r9 to r12, CTR, XER and CR0, 1, 5 to 7 are lost (Linux
 * Documentation/arch/powerpc/syscall64-abi.rst). */
SPAWNIO_CALL long
child_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = number;
	register long r3 __asm__("r3") = a;
	register long r4 __asm__("r4") = b;
	register long r5 __asm__("r5") = c;
	register long r6 __asm__("r6") = d;
	register long r7 __asm__("r7") = e;
	register long r8 __asm__("r8") = f;

	__asm__ __volatile__("sc\n\tbns+ 1f\n\tneg %1, %1\n1:"
	    : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7),
	    "+r"(r8)
	    : : "r9", "r10", "r11", "r12", "ctr", "xer", "cr0", "cr1", "cr5",
	    "cr6", "cr7", "memory");
	return r3;
}

#elif defined(__s390x__)

/* Number in r1, arguments in r2 to r7, result in r2; the kernel keeps every
 * other register (Linux arch/s390, syscall(2)). */
SPAWNIO_CALL long
child_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r1 __asm__("r1") = number;
	register long r2 __asm__("r2") = a;
	register long r3 __asm__("r3") = b;
	register long r4 __asm__("r4") = c;
	register long r5 __asm__("r5") = d;
	register long r6 __asm__("r6") = e;
	register long r7 __asm__("r7") = f;

	__asm__ __volatile__("svc 0" : "+r"(r2)
	    : "r"(r1), "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7) : "memory");
	return r2;
}

#else
# error "<spawnio/child.h> knows the CPUs of spawnio_child(3), not this CPU"
#endif

#endif
