# SPDX-License-Identifier: Apache-2.0
# What every folder's CMakeLists.txt uses: compiler settings, gw_library() and gw_unit_tests().

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # POSIX and GNU names of libc; the language itself stays C17.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# -O2 without -march: the numbers that the benches print are those of a portable build.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")

option(GANGWAY_WERROR "Treat warnings as errors" ON)
option(GANGWAY_WARNINGS_ONLY "Look at every source file, and make nothing of it" OFF)
set(GANGWAY_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(GLIB REQUIRED IMPORTED_TARGET glib-2.0>=2.74)
# Not gmodule-2.0, whose flags would export every symbol of the program to plugins.
pkg_check_modules(GMODULE REQUIRED IMPORTED_TARGET gmodule-no-export-2.0>=2.74)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas>=0.3.21)
pkg_check_modules(CHECK IMPORTED_TARGET check>=0.15.2)

add_library(gw_settings INTERFACE)
target_compile_definitions(gw_settings INTERFACE
  GLIB_VERSION_MIN_REQUIRED=GLIB_VERSION_2_74 GLIB_VERSION_MAX_ALLOWED=GLIB_VERSION_2_74)
target_compile_options(gw_settings INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wpointer-arith -Wvla -Wundef -Wimplicit-fallthrough -ffp-contract=off -fno-common)
if(GANGWAY_WERROR)
  target_compile_options(gw_settings INTERFACE -Werror)
endif()
if(GANGWAY_WARNINGS_ONLY) # Warnings are the front end's; there is nothing to put together.
  target_compile_options(gw_settings INTERFACE -fsyntax-only)
  foreach(rule C_ARCHIVE_CREATE C_ARCHIVE_APPEND C_ARCHIVE_FINISH C_LINK_EXECUTABLE
               C_CREATE_SHARED_MODULE)
    set(CMAKE_${rule} true)
  endforeach()
endif()
if(GANGWAY_SANITIZE)
  target_compile_options(gw_settings INTERFACE
    -fsanitize=${GANGWAY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(gw_settings INTERFACE -fsanitize=${GANGWAY_SANITIZE})
endif()
target_include_directories(gw_settings INTERFACE "${CMAKE_SOURCE_DIR}/sim" "${CMAKE_SOURCE_DIR}")
target_link_libraries(gw_settings INTERFACE PkgConfig::GLIB m)

# gw_library(NAME [DEPENDS lib...]): a static library of every .c file in this folder.
function(gw_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.c")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC gw_settings ${arg_DEPENDS})
endfunction()

# gw_export_plugin_api(TARGET): plugins find in this program what the installed headers declare.
set(GANGWAY_PLUGIN_API "${CMAKE_SOURCE_DIR}/app/plugin_api.list")
function(gw_export_plugin_api target)
  target_link_options(${target} PRIVATE "LINKER:--dynamic-list=${GANGWAY_PLUGIN_API}")
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${GANGWAY_PLUGIN_API}")
endfunction()

# gw_plugin(NAME SOURCE): a shared object NAME.so for tests and examples.
function(gw_plugin name source)
  add_library(${name} MODULE "${source}")
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so")
  target_link_libraries(${name} PRIVATE gw_settings)
endfunction()

# What ThreadSanitizer has to look at: the tests of real/ and of the port's contract.
add_custom_target(threaded_tests)

# gw_test(NAME SOURCE LABEL [DEPENDS lib...]): one libcheck program, run by CTest.  LABEL may be a
# list.
function(gw_test name source label)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  add_executable(${name} "${source}")
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} PkgConfig::CHECK)
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests/lib")
  target_compile_definitions(${name} PRIVATE GW_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE -include "${CMAKE_SOURCE_DIR}/tests/lib/check_marks.h")
  if("unit" IN_LIST label) # Compiled more often than run for long.
    target_compile_options(${name} PRIVATE -O0)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  # A critical message of GLib is a bug of ours; threads of OpenBLAS would only blur timings;
  # libcheck's limit of 4 s would fail tests of a busy machine, and one that hangs ends by 80 s; and
  # GLib's slices go from thread to thread by ways that ThreadSanitizer does not see.
  set(environment "G_DEBUG=fatal-criticals;OPENBLAS_NUM_THREADS=1;CK_TIMEOUT_MULTIPLIER=20")
  if(GANGWAY_SANITIZE MATCHES "thread")
    list(APPEND environment "G_SLICE=always-malloc")
  endif()
  if("real" IN_LIST label OR "contract" IN_LIST label)
    add_dependencies(threaded_tests ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT 300
    ENVIRONMENT "${environment}")
endfunction()

# gw_unit_tests(LIBRARY name...): tests/unit/test_<name>.c, each a program over LIBRARY, labelled
# "unit" and with the library's folder.
function(gw_unit_tests library)
  string(REPLACE "gw_" "" layer ${library})
  foreach(unit IN LISTS ARGN)
    gw_test(test_${unit} "${CMAKE_SOURCE_DIR}/tests/unit/test_${unit}.c" "unit;${layer}"
            DEPENDS ${library})
  endforeach()
endfunction()
