/* SPDX-License-Identifier: ISC */
/* Which engine carries out a launch, and why. */

#ifndef SPIO_GATE_H
#define SPIO_GATE_H

#include <spawnio.h>

/* What the kernel has refused; it is not asked again. */
enum refusal {
	SPIO_NO_CLONE3 = 1,
	SPIO_NO_VFORK = 2
};

/* The engine to try first; never SPAWNIO_ENGINE_AUTO. */
enum spawnio_engine spio_gate_engine(void);

/* Is the shell to run every command, those too that need none? */
int spio_gate_wants_shell(void);

/* As SPAWNIO_ENGINE has it. */
const char *spio_gate_name(enum spawnio_engine engine);

/* Note a refusal; has there been one? */
void spio_gate_refuse(enum refusal what);
int spio_gate_refused(enum refusal what);

#endif
