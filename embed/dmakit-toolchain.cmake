# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DCMAKE_TOOLCHAIN_FILE=.../dmakit-toolchain.cmake: build for the virt machine.
# With GCC, the first of those that are here, or $CROSS_COMPILE's; -DDMAKIT_LLVM=ON: with
# clang and lld.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DMAKIT_LLVM)
if(DMAKIT_LLVM)
    set(CMAKE_C_COMPILER clang)
    set(CMAKE_CXX_COMPILER clang++)
    set(CMAKE_ASM_COMPILER clang)
    foreach(_dmakit_language C CXX ASM)
        set(CMAKE_${_dmakit_language}_COMPILER_TARGET aarch64-none-elf)
    endforeach()
else()
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
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# The prefix of this file is looked into without being named.
get_filename_component(_dmakit_here "${CMAKE_CURRENT_LIST_DIR}" ABSOLUTE)
set(dmakit_DIR "${_dmakit_here}" CACHE PATH "where dmakit's package is")
