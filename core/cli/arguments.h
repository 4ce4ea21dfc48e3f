#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cstddef>
#include <string>
#include <vector>

namespace deneb::cli {

using Words = std::vector<std::string>;

/// What `deneb COMMAND --help` shows around the list of options.
struct Usage {
  std::string command;   ///< "run"
  std::string synopsis;  ///< what follows the name: "FILE [options]"
  std::string text;      ///< what the command does, and what each positional argument is
  std::string examples;  ///< one command a line
};

/// Arguments of one command. Every mistake is a ConfigError that names the command and the nearest
/// option.
class Arguments {
 public:
  explicit Arguments(Usage usage);

  /// `name` as in Boost.Program_options: "quiet,q".
  void flag(const char* name, const char* help);
  void value(const char* name, const char* placeholder, const char* help);
  /// May be given several times.
  void values(const char* name, const char* placeholder, const char* help);
  /// Between `min` and `max` positional arguments; `names` says what they are in messages.
  void positionals(std::size_t min, std::size_t max, std::vector<std::string> names);

  /// False after --help, which is printed to standard output.
  bool parse(const Words& words);

  bool has(const std::string& name) const { return map_.count(name) != 0; }
  /// "" when not given.
  std::string text(const std::string& name) const;
  Words list(const std::string& name) const;
  const Words& positionals() const { return positionals_; }

 private:
  [[noreturn]] void fail(const std::string& message) const;
  std::string help_text() const;
  void read(const Words& words);
  void check_positionals() const;

  Usage usage_;
  boost::program_options::options_description options_;
  boost::program_options::variables_map map_;
  std::size_t min_ = 0, max_ = 0;
  std::vector<std::string> names_;
  Words positionals_;
};

}  // namespace deneb::cli
