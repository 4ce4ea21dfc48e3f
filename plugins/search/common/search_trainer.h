#pragma once

#include <string>

#include <deneb/search/search_algorithm.h>
#include <deneb/train/trainer_options.h>

namespace deneb::searches {

/// ConfigError when the trainer that a search drives itself, with quantizers in the network, asks
/// for what the step does not have, or for what such a training cannot do. `key`: path of its
/// options. `validates`: does the search have it validate?
void check_search_trainer(const TrainerOptions& trainer, const SearchSetup& setup, bool validates,
                          const std::string& key = "search_algorithm.trainer");

}  // namespace deneb::searches
