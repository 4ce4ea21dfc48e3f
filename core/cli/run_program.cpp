#include "run_program.h"

#include <deneb/errors.h>
#include <deneb/interrupt.h>
#include <deneb/platform.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <iomanip>
#include <iostream>
#include <sstream>

#include "commands.h"
#include "failure.h"
#include "text.h"

namespace deneb::cli {

const std::vector<Command>& commands() {
  static const std::vector<Command> list = {
      {"run", "run a pipeline file", run_command},
      {"resume", "go on with a task that was stopped, or rerun some of its steps", resume_command},
      {"validate", "check pipeline files without running anything", validate_command},
      {"report", "write the reports of a task again", report_command},
      {"compare", "lay tasks side by side", compare_command},
      {"evaluate", "measure a weights file on a pipeline's data", evaluate_command},
      {"convert", "write weights of PyTorch or Hugging Face as safetensors", convert_command},
      {"inspect", "list a network's layers and what a policy costs", inspect_command},
      {"plugins", "list plugins and what they bring", plugins_command},
      {"describe", "explain the options of a plugin", describe_command},
      {"schema", "write the JSON Schema of pipeline files, for editors", schema_command},
      {"version", "show versions and where plugins are looked for", version_command},
      {"trial-worker", "", trial_worker_command},
  };
  return list;
}

namespace {

std::string help_text() {
  std::ostringstream out;
  out << "usage: deneb COMMAND [arguments]\n\n"
         "Deneb finds a bit-width for every layer of a neural network and trains the quantized\n"
         "network. A JSON file describes the pipeline; a task folder gets everything it makes.\n\n"
         "commands:\n";
  for (const Command& command : commands()) {
    if (*command.summary == '\0') continue;
    out << "  " << std::left << std::setw(10) << command.name << command.summary << "\n";
  }
  out << "\n`deneb COMMAND --help` explains a command. A start:\n"
         "  deneb validate pipelines/demo/digits.json\n"
         "  deneb run pipelines/demo/digits.json\n\n"
         "environment:\n"
         "  DENEB_PLUGIN_PATH  further plugin files and folders, absolute, separated by colons\n"
         "  DENEB_DATA         folder of the datasets (default: ~/.cache/deneb/data)\n"
         "  NO_COLOR           when set, no colors on the terminal\n\n"
         "exit codes: 0 done, 1 the run failed, 2 wrong configuration or arguments, 3 plugin\n"
         "problem, 4 data or weights missing or damaged, 130 and 143 stopped by a signal\n";
  return out.str();
}

int unknown_command(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (*command.summary != '\0') names.push_back(command.name);
  }
  const bool option = name.rfind("-", 0) == 0;
  throw ConfigError(std::string("unknown ") + (option ? "option" : "command") + " '" + name + "'" +
                    suggestion(name, names) + "; `deneb --help` lists the commands");
}

int dispatch(Words words) {
  if (words.empty()) {
    std::cerr << help_text();
    return kExitConfig;
  }
  std::string name = words.front();
  words.erase(words.begin());
  if (name == "--version") name = "version";
  if (name == "help" && !words.empty()) {
    name = words.front();
    words = {"--help"};
  }
  if (name == "--help" || name == "-h" || name == "help") {
    std::cout << help_text();
    return kExitOk;
  }
  for (const Command& command : commands()) {
    if (name == command.name) return command.run(words);
  }
  return unknown_command(name);
}

/// What is opened where a standard stream is closed would get its number, and then its text.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open() takes the lowest number that is free.
    if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != stream) ::_exit(kExitRun);
  }
}

/// A result that could not be written is a failure, unless the reader (`| head`) has had enough.
int flush_output(int exit_code) {
  std::cout.flush();
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  const bool reader_gone = ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
  if (std::cout || reader_gone || exit_code != kExitOk) return exit_code;
  print_failure({"standard output cannot be written; is the disk full?", kExitRun});
  return kExitRun;
}

}  // namespace

int run_program(int argc, char** argv) {
  open_standard_streams();
  tune_allocator();
  install_signal_handlers();
  int exit_code = kExitOk;
  try {
    exit_code = dispatch({argv + (argc > 0), argv + argc});
  } catch (...) {
    const Failure failure = current_failure();
    print_failure(failure);
    exit_code = failure.exit_code;
  }
  return flush_output(exit_code);
}

}  // namespace deneb::cli
