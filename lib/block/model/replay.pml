/* SPDX-License-Identifier: MIT */
/* The model of losses, with a client that writes again what may be lost. */
#define RETAIN
#include "loss.pml"
