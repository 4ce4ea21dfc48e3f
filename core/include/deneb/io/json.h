#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include <deneb/errors.h>

namespace deneb {

/// JSON of files that programs write: scores, benchmarks, tokenizers, records. As nlohmann's parse
/// without exceptions, so that is_discarded() tells of text that is no JSON, and likewise of values
/// that nest deeper than 100 levels: they are copied and printed by recursion, and a few kilobytes
/// of brackets would end the program. Pipelines and policies are read by read_config().
DENEB_API nlohmann::json parse_json(const std::string& text);
/// The same with the keys in their order, 10 000 of an object at most: they are searched one by
/// one.
DENEB_API nlohmann::ordered_json parse_ordered_json(const std::string& text);

}  // namespace deneb
