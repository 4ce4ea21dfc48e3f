#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "genotype.h"

namespace deneb::emq {

/// An evolved proxy as steps hand it on.
struct ProxyFile {
  std::string name;
  Genotype genotype;
  nlohmann::ordered_json provenance;  ///< what it was evolved on, for readers; may be null
};

/// {"format": "deneb-proxy", "version": 1, "name", "genotype": {...}, "formula", "provenance"};
/// name, formula and provenance may be missing, unknown keys are for readers. DataError `file:
/// where: what` for anything else.
ProxyFile read_proxy(const std::string& path);
/// Atomic.
void write_proxy(const std::string& path, const ProxyFile& proxy);

}  // namespace deneb::emq
