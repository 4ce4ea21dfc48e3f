#include "program.h"

#include <deneb/io/files.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "run_program.h"

namespace cli_test {
namespace {

namespace fs = std::filesystem;

// Starting LibTorch takes longer than most commands, so they run in a fork of this process, which
// has done that; not those that start workers, which are the program again.
bool needs_no_start(const Call& call) {
  if (call.own_process) return false;
  static const std::set<std::string> programs_of_their_own = {"run", "resume", "trial-worker"};
  return call.arguments.empty() || programs_of_their_own.count(call.arguments.front()) == 0;
}

[[noreturn]] void become_program(const Call& call, const std::string& out, const std::string& err) {
  const int output = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const int errors = ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (output < 0 || errors < 0 || input < 0) ::_exit(126);
  ::dup2(input, 0);
  ::dup2(output, 1);
  ::dup2(errors, 2);
  if (::chdir(call.directory.c_str()) != 0) ::_exit(126);
  ::unsetenv("DENEB_PLUGIN_PATH");
  for (const std::string& variable : call.environment) {
    const std::size_t at = variable.find('=');
    ::setenv(variable.substr(0, at).c_str(), variable.substr(at + 1).c_str(), 1);
  }
  std::vector<std::string> words = {DENEB_PROGRAM};
  words.insert(words.end(), call.arguments.begin(), call.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (needs_no_start(call)) {
    const int exit_code = deneb::cli::run_program(static_cast<int>(words.size()), argv.data());
#ifdef DENEB_COVERAGE
    std::exit(exit_code);
#endif
    std::_Exit(exit_code);
  }
  ::execv(DENEB_PROGRAM, argv.data());
  ::_exit(127);
}

double seconds(const timeval& time) { return double(time.tv_sec) + 1e-6 * double(time.tv_usec); }

}  // namespace

Folder::Folder() {
  std::string pattern = (fs::temp_directory_path() / "deneb-cli-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = fs::canonical(pattern).string();
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string Folder::file(const std::string& name, const std::string& text) const {
  deneb::write_file_atomically(path_ + "/" + name, text);
  return path_ + "/" + name;
}

Outcome run(const Call& call) {
  const Folder scratch;
  const std::string out = call.output.empty() ? scratch.path() + "/out" : call.output;
  const std::string err = scratch.path() + "/err";
  std::fflush(nullptr);  // the child has the buffers, too
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) become_program(call, out, err);
  int status = 0;
  rusage usage{};
  if (::wait4(child, &status, 0, &usage) != child) throw std::runtime_error("wait4 failed");
  Outcome outcome;
  outcome.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (call.output.empty()) outcome.out = deneb::read_file(out);
  outcome.err = deneb::read_file(err);
  outcome.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return outcome;
}

Outcome run(const std::vector<std::string>& arguments) {
  Call call;
  call.arguments = arguments;
  return run(call);
}

Outcome own_process(const std::vector<std::string>& arguments) {
  Call call;
  call.arguments = arguments;
  call.own_process = true;
  return run(call);
}

std::string train_pipeline(const std::string& extra) {
  return "{\n"
         "  \"pipeline\": [\"train\"],\n"
         "  \"train\": {\n"
         "    \"pipe_step\": {\"type\": \"TrainPipeStep\"},\n"
         "    \"network\": {\"type\": \"ResNetCifar\"},\n"
         "    \"dataset\": {\"type\": \"Cifar10\"}" +
         (extra.empty() ? "" : ",\n    " + extra) +
         "\n  }\n"
         "}\n";
}

std::string search_pipeline() {
  return "{\n"
         "  \"pipeline\": [\"nas\"],\n"
         "  \"nas\": {\n"
         "    \"pipe_step\": {\"type\": \"SearchPipeStep\"},\n"
         "    \"network\": {\"type\": \"ResNetCifar\"},\n"
         "    \"dataset\": {\"type\": \"Cifar10\"},\n"
         "    \"search_algorithm\": {\"type\": \"QuantEA\"},\n"
         "    \"search_space\": {\"bit_candidates\": [2, 4, 8],\n"
         "                     \"overrides\": [{\"layer\": \"*.downsample.0\",\n"
         "                                    \"weight\": \"int8\", \"activation\": \"int8\"}]}\n"
         "  }\n"
         "}\n";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace cli_test
