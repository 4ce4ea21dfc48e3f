#pragma once

#include <string>
#include <vector>

namespace deneb::reports {

/// What the page says of a metric whose name it knows. Others go by their names.
struct Word {
  std::string name, label;
  std::string less;   ///< of a model that costs less than another: "fewer BitOps"
  std::string about;  ///< for the guide; "" = not there
};

/// All of them; the costs that tell most about a model first.
const std::vector<Word>& words();

/// nullptr for a name that is not known.
const Word* word_of(const std::string& name);

}  // namespace deneb::reports
