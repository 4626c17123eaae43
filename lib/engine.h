/* SPDX-License-Identifier: ISC */
/* The engines.  Each starts launch->plan and fills in launch->kid and, where
 * it can tell, launch->exec_error; 0 or an errno, or SPIO_STEP_DOWN if this
 * launch wants another engine.  For all but avfork all signals are blocked. */

#ifndef SPIO_ENGINE_H
#define SPIO_ENGINE_H

#include "launch.h"

#define SPIO_STEP_DOWN	(-1)

int spio_engine_avfork(struct launch *launch);
int spio_engine_vfork(struct launch *launch);
int spio_engine_fork(struct launch *launch);
int spio_engine_posix_spawn(struct launch *launch);

/* Wait for the posix_spawn launches that were begun before this one. */
void spio_posix_spawn_settle(struct launch *launch);

#endif
