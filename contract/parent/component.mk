# SPDX-License-Identifier: MIT
# The life of sessions between client, parent and server, as a model. What is compiled of this folder is in contract/component.mk.
$(call spin_model,session_model,model/session.pml,-DSAFETY -m1000000)
$(call host_test,session_mutants,test/session_mutants.c)
