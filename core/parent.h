/* SPDX-License-Identifier: MIT */
/* Core as init's parent. */
#ifndef CORE_PARENT_H
#define CORE_PARENT_H

#include "core/pd.h"

/* Makes the portal that init gets as its parent; sessions are paid from the account of `pd`. */
[[nodiscard]] enum status parent_create(struct pd *pd, uint32_t *portal);

[[nodiscard]] enum status parent_core_dispatch(struct dispatch *d);

#endif
