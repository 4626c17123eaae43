/* SPDX-License-Identifier: ISC */
/* The life of a launch block, for spin(1): t/model runs it.  The names are
 * those of lib/pool.c, lib/engine.c and lib/reap.c.
 *
 * Threads of a process, and of a forked copy of it, claim blocks, clone
 * children that read their plans there, and reap them.  The kernel zeroes a
 * block's word when its child leaves the memory, or, for some kernels and some
 * deaths, does not.  The copy has words of its own, all zero, and streams of
 * the parent's.
 *
 * RELEASE_ANY, RESTART, TOUCH, EARLY and FORGET are mistakes that must be
 * found.  Two launches in the parent and one in the copy, over one block, are
 * what they need; one more of anything takes hours. */

#define BLOCKS		1
#define PARENT		0
#define COPY		1

#define AT(process, block)	((process) * BLOCKS + (block))

byte word[2 * BLOCKS];		/* 0, or a generation */
byte plan[2 * BLOCKS];		/* whose it is */
byte last[2];			/* generation given out */

/* What a child is to the thread that made it. */
#define LEFT	1		/* the memory: executed, or ended */
#define ZOMBIE	2

/* Compare and swap of the word, as in spio_pool_release(). */
inline release(process, number, generation)
{
	atomic {
		if
#ifdef RELEASE_ANY
		:: word[AT(process, number)] = 0
#else
		:: word[AT(process, number)] == generation ->
			word[AT(process, number)] = 0
		:: else
#endif
		fi
	}
}

/* The plan is read more than once, at any time. */
proctype child(byte process; byte number; byte generation; chan state)
{
	assert(plan[AT(process, number)] == generation);
#ifdef EARLY
	word[AT(process, number)] = 0;
#endif
	assert(plan[AT(process, number)] == generation);
	atomic {
		state!LEFT;
		if
		:: word[AT(process, number)] = 0	/* CLONE_CHILD_CLEARTID */
		:: skip
		fi
	}
	state!ZOMBIE
}

/* Someone who waits until the word is not the generation knows that the child
 * is no longer in the memory: spio_pool_await(), spio_pool_holds(). */
inline await(process, number, generation, state)
{
	if
	:: word[AT(process, number)] != generation ->
		assert(nempty(state))
	:: skip
	fi
}

inline launch(process)
{
	d_step {
		last[process]++;
		generation = last[process];
		number = 0
	}
	/* spio_pool_claim() */
	do
	:: number == BLOCKS -> break
	:: number < BLOCKS -> atomic {
		if
		:: word[AT(process, number)] == 0 ->
			word[AT(process, number)] = generation;
			break
		:: else -> number++
		fi
	}
	od;
	if
	:: number == BLOCKS		/* SPIO_STEP_DOWN */
	:: number < BLOCKS ->
		plan[AT(process, number)] = generation;
		if
		:: release(process, number, generation)	/* clone3 refused */
		:: run child(process, number, generation, state);
#ifdef TOUCH
			await(process, number, generation, state);
			plan[AT(process, number)] = generation;
#endif
			await(process, number, generation, state);
			/* spio_reap() */
			state?LEFT;
			state?ZOMBIE;
#ifndef FORGET
			release(process, number, generation)
#endif
		fi
	fi
}

proctype thread(byte process)
{
	chan state = [2] of { byte };
	byte generation, number;

	launch(process)
}

/* fork(2) at any time: MADV_WIPEONFORK for the pool and its words, not for the
 * counter.  Each stream of the parent's may be closed in the copy. */
proctype fork()
{
	byte generation, number;

	atomic {
#ifndef RESTART
		last[COPY] = last[PARENT];
#endif
		generation = last[PARENT]
	}
	run thread(COPY);
	do
	:: generation > 0 ->
		release(COPY, number, generation);
		generation--
	:: break
	od
}

init
{
	atomic {
		run thread(PARENT);
		run thread(PARENT);
		run fork()
	}
	/* When all is over, no block is lost. */
	_nr_pr == 1;
	assert(word[PARENT] == 0 && word[COPY] == 0)
}
