# SPDX-License-Identifier: MIT
# server/timer: TIMER sessions.
$(call component,timer,main.c alarm.c,base contract contract_dispatch fmt string)
$(call host_test,timer_alarm_test,test/alarm_test.c alarm.c /lib/base/timeout.c)
