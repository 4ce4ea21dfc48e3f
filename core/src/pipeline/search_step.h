#pragma once

#include <deneb/pipeline/pipe_step.h>

#include "pipeline/model_options.h"

namespace deneb::detail {

/// Runs a search and leaves policies/<name>.json for the step after it.
class SearchStep final : public PipeStep {
 public:
  using Options = SearchStepOptions;
  explicit SearchStep(const Options& options) : options_(options) {}
  const Options& options() const { return options_; }

  void validate(const ValidationContext& context) const override;
  StepOutlook outlook(const ValidationContext& context) const override;
  std::vector<std::string> takes(const Registry& registry, bool first) const override;
  std::vector<std::string> gives(const Registry& registry) const override;
  void run(RunContext& context) override;

 private:
  void check_split(const std::vector<std::string>& gives) const;
  Options options_;
};

}  // namespace deneb::detail
