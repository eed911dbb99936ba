# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where: the program, its data, and what a plugin is built with.  All
# places are seen from each other, so --prefix, DESTDIR and a moved folder work alike.
install(TARGETS gangway RUNTIME)
install(DIRECTORY configs plots DESTINATION "${CMAKE_INSTALL_DATADIR}/gangway")
install(FILES examples/policy/Makefile examples/policy/README.md examples/policy/my_policy.c
              examples/policy/scenario.json
        DESTINATION "${CMAKE_INSTALL_DATADIR}/gangway/examples/policy")
install(FILES README.md LICENSE CHANGELOG.md docs/PLUGINS.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# The headers that a plugin may include, under the names that they have here.
foreach(header base/check.h base/error.h base/params.h base/units.h controller/policy.h)
  get_filename_component(folder "${header}" DIRECTORY)
  install(FILES "sim/${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/gangway/${folder}")
endforeach()

file(STRINGS sim/controller/policy.h abi_line REGEX "^#define GW_POLICY_ABI [0-9]+$")
string(REGEX MATCH "[0-9]+$" GANGWAY_POLICY_ABI "${abi_line}")
if(NOT GANGWAY_POLICY_ABI)
  message(FATAL_ERROR "sim/controller/policy.h: no line \"#define GW_POLICY_ABI number\"")
endif()
set(pc_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH GANGWAY_PREFIX_FROM_PC "/${pc_folder}" "/")
string(REGEX REPLACE "/$" "" GANGWAY_PREFIX_FROM_PC "${GANGWAY_PREFIX_FROM_PC}")
configure_file(cmake/gangway.pc.in gangway.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/gangway.pc" DESTINATION "${pc_folder}")
