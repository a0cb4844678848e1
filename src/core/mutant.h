/*
 * Faults that the tests must find: tests/sim/ builds the core a second time with CORE_MUTANTS, and
 * switches them on one by one. Everywhere else MUTANT() is false, and costs nothing.
 */
#ifndef CORE_MUTANT_H
#define CORE_MUTANT_H

enum core_mutant {
	CORE_MUTANT_NONE,
	CORE_MUTANT_NO_FENCE,    /* a report counts whoever sends it */
	CORE_MUTANT_NO_ROUND,    /* a retried task stays in its round */
	CORE_MUTANT_NO_VERSION,  /* a conditional set does not look at the version */
	CORE_MUTANT_NO_DELIVERY, /* an item is acknowledged under any fence */
	CORE_MUTANT_NO_LOCK      /* a lock is granted while it is held */
};

#ifdef CORE_MUTANTS
extern enum core_mutant core_mutant;
#define MUTANT(name) (core_mutant == CORE_MUTANT_##name)
#else
#define MUTANT(name) false
#endif

#endif
