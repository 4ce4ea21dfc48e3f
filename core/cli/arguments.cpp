#include "arguments.h"

#include <deneb/errors.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <sstream>

#include "text.h"

namespace deneb::cli {
namespace {

namespace po = boost::program_options;

constexpr unsigned kLineLength = 100;
const char kPositional[] = "arguments";  // where Boost puts what belongs to no option

std::string indented_examples(const std::string& lines) {
  std::istringstream in(lines);
  std::string text;
  for (std::string line; std::getline(in, line);) text += "  " + line + "\n";
  return text;
}

}  // namespace

Arguments::Arguments(Usage usage)
    : usage_(std::move(usage)), options_("options", kLineLength, kLineLength / 2) {
  flag("help,h", "show this text");
}

void Arguments::flag(const char* name, const char* help) { options_.add_options()(name, help); }

void Arguments::value(const char* name, const char* placeholder, const char* help) {
  options_.add_options()(name, po::value<std::string>()->value_name(placeholder), help);
}

void Arguments::values(const char* name, const char* placeholder, const char* help) {
  options_.add_options()(name, po::value<Words>()->composing()->value_name(placeholder), help);
}

void Arguments::positionals(std::size_t min, std::size_t max, std::vector<std::string> names) {
  min_ = min;
  max_ = max;
  names_ = std::move(names);
}

std::string Arguments::text(const std::string& name) const {
  return has(name) ? map_[name].as<std::string>() : "";
}

Words Arguments::list(const std::string& name) const {
  return has(name) ? map_[name].as<Words>() : Words();
}

void Arguments::fail(const std::string& message) const {
  throw ConfigError(usage_.command + ": " + message + "; `deneb " + usage_.command +
                    " --help` shows how");
}

std::string Arguments::help_text() const {
  std::ostringstream out;
  out << "usage: deneb " << usage_.command << " " << usage_.synopsis << "\n\n"
      << usage_.text << "\n\n"
      << options_;
  if (!usage_.examples.empty()) out << "\nexamples:\n" << indented_examples(usage_.examples);
  return out.str();
}

bool Arguments::parse(const Words& words) {
  try {
    read(words);
  } catch (const po::unknown_option& e) {
    std::vector<std::string> known;
    for (const auto& option : options_.options()) {
      known.push_back(option->canonical_display_name(po::command_line_style::allow_long));
    }
    fail("unknown option '" + e.get_option_name() + "'" + suggestion(e.get_option_name(), known));
  } catch (const po::error& e) {
    fail(e.what());
  }
  if (has("help")) {
    std::cout << help_text();
    return false;
  }
  check_positionals();
  return true;
}

void Arguments::read(const Words& words) {
  po::options_description all;
  all.add(options_).add_options()(kPositional, po::value<Words>());
  po::positional_options_description positional;
  positional.add(kPositional, -1);
  // Without guessing: --work would change its meaning with the next option that is added.
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::store(po::command_line_parser(words).options(all).positional(positional).style(style).run(),
            map_);
  positionals_ = list(kPositional);
}

void Arguments::check_positionals() const {
  if (positionals_.size() > max_) {
    fail("unexpected argument '" + positionals_[max_] + "'");
  }
  if (positionals_.size() < min_) fail(names_[positionals_.size()] + " is missing");
}

}  // namespace deneb::cli
