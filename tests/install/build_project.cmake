# cmake -DNAME= -DSOURCE= -DROOT= -DLIBDIR= -DGENERATOR= -DCOMPILER= -DFLAGS= -DTORCH_DIR= -DNM=
#       -P build_project.cmake
# Builds a project outside of the tree against ROOT/prefix and has the installed `deneb` load each
# plugin that came out.
set(prefix ${ROOT}/prefix)
set(build ${ROOT}/${NAME})
set(clean_env ${CMAKE_COMMAND} -E env --unset=LD_LIBRARY_PATH --unset=DENEB_PLUGIN_PATH)
file(REMOVE_RECURSE ${build})

# `plugin` is in the "plugins" of the listing, and registers something.
function(check_listed listing plugin)
  file(REAL_PATH ${plugin} expected)
  string(JSON count ERROR_VARIABLE error LENGTH "${listing}" plugins)
  if(NOT error AND count GREATER 0)
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
      string(JSON path ERROR_VARIABLE error GET "${listing}" plugins ${i} path)
      string(JSON registers ERROR_VARIABLE error LENGTH "${listing}" plugins ${i} registers)
      if(path STREQUAL expected AND registers GREATER 0)
        return()
      endif()
    endforeach()
  endif()
  message(FATAL_ERROR "`deneb plugins --plugin ${plugin} --json` does not list it:\n${listing}")
endfunction()

execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${build} -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
          -DTorch_DIR=${TORCH_DIR} -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} COMMAND_ERROR_IS_FATAL ANY)

file(GLOB_RECURSE plugins ${build}/*.so)
if(NOT plugins)
  message(FATAL_ERROR "${NAME} built no plugin (*.so) below ${build}")
endif()
foreach(plugin ${plugins})
  execute_process(COMMAND ${NM} -D --defined-only ${plugin} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "deneb_plugin_v[0-9]+_torch[0-9]+_[0-9]+_cxx11abi[01]" entries
               "${symbols}")
  list(LENGTH entries count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "${plugin} exports ${count} entry symbols instead of 1:\n${symbols}")
  endif()

  execute_process(COMMAND ${clean_env} ${prefix}/bin/deneb plugins --plugin ${plugin} --json
                  OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
  check_listed("${listing}" ${plugin})
endforeach()

# The project's pipeline, which looks for the plugin in build/ beside it.
if(EXISTS ${SOURCE}/pipeline.json)
  file(MAKE_DIRECTORY ${build}/run)
  file(COPY ${SOURCE}/pipeline.json DESTINATION ${build}/run)
  file(CREATE_LINK ${build} ${build}/run/build SYMBOLIC)
  execute_process(COMMAND ${clean_env} ${prefix}/bin/deneb run pipeline.json --quiet
                  WORKING_DIRECTORY ${build}/run COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB results ${build}/run/tasks/*/output/nas/output.csv)
  if(NOT results)
    message(FATAL_ERROR "${SOURCE}/pipeline.json left no output.csv below ${build}/run/tasks")
  endif()

  # The same again, killed (timeout comes with the system) and resumed until it ends by itself.
  set(killed ${build}/run/tasks/killed)
  execute_process(
    COMMAND timeout -s KILL 1 ${clean_env} ${prefix}/bin/deneb run pipeline.json --quiet --task-id
            killed WORKING_DIRECTORY ${build}/run RESULT_VARIABLE code)
  if(EXISTS ${killed}/config.resolved.json)
    execute_process(COMMAND timeout -s KILL 1 ${clean_env} ${prefix}/bin/deneb resume ${killed} --quiet
                    WORKING_DIRECTORY ${build}/run RESULT_VARIABLE code)
    execute_process(COMMAND ${clean_env} ${prefix}/bin/deneb resume ${killed} --quiet
                    WORKING_DIRECTORY ${build}/run COMMAND_ERROR_IS_FATAL ANY)
    list(GET results 0 output)
    get_filename_component(undisturbed ${output} DIRECTORY)
    file(GLOB policies RELATIVE ${undisturbed}/policies ${undisturbed}/policies/*.json)
    if(NOT policies)
      message(FATAL_ERROR "no policies in ${undisturbed}")
    endif()
    foreach(policy ${policies})
      execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${undisturbed}/policies/${policy}
                              ${killed}/output/nas/policies/${policy} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
  endif()
endif()

# A program of the project's own: prints the plugin folder of the libdeneb it got, and a greeting.
if(EXISTS ${build}/minimal_host)
  execute_process(COMMAND ${clean_env} ${build}/minimal_host ${build}/minimal_plugin.so
                  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  get_filename_component(expected ${prefix}/${LIBDIR} REALPATH)
  if(NOT output STREQUAL "${expected}/deneb/plugins\nGood morning, Deneb!\n")
    message(FATAL_ERROR "minimal_host printed:\n${output}")
  endif()
endif()
