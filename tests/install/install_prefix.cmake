# cmake -DBUILD= -DROOT= -DLIBDIR= -P install_prefix.cmake
# Installs BUILD into ROOT/prefix and checks what a user needs of it.
set(prefix ${ROOT}/prefix)
file(REMOVE_RECURSE ${ROOT})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${ROOT}/staged
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
# Moved after the installation: the package may not depend on where it was installed to.
file(RENAME ${ROOT}/staged ${prefix})

foreach(path bin/deneb ${LIBDIR}/libdeneb.so ${LIBDIR}/deneb/plugins include/deneb/config.h
             include/deneb/plugin/plugin.h ${LIBDIR}/cmake/Deneb/DenebConfig.cmake
             ${LIBDIR}/cmake/Deneb/DenebPlugin.cmake)
  if(NOT EXISTS ${prefix}/${path})
    message(FATAL_ERROR "not installed: ${path}")
  endif()
endforeach()

file(GLOB_RECURSE built RELATIVE ${BUILD}/lib/deneb/plugins ${BUILD}/lib/deneb/plugins/*.so)
file(GLOB_RECURSE installed RELATIVE ${prefix}/${LIBDIR}/deneb/plugins
     ${prefix}/${LIBDIR}/deneb/plugins/*.so)
if(NOT "${built}" STREQUAL "${installed}")
  message(FATAL_ERROR "plugins built: ${built}\nplugins installed: ${installed}")
endif()

# The program uses the libdeneb beside it, wherever the prefix lies.
execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=LD_LIBRARY_PATH ldd ${prefix}/bin/deneb
                OUTPUT_VARIABLE libraries COMMAND_ERROR_IS_FATAL ANY)
if(NOT libraries MATCHES "libdeneb[^\n]*=> ([^ \n]+)")
  message(FATAL_ERROR "bin/deneb does not use libdeneb:\n${libraries}")
endif()
get_filename_component(used ${CMAKE_MATCH_1} REALPATH)
get_filename_component(expected ${prefix}/${LIBDIR}/libdeneb.so REALPATH)
if(NOT used STREQUAL expected)
  message(FATAL_ERROR "bin/deneb uses ${used} instead of ${expected}")
endif()
