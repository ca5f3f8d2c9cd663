# SPDX-License-Identifier: MIT
# init: children, quotas and routes from a configuration.
INIT_CONFIG := config.c config_reader.c config_route.c config_start.c config_check.c route.c quota.c affinity.c difference.c
$(call component,init,main.c own_config.c reconfigure.c child.c child_end.c child_build.c config_rom.c parent.c resource.c \
	heartbeat.c report.c session.c session_server.c offer.c upstream.c $(INIT_CONFIG),\
	base contract contract_dispatch child xml fmt string)
INIT_MODEL := $(INIT_CONFIG) /lib/base/session_arg.c /lib/xml/xml.c /lib/fmt/fmt.c /lib/fmt/parse.c \
	/lib/fmt/status_text.c /lib/string/string.c
$(call host_test,init_config_test,test/config_test.c $(INIT_MODEL))
$(call host_test,init_difference_test,test/difference_test.c $(INIT_MODEL))
$(call host_test,init_session_test,test/session_test.c session.c session_server.c offer.c upstream.c $(INIT_MODEL))
$(call fuzz_test,init_config_fuzz,fuzz/config_fuzz.c $(INIT_MODEL))
$(call host_test,init_config_oracle,test/config_oracle_test.c $(INIT_MODEL),-D_GNU_SOURCE -lexpat)
