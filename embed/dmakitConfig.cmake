# SPDX-License-Identifier: BSD-2-Clause
#
# find_package(dmakit 1 REQUIRED CONFIG) gives the targets
#   dmakit::dmakit         the runtime with newlib: linking it makes an image
#   dmakit::nolibc         the same without a libc
#   dmakit::harness        the same with newlib and the test harness
#   dmakit::descriptors    the classes alone, over a port of yours
# for an aarch64 GCC: dmakit-toolchain.cmake beside this file is one way to name it.
get_filename_component(_dmakit_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
get_filename_component(_dmakit_include "${CMAKE_CURRENT_LIST_DIR}/@INCLUDE@" ABSOLUTE)
set(_dmakit_flags -fno-pie -mno-outline-atomics -fstack-clash-protection -ffunction-sections -fdata-sections)

foreach(_dmakit_kind dmakit nolibc harness)
    if(NOT TARGET dmakit::${_dmakit_kind})
        add_library(dmakit::${_dmakit_kind} INTERFACE IMPORTED)
        set(_dmakit_options "--specs=${_dmakit_lib}/dmakit.specs")
        if(_dmakit_kind STREQUAL nolibc)
            list(APPEND _dmakit_options --libc=none)
        elseif(_dmakit_kind STREQUAL harness)
            list(APPEND _dmakit_options --libc=harness)
        endif()
        set_target_properties(dmakit::${_dmakit_kind} PROPERTIES
            INTERFACE_COMPILE_OPTIONS "${_dmakit_flags}"
            INTERFACE_INCLUDE_DIRECTORIES "${_dmakit_include};${_dmakit_include}/dmakit"
            INTERFACE_SYSTEM_INCLUDE_DIRECTORIES
                "${_dmakit_lib}/dmakit.specs.d/newlib/include;${_dmakit_include};${_dmakit_include}/dmakit"
            INTERFACE_LINK_OPTIONS "${_dmakit_options}"
            INTERFACE_LINK_DEPENDS "${_dmakit_lib}/dmakit.specs.d/dmakit.ld;${_dmakit_lib}/libdmakit.a")
        target_include_directories(dmakit::${_dmakit_kind} INTERFACE
            "${_dmakit_lib}/dmakit.specs.d/newlib/include")
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
