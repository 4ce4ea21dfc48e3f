#include <cstdlib>

#include "run_program.h"

int main(int argc, char** argv) {
  const int exit_code = deneb::cli::run_program(argc, argv);
#ifndef DENEB_COVERAGE
  // LibTorch takes its operators down one by one, a sixth of the time of a short command.
  std::_Exit(exit_code);
#endif
  return exit_code;
}
