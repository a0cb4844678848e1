/*
 * A fault while the store's file is read.
 */
#ifndef SCHEDULER_FAULT_H
#define SCHEDULER_FAULT_H

/*
 * LMDB trusts its file: a damaged page can send it to anywhere in the mapping. From now on a fault
 * at such an address ends the process with one line on stderr that names the state directory, and
 * exit code 7; any other fault does what it did. Once, before the store is opened.
 */
void fault_in_store_named(const char *state_dir);

#endif
