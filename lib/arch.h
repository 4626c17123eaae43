/* SPDX-License-Identifier: ISC */
/* The one place that tells CPUs apart.  Each file in arch/ gives, under the
 * same names, spio_syscall() and the entries spio_clone3 and spio_clone. */

#ifndef SPIO_ARCH_H
#define SPIO_ARCH_H

#if defined(__x86_64__) && !defined(__ILP32__)
# include "arch/x86_64.h"
#elif defined(__aarch64__) && !defined(__ILP32__)
# include "arch/aarch64.h"
#elif defined(__riscv) && __riscv_xlen == 64
# include "arch/riscv64.h"
#else
# error "no native engine for this CPU: configure with --disable-native"
#endif

#endif
