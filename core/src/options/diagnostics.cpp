#include <deneb/options/config.h>

#include <algorithm>
#include <tuple>

namespace deneb {
namespace {

/// Problems of other files come after those of the document, those of `--set` last.
auto sort_key(const Problem& problem) {
  return std::tie(problem.assigned, problem.file, problem.line);
}

std::string one_line(const Problem& problem, const std::string& document_file) {
  const std::string& file = problem.file.empty() ? document_file : problem.file;
  std::string where;
  if (problem.assigned) {
    where = "--set ";
  } else if (!file.empty()) {
    where = file + (problem.line > 0 ? ":" + std::to_string(problem.line) : "") + ": ";
  }
  return where + (problem.path.empty() ? "" : problem.path + ": ") + problem.message;
}

}  // namespace

void Diagnostics::add(std::string path, std::string message, int line) {
  bool assigned = false;
  std::string file;
  if (line == 0 && document_ != nullptr && document_->lines.count("") != 0) {
    line = document_->line_of(path);
    // A parsed document knows the line of everything that was in the file.
    assigned = line == 0;
    if (!assigned && document_->origin_of(path) != document_->file) {
      file = document_->origin_of(path);
    }
  }
  problems_.push_back({std::move(path), line, std::move(message), assigned, std::move(file)});
}

std::string Diagnostics::text(const std::string& file) const {
  std::vector<const Problem*> sorted;
  for (const Problem& problem : problems_) sorted.push_back(&problem);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Problem* a, const Problem* b) { return sort_key(*a) < sort_key(*b); });
  std::string text;
  for (const Problem* problem : sorted) {
    if (!text.empty()) text += '\n';
    text += one_line(*problem, file);
  }
  return text;
}

void Diagnostics::throw_if_any(const std::string& file) const {
  if (!empty()) throw ConfigError(text(file));
}

}  // namespace deneb
