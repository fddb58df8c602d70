# SPDX-License-Identifier: BSD-2-Clause
#
# find_package(dmakit 1 REQUIRED CONFIG) gives the targets
#   dmakit::dmakit         the runtime with newlib: linking it makes an image
#   dmakit::nolibc         the same without a libc
#   dmakit::harness        the same with newlib and the test harness
#   dmakit::descriptors    the classes alone, over a port of yours
# for an aarch64 GCC, or for clang with lld: dmakit-toolchain.cmake beside this file is one
# way to name them.
get_filename_component(_dmakit_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
get_filename_component(_dmakit_include "${CMAKE_CURRENT_LIST_DIR}/@INCLUDE@" ABSOLUTE)
set(_dmakit_parts "${_dmakit_lib}/dmakit.specs.d")
set(_dmakit_flags -fno-pie -mno-outline-atomics -ffunction-sections -fdata-sections)
set(_dmakit_clang FALSE)
if("${CMAKE_C_COMPILER_ID}${CMAKE_CXX_COMPILER_ID}" MATCHES "Clang")
    set(_dmakit_clang TRUE)
    list(APPEND _dmakit_flags -nostdlibinc -Wframe-larger-than=1048576)
else()
    list(APPEND _dmakit_flags -fstack-clash-protection)
endif()
set(_dmakit_headers "${_dmakit_parts}/newlib/include" "${_dmakit_include}" "${_dmakit_include}/dmakit")

foreach(_dmakit_kind dmakit nolibc harness)
    if(NOT TARGET dmakit::${_dmakit_kind})
        add_library(dmakit::${_dmakit_kind} INTERFACE IMPORTED)
        set(_dmakit_runtime "${_dmakit_lib}/libdmakit.a")
        set(_dmakit_libc "${_dmakit_parts}/newlib/lib/libc.a" "${_dmakit_parts}/newlib/lib/libm.a")
        set(_dmakit_option "SHELL:")
        set(_dmakit_exit "-Wl,-u,exit,-u,atexit")
        if(_dmakit_kind STREQUAL nolibc)
            set(_dmakit_option --libc=none)
            set(_dmakit_libc "${_dmakit_lib}/libdmakit-nolibc.a")
            set(_dmakit_exit "SHELL:")
        elseif(_dmakit_kind STREQUAL harness)
            set(_dmakit_option --libc=harness)
            set(_dmakit_runtime "${_dmakit_lib}/libdmakit-harness.a")
        endif()
        set_target_properties(dmakit::${_dmakit_kind} PROPERTIES
            INTERFACE_COMPILE_OPTIONS "${_dmakit_flags}"
            INTERFACE_INCLUDE_DIRECTORIES "${_dmakit_headers}"
            INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${_dmakit_headers}"
            INTERFACE_LINK_DEPENDS "${_dmakit_parts}/dmakit.ld;${_dmakit_runtime}")
        if(_dmakit_clang)
            set_target_properties(dmakit::${_dmakit_kind} PROPERTIES
                INTERFACE_LINK_OPTIONS "-fuse-ld=lld;-nostdlib;-static;-Wl,--gc-sections,--build-id=none,-z,max-page-size=4096;${_dmakit_exit};-T${_dmakit_parts}/dmakit.ld"
                INTERFACE_LINK_LIBRARIES "${_dmakit_runtime};-Wl,--start-group;${_dmakit_lib}/libdmakit-cxx.a;${_dmakit_libc};${_dmakit_parts}/libgcc.a;-Wl,--end-group")
        else()
            set_target_properties(dmakit::${_dmakit_kind} PROPERTIES
                INTERFACE_LINK_OPTIONS "--specs=${_dmakit_lib}/dmakit.specs;${_dmakit_option}")
        endif()
    endif()
endforeach()

if(NOT TARGET dmakit::descriptors)
    add_library(dmakit::descriptors STATIC IMPORTED)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64 AND CMAKE_CROSSCOMPILING)
        set(_dmakit_folder "${_dmakit_lib}")
    else()
        set(_dmakit_folder "${_dmakit_lib}/dmakit-host")
    endif()
    set_target_properties(dmakit::descriptors PROPERTIES
        IMPORTED_LOCATION "${_dmakit_folder}/libdmakit-descriptors.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_dmakit_include}/dmakit/port;${_dmakit_include}/dmakit"
        INTERFACE_LINK_LIBRARIES "${_dmakit_folder}/libdmakit-port.a")
endif()
