#include "search_trainer.h"

namespace deneb::searches {

void check_search_trainer(const TrainerOptions& trainer, const SearchSetup& setup, bool validates,
                          const std::string& key) {
  if (trainer.distillation.weight > 0 && !setup.has_weights()) {
    throw ConfigError(key +
                      ".distillation: the teacher is the float network of `weights`, which is not "
                      "set; set weights, or distillation.weight to 0");
  }
  if (trainer.fold_batch_norms) {
    throw ConfigError(key +
                      ".fold_batch_norms: comes too late, when quantizers are in; set "
                      "trainer.fold_batch_norms of the step, which folds for the search, too");
  }
  if (trainer.keep == "best" && !validates) {
    throw ConfigError(key + ".keep: \"best\" needs validations, and this search has none");
  }
}

}  // namespace deneb::searches
