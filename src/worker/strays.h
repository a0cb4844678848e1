/*
 * What is left of a command whose slot's helper was killed: the kernel kills the command with the
 * helper, but not what it started.
 */
#ifndef WORKER_STRAYS_H
#define WORKER_STRAYS_H

/*
 * Kills all processes of this user that have NAME=VALUE in the environment they began with, until
 * there are none, for two seconds at most. What has cleared its environment is not found. Blocks.
 */
void strays_end(const char *name, const char *value);

#endif
