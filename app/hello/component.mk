# SPDX-License-Identifier: MIT
# app/hello: the tutorial's component.
$(call component,hello,main.c,base config)
