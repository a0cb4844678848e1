/*
 * Descriptors 0, 1 and 2. Who starts a program may have closed them; what the program opens next
 * would then get their numbers, and a socket or a store's file take what is printed.
 */
#ifndef COMMON_STDFDS_H
#define COMMON_STDFDS_H

#include <stdbool.h>

/*
 * First thing in main(): opens /dev/null for those that are closed. stdout_needed: printing to a
 * closed stdout shall fail (EBADF), as reading a closed stdin does; else it is dropped. Where not
 * even /dev/null can be opened, this ends the process.
 */
void stdfds_fill(bool stdout_needed);

#endif
