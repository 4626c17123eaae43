/* SPDX-License-Identifier: ISC */
/* A library that does nothing: what preloading costs whatever is preloaded. */

extern const int spio_empty;
const int spio_empty = 0;
