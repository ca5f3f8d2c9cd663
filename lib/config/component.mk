# SPDX-License-Identifier: MIT
# lib/config: a component's own configuration.
$(call library,config,config.c,base contract xml fmt string)
