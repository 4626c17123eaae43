/* SPDX-License-Identifier: ISC */
/* Launches, and nothing else: for strace(1), perf(1) and callgrind. */

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "peers.h"

static const struct peer *const peers[] = { &peer_popen, &peer_spopen };

static const struct peer *
find(const char *name)
{
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		if (strcmp(peers[i]->name, name) == 0)
			return peers[i];
	errx(2, "%s: no such peer", name);
}

int
main(int argc, char **argv)
{
	struct command command = { NULL, NULL };
	struct way way = { .command = &command };
	double us[SPANS];

	if (argc != 4)
		errx(2, "usage: again peer number command");
	way.peer = find(argv[1]);
	command.text = argv[3];
	for (long i = strtol(argv[2], NULL, 10); i > 0; i--)
		if (peer_once(&way, us) == -1)
			return 1;
	return 0;
}
