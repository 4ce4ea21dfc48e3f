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
# Programs need not look for what LibTorch's 280 libraries lack: 0.2 s for a link instead of 0.7 s.
add_link_options(LINKER:--allow-shlib-undefined)
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

# deneb_unity(<target>)
#
# Compiles neighboring files of a target as one, up to six of a folder at a time: GCC instantiates
# the templates that wait in a precompiled header again for every file that it starts, which costs
# 2 s with LibTorch's. Left alone are files with properties of their own (kernel files, files that
# embed others). Within a folder, names in unnamed namespaces are therefore unique.
function(deneb_unity target)
  # Properties of files are often set after the target is made.
  if(DENEB_UNITY)
    cmake_language(EVAL CODE "cmake_language(DEFER CALL deneb_group_sources [[${target}]])")
  endif()
endfunction()

function(deneb_group_sources target)
  set(largest_group 6)
  get_target_property(sources ${target} SOURCES)
  get_target_property(directory ${target} SOURCE_DIR)
  set(folders)
  foreach(source ${sources})
    if(NOT source MATCHES "\\.cpp$" OR source MATCHES "\\$<")
      continue()
    endif()
    set(own_properties "")
    foreach(property COMPILE_OPTIONS COMPILE_DEFINITIONS GENERATED OBJECT_DEPENDS
                     SKIP_PRECOMPILE_HEADERS SKIP_UNITY_BUILD_INCLUSION)
      get_source_file_property(value ${source} TARGET_DIRECTORY ${target} ${property})
      if(value)
        list(APPEND own_properties ${property})
      endif()
    endforeach()
    if(own_properties)
      continue()
    endif()
    get_filename_component(file ${source} ABSOLUTE BASE_DIR ${directory})
    get_filename_component(folder ${file} DIRECTORY)
    file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${folder})
    string(MAKE_C_IDENTIFIER "${folder}" folder)
    list(APPEND folders ${folder})
    list(APPEND files_${folder} ${source})
  endforeach()
  list(REMOVE_DUPLICATES folders)
  # Files that are alone in their folder make a group of their own.
  set(files_rest)
  foreach(folder ${folders})
    list(LENGTH files_${folder} count)
    if(count EQUAL 1)
      list(APPEND files_rest ${files_${folder}})
      list(REMOVE_ITEM folders ${folder})
    endif()
  endforeach()
  foreach(folder ${folders} rest)
    list(SORT files_${folder})
    list(LENGTH files_${folder} count)
    math(EXPR groups "(${count} + ${largest_group} - 1) / ${largest_group}")
    set(index 0)
    foreach(source ${files_${folder}})
      math(EXPR group "${index} * ${groups} / ${count}")
      math(EXPR index "${index} + 1")
      if(count GREATER 1)
        set_source_files_properties(${source} TARGET_DIRECTORY ${target}
                                    PROPERTIES UNITY_GROUP ${folder}_${group})
      endif()
    endforeach()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# deneb_share_pch(<target> [WITHOUT_TORCH])
#
# Shares a precompiled header with a target that links Deneb::deneb, and compiles its files in groups
# (deneb_unity). WITHOUT_TORCH: the small header, for targets whose files include no LibTorch header.
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
  deneb_unity(${target})
endfunction()
