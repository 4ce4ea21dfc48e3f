# COIN-OR CBC through its C interface: target Cbc::Cbc. CBC comes without a CMake package, and its
# pkg-config file names all that a static link would need.
find_path(CBC_INCLUDE_DIR coin/Cbc_C_Interface.h)
find_library(CBC_LIBRARY Cbc)
find_library(CBC_SOLVER_LIBRARY CbcSolver)
mark_as_advanced(CBC_INCLUDE_DIR CBC_LIBRARY CBC_SOLVER_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Cbc REQUIRED_VARS CBC_SOLVER_LIBRARY CBC_LIBRARY CBC_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install coinor-libcbc-dev for the solver cbc of LIMPQ")

if(Cbc_FOUND AND NOT TARGET Cbc::Cbc)
  add_library(Cbc::Cbc INTERFACE IMPORTED GLOBAL)
  # Its headers include each other without the folder.
  target_include_directories(Cbc::Cbc INTERFACE ${CBC_INCLUDE_DIR} ${CBC_INCLUDE_DIR}/coin)
  target_link_libraries(Cbc::Cbc INTERFACE ${CBC_SOLVER_LIBRARY} ${CBC_LIBRARY})
endif()
