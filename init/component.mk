# SPDX-License-Identifier: MIT
# init: children, quotas and routes from a configuration.
$(call component,init,main.c child.c child_build.c config_rom.c parent.c session.c session_server.c upstream.c \
	config.c config_check.c route.c quota.c, base contract contract_dispatch child xml fmt string)
INIT_MODEL := config.c config_check.c route.c quota.c /lib/xml/xml.c /lib/fmt/fmt.c /lib/fmt/parse.c \
	/lib/fmt/status_text.c /lib/string/string.c
$(call host_test,init_config_test,test/config_test.c $(INIT_MODEL))
$(call host_test,init_session_test,test/session_test.c session.c session_server.c upstream.c /lib/base/session_arg.c \
	$(INIT_MODEL))
$(call fuzz_test,init_config_fuzz,fuzz/config_fuzz.c $(INIT_MODEL))
