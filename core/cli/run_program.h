#pragma once

namespace deneb::cli {

/// The program but for its end: runs the command that the arguments name and returns the exit code.
/// Throws nothing; what fails is printed. Owns the standard streams and the signals of its process.
int run_program(int argc, char** argv);

}  // namespace deneb::cli
