# deneb_add_plugin(<name> SOURCES <files...> [LIBRARIES <libs...>] [WITHOUT_TORCH])
#
# Builds <name>.so, a plugin that `deneb` can load. The same call serves plugins of this tree and,
# through find_package(Deneb), plugins of users. In this tree the file goes to the folder that the
# built `deneb` searches, and is installed. WITHOUT_TORCH says that no file includes a LibTorch
# header; it makes the build of this tree faster and changes nothing elsewhere.
function(deneb_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "WITHOUT_TORCH" "" "SOURCES;LIBRARIES")
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "deneb_add_plugin(${name}): no SOURCES given")
  endif()
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "deneb_add_plugin(${name}): unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE Deneb::deneb ${ARG_LIBRARIES})
  # A symbol that nothing provides is found here and not by the user who loads the plugin.
  target_link_options(${name} PRIVATE LINKER:--no-undefined)
  # The C++ standard is part of the ABI tag that `deneb` checks.
  set_target_properties(
    ${name}
    PROPERTIES PREFIX ""
               CXX_STANDARD 17
               CXX_STANDARD_REQUIRED ON
               CXX_EXTENSIONS OFF
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               POSITION_INDEPENDENT_CODE ON)
  if(COMMAND deneb_share_pch) # in-tree
    if(ARG_WITHOUT_TORCH)
      deneb_share_pch(${name} WITHOUT_TORCH)
    else()
      deneb_share_pch(${name})
    endif()
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY
                                             ${CMAKE_BINARY_DIR}/lib/deneb/plugins)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/deneb/plugins)
  endif()
endfunction()
