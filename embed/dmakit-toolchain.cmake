# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DCMAKE_TOOLCHAIN_FILE=.../dmakit-toolchain.cmake: build for the virt machine.
# CROSS_COMPILE names another toolchain than the first of those that are here.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
if(DEFINED ENV{CROSS_COMPILE})
    find_program(DMAKIT_GCC NAMES "$ENV{CROSS_COMPILE}gcc" REQUIRED)
else()
    find_program(DMAKIT_GCC NAMES aarch64-none-elf-gcc aarch64-elf-gcc aarch64-linux-gnu-gcc REQUIRED)
endif()
string(REGEX REPLACE "gcc$" "" DMAKIT_CROSS "${DMAKIT_GCC}")
set(CMAKE_C_COMPILER "${DMAKIT_GCC}")
if(EXISTS "${DMAKIT_CROSS}g++")
    set(CMAKE_CXX_COMPILER "${DMAKIT_CROSS}g++")
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# The prefix of this file is looked into without being named.
get_filename_component(_dmakit_here "${CMAKE_CURRENT_LIST_DIR}" ABSOLUTE)
set(dmakit_DIR "${_dmakit_here}" CACHE PATH "where dmakit's package is")
