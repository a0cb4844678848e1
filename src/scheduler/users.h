/*
 * Users and groups of this machine, as its databases name them. Calls may wait for a name service.
 * Any thread.
 */
#ifndef SCHEDULER_USERS_H
#define SCHEDULER_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The user's name, or its number where it has none. free() it. */
char *user_name_of(uid_t uid);
/* A group by its name or number. False: there is none. */
bool group_find(const char *name, gid_t *out);
/* Is a process of this user and group in the group, now or by the databases? */
bool group_has(gid_t group, uid_t uid, gid_t gid);
/* Lets the group reach a socket: the directory that it is in is its, and passable, where it is ours
 * and closed to others. False: errno. */
bool group_let_pass(gid_t group, const char *socket_path);

#endif
