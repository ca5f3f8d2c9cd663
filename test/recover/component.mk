# SPDX-License-Identifier: MIT
# The components of the scenarios crash, hang, reconfigure and nested.
$(call component,recover_test,main.c bank.c bank_client.c client.c hang.c life.c,base config contract contract_dispatch xml fmt string)
