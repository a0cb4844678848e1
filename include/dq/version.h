/* The version of libdq, for programs that can do with several. */
#ifndef DQ_VERSION_H
#define DQ_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library in use, such as "0.1.0": static, never NULL. Any thread may call it.
 */
const char *dq_version(void);

#ifdef __cplusplus
}
#endif

#endif
