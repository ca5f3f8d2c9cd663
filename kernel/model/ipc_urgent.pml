/* SPDX-License-Identifier: MIT */
/*
 * An urgent client (ipc.pml): its calls end however short the turns are, and a server that it waits for serves nobody before
 * it (the bound on priority inversion: what is under way when it calls).
 */
#define CONTROLS 2
#define URGENT
#include "ipc.pml"
