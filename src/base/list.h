/*
 * An intrusive doubly linked list around a head. A node removed is re-initialised, so that
 * list_is_linked() is always right and removing twice is harmless. Not thread-safe.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#ifndef container_of
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#endif

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

/* Of a node: is it in some list? */
static inline bool list_is_linked(const struct list *node)
{
	return node->next != node;
}

static inline void list_insert_between(struct list *node, struct list *prev, struct list *next)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

/* The node must be initialised or new, and in no list. */
static inline void list_push_back(struct list *head, struct list *node)
{
	list_insert_between(node, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *node)
{
	list_insert_between(node, head, head->next);
}

static inline void list_insert_before(struct list *at, struct list *node)
{
	list_insert_between(node, at->prev, at);
}

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* First and last node, or NULL. */
static inline struct list *list_first(const struct list *head)
{
	return list_is_empty(head) ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
	return list_is_empty(head) ? NULL : head->prev;
}

/* Removes and returns the first node, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
	struct list *node = list_first(head);

	if (node)
		list_remove(node);
	return node;
}

/* Moves all nodes of `from` behind those of `to`, in order; `from` is empty after. */
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)

/* for_each: the node must not be removed in the body; for_each_safe: the current one may. */
#define list_for_each(pos, head)                                                                   \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

#define list_for_each_safe(pos, tmp, head)                                                         \
	for (struct list *pos = (head)->next, *tmp = pos->next; pos != (head);                     \
		pos = tmp, tmp = pos->next)

#define list_for_each_entry(pos, head, type, member)                                               \
	for (type *pos = container_of((head)->next, type, member); &pos->member != (head);         \
		pos = container_of(pos->member.next, type, member))

#define list_for_each_entry_safe(pos, tmp, head, type, member)                                     \
	for (type *pos = container_of((head)->next, type, member),                                 \
		  *tmp = container_of(pos->member.next, type, member);                             \
		&pos->member != (head);                                                            \
		pos = tmp, tmp = container_of(tmp->member.next, type, member))

#endif
