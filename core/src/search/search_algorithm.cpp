#include <deneb/options/config.h>
#include <deneb/search/search_algorithm.h>

namespace deneb {

SearchSetup::~SearchSetup() = default;
bool SearchSetup::has_weights() const { return true; }
SearchContext::~SearchContext() = default;
SearchAlgorithm::~SearchAlgorithm() = default;
void SearchAlgorithm::validate(const SearchSetup&) const {}
std::vector<std::string> SearchAlgorithm::takes() const { return {}; }
std::vector<std::string> SearchAlgorithm::gives() const { return {"policies"}; }
std::string SearchAlgorithm::needs_weights() const { return ""; }

Objective find_measure(const std::vector<Objective>& measures, const std::string& name,
                       const std::string& where) {
  std::vector<std::string> names;
  std::string known;
  for (const Objective& measure : measures) {
    if (measure.name == name) return measure;
    names.push_back(measure.name);
    known += (known.empty() ? "" : ", ") + measure.name;
  }
  const std::string nearest = nearest_name(name, names);
  throw ConfigError(where + ": no metric or cost is named \"" + name + "\"" +
                    (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?") + " (one of " +
                    known + ")");
}

}  // namespace deneb
