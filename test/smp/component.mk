# SPDX-License-Identifier: MIT
# test/smp: components on several processors, for scenario/smp.
$(call component,smp_server,server.c,base contract contract_dispatch fmt string)
$(call component,smp_client,client.c,base contract ring fmt string)
