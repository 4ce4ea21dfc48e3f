# Compiler settings of the whole tree. LibTorch does the arithmetic, so -O1 is enough outside
# kernel files (deneb_kernel_sources) and halves the build time.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # also a condition for sharing the precompiled header
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

add_compile_options(-Wall -Wextra)
if(DENEB_WERROR)
  add_compile_options(-Werror)
endif()
if(DENEB_SANITIZE)
  list(JOIN DENEB_SANITIZE "," _sanitizers)
  add_compile_options(-fsanitize=${_sanitizers} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${_sanitizers})
endif()
if(DENEB_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

# deneb_kernel_sources(<target> <files...>)
#
# Files of a target whose loops are the hot path: full optimisation, without the shared header.
# Products and sums are not fused, so that results do not depend on the processor. at::parallel_for
# is a template of LibTorch's headers that runs on one thread where the file is compiled without
# OpenMP.
function(deneb_kernel_sources target)
  set(options -O3 -ffp-contract=off ${OpenMP_CXX_FLAGS})
  set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target}
                              PROPERTIES COMPILE_OPTIONS "${options}" SKIP_PRECOMPILE_HEADERS ON)
  target_link_libraries(${target} PRIVATE ${OpenMP_CXX_LIBRARIES})
endfunction()

# deneb_share_pch(<target> [WITHOUT_TORCH])
#
# Shares a precompiled header with a target that links Deneb::deneb. WITHOUT_TORCH: the small one,
# for targets whose files include no LibTorch header. GCC instantiates the templates that wait in the
# large one again for every file, which costs about 4 s each.
function(deneb_share_pch target)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "WITHOUT_TORCH" "" "")
  set(pch deneb_pch)
  if(ARG_WITHOUT_TORCH)
    set(pch deneb_json_pch)
  endif()
  if(DENEB_PCH AND TARGET ${pch})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "EXECUTABLE")
      # CMake would compile with -fPIE, and GCC then refuses a header made with -fPIC.
      set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${target} PRIVATE -fPIC)
    endif()
    target_precompile_headers(${target} REUSE_FROM ${pch})
  endif()
endfunction()
