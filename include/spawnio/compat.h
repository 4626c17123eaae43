/* SPDX-License-Identifier: ISC */
/* popen, pclose and system become the calls of libspawnio:
 *
 *	cc -include spawnio/compat.h ... -lspawnio */

#ifndef SPAWNIO_COMPAT_H
#define SPAWNIO_COMPAT_H

/* In C, nothing is included: a source that is compiled with -include has still
 * to say which features it wants of the headers.  They declare the new names as
 * they would the old. */
#ifdef __cplusplus
# include <cstdio>
# include <cstdlib>
# include <spawnio.h>
/* <cstdlib> has declared std::system by its old name. */
namespace std
{
using ::ssystem;
}
#endif

#define popen	spopen
#define pclose	spclose
#define system	ssystem

#endif
