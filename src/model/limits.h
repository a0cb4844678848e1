/*
 * Every declared maximum, by name (features.md, 9). A limit exceeded is refused with an error that
 * names it: LIMIT_TEXT(KEY_BYTES) is "key: at most 255 bytes". X(name, value, text)
 */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

#define LIMITS(X)                                                                                  \
	X(KEY_BYTES, 255, "key: at most 255 bytes")                                                \
	X(NAMESPACE_BYTES, 64, "namespace: at most 64 bytes")                                      \
	X(NAME_BYTES, 255, "name: at most 255 bytes")                                              \
	X(FUNCTION_BYTES, 255, "function name: at most 255 bytes")                                 \
	X(TYPE_BYTES, 64, "type name: at most 64 bytes")                                           \
	X(SPEC_BYTES, 1 << 20, "spec: at most 1 MiB a task")                                       \
	X(ARGV_WORDS, 4096, "argv: at most 4096 words")                                            \
	X(ENV_ENTRIES, 1024, "env: at most 1024 entries")                                          \
	X(DEPS_PER_TASK, 65536, "dependencies: at most 65536 a task")                              \
	X(SUBMIT_TASKS, 65536, "submit: at most 65536 tasks a request")                            \
	X(SUBMIT_BYTES, 8 << 20, "submit: at most 8 MiB a request")                                \
	X(ARRAY_ELEMENTS, 1 << 27, "array: at most 134217728 elements")                            \
	X(LABELS, 16, "labels: at most 16")                                                        \
	X(LABEL_BYTES, 64, "label: at most 64 bytes")                                              \
	X(INLINE_VALUE, 4096, "inline value: at most 4 KiB")                                       \
	X(VALUE_FRAMES, 256, "value: at most 256 frames")                                          \
	X(MESSAGE_BYTES, 1024, "error message: at most 1 KiB")                                     \
	X(STDERR_TAIL, 2048, "tail of standard error: 2 KiB")                                      \
	X(NESTING, 64, "nesting: at most 64 deep")                                                 \
	X(FRAME_BYTES, 16 << 20, "frame: at most 16 MiB")                                          \
	X(HELLO_BYTES, 4096, "frame before admission: at most 4 KiB")                              \
	X(CONNECTIONS, 16384, "connections: at most 16384")                                        \
	X(PENDING_BYTES, 64 << 20, "unsent bytes: at most 64 MiB a connection")                    \
	X(RUNS, 65536, "runs of ids: at most 65536 a request")                                     \
	X(SLOTS, 4096, "slots: at most 4096 a worker")                                             \
	X(CREDIT, 65536, "credit: at most 65536 a worker")                                         \
	X(SESSIONS, 1 << 20, "sessions: at most 1048576")                                          \
	X(WORKERS, 65536, "workers: at most 65536")                                                \
	X(QUERY_ROWS, 4096, "rows of an answer: at most 4096 a part")                              \
	X(QUERY_KEYS, 65536, "keys: at most 65536 a query")                                        \
	X(WATCHES, 1 << 20, "watches: at most 1048576 a connection")                               \
	X(GETS, 65536, "values that are awaited: at most 65536 a connection")                      \
	X(TERMS_NAMES, 16, "resources, workers, hosts, worker labels: at most 16 of each")         \
	X(GRAPH_PARTS, 4096, "graph: at most 4096 parts")                                          \
	X(GRAPH_BYTES, 1 << 30, "graph: at most 1 GiB of specs")                                   \
	X(ARRAY_EDGES, 1 << 22, "array: at most 4194304 dependencies of all its elements")         \
	X(CONTENT_BYTES, 1 << 20, "content: at most 1 MiB")                                        \
	X(DEAL_OPS, 4096, "operations: at most 4096 at once")                                      \
	X(THINGS, 1 << 20, "named things: at most 1048576")                                        \
	X(AWAITS, 65536, "waits for named things: at most 65536 a connection")                     \
	X(CLAIM_PARTS, 64, "locks: at most 64 at once")                                            \
	X(CLAIMS, 1 << 20, "holds of locks, and waits for them: at most 1048576")                  \
	X(SESSION_CLAIMS, 1024, "holds of locks, and waits for them: at most 1024 a session")      \
	X(TOPIC_MARKS, 128, "topic: at most 128 marks")                                            \
	X(DATASET_TASKS, 65536, "datasets: at most 65536 tasks at once")                           \
	X(PUT_ITEMS, 4096, "items: at most 4096 a put")                                            \
	X(GRANT_ITEMS, 1024, "items: at most 1024 a grant")                                        \
	X(DELAYED, 1 << 20, "delayed and delivered items: at most 1048576 in a queue")             \
	X(RANKS, 65535, "priorities: at most 65535 in a queue")                                    \
	X(EFFECTS_BYTES, 1 << 20, "transaction of a task: at most 1 MiB")                          \
	X(ACT_TASKS, 65536, "act: at most 65536 tasks that are named one by one")

enum limit {
#define LIMIT_ENUM(name, value, text) LIMIT_##name = (value),
	LIMITS(LIMIT_ENUM)
#undef LIMIT_ENUM
};

#define LIMIT_TEXT(name) limit_text(LIMIT_INDEX_##name)

enum limit_index {
#define LIMIT_INDEX_ENUM(name, value, text) LIMIT_INDEX_##name,
	LIMITS(LIMIT_INDEX_ENUM)
#undef LIMIT_INDEX_ENUM
		LIMIT_COUNT
};

/* The error text of a limit; static. */
const char *limit_text(enum limit_index limit);

#endif
