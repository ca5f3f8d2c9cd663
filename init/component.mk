# SPDX-License-Identifier: MIT
# init: children, quotas and routes from a configuration.
$(call component,init,main.c child.c child_build.c config_rom.c parent.c session.c session_server.c upstream.c \
	config.c config_check.c route.c quota.c, base contract contract_dispatch child xml fmt string)
