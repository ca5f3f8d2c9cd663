# SPDX-License-Identifier: MIT
# contract: clients and dispatch of all services; a program links only what it calls.
$(call library,contract,log/client.c rom/client.c timer/client.c terminal/client.c io_mem/client.c io_port/client.c \
    irq/client.c vm/client.c accounts/client.c report/client.c platform/client.c dma/client.c block/client.c,base)
CONTRACT_DISPATCH := $(addsuffix /dispatch.c,log rom timer terminal io_mem io_port irq dma vm parent pd accounts report platform block) \
    pd/serve_memory.c pd/serve_domain.c
$(call library,contract_dispatch,$(CONTRACT_DISPATCH),base_pure)
$(call host_test,service_dispatch_test,test/service_dispatch_test.c $(CONTRACT_DISPATCH) /lib/base/dispatch.c)
$(call host_test,core_dispatch_test,test/core_dispatch_test.c $(CONTRACT_DISPATCH) /lib/base/dispatch.c)
$(call host_test,platform_dispatch_test,test/platform_dispatch_test.c $(CONTRACT_DISPATCH) /lib/base/dispatch.c)
