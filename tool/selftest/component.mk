# SPDX-License-Identifier: MIT
$(call tool_test,tool_deps,deps_test)
$(call tool_test,tool_run,run_test.py)
$(call tool_test,tool_checks,checks_test.py)
$(call tool_test,tool_config,config_test.py)
$(call tool_test,tool_figures,figures_test.py)
$(call tool_test,reproducible,reproducible_test.py)
$(call tool_test,tool_quotes,quotes_test.py)
$(call tool_test,kvm_probe,kvm_probe_test.py)
