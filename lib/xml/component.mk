# SPDX-License-Identifier: MIT
# lib/xml: a strict subset of XML, read in place; expat is the oracle of its test.
$(call library,xml,xml.c,fmt string)
$(call host_test,xml_test,test/xml_test.c xml.c /lib/fmt/parse.c)
$(call host_test,xml_oracle_test,test/xml_oracle_test.c xml.c /lib/fmt/parse.c,-D_GNU_SOURCE -lexpat)
