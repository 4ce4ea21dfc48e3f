#pragma once

#include <deneb/io/files.h>
#include <deneb/nn/network.h>
#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <string>

#include "scratch_folder.h"

namespace plugin_test {

/// Options of a token network that reads a config.json of a few thousand parameters. The file lives
/// as long as the program.
inline nlohmann::json small_options(const std::string& type) {
  static const ScratchFolder folder;
  nlohmann::json config;
  if (type == "Gpt2") {
    config = {{"model_type", "gpt2"}, {"vocab_size", 41}, {"n_embd", 12},
              {"n_layer", 2},         {"n_head", 3},      {"n_positions", 16}};
  } else {
    config = {{"model_type", type == "Bert" ? "bert" : "roberta"},
              {"vocab_size", 41},
              {"hidden_size", 12},
              {"num_hidden_layers", 2},
              {"num_attention_heads", 3},
              {"intermediate_size", 20},
              {"max_position_embeddings", 18}};
  }
  const std::string path = folder / (type + ".json");
  deneb::write_file_atomically(path, config.dump());
  return {{"config", path}, {"max_length", 10}};
}

/// Two samples, the second padded by `padding` from the fourth token on.
inline deneb::Batch padded_batch(const deneb::Network& net, std::int64_t padding) {
  deneb::Batch batch;
  const torch::Tensor first = net.example_batch().input();
  torch::Tensor input = torch::cat({first, first.roll(3, 1)}), mask = torch::ones_like(input);
  input[1].slice(0, 3).fill_(padding);
  mask[1].slice(0, 3).fill_(0);
  batch["input"] = input;
  batch["attention_mask"] = mask;
  return batch;
}

}  // namespace plugin_test
