/* SPDX-License-Identifier: ISC */
/* What <spawnio/child.h> asks of the compiler. */

#ifndef SPAWNIO_COMPILER_H
#define SPAWNIO_COMPILER_H

/* For the definition of a function that runs in a child of shared memory.
 * Then a compiler adds nothing that looks at the thread pointer or is called,
 * as a stack protector, the sanitizers and -finstrument-functions do.  There
 * is still a call of clang's thread sanitizer, unless all of them are
 * disabled; and an address sanitizer takes the frames that an exec leaves for
 * the next child's. */
#define SPAWNIO_IN_CHILD	SPAWNIO_NO_PROTECTOR SPAWNIO_NO_SANITIZER \
	SPAWNIO_NO_COVERAGE SPAWNIO_NO_HOOK

#define SPAWNIO_NO_PROTECTOR
#define SPAWNIO_NO_SANITIZER
#define SPAWNIO_NO_COVERAGE
#define SPAWNIO_NO_HOOK
#define SPAWNIO_UNINITIALIZED
#if defined(__has_attribute)
# if __has_attribute(__no_stack_protector__)
#  undef SPAWNIO_NO_PROTECTOR
#  define SPAWNIO_NO_PROTECTOR	__attribute__((__no_stack_protector__))
# endif
# if __has_attribute(__disable_sanitizer_instrumentation__)
#  undef SPAWNIO_NO_SANITIZER
#  define SPAWNIO_NO_SANITIZER	__attribute__(( \
	__disable_sanitizer_instrumentation__, \
	__no_sanitize__("address", "hwaddress", "safe-stack", "coverage")))
# elif __has_attribute(__no_sanitize__)
#  undef SPAWNIO_NO_SANITIZER
#  define SPAWNIO_NO_SANITIZER	__attribute__(( \
	__no_sanitize__("thread"), __no_sanitize__("address")))
# endif
# if __has_attribute(__no_sanitize_coverage__)
#  undef SPAWNIO_NO_COVERAGE
#  define SPAWNIO_NO_COVERAGE	__attribute__((__no_sanitize_coverage__))
# endif
# if __has_attribute(__no_instrument_function__)
#  undef SPAWNIO_NO_HOOK
#  define SPAWNIO_NO_HOOK	__attribute__((__no_instrument_function__))
# endif
# if __has_attribute(__uninitialized__)
#  undef SPAWNIO_UNINITIALIZED
#  define SPAWNIO_UNINITIALIZED	__attribute__((__uninitialized__))
# endif
#endif

#define SPAWNIO_CALL	SPAWNIO_IN_CHILD static __inline__

/* One with an array, or a struct whose address is taken, stays out of functions
 * that are not so defined. */
#define SPAWNIO_APART	SPAWNIO_IN_CHILD \
	__attribute__((__noinline__, __unused__)) static

/* In a loop that a compiler would make a call of memcpy() or strlen(). */
#define SPAWNIO_BARRIER()	__asm__ __volatile__("" : : : "memory")

#endif
